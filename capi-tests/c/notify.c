/*
 * aio_notify and aio_notify_accept, one call at a time: what they leave behind, and how many
 * system calls they make. Both generations of the protocol, see loop.h.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <stdint.h>

#include "event_calls.h"
#include "loop.h"

#ifdef LOOP_5_2
/* The handler of the notifier's descriptor empties it, not the accept. */
enum { ACCEPT_READS = 0 };
#else
enum { ACCEPT_READS = 1 };
#endif

static void aio_notify_writes_once_to_wake_sleepers(void)
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
        CHECK_EQ(reads, ACCEPT_READS);
        CHECK_EQ(ctx->notify_me, sleepers[i]);
        CHECK(!ctx->notified);
        CHECK_EQ(is_readable(ctx->notifier.rfd), !ACCEPT_READS);
        event_notifier_test_and_clear(&ctx->notifier);
    }
    loop_free(ctx);
}

static void aio_notify_and_accept_touch_nothing_else(void)
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

static void aio_notify_and_accept_leave_errno_alone(void)
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

#ifndef LOOP_5_2

static void aio_notify_makes_no_system_call_with_nobody_asleep(void)
{
    AioContext *ctx = loop_new();

    writes = 0;
    aio_notify(ctx);
    CHECK_EQ(writes, 0);
    CHECK(!ctx->notified);
    CHECK(!is_readable(ctx->notifier.rfd));
    loop_free(ctx);
}

static AioContext *woken;

static void accept_behind_write(void)
{
    behind_write = NULL;
    CHECK(is_readable(woken->notifier.rfd));
    aio_notify_accept(woken);
    CHECK(!is_readable(woken->notifier.rfd));
}

/* The notifier is suspended right after its write: the loop must not depend on it. */
static void aio_notify_accept_empties_the_event_right_behind_the_write(void)
{
    woken = loop_new();
    woken->notify_me = 2;
    behind_write = accept_behind_write;
    aio_notify(woken);
    CHECK(behind_write == NULL);
    loop_free(woken);
}

static void take_flag_behind_write(void)
{
    behind_write = NULL;
    woken->notified = false;
}

/* An accept took the flag before the write, and found the event empty. */
static void aio_notify_leaves_no_full_event_with_a_clear_flag(void)
{
    woken = loop_new();
    woken->notify_me = 2;
    behind_write = take_flag_behind_write;
    aio_notify(woken);
    CHECK(behind_write == NULL);
    CHECK(is_readable(woken->notifier.rfd));
    CHECK(woken->notified);
    aio_notify_accept(woken);
    CHECK(!is_readable(woken->notifier.rfd));
    loop_free(woken);
}

/* Another notifier has stored the flag, and has yet to write. */
static void aio_notify_writes_although_the_flag_is_set(void)
{
    AioContext *ctx = loop_new();

    ctx->notify_me = 2;
    ctx->notified = true;
    writes = 0;
    aio_notify(ctx);
    CHECK_EQ(writes, 1);
    CHECK(is_readable(ctx->notifier.rfd));
    loop_free(ctx);
}

static void aio_notify_accept_makes_no_system_call_without_notification(void)
{
    AioContext *ctx = loop_new();

    reads = writes = 0;
    aio_notify_accept(ctx);
    CHECK_EQ(reads, 0);
    CHECK_EQ(writes, 0);

    /* The program has set it: accept must not empty it. */
    CHECK_EQ(event_notifier_set(&ctx->notifier), 0);
    aio_notify_accept(ctx);
    CHECK_EQ(reads, 0);
    CHECK(is_readable(ctx->notifier.rfd));
    loop_free(ctx);
}

static void aio_notify_accept_takes_many_notifications(void)
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

static void aio_notify_accept_reads_once_for_a_flag_without_event(void)
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

static void aio_notify_before_the_first_poll_is_seen_in_it(void)
{
    AioContext *ctx = loop_new();
    int work = 0;

    /* Before: no event, so the loop must find the work by looking. */
    work++;
    aio_notify(ctx);
    loop_begin(ctx);
    CHECK_EQ(work, 1);
    CHECK_EQ(loop_wait(ctx, 0), 0);

    /* Between loop_begin() and poll: poll returns at once. */
    loop_begin(ctx);
    aio_notify(ctx);
    CHECK_EQ(loop_wait(ctx, -1), 1);
    loop_free(ctx);
}

#else

static void aio_notify_only_sets_the_flag_with_nobody_asleep(void)
{
    AioContext *ctx = loop_new();

    writes = reads = 0;
    aio_notify(ctx);
    CHECK(ctx->notified);
    aio_notify(ctx);
    CHECK(ctx->notified);
    CHECK_EQ(writes, 0);
    CHECK_EQ(reads, 0);
    CHECK(!is_readable(ctx->notifier.rfd));
    loop_free(ctx);
}

static void aio_notify_accept_clears_the_flag_and_leaves_the_event(void)
{
    AioContext *ctx = loop_new();

    ctx->notify_me = 2;
    aio_notify(ctx);
    reads = writes = 0;
    aio_notify_accept(ctx);
    CHECK(!ctx->notified);
    CHECK(is_readable(ctx->notifier.rfd));
    aio_notify_accept(ctx);
    CHECK(!ctx->notified);
    CHECK(is_readable(ctx->notifier.rfd));
    CHECK_EQ(reads, 0);
    CHECK_EQ(writes, 0);
    CHECK_EQ(ctx->notify_me, 2);
    loop_free(ctx);
}

static void aio_notify_keeps_the_loop_from_sleeping_once(void)
{
    AioContext *ctx = loop_new();

    aio_notify(ctx);
    CHECK(!loop_may_sleep(ctx));
    CHECK_EQ(loop_wait(ctx, 0, 1), 0);
    CHECK(loop_may_sleep(ctx));
    CHECK_EQ(loop_wait(ctx, 0, 1), 0);
    loop_free(ctx);
}

#endif

int main(void)
{
    RUN(aio_notify_writes_once_to_wake_sleepers);
    RUN(aio_notify_and_accept_touch_nothing_else);
    RUN(aio_notify_and_accept_leave_errno_alone);
#ifndef LOOP_5_2
    RUN(aio_notify_makes_no_system_call_with_nobody_asleep);
    RUN(aio_notify_accept_empties_the_event_right_behind_the_write);
    RUN(aio_notify_leaves_no_full_event_with_a_clear_flag);
    RUN(aio_notify_writes_although_the_flag_is_set);
    RUN(aio_notify_accept_makes_no_system_call_without_notification);
    RUN(aio_notify_accept_takes_many_notifications);
    RUN(aio_notify_accept_reads_once_for_a_flag_without_event);
    RUN(aio_notify_before_the_first_poll_is_seen_in_it);
#else
    RUN(aio_notify_only_sets_the_flag_with_nobody_asleep);
    RUN(aio_notify_accept_clears_the_flag_and_leaves_the_event);
    RUN(aio_notify_keeps_the_loop_from_sleeping_once);
#endif
    return 0;
}
