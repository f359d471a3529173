/*
 * Getting the lock's owner out of a nested poll when another thread waits for the lock.
 *
 * Mirrors the lock (libaiocontext/rfifolock/src/ticket.rs), kick_owner and begin_nested
 * (libaiocontext/wake/src/own_loop.rs), and sleep and has_new_waiter (libaiocontext/posix/src). Three threads
 * take the lock, poll nested while they own it, and give it up, any number of times. Another poller
 * shares the event P and empties it without the lock, as GLib's check does.
 *
 * Abstractions:
 *   - A poll that gives the lock up is a release and an acquire here.
 *   - A store that its own thread fences before its next load is one step; without the fence it stays
 *     in a buffer. The lock's mutex, and a system call on an eventfd, are one step each.
 *   - head and tail are taken modulo 4: three threads never have more tickets. The whole word never
 *     has an earlier value again, so told is a bit: is the word still what it was when the owner was
 *     last told?
 *   - The owner's poll may return at any time, for a descriptor or a timer, and need not sleep at all.
 *
 * Every claim is about a single state or a single step: a thread may stop at any step.
 *
 * Claims:
 *   lost  the owner sleeps in a nested poll, K and P are empty, and a thread has called the lock's
 *         callback and waits, of which no poll of this owner's has returned to tell.
 *   vain  since the last thread came, and since the lock changed hands, the owner gives up at most
 *         one sleep.
 *
 * Planted bugs, and the claim that catches each.
 *   lost  KICK_BY_P: a waiter fills P, which another poller empties. NO_FENCE between nested and the
 *         look. KICK_FIRST: the callback is called before the ticket is taken. TAIL_ONLY: told is
 *         compared with tail, not with head and tail: it outlives the owner that was told.
 *         LOOK_FIRST: a poll that K has woken looks, then empties K, and sleeps on.
 *         TOLD_AWAKE: a poll that does not sleep anyway counts as told.
 *   vain  NEVER_SLEEP: no sleep while somebody waits. NO_LOOK: a poll that K has woken returns
 *         without a look whether the owner has been told already.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */

#define USERS 3

/* In memory. */
byte head, tail;
bool told;
bool nested;
bool K, P;
bool waiting[USERS]; /* on the lock's condition variable */

#ifdef NO_FENCE
bool raising; /* nested, in its store buffer */
#endif

/* For the claims only. */
bool asleep;
bool called[USERS]; /* waits, and has called the callback */
bool known[USERS];  /* a poll of this owner's returns or has returned to tell of it */
byte given_up;
bool lost;

#define NEXT(n) ((n + 1) % 4)
#define SOMEBODY_WAITS (head != tail && NEXT(head) != tail)
#define UNKNOWN(n) (called[n] && !known[n])

/* The contention callback. */
inline kick()
{
    if
#ifdef KICK_BY_P
    :: nested -> P = true
#else
    :: nested -> K = true
#endif
    :: else
    fi
}

inline take_ticket()
{
    d_step {
        ticket = tail;
        tail = NEXT(tail);
        told = false;
        given_up = 0;
        served = (ticket == head)
    }
}

inline lock()
{
#ifdef KICK_FIRST
    if
    :: head != tail -> kick()
    :: else
    fi;
#endif
    take_ticket();
    do
    :: served -> break
    :: else ->
#ifndef KICK_FIRST
        kick();
#endif
        d_step { served = (ticket == head); waiting[me] = !served; called[me] = !served };
        !waiting[me];
        served = (ticket == head)
    od;
    ticket = 0;
    served = false
}

/* In one step: a thread either finds the lock free or is woken. */
inline unlock()
{
    d_step {
        head = NEXT(head);
#ifndef TAIL_ONLY
        told = false;
#endif
        given_up = 0;
        waiting[0] = false;
        waiting[1] = false;
        waiting[2] = false;
        called[0] = false;
        called[1] = false;
        called[2] = false;
        known[0] = false;
        known[1] = false;
        known[2] = false
    }
}

/* Whether somebody waits of whom the owner has not been told. Then the poll returns. */
inline look()
{
    d_step {
#ifdef NEVER_SLEEP
        is_new = SOMEBODY_WAITS;
#else
        is_new = SOMEBODY_WAITS && !told;
#endif
        told = true;
        if
        :: is_new -> give_up()
        :: else
        fi
    }
}

inline give_up()
{
    given_up++;
    assert(given_up <= 1);
    known[0] = true;
    known[1] = true;
    known[2] = true
}

inline nested_poll()
{
#ifdef NO_FENCE
    raising = true;
#else
    nested = true;
#endif
    if
    :: /* A timer is due, or a bottom half is pending. */
#ifdef TOLD_AWAKE
        told = true;
#endif
        is_new = true
    :: look()
    fi;
    do
    :: is_new -> break
    :: else ->
        asleep = true;
        /* Woken by K, by P, by another descriptor or by a timer. */
        d_step { asleep = false; kicked = K };
        if
        :: kicked ->
            kicked = false;
#ifdef NO_LOOK
            d_step { K = false; told = true; give_up() };
            break
#elif defined(LOOK_FIRST)
            look();
            K = false
#else
            K = false;
            look()
#endif
        :: else -> break
        fi
    od;
    is_new = false;
#ifdef NO_FENCE
    d_step { raising = false; nested = false }
#else
    nested = false
#endif
}

proctype User(byte me)
{
    byte ticket;
    bool served, is_new, kicked;

    do
    :: true ->
        lock();
        do
        :: true -> nested_poll()
        :: true -> break
        od;
        unlock()
    od
}

/* Notifications, and another poller that answers them. */
proctype Others()
{
end:
    do
    :: P -> P = false
#ifndef KICK_BY_P
    :: !P -> P = true
#endif
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

proctype Monitor()
{
end:
    do
    :: atomic {
           asleep && !K && !P && (UNKNOWN(0) || UNKNOWN(1) || UNKNOWN(2)) ->
               lost = true;
               assert(!lost)
       }
    od
}

init
{
    atomic {
#ifdef NO_FENCE
        run Drain();
#endif
        run User(0);
        run User(1);
        run User(2);
        run Others();
        run Monitor()
    }
}
