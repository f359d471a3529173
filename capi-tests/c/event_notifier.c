/*
 * event_notifier_*: normal use, full counters, bad and reused descriptors.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <fcntl.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <sys/stat.h>

#include "loop.h"

static void event_notifier_init_makes_an_empty_one(void)
{
    EventNotifier e;

    CHECK_EQ(event_notifier_init(&e, 0), 0);
    CHECK(e.rfd >= 0);
    CHECK_EQ(e.wfd, e.rfd);
    CHECK_EQ(event_notifier_get_fd(&e), e.rfd);
    CHECK(!is_readable(e.rfd));
    CHECK_EQ(event_notifier_test_and_clear(&e), 0);
    event_notifier_cleanup(&e);
}

static void event_notifier_init_sets_an_active_one(void)
{
    EventNotifier e;
    int active[] = {1, -1, 256};
    size_t i;

    for (i = 0; i < sizeof(active) / sizeof(active[0]); i++) {
        CHECK_EQ(event_notifier_init(&e, active[i]), 0);
        CHECK(is_readable(e.rfd));
        CHECK_EQ(event_notifier_test_and_clear(&e), 1);
        CHECK_EQ(event_notifier_test_and_clear(&e), 0);
        event_notifier_cleanup(&e);
    }
}

static void event_notifier_init_makes_it_nonblocking_and_close_on_exec(void)
{
    EventNotifier e;

    CHECK_EQ(event_notifier_init(&e, 0), 0);
    CHECK(fcntl(e.rfd, F_GETFL) & O_NONBLOCK);
    CHECK(fcntl(e.rfd, F_GETFD) & FD_CLOEXEC);
    event_notifier_cleanup(&e);
}

static void event_notifier_test_and_clear_clears_many_sets(void)
{
    EventNotifier e;
    int i;

    CHECK_EQ(event_notifier_init(&e, 0), 0);
    for (i = 0; i < 1000; i++) {
        CHECK_EQ(event_notifier_set(&e), 0);
    }
    CHECK(is_readable(e.rfd));
    CHECK_EQ(event_notifier_test_and_clear(&e), 1);
    CHECK(!is_readable(e.rfd));
    CHECK_EQ(event_notifier_test_and_clear(&e), 0);
    event_notifier_cleanup(&e);
}

static void event_notifier_set_writes_the_eight_byte_value_one(void)
{
    EventNotifier e;
    uint64_t value = 0;

    CHECK_EQ(event_notifier_init(&e, 0), 0);
    CHECK_EQ(event_notifier_set(&e), 0);
    CHECK_EQ(event_notifier_set(&e), 0);
    CHECK_EQ(read(e.rfd, &value, sizeof(value)), 8);
    CHECK_EQ(value, 2);
    event_notifier_cleanup(&e);
}

static void event_notifier_set_succeeds_on_a_full_eventfd(void)
{
    EventNotifier e;
    uint64_t most = UINT64_MAX - 1;

    CHECK_EQ(event_notifier_init(&e, 0), 0);
    CHECK_EQ(write(e.wfd, &most, sizeof(most)), 8);
    errno = ENOENT;
    CHECK_EQ(event_notifier_set(&e), 0);
    CHECK_EQ(errno, ENOENT);
    CHECK_EQ(event_notifier_test_and_clear(&e), 1);
    CHECK_EQ(event_notifier_test_and_clear(&e), 0);
    event_notifier_cleanup(&e);
}

static void event_notifier_set_succeeds_on_a_full_pipe(void)
{
    EventNotifier e;
    int ends[2], i;

    CHECK_EQ(pipe2(ends, O_NONBLOCK), 0);
    e.rfd = ends[0];
    e.wfd = ends[1];
    CHECK_EQ(fcntl(e.wfd, F_SETPIPE_SZ, 4096), 4096);
    for (i = 0; i < 1000; i++) {
        CHECK_EQ(event_notifier_set(&e), 0);
    }
    CHECK_EQ(event_notifier_test_and_clear(&e), 1);
    CHECK(!is_readable(e.rfd));
    CHECK_EQ(event_notifier_test_and_clear(&e), 0);

    /* Exactly one and two buffers of 512 bytes: the last read finds nothing. */
    for (i = 0; i < 64; i++) {
        CHECK_EQ(event_notifier_set(&e), 0);
    }
    CHECK_EQ(event_notifier_test_and_clear(&e), 1);
    CHECK(!is_readable(e.rfd));

    event_notifier_cleanup(&e);
    CHECK(!is_open(ends[0]));
    CHECK(!is_open(ends[1]));
}

static void event_notifier_init_fd_adopts_a_descriptor(void)
{
    EventNotifier e;
    int fd = eventfd(1, EFD_NONBLOCK);

    CHECK(fd >= 0);
    event_notifier_init_fd(&e, fd);
    CHECK_EQ(e.rfd, fd);
    CHECK_EQ(e.wfd, fd);
    CHECK_EQ(event_notifier_get_fd(&e), fd);
    CHECK_EQ(event_notifier_test_and_clear(&e), 1);
    CHECK_EQ(event_notifier_set(&e), 0);
    CHECK(is_readable(fd));
    event_notifier_cleanup(&e);
    CHECK(!is_open(fd));
}

static void event_notifier_cleanup_forgets_the_descriptors(void)
{
    EventNotifier e;
    int fd;

    CHECK_EQ(event_notifier_init(&e, 1), 0);
    fd = e.rfd;
    errno = ENOENT;
    event_notifier_cleanup(&e);
    CHECK_EQ(errno, ENOENT);
    CHECK(!is_open(fd));
    CHECK_EQ(e.rfd, -1);
    CHECK_EQ(e.wfd, -1);
    CHECK_EQ(event_notifier_get_fd(&e), -1);
    CHECK_EQ(event_notifier_set(&e), -EBADF);
    CHECK_EQ(event_notifier_test_and_clear(&e), 0);
}

static void *cleanup_cancelled(void *e)
{
    CHECK_EQ(pthread_cancel(pthread_self()), 0);
    event_notifier_cleanup(e);
    return NULL;
}

static void event_notifier_cleanup_is_no_cancellation_point(void)
{
    EventNotifier e;
    void *result;

    CHECK_EQ(event_notifier_init(&e, 0), 0);
    CHECK_EQ(pthread_join(start(cleanup_cancelled, &e), &result), 0);
    CHECK(result != PTHREAD_CANCELED);
}

static void event_notifier_cleanup_leaves_a_reused_number_alone(void)
{
    EventNotifier e;
    FILE *file;
    struct stat info;
    int fd;

    CHECK_EQ(event_notifier_init(&e, 0), 0);
    fd = e.rfd;
    event_notifier_cleanup(&e);
    file = tmpfile();
    CHECK(file != NULL);
    /* The kernel gives the lowest free number, which is the one just closed. */
    CHECK_EQ(fileno(file), fd);

    CHECK_EQ(event_notifier_set(&e), -EBADF);
    CHECK_EQ(event_notifier_test_and_clear(&e), 0);
    event_notifier_cleanup(&e);
    CHECK(is_open(fd));
    CHECK_EQ(fstat(fd, &info), 0);
    CHECK_EQ(info.st_size, 0);
    fclose(file);
}

static void event_notifier_init_ignores_old_contents(void)
{
    EventNotifier e;
    int other = dup(0);

    CHECK(other >= 0);
    e.rfd = e.wfd = other;
    CHECK_EQ(event_notifier_init(&e, 1), 0);
    CHECK(e.rfd != other);
    CHECK(is_open(other));
    event_notifier_cleanup(&e);
    close(other);
}

static void event_notifier_set_and_test_and_clear_fail_on_bad_descriptors(void)
{
    EventNotifier e;
    int ends[2];

    CHECK_EQ(pipe(ends), 0);
    close(ends[0]);
    close(ends[1]);
    event_notifier_init_fd(&e, ends[0]);
    errno = ENOENT;
    CHECK_EQ(event_notifier_set(&e), -EBADF);
    CHECK_EQ(event_notifier_test_and_clear(&e), -EBADF);
    CHECK_EQ(errno, ENOENT);

    /* Open, but for the other direction. */
    CHECK_EQ(pipe2(ends, O_NONBLOCK), 0);
    event_notifier_init_fd(&e, ends[0]);
    CHECK_EQ(event_notifier_set(&e), -EBADF);
    event_notifier_init_fd(&e, ends[1]);
    CHECK_EQ(event_notifier_test_and_clear(&e), -EBADF);
    close(ends[0]);
    close(ends[1]);

    event_notifier_init_fd(&e, -1);
    CHECK_EQ(event_notifier_set(&e), -EBADF);
    event_notifier_cleanup(&e);
}

static void event_notifier_test_and_clear_ignores_end_of_file(void)
{
    EventNotifier e;
    int ends[2];

    CHECK_EQ(pipe2(ends, O_NONBLOCK), 0);
    close(ends[1]);
    event_notifier_init_fd(&e, ends[0]);
    CHECK_EQ(event_notifier_test_and_clear(&e), 0);
    event_notifier_cleanup(&e);
}

#ifndef WITHOUT_SET_HANDLER
static void event_notifier_set_handler_needs_a_program_function(void)
{
    EventNotifier e;

    CHECK_EQ(event_notifier_init(&e, 0), 0);
    CHECK_EQ(event_notifier_set_handler(&e, NULL), -ENOSYS);
    event_notifier_cleanup(&e);
}
#endif

int main(void)
{
    RUN(event_notifier_init_makes_an_empty_one);
    RUN(event_notifier_init_sets_an_active_one);
    RUN(event_notifier_init_makes_it_nonblocking_and_close_on_exec);
    RUN(event_notifier_test_and_clear_clears_many_sets);
    RUN(event_notifier_set_writes_the_eight_byte_value_one);
    RUN(event_notifier_set_succeeds_on_a_full_eventfd);
    RUN(event_notifier_set_succeeds_on_a_full_pipe);
    RUN(event_notifier_init_fd_adopts_a_descriptor);
    RUN(event_notifier_cleanup_forgets_the_descriptors);
    RUN(event_notifier_cleanup_is_no_cancellation_point);
    RUN(event_notifier_cleanup_leaves_a_reused_number_alone);
    RUN(event_notifier_init_ignores_old_contents);
    RUN(event_notifier_set_and_test_and_clear_fail_on_bad_descriptors);
    RUN(event_notifier_test_and_clear_ignores_end_of_file);
#ifndef WITHOUT_SET_HANDLER
    RUN(event_notifier_set_handler_needs_a_program_function);
#endif
    return 0;
}
