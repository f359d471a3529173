/*
 * aio_poll() as a whole: when it sleeps, what wakes it, what it returns, in one thread and in
 * many.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "context.h"

static AioContext *ctx;

static void aio_poll_returns_false_with_nothing_to_do(void)
{
    ctx = context_new();
    CHECK_EQ(aio_poll(ctx, false), false);
    CHECK_EQ(aio_prepare(ctx), false);
    CHECK_EQ(aio_dispatch(ctx), false);
    CHECK_EQ(aio_bh_poll(ctx), 0);
    CHECK_EQ(aio_compute_timeout(ctx), -1);
    CHECK_EQ(ctx->notify_me, 0);
    aio_context_unref(ctx);
}

static int turn;

static void *notify_the_poller(void *opaque)
{
    int *turns = opaque, i;

    for (i = 0; i < *turns; i++) {
        wait_until_at_least(&turn, i);
        wait_for_poller(ctx);
        aio_notify(ctx);
    }
    return NULL;
}

static void aio_notify_wakes_and_is_no_progress(void)
{
    int turns = check_often(2000), i;
    pthread_t thread;

    ctx = context_new();
    store(&turn, 0);
    thread = start(notify_the_poller, &turns);
    for (i = 0; i < turns; i++) {
        CHECK_EQ(aio_poll(ctx, true), false);
        store(&turn, i + 1);
    }
    join(thread);
    CHECK_EQ(ctx->notify_me, 0);
    /*
     * A notifier that comes while the poller raises notify_me may take it for a foreign one,
     * and fill the public event too, which an accept empties.
     */
    aio_notify_accept(ctx);
    CHECK_EQ(is_readable(event_notifier_get_fd(&ctx->notifier)), 0);
    aio_context_unref(ctx);
}

/* A notification with nobody asleep is not remembered: the loop looks before it sleeps. */
static void aio_notify_of_an_awake_loop_costs_nothing(void)
{
    ctx = context_new();
    aio_notify(ctx);
    CHECK_EQ(ctx->notified, false);
    CHECK_EQ(is_readable(event_notifier_get_fd(&ctx->notifier)), 0);
    CHECK_EQ(aio_poll(ctx, false), false);
    aio_context_unref(ctx);
}

static void aio_poll_sleeps_until_a_timer(void)
{
    QEMUTimer *timer;
    int64_t deadline, timeout;
    int fired = 0, polls = 0;

    ctx = context_new();
    timer = aio_timer_new(ctx, QEMU_CLOCK_REALTIME, SCALE_NS, count_run, &fired);
    deadline = qemu_clock_get_ns(QEMU_CLOCK_REALTIME) + 20 * SCALE_MS;
    timer_mod(timer, deadline);
    timeout = aio_compute_timeout(ctx);
    CHECK(timeout >= 0 && timeout <= 20 * SCALE_MS);
    while (!fired) {
        bool progress = aio_poll(ctx, true);

        CHECK_EQ(progress, fired);
        polls++;
    }
    CHECK(qemu_clock_get_ns(QEMU_CLOCK_REALTIME) >= deadline);
    CHECK(polls <= 5);
    CHECK_EQ(aio_compute_timeout(ctx), -1);

    timer_mod(timer, 0);
    CHECK_EQ(aio_compute_timeout(ctx), 0);
    CHECK_EQ(aio_dispatch(ctx), true);
    CHECK_EQ(fired, 2);
    timer_free(timer);
    aio_context_unref(ctx);
}

static void *arm_earlier(void *timer)
{
    wait_for_poller(ctx);
    timer_mod(timer, 0);
    return NULL;
}

static void timer_mod_in_another_thread_wakes(void)
{
    pthread_t thread;
    QEMUTimer *timer;
    int fired = 0;

    ctx = context_new();
    timer = aio_timer_new(ctx, QEMU_CLOCK_REALTIME, SCALE_MS, count_run, &fired);
    timer_mod(timer, INT64_MAX / SCALE_MS);
    thread = start(arm_earlier, timer);
    poll_until_at_least(ctx, &fired, 1);
    join(thread);
    timer_free(timer);
    aio_context_unref(ctx);
}

static void add_b(void *unused)
{
    (void)unused;
    ran_add('b');
}

static void add_t(void *unused)
{
    (void)unused;
    ran_add('t');
}

static void add_h(void *opaque)
{
    take(*(int *)opaque);
    ran_add('h');
}

static void aio_poll_runs_bottom_halves_then_handlers_then_timers(void)
{
    struct ends ends = pipe_new();
    QEMUTimer *timer;

    ctx = context_new();
    ran_clear();
    timer = aio_timer_new(ctx, QEMU_CLOCK_REALTIME, SCALE_MS, add_t, NULL);
    aio_set_fd_handler(ctx, ends.read, add_h, NULL, &ends.read);
    timer_mod(timer, 0);
    put(ends.write);
    qemu_bh_schedule(aio_bh_new(ctx, add_b, NULL));
    CHECK_EQ(aio_poll(ctx, true), true);
    CHECK_RAN("bht");
    CHECK_EQ(aio_poll(ctx, false), false);
    aio_set_fd_handler(ctx, ends.read, NULL, NULL, NULL);
    timer_free(timer);
    pipe_free(ends);
    aio_context_unref(ctx);
}

/* Two loops that wake each other. */
static AioContext *loops[2];
static QEMUBH *halves[2];
static int rounds;

#define ROUNDS check_often(5000)

static void ping(void *opaque)
{
    int me = (int)(intptr_t)opaque;

    if (__atomic_add_fetch(&rounds, 1, __ATOMIC_SEQ_CST) <= ROUNDS) {
        qemu_bh_schedule(halves[!me]);
    }
}

static void *run_loop(void *opaque)
{
    int me = (int)(intptr_t)opaque;

    while (load(&rounds) < ROUNDS) {
        aio_poll(loops[me], true);
    }
    /* The other loop may sleep, and gets no more work. */
    wake_by_work(loops[!me]);
    return NULL;
}

static void qemu_bh_schedule_lets_two_loops_wake_each_other(void)
{
    pthread_t threads[2];
    intptr_t i;

    store(&rounds, 0);
    for (i = 0; i < 2; i++) {
        loops[i] = context_new();
        halves[i] = aio_bh_new(loops[i], ping, (void *)i);
    }
    qemu_bh_schedule(halves[0]);
    for (i = 0; i < 2; i++) {
        threads[i] = start(run_loop, (void *)i);
    }
    for (i = 0; i < 2; i++) {
        join(threads[i]);
    }
    CHECK(rounds >= ROUNDS);
    aio_context_unref(loops[0]);
    aio_context_unref(loops[1]);
}

/* Several threads poll one context in turn, while others give it work. */
enum { POLLERS = 3, WORKERS = 3 };

#define ITEMS check_often(5000)

static int items_run, items_inside, pollers_stop;

struct item {
    QEMUBH *bh;
};

static void run_item(void *opaque)
{
    struct item *item = opaque;

    /* The context's lock is held: no two callbacks at once. */
    CHECK_EQ(__atomic_add_fetch(&items_inside, 1, __ATOMIC_SEQ_CST), 1);
    qemu_bh_delete(item->bh);
    free(item);
    CHECK_EQ(__atomic_sub_fetch(&items_inside, 1, __ATOMIC_SEQ_CST), 0);
    __atomic_add_fetch(&items_run, 1, __ATOMIC_SEQ_CST);
}

static void *poll_in_turn(void *unused)
{
    poll_until_at_least(ctx, &pollers_stop, 1);
    return unused;
}

static void *make_items(void *unused)
{
    int i;

    for (i = 0; i < ITEMS; i++) {
        struct item *item = malloc(sizeof(*item));

        CHECK(item != NULL);
        item->bh = aio_bh_new(ctx, run_item, item);
        qemu_bh_schedule(item->bh);
    }
    return unused;
}

static void aio_poll_in_several_threads_loses_nothing(void)
{
    pthread_t pollers[POLLERS], workers[WORKERS];
    int i;

    ctx = context_new();
    store(&items_run, 0);
    store(&pollers_stop, 0);
    for (i = 0; i < POLLERS; i++) {
        pollers[i] = start(poll_in_turn, NULL);
    }
    for (i = 0; i < WORKERS; i++) {
        workers[i] = start(make_items, NULL);
    }
    for (i = 0; i < WORKERS; i++) {
        join(workers[i]);
    }
    wait_until_at_least(&items_run, WORKERS * ITEMS);
    store(&pollers_stop, 1);
    for (i = 0; i < POLLERS; i++) {
        /* Another poller may have taken its wakeup. */
        while (pthread_tryjoin_np(pollers[i], NULL) != 0) {
            aio_notify(ctx);
            sched_yield();
        }
    }
    CHECK_EQ(items_run, WORKERS * ITEMS);
    CHECK_EQ(ctx->notify_me, 0);
    aio_context_unref(ctx);
}

static struct ends shared;
static int handler_runs, has_read, sleeper_tid, looker_tid;

static void *sleep_once(void *unused)
{
    store(&sleeper_tid, own_tid());
    aio_poll(ctx, true);
    return unused;
}

/* Reads when the other thread, whichever it is, waits for the lock. */
static void read_beside_another_poller(void *unused)
{
    int is_sleeper = own_tid() == load(&sleeper_tid);
    int other = is_sleeper ? looker_tid : sleeper_tid;

    (void)unused;
    CHECK_EQ(__atomic_add_fetch(&handler_runs, 1, __ATOMIC_SEQ_CST), 1);
    while (lock_queue(ctx) < 2 || !is_asleep(other)) {
        sched_yield();
    }
    CHECK_EQ(load(&handler_runs), 1);
    CHECK_EQ(take(shared.read), 1);
    store(&has_read, 1);
}

/* Nor does a callback run for data that another has read. */
static void aio_poll_in_several_threads_runs_one_callback_at_a_time(void)
{
    pthread_t sleeper;

    ctx = context_new();
    shared = pipe_new();
    looker_tid = own_tid();
    aio_set_fd_handler(ctx, shared.read, read_beside_another_poller, NULL, NULL);
    sleeper = start(sleep_once, NULL);
    wait_for_poller(ctx);
    put(shared.write);
    while (!load(&has_read)) {
        aio_poll(ctx, false);
    }
    join(sleeper);
    CHECK_EQ(handler_runs, 1);
    aio_set_fd_handler(ctx, shared.read, NULL, NULL, NULL);
    pipe_free(shared);
    aio_context_unref(ctx);
}

int main(void)
{
    init_clocks();
    RUN(aio_poll_returns_false_with_nothing_to_do);
    RUN(aio_notify_wakes_and_is_no_progress);
    RUN(aio_notify_of_an_awake_loop_costs_nothing);
    RUN(aio_poll_sleeps_until_a_timer);
    RUN(timer_mod_in_another_thread_wakes);
    RUN(aio_poll_runs_bottom_halves_then_handlers_then_timers);
    RUN(qemu_bh_schedule_lets_two_loops_wake_each_other);
    RUN(aio_poll_in_several_threads_loses_nothing);
    RUN(aio_poll_in_several_threads_runs_one_callback_at_a_time);
    return 0;
}
