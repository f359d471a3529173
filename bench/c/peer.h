/*
 * A way to wake a loop, as the benchmarks call it.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef BENCH_PEER_H
#define BENCH_PEER_H

#include <stdint.h>

struct peer {
    /* Makes a loop; returns NULL on failure. */
    void *(*create)(void);
    void (*destroy)(void *loop);
    /* Wakes it. Any thread. The library's own function where its arguments allow it. */
    void (*notify)(void *loop);
    /* Takes what has been notified, without sleeping. The loop's thread. */
    void (*consume)(void *loop);
    /*
     * Sleeps until notified; may return earlier, and does not sleep if *sent is not `seen`. The
     * loop's thread. Loops in which a notification is never forgotten need not look at *sent.
     */
    void (*sleep)(void *loop, const uint64_t *sent, uint64_t seen);
    /* Both, so many times in a loop, as a C program would call them. */
    void (*notify_times)(void *loop, uint64_t times);
    void (*consume_times)(void *loop, uint64_t times);
    /* Whether somebody sleeps, as `notify` finds it; NULL where it does not look. */
    void (*set_asleep)(void *loop, int asleep);
};

/* Defines notify_times and consume_times by calls of NOTIFY and CONSUME. */
#define PEER_TIMES(NOTIFY, CONSUME)                                                            \
    static void notify_times(void *loop, uint64_t times)                                       \
    {                                                                                          \
        while (times-- > 0) {                                                                  \
            NOTIFY(loop);                                                                      \
        }                                                                                      \
    }                                                                                          \
                                                                                               \
    static void consume_times(void *loop, uint64_t times)                                      \
    {                                                                                          \
        while (times-- > 0) {                                                                  \
            CONSUME(loop);                                                                     \
        }                                                                                      \
    }                                                                                          \
    struct peer

#endif
