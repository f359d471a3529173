/*
 * How often a loop turns and what a run costs, measured within the run.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef TURNS_H
#define TURNS_H

#include <sys/resource.h>
#include <time.h>

#include "context.h"

/* Runs the loop until a timer fires in ms; returns how many turns that took. */
static inline int turns_until_timer(AioContext *ctx, int ms)
{
    int fired = 0, turns = 0;
    QEMUTimer *timer = aio_timer_new(ctx, QEMU_CLOCK_REALTIME, SCALE_MS, count_run, &fired);

    timer_mod(timer, qemu_clock_get_ms(QEMU_CLOCK_REALTIME) + ms);
    while (!fired) {
        aio_poll(ctx, true);
        turns++;
    }
    timer_free(timer);
    return turns;
}

/* The same for GLib's loop, of which the context is a source. */
static inline int turns_of_glib_until_timer(GMainContext *loop, AioContext *ctx, int ms)
{
    int fired = 0, turns = 0;
    QEMUTimer *timer = aio_timer_new(ctx, QEMU_CLOCK_REALTIME, SCALE_MS, count_run, &fired);

    timer_mod(timer, qemu_clock_get_ms(QEMU_CLOCK_REALTIME) + ms);
    while (!fired) {
        g_main_context_iteration(loop, TRUE);
        turns++;
    }
    timer_free(timer);
    return turns;
}

/* A busy loop turns thousands of times. */
static inline void check_turns(int turns, int most)
{
    if (turns > most) {
        fprintf(stderr, "%s: %d turns, expected at most %d\n", check_current, turns, most);
        exit(1);
    }
}

static inline int64_t clock_ns(clockid_t clock)
{
    struct timespec time;

    CHECK_EQ(clock_gettime(clock, &time), 0);
    return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

/* The start of a measured run. */
struct run_time {
    int64_t elapsed, cpu;
};

static inline struct run_time run_begin(void)
{
    return (struct run_time){clock_ns(CLOCK_MONOTONIC), clock_ns(CLOCK_PROCESS_CPUTIME_ID)};
}

/* How many periods of 10 ms have passed since. */
static inline int run_periods(struct run_time begin)
{
    return (int)((clock_ns(CLOCK_MONOTONIC) - begin.elapsed) / 10000000);
}

/* The threads must have slept nearly all the time: a busy one takes a whole CPU. */
static inline void check_cpu(struct run_time begin)
{
    int64_t elapsed = clock_ns(CLOCK_MONOTONIC) - begin.elapsed;
    int64_t cpu = clock_ns(CLOCK_PROCESS_CPUTIME_ID) - begin.cpu;

    if (getenv("AIONOTIFY_INSTRUMENTED") == NULL && cpu > elapsed / 4) {
        fprintf(stderr, "%s: %lld ns of CPU in %lld ns\n", check_current, (long long)cpu,
                (long long)elapsed);
        exit(1);
    }
}

/* How many lines the text has; each must be the library's. */
static inline int messages(const char *text)
{
    int count = 0;

    while (*text != '\0') {
        const char *end = strchr(text, '\n');

        CHECK(strncmp(text, "aiocontext: ", 12) == 0 || strncmp(text, "aionotify: ", 11) == 0);
        CHECK(end != NULL);
        text = end + 1;
        count++;
    }
    return count;
}

/* Runs f(argument) in a child, which must succeed; returns how many messages it wrote. */
static inline int messages_of_child(void (*f)(void *), void *argument)
{
    char text[4096];
    int status = check_in_child(f, argument, text, sizeof(text));

    if (status != 0) {
        fprintf(stderr, "%s: child: status %#x: %s", check_current, (unsigned)status, text);
        exit(1);
    }
    return messages(text);
}

#endif /* TURNS_H */
