/*
 * A loop of QEMU 5.2 and later as a program keeps it: what it owes to aio_notify() there.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef LOOP_5_2_H
#define LOOP_5_2_H

#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "block/aio.h"
#include "check.h"

static inline AioContext *home_new(void)
{
    AioContext *ctx = calloc(1, sizeof(*ctx));

    CHECK(ctx != NULL);
    CHECK_EQ(event_notifier_init(&ctx->notifier, 0), 0);
    return ctx;
}

static inline void home_free(AioContext *ctx)
{
    event_notifier_cleanup(&ctx->notifier);
    free(ctx);
}

/* Behind the choice of the timeout: may the loop sleep? notify_me is the home thread's to
 * write. */
static inline bool home_may_sleep(AioContext *ctx)
{
    __atomic_store_n(&ctx->notify_me, ctx->notify_me + 2, __ATOMIC_RELAXED);
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    return !__atomic_load_n(&ctx->notified, __ATOMIC_RELAXED);
}

/* Polls (timeout in ms, -1 for ever), and accepts; raised says whether home_may_sleep() was
 * called. The handler of the notifier's descriptor empties it. Look at the work after this.
 */
static inline int home_wait(AioContext *ctx, int timeout, bool raised)
{
    struct pollfd fd = {event_notifier_get_fd(&ctx->notifier), POLLIN, 0};
    int ready = poll(&fd, 1, timeout);

    CHECK(ready >= 0 || errno == EINTR);
    if (raised) {
        __atomic_store_n(&ctx->notify_me, ctx->notify_me - 2, __ATOMIC_RELEASE);
    }
    aio_notify_accept(ctx);
    if (ready == 1) {
        event_notifier_test_and_clear(&ctx->notifier);
    }
    return ready;
}

/* One turn; has_work is what the loop saw when it chose its timeout. */
static inline int home_turn(AioContext *ctx, bool has_work)
{
    if (has_work) {
        return home_wait(ctx, 0, false);
    }
    return home_wait(ctx, home_may_sleep(ctx) ? -1 : 0, true);
}

#endif /* LOOP_5_2_H */
