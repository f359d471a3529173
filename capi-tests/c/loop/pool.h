/*
 * A context with its thread pool, and requests that record what happens to them.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef POOL_H
#define POOL_H

#include "context.h"

/* The most workers that a pool has. */
enum { MOST = 64 };

struct pooled {
    AioContext *ctx;
    ThreadPool *pool;
    /* The numbers of the requests in the order of their completion. */
    int order[256], completions;
    /* For work_when_released(): how many requests have started, and whether they may go on. */
    int arrived, released;
};

struct request {
    struct pooled *owner;
    BlockAIOCB *acb;
    int number, started, result, completed;
    pthread_t worker;
};

static inline void pool_new(struct pooled *p)
{
    memset(p, 0, sizeof(*p));
    p->ctx = context_new();
    p->pool = aio_get_thread_pool(p->ctx);
    CHECK(p->pool != NULL);
    CHECK(aio_get_thread_pool(p->ctx) == p->pool);
}

static inline void pool_free(struct pooled *p)
{
    aio_context_unref(p->ctx);
}

/* Resets the counters; no request may be pending. */
static inline void pool_clear(struct pooled *p)
{
    p->completions = 0;
    store(&p->arrived, 0);
    store(&p->released, 0);
}

static inline int work(void *opaque)
{
    struct request *request = opaque;

    request->worker = pthread_self();
    __atomic_add_fetch(&request->started, 1, __ATOMIC_SEQ_CST);
    return request->number + 1000;
}

/* Waits until it is released: so many requests at once need so many workers. */
static inline int work_when_released(void *opaque)
{
    struct request *request = opaque;

    __atomic_add_fetch(&request->owner->arrived, 1, __ATOMIC_SEQ_CST);
    wait_until_at_least(&request->owner->released, 1);
    return work(opaque);
}

static inline void complete(void *opaque, int result)
{
    struct request *request = opaque;

    request->result = result;
    request->completed++;
    request->owner->order[request->owner->completions++ % 256] = request->number;
}

static inline void submit_to_complete(struct pooled *p, struct request *request, int number,
                                      ThreadPoolFunc *func, BlockCompletionFunc *completion)
{
    memset(request, 0, sizeof(*request));
    request->owner = p;
    request->number = number;
    request->acb = thread_pool_submit_aio(p->pool, func, request, completion, request);
    CHECK(request->acb != NULL);
}

static inline void submit(struct pooled *p, struct request *request, int number,
                          ThreadPoolFunc *func)
{
    submit_to_complete(p, request, number, func, complete);
}

static inline void wait_for_completions(struct pooled *p, int count)
{
    poll_until_at_least(p->ctx, &p->completions, count);
}

/* Makes sure that the pool has a worker that is idle or about to be. */
static inline void warm_up(struct pooled *p)
{
    struct request request;
    int before = p->completions;

    submit(p, &request, 0, work);
    wait_for_completions(p, before + 1);
    p->completions = before;
}

#endif /* POOL_H */
