/*
 * A context that does not show its generation, so that a library of either can be built for it.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef HOST_BLOCK_AIO_H
#define HOST_BLOCK_AIO_H

#include <stdbool.h>
#include <stdint.h>

#include "qemu/event_notifier.h"
#include "qemu/source.h"

typedef struct AioContext {
    GSource source;
    uint32_t notify_me;
    bool notified;
    EventNotifier notifier;
} AioContext;

void aio_notify(AioContext *ctx);
void aio_notify_accept(AioContext *ctx);

#endif /* HOST_BLOCK_AIO_H */
