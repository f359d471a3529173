/*
 * What a program does with a loop, in small runs that make few system calls each.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef SCENARIOS_H
#define SCENARIOS_H

#include "failing.h"

static QEMUTimer *timer_after(int ms, QEMUTimerCB *callback, void *opaque)
{
    QEMUTimer *timer = aio_timer_new(ctx, QEMU_CLOCK_REALTIME, SCALE_MS, callback, opaque);

    timer_mod(timer, qemu_clock_get_ms(QEMU_CLOCK_REALTIME) + ms);
    return timer;
}

static void run_until_timer(int ms)
{
    int fired = 0;
    QEMUTimer *timer = timer_after(ms, count_run, &fired);

    turn_until(&fired, 1);
    timer_free(timer);
}

static void timers(void)
{
    int runs = 0, i;
    QEMUTimer *list[3];

    for (i = 0; i < 3; i++) {
        list[i] = timer_after(i + 1, count_run, &runs);
    }
    turn_until(&runs, 3);
    check_runs(&runs, 3);
    for (i = 0; i < 3; i++) {
        timer_free(list[i]);
    }
}

static void *put_when_asleep(void *watched)
{
    expect_poller();
    put(((struct watched *)watched)->ends.write);
    return NULL;
}

static void handlers(void)
{
    struct watched one = {pipe_new(), 0, 0}, two = {pipe_new(), 0, 0};
    int writes = 0;
    pthread_t thread;

    watch(&one);
    watch(&two);
    put(one.ends.write);
    turn_until(&one.runs, 1);
    check_runs(&two.runs, 0);
    thread = start(put_when_asleep, &two);
    turn_until(&two.runs, 1);
    join(thread);
    /* Something else is watched for, and the same again. */
    aio_set_fd_handler(ctx, one.ends.write, NULL, count_run, &writes);
    turn_until(&writes, 1);
    aio_set_fd_handler(ctx, one.ends.write, NULL, NULL, NULL);
    aio_set_fd_handler(ctx, one.ends.read, NULL, on_readable, &one);
    watch(&one);
    put(one.ends.write);
    turn_until(&one.runs, 2);
    unwatch(&one);
    put(one.ends.write);
    run_until_timer(3);
    check_runs(&one.runs, 2);
    /* The number comes back for another file. */
    pipe_free(one.ends);
    one.ends = pipe_new();
    watch(&one);
    put(one.ends.write);
    turn_until(&one.runs, 3);
    unwatch(&two);
    unwatch(&one);
    run_until_timer(3);
    check_runs(&two.runs, 1);
    check_runs(&one.runs, 3);
    pipe_free(one.ends);
    pipe_free(two.ends);
}

/* The set must be made anew: a descriptor is closed while a copy of it lives. */
static void closed_descriptors(void)
{
    struct watched one = {pipe_new(), 0, 0}, two = {pipe_new(), 0, 0};
    int copy;

    watch(&one);
    watch(&two);
    put(two.ends.write);
    turn_until(&two.runs, 1);
    copy = dup(one.ends.read);
    CHECK(copy >= 0);
    close(one.ends.read);
    unwatch(&one);
    put(one.ends.write);
    put(two.ends.write);
    turn_until(&two.runs, 2);
    run_until_timer(3);
    check_runs(&two.runs, 2);
    unwatch(&two);
    close(copy);
    close(one.ends.write);
    pipe_free(two.ends);
}

static void files(void)
{
    struct watched pipe = {pipe_new(), 0, 0};
    int runs = 0, file = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    CHECK(file >= 0);
    aio_set_fd_handler(ctx, file, count_run, NULL, &runs);
    watch(&pipe);
    turn_until(&runs, 2);
    put(pipe.ends.write);
    turn_until(&pipe.runs, 1);
    aio_set_fd_handler(ctx, file, NULL, NULL, NULL);
    runs = 0;
    run_until_timer(3);
    CHECK_EQ(runs, 0);
    unwatch(&pipe);
    pipe_free(pipe.ends);
    close(file);
}

static int events;

static void on_event(EventNotifier *e)
{
    if (event_notifier_test_and_clear(e)) {
        count_run(&events);
    }
}

static void event_notifiers(void)
{
    EventNotifier e;
    int before = open_descriptors(), result, i;

    result = event_notifier_init(&e, 0);
    if (result < 0) {
        check_error(-result);
        CHECK_EQ(open_descriptors(), before);
        return;
    }
    events = 0;
    aio_set_event_notifier(ctx, &e, on_event);
    for (i = 1; i <= 2; i++) {
        result = event_notifier_set(&e);
        if (result < 0) {
            check_error(-result);
        }
        turn_until(&events, i);
    }
    run_until_timer(3);
    aio_set_event_notifier(ctx, &e, NULL);
    event_notifier_cleanup(&e);
}

enum { ROUNDS = 3 };

static QEMUBH *half;
static int half_runs;

static void *schedule_when_asleep(void *unused)
{
    int i;

    for (i = 1; i <= ROUNDS; i++) {
        expect_poller();
        qemu_bh_schedule(half);
        expect(&half_runs, i);
    }
    return unused;
}

static void bottom_halves(void)
{
    pthread_t thread;

    half_runs = 0;
    half = aio_bh_new(ctx, count_run, &half_runs);
    thread = start(schedule_when_asleep, NULL);
    turn_until(&half_runs, ROUNDS);
    join(thread);
    qemu_bh_schedule_idle(half);
    turn_until(&half_runs, ROUNDS + 1);
    check_runs(&half_runs, ROUNDS + 1);
    qemu_bh_delete(half);
}

static int acquired;
static pthread_t lock_waiter;

static void *want_the_lock(void *unused)
{
    expect_poller();
    aio_context_acquire(ctx);
    store(&acquired, 1);
    aio_context_release(ctx);
    return unused;
}

/* A thread comes for the lock while its owner sleeps, and still waits in the next sleep. */
static void poll_nested(void *runs)
{
    lock_waiter = start(want_the_lock, NULL);
    while (lock_queue(ctx) < 2 && !given_up()) {
        turn();
    }
    run_until_timer(3);
    count_run(runs);
}

static void lock_waiters(void)
{
    int runs = 0;
    QEMUBH *bh = aio_bh_new(ctx, poll_nested, &runs);

    store(&acquired, 0);
    qemu_bh_schedule(bh);
    while (load(&runs) < 1) {
        turn();
    }
    join(lock_waiter);
    CHECK_EQ(acquired, 1);
    qemu_bh_delete(bh);
}

static int work(void *number)
{
    return *(int *)number + 1000;
}

static int refused_requests;

static void complete(void *runs, int result)
{
    if (result == -EAGAIN) {
        CHECK(failing == CALL_PTHREAD_CREATE || failing == CALL_MMAP);
        refused_requests++;
    } else {
        CHECK_EQ(result, 1007);
    }
    count_run(runs);
}

static void pool(void)
{
    ThreadPool *threads = aio_get_thread_pool(ctx);
    int runs = 0, number = 7, i;

    CHECK(threads != NULL);
    for (i = 0; i < 3; i++) {
        thread_pool_submit_aio(threads, work, &number, complete, &runs);
    }
    turn_until(&runs, 3);
    /* All complete, even after something is given up: freeing the context frees the pool. */
    while (load(&runs) < 3) {
        turn();
    }
    CHECK(refused_requests == 0 || load(&interpose_failed) > 0);
}

static void glib(void)
{
    struct watched pipe = {pipe_new(), 0, 0};
    pthread_t thread;

    half_runs = 0;
    main_context = g_main_context_new();
    CHECK(g_source_attach(&ctx->source, main_context) > 0);
    half = aio_bh_new(ctx, count_run, &half_runs);
    watch(&pipe);
    put(pipe.ends.write);
    turn_until(&pipe.runs, 1);
    thread = start(schedule_when_asleep, NULL);
    turn_until(&half_runs, ROUNDS);
    join(thread);
    run_until_timer(3);
    unwatch(&pipe);
    qemu_bh_delete(half);
    pipe_free(pipe.ends);
}

/* One of two pollers leaves with the wakeup for a timer, which the other one must run. */
static int leaves;

static void *poll_and_leave(void *unused)
{
    while (!load(&leaves)) {
        turn();
    }
    return unused;
}

/* The other poller may run the timer just before this thread sleeps with nothing to come. */
static void count_run_and_wake(void *runs)
{
    count_run(runs);
    wake_by_work(ctx);
}

static void two_pollers(void)
{
    int runs = 0;
    QEMUTimer *timer;
    pthread_t thread;

    store(&leaves, 0);
    thread = start(poll_and_leave, NULL);
    expect_poller();
    store(&leaves, 1);
    timer = timer_after(2, count_run_and_wake, &runs);
    turn_until(&runs, 1);
    /* It may not have been needed. */
    while (pthread_tryjoin_np(thread, NULL) != 0) {
        wake_by_work(ctx);
        sched_yield();
    }
    check_runs(&runs, 1);
    timer_free(timer);
}

/* Parent and child both go on with the context, the child first. */
static void forks(void)
{
    struct watched pipe = {pipe_new(), 0, 0};
    int runs = 0, status;
    QEMUBH *bh = aio_bh_new(ctx, count_run, &runs);
    pid_t child;

    watch(&pipe);
    put(pipe.ends.write);
    turn_until(&pipe.runs, 1);
    child = fork_scenario();
    if (child == 0) {
        unwatch(&pipe);
        pipe_free(pipe.ends);
        pipe = (struct watched){pipe_new(), 1, 0};
        watch(&pipe);
    } else {
        CHECK_EQ(waitpid(child, &status, 0), child);
        CHECK_EQ(status, 0);
    }
    qemu_bh_schedule(bh);
    turn_until(&runs, 1);
    put(pipe.ends.write);
    turn_until(&pipe.runs, 2);
    run_until_timer(3);
    unwatch(&pipe);
    pipe_free(pipe.ends);
    qemu_bh_delete(bh);
}

#endif /* SCENARIOS_H */
