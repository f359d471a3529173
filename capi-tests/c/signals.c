/*
 * aio_notify from signal handlers, in a storm of them: nothing is lost, and errno is unchanged
 * in the code that was interrupted.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <sched.h>

#include "loop.h"

#define SIGNALS ((unsigned long)check_often(20000))

static AioContext *ctx;
static unsigned long pushed, errors;
static int victim_runs, victim_stops, victim_checks;

static void handler(int signal_number)
{
    int before = errno;

    (void)signal_number;
    __atomic_add_fetch(&pushed, 1, __ATOMIC_RELAXED);
    aio_notify(ctx);
    event_notifier_set(&ctx->notifier);
    if (errno != before) {
        __atomic_add_fetch(&errors, 1, __ATOMIC_RELAXED);
    }
}

/* Is interrupted between setting errno and looking at it, at any instruction. */
static void *victim(void *unused)
{
    __atomic_store_n(&victim_runs, 1, __ATOMIC_RELAXED);
    while (!__atomic_load_n(&victim_stops, __ATOMIC_RELAXED)) {
        int i;

        errno = ENOENT;
        for (i = 0; i < 100; i++) {
            /* Its own library call is interrupted as well. */
            aio_notify(ctx);
            if (errno != ENOENT) {
                __atomic_add_fetch(&errors, 1, __ATOMIC_RELAXED);
            }
        }
        __atomic_store_n(&victim_checks, 1, __ATOMIC_RELAXED);
        /* Where all CPUs are busy, the sender gets its turn now, not after a time slice. */
        sched_yield();
    }
    return unused;
}

struct storm {
    pthread_t target;
};

static void *send_signals(void *argument)
{
    struct storm *storm = argument;
    unsigned long i;

    while (!__atomic_load_n(&victim_runs, __ATOMIC_RELAXED)) {
        sched_yield();
    }
    for (i = 1; i <= SIGNALS; i++) {
        CHECK_EQ(pthread_kill(storm->target, SIGUSR1), 0);
        /* A signal that is pending already is not counted twice: wait for each. */
        while (__atomic_load_n(&pushed, __ATOMIC_RELAXED) < i) {
            sched_yield();
        }
    }
    return NULL;
}

static void loop_until_all_are_taken(void)
{
    unsigned long taken = 0;

    while (taken < SIGNALS) {
        loop_begin(ctx);
        loop_wait(ctx, __atomic_load_n(&pushed, __ATOMIC_RELAXED) == taken ? -1 : 0);
        CHECK(event_notifier_test_and_clear(&ctx->notifier) >= 0);
        taken = __atomic_load_n(&pushed, __ATOMIC_RELAXED);
    }
    CHECK_EQ(taken, SIGNALS);
}

static void install(void)
{
    struct sigaction action;

    memset(&action, 0, sizeof(action));
    action.sa_handler = handler;
    CHECK_EQ(sigaction(SIGUSR1, &action, NULL), 0);
    pushed = errors = 0;
    victim_runs = victim_stops = 0;
}

static void aio_notify_in_signal_handlers_of_another_thread_loses_nothing(void)
{
    struct storm storm;
    pthread_t sender;

    ctx = loop_new();
    install();
    storm.target = start(victim, NULL);
    sender = start(send_signals, &storm);
    loop_until_all_are_taken();
    join(sender);
    __atomic_store_n(&victim_stops, 1, __ATOMIC_RELAXED);
    join(storm.target);
    CHECK_EQ(errors, 0);
    CHECK(victim_checks);
    loop_free(ctx);
}

/* The handler interrupts the loop itself: in poll, in accept, and between them. */
static void aio_notify_in_signal_handlers_of_the_loop_loses_nothing(void)
{
    struct storm storm = {pthread_self()};
    pthread_t sender;

    ctx = loop_new();
    install();
    victim_runs = 1;
    sender = start(send_signals, &storm);
    loop_until_all_are_taken();
    join(sender);
    CHECK_EQ(errors, 0);
    loop_free(ctx);
}

int main(void)
{
    RUN(aio_notify_in_signal_handlers_of_another_thread_loses_nothing);
    RUN(aio_notify_in_signal_handlers_of_the_loop_loses_nothing);
    return 0;
}
