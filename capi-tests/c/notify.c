/*
 * aio_notify and aio_notify_accept, one call at a time: what they return and leave behind, and
 * how many system calls they make.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <fcntl.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>

#include "loop.h"

/* The library's calls of write and read bind to these. */
static int writes, reads;

ssize_t write(int fd, const void *buffer, size_t size)
{
    writes++;
    return syscall(SYS_write, fd, buffer, size);
}

ssize_t read(int fd, void *buffer, size_t size)
{
    reads++;
    return syscall(SYS_read, fd, buffer, size);
}

static void nobody_asleep_costs_no_system_call(void)
{
    AioContext *ctx = loop_new();

    writes = 0;
    aio_notify(ctx);
    CHECK_EQ(writes, 0);
    CHECK(!ctx->notified);
    CHECK(!is_readable(ctx->notifier.rfd));
    loop_free(ctx);
}

static void asleep_costs_one_write(void)
{
    AioContext *ctx = loop_new();
    /* The GSource, one poller, both, many pollers. */
    uint32_t sleepers[] = {1, 2, 3, 2000};
    size_t i;

    for (i = 0; i < sizeof(sleepers) / sizeof(sleepers[0]); i++) {
        ctx->notify_me = sleepers[i];
        writes = reads = 0;
        aio_notify(ctx);
        CHECK_EQ(writes, 1);
        CHECK_EQ(reads, 0);
        CHECK_EQ(ctx->notify_me, sleepers[i]);
        CHECK(ctx->notified);
        CHECK(is_readable(ctx->notifier.rfd));

        writes = reads = 0;
        aio_notify_accept(ctx);
        CHECK_EQ(writes, 0);
        CHECK_EQ(reads, 1);
        CHECK_EQ(ctx->notify_me, sleepers[i]);
        CHECK(!ctx->notified);
        CHECK(!is_readable(ctx->notifier.rfd));
    }
    loop_free(ctx);
}

static void accept_without_notification_makes_no_system_call(void)
{
    AioContext *ctx = loop_new();

    reads = writes = 0;
    aio_notify_accept(ctx);
    CHECK_EQ(reads, 0);
    CHECK_EQ(writes, 0);

    /* Set by somebody else: not accept's to empty. */
    CHECK_EQ(event_notifier_set(&ctx->notifier), 0);
    aio_notify_accept(ctx);
    CHECK_EQ(reads, 0);
    CHECK(is_readable(ctx->notifier.rfd));
    loop_free(ctx);
}

static void many_notifications_take_one_accept(void)
{
    AioContext *ctx = loop_new();
    int i;

    loop_begin(ctx);
    for (i = 0; i < 1000; i++) {
        aio_notify(ctx);
    }
    CHECK_EQ(loop_wait(ctx, -1), 1);
    loop_begin(ctx);
    CHECK_EQ(loop_wait(ctx, 0), 0);
    loop_free(ctx);
}

static void a_flag_without_event_costs_one_read(void)
{
    AioContext *ctx = loop_new();

    ctx->notified = true;
    reads = 0;
    aio_notify_accept(ctx);
    CHECK_EQ(reads, 1);
    CHECK(!ctx->notified);
    reads = 0;
    aio_notify_accept(ctx);
    CHECK_EQ(reads, 0);
    loop_free(ctx);
}

static void a_notification_before_the_first_poll_is_seen_in_it(void)
{
    AioContext *ctx = loop_new();
    int work = 0;

    /* Before: no event, so the loop must find the work by looking. */
    work++;
    aio_notify(ctx);
    loop_begin(ctx);
    CHECK_EQ(work, 1);
    CHECK_EQ(loop_wait(ctx, 0), 0);

    /* Between announcing and polling: the poll returns at once. */
    loop_begin(ctx);
    aio_notify(ctx);
    CHECK_EQ(loop_wait(ctx, -1), 1);
    loop_free(ctx);
}

static void touches_nothing_else(void)
{
    AioContext *ctx = loop_new(), *before = malloc(sizeof(*before));
    EventNotifier notifier = ctx->notifier;

    CHECK(before != NULL);
    memset(ctx, 0xa5, sizeof(*ctx));
    ctx->notifier = notifier;
    ctx->notified = false;
    ctx->notify_me = 2;
    memcpy(before, ctx, sizeof(*before));
    aio_notify(ctx);
    CHECK(ctx->notified);
    aio_notify_accept(ctx);
    CHECK_EQ(memcmp(before, ctx, sizeof(*before)), 0);
    free(before);
    loop_free(ctx);
}

static void errno_is_unchanged(void)
{
    AioContext *ctx = loop_new();
    uint64_t most = UINT64_MAX - 1;

    CHECK_EQ(write(ctx->notifier.wfd, &most, sizeof(most)), 8);
    ctx->notify_me = 2;
    errno = ENOENT;
    aio_notify(ctx); /* the write fails with EAGAIN: full already */
    CHECK_EQ(errno, ENOENT);
    aio_notify_accept(ctx);
    CHECK_EQ(errno, ENOENT);
    ctx->notified = true;
    aio_notify_accept(ctx); /* the read fails with EAGAIN: empty already */
    CHECK_EQ(errno, ENOENT);
    loop_free(ctx);
}

/* Returns how many lines the text has. */
static int lines(const char *text)
{
    int count = 0;

    for (; *text != '\0'; text++) {
        count += *text == '\n';
    }
    return count;
}

static void child_notifies_in_vain(void *argument)
{
    AioContext *ctx = loop_new();
    int fd = *(int *)argument, i;

    event_notifier_cleanup(&ctx->notifier);
    event_notifier_init_fd(&ctx->notifier, fd);
    ctx->notify_me = 2;
    for (i = 0; i < 3; i++) {
        errno = ENOENT;
        aio_notify(ctx);
        CHECK_EQ(errno, ENOENT);
    }
    event_notifier_init_fd(&ctx->notifier, -1);
    aio_notify(ctx);
}

static void a_failed_wakeup_is_said_once(void)
{
    char text[1024];
    int full = open("/dev/full", O_WRONLY | O_CLOEXEC), closed = -1, status;

    status = check_in_child(child_notifies_in_vain, &closed, text, sizeof(text));
    CHECK_EQ(status, 0);
    CHECK_EQ(lines(text), 1);
    CHECK(strstr(text, "aio_notify") != NULL);
    CHECK(strstr(text, "errno 9") != NULL);

    CHECK(full >= 0);
    status = check_in_child(child_notifies_in_vain, &full, text, sizeof(text));
    CHECK_EQ(status, 0);
    CHECK_EQ(lines(text), 1);
    CHECK(strstr(text, "errno 28") != NULL);
    close(full);
}

#define NULL_CALL(name, call)                                                                  \
    static void null_##name(void *unused)                                                      \
    {                                                                                          \
        (void)unused;                                                                          \
        call;                                                                                  \
    }

NULL_CALL(aio_notify, aio_notify(NULL))
NULL_CALL(aio_notify_accept, aio_notify_accept(NULL))
NULL_CALL(event_notifier_init, event_notifier_init(NULL, 0))
NULL_CALL(event_notifier_init_fd, event_notifier_init_fd(NULL, 0))
NULL_CALL(event_notifier_cleanup, event_notifier_cleanup(NULL))
NULL_CALL(event_notifier_get_fd, event_notifier_get_fd(NULL))
NULL_CALL(event_notifier_set, event_notifier_set(NULL))
NULL_CALL(event_notifier_test_and_clear, event_notifier_test_and_clear(NULL))
NULL_CALL(event_notifier_set_handler, event_notifier_set_handler(NULL, NULL))

static void null_aborts_with_one_line(void)
{
    static const struct {
        void (*call)(void *);
        const char *line;
    } calls[] = {
#define CALL(name, argument)                                                                   \
    {null_##name, "aionotify: " #name ": argument '" argument "' is NULL\n"}
        CALL(aio_notify, "ctx"),
        CALL(aio_notify_accept, "ctx"),
        CALL(event_notifier_init, "e"),
        CALL(event_notifier_init_fd, "e"),
        CALL(event_notifier_cleanup, "e"),
        CALL(event_notifier_get_fd, "e"),
        CALL(event_notifier_set, "e"),
        CALL(event_notifier_test_and_clear, "e"),
        CALL(event_notifier_set_handler, "e"),
    };
    char text[1024];
    size_t i;

    for (i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
        int status = check_in_child(calls[i].call, NULL, text, sizeof(text));

        CHECK(WIFSIGNALED(status));
        CHECK_EQ(WTERMSIG(status), SIGABRT);
        if (getenv("AIONOTIFY_EMULATED") != NULL) {
            /* The emulator adds a line of its own about the signal. */
            text[strcspn(text, "\n") + 1] = '\0';
        }
        if (strcmp(text, calls[i].line) != 0) {
            fprintf(stderr, "said: %sexpected: %s", text, calls[i].line);
            exit(1);
        }
    }
}

int main(void)
{
    RUN(nobody_asleep_costs_no_system_call);
    RUN(asleep_costs_one_write);
    RUN(accept_without_notification_makes_no_system_call);
    RUN(many_notifications_take_one_accept);
    RUN(a_flag_without_event_costs_one_read);
    RUN(a_notification_before_the_first_poll_is_seen_in_it);
    RUN(touches_nothing_else);
    RUN(errno_is_unchanged);
    RUN(a_failed_wakeup_is_said_once);
    RUN(null_aborts_with_one_line);
    return 0;
}
