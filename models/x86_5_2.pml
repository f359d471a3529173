/*
 * The protocol of QEMU 5.2 and later on x86, where an exchange is all the barrier that there is: no
 * fence stands behind it.
 *
 * The model of x86 is that of its manuals (x86-TSO): each thread has a store buffer, first in first out,
 * which memory takes from at any later time; a load sees memory, for no thread here loads what it has
 * in its own buffer. A locked instruction waits until the buffer is empty, and then reads and writes
 * memory at once. The loop is the program's, which has a full barrier behind its raise.
 *
 * Two notifiers with two requests each, a home loop, and with it a GSource that the same thread polls
 * now and then.
 *
 * Claims:
 *   LOST  a request is served while its notifier waits for that: no invalid end state.
 *   SPIN  with no notifier on its way, a loop that finds nothing to do is woken at most twice in
 *         a row: by a flag and an event that were left behind.
 *
 * Planted bugs, and the claim that catches each: PLAIN_NOTIFY (a store in the place of the exchange in
 * aio_notify), PLAIN_ACCEPT (the same in aio_notify_accept), EXCHANGE_FIRST (the exchange before the
 * work), NO_LOOP_FENCE, NO_RECHECK (LOST); NO_CLEAR (SPIN).
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */

#define NOTIFIERS 2
#define REQUESTS 2
#define HOME NOTIFIERS

/* Where a store goes. */
mtype = { WORK0, WORK1, NOTIFIED, NOTIFY_ME }

/* In memory. */
bool work[NOTIFIERS];
bool notified;
bool event;
byte notify_me;

/* The store buffers: of each notifier, and of the loop. */
chan buffer[3] = [3] of { mtype, byte };

/* For the claims only. */
byte notifying;
byte finished;
byte idle;

#define SOME_WORK (work[0] || work[1])
#define AT_REST (notifying == 0 && empty(buffer[0]) && empty(buffer[1]))

inline land(thread)
{
    atomic {
        buffer[thread]?where, value;
        if
        :: where == WORK0 -> work[0] = value
        :: where == WORK1 -> work[1] = value
        :: where == NOTIFIED -> notified = value
        :: where == NOTIFY_ME -> notify_me = value
        fi
    }
}

/* Memory takes what the buffers hold. */
active proctype Memory()
{
    mtype where;
    byte value;

end:
    do
    :: land(0)
    :: land(1)
    :: land(HOME)
    od
}

/* A locked instruction. */
inline exchange_notified(thread, new)
{
    atomic { empty(buffer[thread]) -> notified = new }
}

proctype Notifier(byte me)
{
    byte requests = 0;

    do
    :: requests < REQUESTS ->
#ifdef EXCHANGE_FIRST
        exchange_notified(me, true);
#endif
        atomic { buffer[me]!(me == 0 -> WORK0 : WORK1), true; notifying++ };
#ifdef PLAIN_NOTIFY
        buffer[me]!NOTIFIED, true;
#else
#ifndef EXCHANGE_FIRST
        exchange_notified(me, true);
#endif
#endif
        if
        :: notify_me != 0 -> event = true
        :: else
        fi;
        atomic { notifying--; idle = 0 };
        /* Served: neither in the buffer nor in memory any more. */
        empty(buffer[me]) && !work[me];
        requests++
    :: else -> break
    od;
    finished++
}

inline raise(value)
{
    buffer[HOME]!NOTIFY_ME, value;
#ifndef NO_LOOP_FENCE
    empty(buffer[HOME])
#endif
}

inline serve()
{
    atomic { work[0] = false; work[1] = false }
}

/* Behind poll: lower notify_me, accept, dispatch. */
inline wake(raised)
{
    if
    :: raised -> buffer[HOME]!NOTIFY_ME, 0
    :: else
    fi;
#ifndef NO_CLEAR
#ifdef PLAIN_ACCEPT
    buffer[HOME]!NOTIFIED, false;
#else
    exchange_notified(HOME, false);
#endif
#endif
    /* A system call, if the event is full, is no barrier that the protocol counts on. */
    event = false;
    serve()
}

proctype Home()
{
    bool found, raised, source;

    do
    :: true ->
        if
        :: source = false;
            /* aio_poll */
            found = SOME_WORK;
            raised = !found;
            if
            :: found
            :: else ->
                raise(2);
#ifndef NO_RECHECK
                found = notified
#endif
            fi
        :: source = true;
            /* The GSource: it chooses its timeout behind the raise, and no look at the flag. */
            raised = true;
            raise(1);
            found = SOME_WORK
        fi;
        if
        :: found
        :: !found && event
        :: !found && !event && finished == NOTIFIERS && !source -> break
        :: !found && !event && source /* the GLib loop's other sources */
        fi;
        atomic {
            if
            :: AT_REST && !SOME_WORK && !source -> idle++; assert(idle <= 2)
            :: source
            :: else -> idle = 0
            fi
        };
        wake(raised)
    od
}

init
{
    atomic {
        run Notifier(0);
        run Notifier(1);
        run Home()
    }
}
