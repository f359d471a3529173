/*
 * Our own loop: notifications share an event write. Two notifiers with two requests each, two
 * pollers. Memory is sequentially consistent here; loom has the rest, on the code itself.
 *
 * Claims:
 *   LOST   a request is served while its notifier waits for that: no invalid end state.
 *   AWAKE  the loop does not turn round for ever without work: a poller has no more turns for
 *          nothing, one after the other, than two for each request (its event, and its work that
 *          the other poller has done meanwhile).
 *
 * Planted bugs, and the claim that catches each: BY_FLAG, where the loop empties the event when the
 * flag says so (AWAKE); FLAG_FIRST, where it clears the flag before it empties the event (LOST);
 * NO_CLEAR, where it leaves the flag (LOST). Emptying the event after the work instead of before is
 * none: the loop looks at the work again before it sleeps.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */

#define NOTIFIERS 2
#define REQUESTS 2

bool work[NOTIFIERS];
byte notify_me;
bool notified;
bool event;

#define SOME_WORK (work[0] || work[1])

proctype notifier(byte me)
{
    byte left = REQUESTS;
    bool was;

    do
    :: left > 0 ->
        work[me] = true;
        if
        :: notify_me != 0 ->
            atomic { was = notified; notified = true };
            if
            :: !was -> event = true
            :: else
            fi
        :: else
        fi;
        /* The request is waited for. */
        !work[me];
        left--
    :: else -> break
    od
}

inline serve()
{
    d_step { worked = SOME_WORK; work[0] = false; work[1] = false }
}

proctype poller()
{
    byte idle = 0;
    bool worked, readable;

    do
    :: notify_me = notify_me + 2;
        if
        :: SOME_WORK -> readable = event
        :: else ->
end_asleep:
            event;
            readable = true
        fi;
        notify_me = notify_me - 2;
#ifdef BY_FLAG
        if
        :: notified -> notified = false; event = false
        :: else
        fi;
#else
        if
#ifdef FLAG_FIRST
        :: readable -> notified = false; event = false
#else
#ifdef NO_CLEAR
        :: readable -> event = false
#else
        :: readable -> event = false; notified = false
#endif
#endif
        :: else
        fi;
#endif
        serve();
        if
        :: worked -> idle = 0
        :: else -> idle++
        fi;
        assert(idle <= 2 * NOTIFIERS * REQUESTS)
    od
}

init
{
    atomic { run notifier(0); run notifier(1); run poller(); run poller() }
}
