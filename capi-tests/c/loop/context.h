/*
 * Shared by the programs that use the library's loop.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef CONTEXT_H
#define CONTEXT_H

#include "../loop.h"
#include "block/thread-pool.h"

static inline AioContext *context_new(void)
{
    AioContext *ctx = aio_context_new(NULL);

    CHECK(ctx != NULL);
    return ctx;
}

static inline void do_nothing(void *unused)
{
    (void)unused;
}

/*
 * Makes the loop look at its work once more, whether it sleeps or is about to. A notification
 * alone would not be work that it finds before it sleeps. The bottom half is freed with the
 * context.
 */
static inline void wake_by_work(AioContext *ctx)
{
    qemu_bh_schedule(aio_bh_new(ctx, do_nothing, NULL));
}

/* Runs all that is ready. */
static inline void run_all(AioContext *ctx)
{
    while (aio_poll(ctx, false)) {
    }
}

/* A callback of a bottom half, timer or handler: counts its runs in its argument. */
static inline void count_run(void *runs)
{
    __atomic_add_fetch((int *)runs, 1, __ATOMIC_SEQ_CST);
}

/* Polls until the value is at least target. Whatever raises it also wakes the loop. */
static inline void poll_until_at_least(AioContext *ctx, int *value, int target)
{
    while (load(value) < target) {
        aio_poll(ctx, true);
    }
}

/* The same where nothing wakes the loop: polls without blocking. */
static inline void spin_until_at_least(AioContext *ctx, int *value, int target)
{
    while (load(value) < target) {
        aio_poll(ctx, false);
        sched_yield();
    }
}

/* What ran, in order. */
static struct {
    char items[64];
    size_t count;
} ran;

static inline void ran_clear(void)
{
    memset(&ran, 0, sizeof(ran));
}

static inline void ran_add(char item)
{
    CHECK(ran.count + 1 < sizeof(ran.items));
    ran.items[ran.count++] = item;
}

#define CHECK_RAN(expected)                                                                    \
    do {                                                                                       \
        if (strcmp(ran.items, expected) != 0) {                                                \
            fprintf(stderr, "%s:%d: %s: ran \"%s\", expected \"%s\"\n", __FILE__, __LINE__,    \
                    check_current, ran.items, expected);                                       \
            exit(1);                                                                           \
        }                                                                                      \
    } while (0)

struct ends {
    int read, write;
};

static inline struct ends pipe_new(void)
{
    int fds[2];

    CHECK_EQ(pipe2(fds, O_NONBLOCK | O_CLOEXEC), 0);
    return (struct ends){fds[0], fds[1]};
}

static inline void pipe_free(struct ends ends)
{
    close(ends.read);
    close(ends.write);
}

static inline void put(int fd)
{
    CHECK_EQ(write(fd, "x", 1), 1);
}

/* Reads until the descriptor is empty; returns the number of bytes. */
static inline int take(int fd)
{
    char bytes[64];
    ssize_t n;
    int total = 0;

    while ((n = read(fd, bytes, sizeof(bytes))) > 0) {
        total += (int)n;
    }
    return total;
}

/* Waits until a thread sleeps in the context's poll or is about to. */
static inline void wait_for_poller(AioContext *ctx)
{
    while (__atomic_load_n(&ctx->notify_me, __ATOMIC_SEQ_CST) == 0) {
        sched_yield();
    }
}

/* How many threads hold the context's lock or wait for it. */
static inline unsigned lock_queue(AioContext *ctx)
{
    unsigned head = __atomic_load_n(&ctx->lock.head, __ATOMIC_SEQ_CST);

    return __atomic_load_n(&ctx->lock.tail, __ATOMIC_SEQ_CST) - head;
}

#endif /* CONTEXT_H */
