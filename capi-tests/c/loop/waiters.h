/*
 * Threads that wait for a context's lock while another one holds it.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef WAITERS_H
#define WAITERS_H

#include "context.h"

struct waiter {
    AioContext *ctx;
    pthread_t thread;
    int tid, acquired;
};

static inline void *wait_for_lock(void *opaque)
{
    struct waiter *waiter = opaque;

    store(&waiter->tid, own_tid());
    aio_context_acquire(waiter->ctx);
    store(&waiter->acquired, 1);
    aio_context_release(waiter->ctx);
    return NULL;
}

/* Returns when it sleeps in the lock. */
static inline void waiter_begin(struct waiter *waiter, AioContext *ctx)
{
    unsigned before = lock_queue(ctx);

    memset(waiter, 0, sizeof(*waiter));
    waiter->ctx = ctx;
    waiter->thread = start(wait_for_lock, waiter);
    while (lock_queue(ctx) <= before || !is_asleep(load(&waiter->tid))) {
        sched_yield();
    }
}

static inline void waiter_end(struct waiter *waiter)
{
    join(waiter->thread);
    CHECK_EQ(waiter->acquired, 1);
}

#endif /* WAITERS_H */
