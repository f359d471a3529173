/*
 * Threads that schedule a bottom half again as soon as it has run.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef STEPPERS_H
#define STEPPERS_H

#include "context.h"

struct stepper {
    AioContext *ctx;
    QEMUBH *bh;
    pthread_t thread;
    int wanted, runs;
    int *finished; /* how many steppers have done all their steps */
};

static inline void step(void *opaque)
{
    struct stepper *stepper = opaque;

    store(&stepper->runs, stepper->runs + 1);
}

static inline void *schedule_in_step(void *opaque)
{
    struct stepper *stepper = opaque;
    int i;

    for (i = 1; i <= stepper->wanted; i++) {
        qemu_bh_schedule(stepper->bh);
        wait_until_at_least(&stepper->runs, i);
    }
    __atomic_add_fetch(stepper->finished, 1, __ATOMIC_SEQ_CST);
    wake_by_work(stepper->ctx);
    return NULL;
}

static inline void stepper_begin(struct stepper *stepper, AioContext *ctx, int wanted,
                                 int *finished)
{
    memset(stepper, 0, sizeof(*stepper));
    stepper->ctx = ctx;
    stepper->wanted = wanted;
    stepper->finished = finished;
    stepper->bh = aio_bh_new(ctx, step, stepper);
    stepper->thread = start(schedule_in_step, stepper);
}

static inline void stepper_end(struct stepper *stepper)
{
    join(stepper->thread);
    CHECK_EQ(stepper->runs, stepper->wanted);
}

#endif /* STEPPERS_H */
