/*
 * The thread pool: work, completions, cancellation, and what it does with its threads.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <signal.h>
#include <sys/resource.h>

#include "context.h"

static AioContext *ctx;
static ThreadPool *pool;

static void pool_new(void)
{
    ctx = context_new();
    pool = aio_get_thread_pool(ctx);
    CHECK(pool != NULL);
    CHECK(aio_get_thread_pool(ctx) == pool);
}

static void pool_free(void)
{
    aio_context_unref(ctx);
}

/* A request, as the tests see it. */
struct request {
    BlockAIOCB *acb;
    int number, started, result, completed;
    pthread_t worker;
};

static int order[256], completions;

static int work(void *opaque)
{
    struct request *request = opaque;

    request->worker = pthread_self();
    __atomic_add_fetch(&request->started, 1, __ATOMIC_SEQ_CST);
    return request->number + 1000;
}

static void complete(void *opaque, int result)
{
    struct request *request = opaque;

    request->result = result;
    request->completed++;
    order[completions++ % 256] = request->number;
}

static void submit(struct request *request, int number, ThreadPoolFunc *func)
{
    memset(request, 0, sizeof(*request));
    request->number = number;
    request->acb = thread_pool_submit_aio(pool, func, request, complete, request);
    CHECK(request->acb != NULL);
}

static void wait_for_completions(int count)
{
    while (completions < count) {
        aio_poll(ctx, true);
    }
}

static void a_request_runs_elsewhere_and_completes_here(void)
{
    struct request request;

    pool_new();
    completions = 0;
    submit(&request, 7, work);
    CHECK(request.acb->aiocb_info->get_aio_context(request.acb) == ctx);
    CHECK_EQ(request.completed, 0);
    wait_for_completions(1);
    CHECK_EQ(request.result, 1007);
    CHECK_EQ(request.started, 1);
    CHECK(!pthread_equal(request.worker, pthread_self()));
    CHECK_EQ(aio_poll(ctx, false), false);
    pool_free();
}

enum { MANY = 10000 };

static void many_requests_complete_once_each(void)
{
    struct request *requests = calloc(MANY, sizeof(*requests));
    int i;

    CHECK(requests != NULL);
    pool_new();
    completions = 0;
    for (i = 0; i < MANY; i++) {
        submit(&requests[i], i, work);
        if (i % 64 == 63) {
            aio_poll(ctx, false);
        }
    }
    wait_for_completions(MANY);
    CHECK_EQ(aio_poll(ctx, false), false);
    CHECK_EQ(completions, MANY);
    for (i = 0; i < MANY; i++) {
        CHECK_EQ(requests[i].started, 1);
        CHECK_EQ(requests[i].completed, 1);
        CHECK_EQ(requests[i].result, i + 1000);
    }
    free(requests);
    pool_free();
}

/* Held back until all of them have come: so many threads there must be. */
static int arrived, released;

static int wait_for_the_others(void *opaque)
{
    __atomic_add_fetch(&arrived, 1, __ATOMIC_SEQ_CST);
    wait_until_at_least(&released, 1);
    return work(opaque);
}

enum { MOST = 64 };

static void requests_that_block_get_a_thread_each_up_to_64(void)
{
    struct request requests[MOST + 1];
    int i;

    pool_new();
    completions = arrived = released = 0;
    for (i = 0; i < MOST + 1; i++) {
        submit(&requests[i], i, wait_for_the_others);
    }
    wait_until_at_least(&arrived, MOST);
    /* One more would have to start before one of these has ended. */
    CHECK_EQ(load(&requests[MOST].started), 0);
    CHECK_EQ(load(&arrived), MOST);
    store(&released, 1);
    wait_for_completions(MOST + 1);
    CHECK_EQ(requests[MOST].result, MOST + 1000);
    pool_free();
}

static void what_has_not_started_can_be_cancelled(void)
{
    struct request blocking[MOST], waiting[10], started;
    int i;

    pool_new();
    completions = arrived = released = 0;
    for (i = 0; i < MOST; i++) {
        submit(&blocking[i], i, wait_for_the_others);
    }
    wait_until_at_least(&arrived, MOST);
    for (i = 0; i < 10; i++) {
        submit(&waiting[i], 100 + i, work);
    }
    for (i = 0; i < 10; i += 2) {
        waiting[i].acb->aiocb_info->cancel_async(waiting[i].acb);
        /* Its completion comes from the loop all the same. */
        CHECK_EQ(waiting[i].completed, 0);
        waiting[i].acb->aiocb_info->cancel_async(waiting[i].acb);
    }
    wait_for_completions(5);
    for (i = 0; i < 10; i++) {
        CHECK_EQ(waiting[i].completed, i % 2 == 0);
        CHECK_EQ(waiting[i].started, 0);
        CHECK(i % 2 != 0 || waiting[i].result == -ECANCELED);
    }
    /* Too late for one that a worker has. */
    blocking[0].acb->aiocb_info->cancel_async(blocking[0].acb);
    CHECK_EQ(aio_poll(ctx, false), false);
    store(&released, 1);
    wait_for_completions(MOST + 10);
    CHECK_EQ(blocking[0].result, 1000);
    CHECK_EQ(waiting[1].result, 1101);
    submit(&started, 5, work);
    wait_for_completions(MOST + 11);
    pool_free();
}

static void a_request_lives_as_long_as_its_references(void)
{
    struct request request;

    pool_new();
    completions = 0;
    submit(&request, 1, work);
    CHECK_EQ(request.acb->refcnt, 1);
    qemu_aio_ref(request.acb);
    wait_for_completions(1);
    CHECK_EQ(request.acb->refcnt, 1);
    qemu_aio_unref(request.acb);
    pool_free();
}

/* Its callback submits the next, polls for it, and cancels another. */
static struct request nested[3];

static void complete_and_poll(void *opaque, int result)
{
    CHECK_EQ(result, 1000);
    submit(&nested[1], 1, work);
    while (nested[1].completed == 0) {
        aio_poll(ctx, true);
    }
    complete(opaque, result);
}

static void a_callback_may_submit_and_poll(void)
{
    pool_new();
    completions = 0;
    memset(nested, 0, sizeof(nested));
    thread_pool_submit_aio(pool, work, &nested[0], complete_and_poll, &nested[0]);
    wait_for_completions(2);
    CHECK_EQ(order[0], 1);
    CHECK_EQ(order[1], 0);
    pool_free();
}

/* Two are done when the first callback runs, and it polls for the second. */
static struct request pair[2];

static void complete_first(void *opaque, int result)
{
    struct request *other = opaque == &pair[0] ? &pair[1] : &pair[0];

    complete(opaque, result);
    while (other->completed == 0) {
        aio_poll(ctx, true);
    }
}

static void a_nested_poll_completes_what_the_outer_has_taken(void)
{
    int i;

    pool_new();
    completions = 0;
    memset(pair, 0, sizeof(pair));
    for (i = 0; i < 2; i++) {
        thread_pool_submit_aio(pool, work, &pair[i], complete_first, &pair[i]);
    }
    for (i = 0; i < 2; i++) {
        wait_until_at_least(&pair[i].started, 1);
    }
    wait_for_completions(2);
    CHECK_EQ(pair[0].completed, 1);
    CHECK_EQ(pair[1].completed, 1);
    pool_free();
}

static int forgotten;

static int forget(void *opaque)
{
    __atomic_add_fetch(&forgotten, 1, __ATOMIC_SEQ_CST);
    return *(int *)opaque;
}

static void nobody_is_told_of_a_plain_submission(void)
{
    int zero = 0;

    pool_new();
    forgotten = 0;
    thread_pool_submit(pool, forget, &zero);
    wait_until_at_least(&forgotten, 1);
    /* The pool goes with its context, when nothing is pending. */
    while (!aio_poll(ctx, true)) {
    }
    pool_free();
}

static int blocked_signals(void *opaque)
{
    sigset_t set;

    (void)opaque;
    CHECK_EQ(pthread_sigmask(SIG_BLOCK, NULL, &set), 0);
    return sigismember(&set, SIGUSR1) && sigismember(&set, SIGTERM) &&
           sigismember(&set, SIGALRM);
}

static void workers_have_signals_blocked(void)
{
    struct request request;
    sigset_t set;

    pool_new();
    completions = 0;
    submit(&request, 0, blocked_signals);
    wait_for_completions(1);
    CHECK_EQ(request.result, 1);
    CHECK_EQ(pthread_sigmask(SIG_BLOCK, NULL, &set), 0);
    CHECK_EQ(sigismember(&set, SIGUSR1), 0);
    pool_free();
}

static void child_frees_too_early(void *unused)
{
    struct request request;

    (void)unused;
    ctx = context_new();
    pool = thread_pool_new(ctx);
    submit(&request, 0, work);
    thread_pool_free(pool);
}

static void freeing_with_requests_pending_aborts(void)
{
    const char *expected = "aiocontext: thread_pool_free: ";
    char text[1024];
    int status = check_in_child(child_frees_too_early, NULL, text, sizeof(text));

    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
    CHECK_EQ(strncmp(text, expected, strlen(expected)), 0);
}

/* No thread can be made: the address space has no room for its stack. */
static void child_has_no_room_for_threads(void *unused)
{
    struct request request;
    struct rlimit limit = {1 << 20, 1 << 20};

    (void)unused;
    pool_new();
    completions = 0;
    CHECK_EQ(setrlimit(RLIMIT_AS, &limit), 0);
    submit(&request, 0, work);
    wait_for_completions(1);
    CHECK_EQ(request.result, -EAGAIN);
    CHECK_EQ(request.started, 0);
    _exit(0);
}

static void without_threads_a_request_fails(void)
{
    char text[1024];
    int status;

    if (getenv("AIONOTIFY_INSTRUMENTED") != NULL) {
        /* What instruments the program needs memory itself. */
        printf("skipped %s: AIONOTIFY_INSTRUMENTED\n", check_current);
        return;
    }
    status = check_in_child(child_has_no_room_for_threads, NULL, text, sizeof(text));
    if (status != 0) {
        fprintf(stderr, "%s", text);
    }
    CHECK_EQ(status, 0);
}

int main(void)
{
    init_clocks();
    /* First: later there are stacks of threads that have ended, to be used again. */
    RUN(without_threads_a_request_fails);
    RUN(a_request_runs_elsewhere_and_completes_here);
    RUN(many_requests_complete_once_each);
    RUN(requests_that_block_get_a_thread_each_up_to_64);
    RUN(what_has_not_started_can_be_cancelled);
    RUN(a_request_lives_as_long_as_its_references);
    RUN(a_callback_may_submit_and_poll);
    RUN(a_nested_poll_completes_what_the_outer_has_taken);
    RUN(nobody_is_told_of_a_plain_submission);
    RUN(workers_have_signals_blocked);
    RUN(freeing_with_requests_pending_aborts);
    return 0;
}
