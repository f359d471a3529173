/*
 * The thread pool: work, completions and cancellation.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "../aborts.h"
#include "pool.h"

static struct pooled loop;

static void thread_pool_submit_aio_runs_elsewhere_and_completes_here(void)
{
    struct request request;

    pool_new(&loop);
    submit(&loop, &request, 7, work);
    CHECK(request.acb->aiocb_info->get_aio_context(request.acb) == loop.ctx);
    CHECK_EQ(request.completed, 0);
    wait_for_completions(&loop, 1);
    CHECK_EQ(request.result, 1007);
    CHECK_EQ(request.started, 1);
    CHECK(!pthread_equal(request.worker, pthread_self()));
    run_all(loop.ctx);
    CHECK_EQ(request.completed, 1);
    pool_free(&loop);
}

enum { MANY = 10000 };

static void thread_pool_submit_aio_completes_many_once_each(void)
{
    struct request *requests = calloc(MANY, sizeof(*requests));
    int i;

    CHECK(requests != NULL);
    pool_new(&loop);
    for (i = 0; i < MANY; i++) {
        submit(&loop, &requests[i], i, work);
        if (i % 64 == 63) {
            aio_poll(loop.ctx, false);
        }
    }
    wait_for_completions(&loop, MANY);
    run_all(loop.ctx);
    CHECK_EQ(loop.completions, MANY);
    for (i = 0; i < MANY; i++) {
        CHECK_EQ(requests[i].started, 1);
        CHECK_EQ(requests[i].completed, 1);
        CHECK_EQ(requests[i].result, i + 1000);
    }
    free(requests);
    pool_free(&loop);
}

static void thread_pool_submit_aio_gives_each_a_thread_up_to_64(void)
{
    struct request requests[MOST + 1];
    int i;

    pool_new(&loop);
    for (i = 0; i < MOST + 1; i++) {
        submit(&loop, &requests[i], i, work_when_released);
    }
    spin_until_at_least(loop.ctx, &loop.arrived, MOST);
    /* The last request would have to start before another one has ended. */
    CHECK_EQ(load(&requests[MOST].started), 0);
    CHECK_EQ(load(&loop.arrived), MOST);
    store(&loop.released, 1);
    wait_for_completions(&loop, MOST + 1);
    CHECK_EQ(requests[MOST].result, MOST + 1000);
    pool_free(&loop);
}

static void cancel_async_cancels_what_has_not_started(void)
{
    struct request blocking[MOST], waiting[10], started;
    int i;

    pool_new(&loop);
    for (i = 0; i < MOST; i++) {
        submit(&loop, &blocking[i], i, work_when_released);
    }
    spin_until_at_least(loop.ctx, &loop.arrived, MOST);
    for (i = 0; i < 10; i++) {
        submit(&loop, &waiting[i], 100 + i, work);
    }
    for (i = 0; i < 10; i += 2) {
        waiting[i].acb->aiocb_info->cancel_async(waiting[i].acb);
        /* The loop still runs its completion. */
        CHECK_EQ(waiting[i].completed, 0);
        waiting[i].acb->aiocb_info->cancel_async(waiting[i].acb);
    }
    wait_for_completions(&loop, 5);
    for (i = 0; i < 10; i++) {
        CHECK_EQ(waiting[i].completed, i % 2 == 0);
        CHECK_EQ(waiting[i].started, 0);
        CHECK(i % 2 != 0 || waiting[i].result == -ECANCELED);
    }
    /* It is too late for a request that a worker runs. */
    blocking[0].acb->aiocb_info->cancel_async(blocking[0].acb);
    run_all(loop.ctx);
    CHECK_EQ(loop.completions, 5);
    store(&loop.released, 1);
    wait_for_completions(&loop, MOST + 10);
    CHECK_EQ(blocking[0].result, 1000);
    CHECK_EQ(waiting[1].result, 1101);
    submit(&loop, &started, 5, work);
    wait_for_completions(&loop, MOST + 11);
    pool_free(&loop);
}

static void qemu_aio_ref_keeps_a_request(void)
{
    struct request request;

    pool_new(&loop);
    submit(&loop, &request, 1, work);
    CHECK_EQ(request.acb->refcnt, 1);
    qemu_aio_ref(request.acb);
    wait_for_completions(&loop, 1);
    CHECK_EQ(request.acb->refcnt, 1);
    qemu_aio_unref(request.acb);
    pool_free(&loop);
}

/* The first one's callback submits the second and polls for it. */
static struct request nested[2];

static void complete_and_poll(void *opaque, int result)
{
    CHECK_EQ(result, 1000);
    submit(&loop, &nested[1], 1, work);
    poll_until_at_least(loop.ctx, &nested[1].completed, 1);
    complete(opaque, result);
}

static void thread_pool_submit_aio_works_in_a_completion(void)
{
    pool_new(&loop);
    submit_to_complete(&loop, &nested[0], 0, work, complete_and_poll);
    wait_for_completions(&loop, 2);
    CHECK_EQ(loop.order[0], 1);
    CHECK_EQ(loop.order[1], 0);
    pool_free(&loop);
}

/* Two are done when the first callback runs, and it polls for the second. */
static struct request pair[2];

static void complete_first(void *opaque, int result)
{
    struct request *other = opaque == &pair[0] ? &pair[1] : &pair[0];

    complete(opaque, result);
    poll_until_at_least(loop.ctx, &other->completed, 1);
}

static void aio_poll_in_a_completion_completes_what_the_outer_has_taken(void)
{
    int i;

    pool_new(&loop);
    warm_up(&loop);
    for (i = 0; i < 2; i++) {
        submit_to_complete(&loop, &pair[i], i, work, complete_first);
    }
    for (i = 0; i < 2; i++) {
        wait_until_at_least(&pair[i].started, 1);
    }
    wait_for_completions(&loop, 2);
    CHECK_EQ(pair[0].completed, 1);
    CHECK_EQ(pair[1].completed, 1);
    pool_free(&loop);
}

static int forgotten;

static int forget(void *opaque)
{
    __atomic_add_fetch(&forgotten, 1, __ATOMIC_SEQ_CST);
    return *(int *)opaque;
}

static void thread_pool_submit_tells_nobody(void)
{
    struct request requests[MOST];
    int zero = 0, i;

    pool_new(&loop);
    store(&forgotten, 0);
    thread_pool_submit(loop.pool, forget, &zero);
    spin_until_at_least(loop.ctx, &forgotten, 1);
    /* When all 64 workers are busy, the submission has ended. */
    for (i = 0; i < MOST; i++) {
        submit(&loop, &requests[i], i, work_when_released);
    }
    spin_until_at_least(loop.ctx, &loop.arrived, MOST);
    store(&loop.released, 1);
    wait_for_completions(&loop, MOST);
    CHECK_EQ(loop.completions, MOST);
    /* Freeing the context frees its pool, which has nothing pending. */
    pool_free(&loop);
}

static void child_frees_too_early(void *unused)
{
    struct request request;

    (void)unused;
    loop.ctx = context_new();
    loop.pool = thread_pool_new(loop.ctx);
    submit(&loop, &request, 0, work);
    thread_pool_free(loop.pool);
}

static void thread_pool_free_with_requests_pending_aborts(void)
{
    static const struct aborting calls[] = {
        {child_frees_too_early, "aiocontext: thread_pool_free: "},
    };

    CHECK_ABORT(calls);
}

int main(void)
{
    init_clocks();
    /* First, while there is one thread: see RUN_ON_KERNEL. */
    RUN(thread_pool_free_with_requests_pending_aborts);
    RUN(thread_pool_submit_aio_runs_elsewhere_and_completes_here);
    RUN(thread_pool_submit_aio_completes_many_once_each);
    RUN(thread_pool_submit_aio_gives_each_a_thread_up_to_64);
    RUN(cancel_async_cancels_what_has_not_started);
    RUN(qemu_aio_ref_keeps_a_request);
    RUN(thread_pool_submit_aio_works_in_a_completion);
    RUN(aio_poll_in_a_completion_completes_what_the_outer_has_taken);
    RUN(thread_pool_submit_tells_nobody);
    return 0;
}
