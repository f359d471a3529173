/*
 * A tree of the 2.4 generation: without options the reference's layout. The options are those
 * that move fields in programs.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef HOST_BLOCK_AIO_H
#define HOST_BLOCK_AIO_H

#include <stdbool.h>
#include <stdint.h>

#include "qemu/event_notifier.h"
#include "qemu/source.h"
#include "qemu/thread.h"

typedef struct RFifoLock {
    QemuMutex lock;
    unsigned head, tail;
    QemuCond cond;
    QemuThread owner_thread;
    unsigned nesting;
    void (*cb)(void *opaque);
    void *cb_opaque;
} RFifoLock;

typedef struct AioContext {
    GSource source;
    RFifoLock lock;
    struct {
        struct AioHandler *lh_first;
    } aio_handlers;
    int walking_handlers;
#ifdef CONFIG_LINUX_AIO
    struct LinuxAioState *linux_aio;
#endif
    uint32_t notify_me;
    QemuMutex bh_lock;
    struct QEMUBH *first_bh;
    int walking_bh;
    bool notified;
    EventNotifier notifier;
    struct ThreadPool *thread_pool;
    void *tlg[4];
} AioContext;

void aio_notify(AioContext *ctx);
void aio_notify_accept(AioContext *ctx);

#endif /* HOST_BLOCK_AIO_H */
