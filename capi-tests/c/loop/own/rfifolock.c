/*
 * A program's own lock.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "own.h"

__thread int own_quiet;

struct own_call own_calls[] = {
    {"rfifolock_init", 0},
    {"rfifolock_destroy", 0},
    {"rfifolock_lock", 0},
    {"rfifolock_unlock", 0},
    {NULL, 0},
};

void rfifolock_init(RFifoLock *r, void (*cb)(void *), void *opaque)
{
    OWN_CALLED();
    memset(r, 0, sizeof(*r));
    pthread_mutex_init(&r->lock.lock, NULL);
    pthread_cond_init(&r->cond.cond, NULL);
    r->cb = cb;
    r->cb_opaque = opaque;
}

void rfifolock_destroy(RFifoLock *r)
{
    OWN_CALLED();
    pthread_cond_destroy(&r->cond.cond);
    pthread_mutex_destroy(&r->lock.lock);
}

void rfifolock_lock(RFifoLock *r)
{
    unsigned ticket;

    OWN_CALLED();
    pthread_mutex_lock(&r->lock.lock);
    ticket = r->tail++;
    if (r->nesting > 0 && pthread_equal(r->owner_thread.thread, pthread_self())) {
        r->tail--;
    } else {
        while (ticket != r->head) {
            if (r->cb != NULL) {
                r->cb(r->cb_opaque);
            }
            pthread_cond_wait(&r->cond.cond, &r->lock.lock);
        }
    }
    r->owner_thread.thread = pthread_self();
    r->nesting++;
    pthread_mutex_unlock(&r->lock.lock);
}

void rfifolock_unlock(RFifoLock *r)
{
    OWN_CALLED();
    pthread_mutex_lock(&r->lock.lock);
    if (--r->nesting == 0) {
        r->head++;
        pthread_cond_broadcast(&r->cond.cond);
    }
    pthread_mutex_unlock(&r->lock.lock);
}
