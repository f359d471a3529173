/*
 * A loop as a program keeps it: what it owes to aio_notify(). With LOOP_5_2 it speaks the
 * protocol of QEMU 5.2 and later, else that of 2.4.
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

static inline int loop_poll(AioContext *ctx, int timeout)
{
    struct pollfd fd = {event_notifier_get_fd(&ctx->notifier), POLLIN, 0};
    int ready = poll(&fd, 1, timeout);

    CHECK(ready >= 0 || errno == EINTR);
    return ready;
}

#ifndef LOOP_5_2

/* From here on aio_notify() wakes: look at the work after this. */
static inline void loop_begin(AioContext *ctx)
{
    __atomic_fetch_add(&ctx->notify_me, 2, __ATOMIC_SEQ_CST);
    /* The addition alone does not order the loads that follow it. */
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
}

/* Polls (timeout in ms, -1 is infinite) and accepts: look at the work after this, too. */
static inline int loop_wait(AioContext *ctx, int timeout)
{
    int ready = loop_poll(ctx, timeout);

    __atomic_fetch_sub(&ctx->notify_me, 2, __ATOMIC_SEQ_CST);
    aio_notify_accept(ctx);
    return ready;
}

/* One turn, which sleeps if there is no work. */
static inline void loop_turn(AioContext *ctx, int (*has_work)(void *), void *opaque)
{
    loop_begin(ctx);
    loop_wait(ctx, has_work(opaque) ? 0 : -1);
}

/* One turn without sleeping; returns whether a poll would have blocked. */
static inline int loop_is_at_rest(AioContext *ctx)
{
    loop_begin(ctx);
    return loop_wait(ctx, 0) == 0;
}

#else

/*
 * Whether the loop may sleep, after it has chosen its timeout. Only the home thread writes
 * notify_me.
 */
static inline int loop_may_sleep(AioContext *ctx)
{
    __atomic_store_n(&ctx->notify_me, ctx->notify_me + 2, __ATOMIC_RELAXED);
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    return !__atomic_load_n(&ctx->notified, __ATOMIC_RELAXED);
}

/*
 * Polls (timeout in ms, -1 is infinite) and accepts; raised says whether loop_may_sleep() was
 * called. The handler of the notifier's descriptor empties it. Look at the work after this.
 */
static inline int loop_wait(AioContext *ctx, int timeout, int raised)
{
    int ready = loop_poll(ctx, timeout);

    if (raised) {
        __atomic_store_n(&ctx->notify_me, ctx->notify_me - 2, __ATOMIC_RELEASE);
    }
    aio_notify_accept(ctx);
    if (ready == 1) {
        event_notifier_test_and_clear(&ctx->notifier);
    }
    return ready;
}

/* One turn, which sleeps if there is no work. */
static inline void loop_turn(AioContext *ctx, int (*has_work)(void *), void *opaque)
{
    if (has_work(opaque)) {
        loop_wait(ctx, 0, 0);
    } else {
        loop_wait(ctx, loop_may_sleep(ctx) ? -1 : 0, 1);
    }
}

/* One turn without sleeping; returns whether a poll would have blocked. */
static inline int loop_is_at_rest(AioContext *ctx)
{
    int may_sleep = loop_may_sleep(ctx);

    return loop_wait(ctx, 0, 1) == 0 && may_sleep;
}

#endif

#endif /* LOOP_H */
