/*
 * libuv: uv_poll_t, uv_timer_t, uv_async_t, uv_queue_work.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <uv.h>

#include "loop_bench.h"

static uv_loop_t loop;
static volatile long called, asked, completed;
static volatile int ending;
static uv_async_t async;

static void polled(uv_poll_t *handle, int status, int events)
{
    (void)handle, (void)status, (void)events;
}

static void timed(uv_timer_t *timer)
{
    (void)timer;
}

static void count(uv_async_t *handle)
{
    (void)handle;
    called++;
}

static void work(uv_work_t *request)
{
    (void)request;
}

static void finished(uv_work_t *request, int status)
{
    (void)request, (void)status;
    completed++;
}

static void *ask(void *unused)
{
    while (!ending) {
        if (asked == called) {
            asked++;
            uv_async_send(&async);
        }
    }
    return unused;
}

int main(void)
{
    static uv_timer_t pending[10000];
    static uv_work_t requests[64];
    pthread_t thread;
    int have = 0, i;
    size_t n;

    raise_limit();
    must(uv_loop_init(&loop) == 0, "uv_loop_init");
    must(uv_async_init(&loop, &async, count) == 0, "uv_async_init");
    for (n = 0; n < sizeof(timer_counts) / sizeof(*timer_counts); n++) {
        for (; have < timer_counts[n]; have++) {
            uv_timer_init(&loop, &pending[have]);
            uv_timer_start(&pending[have], timed, (uint64_t)later(), 0);
        }
        MEASURE(row("timer", timer_counts[n]), 200000,
                uv_timer_start(&pending[measure_left % have], timed, (uint64_t)later(), 0));
    }
    while (have > 0) {
        uv_timer_stop(&pending[--have]);
    }
    MEASURE("callback", 200000, (uv_async_send(&async), uv_run(&loop, UV_RUN_NOWAIT)));
    called = asked = 0;
    must(pthread_create(&thread, NULL, ask, NULL) == 0, "pthread_create");
    MEASURE("from another thread", 5000, {
        long before = called;

        while (called == before) {
            uv_run(&loop, UV_RUN_ONCE);
        }
    });
    ending = 1;
    pthread_join(thread, NULL);
    MEASURE("pool", 5000, {
        long target = completed + 1;

        uv_queue_work(&loop, &requests[0], work, finished);
        while (completed < target) {
            uv_run(&loop, UV_RUN_ONCE);
        }
    });
    MEASURE("pool, 64 at once", 500, {
        long target = completed + 64;

        for (i = 0; i < 64; i++) {
            uv_queue_work(&loop, &requests[i], work, finished);
        }
        while (completed < target) {
            uv_run(&loop, UV_RUN_ONCE);
        }
    });
    have = 0;
    for (n = 0; n < sizeof(idle_counts) / sizeof(*idle_counts); n++) {
        for (; have < idle_counts[n]; have++) {
            uv_poll_t *handle = malloc(sizeof(*handle));

            must(handle != NULL, "malloc");
            uv_poll_init(&loop, handle, idle_descriptor());
            uv_poll_start(handle, UV_READABLE, polled);
        }
        uv_run(&loop, UV_RUN_NOWAIT);
        MEASURE(row("idle", idle_counts[n]), 20000, uv_run(&loop, UV_RUN_NOWAIT));
    }
    return 0;
}
