/*
 * libev's ev_async.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <ev.h>
#include <stdlib.h>

#include "peer.h"

struct loop {
    struct ev_loop *loop;
    ev_async async;
};

static void called(struct ev_loop *loop, ev_async *async, int events)
{
    (void)loop, (void)async, (void)events;
}

static void *create(void)
{
    struct loop *l = malloc(sizeof(*l));

    if (l) {
        l->loop = ev_loop_new(EVFLAG_AUTO);
        if (!l->loop) {
            abort();
        }
        ev_async_init(&l->async, called);
        ev_async_start(l->loop, &l->async);
    }
    return l;
}

static void destroy(void *loop)
{
    struct loop *l = loop;

    ev_async_stop(l->loop, &l->async);
    ev_loop_destroy(l->loop);
    free(l);
}

static void notify(void *loop)
{
    struct loop *l = loop;

    ev_async_send(l->loop, &l->async);
}

static void consume(void *loop)
{
    ev_run(((struct loop *)loop)->loop, EVRUN_NOWAIT);
}

static void sleep_(void *loop, const uint64_t *sent, uint64_t seen)
{
    (void)sent, (void)seen;
    ev_run(((struct loop *)loop)->loop, EVRUN_ONCE);
}

PEER_TIMES(notify, consume);

const struct peer peer_libev = {create, destroy,      notify,        consume,
                                sleep_, notify_times, consume_times, NULL};
