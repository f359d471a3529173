/*
 * A 2.4-style loop as a program keeps it: what it owes to aio_notify().
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef LOOP_H
#define LOOP_H

#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "block/aio.h"
#include "check.h"

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

static inline int is_readable(int fd)
{
    struct pollfd poll_fd = {fd, POLLIN, 0};

    return poll(&poll_fd, 1, 0) == 1 && (poll_fd.revents & POLLIN) != 0;
}

static inline pthread_t start(void *(*f)(void *), void *argument)
{
    pthread_t thread;

    CHECK_EQ(pthread_create(&thread, NULL, f, argument), 0);
    return thread;
}

static inline void join(pthread_t thread)
{
    CHECK_EQ(pthread_join(thread, NULL), 0);
}

#endif /* LOOP_H */
