/*
 * A program's own event notifiers.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <sys/eventfd.h>

#include "own.h"

__thread int own_quiet;

struct own_call own_calls[] = {
    {"event_notifier_init", 0},
    {"event_notifier_cleanup", 0},
    {NULL, 0},
};

int event_notifier_init(EventNotifier *e, int active)
{
    OWN_CALLED();
    e->rfd = e->wfd = eventfd(active != 0, EFD_NONBLOCK | EFD_CLOEXEC);
    return e->rfd < 0 ? -errno : 0;
}

void event_notifier_init_fd(EventNotifier *e, int fd)
{
    e->rfd = e->wfd = fd;
}

void event_notifier_cleanup(EventNotifier *e)
{
    OWN_CALLED();
    close(e->rfd);
    e->rfd = e->wfd = -1;
}

int event_notifier_get_fd(EventNotifier *e)
{
    return e->rfd;
}

/* Like functions that take no care of errno. */
int event_notifier_set(EventNotifier *e)
{
    uint64_t one = 1;
    int result = write(e->wfd, &one, sizeof(one)) == sizeof(one) ? 0 : -errno;

    errno = EXDEV;
    return result;
}

int event_notifier_test_and_clear(EventNotifier *e)
{
    uint64_t value;
    int result = read(e->rfd, &value, sizeof(value)) == sizeof(value);

    errno = EXDEV;
    return result;
}

int event_notifier_set_handler(EventNotifier *e, EventNotifierHandler *handler)
{
    (void)e;
    (void)handler;
    return -ENOSYS;
}
