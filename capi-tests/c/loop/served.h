/*
 * What a context owes to its pollers, of whatever kind: each function checks one kind of work,
 * N of N, with a bound on the turns.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef SERVED_H
#define SERVED_H

#include "context.h"

/* A thread gives the loop one piece of work at a time and waits until it is done. */
struct steps {
    AioContext *ctx;
    QEMUBH *bh;
    int wanted, given, done;
    int fd; /* what it writes to, for work by a pipe */
    void (*give)(struct steps *);
};

static inline void *give_steps(void *opaque)
{
    struct steps *steps = opaque;
    int i;

    for (i = 1; i <= steps->wanted; i++) {
        /* Every other one while the loop sleeps, or is about to. */
        if (i % 2 == 0) {
            wait_for_poller(steps->ctx);
        }
        store(&steps->given, i);
        steps->give(steps);
        wait_until_at_least(&steps->done, i);
    }
    return NULL;
}

static inline void count_step(void *opaque)
{
    __atomic_add_fetch(&((struct steps *)opaque)->done, 1, __ATOMIC_SEQ_CST);
}

static inline void give_bottom_half(struct steps *steps)
{
    qemu_bh_schedule(steps->bh);
}

static inline void give_notification(struct steps *steps)
{
    aio_notify(steps->ctx);
}

static inline void give_byte(struct steps *steps)
{
    put(steps->fd);
}

/* The turns of a loop for so much work: few for each, none without end. */
static inline void check_turns(int turns, int work)
{
    if (turns > 4 * work + 20) {
        fprintf(stderr, "%s: %d turns for %d pieces of work\n", check_current, turns, work);
        exit(1);
    }
}

/* Bottom halves that a thread schedules, in GLib's loop or, without one, with aio_poll(). */
static inline void bottom_halves_are_served_in(AioContext *ctx, GMainContext *main_context,
                                               int wanted)
{
    struct steps steps = {.ctx = ctx, .wanted = wanted, .give = give_bottom_half};
    pthread_t thread;
    int turns = 0;

    steps.bh = aio_bh_new(ctx, count_step, &steps);
    thread = start(give_steps, &steps);
    for (; load(&steps.done) < wanted; turns++) {
        if (main_context != NULL) {
            g_main_context_iteration(main_context, TRUE);
        } else {
            aio_poll(ctx, true);
        }
    }
    join(thread);
    qemu_bh_delete(steps.bh);
    CHECK_EQ(steps.done, wanted);
    check_turns(turns, wanted);
}

static inline void bottom_halves_are_served(AioContext *ctx, int wanted)
{
    bottom_halves_are_served_in(ctx, NULL, wanted);
}

static inline void glib_is_served(AioContext *ctx, GMainContext *main_context, int wanted)
{
    bottom_halves_are_served_in(ctx, main_context, wanted);
}

/* How a loop of the program's own begins its turn, and how it empties the notifier. */
struct own_loop {
    bool asks_for_timeout; /* aio_compute_timeout() before it sleeps */
    bool reads_itself;     /* event_notifier_test_and_clear(), not aio_notify_accept() */
};

/* One turn; returns how much has been given. */
static inline int own_turn(AioContext *ctx, struct own_loop loop, struct steps *steps)
{
    struct pollfd fd = {event_notifier_get_fd(&ctx->notifier), POLLIN, 0};
    int timeout = -1, ready;

    loop_begin(ctx);
    if (loop.asks_for_timeout && aio_compute_timeout(ctx) == 0) {
        timeout = 0;
    }
    if (load(&steps->given) > load(&steps->done)) {
        timeout = 0;
    }
    ready = poll(&fd, 1, timeout);
    CHECK(ready >= 0 || errno == EINTR);
    __atomic_fetch_sub(&ctx->notify_me, 2, __ATOMIC_SEQ_CST);
    if (!loop.reads_itself) {
        aio_notify_accept(ctx);
    } else if (ready > 0) {
        event_notifier_test_and_clear(&ctx->notifier);
    }
    return load(&steps->given);
}

/* Work of the program's own, by aio_notify(), with a loop of its own. */
static inline void own_loop_is_served(AioContext *ctx, struct own_loop loop, int wanted)
{
    struct steps steps = {.ctx = ctx, .wanted = wanted, .give = give_notification};
    pthread_t thread = start(give_steps, &steps);
    int turns = 0;

    for (; load(&steps.done) < wanted; turns++) {
        store(&steps.done, own_turn(ctx, loop, &steps));
    }
    join(thread);
    check_turns(turns, wanted);
}

static inline void count_fired(void *opaque)
{
    __atomic_add_fetch((int *)opaque, 1, __ATOMIC_SEQ_CST);
}

/* A timer for which the loop has to sleep. */
static inline void timers_are_served(AioContext *ctx)
{
    int fired = 0, turns = 0;
    QEMUTimer *timer = aio_timer_new(ctx, QEMU_CLOCK_REALTIME, SCALE_NS, count_fired, &fired);

    timer_mod(timer, qemu_clock_get_ns(QEMU_CLOCK_REALTIME) + 2 * SCALE_MS);
    for (; load(&fired) == 0; turns++) {
        aio_poll(ctx, true);
    }
    timer_free(timer);
    CHECK_EQ(fired, 1);
    check_turns(turns, 1);
}

static inline int work_of_pool(void *opaque)
{
    __atomic_add_fetch((int *)opaque, 1, __ATOMIC_SEQ_CST);
    return 7;
}

static inline void pool_has_done(void *opaque, int result)
{
    CHECK_EQ(result, 7);
    __atomic_add_fetch((int *)opaque, 1, __ATOMIC_SEQ_CST);
}

/* Requests, more than one at a time. */
static inline void the_pool_is_served(AioContext *ctx, int wanted)
{
    int worked = 0, done = 0, i;

    for (i = 0; i < wanted; i++) {
        thread_pool_submit_aio(aio_get_thread_pool(ctx), work_of_pool, &worked, pool_has_done,
                               &done);
    }
    poll_until_at_least(ctx, &done, wanted);
    CHECK_EQ(worked, wanted);
    CHECK_EQ(done, wanted);
}

static inline void take_step(void *opaque)
{
    struct steps *steps = opaque;
    int taken = take(steps->fd);

    __atomic_add_fetch(&steps->done, taken, __ATOMIC_SEQ_CST);
}

/* A handler that is set, fires each time, and is removed. */
static inline void handlers_are_served(AioContext *ctx, int wanted)
{
    struct ends ends = pipe_new();
    struct steps taker = {.fd = ends.read};
    int i, turns = 0;

    aio_set_fd_handler(ctx, ends.read, take_step, NULL, &taker);
    for (i = 1; i <= wanted; i++) {
        put(ends.write);
        for (; load(&taker.done) < i; turns++) {
            aio_poll(ctx, true);
        }
    }
    aio_set_fd_handler(ctx, ends.read, NULL, NULL, NULL);
    put(ends.write);
    run_all(ctx);
    CHECK_EQ(taker.done, wanted);
    pipe_free(ends);
    check_turns(turns, wanted);
}

/* A context made here. */
static inline void a_new_context_is_served(int wanted)
{
    AioContext *ctx = context_new();

    bottom_halves_are_served(ctx, wanted);
    timers_are_served(ctx);
    handlers_are_served(ctx, wanted);
    the_pool_is_served(ctx, 2);
    CHECK_EQ(ctx->notify_me, 0);
    CHECK_EQ(lock_queue(ctx), 0);
    aio_context_unref(ctx);
}

#endif /* SERVED_H */
