/*
 * A 2.4-style loop as a program keeps it: what it owes to aio_notify().
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef LOOP_H
#define LOOP_H

#include "block/aio.h"
#include "process.h"

static inline AioContext *loop_new(void)
{
    AioContext *ctx = calloc(1, sizeof(*ctx));

    CHECK(ctx != NULL);
    CHECK_EQ(event_notifier_init(&ctx->notifier, 0), 0);
    return ctx;
}

static inline void loop_free(AioContext *ctx)
{
    event_notifier_cleanup(&ctx->notifier);
    free(ctx);
}

/* From here on aio_notify() wakes: look at the work after this. */
static inline void loop_begin(AioContext *ctx)
{
    __atomic_fetch_add(&ctx->notify_me, 2, __ATOMIC_SEQ_CST);
    /* The addition alone does not order the loads that follow it. */
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
}

/* Polls (timeout in ms, -1 for ever) and accepts: look at the work after this, too. */
static inline int loop_wait(AioContext *ctx, int timeout)
{
    struct pollfd fd = {event_notifier_get_fd(&ctx->notifier), POLLIN, 0};
    int ready = poll(&fd, 1, timeout);

    CHECK(ready >= 0 || errno == EINTR);
    __atomic_fetch_sub(&ctx->notify_me, 2, __ATOMIC_SEQ_CST);
    aio_notify_accept(ctx);
    return ready;
}

#endif /* LOOP_H */
