/*
 * A tree of the 5.2 generation: bottom halves in bh_list, an EventNotifier of 12 bytes.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef HOST_BLOCK_AIO_H
#define HOST_BLOCK_AIO_H

#include <stdbool.h>
#include <stdint.h>

#define HAVE_INITIALIZED
#define LOOP_5_2
#include "qemu/event_notifier.h"
#include "qemu/source.h"
#include "qemu/thread.h"

typedef struct AioContext {
    GSource source;
    QemuMutex lock;
    struct AioHandler *aio_handlers, *deleted_handlers;
    uint32_t notify_me;
    QemuMutex list_lock;
    struct QEMUBH *bh_list;
    bool notified;
    EventNotifier notifier;
#ifdef CONFIG_LINUX_IO_URING
    struct LuringState *linux_io_uring;
#endif
    struct ThreadPool *thread_pool;
    void *tlg[4];
} AioContext;

void aio_notify(AioContext *ctx);
void aio_notify_accept(AioContext *ctx);

#endif /* HOST_BLOCK_AIO_H */
