/*
 * libaiocontext under a loop of the program's own, which each notification writes for. Loaded
 * at run time and bound to itself: libaionotify, which is there too, has functions of the same
 * names.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <dlfcn.h>
#include <poll.h>
#include <stddef.h>

#include "block/aio.h"
#include "peer.h"

static struct {
    __typeof__(init_clocks) *init_clocks;
    __typeof__(aio_context_new) *context_new;
    __typeof__(aio_context_unref) *context_unref;
    __typeof__(aio_notify) *notify;
    __typeof__(aio_notify_accept) *accept;
} library;

static int find(void *handle, const char *name, void *function)
{
    /* POSIX has no other way to make a function of it. */
    *(void **)function = dlsym(handle, name);
    return *(void **)function != NULL;
}

static int load(void)
{
    void *handle = dlopen("libaiocontext.so.0", RTLD_NOW | RTLD_LOCAL | RTLD_DEEPBIND);

    if (handle == NULL || !find(handle, "init_clocks", &library.init_clocks) ||
        !find(handle, "aio_context_new", &library.context_new) ||
        !find(handle, "aio_context_unref", &library.context_unref) ||
        !find(handle, "aio_notify", &library.notify) ||
        !find(handle, "aio_notify_accept", &library.accept)) {
        return 0;
    }
    library.init_clocks();
    return 1;
}

static void *create(void)
{
    return library.context_new != NULL || load() ? library.context_new(NULL) : NULL;
}

static void destroy(void *loop)
{
    library.context_unref(loop);
}

static void set_asleep(void *loop, int asleep)
{
    AioContext *ctx = loop;

    __atomic_store_n(&ctx->notify_me, asleep ? 2 : 0, __ATOMIC_SEQ_CST);
}

static void notify(void *loop)
{
    library.notify(loop);
}

static void consume(void *loop)
{
    library.accept(loop);
}

static void sleep_(void *loop, const uint64_t *sent, uint64_t seen)
{
    AioContext *ctx = loop;
    struct pollfd fd = {ctx->notifier.rfd, POLLIN, 0};

    __atomic_fetch_add(&ctx->notify_me, 2, __ATOMIC_SEQ_CST);
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    poll(&fd, 1, __atomic_load_n(sent, __ATOMIC_RELAXED) == seen ? -1 : 0);
    __atomic_fetch_sub(&ctx->notify_me, 2, __ATOMIC_SEQ_CST);
    library.accept(ctx);
}

PEER_TIMES(library.notify, library.accept);

const struct peer peer_ours_foreign = {create, destroy,      notify,        consume,
                                       sleep_, notify_times, consume_times, set_asleep};
