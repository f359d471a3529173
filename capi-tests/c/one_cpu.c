/*
 * Two loops in ping-pong on one CPU: the woken one pre-empts its waker at nearly every turn.
 *
 * A loop whose flag follows the event instead of surrounding it polls round for the rest of a
 * time slice here, about a thousand times slower than a bare eventfd.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <sched.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <time.h>

#include "loop.h"

enum { ROUNDS = 5000, REPEATS = 9 };

/* One side: waits for its turn, then gives the other one its turn. */
struct side {
    struct side *other;
    AioContext *ctx;
    int fd;
    unsigned turns;
    unsigned long polls;
};

static void *play_context(void *argument)
{
    struct side *side = argument;
    unsigned round;

    for (round = 1; round <= ROUNDS; round++) {
        unsigned long polls = 0;

        while (__atomic_load_n(&side->turns, __ATOMIC_RELAXED) < round) {
            loop_begin(side->ctx);
            if (__atomic_load_n(&side->turns, __ATOMIC_RELAXED) < round) {
                loop_wait(side->ctx, -1);
                polls++;
            } else {
                loop_wait(side->ctx, 0);
            }
        }
        /* One turn a wakeup, and another if a notification comes while the loop is awake. */
        CHECK(polls <= 2);
        side->polls += polls;
        __atomic_add_fetch(&side->other->turns, 1, __ATOMIC_RELAXED);
        aio_notify(side->other->ctx);
    }
    return NULL;
}

static void *play_eventfd(void *argument)
{
    struct side *side = argument;
    struct pollfd fd = {side->fd, POLLIN, 0};
    uint64_t value, one = 1;
    unsigned round;

    for (round = 1; round <= ROUNDS; round++) {
        CHECK_EQ(poll(&fd, 1, -1), 1);
        CHECK_EQ(read(side->fd, &value, sizeof(value)), 8);
        CHECK_EQ(write(side->other->fd, &one, sizeof(one)), 8);
    }
    return NULL;
}

static double now(void)
{
    struct timespec time;

    CHECK_EQ(clock_gettime(CLOCK_MONOTONIC, &time), 0);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

/* How many seconds a game takes; the second side begins. */
static double play(void *(*game)(void *), struct side sides[2])
{
    double begin = now();
    pthread_t threads[2] = {start(game, &sides[0]), start(game, &sides[1])};

    join(threads[0]);
    join(threads[1]);
    return now() - begin;
}

static double play_eventfds(void)
{
    struct side sides[2] = {{.other = &sides[1]}, {.other = &sides[0]}};
    double seconds;

    sides[0].fd = eventfd(0, EFD_NONBLOCK);
    sides[1].fd = eventfd(1, EFD_NONBLOCK);
    seconds = play(play_eventfd, sides);
    close(sides[0].fd);
    close(sides[1].fd);
    return seconds;
}

static double play_contexts(void)
{
    struct side sides[2] = {{.other = &sides[1]}, {.other = &sides[0], .turns = 1}};
    double seconds;

    sides[0].ctx = loop_new();
    sides[1].ctx = loop_new();
    seconds = play(play_context, sides);
    /* The sides have really slept. */
    CHECK(sides[0].polls + sides[1].polls > ROUNDS);
    loop_free(sides[0].ctx);
    loop_free(sides[1].ctx);
    return seconds;
}

static int compare(const void *a, const void *b)
{
    double left = *(const double *)a, right = *(const double *)b;

    return (left > right) - (left < right);
}

static void aio_notify_in_ping_pong_costs_little_more_than_an_eventfd(void)
{
    double ratios[REPEATS];
    int i;

    for (i = 0; i < REPEATS; i++) {
        double bare = play_eventfds();

        ratios[i] = play_contexts() / bare;
    }
    qsort(ratios, REPEATS, sizeof(ratios[0]), compare);
    printf("ping-pong on one CPU: %.2f of a bare eventfd (%.2f to %.2f)\n", ratios[REPEATS / 2],
           ratios[0], ratios[REPEATS - 1]);
    CHECK(ratios[REPEATS / 2] <= 3.0);
}

int main(void)
{
    cpu_set_t cpus = this_cpu();

    CHECK_EQ(sched_setaffinity(0, sizeof(cpus), &cpus), 0);
    RUN(aio_notify_in_ping_pong_costs_little_more_than_an_eventfd);
    return 0;
}
