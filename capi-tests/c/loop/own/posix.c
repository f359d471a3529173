/*
 * A program's own loop over descriptors: poll(2), and a list of handlers.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "own.h"

__thread int own_quiet;

struct own_call own_calls[] = {
    {"aio_set_event_notifier", 0}, {"aio_prepare", 0}, {"aio_pending", 0},
    {"aio_dispatch", 0},           {NULL, 0},
};

struct AioHandler {
    GPollFD pfd;
    IOHandler *io_read, *io_write;
    void *opaque;
    bool deleted;
    AioHandler *next;
};

void aio_set_fd_handler(AioContext *ctx, int fd, IOHandler *io_read, IOHandler *io_write,
                        void *opaque)
{
    AioHandler *node = ctx->aio_handlers.lh_first;

    while (node != NULL && (node->deleted || node->pfd.fd != fd)) {
        node = node->next;
    }
    if (node == NULL && (io_read != NULL || io_write != NULL)) {
        node = own_alloc(sizeof(*node));
        node->pfd.fd = fd;
        node->next = ctx->aio_handlers.lh_first;
        ctx->aio_handlers.lh_first = node;
        g_source_add_poll(&ctx->source, &node->pfd);
    }
    if (node == NULL) {
        return;
    }
    node->io_read = io_read;
    node->io_write = io_write;
    node->opaque = opaque;
    node->pfd.events = (gushort)((io_read != NULL ? G_IO_IN | G_IO_HUP | G_IO_ERR : 0) |
                                 (io_write != NULL ? G_IO_OUT | G_IO_ERR : 0));
    if (io_read == NULL && io_write == NULL) {
        AioHandler **link = &ctx->aio_handlers.lh_first;

        if (!g_source_is_destroyed(&ctx->source)) {
            g_source_remove_poll(&ctx->source, &node->pfd);
        }
        node->deleted = true;
        while (*link != NULL && ctx->walking_handlers == 0) {
            node = *link;
            if (node->deleted) {
                *link = node->next;
                free(node);
            } else {
                link = &node->next;
            }
        }
    }
    aio_notify(ctx);
}

void aio_set_event_notifier(AioContext *ctx, EventNotifier *notifier,
                            EventNotifierHandler *io_read)
{
    OWN_CALLED();
    aio_set_fd_handler(ctx, event_notifier_get_fd(notifier), (IOHandler *)(void *)io_read, NULL,
                       notifier);
}

bool aio_prepare(AioContext *ctx)
{
    (void)ctx;
    OWN_CALLED();
    return false;
}

bool aio_pending(AioContext *ctx)
{
    AioHandler *node;

    OWN_CALLED();
    for (node = ctx->aio_handlers.lh_first; node != NULL; node = node->next) {
        if (!node->deleted && (node->pfd.revents & node->pfd.events) != 0) {
            return true;
        }
    }
    return false;
}

static bool run_handlers(AioContext *ctx)
{
    AioHandler *node;
    bool progress = false;

    ctx->walking_handlers++;
    for (node = ctx->aio_handlers.lh_first; node != NULL; node = node->next) {
        int revents = node->pfd.revents & node->pfd.events;

        node->pfd.revents = 0;
        if (!node->deleted && (revents & (G_IO_IN | G_IO_HUP | G_IO_ERR)) != 0 &&
            node->io_read != NULL) {
            progress = progress || node->opaque != &ctx->notifier;
            node->io_read(node->opaque);
        }
        if (!node->deleted && (revents & (G_IO_OUT | G_IO_ERR)) != 0 &&
            node->io_write != NULL) {
            progress = true;
            node->io_write(node->opaque);
        }
    }
    ctx->walking_handlers--;
    return progress;
}

bool aio_dispatch(AioContext *ctx)
{
    bool progress;

    OWN_CALLED();
    progress = aio_bh_poll(ctx) != 0;
    progress |= run_handlers(ctx);
    progress |= timerlistgroup_run_timers(&ctx->tlg);
    return progress;
}

bool aio_poll(AioContext *ctx, bool blocking)
{
    struct pollfd fds[64];
    AioHandler *nodes[64], *node;
    nfds_t count = 0, i;
    int64_t timeout;
    bool progress;

    aio_context_acquire(ctx);
    if (blocking) {
        __atomic_add_fetch(&ctx->notify_me, 2, __ATOMIC_SEQ_CST);
        __atomic_thread_fence(__ATOMIC_SEQ_CST);
    }
    for (node = ctx->aio_handlers.lh_first; node != NULL && count < 64; node = node->next) {
        if (!node->deleted) {
            nodes[count] = node;
            fds[count] = (struct pollfd){node->pfd.fd, (short)node->pfd.events, 0};
            count++;
        }
    }
    timeout = blocking ? aio_compute_timeout(ctx) : 0;
    ctx->walking_handlers++;
    if (timeout != 0) {
        aio_context_release(ctx);
    }
    poll(fds, count, qemu_timeout_ns_to_ms(timeout));
    if (blocking) {
        __atomic_sub_fetch(&ctx->notify_me, 2, __ATOMIC_SEQ_CST);
    }
    if (timeout != 0) {
        aio_context_acquire(ctx);
    }
    aio_notify_accept(ctx);
    for (i = 0; i < count; i++) {
        nodes[i]->pfd.revents = (gushort)fds[i].revents;
    }
    ctx->walking_handlers--;
    progress = aio_bh_poll(ctx) != 0;
    progress |= run_handlers(ctx);
    progress |= timerlistgroup_run_timers(&ctx->tlg);
    aio_context_release(ctx);
    return progress;
}
