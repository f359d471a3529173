/*
 * A program's own side of the interface: the types and functions that libaionotify leaves to
 * the program, with the reference's prototypes, as small as they can be. It is compiled as C
 * and as C++ behind our headers, which must agree with every line of it.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "block/aio.h"
#include "block/thread-pool.h"
#include "qemu/event_notifier.h"
#include "qemu/rfifolock.h"
#include "qemu/thread.h"
#include "qemu/timer.h"
#include "qemu/typedefs.h"

#ifdef __cplusplus
extern "C" {
#endif

struct AioHandler {
    GPollFD pfd;
    IOHandler *io_read, *io_write;
    void *opaque;
};

struct QEMUBH {
    QEMUBHFunc *cb;
    void *opaque;
    bool scheduled, idle;
};

struct ThreadPool {
    AioContext *ctx;
    BlockAIOCB request;
};

struct BlockDriverState {
    AioContext *ctx;
};

struct Error {
    char msg[80];
};

struct QEMUFile {
    int fd;
};

static AioContext the_context;
static AioHandler the_handler;
static QEMUBH the_bh;
static ThreadPool the_pool;

/* block/aio.h */

AioContext *aio_context_new(Error **errp)
{
    *errp = NULL;
    return &the_context;
}

void aio_context_ref(AioContext *ctx)
{
    g_source_ref(&ctx->source);
}

void aio_context_unref(AioContext *ctx)
{
    g_source_unref(&ctx->source);
}

void aio_context_acquire(AioContext *ctx)
{
    rfifolock_lock(&ctx->lock);
}

void aio_context_release(AioContext *ctx)
{
    rfifolock_unlock(&ctx->lock);
}

QEMUBH *aio_bh_new(AioContext *ctx, QEMUBHFunc *cb, void *opaque)
{
    ctx->first_bh = &the_bh;
    the_bh.cb = cb;
    the_bh.opaque = opaque;
    return &the_bh;
}

int aio_bh_poll(AioContext *ctx)
{
    ctx->first_bh->cb(ctx->first_bh->opaque);
    return 1;
}

void qemu_bh_schedule(QEMUBH *bh)
{
    bh->scheduled = true;
}

void qemu_bh_schedule_idle(QEMUBH *bh)
{
    bh->idle = true;
}

void qemu_bh_cancel(QEMUBH *bh)
{
    bh->scheduled = false;
}

void qemu_bh_delete(QEMUBH *bh)
{
    bh->cb = NULL;
}

int64_t aio_compute_timeout(AioContext *ctx)
{
    return timerlistgroup_deadline_ns(&ctx->tlg);
}

GSource *aio_get_g_source(AioContext *ctx)
{
    return &ctx->source;
}

struct ThreadPool *aio_get_thread_pool(AioContext *ctx)
{
    return ctx->thread_pool;
}

bool aio_prepare(AioContext *ctx)
{
    return ctx->notified;
}

bool aio_pending(AioContext *ctx)
{
    return ctx->aio_handlers.lh_first != NULL;
}

bool aio_dispatch(AioContext *ctx)
{
    return aio_bh_poll(ctx) != 0;
}

bool aio_poll(AioContext *ctx, bool blocking)
{
    ctx->notify_me += blocking ? 2 : 0;
    return aio_dispatch(ctx);
}

void aio_set_fd_handler(AioContext *ctx, int fd, IOHandler *io_read, IOHandler *io_write,
                        void *opaque)
{
    ctx->aio_handlers.lh_first = &the_handler;
    the_handler.pfd.fd = fd;
    the_handler.io_read = io_read;
    the_handler.io_write = io_write;
    the_handler.opaque = opaque;
}

void aio_set_event_notifier(AioContext *ctx, EventNotifier *notifier,
                            EventNotifierHandler *io_read)
{
    aio_set_fd_handler(ctx, notifier->rfd, (IOHandler *)io_read, NULL, notifier);
}

void *qemu_aio_get(const AIOCBInfo *aiocb_info, BlockDriverState *bs, BlockCompletionFunc *cb,
                   void *opaque)
{
    BlockAIOCB *acb = (BlockAIOCB *)g_malloc0(aiocb_info->aiocb_size);

    acb->aiocb_info = aiocb_info;
    acb->bs = bs;
    acb->cb = cb;
    acb->opaque = opaque;
    acb->refcnt = 1;
    return acb;
}

void qemu_aio_ref(void *p)
{
    ((BlockAIOCB *)p)->refcnt++;
}

void qemu_aio_unref(void *p)
{
    if (--((BlockAIOCB *)p)->refcnt == 0) {
        g_free(p);
    }
}

/* The reference's main loop; our headers leave it to the program's own. */
void qemu_set_fd_handler(int fd, IOHandler *fd_read, IOHandler *fd_write, void *opaque);

void qemu_set_fd_handler(int fd, IOHandler *fd_read, IOHandler *fd_write, void *opaque)
{
    aio_set_fd_handler(&the_context, fd, fd_read, fd_write, opaque);
}

/* block/thread-pool.h */

ThreadPool *thread_pool_new(struct AioContext *ctx)
{
    the_pool.ctx = ctx;
    return &the_pool;
}

void thread_pool_free(ThreadPool *pool)
{
    pool->ctx = NULL;
}

BlockAIOCB *thread_pool_submit_aio(ThreadPool *pool, ThreadPoolFunc *func, void *arg,
                                   BlockCompletionFunc *cb, void *opaque)
{
    cb(opaque, func(arg));
    return &pool->request;
}

int thread_pool_submit_co(ThreadPool *pool, ThreadPoolFunc *func, void *arg)
{
    pool->request.refcnt++;
    return func(arg);
}

void thread_pool_submit(ThreadPool *pool, ThreadPoolFunc *func, void *arg)
{
    pool->request.refcnt++;
    func(arg);
}

/* qemu/rfifolock.h */

void rfifolock_init(RFifoLock *r, void (*cb)(void *), void *opaque)
{
    pthread_mutex_init(&r->lock.lock, NULL);
    pthread_cond_init(&r->cond.cond, NULL);
    r->cb = cb;
    r->cb_opaque = opaque;
}

void rfifolock_destroy(RFifoLock *r)
{
    pthread_cond_destroy(&r->cond.cond);
    pthread_mutex_destroy(&r->lock.lock);
}

void rfifolock_lock(RFifoLock *r)
{
    r->owner_thread.thread = pthread_self();
    r->tail++;
    r->nesting++;
}

void rfifolock_unlock(RFifoLock *r)
{
    r->head++;
    r->nesting--;
}

#ifdef __cplusplus
}
#endif
