/*
 * Contexts as sources of a GLib main loop.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "steppers.h"

static GMainContext *main_context;

static AioContext *attached_new(void)
{
    AioContext *ctx = context_new();
    GSource *source = aio_get_g_source(ctx);

    CHECK(source == &ctx->source);
    CHECK(g_source_attach(source, main_context) > 0);
    g_source_unref(source);
    return ctx;
}

static void attached_free(AioContext *ctx)
{
    g_source_destroy(&ctx->source);
    aio_context_unref(ctx);
}

static void run_ready(void)
{
    while (g_main_context_iteration(main_context, FALSE)) {
    }
}

static int runs;

static void aio_get_g_source_counts_the_reference(void)
{
    AioContext *ctx = context_new();
    GSource *source = aio_get_g_source(ctx);

    CHECK(source == &ctx->source);
    CHECK_EQ(ctx->source.ref_count, 2);
    CHECK_EQ(g_source_get_can_recurse(source), TRUE);
    g_source_unref(source);
    CHECK_EQ(ctx->source.ref_count, 1);
    aio_context_unref(ctx);
}

static void glib_runs_bottom_halves(void)
{
    AioContext *ctx = attached_new();
    QEMUBH *bh = aio_bh_new(ctx, count_run, &runs);

    runs = 0;
    CHECK_EQ(g_main_context_iteration(main_context, FALSE), FALSE);
    qemu_bh_schedule(bh);
    CHECK_EQ(g_main_context_iteration(main_context, TRUE), TRUE);
    CHECK_EQ(runs, 1);
    CHECK_EQ(g_main_context_iteration(main_context, FALSE), FALSE);
    qemu_bh_schedule_idle(bh);
    while (runs < 2) {
        g_main_context_iteration(main_context, TRUE);
    }
    attached_free(ctx);
}

static void take_and_count(void *opaque)
{
    take(*(int *)opaque);
    runs++;
}

static void on_event(EventNotifier *e)
{
    CHECK_EQ(event_notifier_test_and_clear(e), 1);
    runs++;
}

static void glib_runs_handlers(void)
{
    AioContext *ctx = attached_new();
    struct ends ends = pipe_new();
    EventNotifier e;

    runs = 0;
    CHECK_EQ(event_notifier_init(&e, 0), 0);
    aio_set_fd_handler(ctx, ends.read, take_and_count, NULL, &ends.read);
    aio_set_event_notifier(ctx, &e, on_event);
    run_ready();
    CHECK_EQ(runs, 0);
    put(ends.write);
    while (runs < 1) {
        g_main_context_iteration(main_context, TRUE);
    }
    event_notifier_set(&e);
    while (runs < 2) {
        g_main_context_iteration(main_context, TRUE);
    }
    run_ready();
    CHECK_EQ(runs, 2);
    aio_set_fd_handler(ctx, ends.read, NULL, NULL, NULL);
    put(ends.write);
    run_ready();
    CHECK_EQ(runs, 2);
    aio_set_event_notifier(ctx, &e, NULL);
    event_notifier_cleanup(&e);
    pipe_free(ends);
    attached_free(ctx);
}

static void glib_runs_handlers_of_files(void)
{
    AioContext *ctx = attached_new();
    FILE *file = tmpfile();

    CHECK(file != NULL);
    runs = 0;
    aio_set_fd_handler(ctx, fileno(file), count_run, NULL, &runs);
    while (runs < 3) {
        CHECK_EQ(g_main_context_iteration(main_context, TRUE), TRUE);
    }
    aio_set_fd_handler(ctx, fileno(file), NULL, NULL, NULL);
    run_ready();
    fclose(file);
    attached_free(ctx);
}

static void glib_runs_timers_without_a_busy_loop(void)
{
    AioContext *ctx = attached_new();
    QEMUTimer *timer = aio_timer_new(ctx, QEMU_CLOCK_REALTIME, SCALE_NS, count_run, &runs);
    int64_t deadline = qemu_clock_get_ns(QEMU_CLOCK_REALTIME) + 20 * SCALE_MS + SCALE_MS / 2;
    int iterations = 0;

    runs = 0;
    timer_mod(timer, deadline);
    while (runs == 0) {
        g_main_context_iteration(main_context, TRUE);
        iterations++;
    }
    CHECK(qemu_clock_get_ns(QEMU_CLOCK_REALTIME) >= deadline);
    /* Rounded down to ms, the timeout would make it busy in the last one. */
    CHECK(iterations <= 5);
    timer_free(timer);
    attached_free(ctx);
}

/* GLib polls one descriptor of a context, no matter how many handlers it has. */
static void aio_get_g_source_polls_one_descriptor(void)
{
    enum { CONTEXTS = 4, PIPES = 50 };
    AioContext *contexts[CONTEXTS];
    struct ends pipes[PIPES];
    GPollFD fds[CONTEXTS * PIPES];
    int i, before, after, priority = 0, timeout;

    CHECK(g_main_context_acquire(main_context));
    g_main_context_prepare(main_context, &priority);
    before = g_main_context_query(main_context, G_MAXINT, &timeout, fds, CONTEXTS * PIPES);
    g_main_context_check(main_context, priority, fds, before);
    for (i = 0; i < CONTEXTS; i++) {
        contexts[i] = attached_new();
    }
    for (i = 0; i < PIPES; i++) {
        pipes[i] = pipe_new();
        aio_set_fd_handler(contexts[i % CONTEXTS], pipes[i].read, take_and_count, NULL,
                           &pipes[i].read);
    }
    priority = 0;
    g_main_context_prepare(main_context, &priority);
    after = g_main_context_query(main_context, G_MAXINT, &timeout, fds, CONTEXTS * PIPES);
    g_main_context_check(main_context, priority, fds, after);
    g_main_context_release(main_context);
    CHECK_EQ(after - before, CONTEXTS);

    runs = 0;
    for (i = 0; i < PIPES; i++) {
        put(pipes[i].write);
    }
    while (runs < PIPES) {
        g_main_context_iteration(main_context, TRUE);
    }
    run_ready();
    CHECK_EQ(runs, PIPES);
    for (i = 0; i < PIPES; i++) {
        aio_set_fd_handler(contexts[i % CONTEXTS], pipes[i].read, NULL, NULL, NULL);
        pipe_free(pipes[i]);
    }
    for (i = 0; i < CONTEXTS; i++) {
        attached_free(contexts[i]);
    }
}

/* Several contexts under one main loop, each with a thread that takes steps. */
enum { CONTEXTS = 4 };

#define STEPS check_often(5000)

static void qemu_bh_schedule_from_threads_under_glib_loses_nothing(void)
{
    AioContext *contexts[CONTEXTS];
    struct stepper steppers[CONTEXTS];
    int finished = 0, i;

    for (i = 0; i < CONTEXTS; i++) {
        contexts[i] = attached_new();
    }
    for (i = 0; i < CONTEXTS; i++) {
        stepper_begin(&steppers[i], contexts[i], STEPS, &finished);
    }
    while (load(&finished) < CONTEXTS) {
        g_main_context_iteration(main_context, TRUE);
    }
    for (i = 0; i < CONTEXTS; i++) {
        stepper_end(&steppers[i]);
        CHECK_EQ(contexts[i]->notify_me & ~1U, 0);
        attached_free(contexts[i]);
    }
}

/* Threads that schedule while the main loop and pollers take turns with one context. */
static int stop;

static void *poll_beside(void *opaque)
{
    while (!load(&stop)) {
        aio_poll(opaque, false);
        sched_yield();
    }
    return NULL;
}

static void aio_poll_beside_glib_loses_nothing(void)
{
    AioContext *ctx = attached_new();
    struct stepper stepper;
    pthread_t poller;
    int finished = 0;

    store(&stop, 0);
    poller = start(poll_beside, ctx);
    stepper_begin(&stepper, ctx, STEPS, &finished);
    while (load(&finished) < 1) {
        g_main_context_iteration(main_context, TRUE);
    }
    stepper_end(&stepper);
    store(&stop, 1);
    join(poller);
    attached_free(ctx);
}

static AioContext *nested;

static void poll_nested(void *opaque)
{
    if (runs++ == 0) {
        qemu_bh_schedule(*(QEMUBH **)opaque);
        CHECK_EQ(aio_poll(nested, true), true);
        CHECK_EQ(runs, 2);
        qemu_bh_schedule(*(QEMUBH **)opaque);
        CHECK_EQ(g_main_context_iteration(main_context, TRUE), TRUE);
        CHECK_EQ(runs, 3);
    }
}

static void aio_poll_in_glibs_dispatch_is_allowed(void)
{
    QEMUBH *bh;

    nested = attached_new();
    runs = 0;
    bh = aio_bh_new(nested, poll_nested, &bh);
    qemu_bh_schedule(bh);
    CHECK_EQ(g_main_context_iteration(main_context, TRUE), TRUE);
    CHECK_EQ(runs, 3);
    run_ready();
    CHECK_EQ(runs, 3);
    attached_free(nested);
}

static void aio_context_unref_may_leave_the_last_reference_to_glib(void)
{
    AioContext *ctx = attached_new();
    QEMUBH *bh = aio_bh_new(ctx, count_run, &runs);
    GSource *source = g_source_ref(&ctx->source);
    int before;

    runs = 0;
    aio_context_unref(ctx);
    qemu_bh_schedule(bh);
    while (runs == 0) {
        g_main_context_iteration(main_context, TRUE);
    }
    g_source_destroy(source);
    before = open_descriptors();
    g_source_unref(source);
    CHECK(open_descriptors() < before);
}

int main(void)
{
    /* A warning of GLib's is a failure. */
    g_log_set_always_fatal((GLogLevelFlags)(G_LOG_LEVEL_CRITICAL | G_LOG_LEVEL_WARNING));
    init_clocks();
    main_context = g_main_context_new();
    RUN(aio_get_g_source_counts_the_reference);
    RUN(glib_runs_bottom_halves);
    RUN(glib_runs_handlers);
    RUN(glib_runs_handlers_of_files);
    RUN(glib_runs_timers_without_a_busy_loop);
    RUN(aio_get_g_source_polls_one_descriptor);
    RUN(qemu_bh_schedule_from_threads_under_glib_loses_nothing);
    RUN(aio_poll_beside_glib_loses_nothing);
    RUN(aio_poll_in_glibs_dispatch_is_allowed);
    RUN(aio_context_unref_may_leave_the_last_reference_to_glib);
    g_main_context_unref(main_context);
    return 0;
}
