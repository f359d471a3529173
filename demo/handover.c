/*
 * The handover of results, from any number of workers to one loop.
 *
 * The finished files are a stack without a lock: a worker pushes one, the loop takes all.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "checksum.h"

void hand_over(struct job *job, struct file *file)
{
    /* First the work... */
    file->next_done = __atomic_load_n(&job->done, __ATOMIC_RELAXED);
    /* Release: the loop that finds the file finds what the worker wrote into it, too. */
    while (!__atomic_compare_exchange_n(&job->done, &file->next_done, file, true,
                                        __ATOMIC_RELEASE, __ATOMIC_RELAXED)) {
    }
    /*
     * ...then the notification, never the other way round: the loop could wake up, find
     * nothing, and sleep again before the work is there. If the loop is awake this costs a
     * barrier and a load; it looks at the stack again before it sleeps.
     */
    aio_notify(job->ctx);
}

bool has_results(struct job *job)
{
    return __atomic_load_n(&job->done, __ATOMIC_RELAXED) != NULL;
}

size_t take_results(struct job *job)
{
    struct file *file = __atomic_exchange_n(&job->done, NULL, __ATOMIC_ACQUIRE);
    size_t count = 0;

    /* A real program would go on with each file here. */
    for (; file != NULL; file = file->next_done) {
        count++;
    }
    job->taken += count;
    return count;
}
