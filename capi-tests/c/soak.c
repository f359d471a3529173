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
            double late = now_ms() - request->made;

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

        me->request->made = now_ms();
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

/* Stopping the loops takes a last wakeup, which can be lost too. */
static void end_hangs(int signal_number)
{
    static const char text[] = "lost wakeup of a loop that is to end: ";

    if (write(2, text, sizeof(text) - 1) < 0) {
        _exit(2);
    }
    check_hangs(signal_number);
}

static void soak(struct phase *phase)
{
    struct notifier notifiers[LOOPS][NOTIFIERS];
    unsigned long wakeups = 0, spurious = 0;
    double worst = 0;
    int i, j, count = 0;

    phase_begin(phase);
    stop = 0;
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
    phase_run(phase);
    __atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
    signal(SIGALRM, end_hangs);
    /* Later than the notifiers' own timeout, which has a better message. */
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
    phase_end(phase);
    CHECK(wakeups > 0);
    CHECK(worst < LATEST);
    printf("ok %-8s  %-15s  %10lu  %8.1f ms  %9lu\n", phase_cpus(phase), check_current, wakeups,
           worst, spurious);
    fflush(stdout);
}

int main(int argc, char **argv)
{
    double seconds = soak_seconds(argc, argv);

    disturb_prepare(threads, THREADS);
    printf("   CPUs      disturbed by        wakeups   worst latency   spurious returns\n");
    phases(seconds, soak);
    return 0;
}
