/*
 * A program's own context: bottom halves in a list, the GSource, the notifications.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "own.h"

__thread int own_quiet;

struct own_call own_calls[] = {
    {"aio_bh_poll", 0},
    {"aio_compute_timeout", 0},
    {"aio_context_acquire", 0},
    {"aio_context_release", 0},
    {NULL, 0},
};

struct QEMUBH {
    AioContext *ctx;
    QEMUBHFunc *cb;
    void *opaque;
    QEMUBH *next;
    int scheduled, idle, deleted;
};

static int get(int *flag)
{
    return __atomic_load_n(flag, __ATOMIC_SEQ_CST);
}

static void set(int *flag, int value)
{
    __atomic_store_n(flag, value, __ATOMIC_SEQ_CST);
}

QEMUBH *aio_bh_new(AioContext *ctx, QEMUBHFunc *cb, void *opaque)
{
    QEMUBH *bh = own_alloc(sizeof(*bh));

    bh->ctx = ctx;
    bh->cb = cb;
    bh->opaque = opaque;
    pthread_mutex_lock(&ctx->bh_lock.lock);
    bh->next = ctx->first_bh;
    __atomic_store_n(&ctx->first_bh, bh, __ATOMIC_RELEASE);
    pthread_mutex_unlock(&ctx->bh_lock.lock);
    return bh;
}

int aio_bh_poll(AioContext *ctx)
{
    QEMUBH *bh, **link;
    int progress = 0;

    OWN_CALLED();
    ctx->walking_bh++;
    for (bh = __atomic_load_n(&ctx->first_bh, __ATOMIC_ACQUIRE); bh != NULL; bh = bh->next) {
        if (!get(&bh->deleted) && __atomic_exchange_n(&bh->scheduled, 0, __ATOMIC_SEQ_CST)) {
            progress |= !get(&bh->idle);
            set(&bh->idle, 0);
            bh->cb(bh->opaque);
        }
    }
    if (--ctx->walking_bh == 0) {
        pthread_mutex_lock(&ctx->bh_lock.lock);
        link = &ctx->first_bh;
        while ((bh = *link) != NULL) {
            if (get(&bh->deleted)) {
                *link = bh->next;
                free(bh);
            } else {
                link = &bh->next;
            }
        }
        pthread_mutex_unlock(&ctx->bh_lock.lock);
    }
    return progress;
}

void qemu_bh_schedule(QEMUBH *bh)
{
    AioContext *ctx = bh->ctx;

    set(&bh->idle, 0);
    if (!__atomic_exchange_n(&bh->scheduled, 1, __ATOMIC_SEQ_CST)) {
        aio_notify(ctx);
    }
}

void qemu_bh_schedule_idle(QEMUBH *bh)
{
    set(&bh->idle, 1);
    set(&bh->scheduled, 1);
}

void qemu_bh_cancel(QEMUBH *bh)
{
    set(&bh->scheduled, 0);
}

void qemu_bh_delete(QEMUBH *bh)
{
    set(&bh->scheduled, 0);
    set(&bh->deleted, 1);
}

int64_t aio_compute_timeout(AioContext *ctx)
{
    int64_t timeout = -1;
    QEMUBH *bh;

    OWN_CALLED();
    for (bh = __atomic_load_n(&ctx->first_bh, __ATOMIC_ACQUIRE); bh != NULL; bh = bh->next) {
        if (!get(&bh->deleted) && get(&bh->scheduled)) {
            if (!get(&bh->idle)) {
                return 0;
            }
            timeout = 10 * SCALE_MS;
        }
    }
    return qemu_soonest_timeout(timeout, timerlistgroup_deadline_ns(&ctx->tlg));
}

void aio_notify(AioContext *ctx)
{
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    if (__atomic_load_n(&ctx->notify_me, __ATOMIC_SEQ_CST) != 0) {
        __atomic_store_n(&ctx->notified, true, __ATOMIC_SEQ_CST);
        event_notifier_set(&ctx->notifier);
        __atomic_store_n(&ctx->notified, true, __ATOMIC_SEQ_CST);
    }
}

void aio_notify_accept(AioContext *ctx)
{
    if (__atomic_exchange_n(&ctx->notified, false, __ATOMIC_SEQ_CST)) {
        event_notifier_test_and_clear(&ctx->notifier);
    }
}

static gboolean prepare(GSource *source, gint *timeout)
{
    AioContext *ctx = (AioContext *)source;

    __atomic_fetch_or(&ctx->notify_me, 1, __ATOMIC_SEQ_CST);
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    *timeout = qemu_timeout_ns_to_ms(aio_compute_timeout(ctx));
    if (aio_prepare(ctx)) {
        *timeout = 0;
    }
    return FALSE;
}

static gboolean check(GSource *source)
{
    AioContext *ctx = (AioContext *)source;
    QEMUBH *bh;

    __atomic_fetch_and(&ctx->notify_me, ~1U, __ATOMIC_SEQ_CST);
    aio_notify_accept(ctx);
    for (bh = ctx->first_bh; bh != NULL; bh = bh->next) {
        if (!get(&bh->deleted) && get(&bh->scheduled)) {
            return TRUE;
        }
    }
    return aio_pending(ctx) || timerlistgroup_deadline_ns(&ctx->tlg) == 0;
}

static gboolean dispatch(GSource *source, GSourceFunc callback, gpointer opaque)
{
    (void)callback;
    (void)opaque;
    aio_dispatch((AioContext *)source);
    return G_SOURCE_CONTINUE;
}

static void finalize(GSource *source)
{
    AioContext *ctx = (AioContext *)source;
    QEMUBH *bh;

    if (ctx->thread_pool != NULL) {
        thread_pool_free(ctx->thread_pool);
    }
    while ((bh = ctx->first_bh) != NULL) {
        ctx->first_bh = bh->next;
        free(bh);
    }
    aio_set_event_notifier(ctx, &ctx->notifier, NULL);
    event_notifier_cleanup(&ctx->notifier);
    rfifolock_destroy(&ctx->lock);
    timerlistgroup_deinit(&ctx->tlg);
}

static GSourceFuncs functions = {prepare, check, dispatch, finalize, NULL, NULL};

static void wake(void *ctx)
{
    aio_notify(ctx);
}

static void read_nothing(EventNotifier *e)
{
    (void)e;
}

AioContext *aio_context_new(Error **errp)
{
    AioContext *ctx = (AioContext *)g_source_new(&functions, sizeof(*ctx));

    (void)errp;
    if (event_notifier_init(&ctx->notifier, 0) < 0) {
        abort();
    }
    g_source_set_can_recurse(&ctx->source, TRUE);
    pthread_mutex_init(&ctx->bh_lock.lock, NULL);
    rfifolock_init(&ctx->lock, wake, ctx);
    timerlistgroup_init(&ctx->tlg, wake, ctx);
    aio_set_event_notifier(ctx, &ctx->notifier, read_nothing);
    return ctx;
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
    OWN_CALLED();
    rfifolock_lock(&ctx->lock);
}

void aio_context_release(AioContext *ctx)
{
    OWN_CALLED();
    rfifolock_unlock(&ctx->lock);
}

GSource *aio_get_g_source(AioContext *ctx)
{
    return g_source_ref(&ctx->source);
}

struct ThreadPool *aio_get_thread_pool(AioContext *ctx)
{
    if (ctx->thread_pool == NULL) {
        ctx->thread_pool = thread_pool_new(ctx);
    }
    return ctx->thread_pool;
}
