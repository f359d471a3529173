/*
 * Fork: whatever the child does, nothing of the parent's changes.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <spawn.h>
#include <stdarg.h>

#include "fork.h"
#include "served.h"

static AioContext *ctx;
static GMainContext *main_context;
static struct ends ends;
static int taken, events, runs, fired;
static EventNotifier event;
static QEMUBH *bh;
static QEMUTimer *timer;

static void take_it(void *unused)
{
    (void)unused;
    taken += take(ends.read);
}

static void on_event(EventNotifier *e)
{
    events += event_notifier_test_and_clear(e);
}

static void set_up(void)
{
    GSource *source;

    taken = events = runs = fired = 0;
    ctx = context_new();
    main_context = g_main_context_new();
    source = aio_get_g_source(ctx);
    CHECK(g_source_attach(source, main_context) > 0);
    g_source_unref(source);
    ends = pipe_new();
    CHECK_EQ(event_notifier_init(&event, 0), 0);
    bh = aio_bh_new(ctx, count_fired, &runs);
    timer = aio_timer_new(ctx, QEMU_CLOCK_REALTIME, SCALE_NS, count_fired, &fired);
    aio_set_fd_handler(ctx, ends.read, take_it, NULL, NULL);
    aio_set_event_notifier(ctx, &event, on_event);
    CHECK_EQ(aio_poll(ctx, false), false);
}

static void tear_down(void)
{
    aio_set_fd_handler(ctx, ends.read, NULL, NULL, NULL);
    aio_set_event_notifier(ctx, &event, NULL);
    timer_free(timer);
    qemu_bh_delete(bh);
    g_source_destroy(&ctx->source);
    aio_context_unref(ctx);
    g_main_context_unref(main_context);
    event_notifier_cleanup(&event);
    pipe_free(ends);
}

/* All that was registered before the fork goes on, and nothing has come from the child. */
static void check_unchanged(void)
{
    const struct own_loop own_loops[] = {{true, false}, {true, true}};
    int i;

    CHECK_EQ(aio_poll(ctx, false), false);
    CHECK_EQ(runs + fired + taken + events, 0);
    for (i = 1; i <= 2; i++) {
        put(ends.write);
        CHECK_EQ(aio_poll(ctx, true), true);
        CHECK_EQ(taken, i);
        event_notifier_set(&event);
        CHECK_EQ(aio_poll(ctx, true), true);
        CHECK_EQ(events, i);
        qemu_bh_schedule(bh);
        CHECK_EQ(aio_poll(ctx, true), true);
        CHECK_EQ(runs, i);
    }
    for (i = 0; i < 2; i++) {
        own_loop_is_served(ctx, own_loops[i], 6);
    }
    bottom_halves_are_served(ctx, 6);
    glib_is_served(ctx, main_context, 6);
    timers_are_served(ctx);
    CHECK_EQ(ctx->notify_me, 0);
}

/* What a child calls first; the context is renewed by any of them, or left alone. */
static void call_nothing(void)
{
}

static void call_aio_poll(void)
{
    CHECK_EQ(aio_poll(ctx, false), false);
}

static void call_aio_poll_blocking(void)
{
    qemu_bh_schedule(bh);
    while (runs == 0) {
        aio_poll(ctx, true);
    }
}

static void call_aio_notify(void)
{
    int i;

    for (i = 0; i < 100; i++) {
        aio_notify(ctx);
    }
}

static void call_aio_notify_accept(void)
{
    aio_notify_accept(ctx);
}

static void call_qemu_bh_schedule(void)
{
    qemu_bh_schedule(bh);
}

static void call_timer_mod(void)
{
    timer_mod(timer, 1);
}

static void call_aio_set_fd_handler(void)
{
    struct ends own = pipe_new();

    aio_set_fd_handler(ctx, own.read, do_nothing, NULL, NULL);
}

static void call_aio_set_fd_handler_null(void)
{
    aio_set_fd_handler(ctx, ends.read, NULL, NULL, NULL);
}

static void call_aio_set_event_notifier_null(void)
{
    aio_set_event_notifier(ctx, &event, NULL);
}

static void call_aio_prepare(void)
{
    aio_prepare(ctx);
    aio_compute_timeout(ctx);
    CHECK_EQ(aio_pending(ctx), false);
    aio_dispatch(ctx);
}

static void call_g_main_context_iteration(void)
{
    while (g_main_context_iteration(main_context, FALSE)) {
    }
}

static void call_thread_pool_submit_aio(void)
{
    the_pool_is_served(ctx, 1);
}

static void call_aio_context_unref(void)
{
    tear_down();
    ctx = NULL;
}

static const struct {
    const char *name;
    void (*call)(void);
} calls[] = {
#define CALL(name)                                                                             \
    {                                                                                          \
#name, call_##name                                                                     \
    }
    CALL(nothing),
    CALL(aio_poll),
    CALL(aio_poll_blocking),
    CALL(aio_notify),
    CALL(aio_notify_accept),
    CALL(qemu_bh_schedule),
    CALL(timer_mod),
    CALL(aio_set_fd_handler),
    CALL(aio_set_fd_handler_null),
    CALL(aio_set_event_notifier_null),
    CALL(aio_prepare),
    CALL(g_main_context_iteration),
    CALL(thread_pool_submit_aio),
    CALL(aio_context_unref),
};

enum { CALLS = sizeof(calls) / sizeof(calls[0]) };

/*
 * At the fork an own loop is about to sleep, so that notifications write, and the event is
 * empty or full. The child makes its first call, uses the context, and frees it or does not.
 */
static void child_leaves_the_parent_alone(const char *name, int full)
{
    int way, call, frees;

    for (way = 0; way < WAYS; way++) {
        for (call = 0; call < 2 * CALLS; call++) {
            struct side side;

            frees = call / CALLS;
            check_at("%s: %s, first %s%s", name, way_names[way], calls[call % CALLS].name,
                     frees ? ", then aio_context_unref" : "");
            set_up();
            loop_begin(ctx);
            if (full) {
                aio_notify(ctx);
            }
            side = side_new((enum way)way);
            if (is_child(&side)) {
                calls[call % CALLS].call();
                if (frees && ctx != NULL) {
                    run_all(ctx);
                    tear_down();
                }
            }
            side_free(&side);
            CHECK_EQ(is_readable(ctx->notifier.rfd), full);
            CHECK_EQ(ctx->notify_me, 2);
            CHECK_EQ(loop_wait(ctx, 0), full);
            check_unchanged();
            tear_down();
        }
    }
}

static void fork_leaves_the_parents_empty_event_alone(void)
{
    child_leaves_the_parent_alone(__func__, 0);
}

static void fork_leaves_the_parents_full_event_alone(void)
{
    child_leaves_the_parent_alone(__func__, 1);
}

/*
 * The child's own loop sleeps before any function of the library's has been called with the
 * context there: it is woken, and by its own event.
 */
static void aio_notify_in_a_child_wakes_an_own_loop_that_has_called_nothing(void)
{
    int way, asks;

    for (asks = 1; asks >= 0; asks--) {
        for (way = 0; way < WAYS; way++) {
            struct side side;

            /* Nobody is told of the other children: their loop has to call something first. */
            if (!asks && way != 0) {
                continue;
            }
            check_at("%s: %s, %s", __func__, way_names[way],
                     asks ? "but aio_compute_timeout" : "at all");
            set_up();
            side = side_new((enum way)way);
            if (is_child(&side)) {
                own_loop_is_served(ctx, (struct own_loop){asks, false}, 6);
                check_unchanged();
            }
            side_free(&side);
            CHECK_EQ(is_readable(ctx->notifier.rfd), 0);
            check_unchanged();
            tear_down();
        }
    }
}

/* After the child has used the context, its event and its parent's are two. */
static void event_notifier_set_after_fork_is_seen_on_one_side_only(void)
{
    int way;

    for (way = 0; way < WAYS; way++) {
        struct side side;
        int number;

        check_at("%s: %s", __func__, way_names[way]);
        set_up();
        number = event_notifier_get_fd(&ctx->notifier);
        side = side_new((enum way)way);
        if (is_child(&side)) {
            CHECK_EQ(aio_poll(ctx, false), false);
            CHECK_EQ(event_notifier_get_fd(&ctx->notifier), number);
            event_notifier_set(&ctx->notifier);
            meet(&side);
            CHECK_EQ(event_notifier_test_and_clear(&ctx->notifier), 1);
            /* The parent fills its own. */
            meet(&side);
            CHECK_EQ(is_readable(ctx->notifier.rfd), 0);
            meet(&side);
        } else {
            hear(&side);
            CHECK_EQ(is_readable(ctx->notifier.rfd), 0);
            event_notifier_set(&ctx->notifier);
            say(&side);
            meet(&side);
            CHECK_EQ(is_readable(ctx->notifier.rfd), 1);
            CHECK_EQ(event_notifier_test_and_clear(&ctx->notifier), 1);
            meet(&side);
        }
        side_free(&side);
        check_unchanged();
        tear_down();
    }
}

/* GLib has prepared its poll, with or without something to wake it; each side ends it. */
static void fork_between_glibs_prepare_and_check_loses_nothing(void)
{
    enum { MOST = 8 };
    int way, scheduled;

    for (way = 0; way < WAYS; way++) {
        for (scheduled = 0; scheduled <= 1; scheduled++) {
            GPollFD fds[MOST];
            int priority = 0, timeout, count;
            struct side side;

            check_at("%s: %s, scheduled %d", __func__, way_names[way], scheduled);
            set_up();
            /* GLib has woken itself when the source was attached. */
            call_g_main_context_iteration();
            CHECK(g_main_context_acquire(main_context));
            g_main_context_prepare(main_context, &priority);
            count = g_main_context_query(main_context, priority, &timeout, fds, MOST);
            CHECK(count <= MOST);
            CHECK_EQ(timeout, -1);
            if (scheduled) {
                qemu_bh_schedule(bh);
            }
            side = side_new((enum way)way);
            if (!is_child(&side)) {
                hear(&side);
            }
            /* With nothing to wake it, it would sleep. */
            CHECK_EQ(g_poll(fds, (guint)count, scheduled ? -1 : 0) > 0, scheduled);
            CHECK_EQ(g_main_context_check(main_context, priority, fds, count), scheduled);
            g_main_context_dispatch(main_context);
            g_main_context_release(main_context);
            CHECK_EQ(runs, scheduled);
            CHECK_EQ(ctx->notify_me, 0);
            runs = 0;
            check_unchanged();
            if (is_child(&side)) {
                say(&side);
            }
            side_free(&side);
            tear_down();
        }
    }
}

/* A child that shares the memory is none: nothing may be renewed in it or for it. */
static void posix_spawn_is_no_fork(void)
{
    char name[] = "/proc/self/exe", argument[] = "spawned";
    char *const arguments[] = {name, argument, NULL};
    extern char **environ;
    int status;
    pid_t child;

    set_up();
    loop_begin(ctx);
    aio_notify(ctx);
    CHECK_EQ(posix_spawn(&child, name, NULL, NULL, arguments, environ), 0);
    CHECK_EQ(waitpid(child, &status, 0), child);
    CHECK_EQ(status, 0);
    CHECK_EQ(is_readable(ctx->notifier.rfd), 1);
    CHECK_EQ(loop_wait(ctx, 0), 1);
    check_unchanged();
    tear_down();
}

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "spawned") == 0) {
        return 0;
    }
    init_clocks();
    RUN_NAMED(argv, fork_leaves_the_parents_empty_event_alone);
    RUN_NAMED(argv, fork_leaves_the_parents_full_event_alone);
    RUN_NAMED(argv, aio_notify_in_a_child_wakes_an_own_loop_that_has_called_nothing);
    RUN_NAMED(argv, event_notifier_set_after_fork_is_seen_on_one_side_only);
    RUN_NAMED(argv, fork_between_glibs_prepare_and_check_loses_nothing);
    RUN_ON_KERNEL(posix_spawn_is_no_fork);
    return 0;
}
