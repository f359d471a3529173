/*
 * libaiocontext: aio_poll; with -DUNDER_GLIB the same contexts under GLib's loop.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <stdbool.h>

#include "block/aio.h"
#include "block/thread-pool.h"
#include "loop_bench.h"
#include "qemu/timer.h"

static AioContext *ctx;

static void turn(void)
{
#ifdef UNDER_GLIB
    g_main_context_iteration(NULL, FALSE);
#else
    aio_poll(ctx, false);
#endif
}

static void turn_blocking(void)
{
#ifdef UNDER_GLIB
    g_main_context_iteration(NULL, TRUE);
#else
    aio_poll(ctx, true);
#endif
}

static void nothing(void *unused)
{
    (void)unused;
}

static volatile long called, completed;

static void count(void *unused)
{
    (void)unused;
    called++;
}

static int work(void *unused)
{
    (void)unused;
    return 0;
}

static void finished(void *unused, int result)
{
    (void)unused, (void)result;
    completed++;
}

static volatile int ending;
static QEMUBH *bh;
static volatile long asked;

static void *ask(void *unused)
{
    while (!ending) {
        if (asked == called) {
            asked++;
            qemu_bh_schedule(bh);
        }
    }
    return unused;
}

static void idle(void)
{
    int have = 0;
    size_t i;

    for (i = 0; i < sizeof(idle_counts) / sizeof(*idle_counts); i++) {
        while (have < idle_counts[i]) {
            aio_set_fd_handler(ctx, idle_descriptor(), nothing, NULL, NULL);
            have++;
        }
        turn();
        MEASURE(row("idle", idle_counts[i]), 20000, turn());
    }
}

static void timers(void)
{
    static QEMUTimer pending[10000];
    int have = 0;
    size_t i;

    for (i = 0; i < sizeof(timer_counts) / sizeof(*timer_counts); i++) {
        while (have < timer_counts[i]) {
            aio_timer_init(ctx, &pending[have], QEMU_CLOCK_REALTIME, SCALE_MS, nothing, NULL);
            timer_mod(&pending[have++], qemu_clock_get_ms(QEMU_CLOCK_REALTIME) + later());
        }
        MEASURE(row("timer", timer_counts[i]), 200000,
                timer_mod(&pending[measure_left % have],
                          qemu_clock_get_ms(QEMU_CLOCK_REALTIME) + later()));
    }
    while (have > 0) {
        timer_del(&pending[--have]);
    }
}

static void bottom_halves(void)
{
    int i;

    bh = aio_bh_new(ctx, count, NULL);
    MEASURE("callback", 200000, (qemu_bh_schedule(bh), turn()));
    for (i = 0; i < 1000; i++) {
        aio_bh_new(ctx, nothing, NULL);
    }
    MEASURE("callback, 1000 idle", 200000, (qemu_bh_schedule(bh), turn()));
}

static void across_threads(void)
{
    pthread_t thread;
    long target = 5000;

    called = asked = 0;
    must(pthread_create(&thread, NULL, ask, NULL) == 0, "pthread_create");
    MEASURE("from another thread", target, {
        long before = called;

        while (called == before) {
            turn_blocking();
        }
    });
    ending = 1;
    pthread_join(thread, NULL);
}

static void pool(void)
{
    ThreadPool *pool = aio_get_thread_pool(ctx);
    int i;

    MEASURE("pool", 5000, {
        long target = completed + 1;

        thread_pool_submit_aio(pool, work, NULL, finished, NULL);
        while (completed < target) {
            turn_blocking();
        }
    });
    MEASURE("pool, 64 at once", 500, {
        long target = completed + 64;

        for (i = 0; i < 64; i++) {
            thread_pool_submit_aio(pool, work, NULL, finished, NULL);
        }
        while (completed < target) {
            turn_blocking();
        }
    });
}

int main(void)
{
    raise_limit();
    init_clocks();
    ctx = aio_context_new(NULL);
    must(ctx != NULL, "aio_context_new");
#ifdef UNDER_GLIB
    g_source_attach(aio_get_g_source(ctx), NULL);
#endif
    MEASURE("lock", 2000000, (aio_context_acquire(ctx), aio_context_release(ctx)));
    timers();
    bottom_halves();
    across_threads();
    pool();
    idle();
    return 0;
}
