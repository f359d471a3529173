/*
 * Fork of a process whose contexts have a thread pool: the child has the pool without its
 * workers.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <stdarg.h>

#include "fork.h"
#include "served.h"

static AioContext *ctx;

static void use_and_free(void *unused)
{
    (void)unused;
    the_pool_is_served(ctx, 4);
    bottom_halves_are_served(ctx, 4);
    the_pool_is_served(ctx, 1);
    aio_context_unref(ctx);
}

static void free_it(void *unused)
{
    (void)unused;
    aio_context_unref(ctx);
}

static void use_another(void *unused)
{
    (void)unused;
    a_new_context_is_served(4);
}

/* The children by every way, of a pool that has had so many requests at once. */
static void children_of_a_pool(const char *name, void (*in_child)(void *))
{
    static const int counts[] = {0, 1, 10, 100};
    int way, i;

    for (way = 0; way < WAYS; way++) {
        for (i = 0; i < 4; i++) {
            check_at("%s: %s, %d requests before", name, way_names[way], counts[i]);
            ctx = context_new();
            /* A pool without workers is one, too. */
            CHECK(aio_get_thread_pool(ctx) != NULL);
            the_pool_is_served(ctx, counts[i]);
            wait_until_others_sleep();
            in_child_by((enum way)way, in_child, NULL);
            the_pool_is_served(ctx, counts[i]);
            aio_context_unref(ctx);
        }
    }
}

static void thread_pool_submit_aio_works_in_a_child(void)
{
    children_of_a_pool(__func__, use_and_free);
}

static void aio_context_unref_in_a_child_waits_for_no_worker_of_the_parent(void)
{
    children_of_a_pool(__func__, free_it);
}

static void thread_pool_submit_aio_works_in_a_childs_own_context(void)
{
    children_of_a_pool(__func__, use_another);
}

/* A worker is in the midst of its work, which the parent completes. */
static int begun, may_end;

static int work_until_told(void *unused)
{
    (void)unused;
    __atomic_add_fetch(&begun, 1, __ATOMIC_SEQ_CST);
    wait_until_at_least(&may_end, 1);
    return 7;
}

static void use_it(void *unused)
{
    (void)unused;
    bottom_halves_are_served(ctx, 4);
    the_pool_is_served(ctx, 4);
    a_new_context_is_served(4);
}

static pid_t submitter;

/* A child does not have the thread that was at work: it is told so. */
static void busy_pool_has_done(void *done, int result)
{
    CHECK_EQ(result, getpid() == submitter ? 7 : -ECANCELED);
    __atomic_add_fetch((int *)done, 1, __ATOMIC_SEQ_CST);
}

static void thread_pool_submit_aio_works_in_a_child_of_a_busy_pool(void)
{
    int way, i;

    submitter = getpid();
    for (way = 0; way < WAYS; way++) {
        int done = 0;

        check_at("%s: %s", __func__, way_names[way]);
        store(&begun, 0);
        store(&may_end, 0);
        ctx = context_new();
        for (i = 0; i < 3; i++) {
            thread_pool_submit_aio(aio_get_thread_pool(ctx), work_until_told, NULL,
                                   busy_pool_has_done, &done);
        }
        while (load(&begun) < 3) {
            aio_poll(ctx, false);
        }
        in_child_by((enum way)way, use_it, NULL);
        CHECK_EQ(done, 0);
        store(&may_end, 1);
        poll_until_at_least(ctx, &done, 3);
        CHECK_EQ(done, 3);
        the_pool_is_served(ctx, 4);
        aio_context_unref(ctx);
    }
}

/* The worker itself forks: its thread is the child's only one. */
static int loop_tid;

static int fork_in_work(void *opaque)
{
    enum way way = *(enum way *)opaque;

    /* libc's locks are free when the loop sleeps. */
    wait_for_poller(ctx);
    while (!is_asleep(loop_tid)) {
        sched_yield();
    }
    in_child_by(way, use_another, NULL);
    return 7;
}

static void fork_in_a_worker_leaves_a_child_with_contexts_of_its_own(void)
{
    int way;

    loop_tid = own_tid();
    for (way = 0; way < WAYS; way++) {
        int done = 0;

        check_at("%s: %s", __func__, way_names[way]);
        ctx = context_new();
        thread_pool_submit_aio(aio_get_thread_pool(ctx), fork_in_work, &way, pool_has_done,
                               &done);
        poll_until_at_least(ctx, &done, 1);
        the_pool_is_served(ctx, 4);
        aio_context_unref(ctx);
    }
}

int main(int argc, char **argv)
{
    (void)argc;
    init_clocks();
    RUN_NAMED(argv, thread_pool_submit_aio_works_in_a_child);
    RUN_NAMED(argv, aio_context_unref_in_a_child_waits_for_no_worker_of_the_parent);
    RUN_NAMED(argv, thread_pool_submit_aio_works_in_a_childs_own_context);
    RUN_NAMED(argv, thread_pool_submit_aio_works_in_a_child_of_a_busy_pool);
    RUN_NAMED(argv, fork_in_a_worker_leaves_a_child_with_contexts_of_its_own);
    return 0;
}
