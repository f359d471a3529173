/*
 * A loop of the 5.2 generation woken by many threads. A lost wakeup leaves it asleep for ever,
 * and the watchdog says so.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <sched.h>

#include "loop_5_2.h"

enum { THREADS = 4 };

#define ITEMS ((unsigned long)check_often(20000))

static AioContext *ctx;
/* How much work there is, and how much of it has been done. */
static unsigned long pushed, taken;
/* The notifiers wait for their work to be done before they go on. */
static int in_step;

static void *push(void *unused)
{
    unsigned long i;

    for (i = 0; i < ITEMS; i++) {
        /* Relaxed: it is aio_notify() that has to make it visible. */
        unsigned long mine = __atomic_add_fetch(&pushed, 1, __ATOMIC_RELAXED);

        aio_notify(ctx);
        while (in_step && __atomic_load_n(&taken, __ATOMIC_RELAXED) < mine) {
            sched_yield();
        }
    }
    return unused;
}

static bool has_work(void)
{
    return taken < __atomic_load_n(&pushed, __ATOMIC_RELAXED);
}

static void one_loop_many_threads(void)
{
    pthread_t threads[THREADS];
    int i;

    ctx = home_new();
    pushed = taken = 0;
    for (i = 0; i < THREADS; i++) {
        CHECK_EQ(pthread_create(&threads[i], NULL, push, NULL), 0);
    }
    while (taken < THREADS * ITEMS) {
        home_turn(ctx, has_work());
        __atomic_store_n(&taken, __atomic_load_n(&pushed, __ATOMIC_RELAXED), __ATOMIC_RELAXED);
    }
    for (i = 0; i < THREADS; i++) {
        CHECK_EQ(pthread_join(threads[i], NULL), 0);
    }
    CHECK_EQ(ctx->notify_me, 0);
    /* At rest: what the last notifications left takes at most one turn. */
    CHECK(home_wait(ctx, 0, false) <= 1);
    CHECK(home_may_sleep(ctx));
    CHECK_EQ(home_wait(ctx, 0, true), 0);
    home_free(ctx);
}

static void aio_notify_loses_nothing_in_a_flood(void)
{
    in_step = 0;
    one_loop_many_threads();
}

static void aio_notify_loses_nothing_in_step(void)
{
    in_step = 1;
    one_loop_many_threads();
}

int main(void)
{
    RUN(aio_notify_loses_nothing_in_a_flood);
    RUN(aio_notify_loses_nothing_in_step);
    return 0;
}
