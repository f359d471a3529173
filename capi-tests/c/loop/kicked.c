/*
 * An idle bottom half that is scheduled when a poll has chosen its timeout: just before it
 * sleeps; or in a nested poll that is woken by a thread that waits for the lock, for which it
 * has given up a sleep already, and sleeps on.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <dlfcn.h>

#include "context.h"

int64_t cpu_get_clock(void);

static AioContext *ctx;
static QEMUBH *early, *late;
static int early_runs, late_runs;

/* The waiter, which is held between its ticket and its call of the contention callback. */
static void (*contended)(void *);
static int has_ticket, may_kick, has_kicked;

static void hold_the_kick(void *opaque)
{
    store(&has_ticket, 1);
    wait_until_at_least(&may_kick, 1);
    contended(opaque);
    store(&has_kicked, 1);
}

static void *wait_for_lock(void *unused)
{
    aio_context_acquire(ctx);
    aio_context_release(ctx);
    return unused;
}

static void *schedule_late(void *unused)
{
    qemu_bh_schedule_idle(late);
    return unused;
}

/*
 * If set, it is scheduled after the poll has looked at the bottom halves and before it looks
 * at the timers.
 */
static int comes_late;

/* The program's clock. */
int64_t cpu_get_clock(void)
{
    if (comes_late && __atomic_load_n(&ctx->notify_me, __ATOMIC_SEQ_CST) != 0) {
        comes_late = 0;
        join(start(schedule_late, NULL));
    }
    return 0;
}

static void aio_poll_runs_what_is_scheduled_before_it_sleeps(void)
{
    QEMUTimer *timer;

    ctx = context_new();
    late = aio_bh_new(ctx, count_run, &late_runs);
    late_runs = 0;
    /* Due in an hour of a clock that stands still. */
    timer = aio_timer_new(ctx, QEMU_CLOCK_VIRTUAL, SCALE_MS, do_nothing, NULL);
    timer_mod(timer, 3600 * 1000);
    comes_late = 1;
    CHECK_EQ(aio_poll(ctx, true), false);
    CHECK_EQ(comes_late, 0);
    CHECK_EQ(late_runs, 1);
    timer_free(timer);
    aio_context_unref(ctx);
}

/* Whether waits are counted, which are those of the nested poll, and their count. */
static int counts, waits;

/* The library's call binds to this. */
int ppoll(struct pollfd *fds, nfds_t count, const struct timespec *timeout,
          const sigset_t *mask)
{
    static int (*libc_ppoll)(struct pollfd *, nfds_t, const struct timespec *,
                             const sigset_t *);
    int wait = counts ? ++waits : 0;

    if (libc_ppoll == NULL) {
        *(void **)&libc_ppoll = dlsym(RTLD_NEXT, "ppoll");
    }
    if (wait == 1) {
        qemu_bh_cancel(early);
        CHECK_EQ(aio_compute_timeout(ctx), -1);
        store(&may_kick, 1);
        wait_until_at_least(&has_kicked, 1);
    } else if (wait == 2) {
        /* Nothing else would end this sleep. */
        join(start(schedule_late, NULL));
    }
    return libc_ppoll(fds, count, timeout, mask);
}

/*
 * With an idle bottom half scheduled before, the poll sleeps 10 ms at most and does not count
 * among those who must be woken for another. That holds for the rest of its sleep as well,
 * though the first one has been cancelled. Without, it must be woken.
 */
static void aio_poll_runs_what_is_scheduled_while_it_sleeps_on(void)
{
    int with_early;

    for (with_early = 0; with_early <= 1; with_early++) {
        pthread_t waiter;

        ctx = context_new();
        early = aio_bh_new(ctx, count_run, &early_runs);
        late = aio_bh_new(ctx, count_run, &late_runs);
        early_runs = late_runs = waits = 0;
        store(&has_ticket, 0);
        store(&may_kick, 0);
        store(&has_kicked, 0);
        contended = ctx->lock.cb;
        ctx->lock.cb = hold_the_kick;

        aio_context_acquire(ctx);
        waiter = start(wait_for_lock, NULL);
        wait_until_at_least(&has_ticket, 1);
        /* Gives up its sleep for the waiter. */
        CHECK_EQ(aio_poll(ctx, true), false);

        if (with_early) {
            qemu_bh_schedule_idle(early);
        }
        counts = 1;
        CHECK_EQ(aio_poll(ctx, true), false);
        counts = 0;
        CHECK_EQ(waits, 2);
        CHECK_EQ(early_runs, 0);
        CHECK_EQ(late_runs, 1);
        aio_context_release(ctx);
        join(waiter);
        aio_context_unref(ctx);
    }
}

int main(void)
{
    init_clocks();
    RUN(aio_poll_runs_what_is_scheduled_before_it_sleeps);
    RUN(aio_poll_runs_what_is_scheduled_while_it_sleeps_on);
    return 0;
}
