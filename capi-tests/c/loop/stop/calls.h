/*
 * The calls that a thread is stopped in, and what each of them must have done in the end.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef STOP_CALLS_H
#define STOP_CALLS_H

#include "others.h"

/* What the victim works with. */
static struct {
    struct counted bottom_half, timed, descriptor, former;
    QEMUBH *bh;
    QEMUTimer *timer;
    ThreadPool *pool;
    RFifoLock *lock;
    int number, completions, result;
} own;

static int64_t far_away(void)
{
    return qemu_clock_get_ns(QEMU_CLOCK_REALTIME) + 3600 * NANOSECONDS_PER_SECOND;
}

static void own_new(void)
{
    memset(&own, 0, sizeof(own));
    own.bh = aio_bh_new(ctx, note_run, &own.bottom_half);
    own.timer = aio_timer_new(ctx, QEMU_CLOCK_REALTIME, SCALE_NS, note_run, &own.timed);
    own.descriptor.ends = own.former.ends = pipe_new();
    own.pool = aio_get_thread_pool(ctx);
    own.lock = &helper.lock;
}

static void own_free(void)
{
    aio_set_fd_handler(ctx, own.descriptor.ends.read, NULL, NULL, NULL);
    pipe_free(own.descriptor.ends);
    timer_free(own.timer);
}

/* Not more often than this by now, and not later either. */
static void check_runs(int *runs, int least, int most, const char *what)
{
    wait_served(runs, least, 1, what);
    rest();
    if (load(runs) > most) {
        fail("%s ran %d times", what, load(runs));
    }
}

static void forget_runs(void)
{
    int target = load(&own.bottom_half.runs) + 1;

    /* An idle bottom half may be scheduled still. */
    stimulus();
    qemu_bh_schedule(own.bh);
    wait_served(&own.bottom_half.runs, target, 1, "the bottom half, afterwards,");
    rest();
    own.bottom_half.runs = own.timed.runs = own.descriptor.runs = own.former.runs = 0;
    own.completions = 0;
}

/* aio_notify() */

static void call_notify(void)
{
    store(&notes[OF_VICTIM], notes[OF_VICTIM] + 1);
    aio_notify(ctx);
}

static void check_note(void)
{
    wait_until_noted(OF_VICTIM, "the note");
}

static void call_notify_only(void)
{
    aio_notify(ctx);
}

static void check_nothing(void)
{
}

/* Bottom halves. */

static void call_schedule(void)
{
    qemu_bh_schedule(own.bh);
}

static void check_once(void)
{
    check_runs(&own.bottom_half.runs, 1, 1, "the bottom half");
}

static void schedule_the_same(void)
{
    int target = load(&own.bottom_half.runs) + 1;

    stimulus();
    qemu_bh_schedule(own.bh);
    let_go();
    wait_served(&own.bottom_half.runs, target, 1, "a bottom half that both schedule");
}

/* Scheduled twice, and seen to run for the second time: at least once, at most twice. */
static void check_once_or_twice(void)
{
    check_runs(&own.bottom_half.runs, 1, 2, "the bottom half");
}

static void call_schedule_idle(void)
{
    qemu_bh_schedule_idle(own.bh);
}

static void check_idle(void)
{
    wait_served(&own.bottom_half.runs, 1, 40, "the idle bottom half");
    check_once();
}

static void call_cancel(void)
{
    qemu_bh_cancel(own.bh);
}

static void check_at_most_once(void)
{
    check_runs(&own.bottom_half.runs, 0, 1, "the bottom half");
}

static void call_schedule_and_cancel(void)
{
    qemu_bh_schedule(own.bh);
    qemu_bh_cancel(own.bh);
}

static void call_cancel_and_schedule(void)
{
    qemu_bh_schedule(own.bh);
    qemu_bh_cancel(own.bh);
    qemu_bh_schedule(own.bh);
}

static void call_delete(void)
{
    qemu_bh_delete(own.bh);
}

static void call_schedule_and_delete(void)
{
    qemu_bh_schedule(own.bh);
    qemu_bh_delete(own.bh);
}

static void check_deleted(void)
{
    check_at_most_once();
    own.bh = aio_bh_new(ctx, note_run, &own.bottom_half);
}

/* Timers. */

static void call_arm(void)
{
    timer_mod(own.timer, 0);
}

static void call_move(void)
{
    timer_mod(own.timer, far_away());
    timer_mod(own.timer, 0);
}

static void check_fired(void)
{
    check_runs(&own.timed.runs, 1, 1, "the timer");
}

static void call_disarm(void)
{
    timer_mod(own.timer, far_away());
    timer_del(own.timer);
}

static void check_not_fired(void)
{
    check_runs(&own.timed.runs, 0, 0, "the timer");
    if (timer_pending(own.timer)) {
        fail("the timer is pending");
    }
}

/* Handlers. */

static void remove_handler(void)
{
    aio_set_fd_handler(ctx, own.descriptor.ends.read, NULL, NULL, NULL);
    take(own.descriptor.ends.read);
}

static void set_former(void)
{
    aio_set_fd_handler(ctx, own.descriptor.ends.read, count_bytes, NULL, &own.former);
}

static void call_set_handler(void)
{
    aio_set_fd_handler(ctx, own.descriptor.ends.read, count_bytes, NULL, &own.descriptor);
}

static void call_remove_handler(void)
{
    aio_set_fd_handler(ctx, own.descriptor.ends.read, NULL, NULL, NULL);
}

/* Data for a handler that is just being set, replaced or removed. */
static void put_to_handler(void)
{
    stimulus();
    put(own.descriptor.ends.write);
}

static void check_handler_runs(void)
{
    int target = load(&own.descriptor.runs) + 1;

    put_to_handler();
    wait_served(&own.descriptor.runs, target, 1, "the descriptor");
    rest();
}

static void check_handler_is_removed(void)
{
    int runs;

    rest();
    runs = load(&own.former.runs);
    put_to_handler();
    check_runs(&own.former.runs, runs, runs, "a removed handler");
    take(own.descriptor.ends.read);
}

/* The thread pool. */

static int work(void *opaque)
{
    return *(int *)opaque + 1000;
}

static void complete(void *unused, int result)
{
    (void)unused;
    ran_here++;
    own.result = result;
    __atomic_add_fetch(&own.completions, 1, __ATOMIC_SEQ_CST);
}

/* So that the path does not depend on a worker that has just completed something. */
static void let_workers_sleep(void)
{
    int asleep = 0;

    while (asleep < SAMPLES) {
        asleep = whole_process_is_asleep() ? asleep + 1 : 0;
        sched_yield();
    }
}

static void call_submit(void)
{
    own.number = 7;
    thread_pool_submit_aio(own.pool, work, &own.number, complete, NULL);
}

static void check_completed(void)
{
    int asleep = 0;

    /* A worker may have it, whom nobody knows. */
    while (load(&own.completions) < 1 && asleep < SAMPLES_OF_LOSS) {
        check_turns();
        asleep = whole_process_is_asleep() ? asleep + 1 : 0;
        sched_yield();
    }
    check_runs(&own.completions, 1, 1, "the request");
    if (own.result != 1007) {
        fail("the request's result is %d", own.result);
    }
}

/* Work that ends with the mark: what is stepped through is the library's part behind it. */
static int worker, worker_is_traced;

static int work_and_mark(void *opaque)
{
    store(&worker, thread_id());
    wait_until_at_least(&worker_is_traced, 1);
    mark();
    return work(opaque);
}

static void call_of_worker(void)
{
    own.number = 7;
    thread_pool_submit_aio(own.pool, work_and_mark, &own.number, complete, NULL);
}

/* References and locks. */

static void call_reference(void)
{
    aio_context_ref(ctx);
    aio_context_unref(ctx);
}

static void call_acquire(void)
{
    aio_context_acquire(ctx);
    aio_context_release(ctx);
}

static void call_lock(void)
{
    rfifolock_lock(own.lock);
    rfifolock_unlock(own.lock);
}

#endif /* STOP_CALLS_H */
