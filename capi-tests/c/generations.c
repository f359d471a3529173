/*
 * A loop of the 2.4 generation, or with LOOP=52 one of 5.2, with whichever library it is linked
 * to. Prints how many wakeups were lost, and how many turns kept an idle loop awake.
 *
 * Nothing depends on timing: the notifier runs exactly where the loop lets it, after the choice
 * of the timeout and before the raise of notify_me where there is such a place, else after the
 * raise. Nothing more happens then, so a poll with a timeout of 0 tells whether an infinite one
 * would return.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdbool.h>

#include "block/aio.h"
#include "check.h"

enum { ROUNDS = 100 };

static AioContext ctx;
static sem_t go, gone;
static int work;

static void wait_for(sem_t *semaphore)
{
    while (sem_wait(semaphore) < 0) {
        CHECK_EQ(errno, EINTR);
    }
}

static void *notifier(void *unused)
{
    int i;

    for (i = 0; i < 2 * ROUNDS; i++) {
        wait_for(&go);
        __atomic_store_n(&work, 1, __ATOMIC_RELAXED);
        aio_notify(&ctx);
        CHECK_EQ(sem_post(&gone), 0);
    }
    return unused;
}

/* The other thread has work for the loop, and has notified it, when this returns. */
static void let_notify(void)
{
    CHECK_EQ(sem_post(&go), 0);
    wait_for(&gone);
}

/* Where in its turn the loop is notified. */
enum place { NOWHERE, IN_THE_WINDOW, RAISED };

/* What one turn showed. */
struct turn {
    bool lost, woken;
};

static struct turn turn(enum place place)
{
    struct pollfd fd = {event_notifier_get_fd(&ctx.notifier), POLLIN, 0};
    struct turn result = {false, false};
    bool sleeps;

#if LOOP == 52
    sleeps = __atomic_load_n(&work, __ATOMIC_RELAXED) == 0;
    if (place == IN_THE_WINDOW) {
        let_notify();
    }
    __atomic_store_n(&ctx.notify_me, ctx.notify_me + 2, __ATOMIC_RELAXED);
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    if (__atomic_load_n(&ctx.notified, __ATOMIC_RELAXED)) {
        sleeps = false;
    }
#else
    if (place == IN_THE_WINDOW) {
        let_notify();
    }
    __atomic_fetch_add(&ctx.notify_me, 2, __ATOMIC_SEQ_CST);
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    sleeps = __atomic_load_n(&work, __ATOMIC_RELAXED) == 0;
#endif
    if (place == RAISED) {
        let_notify();
    }
    result.woken = poll(&fd, 1, 0) == 1;
    result.lost = sleeps && !result.woken && __atomic_load_n(&work, __ATOMIC_RELAXED) != 0;
    __atomic_fetch_sub(&ctx.notify_me, 2, __ATOMIC_SEQ_CST);
    aio_notify_accept(&ctx);
#if LOOP == 52
    if (result.woken) {
        event_notifier_test_and_clear(&ctx.notifier);
    }
#endif
    __atomic_store_n(&work, 0, __ATOMIC_RELAXED);
    return result;
}

int main(void)
{
    pthread_t thread;
    int i, lost = 0, idle = 0;

    check_watchdog();
    CHECK_EQ(event_notifier_init(&ctx.notifier, 0), 0);
    CHECK_EQ(sem_init(&go, 0, 0), 0);
    CHECK_EQ(sem_init(&gone, 0, 0), 0);
    CHECK_EQ(pthread_create(&thread, NULL, notifier, NULL), 0);
    for (i = 0; i < ROUNDS; i++) {
        lost += turn(IN_THE_WINDOW).lost;
        lost += turn(RAISED).lost;
        /* Nothing to do: a loop that polls now must sleep. */
        idle += turn(NOWHERE).woken;
    }
    CHECK_EQ(pthread_join(thread, NULL), 0);
    event_notifier_cleanup(&ctx.notifier);
    printf("%d lost, %d idle turns\n", lost, idle);
    return 0;
}
