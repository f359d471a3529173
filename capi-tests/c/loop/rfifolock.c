/*
 * The lock on its own: recursion, order, the callback, misuse.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "qemu/rfifolock.h"
#include "../aborts.h"
#include "../process.h"

enum { WAITERS = 8 };

static RFifoLock lock;
static int calls, order[WAITERS], entered;
static unsigned shortest;

/* How many threads hold the lock or wait for it. */
static unsigned queue(void)
{
    unsigned head = __atomic_load_n(&lock.head, __ATOMIC_SEQ_CST);

    return __atomic_load_n(&lock.tail, __ATOMIC_SEQ_CST) - head;
}

static void wait_for_queue(unsigned length)
{
    while (queue() < length) {
        sched_yield();
    }
}

static void contended(void *opaque)
{
    unsigned length = queue();

    CHECK(opaque == &calls);
    if (length < __atomic_load_n(&shortest, __ATOMIC_SEQ_CST)) {
        __atomic_store_n(&shortest, length, __ATOMIC_SEQ_CST);
    }
    __atomic_add_fetch(&calls, 1, __ATOMIC_SEQ_CST);
}

static void lock_init(void)
{
    /* The old contents do not matter. */
    memset(&lock, 0xa5, sizeof(lock));
    rfifolock_init(&lock, contended, &calls);
    CHECK_EQ(lock.head, lock.tail);
    CHECK_EQ(lock.nesting, 0);
    calls = 0;
    entered = 0;
    shortest = WAITERS;
}

static void *enter(void *number)
{
    rfifolock_lock(&lock);
    CHECK_EQ(lock.nesting, 1);
    order[entered++] = (int)(intptr_t)number;
    rfifolock_unlock(&lock);
    return NULL;
}

static void rfifolock_lock_without_contention_calls_nothing(void)
{
    int i;

    lock_init();
    for (i = 0; i < 3; i++) {
        rfifolock_lock(&lock);
        rfifolock_lock(&lock);
        CHECK_EQ(queue(), 1);
        CHECK_EQ(lock.nesting, 2);
        rfifolock_unlock(&lock);
        CHECK_EQ(queue(), 1);
        rfifolock_unlock(&lock);
        CHECK_EQ(queue(), 0);
    }
    CHECK_EQ(calls, 0);
    rfifolock_destroy(&lock);
    /* Without a callback. */
    rfifolock_init(&lock, NULL, NULL);
    rfifolock_lock(&lock);
    rfifolock_unlock(&lock);
    rfifolock_destroy(&lock);
}

static void rfifolock_lock_serves_in_the_order_of_arrival(void)
{
    pthread_t threads[WAITERS];
    intptr_t i;

    lock_init();
    rfifolock_lock(&lock);
    for (i = 0; i < WAITERS; i++) {
        threads[i] = start(enter, (void *)i);
        wait_for_queue((unsigned)i + 2);
        /* With the queue as it is when the thread comes. */
        wait_until_at_least(&calls, (int)i + 1);
    }
    /*
     * Each before its first wait, with its own place in the queue. Later calls, before later
     * waits, may find a lock that has been handed over meanwhile.
     */
    CHECK(__atomic_load_n(&shortest, __ATOMIC_SEQ_CST) >= 2);
    rfifolock_lock(&lock);
    CHECK_EQ(entered, 0);
    rfifolock_unlock(&lock);
    CHECK_EQ(entered, 0);
    rfifolock_unlock(&lock);
    for (i = 0; i < WAITERS; i++) {
        join(threads[i]);
        CHECK_EQ(order[i], i);
    }
    CHECK_EQ(queue(), 0);
    rfifolock_destroy(&lock);
}

static void rfifolock_lock_again_waits_behind_others(void)
{
    pthread_t thread;

    lock_init();
    rfifolock_lock(&lock);
    thread = start(enter, (void *)1);
    wait_for_queue(2);
    rfifolock_unlock(&lock);
    rfifolock_lock(&lock);
    CHECK_EQ(entered, 1);
    rfifolock_unlock(&lock);
    join(thread);
    rfifolock_destroy(&lock);
}

static void unlock_free(void *unused)
{
    (void)unused;
    lock_init();
    rfifolock_unlock(&lock);
}

static void *lock_for_good(void *unused)
{
    rfifolock_lock(&lock);
    return unused;
}

static void lock_by_another(void)
{
    lock_init();
    start(lock_for_good, NULL);
    wait_for_queue(1);
}

static void unlock_anothers(void *unused)
{
    (void)unused;
    lock_by_another();
    rfifolock_unlock(&lock);
}

static void destroy_anothers(void *unused)
{
    (void)unused;
    lock_by_another();
    rfifolock_destroy(&lock);
}

static void unlock_too_often(void *unused)
{
    (void)unused;
    lock_init();
    rfifolock_lock(&lock);
    rfifolock_unlock(&lock);
    rfifolock_unlock(&lock);
}

static void misuse_aborts_with_one_line(void)
{
    static const struct aborting calls[] = {
        {unlock_free, "aiocontext: rfifolock_unlock: the calling thread is not the owner\n"},
        {unlock_anothers,
         "aiocontext: rfifolock_unlock: the calling thread is not the owner\n"},
        {unlock_too_often,
         "aiocontext: rfifolock_unlock: the calling thread is not the owner\n"},
        {destroy_anothers,
         "aiocontext: rfifolock_destroy: the lock is held, or somebody waits for it\n"},
    };

    CHECK_ABORT(calls);
}

int main(void)
{
    RUN(rfifolock_lock_without_contention_calls_nothing);
    RUN(rfifolock_lock_serves_in_the_order_of_arrival);
    RUN(rfifolock_lock_again_waits_behind_others);
    RUN(misuse_aborts_with_one_line);
    return 0;
}
