/*
 * The threads of a pool: their name, signals, CPUs, scheduling and stack.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <sched.h>
#include <signal.h>
#include <sys/resource.h>

#include "pool.h"

static struct pooled loop;

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

    pool_new(&loop);
    submit(&loop, &request, 0, blocked_signals);
    wait_for_completions(&loop, 1);
    CHECK_EQ(request.result, 1);
    CHECK_EQ(pthread_sigmask(SIG_BLOCK, NULL, &set), 0);
    CHECK_EQ(sigismember(&set, SIGUSR1), 0);
    pool_free(&loop);
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

    pool_new(&loop);
    submit(&loop, &request, 0, check_name);
    wait_for_completions(&loop, 1);
    CHECK_EQ(request.result, 0);
    pool_free(&loop);
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
    return work_when_released(opaque);
}

/* A thread that runs on one CPU, as a batch job, and has two workers started. */
static void *submit_as_another(void *unused)
{
    struct sched_param param = {0};
    cpu_set_t one = this_cpu();
    int i;

    CHECK_EQ(sched_setaffinity(0, sizeof(one), &one), 0);
    CHECK_EQ(sched_setscheduler(0, SCHED_BATCH, &param), 0);
    for (i = 0; i < 2; i++) {
        submit(&loop, &by_another[i], i, look_and_wait);
    }
    return unused;
}

static void workers_inherit_nothing_from_the_submitter(void)
{
    int i;

    pool_new(&loop);
    look_at_inherited(&of_loop);
    CHECK_EQ(of_loop.scheduling, SCHED_OTHER);
    join(start(submit_as_another, NULL));
    spin_until_at_least(loop.ctx, &loop.arrived, 2);
    store(&loop.released, 1);
    wait_for_completions(&loop, 2);
    for (i = 0; i < 2; i++) {
        CHECK(CPU_EQUAL(&of_worker[i].cpus, &of_loop.cpus));
        CHECK_EQ(of_worker[i].scheduling, of_loop.scheduling);
    }
    pool_free(&loop);
}

/* In bytes: a stack limit, and what a request uses of it. */
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

/* What the program does when it is executed under another limit. */
static int deep_request(void)
{
    struct request request;

    check_watchdog();
    pool_new(&loop);
    submit(&loop, &request, 7, use_stack);
    wait_for_completions(&loop, 1);
    CHECK_EQ(request.result, 1007);
    pool_free(&loop);
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
    execl("/proc/self/exe", "worker_threads", "deep", (char *)NULL);
    CHECK(0);
}

static void workers_have_the_stack_that_the_limit_says(void)
{
    static char least[] = "1", huge[] = "1152921504606846976";

    check_child_succeeds(execute_with_stack_size_of_language, NULL);
    check_child_succeeds(execute_with_stack_size_of_language, least);
    check_child_succeeds(execute_with_stack_size_of_language, huge);
}

int main(int argc, char **argv)
{
    init_clocks();
    if (argc > 1 && strcmp(argv[1], "deep") == 0) {
        return deep_request();
    }
    RUN(workers_have_signals_blocked);
    RUN(workers_are_named);
    RUN(workers_inherit_nothing_from_the_submitter);
    if (getenv("AIONOTIFY_INSTRUMENTED") == NULL) {
        /* A tool that instruments a program gives threads stacks of its own. */
        RUN_ON_KERNEL(workers_have_the_stack_that_the_limit_says);
    }
    return 0;
}
