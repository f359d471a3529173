/*
 * Two threads ask for a context's pool at the same time. The program's own pool counts who
 * makes and frees how many.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <pthread.h>

#include "context.h"

struct ThreadPool {
    int freed;
};

static struct ThreadPool pools[2];
static int made;

/* The first two callers leave together. */
ThreadPool *thread_pool_new(struct AioContext *ctx)
{
    int number = __atomic_fetch_add(&made, 1, __ATOMIC_SEQ_CST);

    (void)ctx;
    CHECK(number < 2);
    wait_until_at_least(&made, 2);
    return &pools[number];
}

void thread_pool_free(ThreadPool *pool)
{
    CHECK(pool != NULL);
    __atomic_add_fetch(&pool->freed, 1, __ATOMIC_SEQ_CST);
}

BlockAIOCB *thread_pool_submit_aio(ThreadPool *pool, ThreadPoolFunc *func, void *arg,
                                   BlockCompletionFunc *cb, void *opaque)
{
    (void)pool, (void)func, (void)arg, (void)cb, (void)opaque;
    abort();
}

int thread_pool_submit_co(ThreadPool *pool, ThreadPoolFunc *func, void *arg)
{
    (void)pool, (void)func, (void)arg;
    abort();
}

void thread_pool_submit(ThreadPool *pool, ThreadPoolFunc *func, void *arg)
{
    (void)pool, (void)func, (void)arg;
    abort();
}

static void *ask(void *ctx)
{
    return aio_get_thread_pool(ctx);
}

static void aio_get_thread_pool_frees_the_pool_that_comes_second(void)
{
    AioContext *ctx = context_new();
    pthread_t thread;
    ThreadPool *pool;
    void *theirs;

    CHECK_EQ(pthread_create(&thread, NULL, ask, ctx), 0);
    pool = aio_get_thread_pool(ctx);
    CHECK_EQ(pthread_join(thread, &theirs), 0);
    CHECK(theirs == pool);
    CHECK(aio_get_thread_pool(ctx) == pool);
    CHECK_EQ(made, 2);
    CHECK_EQ(pool->freed, 0);
    CHECK_EQ(pools[0].freed + pools[1].freed, 1);
    aio_context_unref(ctx);
    CHECK_EQ(pools[0].freed, 1);
    CHECK_EQ(pools[1].freed, 1);
}

int main(void)
{
    init_clocks();
    RUN(aio_get_thread_pool_frees_the_pool_that_comes_second);
    return 0;
}
