/*
 * AioContext from 2.9 on. A tree's block/aio.h says which VERSION it is: 402, 501, 502, 600 or
 * 802.
 *
 * Like a real tree it wants qemu/osdep.h before it.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef HOST_QEMU_SINCE_2_9_H
#define HOST_QEMU_SINCE_2_9_H

#ifndef HOST_QEMU_OSDEP_H
#error "qemu/osdep.h comes first"
#endif

#define OWN_SET_HANDLER
#if VERSION >= 600
#define HAVE_INITIALIZED
#define HAVE_GET_WFD
#endif
#include "qemu/event_notifier.h"
#include "qemu/source.h"
#include "qemu/thread.h"

typedef struct AioContext {
    GSource source;
    QemuRecMutex lock;
#if VERSION >= 802
    struct Graph *graph;
#endif
    struct AioHandler *aio_handlers;
#if VERSION >= 500
    struct AioHandler *deleted_aio_handlers;
#endif
#ifdef CONFIG_LINUX_IO_URING
    struct LuringState *linux_io_uring;
#endif
    uint32_t notify_me;
    unsigned list_lock;
#if VERSION >= 500
    struct QEMUBH *bh_list;
    struct {
        struct Slice *first, **last;
    } bh_slice_list;
#else
    struct QEMUBH *first_bh;
#endif
    bool notified;
    EventNotifier notifier;
    void *rest[45];
} AioContext;

void aio_notify(AioContext *ctx);
void aio_notify_accept(AioContext *ctx);
#if VERSION >= 502
void aio_co_reschedule_self(AioContext *new_ctx);
#endif

#endif /* HOST_QEMU_SINCE_2_9_H */
