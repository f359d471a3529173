/*
 * A poller takes a wakeup, and others sleep on with a timeout from before.
 *
 * Mirrors consume, leave and hand_over in libaiocontext/posix/src (announce.rs, leave.rs), and
 * libaiocontext/posix/src/handover.rs. Three pollers, each of which may stop for good in any turn, or
 * leave for good after any, and two timers, which anybody may arm and delete at any time. Timer 1 is
 * due before timer 2. The turns of the third poller are of one step.
 *
 * Abstractions:
 *   - No clock: a poller may return at any time, for a descriptor, or for its timeout; T, the timer
 *     descriptor, may go off at any time. A deadline is SOON, 1 or 2, or 3 for never.
 *   - Memory is sequentially consistent, and a notification that finds a sleeper fills P; own_loop.pml
 *     has the rest of that. P and T wake all who sleep.
 *   - Pollers leave without the context's lock, as GLib's loop does.
 *   - relied_on never wraps. A leaver compares the value that it read with the present one, so a bit
 *     for each stands for it: has anybody relied on T since?
 *
 * Every claim is about a single state or a single step: a thread may stop at any step.
 *
 * Claim:
 *   lost  a timer is armed, its arming has returned, all who sleep have later timeouts, and nothing
 *         that is pending wakes them in time (P, or T, full or set early enough). Except that a poller
 *         stands between its read of P and the setting of T, or that whoever sets T just now has been
 *         asked to.
 *
 * Planted bugs, all caught by it: NO_SOON: who takes P sets no timer. EMPTIED: who takes T empties it
 * instead. NO_CHECK: a leaver does not look whether another relies on T. NOT_SAID: a poller that finds
 * T set soon enough does not say that it relies on it. LATE_MARK: a leaver looks whether another relies
 * on T before it marks T as not set. COMPUTED_FIRST: it computes what is left before it looks first.
 * RAISED_LATE: a poller computes its timeout before it raises notify_me. UNANSWERED: who holds the lock
 * does not look whether it was wanted.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */

#define POLLERS 3
#define SOON 0
#define NEVER 3

/* In memory. */
bool armed[3]; /* by deadline */
byte own;
byte due = NEVER; /* T as it has been set, while it is */
bool relied_since[POLLERS]; /* relied_on is not what the leaver loaded */
bool wanted, locked;

/* In the kernel. */
bool P, T;
byte T_at = NEVER;

/* For the claim only. */
bool arming[3];
bool relies; /* timer 2 was armed behind timer 1, whose arming has not returned */
bool asleep[POLLERS];
byte timeout_of[POLLERS]; /* of those who sleep */
bool on_1[POLLERS], on_2[POLLERS]; /* has taken P for the timer, and has yet to set T */
bool will_answer[2]; /* has the lock, or has just let go of it */
bool lost;

#define FIRST (armed[1] -> 1 : (armed[2] -> 2 : NEVER))
#define LEFT (own != 0 -> FIRST : NEVER)
#define IN_TIME(n, d) (asleep[n] && timeout_of[n] <= d)
#define SOMEBODY_SLEEPS (asleep[0] || asleep[1] || asleep[2])
/* What has gone off is due by now. */
#define IS_DUE_SOON (due == SOON || (due != NEVER && T_at == NEVER))

inline said()
{
    relied_since[0] = true;
    relied_since[1] = true;
    relied_since[2] = true
}

inline set_T(when)
{
    T_at = when;
    T = false;
    due = when
}

inline unlock()
{
    locked = false
}

/* Also who has just unlocked. */
inline answer()
{
    do
    :: atomic { wanted && !locked -> locked = true; will_answer[me] = true };
        d_step {
            if
            :: wanted && !IS_DUE_SOON -> set_T(SOON)
            :: else
            fi;
            wanted = false
        };
        unlock()
    :: else -> break
    od;
    will_answer[me] = false
}

inline wake_soon()
{
#ifndef NOT_SAID
    d_step { said() };
#endif
    if
    :: IS_DUE_SOON
    :: else ->
#ifdef NOT_SAID
        d_step { said() };
#endif
        wanted = true;
        answer()
    fi
}

/* Sets T to what is left. */
inline set()
{
#ifdef COMPUTED_FIRST
    left = LEFT;
    relied_since[me] = false;
#else
    relied_since[me] = false;
    left = LEFT;
#endif
    if
    :: left == NEVER && due == NEVER
    :: else ->
        atomic { !locked -> locked = true; will_answer[me] = true };
#ifdef LATE_MARK
        stale = relied_since[me];
        d_step { was = due; due = NEVER };
#else
        d_step { was = due; due = NEVER };
        stale = relied_since[me];
#endif
#ifdef NO_CHECK
        stale = false;
#endif
        d_step {
            if
            :: stale -> left = SOON
            :: else
            fi;
            if
            :: left == was -> due = was
            :: else -> set_T(left)
            fi;
            left = 0;
            was = 0;
            stale = false
        };
        unlock();
#ifdef UNANSWERED
        will_answer[me] = false
#else
        answer()
#endif
    fi
}

proctype Poller(byte me)
{
    byte left, was;
    bool by_P, by_T, stale;

    do
    :: true ->
#ifdef RAISED_LATE
        d_step { timeout_of[me] = FIRST; asleep[me] = true };
        own++;
#else
        own++;
        d_step { timeout_of[me] = FIRST; asleep[me] = true };
#endif
        /* Woken by P, by T, by the timeout or by another descriptor. */
        d_step {
            by_P = P;
            by_T = T;
            asleep[me] = false;
            timeout_of[me] = 0;
            own--
        };
        if
        :: by_T ->
            d_step { said() };
            atomic { !locked -> locked = true; will_answer[me] = true };
            d_step {
                if
                :: due != NEVER && T_at == NEVER ->
#ifdef EMPTIED
                    set_T(NEVER)
#else
                    set_T(SOON)
#endif
                :: else
                fi;
                by_T = false
            };
            unlock();
            answer()
        :: else
        fi;
        /* Empties it, if it is still full: it sees the timers that are armed by now. */
        d_step {
            on_1[me] = by_P && P && armed[1] && !arming[1];
            on_2[me] = by_P && P && armed[2] && !arming[2];
            P = P && !by_P
        };
#ifndef NO_SOON
        if
        :: by_P && own != 0 -> wake_soon()
        :: else
        fi;
#endif
        /* Here it may run something that takes long. */
        d_step { on_1[me] = false; on_2[me] = false; by_P = false };
        if
        :: own != 0 || due != NEVER -> set()
        :: else
        fi;
        d_step { left = 0; was = 0; relied_since[me] = true }
    od
}

inline no_longer_on(n)
{
    on_1[n] = on_1[n] && me == 2;
    on_2[n] = on_2[n] && me == 1
}

inline returned()
{
    is_first = false;
    arming[me] = false;
    relies = relies && arming[1]
}

/* A third poller, whose turn is one step. */
proctype Another(byte me)
{
    byte left;

    do
    :: d_step { !asleep[me] -> own++; timeout_of[me] = FIRST; asleep[me] = true }
    :: d_step {
           asleep[me] && !locked ->
               asleep[me] = false;
               timeout_of[me] = 0;
               own--;
               if
               :: P || T -> said()
               :: else
               fi;
               P = false;
               if
               :: own != 0 || due != NEVER ->
                   left = LEFT;
                   set_T(left);
                   left = 0
               :: else
               fi
       }
    od
}

/* Notifies if it becomes the first. It is deleted by whoever runs it, too. */
proctype Timer(byte me)
{
    bool is_first;

    do
    :: d_step {
           armed[me] ->
               armed[me] = false;
               relies = relies && me == 1;
               no_longer_on(0);
               no_longer_on(1);
               no_longer_on(2)
       }
    :: !armed[me] ->
        d_step {
            is_first = FIRST > me;
            armed[me] = true;
            arming[me] = is_first;
            relies = relies || (!is_first && arming[1]);
            on_2[0] = (!is_first && on_1[0]) || on_2[0];
            on_2[1] = (!is_first && on_1[1]) || on_2[1];
            on_2[2] = (!is_first && on_1[2]) || on_2[2]
        };
        if
        :: is_first && own != 0 -> d_step { P = true; returned() }
        :: else -> d_step { returned() }
        fi
    od
}

proctype T_goes_off()
{
end:
    do
    :: atomic { T_at != NEVER -> T_at = NEVER; T = true }
    od
}

#define WAITS(d) (armed[d] && !arming[d] && !P && !T && T_at > d && SOMEBODY_SLEEPS && \
    !(wanted && (will_answer[0] || will_answer[1])) && \
    !IN_TIME(0, d) && !IN_TIME(1, d) && !IN_TIME(2, d))

proctype Monitor()
{
end:
    do
    :: atomic {
           (WAITS(1) && !on_1[0] && !on_1[1] && !on_1[2]) ||
           (WAITS(2) && !relies && !on_2[0] && !on_2[1] && !on_2[2]) ->
               lost = true;
               assert(!lost)
       }
    od
}

init
{
    atomic {
        run Poller(0);
        run Poller(1);
        run Another(2);
        run Timer(1);
        run Timer(2);
        run T_goes_off();
        run Monitor()
    }
}
