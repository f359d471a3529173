/*
 * A program's own thread pool: it has no threads, the work is done in a bottom half.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "own.h"

__thread int own_quiet;

struct own_call own_calls[] = {
    {"thread_pool_new", 0},
    {"thread_pool_free", 0},
    {NULL, 0},
};

struct ThreadPool {
    AioContext *ctx;
};

struct request {
    BlockAIOCB common;
    QEMUBH *bh;
    ThreadPoolFunc *func;
    void *arg;
};

static const AIOCBInfo info = {NULL, NULL, sizeof(struct request)};

ThreadPool *thread_pool_new(struct AioContext *ctx)
{
    ThreadPool *pool = own_alloc(sizeof(*pool));

    OWN_CALLED();
    pool->ctx = ctx;
    return pool;
}

void thread_pool_free(ThreadPool *pool)
{
    OWN_CALLED();
    free(pool);
}

static void run(void *opaque)
{
    struct request *request = opaque;
    int result = request->func(request->arg);

    if (request->common.cb != NULL) {
        request->common.cb(request->common.opaque, result);
    }
    qemu_bh_delete(request->bh);
    qemu_aio_unref(request);
}

BlockAIOCB *thread_pool_submit_aio(ThreadPool *pool, ThreadPoolFunc *func, void *arg,
                                   BlockCompletionFunc *cb, void *opaque)
{
    struct request *request = qemu_aio_get(&info, NULL, cb, opaque);

    request->func = func;
    request->arg = arg;
    request->bh = aio_bh_new(pool->ctx, run, request);
    qemu_bh_schedule(request->bh);
    return &request->common;
}

int thread_pool_submit_co(ThreadPool *pool, ThreadPoolFunc *func, void *arg)
{
    (void)pool;
    return func(arg);
}

void thread_pool_submit(ThreadPool *pool, ThreadPoolFunc *func, void *arg)
{
    thread_pool_submit_aio(pool, func, arg, NULL, NULL);
}
