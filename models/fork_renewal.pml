/*
 * A context in a child process, which gets files of its own under the parent's numbers.
 *
 * Mirrors enter and renew in libaiocontext/async/src/renew.rs, renew_in_child in
 * libaiocontext/posix/src/watch/renewal.rs, and wake in libaiocontext/async/src/notify.rs, with the
 * protocol of own_loop.pml. In either process one thread notifies and one polls, any number of times. The fork
 * comes at any time, also from a signal handler that interrupts a notifier between its write and its
 * mark: the child finishes that call at any later time.
 *
 * Abstractions:
 *   - Memory is sequentially consistent. A system call is one step.
 *   - The child's numbers stand for the parent's files until it renews them: P's, and the set's. Each
 *     process's set has its own P in it.
 *   - The epoch never wraps. A notifier compares a value that it read with the present one, so a bit
 *     for each stands for it: has st changed since?
 *   - E, K and the timer's descriptor are renewed as P is, and left out, as is a fork from a handler
 *     that interrupts another call.
 *
 * Every claim is about a single state or a single step: a thread may stop at any step.
 *
 * Claims:
 *   lost     in either process: the loop sleeps, the work of a notifier that has returned is pending,
 *            the P of the loop's set is empty, and the loop has not read P on behalf of that notifier.
 *   strayed  a notification of the child's fills the parent's P.
 *   taken    the parent's set has lost a handler that the parent has not removed.
 *   stuck    st of the child's counts a consumer that is not there, so that no write is shared.
 *
 * Planted bugs, and the claim that catches each.
 *   lost     READ_FIRST: the child reads P before it renews. SET_LATE: it sleeps before it renews the
 *            set. KEEP_FULL: FULL stays. KEEP_EPOCH: the interrupted notifier marks the new P.
 *   strayed  NOTIFY_FIRST: a notification does not look whether the context is the child's.
 *            OWNED_FIRST: the context is said to be the child's before it is renewed.
 *   taken    REMOVE_FIRST: the child removes a handler before it renews.
 *   stuck    KEEP_CONS: the parent's consumers stay.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */

#define PARENT 0
#define CHILD 1

/* In each process's memory. */
byte work[2]; /* 0, or what has become of it, for the claims: */
#define PENDING 1
#define RELIED 2 /* its notifier has written P, or seen FULL */
#define COVERED 3 /* and then the loop has read P and is to look */
byte own[2];
bool is_full[2]; /* st */
byte cons[2];    /* st */
bool owned;      /* the context is the child's */

/* Whether the epoch of st has changed since the notifier loaded it; the interrupted one is the last. */
bool changed[3] = true;
#define INTERRUPTED 2

/* Files, by the process that has made them, and the child's numbers. */
bool P[2];
bool watched = true; /* a handler's descriptor, in the parent's set */
byte child_P = PARENT, child_set = PARENT;
#define P_OF(p) (p == PARENT -> PARENT : child_P)
#define SET_OF(p) (p == PARENT -> PARENT : child_set)

/* For the claims only. */
bool forked;
bool written; /* the parent's notifier is between its write and its mark */
bool in_call[2];
bool asleep[2];
bool consuming[2];
bool lost, strayed, stuck;

#define LOST(p) (asleep[p] && !in_call[p] && (work[p] == PENDING || work[p] == RELIED) && \
    !P[SET_OF(p)])

inline clear_st(p)
{
    is_full[p] = false;
    changed[p] = true;
    changed[INTERRUPTED] = changed[INTERRUPTED] || p == CHILD
}

/* A compare-exchange that succeeds if st is what was loaded. */
inline mark_full(p, who)
{
    d_step {
        is_full[p] = is_full[p] || !changed[who];
        changed[who] = true
    }
}

proctype Notifier(byte me)
{
    me == PARENT || forked;
    do
    :: true ->
        d_step { in_call[me] = true; work[me] = PENDING };
        if
        :: own[me] == 0 -> goto done
        :: else
        fi;
#ifndef NOTIFY_FIRST
        if
        :: me == CHILD && !owned -> goto done
        :: else
        fi;
#endif
        atomic {
            if
            :: is_full[me] -> work[me] = (work[me] == PENDING -> RELIED : work[me]); goto done
            :: else -> changed[me] = (cons[me] != 0)
            fi
        };
        atomic {
            P[P_OF(me)] = true;
            strayed = (P_OF(me) != me);
            assert(!strayed);
            work[me] = (work[me] == PENDING -> RELIED : work[me]);
            written = written || me == PARENT
        };
        atomic {
            mark_full(me, me);
            written = written && me == CHILD
        };
done:
        in_call[me] = false
    od
}

inline consume()
{
    d_step { consuming[me] = true; clear_st(me); cons[me] = cons[me] + 1 };
    d_step {
        work[me] = (P[me] && work[me] == RELIED && P_OF(me) == me -> COVERED : work[me]);
        P[P_OF(me)] = false
    };
    d_step { cons[me] = cons[me] - 1; consuming[me] = false }
}

inline remove_handler()
{
    watched = watched && SET_OF(me) != PARENT;
    assert(watched)
}

/* Before anything else that the child's loop does. */
inline renew()
{
#ifdef OWNED_FIRST
    owned = true;
#endif
    child_P = CHILD;
    own[CHILD] = 0;
    d_step {
#ifndef KEEP_FULL
        is_full[CHILD] = false;
#endif
#ifndef KEEP_CONS
        cons[CHILD] = 0;
#endif
#ifndef KEEP_EPOCH
        changed[CHILD] = true;
        changed[INTERRUPTED] = true
#endif
    };
#ifndef SET_LATE
    child_set = CHILD;
#endif
    owned = true
}

inline turn()
{
    own[me] = own[me] + 2;
    asleep[me] = (work[me] == 0);
    /* Woken by P, by another descriptor or by a timer; or the look has found work. */
    d_step { by_P = P[SET_OF(me)]; asleep[me] = false };
    own[me] = own[me] - 2;
    if
    :: by_P -> by_P = false; consume()
    :: else
    fi;
    work[me] = 0
}

proctype Loop(byte me)
{
    bool by_P;

    if
    :: me == CHILD ->
        forked;
#ifdef READ_FIRST
        consume();
#endif
#ifdef REMOVE_FIRST
        remove_handler();
#endif
        renew()
    :: else
    fi;
    do
    :: true -> turn()
#ifdef SET_LATE
    :: me == CHILD -> child_set = CHILD
#else
    :: me == CHILD -> remove_handler()
#endif
    od
}

/* The child has a copy of the parent's memory, and numbers of the parent's files. */
proctype Fork()
{
    d_step {
        work[CHILD] = (work[PARENT] != 0 -> PENDING : 0);
        own[CHILD] = own[PARENT];
        is_full[CHILD] = is_full[PARENT];
        cons[CHILD] = cons[PARENT];
        changed[INTERRUPTED] = changed[PARENT] || !written;
        forked = true
    };
    mark_full(CHILD, INTERRUPTED)
}

proctype Monitor()
{
end:
    do
    :: atomic { LOST(PARENT) || LOST(CHILD) -> lost = true; assert(!lost) }
    :: atomic { owned && cons[CHILD] != 0 && !consuming[CHILD] -> stuck = true; assert(!stuck) }
    od
}

init
{
    atomic {
        run Notifier(PARENT);
        run Notifier(CHILD);
        run Loop(PARENT);
        run Loop(CHILD);
        run Fork();
        run Monitor()
    }
}
