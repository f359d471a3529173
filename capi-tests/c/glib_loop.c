/*
 * The context as a GSource under GLib's main loop, alone and beside a poller, woken by many
 * threads.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <sched.h>

#include "loop.h"

enum { THREADS = 4 };

#define ITEMS ((unsigned long)check_often(20000))

/* Work for the context that is being tested. */
static unsigned long pushed, taken;
static GMainLoop *main_loop;

static int has_work(void)
{
    return __atomic_load_n(&taken, __ATOMIC_RELAXED) <
           __atomic_load_n(&pushed, __ATOMIC_RELAXED);
}

static gboolean prepare(GSource *source, gint *timeout)
{
    AioContext *ctx = (AioContext *)source;

    __atomic_fetch_or(&ctx->notify_me, 1, __ATOMIC_SEQ_CST);
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    /* Never TRUE: GLib would skip check, and with it the accept. */
    *timeout = has_work() ? 0 : -1;
    return FALSE;
}

static gboolean check(GSource *source)
{
    AioContext *ctx = (AioContext *)source;

    __atomic_fetch_and(&ctx->notify_me, ~1U, __ATOMIC_SEQ_CST);
    aio_notify_accept(ctx);
    return has_work();
}

static gboolean dispatch(GSource *source, GSourceFunc callback, gpointer user_data)
{
    (void)source;
    (void)callback;
    (void)user_data;
    while (has_work()) {
        __atomic_add_fetch(&taken, 1, __ATOMIC_RELAXED);
    }
    if (taken == THREADS * ITEMS) {
        g_main_loop_quit(main_loop);
    }
    return G_SOURCE_CONTINUE;
}

static GSourceFuncs functions = {prepare, check, dispatch, NULL, NULL, NULL};

static void *push_in_step(void *argument)
{
    AioContext *ctx = argument;
    unsigned long i;

    for (i = 0; i < ITEMS; i++) {
        unsigned long mine = __atomic_add_fetch(&pushed, 1, __ATOMIC_RELAXED);

        aio_notify(ctx);
        while (i % 2 == 0 && __atomic_load_n(&taken, __ATOMIC_RELAXED) < mine) {
            sched_yield();
        }
    }
    return NULL;
}

static int stop;

/* Polls the same context only to make its accepts race with the GSource's. */
static void *poll_beside(void *argument)
{
    AioContext *ctx = argument;

    while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
        loop_begin(ctx);
        loop_wait(ctx, 0);
        /* It may have accepted a notification that was meant for the GSource. */
        if (has_work()) {
            aio_notify(ctx);
        }
    }
    return NULL;
}

static void run(int beside)
{
    GMainContext *main_context = g_main_context_new();
    GSource *source = g_source_new(&functions, sizeof(AioContext));
    AioContext *ctx = (AioContext *)source;
    GPollFD fd = {0, G_IO_IN, 0};
    pthread_t threads[THREADS], poller;
    int i;

    pushed = taken = 0;
    CHECK_EQ(event_notifier_init(&ctx->notifier, 0), 0);
    fd.fd = event_notifier_get_fd(&ctx->notifier);
    g_source_add_poll(source, &fd);
    g_source_attach(source, main_context);
    main_loop = g_main_loop_new(main_context, FALSE);
    stop = 0;
    if (beside) {
        poller = start(poll_beside, ctx);
    }
    for (i = 0; i < THREADS; i++) {
        threads[i] = start(push_in_step, ctx);
    }
    g_main_loop_run(main_loop);
    for (i = 0; i < THREADS; i++) {
        join(threads[i]);
    }
    if (beside) {
        __atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
        join(poller);
    }
    CHECK_EQ(taken, THREADS * ITEMS);
    CHECK_EQ(ctx->notify_me & ~1U, 0);
    g_main_loop_unref(main_loop);
    g_source_destroy(source);
    event_notifier_cleanup(&ctx->notifier);
    g_source_unref(source);
    g_main_context_unref(main_context);
}

static void aio_notify_loses_nothing_under_glib(void)
{
    run(0);
}

static void aio_notify_loses_nothing_under_glib_beside_a_poller(void)
{
    run(1);
}

int main(void)
{
    RUN(aio_notify_loses_nothing_under_glib);
    RUN(aio_notify_loses_nothing_under_glib_beside_a_poller);
    return 0;
}
