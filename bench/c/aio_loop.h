/*
 * A loop on an AioContext, as programs have it, for one of two libraries: PEER is the name of
 * its table, and notify, accept, init and cleanup are the library's functions.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef BENCH_AIO_LOOP_H
#define BENCH_AIO_LOOP_H

#include <poll.h>
#include <stdlib.h>

#include "block/aio.h"
#include "peer.h"

#define AIO_LOOP(PEER, notify_, accept_, init_, cleanup_)                                      \
    static void *create(void)                                                                  \
    {                                                                                          \
        AioContext *ctx = calloc(1, sizeof(*ctx));                                             \
        if (ctx && init_(&ctx->notifier, 0) < 0) {                                             \
            free(ctx);                                                                         \
            return NULL;                                                                       \
        }                                                                                      \
        return ctx;                                                                            \
    }                                                                                          \
                                                                                               \
    static void destroy(void *loop)                                                            \
    {                                                                                          \
        AioContext *ctx = loop;                                                                \
        cleanup_(&ctx->notifier);                                                              \
        free(ctx);                                                                             \
    }                                                                                          \
                                                                                               \
    static void set_asleep(void *loop, int asleep)                                             \
    {                                                                                          \
        AioContext *ctx = loop;                                                                \
        __atomic_store_n(&ctx->notify_me, asleep ? 2 : 0, __ATOMIC_SEQ_CST);                   \
    }                                                                                          \
                                                                                               \
    static void sleep_(void *loop, const uint64_t *sent, uint64_t seen)                        \
    {                                                                                          \
        AioContext *ctx = loop;                                                                \
        struct pollfd fd = {ctx->notifier.rfd, POLLIN, 0};                                     \
        __atomic_fetch_add(&ctx->notify_me, 2, __ATOMIC_SEQ_CST);                              \
        __atomic_thread_fence(__ATOMIC_SEQ_CST);                                               \
        poll(&fd, 1, __atomic_load_n(sent, __ATOMIC_RELAXED) == seen ? -1 : 0);                \
        __atomic_fetch_sub(&ctx->notify_me, 2, __ATOMIC_SEQ_CST);                              \
        accept_(ctx);                                                                          \
    }                                                                                          \
                                                                                               \
    static void notify(void *loop)                                                             \
    {                                                                                          \
        notify_((AioContext *)loop);                                                           \
    }                                                                                          \
                                                                                               \
    static void consume(void *loop)                                                            \
    {                                                                                          \
        accept_((AioContext *)loop);                                                           \
    }                                                                                          \
                                                                                               \
    PEER_TIMES(notify_, accept_);                                                              \
                                                                                               \
    const struct peer PEER = {create, destroy,      notify,        consume,                    \
                              sleep_, notify_times, consume_times, set_asleep}

#endif
