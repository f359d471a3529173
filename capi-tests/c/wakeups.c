/*
 * Plain poll loops woken by many threads, in both generations of the protocol (loop.h). A lost
 * wakeup leaves the loop asleep, and the watchdog says so.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <sched.h>
#include <stdint.h>

#include "loop.h"

enum { THREADS = 4 };

#define ITEMS ((unsigned long)check_often(20000))

struct queue {
    AioContext *ctx;
    /* How much work there is, and how much of it has been done. */
    unsigned long pushed, taken;
    /* The notifiers wait for their work to be done before they go on. */
    int in_step;
#ifndef LOOP_5_2
    int stop;
#endif
};

static void *push(void *argument)
{
    struct queue *queue = argument;
    unsigned long i;

    for (i = 0; i < ITEMS; i++) {
        /* Relaxed: it is aio_notify() that has to make it visible. */
        unsigned long mine = __atomic_add_fetch(&queue->pushed, 1, __ATOMIC_RELAXED);

        aio_notify(queue->ctx);
        while (queue->in_step && __atomic_load_n(&queue->taken, __ATOMIC_RELAXED) < mine) {
            sched_yield();
        }
    }
    return NULL;
}

/* Takes what there is; returns whether there was anything. */
static int take(struct queue *queue)
{
    unsigned long taken = __atomic_load_n(&queue->taken, __ATOMIC_RELAXED);
    int found = 0;

    while (taken < __atomic_load_n(&queue->pushed, __ATOMIC_RELAXED)) {
        if (__atomic_compare_exchange_n(&queue->taken, &taken, taken + 1, 0, __ATOMIC_RELAXED,
                                        __ATOMIC_RELAXED)) {
            taken++;
            found = 1;
        }
    }
    return found;
}

static int has_work(void *opaque)
{
    struct queue *queue = opaque;

    return __atomic_load_n(&queue->taken, __ATOMIC_RELAXED) <
           __atomic_load_n(&queue->pushed, __ATOMIC_RELAXED);
}

/* One turn takes what the last notifications have left; after that poll must block. */
static void check_rest(AioContext *ctx)
{
    int turns;

    loop_is_at_rest(ctx);
    for (turns = 0; turns < 10; turns++) {
        CHECK(loop_is_at_rest(ctx));
    }
}

static void one_loop_many_threads(int in_step)
{
    struct queue queue = {.ctx = loop_new(), .in_step = in_step};
    pthread_t threads[THREADS];
    int i;

    for (i = 0; i < THREADS; i++) {
        threads[i] = start(push, &queue);
    }
    while (queue.taken < THREADS * ITEMS) {
        loop_turn(queue.ctx, has_work, &queue);
        take(&queue);
    }
    for (i = 0; i < THREADS; i++) {
        join(threads[i]);
    }
    CHECK_EQ(queue.taken, THREADS * ITEMS);
    CHECK_EQ(queue.ctx->notify_me, 0);
    check_rest(queue.ctx);
    loop_free(queue.ctx);
}

static void aio_notify_loses_nothing_in_a_flood(void)
{
    one_loop_many_threads(0);
}

static void aio_notify_loses_nothing_in_step(void)
{
    one_loop_many_threads(1);
}

#ifndef LOOP_5_2

enum { POLLERS = 3 };

static void *poll_until_stopped(void *argument)
{
    struct queue *queue = argument;

    while (!__atomic_load_n(&queue->stop, __ATOMIC_RELAXED)) {
        loop_begin(queue->ctx);
        if (__atomic_load_n(&queue->stop, __ATOMIC_RELAXED) || has_work(queue)) {
            loop_wait(queue->ctx, 0);
        } else {
            loop_wait(queue->ctx, -1);
        }
        take(queue);
    }
    __atomic_add_fetch(&queue->stop, 1, __ATOMIC_RELAXED);
    return NULL;
}

static void several_pollers_on_one_context(int in_step)
{
    struct queue queue = {.ctx = loop_new(), .in_step = in_step};
    pthread_t threads[THREADS], pollers[POLLERS];
    int i;

    for (i = 0; i < POLLERS; i++) {
        pollers[i] = start(poll_until_stopped, &queue);
    }
    for (i = 0; i < THREADS; i++) {
        threads[i] = start(push, &queue);
    }
    for (i = 0; i < THREADS; i++) {
        join(threads[i]);
    }
    /* No more notifications come: sleeping pollers must not have left any work. */
    while (has_work(&queue)) {
        sched_yield();
    }
    /* One notification wakes at least one; each that wakes leaves. */
    __atomic_store_n(&queue.stop, 1, __ATOMIC_RELAXED);
    for (i = 1; i <= POLLERS; i++) {
        do {
            aio_notify(queue.ctx);
            sched_yield();
        } while (__atomic_load_n(&queue.stop, __ATOMIC_RELAXED) <= i);
    }
    for (i = 0; i < POLLERS; i++) {
        join(pollers[i]);
    }
    CHECK_EQ(queue.taken, THREADS * ITEMS);
    CHECK_EQ(queue.ctx->notify_me, 0);
    loop_free(queue.ctx);
}

static void aio_notify_wakes_several_pollers_in_a_flood(void)
{
    several_pollers_on_one_context(0);
}

static void aio_notify_wakes_several_pollers_in_step(void)
{
    several_pollers_on_one_context(1);
}

#endif

/* The event is emptied as often as it is filled. */
static void aio_notify_accept_leaves_a_loop_at_rest_asleep(void)
{
    struct queue queue = {.ctx = loop_new()};
    pthread_t thread = start(push, &queue);

    while (queue.taken < ITEMS) {
        loop_turn(queue.ctx, has_work, &queue);
        take(&queue);
    }
    join(thread);
    check_rest(queue.ctx);
    loop_free(queue.ctx);
}

int main(void)
{
    RUN(aio_notify_loses_nothing_in_a_flood);
    RUN(aio_notify_loses_nothing_in_step);
#ifndef LOOP_5_2
    /* Later loops have one home thread. */
    RUN(aio_notify_wakes_several_pollers_in_a_flood);
    RUN(aio_notify_wakes_several_pollers_in_step);
#endif
    RUN(aio_notify_accept_leaves_a_loop_at_rest_asleep);
    return 0;
}
