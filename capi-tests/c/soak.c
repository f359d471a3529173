/*
 * soak [SECONDS]: loops and notifiers for a long time, under everything that moves threads
 * about.
 *
 * Each notifier hands a request to a loop, sleeps until it is served, and hands over the next.
 * The phases take turns: on all CPUs and on one; alone, beside CPU hogs, with threads stopped
 * and resumed at any instruction, in a storm of forks, and with descriptors running out. A
 * request that is served later than LATEST has lost its wakeup.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <sched.h>
#include <semaphore.h>
#include <time.h>

#include "disturb.h"
#include "loop.h"

enum {
    LOOPS = 2,
    NOTIFIERS = 3,
    THREADS = LOOPS * (NOTIFIERS + 1),
    /*
     * Milliseconds until a wakeup counts as lost. A time slice is a few, a stopped thread is
     * resumed after about one; a loaded machine may let a thread wait for a second or two.
     */
    LATEST = 20000,
};

struct request {
    /* Odd while it waits to be served. */
    unsigned turn;
    double made;
    sem_t served;
};

struct loop {
    AioContext *ctx;
    struct request requests[NOTIFIERS];
    unsigned long wakeups, spurious;
    double worst;
};

static struct loop loops[LOOPS];
static pthread_t threads[THREADS];
static int stop;

static double now(void)
{
    struct timespec time;

    CHECK_EQ(clock_gettime(CLOCK_MONOTONIC, &time), 0);
    return (double)time.tv_sec * 1e3 + (double)time.tv_nsec / 1e6;
}

static int has_request(struct loop *loop)
{
    int i;

    for (i = 0; i < NOTIFIERS; i++) {
        if (__atomic_load_n(&loop->requests[i].turn, __ATOMIC_RELAXED) % 2 == 1) {
            return 1;
        }
    }
    return 0;
}

static int serve(struct loop *loop)
{
    int i, found = 0;

    for (i = 0; i < NOTIFIERS; i++) {
        struct request *request = &loop->requests[i];

        if (__atomic_load_n(&request->turn, __ATOMIC_ACQUIRE) % 2 == 1) {
            double late = now() - request->made;

            loop->worst = late > loop->worst ? late : loop->worst;
            loop->wakeups++;
            found = 1;
            __atomic_add_fetch(&request->turn, 1, __ATOMIC_RELEASE);
            CHECK_EQ(sem_post(&request->served), 0);
        }
    }
    return found;
}

static void *run_loop(void *argument)
{
    struct loop *loop = argument;

    while (!is_set(&stop) || has_request(loop)) {
        int ready;

        loop_begin(loop->ctx);
        ready = loop_wait(loop->ctx, has_request(loop) || is_set(&stop) ? 0 : -1);
        if (!serve(loop) && ready > 0) {
            loop->spurious++;
        }
    }
    return NULL;
}

struct notifier {
    struct loop *loop;
    struct request *request;
};

static void *run_notifier(void *argument)
{
    struct notifier *me = argument;

    while (!is_set(&stop)) {
        struct timespec until;

        me->request->made = now();
        __atomic_add_fetch(&me->request->turn, 1, __ATOMIC_RELEASE);
        aio_notify(me->loop->ctx);
        CHECK_EQ(clock_gettime(CLOCK_REALTIME, &until), 0);
        until.tv_sec += LATEST / 1000;
        while (sem_timedwait(&me->request->served, &until) < 0) {
            if (errno == ETIMEDOUT) {
                fprintf(stderr, "%s: lost wakeup\n", check_current);
                _exit(1);
            }
            CHECK_EQ(errno, EINTR);
        }
    }
    return NULL;
}

/* The loops are to end: the last wakeup, which can be lost as well. */
static void end_hangs(int signal_number)
{
    static const char text[] = "lost wakeup of a loop that is to end: ";

    if (write(2, text, sizeof(text) - 1) < 0) {
        _exit(2);
    }
    check_hangs(signal_number);
}

static void phase(int one_cpu, int kind, double milliseconds)
{
    struct notifier notifiers[LOOPS][NOTIFIERS];
    struct timespec length = {(time_t)(milliseconds / 1e3),
                              (long)(milliseconds * 1e6) % 1000000000L};
    unsigned long wakeups = 0, spurious = 0;
    double worst = 0;
    pthread_t disturber = 0;
    cpu_set_t before, one;
    int i, j, count = 0;

    check_current = disturbing[kind].name;
    CHECK_EQ(sched_getaffinity(0, sizeof(before), &before), 0);
    if (one_cpu) {
        CPU_ZERO(&one);
        CPU_SET((unsigned)sched_getcpu(), &one);
        CHECK_EQ(sched_setaffinity(0, sizeof(one), &one), 0);
    }
    stop = disturb_stop = 0;
    disturbances = 0;
    memset(loops, 0, sizeof(loops));
    for (i = 0; i < LOOPS; i++) {
        loops[i].ctx = loop_new();
        threads[count++] = start(run_loop, &loops[i]);
        for (j = 0; j < NOTIFIERS; j++) {
            CHECK_EQ(sem_init(&loops[i].requests[j].served, 0, 0), 0);
            notifiers[i][j] = (struct notifier){&loops[i], &loops[i].requests[j]};
            threads[count++] = start(run_notifier, &notifiers[i][j]);
        }
    }
    if (disturbing[kind].run != NULL) {
        disturber = start(disturbing[kind].run, NULL);
    }
    nanosleep(&length, NULL);
    __atomic_store_n(&disturb_stop, 1, __ATOMIC_RELAXED);
    if (disturbing[kind].run != NULL) {
        join(disturber);
        CHECK(disturbances > 0);
    }
    __atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
    signal(SIGALRM, end_hangs);
    /* Later than the notifiers, which say so themselves. */
    alarm(2 * LATEST / 1000);
    for (i = 0; i < LOOPS; i++) {
        aio_notify(loops[i].ctx);
    }
    for (i = 0; i < THREADS; i++) {
        join(threads[i]);
    }
    alarm(0);
    for (i = 0; i < LOOPS; i++) {
        wakeups += loops[i].wakeups;
        spurious += loops[i].spurious;
        worst = loops[i].worst > worst ? loops[i].worst : worst;
        CHECK_EQ(loops[i].ctx->notify_me, 0);
        loop_free(loops[i].ctx);
    }
    CHECK_EQ(sched_setaffinity(0, sizeof(before), &before), 0);
    CHECK(wakeups > 0);
    CHECK(worst < LATEST);
    printf("ok %-8s  %-15s  %10lu  %8.1f ms  %9lu\n", one_cpu ? "one CPU" : "all CPUs",
           disturbing[kind].name, wakeups, worst, spurious);
    fflush(stdout);
}

int main(int argc, char **argv)
{
    double seconds = argc > 1 ? atof(argv[1]) : 10;
    int one_cpu, kind;

    if (seconds <= 0) {
        fprintf(stderr, "usage: soak [SECONDS]\n");
        return 2;
    }
    disturb_prepare(threads, THREADS);
    printf("   CPUs      disturbed by        wakeups   worst latency   spurious returns\n");
    for (one_cpu = 0; one_cpu <= 1; one_cpu++) {
        for (kind = 0; kind < DISTURBING; kind++) {
            phase(one_cpu, kind, seconds * 1e3 / (2.0 * DISTURBING));
        }
    }
    return 0;
}
