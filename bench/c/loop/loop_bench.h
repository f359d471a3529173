/*
 * Times what a whole event loop does. Each library has a program of its own, because two that
 * define the same functions cannot be in one.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef LOOP_BENCH_H
#define LOOP_BENCH_H

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

static inline void must(int good, const char *what)
{
    if (!good) {
        perror(what);
        exit(1);
    }
}

static inline double now_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

/* Runs STATEMENT so many times, and prints "ROW: NS" for each time. */
#define MEASURE(row, times, statement)                                                         \
    do {                                                                                       \
        long measure_left = (times);                                                           \
        double measure_begin = now_ns();                                                       \
                                                                                               \
        while (measure_left-- > 0) {                                                           \
            statement;                                                                         \
        }                                                                                      \
        printf("%s: %.2f\n", row, (now_ns() - measure_begin) / (double)(times));               \
    } while (0)

static inline int idle_descriptor(void)
{
    int ends[2];

    must(pipe2(ends, O_NONBLOCK | O_CLOEXEC) == 0, "pipe2");
    return ends[0];
}

/* For thousands of descriptors. */
static inline void raise_limit(void)
{
    struct rlimit limit;

    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}

/* A deadline that does not come, another each time. */
static inline int64_t later(void)
{
    static uint32_t state = 1;

    state = state * 1664525u + 1013904223u;
    return 1000000 + (int64_t)(state >> 8);
}

static const int idle_counts[] = {0, 64, 1024};
static const int timer_counts[] = {100, 10000};

static inline const char *row(const char *name, int count)
{
    static char text[64];

    snprintf(text, sizeof(text), "%s %d", name, count);
    return text;
}

#endif
