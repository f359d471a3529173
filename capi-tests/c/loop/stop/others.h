/*
 * Everybody else's work, while one thread is suspended: bottom halves, timers, descriptors,
 * notes.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef STOP_OTHERS_H
#define STOP_OTHERS_H

#include <semaphore.h>

#include "pollers.h"

/* Something registered that counts its runs. */
struct counted {
    struct ends ends;
    int runs;
};

static void note_run(void *opaque)
{
    struct counted *counted = opaque;

    ran_here++;
    __atomic_add_fetch(&counted->runs, 1, __ATOMIC_SEQ_CST);
}

static void count_bytes(void *opaque)
{
    struct counted *counted = opaque;

    ran_here++;
    __atomic_add_fetch(&counted->runs, take(counted->ends.read), __ATOMIC_SEQ_CST);
}

static struct {
    struct counted bottom_half, descriptor, timed;
    QEMUBH *bh;
    QEMUTimer *timer;
} others;

/* A bottom half that keeps its poller busy until it is let go. */
static int held;
static QEMUBH *holding;

static void hold_poller(void *unused)
{
    (void)unused;
    ran_here++;
    store(&held, 2);
    while (load(&held) == 2) {
        sched_yield();
    }
}

static void hold(void)
{
    store(&held, 1);
    qemu_bh_schedule(holding);
    wait_until_at_least(&held, 2);
}

static void let_go(void)
{
    store(&held, 0);
}

static void others_new(void)
{
    memset(&others, 0, sizeof(others));
    others.bh = aio_bh_new(ctx, note_run, &others.bottom_half);
    others.timer = aio_timer_new(ctx, QEMU_CLOCK_REALTIME, SCALE_NS, note_run, &others.timed);
    others.descriptor.ends = pipe_new();
    aio_set_fd_handler(ctx, others.descriptor.ends.read, count_bytes, NULL, &others.descriptor);
    holding = aio_bh_new(ctx, hold_poller, NULL);
}

static void others_free(void)
{
    aio_set_fd_handler(ctx, others.descriptor.ends.read, NULL, NULL, NULL);
    pipe_free(others.descriptor.ends);
    timer_free(others.timer);
}

static void bottom_half_is_served(void)
{
    int target = load(&others.bottom_half.runs) + 1;

    stimulus();
    qemu_bh_schedule(others.bh);
    wait_served(&others.bottom_half.runs, target, 1, "another's bottom half");
}

static void descriptor_is_served(void)
{
    int target = load(&others.descriptor.runs) + 1;

    stimulus();
    put(others.descriptor.ends.write);
    wait_served(&others.descriptor.runs, target, 1, "another's descriptor");
}

/* The same where somebody stopped may hold a lock: served, or a poller waits for the lock. */
static void served_or_waiting(void)
{
    int bottom_halves = load(&others.bottom_half.runs) + 1, i;
    int bytes = load(&others.descriptor.runs) + 1;

    stimulus();
    qemu_bh_schedule(others.bh);
    put(others.descriptor.ends.write);
    rest();
    for (i = 0; i < POLLERS && pollers[i].kind != NOBODY; i++) {
        if (waits_for_lock(&pollers[i])) {
            return;
        }
    }
    wait_served(&others.bottom_half.runs, bottom_halves, 1, "another's bottom half");
    wait_served(&others.descriptor.runs, bytes, 1, "another's descriptor");
}

static void timer_is_served(void)
{
    int target = load(&others.timed.runs) + 1;

    stimulus();
    timer_mod(others.timer, 0);
    wait_served(&others.timed.runs, target, 1, "another's timer");
}

/* A foreign loop sees every note, of the library's pollers one. */
static void wait_until_noted(int whose, const char *what)
{
    int number = load(&notes[whose]);
    bool shared = pollers[1].kind != NOBODY && !is_foreign(&pollers[1]);
    int i, asleep = 0;

    for (i = 0; i < POLLERS && pollers[i].kind != NOBODY && !shared; i++) {
        wait_served(&pollers[i].seen[whose], number, 1, what);
    }
    while (shared && load(&pollers[0].seen[whose]) < number &&
           load(&pollers[1].seen[whose]) < number) {
        check_turns();
        asleep = all_asleep() ? asleep + 1 : 0;
        if (asleep > SAMPLES_OF_LOSS) {
            fail("%s is not served", what);
        }
        sched_yield();
    }
}

/* aio_notify() alone, to loops that sleep. */
static void note_is_seen(void)
{
    rest();
    stimulus();
    store(&notes[OF_OTHERS], notes[OF_OTHERS] + 1);
    aio_notify(ctx);
    wait_until_noted(OF_OTHERS, "another's note");
}

static void round_of_others(bool with_timer)
{
    bottom_half_is_served();
    descriptor_is_served();
    if (with_timer) {
        timer_is_served();
    }
    note_is_seen();
}

/* A thread that does what may have to wait for a lock. */
static struct {
    pthread_t thread;
    sem_t ordered;
    int tid, done, ordered_count, timers;
    /* It is to have the context's lock until it is released, or has it. */
    int is_to_hold, holds;
    sem_t released;
    struct counted timed, descriptor;
    QEMUTimer *timer;
    RFifoLock lock;
    bool ends;
} helper;

static void take_locks(void)
{
    rfifolock_lock(&helper.lock);
    rfifolock_unlock(&helper.lock);
    timer_mod(helper.timer, 0);
    aio_set_fd_handler(ctx, helper.descriptor.ends.read, count_bytes, NULL, &helper.descriptor);
    aio_context_acquire(ctx);
    aio_context_release(ctx);
    store(&helper.timers, helper.timers + 1);
}

static void hold_lock(void)
{
    aio_context_acquire(ctx);
    store(&helper.is_to_hold, 0);
    store(&helper.holds, 1);
    while (sem_wait(&helper.released) < 0) {
    }
    aio_context_release(ctx);
}

static void *helper_run(void *unused)
{
    store(&helper.tid, thread_id());
    for (;;) {
        while (sem_wait(&helper.ordered) < 0) {
        }
        if (helper.ends) {
            return unused;
        }
        if (load(&helper.is_to_hold)) {
            hold_lock();
        } else {
            take_locks();
        }
        store(&helper.done, helper.done + 1);
    }
}

static void helper_start(void)
{
    memset(&helper, 0, sizeof(helper));
    CHECK_EQ(sem_init(&helper.ordered, 0, 0), 0);
    CHECK_EQ(sem_init(&helper.released, 0, 0), 0);
    rfifolock_init(&helper.lock, NULL, NULL);
    helper.descriptor.ends = pipe_new();
    helper.timer = aio_timer_new(ctx, QEMU_CLOCK_REALTIME, SCALE_NS, note_run, &helper.timed);
    helper.thread = start(helper_run, NULL);
    wait_until_at_least(&helper.tid, 1);
    helper_state = open_state(getpid(), helper.tid, "stat");
}

static void helper_order(void)
{
    helper.ordered_count++;
    stimulus();
    sem_post(&helper.ordered);
}

static void helper_holds_lock(void)
{
    store(&helper.is_to_hold, 1);
    helper_order();
    wait_until_at_least(&helper.holds, 1);
}

static void helper_releases_lock(void)
{
    if (helper.holds) {
        helper.holds = 0;
        stimulus();
        sem_post(&helper.released);
    }
}

static void wait_for_helper(void)
{
    wait_served(&helper.done, helper.ordered_count, 1, "one that waits for a lock");
    wait_served(&helper.timed.runs, load(&helper.timers) > 0, 1,
                "a timer armed while a lock was held");
}

static void helper_stop(void)
{
    close(helper_state);
    helper_state = -1;
    helper.ends = true;
    sem_post(&helper.ordered);
    join(helper.thread);
    aio_set_fd_handler(ctx, helper.descriptor.ends.read, NULL, NULL, NULL);
    pipe_free(helper.descriptor.ends);
    timer_free(helper.timer);
    rfifolock_destroy(&helper.lock);
    sem_destroy(&helper.ordered);
    sem_destroy(&helper.released);
}

#endif /* STOP_OTHERS_H */
