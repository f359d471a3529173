/*
 * A poller that has taken a wakeup and does not come to the work, because it runs something
 * that takes long: another one that sleeps does it.
 *
 * The one that sleeps is held behind its look at the work, until the other has taken the
 * wakeup: so it finds an empty event, and would sleep without end.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>

#include "context.h"

static AioContext *ctx;
static __thread int is_sleeper;
static int sleeper_is_there, taker_may_wait, taken, served;

/* The library's call binds to this. */
int epoll_wait(int fd, struct epoll_event *events, int room, int timeout)
{
    if (timeout == -1 && is_sleeper) {
        store(&sleeper_is_there, 1);
        wait_until_at_least(&taken, 1);
    } else if (timeout == -1) {
        wait_until_at_least(&taker_may_wait, 1);
    }
    return epoll_pwait(fd, events, room, timeout, NULL);
}

static int timers_fail;

/* The library's call binds to this, too. */
int timerfd_create(clockid_t clock, int flags)
{
    if (load(&timers_fail)) {
        errno = EMFILE;
        return -1;
    }
    return (int)syscall(SYS_timerfd_create, clock, flags);
}

static void *poll_until_served(void *unused)
{
    is_sleeper = 1;
    poll_until_at_least(ctx, &served, 1);
    return unused;
}

static void reset(void)
{
    store(&sleeper_is_there, 0);
    store(&taker_may_wait, 0);
    store(&taken, 0);
    store(&served, 0);
    ctx = context_new();
}

/* A sleeper that has found nothing to do. */
static pthread_t sleeper_new(void)
{
    pthread_t thread;

    reset();
    thread = start(poll_until_served, NULL);
    wait_until_at_least(&sleeper_is_there, 1);
    return thread;
}

static void sleeper_free(pthread_t thread)
{
    join(thread);
    CHECK_EQ(ctx->notify_me, 0);
    aio_context_unref(ctx);
}

static void serve(void *unused)
{
    (void)unused;
    store(&served, 1);
}

static QEMUBH *served_bh;
static QEMUTimer *served_timer;
static int is_idle;

static void wait_until_served(void *unused)
{
    (void)unused;
    if (is_idle) {
        qemu_bh_schedule_idle(served_bh);
    }
    store(&taken, 1);
    wait_until_at_least(&served, 1);
}

/* The same in aio_poll(), which holds the lock. */
static void wait_without_lock(void *unused)
{
    aio_context_release(ctx);
    wait_until_served(unused);
    aio_context_acquire(ctx);
}

static void *poll_once(void *unused)
{
    CHECK_EQ(aio_poll(ctx, true), true);
    return unused;
}

/* Wakes a taker, which waits in a bottom half. */
static void take_in_aio_poll(void)
{
    pthread_t taker = start(poll_once, NULL);

    /* Both count 2. */
    while (__atomic_load_n(&ctx->notify_me, __ATOMIC_SEQ_CST) != 4) {
        sched_yield();
    }
    qemu_bh_schedule(aio_bh_new(ctx, wait_without_lock, NULL));
    if (served_timer != NULL) {
        timer_mod(served_timer, qemu_clock_get_ns(QEMU_CLOCK_REALTIME) + SCALE_MS);
    } else if (served_bh != NULL && !is_idle) {
        qemu_bh_schedule(served_bh);
    }
    store(&taker_may_wait, 1);
    join(taker);
}

static void aio_poll_in_a_callback_leaves_a_bottom_half_to_others(void)
{
    pthread_t thread = sleeper_new();

    served_bh = aio_bh_new(ctx, serve, NULL);
    take_in_aio_poll();
    served_bh = NULL;
    sleeper_free(thread);
}

static void aio_poll_in_a_callback_leaves_an_idle_bottom_half_to_others(void)
{
    pthread_t thread = sleeper_new();

    is_idle = 1;
    served_bh = aio_bh_new(ctx, serve, NULL);
    take_in_aio_poll();
    served_bh = NULL;
    is_idle = 0;
    sleeper_free(thread);
}

static int sleeper_id, sleeper_polls;

static void *poll_and_count(void *unused)
{
    is_sleeper = 1;
    store(&sleeper_id, own_tid());
    while (!load(&served)) {
        aio_poll(ctx, true);
        store(&sleeper_polls, sleeper_polls + 1);
    }
    return unused;
}

/* The other one has been told that there is no timer, has found nothing, and sleeps again. */
static void schedule_idle_behind_a_look(void *unused)
{
    (void)unused;
    aio_context_release(ctx);
    store(&taken, 1);
    wait_until_at_least(&sleeper_polls, 1);
    while (!is_asleep(load(&sleeper_id))) {
        sched_yield();
    }
    qemu_bh_schedule_idle(served_bh);
    wait_until_at_least(&served, 1);
    aio_context_acquire(ctx);
}

static void aio_poll_looks_by_itself_where_there_is_no_timer(void)
{
    pthread_t thread, taker;

    reset();
    store(&timers_fail, 1);
    store(&sleeper_polls, 0);
    served_bh = aio_bh_new(ctx, serve, NULL);
    thread = start(poll_and_count, NULL);
    wait_until_at_least(&sleeper_is_there, 1);
    taker = start(poll_once, NULL);
    while (__atomic_load_n(&ctx->notify_me, __ATOMIC_SEQ_CST) != 4) {
        sched_yield();
    }
    qemu_bh_schedule(aio_bh_new(ctx, schedule_idle_behind_a_look, NULL));
    store(&taker_may_wait, 1);
    join(taker);
    served_bh = NULL;
    sleeper_free(thread);
    store(&timers_fail, 0);
}

static int is_running;

/* The other one comes to sleep while the callback runs, which has not scheduled yet. */
static void wait_for_sleeper_without_lock(void *unused)
{
    aio_context_release(ctx);
    store(&is_running, 1);
    wait_until_at_least(&sleeper_is_there, 1);
    wait_until_served(unused);
    aio_context_acquire(ctx);
}

static void qemu_bh_schedule_idle_in_a_callback_wakes_later_sleepers(void)
{
    pthread_t thread, taker;

    reset();
    is_idle = 1;
    served_bh = aio_bh_new(ctx, serve, NULL);
    qemu_bh_schedule(aio_bh_new(ctx, wait_for_sleeper_without_lock, NULL));
    taker = start(poll_once, NULL);
    wait_until_at_least(&is_running, 1);
    thread = start(poll_until_served, NULL);
    join(taker);
    is_idle = 0;
    served_bh = NULL;
    sleeper_free(thread);
}

static void aio_poll_in_a_callback_leaves_a_timer_to_others(void)
{
    pthread_t thread = sleeper_new();

    served_timer = aio_timer_new(ctx, QEMU_CLOCK_REALTIME, SCALE_NS, serve, NULL);
    take_in_aio_poll();
    timer_del(served_timer);
    timer_free(served_timer);
    served_timer = NULL;
    sleeper_free(thread);
}

/* A source that GLib dispatches before the context's, in the same turn. */

static int blocker_is_ready;

static gboolean blocker_prepare(GSource *source, gint *timeout)
{
    (void)source;
    *timeout = -1;
    return FALSE;
}

static gboolean blocker_check(GSource *source)
{
    (void)source;
    return load(&blocker_is_ready);
}

static gboolean blocker_dispatch(GSource *source, GSourceFunc callback, gpointer opaque)
{
    (void)source;
    (void)callback;
    (void)opaque;
    store(&blocker_is_ready, 0);
    store(&taken, 1);
    wait_until_at_least(&served, 1);
    return TRUE;
}

static GSourceFuncs blocker_functions = {
    .prepare = blocker_prepare,
    .check = blocker_check,
    .dispatch = blocker_dispatch,
};

static void *iterate_once(void *opaque)
{
    CHECK_EQ(g_main_context_iteration(opaque, TRUE), TRUE);
    return NULL;
}

/* A taker that sleeps in GLib. */
static pthread_t taker_in(GMainContext *loop)
{
    pthread_t taker;

    /* Attaching a source has woken the loop. */
    CHECK_EQ(g_main_context_iteration(loop, FALSE), FALSE);
    taker = start(iterate_once, loop);
    /* The sleeper counts 2, the source 1. */
    while (__atomic_load_n(&ctx->notify_me, __ATOMIC_SEQ_CST) != 3) {
        sched_yield();
    }
    return taker;
}

static void glib_leaves_a_bottom_half_to_others(void)
{
    pthread_t thread = sleeper_new(), taker;
    GMainContext *loop = g_main_context_new();
    GSource *blocker = g_source_new(&blocker_functions, sizeof(GSource));
    GSource *source = aio_get_g_source(ctx);

    g_source_attach(blocker, loop);
    g_source_attach(source, loop);
    taker = taker_in(loop);
    store(&blocker_is_ready, 1);
    qemu_bh_schedule(aio_bh_new(ctx, serve, NULL));
    join(taker);
    g_source_destroy(source);
    g_source_unref(source);
    g_source_destroy(blocker);
    g_source_unref(blocker);
    g_main_context_unref(loop);
    sleeper_free(thread);
}

/* An idle bottom half that the dispatch of the source leaves. */
static void glib_leaves_an_idle_bottom_half_to_others(void)
{
    pthread_t thread = sleeper_new(), taker;
    GMainContext *loop = g_main_context_new();
    GSource *source = aio_get_g_source(ctx);

    is_idle = 1;
    served_bh = aio_bh_new(ctx, serve, NULL);
    g_source_attach(source, loop);
    taker = taker_in(loop);
    qemu_bh_schedule(aio_bh_new(ctx, wait_until_served, NULL));
    join(taker);
    is_idle = 0;
    served_bh = NULL;
    g_source_destroy(source);
    g_source_unref(source);
    g_main_context_unref(loop);
    sleeper_free(thread);
}

int main(void)
{
    init_clocks();
    RUN(aio_poll_in_a_callback_leaves_a_bottom_half_to_others);
    RUN(aio_poll_in_a_callback_leaves_an_idle_bottom_half_to_others);
    RUN(qemu_bh_schedule_idle_in_a_callback_wakes_later_sleepers);
    RUN(aio_poll_looks_by_itself_where_there_is_no_timer);
    RUN(aio_poll_in_a_callback_leaves_a_timer_to_others);
    RUN(glib_leaves_a_bottom_half_to_others);
    RUN(glib_leaves_an_idle_bottom_half_to_others);
    return 0;
}
