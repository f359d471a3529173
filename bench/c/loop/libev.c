/*
 * libev: ev_io, ev_timer, ev_async.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <ev.h>

#include "loop_bench.h"

static struct ev_loop *loop;
static volatile long called, asked;
static volatile int ending;
static ev_async async;

static void polled(struct ev_loop *l, ev_io *io, int events)
{
    (void)l, (void)io, (void)events;
}

static void timed(struct ev_loop *l, ev_timer *timer, int events)
{
    (void)l, (void)timer, (void)events;
}

static void count(struct ev_loop *l, ev_async *a, int events)
{
    (void)l, (void)a, (void)events;
    called++;
}

static void *ask(void *unused)
{
    while (!ending) {
        if (asked == called) {
            asked++;
            ev_async_send(loop, &async);
        }
    }
    return unused;
}

static void arm(ev_timer *timer)
{
    timer->repeat = (double)later() / 1e3;
    ev_timer_again(loop, timer);
}

int main(void)
{
    static ev_timer pending[10000];
    pthread_t thread;
    int have = 0;
    size_t n;

    raise_limit();
    loop = ev_loop_new(EVFLAG_AUTO);
    must(loop != NULL, "ev_loop_new");
    ev_async_init(&async, count);
    ev_async_start(loop, &async);
    for (n = 0; n < sizeof(timer_counts) / sizeof(*timer_counts); n++) {
        for (; have < timer_counts[n]; have++) {
            ev_timer_init(&pending[have], timed, 0., 0.);
            arm(&pending[have]);
        }
        MEASURE(row("timer", timer_counts[n]), 200000, arm(&pending[measure_left % have]));
    }
    while (have > 0) {
        ev_timer_stop(loop, &pending[--have]);
    }
    MEASURE("callback", 200000, (ev_async_send(loop, &async), ev_run(loop, EVRUN_NOWAIT)));
    called = asked = 0;
    must(pthread_create(&thread, NULL, ask, NULL) == 0, "pthread_create");
    MEASURE("from another thread", 5000, {
        long before = called;

        while (called == before) {
            ev_run(loop, EVRUN_ONCE);
        }
    });
    ending = 1;
    pthread_join(thread, NULL);
    have = 0;
    for (n = 0; n < sizeof(idle_counts) / sizeof(*idle_counts); n++) {
        for (; have < idle_counts[n]; have++) {
            ev_io *io = malloc(sizeof(*io));

            must(io != NULL, "malloc");
            ev_io_init(io, polled, idle_descriptor(), EV_READ);
            ev_io_start(loop, io);
        }
        ev_run(loop, EVRUN_NOWAIT);
        MEASURE(row("idle", idle_counts[n]), 20000, ev_run(loop, EVRUN_NOWAIT));
    }
    return 0;
}
