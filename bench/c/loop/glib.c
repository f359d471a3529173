/*
 * GLib: a main context with sources of its own kinds.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <glib-unix.h>

#include "loop_bench.h"

static volatile long called, asked, completed;
static volatile int ending;

static gboolean polled(gint fd, GIOCondition condition, gpointer unused)
{
    (void)fd, (void)condition, (void)unused;
    return G_SOURCE_CONTINUE;
}

static gboolean count(gpointer unused)
{
    (void)unused;
    called++;
    return G_SOURCE_REMOVE;
}

static gboolean finished(gpointer unused)
{
    (void)unused;
    completed++;
    return G_SOURCE_REMOVE;
}

static void *ask(void *unused)
{
    while (!ending) {
        if (asked == called) {
            asked++;
            g_idle_add(count, NULL);
        }
    }
    return unused;
}

static void work(gpointer data, gpointer unused)
{
    (void)data, (void)unused;
    g_idle_add(finished, NULL);
}

int main(void)
{
    static GSource *pending[10000];
    GThreadPool *pool = g_thread_pool_new(work, NULL, 64, FALSE, NULL);
    pthread_t thread;
    int have = 0, i;
    size_t n;

    raise_limit();
    for (n = 0; n < sizeof(timer_counts) / sizeof(*timer_counts); n++) {
        for (; have < timer_counts[n]; have++) {
            pending[have] = g_timeout_source_new((guint)later());
            g_source_attach(pending[have], NULL);
            /* The context has it. */
            g_source_unref(pending[have]);
        }
        MEASURE(row("timer", timer_counts[n]), 20000,
                g_source_set_ready_time(pending[measure_left % have],
                                        g_get_monotonic_time() + later() * 1000));
    }
    while (have > 0) {
        g_source_destroy(pending[--have]);
    }
    MEASURE("callback", 50000,
            (g_idle_add(count, NULL), g_main_context_iteration(NULL, FALSE)));
    called = asked = 0;
    must(pthread_create(&thread, NULL, ask, NULL) == 0, "pthread_create");
    MEASURE("from another thread", 5000, {
        long before = called;

        while (called == before) {
            g_main_context_iteration(NULL, TRUE);
        }
    });
    ending = 1;
    pthread_join(thread, NULL);
    MEASURE("pool", 5000, {
        long target = completed + 1;

        g_thread_pool_push(pool, &have, NULL);
        while (completed < target) {
            g_main_context_iteration(NULL, TRUE);
        }
    });
    MEASURE("pool, 64 at once", 500, {
        long target = completed + 64;

        for (i = 0; i < 64; i++) {
            g_thread_pool_push(pool, &have, NULL);
        }
        while (completed < target) {
            g_main_context_iteration(NULL, TRUE);
        }
    });
    for (n = 0; n < sizeof(idle_counts) / sizeof(*idle_counts); n++) {
        for (; have < idle_counts[n]; have++) {
            g_unix_fd_add(idle_descriptor(), G_IO_IN, polled, NULL);
        }
        g_main_context_iteration(NULL, FALSE);
        MEASURE(row("idle", idle_counts[n]), 2000, g_main_context_iteration(NULL, FALSE));
    }
    return 0;
}
