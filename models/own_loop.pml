/*
 * The wakeup protocol of the library's own loop, beside a loop that the library does not know.
 *
 * Mirrors wake and consume in src/protocol/coalescing.rs and the turn of the loop in
 * libaiocontext/posix/src. Two notifiers, two pollers of the library, and a foreign loop that raises
 * notify_me itself. Each makes any number of calls or turns.
 *
 * Abstractions:
 *   - Stores may be late. A store that its own thread fences before its next load is one step. Where
 *     a planted bug leaves the fence out, the store stays in a buffer that another process empties at
 *     any later time: a notifier's publication, a poller's additions to notify_me and own, its
 *     changes of st. A system call on an eventfd is one step.
 *   - The version in own and the epoch in st never wrap. A notifier compares a value that it read
 *     with the present one, so a bit for each notifier stands for them: has it changed since?
 *   - Any poller may take any work. The foreign loop takes none; it has its own claim to a wakeup for
 *     each notification (news), even where a poller has done the work. A write of E wakes it;
 *     accept.pml has what becomes of E.
 *   - The 10 ms bits of own, the GSource (a poller that adds 1) and the timerfd are left out.
 *
 * Every claim is about a single state or a single step, so it does not rely on any process going on:
 * a process may stop at any step, and a poller leaves by not starting its next turn.
 *
 * Claims:
 *   lost          a poller sleeps, the work of a notifier that has returned is pending, P is empty,
 *                 and no other poller has read P on behalf of that notifier.
 *   foreign_lost  the foreign loop sleeps, and a notifier that has published since its look has
 *                 returned without a write of E.
 *   P             a poller that P has woken leaves it full: one write would wake it again and again.
 *   vain          a poller finds nothing twice in a row, though its looks say that there is work.
 *
 * Planted bugs, and the claim that catches each.
 *   lost          FULL_FIRST: FULL is set before the write. NO_EPOCH. NO_CONS. READ_FIRST: P is read
 *                 before FULL is cleared. LOAD_LATE: st is loaded again after the write. LOOK_FIRST:
 *                 the look at the work comes before consume, also when leaving. NO_F2. NO_F3.
 *   foreign_lost  NO_F1. NO_VERSION. RAISE_OWN_FIRST. LOWER_NOTIFY_ME_FIRST.
 *   P             READ_IF_FULL: P is read only where FULL says so.
 *   vain          COUNTED_FIRST: work is announced before it is published.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */

/* In memory. */
byte work[2]; /* 0, or what has become of it, for the claims: */
#define PENDING 1
#define RELIED 2 /* its notifier has written P, or seen FULL */
#define COVERED 3 /* and then a poller has read P and is to look */
byte notify_me;
byte own; /* the low bits */
bool is_full; /* st */
byte cons; /* st */
bool P;
#ifdef COUNTED_FIRST
bool announced[2];
#endif

/* In store buffers. */
#ifdef NO_F1
bool publishing[2];
#endif
#ifdef NO_F2
byte raising[2];
#endif
#ifdef NO_F3
bool clearing[2], releasing[2];
#endif

/* Whether own, or the epoch of st, has changed since the notifier loaded it. */
bool own_changed[2] = true, epoch_changed[2] = true;

/* For the claims only. */
bool in_call[2];
bool asleep[2];
bool asleep_foreign, news[2];
bool lost, foreign_lost;

#define SOME_WORK (work[0] != 0 || work[1] != 0)
#ifdef COUNTED_FIRST
#define LOOK (announced[0] || announced[1])
#else
#define LOOK SOME_WORK
#endif
#define OWED(n) (!in_call[n] && (work[n] == PENDING || work[n] == RELIED))

inline own_change(value)
{
    own = value;
    own_changed[0] = true;
    own_changed[1] = true
}

inline clear_st()
{
    is_full = false;
    cons++;
#ifndef NO_EPOCH
    epoch_changed[0] = true;
    epoch_changed[1] = true
#endif
}

inline publish(n)
{
    work[n] = PENDING;
    news[n] = asleep_foreign
}

#if defined(NO_F1) || defined(NO_F2) || defined(NO_F3)
proctype Drain(byte me)
{
end:
    do
#ifdef NO_F1
    :: atomic { publishing[me] -> publishing[me] = false; publish(me) }
#endif
#ifdef NO_F2
    :: atomic { raising[me] == 2 -> raising[me] = 1; notify_me = notify_me + 2 }
    :: atomic { raising[me] == 1 -> raising[me] = 0; own_change(own + 2) }
#endif
#ifdef NO_F3
    :: atomic { clearing[me] -> clearing[me] = false; clear_st() }
    :: atomic { !clearing[me] && releasing[me] -> releasing[me] = false; cons-- }
#endif
    od
}
#endif

inline write_P()
{
    d_step {
        P = true;
        work[me] = (work[me] == PENDING -> RELIED : work[me])
    }
}

inline write_E()
{
    d_step { asleep_foreign = false; news[0] = false; news[1] = false }
}

/* Of a st without FULL. With CONS there is no compare-exchange; here it fails. */
inline load_st()
{
#ifdef NO_CONS
    epoch_changed[me] = false
#else
    epoch_changed[me] = (cons != 0)
#endif
}

/* A compare-exchange that succeeds if st is what was loaded. */
inline mark_full()
{
    d_step {
#ifdef NO_EPOCH
        is_full = is_full || (!epoch_changed[me] && cons == 0);
#else
        is_full = is_full || !epoch_changed[me];
#endif
        epoch_changed[me] = true
    }
}

inline wake_own()
{
    atomic {
        if
        :: is_full -> work[me] = (work[me] == PENDING -> RELIED : work[me]); goto done
        :: else -> load_st()
        fi
    };
#ifdef FULL_FIRST
    mark_full();
    write_P()
#else
    write_P();
#ifdef LOAD_LATE
    d_step { load_st(); epoch_changed[me] = epoch_changed[me] || is_full };
#endif
    mark_full()
#endif
}

proctype Notifier(byte me)
{
    byte seen; /* own */
    bool foreign;

    do
    :: true ->
#ifdef COUNTED_FIRST
        announced[me] = true;
#endif
#ifdef NO_F1
        d_step { in_call[me] = true; publishing[me] = true };
#else
        d_step { in_call[me] = true; publish(me) };
#endif
        if
        :: notify_me == 0 -> goto done
        :: else
        fi;
        d_step { seen = own; own_changed[me] = false };
        foreign = (notify_me != seen);
        d_step {
#ifdef NO_VERSION
            foreign = foreign || own != seen;
#else
            foreign = foreign || own_changed[me];
#endif
            seen = (own != 0);
            own_changed[me] = true
        };
        if
        :: foreign -> foreign = false; seen = 1; write_E()
        :: else
        fi;
        if
        :: seen == 0 -> goto done
        :: else -> seen = 0
        fi;
        wake_own();
done:
#ifdef NO_F1
        !publishing[me];
#endif
        in_call[me] = false
    od
}

inline raise_notify_me()
{
    notify_me = notify_me + 2
}

inline raise_own()
{
    d_step { own_change(own + 2) }
}

inline raise()
{
#ifdef NO_F2
    raising[me] = 2
#else
#ifdef RAISE_OWN_FIRST
    raise_own();
    raise_notify_me()
#else
    raise_notify_me();
    raise_own()
#endif
#endif
}

inline lower_notify_me()
{
    notify_me = notify_me - 2
}

inline lower_own()
{
    d_step { own_change(own - 2) }
}

inline lower()
{
#ifdef NO_F2
    raising[me] == 0;
#endif
#ifdef LOWER_NOTIFY_ME_FIRST
    lower_notify_me();
    lower_own()
#else
    lower_own();
    lower_notify_me()
#endif
}

inline empty_P()
{
    d_step {
        work[0] = (P && work[0] == RELIED -> COVERED : work[0]);
        work[1] = (P && work[1] == RELIED -> COVERED : work[1]);
        P = false
    }
}

/* The read, which fails where P is empty. */
inline read_P()
{
    atomic {
#ifdef READ_IF_FULL
        if
        :: was_full -> was_full = false; empty_P()
        :: else
        fi;
#else
        empty_P();
#endif
        assert(!P)
    }
}

inline consume()
{
#ifdef READ_FIRST
    read_P();
#endif
#ifdef NO_F3
    atomic { !releasing[me] -> clearing[me] = true };
#else
#ifdef READ_IF_FULL
    d_step { was_full = is_full; clear_st() };
#else
    d_step { clear_st() };
#endif
#endif
#ifndef READ_FIRST
    read_P();
#endif
#ifdef NO_F3
    releasing[me] = true
#else
    cons--
#endif
}

inline serve()
{
    d_step {
        vain = (!SOME_WORK && LOOK -> vain + 1 : 0);
        assert(vain <= 1);
#ifdef COUNTED_FIRST
        announced[0] = announced[0] && work[0] == 0;
        announced[1] = announced[1] && work[1] == 0;
#endif
        work[0] = 0;
        work[1] = 0
    }
}

proctype Poller(byte me)
{
    bool by_P;
    byte vain;
#ifdef READ_IF_FULL
    bool was_full;
#endif

    do
    :: true ->
        raise();
        asleep[me] = !LOOK;
        /* Woken by P, by another descriptor or by a timer; or the look has found work. */
        d_step { by_P = P; asleep[me] = false };
        lower();
#ifdef LOOK_FIRST
        serve();
#endif
        if
        :: by_P -> by_P = false; consume()
        :: else
        fi;
#ifdef LOOK_FIRST
        d_step {
            work[0] = (work[0] == COVERED -> RELIED : work[0]);
            work[1] = (work[1] == COVERED -> RELIED : work[1])
        }
#else
        serve()
#endif
    od
}

/* A loop that the library does not know. What has been published before its look it has seen. */
proctype Foreign()
{
    do
    :: true ->
        notify_me = notify_me + 2;
        asleep_foreign = true;
        /* Woken by E, or by another descriptor. */
        d_step { asleep_foreign = false; news[0] = false; news[1] = false };
        notify_me = notify_me - 2
    od
}

proctype Monitor()
{
end:
    do
    :: atomic {
           (asleep[0] || asleep[1]) && !P && (OWED(0) || OWED(1)) ->
               lost = true;
               assert(!lost)
       }
    :: atomic {
           (news[0] && !in_call[0]) || (news[1] && !in_call[1]) ->
               foreign_lost = true;
               assert(!foreign_lost)
       }
    od
}

init
{
    atomic {
#if defined(NO_F1) || defined(NO_F2) || defined(NO_F3)
        run Drain(0);
        run Drain(1);
#endif
        run Notifier(0);
        run Notifier(1);
        run Poller(0);
        run Poller(1);
        run Foreign();
        run Monitor()
    }
}
