/*
 * One thread, suspended in a call: the others are served meanwhile, and nothing is missing
 * later.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef STOP_SUSPEND_H
#define STOP_SUSPEND_H

#include "tracer.h"
#include "victims.h"

struct variant {
    const char *name;
    enum poller_kind kinds[POLLERS];
};

static const struct victim *victim;
static const struct variant *variant;

/* The thread that makes the call. */
static struct {
    pthread_t thread;
    sem_t go;
    int tid, returned;
    /* It makes one call only, because it may be cancelled in it. */
    bool once, ends;
} stopped;

static void *stopped_run(void *unused)
{
    share_processor();
    store(&stopped.tid, thread_id());
    do {
        while (sem_wait(&stopped.go) < 0) {
        }
        if (stopped.ends) {
            break;
        }
        mark();
        victim->call();
        store(&stopped.returned, stopped.returned + 1);
        mark();
    } while (!stopped.once);
    return unused;
}

static void stopped_start(bool once)
{
    memset(&stopped, 0, sizeof(stopped));
    CHECK_EQ(sem_init(&stopped.go, 0, 0), 0);
    stopped.once = once;
    stopped.thread = start(stopped_run, NULL);
    wait_until_at_least(&stopped.tid, 1);
    CHECK_EQ(tell(SEIZE, stopped.tid, 0).how, STOPPED);
}

static void stopped_join(void)
{
    if (!stopped.once) {
        stopped.ends = true;
        sem_post(&stopped.go);
    }
    join(stopped.thread);
    sem_destroy(&stopped.go);
}

/* Pollers, the others and the victim, all on one context. */
static void scene_new(void)
{
    int i;

    stopped_in = victim->name;
    with_pollers = variant->name;
    suspended = (struct place){0};
    store(&stopping, 0);
    ctx = context_new();
    for (i = 0; i < POLLERS; i++) {
        if (variant->kinds[i] == ITERATES) {
            main_context = g_main_context_new();
            g_source_attach(&ctx->source, main_context);
        }
    }
    waking = aio_bh_new(ctx, do_nothing, NULL);
    others_new();
    helper_start();
    own_new();
    for (i = 0; i < POLLERS && variant->kinds[i] != NOBODY; i++) {
        poller_start(&pollers[i], variant->kinds[i]);
    }
}

static void scene_free(void)
{
    int i;

    helper_stop();
    for (i = 0; i < POLLERS && pollers[i].kind != NOBODY; i++) {
        poller_stop(&pollers[i]);
    }
    memset(pollers, 0, sizeof(pollers));
    own_free();
    others_free();
    if (main_context != NULL) {
        g_source_destroy(&ctx->source);
    }
    aio_context_unref(ctx);
    if (main_context != NULL) {
        g_main_context_unref(main_context);
        main_context = NULL;
    }
}

static bool takes_lock(void)
{
    return (victim->flags & LOCKS) != 0 ||
           ((victim->flags & LOCKS_BESIDE_GLIB) != 0 && main_context != NULL);
}

/* From the start of a call to the place where it is suspended. */
static struct place begin(enum order_kind kind, int steps)
{
    stimuli = 0;
    forget_runs();
    if (victim->prepare != NULL) {
        victim->prepare();
        rest();
    }
    if ((victim->flags & POLLER_BUSY) != 0) {
        hold();
    }
    if ((victim->flags & CONTENDED) != 0) {
        helper_holds_lock();
    }
    stimulus();
    if ((victim->flags & OF_WORKER) == 0) {
        sem_post(&stopped.go);
        return tell(kind, stopped.tid, steps);
    }
    store(&worker, 0);
    store(&worker_is_traced, 0);
    victim->call();
    wait_until_at_least(&worker, 1);
    CHECK_EQ(tell(SEIZE, worker, 0).how, STOPPED);
    store(&worker_is_traced, 1);
    return tell(kind, worker, steps);
}

static struct place finish(void)
{
    let_go();
    helper_releases_lock();
    stimulus();
    if ((victim->flags & OF_WORKER) != 0) {
        return tell(RELEASE, worker, 0);
    }
    return tell(FINISH, stopped.tid, 0);
}

/* What everybody is owed while the call is suspended. */
static void check_others(int rounds)
{
    int i;

    let_go();
    helper_releases_lock();
    if (victim->meanwhile != NULL) {
        victim->meanwhile();
    }
    rest();
    if (takes_lock() || (victim->flags & LOCKS_ELSEWHERE) != 0) {
        helper_order();
        rest();
    }
    for (i = 0; i < rounds; i++) {
        if (!takes_lock()) {
            round_of_others(true);
            continue;
        }
        served_or_waiting();
    }
    rest();
}

/* After it: nothing is missing, and nobody is busy. */
static void check_afterwards(bool returned)
{
    int i;

    wait_for_helper();
    if (returned) {
        victim->check();
    }
    round_of_others(true);
    rest();
    for (i = 0; i < POLLERS && pollers[i].kind != NOBODY; i++) {
        if (load(&pollers[i].vain) > pollers[i].vain_at_begin + FEW + 3 * stimuli) {
            fail("poller %d has returned in vain too often for %d stimuli", i, stimuli);
        }
    }
}

struct result {
    int places, reached, cancelled;
};

static void note_vain(void)
{
    int i;

    for (i = 0; i < POLLERS; i++) {
        pollers[i].vain_at_begin = load(&pollers[i].vain);
    }
}

static void all_new(bool once)
{
    scene_new();
    if ((victim->flags & OF_WORKER) == 0) {
        stopped_start(once);
    }
}

static void all_free(void)
{
    if ((victim->flags & OF_WORKER) == 0) {
        stopped_join();
    }
    scene_free();
}

/* Has all new where the call must be the first of its kind. */
static void renew(void)
{
    if ((victim->flags & FRESH) != 0) {
        all_free();
        all_new(false);
    }
}

/* Warms up, and finds how many steps the call has. */
static int count_steps(void)
{
    struct place end;
    int i;

    for (i = 0; i < 3; i++) {
        renew();
        note_vain();
        end = begin(i < 2 ? GO : TRACE, 0);
        finish();
        check_afterwards(true);
    }
    CHECK(end.how == ENDED || end.how == BLOCKED);
    return end.steps;
}

/* Suspends the call at each of its instructions, or at most so many of them. */
static struct result suspend_everywhere(int most, int rounds)
{
    struct result result = {0};
    int steps, count;

    all_new(false);
    count = count_steps();
    for (steps = 0; steps <= count; steps += 1 + count / most) {
        check_watchdog();
        renew();
        note_vain();
        suspended = begin(GO, steps);
        if (suspended.how == ENDED && steps < count && most == LONGEST) {
            /* At full speed the path is another. */
            finish();
            check_afterwards(true);
            renew();
            suspended = begin(WALK, steps);
        }
        result.places++;
        if (suspended.how == STOPPED) {
            result.reached++;
            check_others(rounds);
        }
        finish();
        check_afterwards(true);
    }
    all_free();
    return result;
}

/* Cancels the thread after so many steps: it ends at the next cancellation point, if any. */
static struct result cancel_everywhere(int most, int rounds)
{
    struct result result = {0};
    int steps, count;

    all_new(false);
    count = count_steps();
    stopped_join();
    for (steps = 0; steps <= count; steps += 1 + count / most) {
        bool returned;
        int i;

        check_watchdog();
        stopped_start(true);
        note_vain();
        suspended = begin(GO, steps);
        result.places++;
        if (suspended.how == STOPPED || suspended.how == BLOCKED) {
            result.reached++;
            CHECK_EQ(pthread_cancel(stopped.thread), 0);
        }
        finish();
        stopped_join();
        returned = load(&stopped.returned) == 1;
        if (!returned) {
            result.cancelled++;
            if ((victim->flags & NO_CANCELLATION_POINT) != 0) {
                fail("the call has been cancelled");
            }
        }
        check_afterwards(returned);
        for (i = 1; i < rounds; i++) {
            round_of_others(true);
        }
    }
    scene_free();
    return result;
}

#endif /* STOP_SUSPEND_H */
