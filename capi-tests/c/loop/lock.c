/*
 * The context's lock: recursion, turns, and threads that want it while the owner polls.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "context.h"

static AioContext *ctx;
static int acquired;

static void *acquire_once(void *unused)
{
    aio_context_acquire(ctx);
    __atomic_add_fetch(&acquired, 1, __ATOMIC_SEQ_CST);
    aio_context_release(ctx);
    return unused;
}

static void wait_for_queue(unsigned length)
{
    while (lock_queue(ctx) < length) {
        sched_yield();
    }
}

static void aio_context_acquire_is_recursive(void)
{
    pthread_t thread;

    ctx = context_new();
    store(&acquired, 0);
    aio_context_acquire(ctx);
    aio_context_acquire(ctx);
    thread = start(acquire_once, NULL);
    wait_for_queue(2);
    aio_context_release(ctx);
    CHECK_EQ(load(&acquired), 0);
    aio_context_acquire(ctx);
    aio_context_release(ctx);
    CHECK_EQ(load(&acquired), 0);
    aio_context_release(ctx);
    join(thread);
    CHECK_EQ(acquired, 1);
    CHECK_EQ(lock_queue(ctx), 0);
    aio_context_unref(ctx);
}

enum { WAITERS = 8 };

static int order[WAITERS];

static void *acquire_cancelled(void *unused)
{
    CHECK_EQ(pthread_cancel(pthread_self()), 0);
    acquire_once(NULL);
    pthread_testcancel();
    CHECK(!"pthread_testcancel has returned");
    return unused;
}

static void aio_context_acquire_is_no_cancellation_point(void)
{
    pthread_t thread;
    void *result;

    ctx = context_new();
    store(&acquired, 0);
    aio_context_acquire(ctx);
    thread = start(acquire_cancelled, NULL);
    wait_for_queue(2);
    aio_context_release(ctx);
    CHECK_EQ(pthread_join(thread, &result), 0);
    CHECK(result == PTHREAD_CANCELED);
    CHECK_EQ(load(&acquired), 1);
    aio_context_unref(ctx);
}

static void *note_turn(void *opaque)
{
    aio_context_acquire(ctx);
    order[acquired++] = (int)(intptr_t)opaque;
    aio_context_release(ctx);
    return NULL;
}

static void aio_context_acquire_serves_in_the_order_of_arrival(void)
{
    pthread_t threads[WAITERS];
    intptr_t i;

    ctx = context_new();
    acquired = 0;
    aio_context_acquire(ctx);
    for (i = 0; i < WAITERS; i++) {
        threads[i] = start(note_turn, (void *)i);
        wait_for_queue((unsigned)i + 2);
    }
    aio_context_release(ctx);
    for (i = 0; i < WAITERS; i++) {
        join(threads[i]);
        CHECK_EQ(order[i], i);
    }
    aio_context_unref(ctx);
}

/* The owner already sleeps in poll when the other thread comes. */
static void *acquire_when_asleep(void *unused)
{
    wait_for_poller(ctx);
    return acquire_once(unused);
}

static void aio_context_acquire_wakes_an_owner_that_sleeps(void)
{
    pthread_t thread;

    ctx = context_new();
    store(&acquired, 0);
    aio_context_acquire(ctx);
    thread = start(acquire_when_asleep, NULL);
    CHECK_EQ(aio_poll(ctx, true), false);
    aio_context_release(ctx);
    join(thread);
    CHECK_EQ(acquired, 1);
    aio_context_unref(ctx);
}

static void *acquire_from_a_sleeper(void *bh)
{
    wait_for_poller(ctx);
    /* It sleeps until there is the bottom half. */
    while (lock_queue(ctx) != 0) {
        sched_yield();
    }
    acquire_once(NULL);
    qemu_bh_schedule(bh);
    return NULL;
}

static void aio_poll_gives_the_lock_up_while_it_sleeps(void)
{
    pthread_t thread;

    ctx = context_new();
    store(&acquired, 0);
    thread = start(acquire_from_a_sleeper, aio_bh_new(ctx, do_nothing, NULL));
    poll_until_at_least(ctx, &acquired, 1);
    join(thread);
    CHECK_EQ(acquired, 1);
    aio_context_unref(ctx);
}

static int waiter_tid, poll_returned;
static int owner_tid;

static void *wait_for_lock(void *unused)
{
    store(&waiter_tid, own_tid());
    return acquire_once(unused);
}

/* Ends the program if the owner sleeps in its poll and nothing wakes it. */
static void *watch_owner(void *unused)
{
    int asleep = 0;

    while (!load(&poll_returned)) {
        struct timespec moment = {0, 1000000};

        nanosleep(&moment, NULL);
        asleep = is_asleep(owner_tid) ? asleep + 1 : 0;
        if (asleep == 1000 && !load(&poll_returned)) {
            fprintf(stderr,
                    "%s: deadlock: the owner sleeps while a thread waits for the lock\n",
                    check_current);
            _exit(1);
        }
    }
    return unused;
}

/*
 * The waiter has called the contention callback, which found nobody asleep, before the owner
 * polls.
 */
static void aio_poll_of_the_owner_does_not_sleep_while_a_thread_waits(void)
{
    pthread_t waiter, watcher;
    int i;

    ctx = context_new();
    owner_tid = own_tid();
    for (i = 0; i < 3; i++) {
        store(&acquired, 0);
        store(&waiter_tid, 0);
        store(&poll_returned, 0);
        aio_context_acquire(ctx);
        waiter = start(wait_for_lock, NULL);
        wait_for_queue(2);
        /* It sleeps with a ticket, so it has called the callback. */
        while (!is_asleep(load(&waiter_tid))) {
            sched_yield();
        }
        watcher = start(watch_owner, NULL);
        /* Also in a nested poll, and where the owner holds the lock several times. */
        if (i == 1) {
            aio_context_acquire(ctx);
        }
        CHECK_EQ(aio_poll(ctx, true), false);
        store(&poll_returned, 1);
        if (i == 1) {
            aio_context_release(ctx);
        }
        CHECK_EQ(load(&acquired), 0);
        aio_context_release(ctx);
        join(waiter);
        join(watcher);
        CHECK_EQ(acquired, 1);
    }
    aio_context_unref(ctx);
}

static void poll_with_a_waiter(void *unused)
{
    pthread_t watcher;

    (void)unused;
    store(&poll_returned, 0);
    wait_for_queue(2);
    while (!is_asleep(load(&waiter_tid))) {
        sched_yield();
    }
    watcher = start(watch_owner, NULL);
    CHECK_EQ(aio_poll(ctx, true), false);
    store(&poll_returned, 1);
    join(watcher);
}

static void *wait_for_lock_in_callback(void *unused)
{
    /* Not before the callback runs, in which the lock is held. */
    while (lock_queue(ctx) == 0) {
        sched_yield();
    }
    return wait_for_lock(unused);
}

/* Also where the outer poll, which need not sleep, begins with the waiter in the queue. */
static void aio_poll_in_a_callback_does_not_sleep_while_a_thread_waits(void)
{
    int form;

    ctx = context_new();
    owner_tid = own_tid();
    for (form = 0; form < 4; form++) {
        int before = form & 1, by_timer = form & 2;
        QEMUBH *bh = aio_bh_new(ctx, poll_with_a_waiter, NULL);
        QEMUTimer *timer =
            aio_timer_new(ctx, QEMU_CLOCK_REALTIME, SCALE_NS, poll_with_a_waiter, NULL);
        pthread_t waiter;

        store(&acquired, 0);
        store(&waiter_tid, 0);
        if (by_timer) {
            timer_mod(timer, 0);
        } else {
            qemu_bh_schedule(bh);
        }
        aio_context_acquire(ctx);
        waiter = start(wait_for_lock_in_callback, NULL);
        if (before) {
            wait_for_queue(2);
            while (!is_asleep(load(&waiter_tid))) {
                sched_yield();
            }
        }
        CHECK_EQ(aio_poll(ctx, true), true);
        /* The poll in the callback was told of the waiter, and has returned. */
        poll_with_a_waiter(NULL);
        aio_context_release(ctx);
        join(waiter);
        CHECK_EQ(acquired, 1);
        timer_free(timer);
        qemu_bh_delete(bh);
    }
    aio_context_unref(ctx);
}

/* Waits behind the owner, and polls as soon as it is the owner itself. */
static void *poll_as_the_next_owner(void *unused)
{
    pthread_t watcher;

    store(&owner_tid, own_tid());
    aio_context_acquire(ctx);
    watcher = start(watch_owner, NULL);
    CHECK_EQ(aio_poll(ctx, true), false);
    store(&poll_returned, 1);
    aio_context_release(ctx);
    join(watcher);
    return unused;
}

/* No thread has joined the queue since: only the lock's head shows the new owner. */
static void aio_poll_of_each_owner_sees_the_same_waiter(void)
{
    pthread_t next, waiter;

    ctx = context_new();
    store(&acquired, 0);
    store(&waiter_tid, 0);
    store(&owner_tid, 0);
    store(&poll_returned, 0);
    aio_context_acquire(ctx);
    next = start(poll_as_the_next_owner, NULL);
    wait_for_queue(2);
    waiter = start(wait_for_lock, NULL);
    wait_for_queue(3);
    /* Both have called the contention callback. */
    while (!is_asleep(load(&owner_tid)) || !is_asleep(load(&waiter_tid))) {
        sched_yield();
    }
    CHECK_EQ(aio_poll(ctx, true), false);
    aio_context_release(ctx);
    join(next);
    join(waiter);
    CHECK_EQ(acquired, 1);
    aio_context_unref(ctx);
}

/* Threads that take turns with the lock and poll in between, as vCPU threads and a main loop
 * do. */
enum { THREADS = 4 };

#define TURNS check_often(2000)

static int left, inside;

static void *take_turns(void *unused)
{
    int i;

    for (i = 0; i < TURNS; i++) {
        aio_context_acquire(ctx);
        CHECK_EQ(__atomic_add_fetch(&inside, 1, __ATOMIC_SEQ_CST), 1);
        CHECK_EQ(__atomic_sub_fetch(&inside, 1, __ATOMIC_SEQ_CST), 0);
        aio_context_release(ctx);
    }
    __atomic_sub_fetch(&left, 1, __ATOMIC_SEQ_CST);
    wake_by_work(ctx);
    return unused;
}

static void aio_poll_and_aio_context_acquire_make_progress(void)
{
    pthread_t threads[THREADS];
    int i;

    ctx = context_new();
    store(&left, THREADS);
    for (i = 0; i < THREADS; i++) {
        threads[i] = start(take_turns, NULL);
    }
    while (load(&left) > 0) {
        aio_context_acquire(ctx);
        CHECK_EQ(load(&inside), 0);
        aio_poll(ctx, true);
        CHECK_EQ(load(&inside), 0);
        aio_context_release(ctx);
    }
    for (i = 0; i < THREADS; i++) {
        join(threads[i]);
    }
    CHECK_EQ(lock_queue(ctx), 0);
    aio_context_unref(ctx);
}

int main(void)
{
    init_clocks();
    RUN(aio_context_acquire_is_recursive);
    RUN(aio_context_acquire_is_no_cancellation_point);
    RUN(aio_context_acquire_serves_in_the_order_of_arrival);
    RUN(aio_context_acquire_wakes_an_owner_that_sleeps);
    RUN(aio_poll_gives_the_lock_up_while_it_sleeps);
    RUN(aio_poll_of_the_owner_does_not_sleep_while_a_thread_waits);
    RUN(aio_poll_in_a_callback_does_not_sleep_while_a_thread_waits);
    RUN(aio_poll_of_each_owner_sees_the_same_waiter);
    RUN(aio_poll_and_aio_context_acquire_make_progress);
    return 0;
}
