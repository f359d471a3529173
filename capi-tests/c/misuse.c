/*
 * What the library logs when it cannot do its work: failed wakeups, NULL arguments.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "aborts.h"
#include "loop.h"

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
    free(ctx);
}

static void aio_notify_logs_a_failed_wakeup_once(void)
{
    char text[1024];
    int full = open("/dev/full", O_WRONLY | O_CLOEXEC), closed = -1, status;

    status = check_in_child(child_notifies_in_vain, &closed, text, sizeof(text));
    CHECK_EQ(status, 0);
    CHECK_EQ(check_lines(text), 1);
    CHECK(strstr(text, "aio_notify") != NULL);
    CHECK(strstr(text, "errno 9") != NULL);

    CHECK(full >= 0);
    status = check_in_child(child_notifies_in_vain, &full, text, sizeof(text));
    CHECK_EQ(status, 0);
    CHECK_EQ(check_lines(text), 1);
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
#ifndef WITHOUT_SET_HANDLER
NULL_CALL(event_notifier_set_handler, event_notifier_set_handler(NULL, NULL))
#endif

static void null_aborts_with_one_line(void)
{
    static const struct aborting calls[] = {
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
#ifndef WITHOUT_SET_HANDLER
        CALL(event_notifier_set_handler, "e"),
#endif
    };

    CHECK_ABORT(calls);
}

int main(void)
{
    RUN(aio_notify_logs_a_failed_wakeup_once);
    RUN(null_aborts_with_one_line);
    return 0;
}
