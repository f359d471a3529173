/*
 * Children of a process whose pool has requests in every state, or is busy.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "pool.h"

static struct pooled loop;

/* The requests at a fork: done but not reported, running, and queued. */
enum { QUEUED = 3 };

static struct request done, running[MOST], queued[QUEUED];

static void put_requests_in_flight(void)
{
    int i;

    pool_new(&loop);
    for (i = 0; i < MOST; i++) {
        submit(&loop, &running[i], i, work_when_released);
    }
    spin_until_at_least(loop.ctx, &loop.arrived, MOST);
    store(&loop.released, 1);
    wait_for_completions(&loop, MOST);
    /* All workers exist now, so the rest does not need the loop to start any. */
    pool_clear(&loop);
    submit(&loop, &done, 200, work);
    wait_until_at_least(&done.started, 1);
    for (i = 0; i < MOST; i++) {
        submit(&loop, &running[i], i, work_when_released);
    }
    wait_until_at_least(&loop.arrived, MOST);
    for (i = 0; i < QUEUED; i++) {
        submit(&loop, &queued[i], 100 + i, work);
    }
}

static void check_in_flight(int of_running, int of_queued)
{
    int i;

    wait_for_completions(&loop, 1 + MOST + QUEUED);
    run_all(loop.ctx);
    CHECK_EQ(loop.completions, 1 + MOST + QUEUED);
    CHECK_EQ(done.result, 1200);
    for (i = 0; i < MOST; i++) {
        CHECK_EQ(running[i].result, of_running != 0 ? of_running : 1000 + i);
    }
    for (i = 0; i < QUEUED; i++) {
        CHECK_EQ(queued[i].result, of_queued != 0 ? of_queued : 1100 + i);
        CHECK_EQ(queued[i].started, of_queued == 0);
    }
}

static void child_only_polls(void *unused)
{
    (void)unused;
    check_in_flight(-ECANCELED, 0);
    warm_up(&loop);
    pool_free(&loop);
}

static void child_cancels(void *unused)
{
    int i;

    (void)unused;
    for (i = 0; i < MOST; i++) {
        running[i].acb->aiocb_info->cancel_async(running[i].acb);
    }
    for (i = 0; i < QUEUED; i++) {
        queued[i].acb->aiocb_info->cancel_async(queued[i].acb);
    }
    check_in_flight(-ECANCELED, -ECANCELED);
    pool_free(&loop);
}

static void child_frees(void *unused)
{
    (void)unused;
    pool_free(&loop);
    CHECK_EQ(loop.completions, 0);
    pool_new(&loop);
    warm_up(&loop);
    pool_free(&loop);
}

static void child_forks(void *unused)
{
    check_child_of_threads_succeeds(child_only_polls, unused);
    child_only_polls(unused);
}

static void fork_ends_the_parents_requests_in_the_child(void)
{
    put_requests_in_flight();
    check_child_of_threads_succeeds(child_only_polls, NULL);
    check_child_of_threads_succeeds(child_cancels, NULL);
    check_child_of_threads_succeeds(child_frees, NULL);
    check_child_of_threads_succeeds(child_forks, NULL);
    CHECK_EQ(loop.completions, 0);
    store(&loop.released, 1);
    check_in_flight(0, 0);
    pool_free(&loop);
}

/* Forks while workers take and end requests, at whatever point they are. */
enum { BURST = 50 };

static struct request burst[BURST];

static void child_ends_the_burst(void *unused)
{
    int i;

    (void)unused;
    wait_for_completions(&loop, BURST);
    run_all(loop.ctx);
    for (i = 0; i < BURST; i++) {
        CHECK_EQ(burst[i].completed, 1);
        CHECK(burst[i].result == -ECANCELED || burst[i].result == 1000 + i);
    }
    warm_up(&loop);
    pool_free(&loop);
}

static void fork_of_a_busy_pool_leaves_a_child_that_goes_on(void)
{
    int i, round;

    pool_new(&loop);
    for (round = 0; round < check_often(100); round++) {
        loop.completions = 0;
        warm_up(&loop);
        for (i = 0; i < BURST; i++) {
            submit(&loop, &burst[i], i, work);
        }
        check_child_of_threads_succeeds(child_ends_the_burst, NULL);
        wait_for_completions(&loop, BURST);
        for (i = 0; i < BURST; i++) {
            CHECK_EQ(burst[i].completed, 1);
            CHECK_EQ(burst[i].result, 1000 + i);
        }
    }
    pool_free(&loop);
}

int main(void)
{
    init_clocks();
    RUN_ON_KERNEL(fork_ends_the_parents_requests_in_the_child);
    RUN_ON_KERNEL(fork_of_a_busy_pool_leaves_a_child_that_goes_on);
    return 0;
}
