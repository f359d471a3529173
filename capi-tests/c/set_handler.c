/*
 * event_notifier_set_handler in a program that has a qemu_set_fd_handler of its own.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "loop.h"

static struct {
    int calls, fd;
    IOHandler *read, *write;
    void *opaque;
} last;

void qemu_set_fd_handler(int fd, IOHandler *fd_read, IOHandler *fd_write, void *opaque);

void qemu_set_fd_handler(int fd, IOHandler *fd_read, IOHandler *fd_write, void *opaque)
{
    last.calls++;
    last.fd = fd;
    last.read = fd_read;
    last.write = fd_write;
    last.opaque = opaque;
}

static EventNotifier *handled;

static void handler(EventNotifier *e)
{
    handled = e;
}

static void event_notifier_set_handler_passes_the_read_end_on(void)
{
    EventNotifier e = {.rfd = 40, .wfd = 41};

    CHECK_EQ(event_notifier_set_handler(&e, handler), 0);
    CHECK_EQ(last.calls, 1);
    CHECK_EQ(last.fd, 40);
    CHECK(last.write == NULL);
    CHECK(last.read != NULL);
    last.read(last.opaque);
    CHECK(handled == &e);
}

static void event_notifier_set_handler_removes_with_null(void)
{
    EventNotifier e = {.rfd = 40, .wfd = 41};

    last.calls = 0;
    CHECK_EQ(event_notifier_set_handler(&e, NULL), 0);
    CHECK_EQ(last.calls, 1);
    CHECK_EQ(last.fd, 40);
    CHECK(last.read == NULL);
    CHECK(last.write == NULL);
}

int main(void)
{
    RUN(event_notifier_set_handler_passes_the_read_end_on);
    RUN(event_notifier_set_handler_removes_with_null);
    return 0;
}
