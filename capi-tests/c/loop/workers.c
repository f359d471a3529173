/*
 * When workers of a pool start and end. The program interposes what the pool asks the system
 * for: pthread_create() fails when a test wants it to, and the clock stands until a test sets
 * it, even for threads that sleep until a time.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <dlfcn.h>
#include <linux/futex.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <time.h>

#include "context.h"

/* Threads. */

static int created, refuse, refused;

int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*start)(void *),
                   void *argument)
{
    int (*real)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);

    *(void **)&real = dlsym(RTLD_NEXT, "pthread_create");
    if (load(&refuse)) {
        __atomic_add_fetch(&refused, 1, __ATOMIC_SEQ_CST);
        return EAGAIN;
    }
    /* Default attributes: the library must not use those of the program's threads. */
    CHECK(attributes == NULL);
    __atomic_add_fetch(&created, 1, __ATOMIC_SEQ_CST);
    return real(thread, attributes, start, argument);
}

/* The clock. */

static int64_t now;

static int64_t time_of(const struct timespec *time)
{
    return time->tv_sec * INT64_C(1000000000) + time->tv_nsec;
}

static int64_t load_time(int64_t *value)
{
    return __atomic_load_n(value, __ATOMIC_SEQ_CST);
}

static void store_time(int64_t *value, int64_t to)
{
    __atomic_store_n(value, to, __ATOMIC_SEQ_CST);
}

static long (*real_syscall)(long, ...);

int clock_gettime(clockid_t clock, struct timespec *time)
{
    if (clock == CLOCK_MONOTONIC) {
        time->tv_sec = (time_t)(load_time(&now) / 1000000000);
        time->tv_nsec = (long)(load_time(&now) % 1000000000);
        return 0;
    }
    return (int)real_syscall(SYS_clock_gettime, clock, time);
}

#if __SIZEOF_POINTER__ == 4
/* The same with times of 64 bits, which Rust's standard library calls where it is there. */
struct wide_time {
    int64_t tv_sec;
    int32_t tv_nsec, unused;
};

int __clock_gettime64(clockid_t clock, struct wide_time *time)
{
    struct timespec narrow;
    int result = clock_gettime(clock, &narrow);

    time->tv_sec = narrow.tv_sec;
    time->tv_nsec = (int32_t)narrow.tv_nsec;
    return result;
}
#endif

/* How many sleeps had a deadline, and the last deadline. */
static int sleeps;
static int64_t sleeps_until;

/* If set, the clock never moves: only a wakeup ends such a sleep. */
static int clock_stands;

static long sleep_until(long word, long operation, long value, const struct timespec *until,
                        long mask)
{
    struct timespec slice;
    long result;

    store_time(&sleeps_until, time_of(until));
    __atomic_add_fetch(&sleeps, 1, __ATOMIC_SEQ_CST);
    if (load(&clock_stands)) {
        return real_syscall(SYS_futex, word, operation, value, NULL, NULL, mask);
    }
    do {
        if (load_time(&now) >= time_of(until)) {
            errno = ETIMEDOUT;
            return -1;
        }
        /* The test may set the clock at any time, of which the kernel knows nothing. */
        real_syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &slice);
        slice.tv_nsec += 1000000;
        if (slice.tv_nsec >= 1000000000) {
            slice.tv_sec++;
            slice.tv_nsec -= 1000000000;
        }
        result = real_syscall(SYS_futex, word, operation, value, &slice, NULL, mask);
    } while (result == -1 && errno == ETIMEDOUT);
    return result;
}

/* How often this thread has woken another one, and whether it stops before it does. */
static _Thread_local int wakes, is_to_stop;
static int has_stopped, may_go_on;

static void before_wake(void)
{
    wakes++;
    if (is_to_stop) {
        store(&has_stopped, 1);
        wait_until_at_least(&may_go_on, 1);
    }
}

long syscall(long number, ...)
{
    long arguments[6];
    va_list list;
    int i;

    va_start(list, number);
    for (i = 0; i < 6; i++) {
        arguments[i] = va_arg(list, long);
    }
    va_end(list);
    if (number == SYS_futex && (arguments[1] & FUTEX_CMD_MASK) == FUTEX_WAKE) {
        before_wake();
    }
    if (number == SYS_futex && (arguments[1] & FUTEX_CMD_MASK) == FUTEX_WAIT_BITSET &&
        arguments[3] != 0) {
        return sleep_until(arguments[0], arguments[1], arguments[2],
                           (const struct timespec *)arguments[3], arguments[5]);
    }
    return real_syscall(number, arguments[0], arguments[1], arguments[2], arguments[3],
                        arguments[4], arguments[5]);
}

/* The pool. */

static AioContext *ctx;
static ThreadPool *pool;
static int started, may_end, completions, results[4], workers[4];

static int work(void *number)
{
    store(&workers[*(int *)number], (int)real_syscall(SYS_gettid));
    __atomic_add_fetch(&started, 1, __ATOMIC_SEQ_CST);
    return 1000;
}

static int work_and_wait(void *number)
{
    work(number);
    wait_until_at_least(&may_end, 1);
    return 1001;
}

/* Ends when all four have started. */
static int work_and_wait_for_four(void *number)
{
    work(number);
    wait_until_at_least(&started, 4);
    return 1002;
}

static void complete(void *number, int result)
{
    results[*(int *)number] = result;
    completions++;
}

static int numbers[] = {0, 1, 2, 3};

static void submit(int number, ThreadPoolFunc *func)
{
    CHECK(thread_pool_submit_aio(pool, func, &numbers[number], complete, &numbers[number]) !=
          NULL);
}

static void pool_new(void)
{
    ctx = context_new();
    pool = aio_get_thread_pool(ctx);
    started = may_end = completions = created = refuse = refused = sleeps = 0;
    clock_stands = has_stopped = may_go_on = 0;
    memset(results, 0, sizeof(results));
}

static void pool_free(void)
{
    aio_context_unref(ctx);
}

static void thread_pool_submit_aio_without_threads_fails(void)
{
    pool_new();
    store(&refuse, 1);
    submit(0, work);
    submit(1, work);
    poll_until_at_least(ctx, &completions, 2);
    CHECK_EQ(results[0], -EAGAIN);
    CHECK_EQ(results[1], -EAGAIN);
    CHECK_EQ(load(&started), 0);
    CHECK_EQ(load(&created), 0);
    /* The next one tries again. */
    store(&refuse, 0);
    submit(2, work);
    poll_until_at_least(ctx, &completions, 3);
    CHECK_EQ(results[2], 1000);
    pool_free();
}

static void thread_pool_submit_aio_with_a_worker_never_fails(void)
{
    pool_new();
    submit(0, work_and_wait);
    spin_until_at_least(ctx, &started, 1);
    CHECK_EQ(load(&created), 1);
    store(&refuse, 1);
    submit(1, work);
    submit(2, work);
    spin_until_at_least(ctx, &refused, 1);
    run_all(ctx);
    CHECK_EQ(completions, 0);
    store(&may_end, 1);
    poll_until_at_least(ctx, &completions, 3);
    CHECK_EQ(results[0], 1001);
    CHECK_EQ(results[1], 1000);
    CHECK_EQ(results[2], 1000);
    CHECK_EQ(load(&created), 1);
    pool_free();
}

/* Without help of the loop: the first worker starts the second, which starts the third. */
static void a_worker_starts_the_next(void)
{
    pool_new();
    submit(0, work_and_wait);
    spin_until_at_least(ctx, &started, 1);
    submit(1, work_and_wait_for_four);
    submit(2, work_and_wait_for_four);
    submit(3, work);
    store(&may_end, 1);
    wait_until_at_least(&started, 4);
    CHECK_EQ(load(&created), 3);
    poll_until_at_least(ctx, &completions, 4);
    CHECK_EQ(load(&created), 3);
    pool_free();
}

/* The worker has taken the request before the loop could start another worker. */
static void aio_poll_starts_no_worker_without_work(void)
{
    pool_new();
    submit(0, work_and_wait);
    spin_until_at_least(ctx, &started, 1);
    submit(1, work);
    store(&may_end, 1);
    wait_until_at_least(&started, 2);
    poll_until_at_least(ctx, &completions, 2);
    CHECK_EQ(load(&created), 1);
    pool_free();
}

static void thread_pool_submit_aio_to_busy_workers_wakes_nobody(void)
{
    int i;

    pool_new();
    submit(0, work_and_wait);
    spin_until_at_least(ctx, &started, 1);
    wakes = 0;
    for (i = 1; i < 4; i++) {
        submit(i, work);
    }
    CHECK_EQ(wakes, 0);
    store(&may_end, 1);
    poll_until_at_least(ctx, &completions, 4);
    pool_free();
}

/* Waits until the workers sleep, so that a submission must wake one. */
static void wait_until_idle(int count)
{
    int i;

    wait_until_at_least(&sleeps, count);
    for (i = 0; i < count; i++) {
        while (!is_asleep(load(&workers[i]))) {
            sched_yield();
        }
    }
}

static void *submit_and_stop(void *func)
{
    is_to_stop = 1;
    submit(2, *(ThreadPoolFunc **)func);
    return NULL;
}

/* A submission that is suspended before it wakes the worker that it counts on. */
static pthread_t start_submission_that_stops(ThreadPoolFunc **func)
{
    pthread_t thread = start(submit_and_stop, func);

    wait_until_at_least(&has_stopped, 1);
    return thread;
}

static void thread_pool_submit_aio_wakes_whom_another_has_not_woken_yet(void)
{
    ThreadPoolFunc *func = work;
    pthread_t thread;

    pool_new();
    store(&clock_stands, 1);
    submit(0, work);
    poll_until_at_least(ctx, &completions, 1);
    wait_until_idle(1);
    thread = start_submission_that_stops(&func);
    submit(3, work);
    wait_until_at_least(&started, 3);
    store(&may_go_on, 1);
    join(thread);
    poll_until_at_least(ctx, &completions, 3);
    pool_free();
}

static void a_worker_wakes_the_next(void)
{
    ThreadPoolFunc *func = work_and_wait_for_four;
    pthread_t thread;

    pool_new();
    store(&clock_stands, 1);
    submit(0, work_and_wait);
    submit(1, work_and_wait);
    spin_until_at_least(ctx, &started, 2);
    store(&may_end, 1);
    poll_until_at_least(ctx, &completions, 2);
    wait_until_idle(2);
    thread = start_submission_that_stops(&func);
    /* Wakes one of the two workers, which takes the other one's request. */
    submit(3, work);
    wait_until_at_least(&started, 4);
    store(&may_go_on, 1);
    join(thread);
    poll_until_at_least(ctx, &completions, 4);
    pool_free();
}

/* The threads before the first worker: an emulator has one of its own. */
static int threads_at_start;

static const int64_t IDLE = INT64_C(10) * 1000000000;

static void a_worker_ends_when_it_has_been_idle_for_10_s(void)
{
    pool_new();
    submit(0, work);
    poll_until_at_least(ctx, &completions, 1);
    wait_until_at_least(&sleeps, 1);
    CHECK_EQ(load(&created), 1);
    CHECK_EQ(load_time(&sleeps_until) - load_time(&now), IDLE);

    /* Just before that it still takes a request, and the loop starts no other worker. */
    store_time(&now, load_time(&sleeps_until) - 1);
    submit(1, work);
    wait_until_at_least(&started, 2);
    poll_until_at_least(ctx, &completions, 2);
    wait_until_at_least(&sleeps, 2);
    CHECK_EQ(load(&created), 1);
    CHECK_EQ(load_time(&sleeps_until) - load_time(&now), IDLE);

    store_time(&now, load_time(&sleeps_until));
    while (threads_alive() > threads_at_start) {
        sched_yield();
    }
    submit(2, work);
    poll_until_at_least(ctx, &completions, 3);
    CHECK_EQ(load(&created), 2);
    CHECK_EQ(results[2], 1000);
    pool_free();
}

int main(void)
{
    *(void **)&real_syscall = dlsym(RTLD_NEXT, "syscall");
    store_time(&now, INT64_C(1000000000000));
    threads_at_start = threads_alive();
    init_clocks();
    RUN(thread_pool_submit_aio_without_threads_fails);
    RUN(thread_pool_submit_aio_with_a_worker_never_fails);
    RUN(a_worker_starts_the_next);
    RUN(aio_poll_starts_no_worker_without_work);
    RUN(thread_pool_submit_aio_to_busy_workers_wakes_nobody);
    RUN(thread_pool_submit_aio_wakes_whom_another_has_not_woken_yet);
    RUN(a_worker_wakes_the_next);
    RUN(a_worker_ends_when_it_has_been_idle_for_10_s);
    return 0;
}
