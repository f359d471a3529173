/*
 * libuv's uv_async_t.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <stdlib.h>
#include <uv.h>

#include "peer.h"

struct loop {
    uv_loop_t loop;
    uv_async_t async;
};

static void called(uv_async_t *async)
{
    (void)async;
}

static void *create(void)
{
    struct loop *l = malloc(sizeof(*l));

    if (l && (uv_loop_init(&l->loop) || uv_async_init(&l->loop, &l->async, called))) {
        abort();
    }
    return l;
}

static void destroy(void *loop)
{
    struct loop *l = loop;

    uv_close((uv_handle_t *)&l->async, NULL);
    uv_run(&l->loop, UV_RUN_DEFAULT);
    uv_loop_close(&l->loop);
    free(l);
}

static void notify(void *loop)
{
    uv_async_send(&((struct loop *)loop)->async);
}

static void consume(void *loop)
{
    uv_run(&((struct loop *)loop)->loop, UV_RUN_NOWAIT);
}

static void sleep_(void *loop, const uint64_t *sent, uint64_t seen)
{
    (void)sent, (void)seen;
    uv_run(&((struct loop *)loop)->loop, UV_RUN_ONCE);
}

PEER_TIMES(notify, consume);

const struct peer peer_libuv = {create, destroy,      notify,        consume,
                                sleep_, notify_times, consume_times, NULL};
