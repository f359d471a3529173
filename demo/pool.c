/*
 * The worker threads: each takes the next file, checksums it and hands it over.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <pthread.h>

#include "checksum.h"

struct worker {
    pthread_t thread;
    struct job *job;
    size_t notifies;
};

struct pool {
    struct worker *workers;
    size_t count;
};

static void *work(void *argument)
{
    struct worker *worker = argument;
    struct job *job = worker->job;
    size_t i;

    while ((i = __atomic_fetch_add(&job->next, 1, __ATOMIC_RELAXED)) < job->count) {
        checksum_file(&job->files[i], &job->bytes);
        hand_over(job, &job->files[i]);
        worker->notifies++;
    }
    return NULL;
}

struct pool *pool_start(struct job *job, size_t threads)
{
    struct pool *pool = g_new(struct pool, 1);
    int error = 0;

    pool->workers = g_new0(struct worker, threads);
    for (pool->count = 0; pool->count < threads; pool->count++) {
        struct worker *worker = &pool->workers[pool->count];

        worker->job = job;
        error = pthread_create(&worker->thread, NULL, work, worker);
        if (error != 0) {
            break;
        }
    }
    /* Fewer threads than asked for do the work as well. */
    if (pool->count == 0) {
        die("cannot start a thread", error);
    }
    return pool;
}

size_t pool_join(struct pool *pool)
{
    size_t i, notifies = 0;

    for (i = 0; i < pool->count; i++) {
        pthread_join(pool->workers[i].thread, NULL);
        notifies += pool->workers[i].notifies;
    }
    g_free(pool->workers);
    g_free(pool);
    return notifies;
}
