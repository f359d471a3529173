/*
 * notified and the event: who fills it, who empties it.
 *
 * Two notifiers with two requests each, a lasting poller, a temporary poller, and a GSource
 * (bit 0 of notify_me). Memory is sequentially consistent here; handshake.pml has the store
 * buffers. Any process may be suspended for good at any point, so each state that is reachable
 * with a notifier standing somewhere is looked at.
 *
 * Claims:
 *   LOST       a request is served while its notifier waits for that: no invalid end state.
 *   FULL       the event is never full with notified false, unless somebody is between two steps
 *              of notify or accept: else it would stay full for good (endless spin).
 *   TIMESLICE  a notifier that is suspended anywhere behind its write does not make the loop poll
 *              round: an accept leaves the event empty or notified true. Except while a notifier
 *              stands there that was overtaken: an accept took the flag between its first store
 *              and its write. OVERTAKEN_TOO claims it without that exception, and is false.
 *
 * Planted bugs, and the claim that catches each: REFERENCE_ORDER (TIMESLICE), BEFORE_ONLY (FULL),
 * EMPTY_BEFORE_FLAG (FULL), SKIP_WRITE (LOST), EMPTY_AFTER_WORK (LOST), RAISE_AFTER_LOOK (LOST).
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */

#define NOTIFIERS 2
#define REQUESTS 2
#define LASTING 0
#define TEMPORARY 1
#define GSOURCE 2

bool work[NOTIFIERS];
byte notify_me;
bool notified;
bool event;

/* For the claims only: where the notifiers and the accepts stand. */
#define IDLE 0
#define FLAGGED 1 /* before the write */
#define WRITTEN 2 /* behind it */
byte stage[NOTIFIERS];
bool overtaken[NOTIFIERS];
byte accepting;
byte finished;

#define SOME_WORK (work[0] || work[1])
#define SHARE(p) ((p) == GSOURCE -> 1 : 2)
#define NOBODY_IN_BETWEEN (stage[0] == IDLE && stage[1] == IDLE && accepting == 0)
#ifdef OVERTAKEN_TOO
#define EXCUSED false
#else
#define EXCUSED \
    ((stage[0] == WRITTEN && overtaken[0]) || (stage[1] == WRITTEN && overtaken[1]))
#endif

inline notify()
{
    if
    :: notify_me != 0 ->
#ifdef SKIP_WRITE
        atomic { was = notified; notified = true; stage[me] = FLAGGED };
        if
        :: was
        :: !was -> atomic { event = true; stage[me] = WRITTEN }
        fi;
#else
#ifdef REFERENCE_ORDER
        stage[me] = FLAGGED;
#else
        atomic { notified = true; stage[me] = FLAGGED };
#endif
        atomic { event = true; stage[me] = WRITTEN };
#endif
#ifdef BEFORE_ONLY
        atomic { stage[me] = IDLE; overtaken[me] = false }
#else
        atomic { notified = true; stage[me] = IDLE; overtaken[me] = false }
#endif
    :: else
    fi
}

proctype Notifier(byte me)
{
    byte requests = 0;
    bool was;

    do
    :: requests < REQUESTS ->
        work[me] = true;
        notify();
        !work[me];
        requests++
    :: else -> break
    od;
    finished++
}

inline take_flag()
{
    was = notified;
    notified = false;
    overtaken[0] = overtaken[0] || (stage[0] == FLAGGED);
    overtaken[1] = overtaken[1] || (stage[1] == FLAGGED)
}

inline accept()
{
#ifdef EMPTY_BEFORE_FLAG
    if
    :: notified ->
        accepting++;
        event = false;
        atomic { take_flag(); accepting-- }
    :: else
    fi;
#else
    if
    :: notified ->
        atomic { take_flag(); accepting++ };
        if
        :: was -> event = false
        :: !was
        fi;
        accepting--
    :: else
    fi;
#endif
    atomic {
        if
        :: accepting == 0 && event && !notified ->
            assert(EXCUSED)
        :: else
        fi
    }
}

inline serve()
{
    work[0] = false;
    work[1] = false
}

inline turn()
{
#ifdef RAISE_AFTER_LOOK
    found = SOME_WORK;
    notify_me = notify_me + SHARE(me);
#else
    notify_me = notify_me + SHARE(me);
    found = SOME_WORK;
#endif
    if
    :: found
    :: !found ->
        if
        :: event
        :: finished == NOTIFIERS && me == LASTING -> break
        :: me != LASTING /* its own timeout, or the GLib loop's other sources */
        fi
    fi;
    notify_me = notify_me - SHARE(me);
#ifdef EMPTY_AFTER_WORK
    serve();
    accept()
#else
    accept();
    serve()
#endif
}

proctype Poller(byte me)
{
    bool found, was;

    do
    :: turn()
    od
}

proctype Temporary(byte me)
{
    bool found, was;
    byte turns = 0;

    do
    :: turns < 2 -> turns++; turn()
    :: else -> break
    od
}

proctype Monitor()
{
end:
    atomic { NOBODY_IN_BETWEEN && event && !notified -> assert(!event || notified) }
}

init
{
    atomic {
        run Notifier(0);
        run Notifier(1);
        run Poller(LASTING);
        run Temporary(TEMPORARY);
        run Temporary(GSOURCE);
        run Monitor()
    }
}
