/*
 * The thread pool: work, completions, cancellation, and what it does with its threads.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <pthread.h>
#include <sched.h>
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

/* The loop must run for the first worker to be started. */
static void poll_until_at_least(int *value, int target)
{
    while (load(value) < target) {
        aio_poll(ctx, false);
        sched_yield();
    }
}

/* Has the pool have a worker, which is idle or about to be. */
static void warm_up(void)
{
    struct request request;
    int before = completions;

    submit(&request, 0, work);
    wait_for_completions(before + 1);
    completions = before;
}

static void thread_pool_submit_aio_runs_elsewhere_and_completes_here(void)
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
    run_all(ctx);
    CHECK_EQ(request.completed, 1);
    pool_free();
}

enum { MANY = 10000 };

static void thread_pool_submit_aio_completes_many_once_each(void)
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
    run_all(ctx);
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

static void thread_pool_submit_aio_gives_each_a_thread_up_to_64(void)
{
    struct request requests[MOST + 1];
    int i;

    pool_new();
    completions = arrived = released = 0;
    for (i = 0; i < MOST + 1; i++) {
        submit(&requests[i], i, wait_for_the_others);
    }
    poll_until_at_least(&arrived, MOST);
    /* One more would have to start before one of these has ended. */
    CHECK_EQ(load(&requests[MOST].started), 0);
    CHECK_EQ(load(&arrived), MOST);
    store(&released, 1);
    wait_for_completions(MOST + 1);
    CHECK_EQ(requests[MOST].result, MOST + 1000);
    pool_free();
}

static void cancel_async_cancels_what_has_not_started(void)
{
    struct request blocking[MOST], waiting[10], started;
    int i;

    pool_new();
    completions = arrived = released = 0;
    for (i = 0; i < MOST; i++) {
        submit(&blocking[i], i, wait_for_the_others);
    }
    poll_until_at_least(&arrived, MOST);
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
    run_all(ctx);
    CHECK_EQ(completions, 5);
    store(&released, 1);
    wait_for_completions(MOST + 10);
    CHECK_EQ(blocking[0].result, 1000);
    CHECK_EQ(waiting[1].result, 1101);
    submit(&started, 5, work);
    wait_for_completions(MOST + 11);
    pool_free();
}

static void qemu_aio_ref_keeps_a_request(void)
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

static void thread_pool_submit_aio_works_in_a_completion(void)
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

static void aio_poll_in_a_completion_completes_what_the_outer_has_taken(void)
{
    int i;

    pool_new();
    completions = 0;
    warm_up();
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

static void thread_pool_submit_tells_nobody(void)
{
    struct request requests[MOST];
    int zero = 0, i;

    pool_new();
    completions = arrived = released = forgotten = 0;
    thread_pool_submit(pool, forget, &zero);
    poll_until_at_least(&forgotten, 1);
    /* When all workers are busy, the one that ran it has done with it. */
    for (i = 0; i < MOST; i++) {
        submit(&requests[i], i, wait_for_the_others);
    }
    poll_until_at_least(&arrived, MOST);
    store(&released, 1);
    wait_for_completions(MOST);
    CHECK_EQ(completions, MOST);
    /* The pool goes with its context, when nothing is pending. */
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

static void thread_pool_free_with_requests_pending_aborts(void)
{
    const char *expected = "aiocontext: thread_pool_free: ";
    char text[1024];
    int status = check_in_child(child_frees_too_early, NULL, text, sizeof(text));

    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
    CHECK_EQ(strncmp(text, expected, strlen(expected)), 0);
}

static int check_name(void *unused)
{
    char name[16];

    (void)unused;
    CHECK_EQ(pthread_getname_np(pthread_self(), name, sizeof(name)), 0);
    CHECK_EQ(strcmp(name, "worker"), 0);
    return 0;
}

static void workers_are_named(void)
{
    struct request request;

    pool_new();
    completions = 0;
    submit(&request, 0, check_name);
    wait_for_completions(1);
    CHECK_EQ(request.result, 0);
    pool_free();
}

/* What a thread inherits from the one that starts it. */
struct inherited {
    cpu_set_t cpus;
    int scheduling;
};

static void look_at_inherited(struct inherited *inherited)
{
    CHECK_EQ(sched_getaffinity(0, sizeof(inherited->cpus), &inherited->cpus), 0);
    inherited->scheduling = sched_getscheduler(0);
}

static struct inherited of_loop, of_worker[2];
static struct request by_another[2];

static int look_and_wait(void *opaque)
{
    look_at_inherited(&of_worker[((struct request *)opaque)->number]);
    return wait_for_the_others(opaque);
}

/* A thread that runs on one CPU, as a batch job, and has two workers started. */
static void *submit_as_another(void *unused)
{
    struct sched_param param = {0};
    cpu_set_t one;
    int cpu = 0, i;

    while (!CPU_ISSET(cpu, &of_loop.cpus)) {
        cpu++;
    }
    CPU_ZERO(&one);
    CPU_SET(cpu, &one);
    CHECK_EQ(sched_setaffinity(0, sizeof(one), &one), 0);
    CHECK_EQ(sched_setscheduler(0, SCHED_BATCH, &param), 0);
    for (i = 0; i < 2; i++) {
        submit(&by_another[i], i, look_and_wait);
    }
    return unused;
}

static void workers_inherit_nothing_from_the_submitter(void)
{
    pthread_t thread;
    int i;

    pool_new();
    completions = arrived = released = 0;
    look_at_inherited(&of_loop);
    CHECK_EQ(of_loop.scheduling, SCHED_OTHER);
    CHECK_EQ(pthread_create(&thread, NULL, submit_as_another, NULL), 0);
    CHECK_EQ(pthread_join(thread, NULL), 0);
    poll_until_at_least(&arrived, 2);
    store(&released, 1);
    wait_for_completions(2);
    for (i = 0; i < 2; i++) {
        CHECK(CPU_EQUAL(&of_worker[i].cpus, &of_loop.cpus));
        CHECK_EQ(of_worker[i].scheduling, of_loop.scheduling);
    }
    pool_free();
}

/* In the words of the shell, as the kernel has them. */
enum { STACK_LIMIT = 16384 * 1024, STACK_USED = 4 * 1024 * 1024 };

static int use_stack(void *opaque)
{
    volatile char memory[STACK_USED];
    size_t i;

    for (i = 0; i < sizeof(memory); i += 1024) {
        memory[i] = 1;
    }
    return work(opaque) + memory[STACK_USED - 1024] - 1;
}

/* The program itself, under another limit. */
static int deep_request(void)
{
    struct request request;

    check_watchdog();
    pool_new();
    completions = 0;
    submit(&request, 7, use_stack);
    wait_for_completions(1);
    CHECK_EQ(request.result, 1007);
    pool_free();
    return 0;
}

static void execute_with_stack_size_of_language(void *size)
{
    struct rlimit limit;

    CHECK_EQ(getrlimit(RLIMIT_STACK, &limit), 0);
    limit.rlim_cur = STACK_LIMIT;
    CHECK_EQ(setrlimit(RLIMIT_STACK, &limit), 0);
    if (size != NULL) {
        CHECK_EQ(setenv("RUST_MIN_STACK", size, 1), 0);
    } else {
        CHECK_EQ(unsetenv("RUST_MIN_STACK"), 0);
    }
    execl("/proc/self/exe", "thread_pool", "deep", (char *)NULL);
    CHECK(0);
}

static void workers_have_the_stack_that_the_limit_says(void)
{
    static char least[] = "1", huge[] = "1152921504606846976";

    check_child_succeeds(execute_with_stack_size_of_language, NULL);
    check_child_succeeds(execute_with_stack_size_of_language, least);
    check_child_succeeds(execute_with_stack_size_of_language, huge);
}

/* Requests in each state at a fork: done and not reported, running, and queued. */
enum { QUEUED = 3 };

static struct request done, running[MOST], queued[QUEUED];

static void put_requests_in_flight(void)
{
    int i;

    pool_new();
    completions = arrived = released = 0;
    for (i = 0; i < MOST; i++) {
        submit(&running[i], i, wait_for_the_others);
    }
    poll_until_at_least(&arrived, MOST);
    store(&released, 1);
    wait_for_completions(MOST);
    /* All workers are there, so what follows needs no loop. */
    completions = arrived = released = 0;
    submit(&done, 200, work);
    wait_until_at_least(&done.started, 1);
    for (i = 0; i < MOST; i++) {
        submit(&running[i], i, wait_for_the_others);
    }
    wait_until_at_least(&arrived, MOST);
    for (i = 0; i < QUEUED; i++) {
        submit(&queued[i], 100 + i, work);
    }
}

static void check_in_flight(int of_running, int of_queued)
{
    int i;

    wait_for_completions(1 + MOST + QUEUED);
    run_all(ctx);
    CHECK_EQ(completions, 1 + MOST + QUEUED);
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
    warm_up();
    pool_free();
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
    pool_free();
}

static void child_frees(void *unused)
{
    (void)unused;
    pool_free();
    CHECK_EQ(completions, 0);
    pool_new();
    warm_up();
    pool_free();
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
    CHECK_EQ(completions, 0);
    store(&released, 1);
    check_in_flight(0, 0);
    pool_free();
}

/* Forks while workers take and end requests, at whatever point they are. */
enum { BURST = 50 };

static struct request burst[BURST];

static void child_ends_the_burst(void *unused)
{
    int i;

    (void)unused;
    wait_for_completions(BURST);
    run_all(ctx);
    for (i = 0; i < BURST; i++) {
        CHECK_EQ(burst[i].completed, 1);
        CHECK(burst[i].result == -ECANCELED || burst[i].result == 1000 + i);
    }
    warm_up();
    pool_free();
}

static void fork_of_a_busy_pool_leaves_a_child_that_goes_on(void)
{
    int i, round;

    pool_new();
    for (round = 0; round < check_often(100); round++) {
        completions = 0;
        warm_up();
        for (i = 0; i < BURST; i++) {
            submit(&burst[i], i, work);
        }
        check_child_of_threads_succeeds(child_ends_the_burst, NULL);
        wait_for_completions(BURST);
        for (i = 0; i < BURST; i++) {
            CHECK_EQ(burst[i].completed, 1);
            CHECK_EQ(burst[i].result, 1000 + i);
        }
    }
    pool_free();
}

int main(int argc, char **argv)
{
    init_clocks();
    if (argc > 1 && strcmp(argv[1], "deep") == 0) {
        return deep_request();
    }
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
    RUN(workers_have_signals_blocked);
    RUN(workers_are_named);
    RUN(workers_inherit_nothing_from_the_submitter);
    if (getenv("AIONOTIFY_INSTRUMENTED") == NULL) {
        /* What instruments a program gives it stacks of its own. */
        RUN_ON_KERNEL(workers_have_the_stack_that_the_limit_says);
    }
    RUN_ON_KERNEL(fork_ends_the_parents_requests_in_the_child);
    RUN_ON_KERNEL(fork_of_a_busy_pool_leaves_a_child_that_goes_on);
    return 0;
}
