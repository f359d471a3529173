/*
 * A main loop of the program's own, which another thread wakes. Links libaionotify.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "block/aio.h"
#include <poll.h>
#include <pthread.h>
#include <stdio.h>

static AioContext ctx; /* all zero, but for the notifier */
static int work;

static void *worker(void *arg)
{
    __atomic_store_n(&work, 42, __ATOMIC_RELEASE); /* first the work, */
    aio_notify(&ctx);                              /* then the notification */
    return arg;
}

int main(void)
{
    struct pollfd fd = {.events = POLLIN};
    pthread_t thread;
    int got = 0;

    if (event_notifier_init(&ctx.notifier, 0) < 0 ||
        pthread_create(&thread, NULL, worker, NULL) != 0) {
        return 1;
    }
    fd.fd = event_notifier_get_fd(&ctx.notifier);
    while (got == 0) {
        __atomic_fetch_add(&ctx.notify_me, 2, __ATOMIC_SEQ_CST);   /* 1: I may go to sleep */
        __atomic_thread_fence(__ATOMIC_SEQ_CST);                   /* 2: full barrier */
        int ready = __atomic_load_n(&work, __ATOMIC_RELAXED) != 0; /* 3: is there work? */
        poll(&fd, 1, ready ? 0 : -1);                              /* 4: sleep if not */
        __atomic_fetch_sub(&ctx.notify_me, 2, __ATOMIC_SEQ_CST);   /* 5: I am awake */
        aio_notify_accept(&ctx);                                   /* 6: empty the notifier */
        got = __atomic_exchange_n(&work, 0, __ATOMIC_ACQUIRE);     /* 7: do the work */
    }
    pthread_join(thread, NULL);
    event_notifier_cleanup(&ctx.notifier);
    return printf("got %d\n", got) < 0;
}
