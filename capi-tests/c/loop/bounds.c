/*
 * How often loops turn that have little to do, and what CPU time they take: in proportion to
 * their work, with other threads polling the context or waiting for its lock.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <sys/syscall.h>

#include "turns.h"
#include "waiters.h"

static AioContext *ctx;

/* Threads that want the lock while another one has it. */
enum { WAITERS = 3 };

/* Two for the timer, and one for each waiter. */
static void aio_poll_gives_one_sleep_up_for_each_waiter(void)
{
    struct waiter waiters[WAITERS];
    struct run_time time;
    int count, i;

    for (count = 0; count <= WAITERS; count++) {
        ctx = context_new();
        aio_context_acquire(ctx);
        for (i = 0; i < count; i++) {
            waiter_begin(&waiters[i], ctx);
        }
        time = run_begin();
        check_turns(turns_until_timer(ctx, 100), 2 + count);
        /* Threads that still wait are no reason to wake up again. */
        check_turns(turns_until_timer(ctx, 100), 2);
        check_cpu(time);
        for (i = 0; i < count; i++) {
            CHECK_EQ(load(&waiters[i].acquired), 0);
        }
        aio_context_release(ctx);
        for (i = 0; i < count; i++) {
            waiter_end(&waiters[i]);
        }
        aio_context_unref(ctx);
    }
}

static void *come_while_it_sleeps(void *opaque)
{
    struct waiter *waiters = opaque;
    int i;

    for (i = 0; i < WAITERS; i++) {
        wait_for_poller(ctx);
        waiter_begin(&waiters[i], ctx);
    }
    return NULL;
}

static void aio_poll_wakes_once_for_each_waiter_that_comes(void)
{
    struct waiter waiters[WAITERS];
    pthread_t thread;
    int i;

    ctx = context_new();
    aio_context_acquire(ctx);
    thread = start(come_while_it_sleeps, waiters);
    check_turns(turns_until_timer(ctx, 200), 2 + WAITERS);
    join(thread);
    check_turns(turns_until_timer(ctx, 50), 2 + WAITERS);
    check_turns(turns_until_timer(ctx, 50), 2);
    aio_context_release(ctx);
    for (i = 0; i < WAITERS; i++) {
        waiter_end(&waiters[i]);
    }
    aio_context_unref(ctx);
}

/* The same in a callback, where aio_poll itself has taken the lock before. */
static struct waiter nested_waiter;

static void poll_nested(void *unused)
{
    (void)unused;
    waiter_begin(&nested_waiter, ctx);
    check_turns(turns_until_timer(ctx, 100), 3);
    CHECK_EQ(load(&nested_waiter.acquired), 0);
}

static void aio_poll_gives_one_sleep_up_in_a_callback(void)
{
    ctx = context_new();
    qemu_bh_schedule(aio_bh_new(ctx, poll_nested, NULL));
    CHECK_EQ(aio_poll(ctx, true), true);
    waiter_end(&nested_waiter);
    aio_context_unref(ctx);
}

static int lock_stop, lock_turns;

static void *take_turns(void *unused)
{
    while (!load(&lock_stop)) {
        aio_context_acquire(ctx);
        aio_context_release(ctx);
        __atomic_add_fetch(&lock_turns, 1, __ATOMIC_SEQ_CST);
    }
    return unused;
}

/* Where sleeping gives the lock up, waiters cost nothing. */
static void aio_poll_sleeps_on_where_it_has_given_the_lock_up(void)
{
    pthread_t thread;

    ctx = context_new();
    store(&lock_stop, 0);
    store(&lock_turns, 0);
    thread = start(take_turns, NULL);
    wait_until_at_least(&lock_turns, 1);
    check_turns(turns_until_timer(ctx, 100), 3);
    store(&lock_stop, 1);
    join(thread);
    CHECK(lock_turns > 10);
    aio_context_unref(ctx);
}

/* Pollers of one context; GLib may be one more. */
enum { POLLERS = 4 };

static int stop, turns;
static pthread_t pollers[POLLERS], iterator;
static GMainContext *main_context;

static void *poll_on(void *unused)
{
    while (!load(&stop)) {
        aio_poll(ctx, true);
        __atomic_add_fetch(&turns, 1, __ATOMIC_SEQ_CST);
    }
    return unused;
}

static void *iterate_on(void *unused)
{
    while (!load(&stop)) {
        g_main_context_iteration(main_context, TRUE);
        __atomic_add_fetch(&turns, 1, __ATOMIC_SEQ_CST);
    }
    return unused;
}

static void pollers_begin(int count, int with_glib)
{
    int i;

    store(&stop, 0);
    store(&turns, 0);
    for (i = 0; i < count; i++) {
        pollers[i] = start(poll_on, NULL);
    }
    if (with_glib) {
        main_context = g_main_context_new();
        CHECK(g_source_attach(&ctx->source, main_context) > 0);
        iterator = start(iterate_on, NULL);
    }
}

static void stop_one(pthread_t thread)
{
    while (pthread_tryjoin_np(thread, NULL) != 0) {
        wake_by_work(ctx);
        sched_yield();
    }
}

static void pollers_end(int count, int with_glib)
{
    int i;

    store(&stop, 1);
    for (i = 0; i < count; i++) {
        stop_one(pollers[i]);
    }
    if (with_glib) {
        stop_one(iterator);
        g_source_destroy(&ctx->source);
        g_main_context_unref(main_context);
    }
}

/* Without CPU time of its own. */
static void wait_until_run(int *runs, int target)
{
    while (load(runs) < target) {
        struct timespec moment = {0, 1000000};

        nanosleep(&moment, NULL);
    }
}

static QEMUTimer *ticker;
static int ticks;

static void tick(void *unused)
{
    (void)unused;
    __atomic_add_fetch(&ticks, 1, __ATOMIC_SEQ_CST);
    timer_mod(ticker, qemu_clock_get_ms(QEMU_CLOCK_REALTIME) + 10);
}

static void aio_poll_turns_in_proportion_to_timers(void)
{
    int with_glib;

    for (with_glib = 0; with_glib <= 1; with_glib++) {
        struct run_time time = run_begin();
        int ran, turned;

        ctx = context_new();
        store(&ticks, 0);
        ticker = aio_timer_new(ctx, QEMU_CLOCK_REALTIME, SCALE_MS, tick, NULL);
        tick(NULL);
        pollers_begin(POLLERS, with_glib);
        wait_until_run(&ticks, 50);
        ran = load(&ticks);
        turned = load(&turns);
        check_cpu(time);
        CHECK(ran <= run_periods(time) + 2);
        /* Each poller may wake for the timer, for its next deadline, and for a lock. */
        check_turns(turned, 4 * (POLLERS + with_glib) * (ran + 2));
        pollers_end(POLLERS, with_glib);
        timer_free(ticker);
        aio_context_unref(ctx);
    }
}

static QEMUBH *idle;

static void count_and_idle(void *runs)
{
    count_run(runs);
    qemu_bh_schedule_idle(idle);
}

static void run_idle(int count, int with_glib)
{
    struct run_time time = run_begin();
    int runs = 0, ran, turned, all = count + with_glib;

    ctx = context_new();
    idle = aio_bh_new(ctx, count_and_idle, &runs);
    qemu_bh_schedule_idle(idle);
    pollers_begin(count, with_glib);
    wait_until_run(&runs, 40);
    ran = load(&runs);
    turned = load(&turns);
    check_cpu(time);
    if (ran > (all + 2) * (run_periods(time) + 2)) {
        fprintf(stderr, "%s: %d runs in %d periods, %d pollers\n", check_current, ran,
                run_periods(time), all);
        exit(1);
    }
    check_turns(turned, 2 * (all + 2) * (run_periods(time) + 2));
    pollers_end(count, with_glib);
    qemu_bh_delete(idle);
    aio_context_unref(ctx);
}

static void qemu_bh_schedule_idle_runs_every_10_ms_for_each_poller(void)
{
    int count;

    for (count = 0; count <= 3; count++) {
        if (count > 0) {
            run_idle(count, 0);
        }
        run_idle(count, 1);
    }
}

/* Nothing to do: nobody turns. */
static void aio_poll_sleeps_with_nothing_to_do(void)
{
    struct timespec a_while = {0, 200000000};
    struct run_time time;

    ctx = context_new();
    pollers_begin(POLLERS, 1);
    wait_for_poller(ctx);
    time = run_begin();
    nanosleep(&a_while, NULL);
    check_cpu(time);
    check_turns(load(&turns), 2 * (POLLERS + 1));
    pollers_end(POLLERS, 1);
    aio_context_unref(ctx);
}

int main(void)
{
    init_clocks();
    RUN(aio_poll_gives_one_sleep_up_for_each_waiter);
    RUN(aio_poll_wakes_once_for_each_waiter_that_comes);
    RUN(aio_poll_gives_one_sleep_up_in_a_callback);
    RUN(aio_poll_sleeps_on_where_it_has_given_the_lock_up);
    RUN(aio_poll_turns_in_proportion_to_timers);
    RUN(qemu_bh_schedule_idle_runs_every_10_ms_for_each_poller);
    RUN(aio_poll_sleeps_with_nothing_to_do);
    return 0;
}
