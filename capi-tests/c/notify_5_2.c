/*
 * aio_notify and aio_notify_accept of the 5.2 generation, one call at a time: what they leave
 * behind, and how many system calls they make.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "event_calls.h"
#include "loop_5_2.h"

static bool is_readable(AioContext *ctx)
{
    struct pollfd fd = {ctx->notifier.rfd, POLLIN, 0};

    return poll(&fd, 1, 0) == 1;
}

static void aio_notify_only_sets_the_flag_with_nobody_asleep(void)
{
    AioContext *ctx = home_new();

    writes = reads = 0;
    aio_notify(ctx);
    CHECK(ctx->notified);
    aio_notify(ctx);
    CHECK(ctx->notified);
    CHECK_EQ(writes, 0);
    CHECK_EQ(reads, 0);
    CHECK(!is_readable(ctx));
    home_free(ctx);
}

static void aio_notify_writes_once_to_wake_sleepers(void)
{
    AioContext *ctx = home_new();
    uint32_t sleepers[] = {1, 2, 3, 2000};
    size_t i;

    for (i = 0; i < sizeof(sleepers) / sizeof(sleepers[0]); i++) {
        ctx->notify_me = sleepers[i];
        ctx->notified = false;
        writes = reads = 0;
        aio_notify(ctx);
        CHECK_EQ(writes, 1);
        CHECK_EQ(reads, 0);
        CHECK_EQ(ctx->notify_me, sleepers[i]);
        CHECK(ctx->notified);
        CHECK(is_readable(ctx));
    }
    home_free(ctx);
}

static void aio_notify_accept_clears_the_flag_and_leaves_the_event(void)
{
    AioContext *ctx = home_new();

    ctx->notify_me = 2;
    aio_notify(ctx);
    reads = writes = 0;
    aio_notify_accept(ctx);
    CHECK(!ctx->notified);
    CHECK(is_readable(ctx));
    aio_notify_accept(ctx);
    CHECK(!ctx->notified);
    CHECK(is_readable(ctx));
    CHECK_EQ(reads, 0);
    CHECK_EQ(writes, 0);
    CHECK_EQ(ctx->notify_me, 2);
    home_free(ctx);
}

static void aio_notify_keeps_the_loop_from_sleeping_once(void)
{
    AioContext *ctx = home_new();

    aio_notify(ctx);
    CHECK(!home_may_sleep(ctx));
    CHECK_EQ(home_wait(ctx, 0, true), 0);
    CHECK(home_may_sleep(ctx));
    CHECK_EQ(home_wait(ctx, 0, true), 0);
    home_free(ctx);
}

static void aio_notify_and_accept_touch_nothing_else(void)
{
    AioContext *ctx = home_new(), *before = malloc(sizeof(*before));
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
    home_free(ctx);
}

static void aio_notify_and_accept_leave_errno_alone(void)
{
    AioContext *ctx = home_new();
    uint64_t most = UINT64_MAX - 1;

    CHECK_EQ(write(ctx->notifier.wfd, &most, sizeof(most)), 8);
    ctx->notify_me = 2;
    errno = ENOENT;
    aio_notify(ctx); /* the write fails with EAGAIN: full already */
    CHECK_EQ(errno, ENOENT);
    aio_notify_accept(ctx);
    CHECK_EQ(errno, ENOENT);
    home_free(ctx);
}

int main(void)
{
    RUN(aio_notify_only_sets_the_flag_with_nobody_asleep);
    RUN(aio_notify_writes_once_to_wake_sleepers);
    RUN(aio_notify_accept_clears_the_flag_and_leaves_the_event);
    RUN(aio_notify_keeps_the_loop_from_sleeping_once);
    RUN(aio_notify_and_accept_touch_nothing_else);
    RUN(aio_notify_and_accept_leave_errno_alone);
    return 0;
}
