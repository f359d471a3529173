/*
 * Replacing an epoll set under its number while others sleep on it.
 *
 * Mirrors renew, wake_all_on and wake_who_polls in libaiocontext/posix/src/watch/renewal.rs. One
 * thread renews the set any number of times. Four sleep, any number of times each: two in epoll_wait,
 * the lock's owner in a nested poll, and GLib. Each that P has woken may empty it.
 *
 * How the kernel has it:
 *   - epoll_wait takes the file of the number once, and sleeps on that.
 *   - poll sleeps on the file that it took first, too. When that file wakes it, it takes the file of
 *     the number anew, and returns only if that one is ready.
 *   - An eventfd that is watched for EPOLLOUT makes a file ready for good, for all who sleep on it or
 *     come to.
 *
 * Abstractions: each sleeper knows of its own file whether the number has left it, and whether it is
 * ready for good; so there may be any number of files. Handlers are left out: a sleeper on a file that
 * the number has left misses those that are set afterwards. A system call is one step, and none fails:
 * without a second number for the old file the code does as WAKE_FIRST.
 *
 * Every claim is about a single state or a single step: a thread may stop at any step. A sleeper may
 * return at any time.
 *
 * Claims:
 *   left_behind  nobody renews, and a sleeper sleeps on a file that the number has left, with nothing
 *                pending that gets it off.
 *   deaf         P is full, and a sleeper sleeps on a file without P.
 *   vain         a sleeper returns for a file that is ready for good, though the number still stands
 *                for it, twice in a row.
 *
 * Planted bugs, and the claim that catches each.
 *   left_behind  NO_WAKE: the old file is only replaced. WAKE_BY_P: P is filled instead, which others
 *                empty. NO_KICK: the nested poll is not woken. NO_GLIB: GLib is not. KICK_FIRST: both
 *                are woken before the set is replaced. NO_FENCE between nested and the poll.
 *   deaf         P_LATE: P is put into the new file after that has got the number.
 *   vain         WAKE_FIRST: the old file is made ready before it is replaced.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */

/* Sleepers: 0 and 1 are in epoll_wait. */
#define NESTED 2
#define GLIB 3
#define SLEEPERS 4

bool P;
bool K;      /* wakes the nested poll */
bool wakeup; /* GLib's own */
bool nested;

/* The file of the number. */
bool now_ready;       /* for good */
bool now_has_P = true;

/* The file that each sleeps on. */
bool left[SLEEPERS]; /* the number has left it */
bool ready[SLEEPERS];
bool has_P[SLEEPERS];

#ifdef NO_FENCE
bool raising; /* nested, in its store buffer */
#endif

/* For the claims only. */
bool asleep[SLEEPERS];
bool renewing;
bool left_behind, deaf;

inline replace()
{
    d_step {
        left[0] = true;
        left[1] = true;
        left[NESTED] = true;
        left[GLIB] = true;
        now_ready = false;
#ifdef P_LATE
        now_has_P = false
#endif
    }
}

/* The old file, which has a number of its own; or the file of the number. */
inline make_ready(is_old)
{
    d_step {
        now_ready = now_ready || !is_old;
        ready[0] = ready[0] || left[0] == is_old;
        ready[1] = ready[1] || left[1] == is_old;
        ready[NESTED] = ready[NESTED] || left[NESTED] == is_old;
        ready[GLIB] = ready[GLIB] || left[GLIB] == is_old
    }
}

inline wake_who_polls()
{
#ifndef NO_KICK
    if
    :: nested -> K = true
    :: else
    fi;
#endif
#ifndef NO_GLIB
    wakeup = true
#endif
}

proctype Renewer()
{
    do
    :: true ->
        renewing = true;
#ifdef WAKE_FIRST
        make_ready(false);
#endif
#ifdef KICK_FIRST
        wake_who_polls();
#endif
        replace();
#ifdef WAKE_BY_P
        P = true;
#endif
#if !defined(WAKE_FIRST) && !defined(NO_WAKE) && !defined(WAKE_BY_P)
        make_ready(true);
#endif
#ifdef P_LATE
        d_step {
            now_has_P = true;
            has_P[0] = has_P[0] || !left[0];
            has_P[1] = has_P[1] || !left[1];
            has_P[NESTED] = has_P[NESTED] || !left[NESTED];
            has_P[GLIB] = has_P[GLIB] || !left[GLIB]
        };
#endif
#ifndef KICK_FIRST
        wake_who_polls();
#endif
        renewing = false
    od
}

inline sleep()
{
    d_step {
        left[me] = false;
        ready[me] = now_ready;
        has_P[me] = now_has_P;
        asleep[me] = true
    }
}

/* Woken by what it sleeps on, by a descriptor or by a timer. */
inline wake()
{
    d_step {
        vain = (ready[me] && !left[me] -> vain + 1 : 0);
        assert(vain <= 1);
        by_P = P && has_P[me];
        asleep[me] = false;
        left[me] = false;
        ready[me] = false;
        has_P[me] = false
    };
    if
    :: by_P -> by_P = false; P = false
    :: true -> by_P = false
    fi
}

proctype Waiter(byte me)
{
    bool by_P;
    byte vain;

    do
    :: true ->
        sleep();
        wake()
    od
}

proctype Nested(byte me)
{
    bool by_P;
    byte vain;

    do
    :: true ->
#ifdef NO_FENCE
        raising = true;
#else
        nested = true;
#endif
        sleep();
        wake();
#ifdef NO_FENCE
        d_step { raising = false; nested = false };
#else
        nested = false;
#endif
        K = false
    od
}

proctype Glib(byte me)
{
    bool by_P;
    byte vain;

    do
    :: true ->
        sleep();
        wake();
        wakeup = false
    od
}

proctype Notifier()
{
end:
    do
    :: !P -> P = true
    od
}

#ifdef NO_FENCE
proctype Drain()
{
end:
    do
    :: atomic { raising -> raising = false; nested = true }
    od
}
#endif

/* P is in the old file as well. It gets all off, poll too: the file of the number has it. */
#define BEHIND(n) (asleep[n] && left[n] && !P)
#define DEAF(n) (asleep[n] && !has_P[n] && P)

proctype Monitor()
{
end:
    do
    :: atomic {
           !renewing && ((BEHIND(0) && !ready[0]) || (BEHIND(1) && !ready[1]) ||
                         (BEHIND(NESTED) && !K) || (BEHIND(GLIB) && !wakeup)) ->
               left_behind = true;
               assert(!left_behind)
       }
    :: atomic {
           DEAF(0) || DEAF(1) || DEAF(NESTED) || DEAF(GLIB) ->
               deaf = true;
               assert(!deaf)
       }
    od
}

init
{
    atomic {
#ifdef NO_FENCE
        run Drain();
#endif
        run Renewer();
        run Waiter(0);
        run Waiter(1);
        run Nested(NESTED);
        run Glib(GLIB);
        run Notifier();
        run Monitor()
    }
}
