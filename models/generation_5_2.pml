/*
 * The protocol of QEMU 5.2 and later: a loop in one thread that chooses its timeout before it
 * raises notify_me, looks at notified behind that, and empties the event in a handler of its own.
 *
 * Two notifiers with two requests each, a home loop, and with it a GSource that the same thread
 * polls now and then. A store may stay in a buffer that another process empties at any later time:
 * a notifier's work, its exchange of notified (on ARMv8 a later load may overtake an exchange),
 * the loop's raise of notify_me. Only a full fence waits for them; a release waits for the work.
 *
 * Claims:
 *   LOST  a request is served while its notifier waits for that: no invalid end state.
 *   SPIN  with no notifier on its way, a loop that finds nothing to do is woken at most twice in
 *         a row: by a flag and an event that were left behind.
 *
 * Planted bugs, and the claim that catches each: NO_NOTIFIER_FENCE, NO_RELEASE, NO_LOOP_FENCE,
 * NO_RECHECK, FLAG_WHERE_ASKED (the 2.4 library under such a loop), CLEAR_BEHIND_LOOK (LOST);
 * NO_HANDLER (such a library under a 2.4 loop), NO_CLEAR (SPIN).
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */

#define NOTIFIERS 2
#define REQUESTS 2

/* In memory. */
bool work[NOTIFIERS];
bool notified;
bool event;
byte notify_me;

/* In store buffers. */
bool work_buffered[NOTIFIERS];
bool flag_buffered[NOTIFIERS];
byte raise_buffered;

/* For the claims only. */
byte notifying;
byte finished;
byte idle;

#define SOME_WORK (work[0] || work[1])
#define AT_REST (notifying == 0 && !flag_buffered[0] && !flag_buffered[1])

proctype Drain()
{
end:
    do
    :: atomic { work_buffered[0] -> work[0] = true; work_buffered[0] = false }
    :: atomic { work_buffered[1] -> work[1] = true; work_buffered[1] = false }
    :: atomic { flag_buffered[0] -> notified = true; flag_buffered[0] = false }
    :: atomic { flag_buffered[1] -> notified = true; flag_buffered[1] = false }
    :: atomic { raise_buffered > 0 -> notify_me = raise_buffered; raise_buffered = 0 }
    od
}

proctype Notifier(byte me)
{
    byte requests = 0;

    do
    :: requests < REQUESTS ->
        atomic { work_buffered[me] = true; notifying++ };
#ifndef NO_RELEASE
        !work_buffered[me];
#endif
#ifdef FLAG_WHERE_ASKED
        !work_buffered[me];
        if
        :: notify_me != 0 -> flag_buffered[me] = true; !flag_buffered[me]; event = true
        :: else
        fi;
#else
        flag_buffered[me] = true;
#ifndef NO_NOTIFIER_FENCE
        !flag_buffered[me] && !work_buffered[me];
#endif
        if
        :: notify_me != 0 -> event = true
        :: else
        fi;
#endif
        atomic { notifying--; idle = 0 };
        /* Served: neither in the buffer nor in memory any more. */
        !work_buffered[me] && !work[me];
        requests++
    :: else -> break
    od;
    finished++
}

inline raise(value)
{
    raise_buffered = value;
#ifndef NO_LOOP_FENCE
    raise_buffered == 0
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
    :: raised -> atomic { raise_buffered == 0 -> notify_me = 0 }
    :: else
    fi;
#if !defined(NO_CLEAR) && !defined(CLEAR_BEHIND_LOOK)
    notified = false;
#endif
#ifndef NO_HANDLER
    event = false;
#endif
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
#ifdef CLEAR_BEHIND_LOOK
            notified = false;
#endif
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
        run Drain();
        run Notifier(0);
        run Notifier(1);
        run Home()
    }
}
