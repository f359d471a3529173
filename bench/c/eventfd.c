/*
 * A bare eventfd: one system call for everything.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <poll.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "peer.h"

static void *create(void)
{
    int *fd = malloc(sizeof(*fd));

    if (fd && (*fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) < 0) {
        free(fd);
        return NULL;
    }
    return fd;
}

static void destroy(void *loop)
{
    close(*(int *)loop);
    free(loop);
}

static void notify(void *loop)
{
    eventfd_write(*(int *)loop, 1);
}

static void consume(void *loop)
{
    eventfd_t value;

    eventfd_read(*(int *)loop, &value);
}

static void sleep_(void *loop, const uint64_t *sent, uint64_t seen)
{
    struct pollfd fd = {*(int *)loop, POLLIN, 0};

    (void)sent, (void)seen;
    poll(&fd, 1, -1);
    consume(loop);
}

PEER_TIMES(notify, consume);

const struct peer peer_eventfd = {create, destroy,      notify,        consume,
                                  sleep_, notify_times, consume_times, NULL};
