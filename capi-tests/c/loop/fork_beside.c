/*
 * Fork beside threads that are inside the library: asleep in a poll, or waiting for the lock.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <stdarg.h>

#include "fork.h"
#include "pollers.h"
#include "served.h"
#include "waiters.h"

static AioContext *ctx;
static int runs, fired;
static QEMUBH *bh;
static QEMUTimer *timer;

static void set_up(void)
{
    runs = fired = 0;
    ctx = context_new();
    bh = aio_bh_new(ctx, count_fired, &runs);
    timer = aio_timer_new(ctx, QEMU_CLOCK_REALTIME, SCALE_NS, count_fired, &fired);
}

static void tear_down(void)
{
    timer_free(timer);
    qemu_bh_delete(bh);
    aio_context_unref(ctx);
}

/* The poller has some work given to it, and takes it with a turn or two. */
static void check_poller_is_served(struct poller *poller)
{
    int turns = load(&poller->turns), done = 0;

    if (poller->kind == OWN) {
        store(&poller->given, 1);
        aio_notify(ctx);
        wait_until_at_least(&poller->done, 1);
    } else {
        QEMUBH *step = aio_bh_new(ctx, count_fired, &done);

        qemu_bh_schedule(step);
        wait_until_at_least(&done, 1);
        qemu_bh_delete(step);
    }
    check_turns(load(&poller->turns) - turns, 1);
}

/* What the child does while its parent's poller sleeps. */
static void notify_only(void *unused)
{
    int i;

    (void)unused;
    for (i = 0; i < 100; i++) {
        aio_notify(ctx);
        qemu_bh_schedule(bh);
        qemu_bh_schedule_idle(bh);
        timer_mod(timer, 1);
    }
}

static void notify_and_poll(void *unused)
{
    struct ends own = pipe_new();
    int i;

    notify_only(unused);
    for (i = 0; i < 100; i++) {
        aio_set_fd_handler(ctx, own.read, do_nothing, NULL, NULL);
        put(own.write);
        aio_poll(ctx, false);
        qemu_bh_schedule(bh);
        aio_set_fd_handler(ctx, own.read, NULL, NULL, NULL);
    }
    run_all(ctx);
    notify_only(unused);
}

/* The inherited context, whose poller does not exist here. */
static void go_on(void *unused)
{
    (void)unused;
    bottom_halves_are_served(ctx, 10);
    timers_are_served(ctx);
    handlers_are_served(ctx, 10);
    own_loop_is_served(ctx, (struct own_loop){true, false}, 10);
    the_pool_is_served(ctx, 2);
    bottom_halves_are_served(ctx, 10);
    CHECK_EQ(lock_queue(ctx), 0);
    tear_down();
}

/* A thread of the parent's is asleep in its poll, whichever that is, and stays asleep. */
static void beside_a_sleeping_poller(const char *name, void (*in_child)(void *))
{
    int kind, way;

    for (kind = 0; kind < KINDS; kind++) {
        for (way = 0; way < WAYS; way++) {
            struct poller poller;
            long sleeps;
            int turns;

            check_at("%s: %s, %s", name, kind_names[kind], way_names[way]);
            set_up();
            poller_new(&poller, ctx, (enum kind)kind);
            sleeps = wait_until_at_rest(&poller);
            turns = load(&poller.turns);
            in_child_by((enum way)way, in_child, NULL);
            while (!is_asleep(poller.tid)) {
                sched_yield();
            }
            CHECK_EQ(load(&poller.turns), turns);
            CHECK(sleeps_of(&poller) - sleeps < 10);
            CHECK_EQ(load(&runs) + load(&fired), 0);
            /* And wakes when it is for the parent. */
            check_poller_is_served(&poller);
            poller_free(&poller);
            tear_down();
        }
    }
}

static void aio_notify_in_a_child_leaves_the_parents_poller_asleep(void)
{
    beside_a_sleeping_poller(__func__, notify_only);
}

static void aio_poll_in_a_child_leaves_the_parents_poller_asleep(void)
{
    beside_a_sleeping_poller(__func__, notify_and_poll);
}

static void fork_beside_a_sleeping_poller_leaves_a_child_that_goes_on(void)
{
    beside_a_sleeping_poller(__func__, go_on);
}

/* They wait for the lock, which the forking thread holds. */
static struct waiter waiters[MOST_OTHERS];
static struct side side;

static void fork_with_waiters(enum way way)
{
    int i;

    for (i = 0; i < MOST_OTHERS; i++) {
        waiter_begin(&waiters[i], ctx);
    }
    side = side_new(way);
}

static void after_fork_with_waiters(void)
{
    int i;

    if (is_child(&side)) {
        struct waiter waiter = {.ctx = ctx};

        join(start(wait_for_lock, &waiter));
        CHECK_EQ(waiter.acquired, 1);
        go_on(NULL);
    } else {
        for (i = 0; i < MOST_OTHERS; i++) {
            waiter_end(&waiters[i]);
        }
        bottom_halves_are_served(ctx, 10);
        CHECK_EQ(lock_queue(ctx), 0);
    }
    side_free(&side);
    tear_down();
}

static void fork_with_waiters_for_the_lock_leaves_two_that_go_on(void)
{
    int way;

    for (way = 0; way < WAYS; way++) {
        check_at("%s: %s", __func__, way_names[way]);
        set_up();
        aio_context_acquire(ctx);
        fork_with_waiters((enum way)way);
        aio_context_release(ctx);
        after_fork_with_waiters();
    }
}

static void fork_in_callback(void *opaque)
{
    fork_with_waiters(*(enum way *)opaque);
}

static void fork_in_a_bottom_half_with_waiters_leaves_two_that_go_on(void)
{
    int way;

    for (way = 0; way < WAYS; way++) {
        QEMUBH *forker;

        check_at("%s: %s", __func__, way_names[way]);
        set_up();
        forker = aio_bh_new(ctx, fork_in_callback, &way);
        qemu_bh_schedule(forker);
        CHECK_EQ(aio_poll(ctx, true), true);
        qemu_bh_delete(forker);
        after_fork_with_waiters();
    }
}

/* Another thread holds the lock, in a callback of its poll: the child needs other contexts. */
static int holds, may_end;

static void hold_the_lock(void *unused)
{
    (void)unused;
    store(&holds, 1);
    wait_until_at_least(&may_end, 1);
}

static void make_contexts(void *unused)
{
    (void)unused;
    a_new_context_is_served(10);
    a_new_context_is_served(10);
}

static void aio_context_new_works_in_a_child_beside_a_holder_of_a_lock(void)
{
    int way;

    for (way = 0; way < WAYS; way++) {
        struct poller poller;
        QEMUBH *holder;

        check_at("%s: %s", __func__, way_names[way]);
        set_up();
        store(&holds, 0);
        store(&may_end, 0);
        poller_new(&poller, ctx, OURS);
        holder = aio_bh_new(ctx, hold_the_lock, NULL);
        qemu_bh_schedule(holder);
        wait_until_at_least(&holds, 1);
        in_child_by((enum way)way, make_contexts, NULL);
        store(&may_end, 1);
        check_poller_is_served(&poller);
        poller_free(&poller);
        qemu_bh_delete(holder);
        tear_down();
    }
}

int main(int argc, char **argv)
{
    (void)argc;
    init_clocks();
    RUN_NAMED(argv, aio_notify_in_a_child_leaves_the_parents_poller_asleep);
    RUN_NAMED(argv, aio_poll_in_a_child_leaves_the_parents_poller_asleep);
    RUN_NAMED(argv, fork_beside_a_sleeping_poller_leaves_a_child_that_goes_on);
    RUN_NAMED(argv, fork_with_waiters_for_the_lock_leaves_two_that_go_on);
    RUN_NAMED(argv, fork_in_a_bottom_half_with_waiters_leaves_two_that_go_on);
    RUN_NAMED(argv, aio_context_new_works_in_a_child_beside_a_holder_of_a_lock);
    return 0;
}
