/*
 * libevent's event_active across threads.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <event2/event.h>
#include <event2/thread.h>
#include <stdlib.h>

#include "peer.h"

struct loop {
    struct event_base *base;
    struct event *event;
};

static void called(evutil_socket_t fd, short events, void *loop)
{
    (void)fd, (void)events, (void)loop;
}

static void *create(void)
{
    struct loop *l = malloc(sizeof(*l));

    if (l) {
        if (evthread_use_pthreads() != 0) {
            abort();
        }
        l->base = event_base_new();
        l->event = event_new(l->base, -1, EV_PERSIST, called, NULL);
        if (!l->base || !l->event || event_add(l->event, NULL) != 0) {
            abort();
        }
    }
    return l;
}

static void destroy(void *loop)
{
    struct loop *l = loop;

    event_free(l->event);
    event_base_free(l->base);
    free(l);
}

static void notify(void *loop)
{
    event_active(((struct loop *)loop)->event, EV_READ, 0);
}

static void consume(void *loop)
{
    event_base_loop(((struct loop *)loop)->base, EVLOOP_NONBLOCK | EVLOOP_NO_EXIT_ON_EMPTY);
}

static void sleep_(void *loop, const uint64_t *sent, uint64_t seen)
{
    (void)sent, (void)seen;
    event_base_loop(((struct loop *)loop)->base, EVLOOP_ONCE | EVLOOP_NO_EXIT_ON_EMPTY);
}

PEER_TIMES(notify, consume);

const struct peer peer_libevent = {create, destroy,      notify,        consume,
                                   sleep_, notify_times, consume_times, NULL};
