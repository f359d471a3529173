/*
 * The protocol that the library replaces, in plain C: event first, flag second, exchange in
 * accept. A shared library of its own, so that it is called the same way.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "reference.h"

#include <errno.h>
#include <sys/eventfd.h>
#include <unistd.h>

int reference_init(EventNotifier *e, int active)
{
    int fd = eventfd(active ? 1 : 0, EFD_NONBLOCK | EFD_CLOEXEC);

    if (fd < 0) {
        return -errno;
    }
    e->rfd = e->wfd = fd;
    return 0;
}

void reference_cleanup(EventNotifier *e)
{
    close(e->rfd);
}

int reference_set(EventNotifier *e)
{
    static const uint64_t value = 1;
    ssize_t ret;

    do {
        ret = write(e->wfd, &value, sizeof(value));
    } while (ret < 0 && errno == EINTR);
    /* EAGAIN: it is full already. */
    return ret < 0 && errno != EAGAIN ? -errno : 0;
}

int reference_test_and_clear(EventNotifier *e)
{
    int found = 0;
    ssize_t len;
    char buffer[512];

    do {
        len = read(e->rfd, buffer, sizeof(buffer));
        found |= len > 0;
    } while ((len < 0 && errno == EINTR) || len == sizeof(buffer));
    return found;
}

void reference_notify(AioContext *ctx)
{
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    if (ctx->notify_me) {
        reference_set(&ctx->notifier);
        (void)__atomic_exchange_n(&ctx->notified, 1, __ATOMIC_SEQ_CST);
    }
}

void reference_accept(AioContext *ctx)
{
    if (__atomic_exchange_n(&ctx->notified, 0, __ATOMIC_SEQ_CST)) {
        reference_test_and_clear(&ctx->notifier);
    }
}
