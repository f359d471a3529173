/*
 * What the programs with a loop of the library's share.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef CONTEXT_H
#define CONTEXT_H

#include <dirent.h>
#include <fcntl.h>
#include <sched.h>

#include "../loop.h"
#include "block/thread-pool.h"

static inline AioContext *context_new(void)
{
    AioContext *ctx = aio_context_new(NULL);

    CHECK(ctx != NULL);
    return ctx;
}

static inline void do_nothing_at_all(void *unused)
{
    (void)unused;
}

/*
 * Has the loop look round once more, whether it sleeps or is about to. A notification alone
 * would be nothing that it finds when it looks at its work before it sleeps. Freed with the
 * context.
 */
static inline void wake_by_work(AioContext *ctx)
{
    qemu_bh_schedule(aio_bh_new(ctx, do_nothing_at_all, NULL));
}

/* Runs all that is ready. */
static inline void run_all(AioContext *ctx)
{
    while (aio_poll(ctx, false)) {
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

/* How many descriptors the process has open. */
static inline int open_descriptors(void)
{
    DIR *folder = opendir("/proc/self/fd");
    int count = 0;

    CHECK(folder != NULL);
    while (readdir(folder) != NULL) {
        count++;
    }
    closedir(folder);
    return count;
}

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

/* Takes all there is to read; returns how many bytes that were. */
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

static inline int load(int *value)
{
    return __atomic_load_n(value, __ATOMIC_SEQ_CST);
}

static inline void store(int *value, int to)
{
    __atomic_store_n(value, to, __ATOMIC_SEQ_CST);
}

static inline void wait_until_at_least(int *value, int target)
{
    while (load(value) < target) {
        sched_yield();
    }
}

/* Waits until a thread sleeps in the context's poll, or is about to. */
static inline void wait_for_poller(AioContext *ctx)
{
    while (__atomic_load_n(&ctx->notify_me, __ATOMIC_SEQ_CST) == 0) {
        sched_yield();
    }
}

/* The number of those that hold the context's lock or wait for it. */
static inline unsigned lock_queue(AioContext *ctx)
{
    unsigned head = __atomic_load_n(&ctx->lock.head, __ATOMIC_SEQ_CST);

    return __atomic_load_n(&ctx->lock.tail, __ATOMIC_SEQ_CST) - head;
}

/* Whether a thread of the process sleeps, in whatever. */
static inline int is_asleep(int tid)
{
    char name[64], text[512], *end;
    size_t n;
    FILE *file;

    snprintf(name, sizeof(name), "/proc/self/task/%d/stat", tid);
    file = fopen(name, "r");
    if (file == NULL) {
        /* It has ended. */
        return 0;
    }
    n = fread(text, 1, sizeof(text) - 1, file);
    fclose(file);
    text[n] = '\0';
    /* The state follows the name, which is in brackets and may have any character. */
    end = strrchr(text, ')');
    return end != NULL && end[2] == 'S';
}

#endif /* CONTEXT_H */
