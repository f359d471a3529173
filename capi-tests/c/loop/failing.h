/*
 * What a scenario stands on whose system calls may fail: it counts its turns, and knows when
 * the library has said that it gives something up.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef FAILING_H
#define FAILING_H

#include <semaphore.h>

#include "interpose.h"
#include "turns.h"

/* What a run has cost, for the process that started it. */
struct cost {
    int calls[CALLS];
    int turns, rescues, failed, messages, vain;
};

static struct cost *cost;

/* The call that fails, and whether the library may give up what it was for: nothing that a
 * valid call of a correct program is answered with. */
static enum call failing = CALLS;
static int failing_error, may_give_up;

static AioContext *ctx;
static GMainContext *main_context;

static sem_t said;
static int has_given_up;

static void on_message(void)
{
    if (may_give_up && load(&interpose_failed) > 0) {
        store(&has_given_up, 1);
        sem_post(&said);
    }
}

/* What has been said, or returned, need not be done. */
static int given_up(void)
{
    return load(&has_given_up);
}

/* A function has returned the error that its system call had. */
static void check_error(int error)
{
    CHECK(load(&interpose_failed) > 0);
    CHECK_EQ(error, failing_error);
    store(&has_given_up, 1);
}

static pthread_mutex_t rescued_lock = PTHREAD_MUTEX_INITIALIZER;
static AioContext *rescued;

/* The loop must still be there for others once the library has given something up. */
static void *rescue(void *unused)
{
    struct timespec moment = {0, 5000000};

    (void)unused;
    while (sem_wait(&said) != 0) {
    }
    for (;;) {
        pthread_mutex_lock(&rescued_lock);
        if (rescued != NULL) {
            wake_by_work(rescued);
            aio_notify(rescued);
        }
        pthread_mutex_unlock(&rescued_lock);
        __atomic_add_fetch(&cost->rescues, 1, __ATOMIC_SEQ_CST);
        nanosleep(&moment, NULL);
    }
    return NULL;
}

static void start_rescuer(void)
{
    CHECK_EQ(sem_init(&said, 0, (unsigned)given_up()), 0);
    interpose_after_message = on_message;
    start(rescue, NULL);
}

/* With no other thread in the library. */
static pid_t fork_scenario(void)
{
    pid_t child;

    fflush(NULL);
    pthread_mutex_lock(&rescued_lock);
    child = fork();
    pthread_mutex_unlock(&rescued_lock);
    CHECK(child >= 0);
    if (child == 0) {
        /* What there was is the parent's. */
        store(&interpose_failed, 0);
        store(&interpose_messages, 0);
        start_rescuer();
    }
    return child;
}

/* The context of a scenario; without one the program has been told why. */
static void scenario_context(void)
{
    int before = open_descriptors();

    errno = 0;
    ctx = aio_context_new(NULL);
    if (ctx == NULL) {
        check_error(errno);
        CHECK_EQ(open_descriptors(), before);
        exit(0);
    }
    pthread_mutex_lock(&rescued_lock);
    rescued = ctx;
    pthread_mutex_unlock(&rescued_lock);
}

static void scenario_context_free(void)
{
    pthread_mutex_lock(&rescued_lock);
    rescued = NULL;
    pthread_mutex_unlock(&rescued_lock);
    if (main_context != NULL) {
        g_source_destroy(&ctx->source);
    }
    CHECK_EQ(ctx->notify_me, 0);
    aio_context_unref(ctx);
}

static void turn(void)
{
    __atomic_add_fetch(&cost->turns, 1, __ATOMIC_SEQ_CST);
    if (main_context != NULL) {
        g_main_context_iteration(main_context, TRUE);
    } else {
        aio_poll(ctx, true);
    }
}

static void turn_until(int *runs, int target)
{
    while (load(runs) < target && !given_up()) {
        turn();
    }
}

/* For other threads than the loop's. */
static void expect(int *runs, int target)
{
    while (load(runs) < target && !given_up()) {
        sched_yield();
    }
}

static void expect_poller(void)
{
    while (__atomic_load_n(&ctx->notify_me, __ATOMIC_SEQ_CST) == 0 && !given_up()) {
        sched_yield();
    }
}

static void check_runs(int *runs, int expected)
{
    if (!given_up()) {
        CHECK_EQ(load(runs), expected);
    }
}

/* A pipe with a handler, which must not run for nothing. */
struct watched {
    struct ends ends;
    int runs, removed;
};

static void on_readable(void *opaque)
{
    struct watched *watched = opaque;

    CHECK_EQ(watched->removed, 0);
    if (take(watched->ends.read) > 0) {
        count_run(&watched->runs);
    } else {
        __atomic_add_fetch(&cost->vain, 1, __ATOMIC_SEQ_CST);
    }
}

static void watch(struct watched *watched)
{
    watched->removed = 0;
    aio_set_fd_handler(ctx, watched->ends.read, on_readable, NULL, watched);
}

static void unwatch(struct watched *watched)
{
    aio_set_fd_handler(ctx, watched->ends.read, NULL, NULL, NULL);
    watched->removed = 1;
}

#endif /* FAILING_H */
