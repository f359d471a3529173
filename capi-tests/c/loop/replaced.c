/*
 * A program that uses all of a context, linked together with a component of its own (own/): all
 * works, and the library calls the program's functions.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "context.h"
#include "own/own.h"

static AioContext *ctx;
static GMainContext *main_context;
static int runs;

static void iterate(void)
{
    if (main_context != NULL) {
        g_main_context_iteration(main_context, TRUE);
    } else {
        aio_poll(ctx, true);
    }
}

static void run_until(int target)
{
    while (load(&runs) < target) {
        iterate();
    }
    CHECK_EQ(runs, target);
}

static void count_and_take(void *opaque)
{
    take(*(int *)opaque);
    count_run(&runs);
}

static void on_event(EventNotifier *e)
{
    CHECK_EQ(event_notifier_test_and_clear(e), 1);
    count_run(&runs);
}

static int work(void *opaque)
{
    return *(int *)opaque + 1;
}

static void completion(void *opaque, int result)
{
    *(int *)opaque = result;
    count_run(&runs);
}

#define ROUNDS check_often(2000)

static void *schedule_from_a_thread(void *bh)
{
    int i;

    for (i = 1; i <= ROUNDS; i++) {
        qemu_bh_schedule(bh);
        wait_until_at_least(&runs, i);
    }
    return NULL;
}

static void everything_works(void)
{
    struct ends ends = pipe_new();
    EventNotifier e;
    QEMUTimer *timer;
    QEMUBH *bh;
    pthread_t thread;
    int number = 41;

    runs = 0;
    bh = aio_bh_new(ctx, count_run, &runs);
    thread = start(schedule_from_a_thread, bh);
    run_until(ROUNDS);
    join(thread);
    qemu_bh_delete(bh);

    runs = 0;
    aio_set_fd_handler(ctx, ends.read, count_and_take, NULL, &ends.read);
    put(ends.write);
    run_until(1);
    aio_set_fd_handler(ctx, ends.read, NULL, NULL, NULL);
    pipe_free(ends);

    own_quiet = 1;
    CHECK_EQ(event_notifier_init(&e, 0), 0);
    aio_set_event_notifier(ctx, &e, on_event);
    CHECK_EQ(event_notifier_set(&e), 0);
    own_quiet = 0;
    run_until(2);
    own_quiet = 1;
    aio_set_event_notifier(ctx, &e, NULL);
    event_notifier_cleanup(&e);
    own_quiet = 0;

    timer = aio_timer_new(ctx, QEMU_CLOCK_REALTIME, SCALE_MS, count_run, &runs);
    timer_mod(timer, qemu_clock_get_ms(QEMU_CLOCK_REALTIME) + 5);
    run_until(3);
    timer_free(timer);

    thread_pool_submit_aio(aio_get_thread_pool(ctx), work, &number, completion, &number);
    run_until(4);
    CHECK_EQ(number, 42);
}

static void aio_poll_runs_all_kinds_of_work(void)
{
    ctx = context_new();
    everything_works();
    aio_context_unref(ctx);
}

static void glib_runs_all_kinds_of_work(void)
{
    GSource *source;

    ctx = context_new();
    main_context = g_main_context_new();
    source = aio_get_g_source(ctx);
    g_source_attach(source, main_context);
    everything_works();
    g_source_destroy(source);
    g_source_unref(source);
    g_main_context_unref(main_context);
    aio_context_unref(ctx);
}

/* With a foreign sleeper, which only the context's notifier wakes. */
static void aio_notify_and_accept_leave_errno_alone(void)
{
    ctx = context_new();
    __atomic_fetch_add(&ctx->notify_me, 2, __ATOMIC_SEQ_CST);
    errno = ENOENT;
    aio_notify(ctx);
    CHECK_EQ(errno, ENOENT);
    CHECK_EQ(is_readable(event_notifier_get_fd(&ctx->notifier)), 1);
    errno = ENOENT;
    aio_notify_accept(ctx);
    CHECK_EQ(errno, ENOENT);
    CHECK_EQ(is_readable(event_notifier_get_fd(&ctx->notifier)), 0);
    __atomic_fetch_sub(&ctx->notify_me, 2, __ATOMIC_SEQ_CST);
    aio_context_unref(ctx);
}

static void the_library_has_called_the_programs(void)
{
    struct own_call *call;

    for (call = own_calls; call->name != NULL; call++) {
        if (call->count == 0) {
            fprintf(stderr, "the library has not called the program's %s\n", call->name);
            exit(1);
        }
        printf("%s: %lu\n", call->name, call->count);
    }
}

int main(void)
{
    /* A warning of GLib's is a failure. */
    g_log_set_always_fatal((GLogLevelFlags)(G_LOG_LEVEL_CRITICAL | G_LOG_LEVEL_WARNING));
    init_clocks();
    RUN(aio_poll_runs_all_kinds_of_work);
    RUN(glib_runs_all_kinds_of_work);
    RUN(aio_notify_and_accept_leave_errno_alone);
    RUN(the_library_has_called_the_programs);
    return 0;
}
