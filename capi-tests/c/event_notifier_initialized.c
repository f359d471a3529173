/*
 * An EventNotifier that records whether it is initialized.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <stdbool.h>

#include "block/aio.h"
#include "process.h"

/* All zero is uninitialized, although descriptor 0 is open. */
static void event_notifier_calls_ignore_an_uninitialized_one(void)
{
    EventNotifier e;

    memset(&e, 0, sizeof(e));
    errno = ENOENT;
    CHECK_EQ(event_notifier_set(&e), -1);
    CHECK_EQ(event_notifier_test_and_clear(&e), 0);
    event_notifier_cleanup(&e);
    CHECK_EQ(errno, ENOENT);
    CHECK(is_open(0));
    CHECK(!e.initialized);
}

static void event_notifier_init_initializes(void)
{
    EventNotifier e;
    int active;

    for (active = 0; active <= 1; active++) {
        memset(&e, 0xff, sizeof(e));
        CHECK_EQ(event_notifier_init(&e, active), 0);
        CHECK(e.initialized);
        CHECK_EQ(event_notifier_get_fd(&e), e.rfd);
        CHECK_EQ(is_readable(e.rfd), active);
        CHECK_EQ(event_notifier_test_and_clear(&e), active);
        CHECK_EQ(event_notifier_set(&e), 0);
        CHECK(is_readable(e.rfd));
        event_notifier_cleanup(&e);
    }
}

static void event_notifier_cleanup_is_idempotent(void)
{
    EventNotifier e;
    int fd;

    CHECK_EQ(event_notifier_init(&e, 1), 0);
    fd = e.rfd;
    event_notifier_cleanup(&e);
    CHECK(!e.initialized);
    CHECK_EQ(e.rfd, -1);
    CHECK_EQ(e.wfd, -1);
    CHECK(!is_open(fd));
    /* Another file with the number must survive a second cleanup. */
    CHECK_EQ(dup2(2, fd), fd);
    event_notifier_cleanup(&e);
    CHECK(is_open(fd));
    CHECK_EQ(event_notifier_set(&e), -1);
    CHECK_EQ(event_notifier_test_and_clear(&e), 0);
    CHECK_EQ(close(fd), 0);
}

static void event_notifier_init_fd_initializes(void)
{
    EventNotifier e;
    int ends[2];

    memset(&e, 0, sizeof(e));
    CHECK_EQ(pipe(ends), 0);
    event_notifier_init_fd(&e, ends[1]);
    CHECK(e.initialized);
    CHECK_EQ(e.rfd, ends[1]);
    CHECK_EQ(e.wfd, ends[1]);
    CHECK_EQ(event_notifier_set(&e), 0);
    CHECK(is_readable(ends[0]));
    event_notifier_cleanup(&e);
    CHECK(!is_open(ends[1]));
    CHECK_EQ(close(ends[0]), 0);
}

#ifdef WITH_GET_WFD
static void event_notifier_get_wfd_returns_the_write_end(void)
{
    EventNotifier e;

    memset(&e, 0, sizeof(e));
    e.rfd = 40;
    e.wfd = 41;
    CHECK_EQ(event_notifier_get_fd(&e), 40);
    CHECK_EQ(event_notifier_get_wfd(&e), 41);
}
#endif

int main(void)
{
    RUN(event_notifier_calls_ignore_an_uninitialized_one);
    RUN(event_notifier_init_initializes);
    RUN(event_notifier_cleanup_is_idempotent);
    RUN(event_notifier_init_fd_initializes);
#ifdef WITH_GET_WFD
    RUN(event_notifier_get_wfd_returns_the_write_end);
#endif
    return 0;
}
