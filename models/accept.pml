/*
 * The public event E: who fills it, who empties it, where the loop is not the library's.
 *
 * Mirrors wake_foreign, accept and take in src/protocol/coalescing.rs. Two notifiers and two foreign
 * loops on one context. Each makes any number of calls or turns; each turn ends with
 * aio_notify_accept or with the program's own event_notifier_test_and_clear.
 *
 * Abstractions: memory is sequentially consistent; own_loop.pml has the fences. That the notifier
 * finds the loop is own_loop.pml's matter too: here it sees notify_me as it is. A system call on an
 * eventfd is one step. busy counts the notifiers between announcing a write of E and having set
 * notified, and the accepts between announcing a read of E and having read it.
 *
 * Every claim is about a single state or a single step: a process may stop at any step.
 *
 * Claims:
 *   lost       a loop sleeps, the work of a notifier that has returned is pending, E is empty, and
 *              no other loop has read E on behalf of that notifier.
 *   vain       a loop returns twice in a row for a full E with nothing to do and no new write.
 *   left_full  all are at rest, E is full, and accept would not empty it.
 *
 * Planted bugs, and the claim that catches each. vain: BY_FLAG (accept trusts notified alone),
 * COUNTED_SHORT (busy is lowered before notified is set), ACCEPT_UNCOUNTED (an accept that stops
 * before its read makes the other loop spin). left_full: FLAG_FIRST (notified is set before the
 * write, not after), READS_FIRST (accept reads E before it clears notified). lost: SHARED (no write
 * where notified is set).
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */

byte work[2]; /* 0, or what has become of it, for the claims: */
#define PENDING 1
#define RELIED 2 /* its notifier has written E */
#define COVERED 3 /* and then a loop has read E and is to look */
byte notify_me;
bool E;
bool notified;
byte busy;

/* For the claims only. */
bool in_call[2], accepting[2];
bool asleep[2];
bool fresh[2]; /* E has been written since the loop last returned */
bool lost, left_full;

#define SOME_WORK (work[0] != 0 || work[1] != 0)
#define OWED(n) (!in_call[n] && (work[n] == PENDING || work[n] == RELIED))
#define AT_REST (!in_call[0] && !in_call[1] && !accepting[0] && !accepting[1])

inline write_E()
{
    d_step {
        E = true;
        fresh[0] = true;
        fresh[1] = true;
        work[me] = (work[me] == PENDING -> RELIED : work[me])
    }
}

inline read_E()
{
    d_step {
        work[0] = (E && work[0] == RELIED -> COVERED : work[0]);
        work[1] = (E && work[1] == RELIED -> COVERED : work[1]);
        E = false
    }
}

inline wake()
{
#ifdef SHARED
    atomic {
        if
        :: notified -> goto done
        :: else -> notified = true
        fi
    };
    write_E()
#else
    busy++;
#ifdef FLAG_FIRST
    notified = true;
#endif
    write_E();
#ifdef COUNTED_SHORT
    busy--;
#endif
#ifndef FLAG_FIRST
    notified = true;
#endif
#ifndef COUNTED_SHORT
    busy--
#endif
#endif
}

proctype Notifier(byte me)
{
    do
    :: true ->
        d_step { in_call[me] = true; work[me] = PENDING };
        if
        :: notify_me != 0 -> wake()
        :: else
        fi;
done:
        in_call[me] = false
    od
}

/* busy first: a notifier that has lowered it has set notified. */
inline accept()
{
#ifndef BY_FLAG
    must_read = (busy != 0);
#endif
    must_read = must_read || notified;
    if
    :: must_read ->
        must_read = false;
#if defined(BY_FLAG) || defined(ACCEPT_UNCOUNTED)
        notified = false;
        read_E()
#else
        busy++;
#ifdef READS_FIRST
        read_E();
        notified = false;
#else
        notified = false;
        read_E();
#endif
        busy--
#endif
    :: else
    fi
}

proctype Loop(byte me)
{
    bool must_read, stale;
    byte vain;

    do
    :: true ->
        notify_me = notify_me + 2;
        asleep[me] = !SOME_WORK;
        /* Woken by E, or by another descriptor; or the look has found work. */
        d_step { stale = E && !fresh[me]; fresh[me] = false; asleep[me] = false };
        d_step { notify_me = notify_me - 2; accepting[me] = true };
        if
        :: true -> accept()
        :: true -> read_E()
        fi;
        d_step {
            vain = (stale && !SOME_WORK -> vain + 1 : 0);
            assert(vain <= 1);
            work[0] = 0;
            work[1] = 0;
            stale = false;
            accepting[me] = false
        }
    od
}

proctype Monitor()
{
end:
    do
    :: atomic {
           (asleep[0] || asleep[1]) && !E && (OWED(0) || OWED(1)) -> lost = true; assert(!lost)
       }
    :: atomic {
           AT_REST && E && !notified && busy == 0 ->
               left_full = true;
               assert(!left_full)
       }
    od
}

init
{
    atomic {
        run Notifier(0);
        run Notifier(1);
        run Loop(0);
        run Loop(1);
        run Monitor()
    }
}
