/*
 * The notify_me handshake: who sees whom, with store buffers.
 *
 * Two notifiers with two requests each, a lasting poller, a temporary poller that polls once, and
 * a GSource (bit 0 of notify_me). Stores go through a buffer that another process empties at any
 * later time, and so does the addition to notify_me: an atomic addition does not keep the loads
 * behind it from being executed first (on aarch64 it really does not). Only a full fence waits for
 * the buffer. The event is abstract here: one bit, emptied by every accept; event.pml has the rest.
 *
 * Claim: no wakeup is lost. A notifier goes on only when its request has been served, so a lost
 * wakeup is a state in which nobody can move: an invalid end state.
 *
 * Planted bugs, each to be caught: NO_NOTIFIER_FENCE, NO_POLLER_FENCE, RAISE_AFTER_LOOK.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */

#define NOTIFIERS 2
#define REQUESTS 2
#define POLLERS 3 /* lasting, temporary, GSource */
#define LASTING 0
#define TEMPORARY 1
#define GSOURCE 2

/* In memory. */
bool work[NOTIFIERS];
byte notify_me;
bool event;

/* In store buffers: a notifier's work, a poller's addition to notify_me. */
bool work_buffered[NOTIFIERS];
byte raise_buffered[POLLERS];

byte finished;

#define SOME_WORK (work[0] || work[1])
#define SHARE(p) ((p) == GSOURCE -> 1 : 2)

proctype Drain()
{
end:
    do
    :: atomic { work_buffered[0] -> work[0] = true; work_buffered[0] = false }
    :: atomic { work_buffered[1] -> work[1] = true; work_buffered[1] = false }
    :: atomic { raise_buffered[0] > 0 -> notify_me = notify_me + raise_buffered[0]; raise_buffered[0] = 0 }
    :: atomic { raise_buffered[1] > 0 -> notify_me = notify_me + raise_buffered[1]; raise_buffered[1] = 0 }
    :: atomic { raise_buffered[2] > 0 -> notify_me = notify_me + raise_buffered[2]; raise_buffered[2] = 0 }
    od
}

proctype Notifier(byte me)
{
    byte requests = 0;

    do
    :: requests < REQUESTS ->
        work_buffered[me] = true;
#ifndef NO_NOTIFIER_FENCE
        !work_buffered[me];
#endif
        if
        :: notify_me != 0 -> event = true
        :: else
        fi;
        /* Served: neither in the buffer nor in memory any more. */
        !work_buffered[me] && !work[me];
        requests++
    :: else -> break
    od;
    finished++
}

inline raise()
{
    raise_buffered[me] = SHARE(me)
}

inline fence()
{
    raise_buffered[me] == 0
}

/* One turn of a loop. */
inline turn()
{
#ifndef RAISE_AFTER_LOOK
    raise();
#ifndef NO_POLLER_FENCE
    fence();
#endif
    found = SOME_WORK;
#else
    found = SOME_WORK;
    raise();
    fence();
#endif
    if
    :: found /* a timeout of 0 */
    :: !found ->
        /* Asleep; the lasting poller need not wake once all is done. */
        if
        :: event
        :: finished == NOTIFIERS && me == LASTING -> break
        :: me != LASTING /* its own timeout, or the GLib loop's other sources */
        fi
    fi;
    /* The same thread's subtraction comes after its addition, on every CPU. */
    atomic { raise_buffered[me] == 0 -> notify_me = notify_me - SHARE(me) };
    event = false;
    atomic { work[0] = false; work[1] = false }
}

proctype Poller(byte me)
{
    bool found;

    do
    :: turn()
    od
}

proctype Temporary(byte me)
{
    bool found;
    byte turns = 0;

    do
    :: turns < 2 -> turns++; turn()
    :: else -> break
    od
}

init
{
    atomic {
        run Drain();
        run Notifier(0);
        run Notifier(1);
        run Poller(LASTING);
        run Temporary(TEMPORARY);
        run Temporary(GSOURCE)
    }
}
