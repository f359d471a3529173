/*
 * What the library's two functions for loops of 5.2 cost with nobody asleep, beside the C code
 * of that protocol, which is called in the same way: from another shared library. Prints the
 * ratio of each.
 *
 * Both are timed in turn, a block of calls at a time, and the fastest blocks are compared: what
 * else the machine does only makes a block slower.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <stdio.h>
#include <time.h>

#include "block/aio.h"
#include "check.h"

void c_notify(AioContext *ctx);
void c_accept(AioContext *ctx);

enum { CALLS = 20000, ROUNDS = 10000 };

static AioContext ctx;

typedef void function(AioContext *ctx);

static void library_notify(AioContext *c)
{
    int i;

    for (i = 0; i < CALLS; i++) {
        aio_notify(c);
    }
}

static void library_accept(AioContext *c)
{
    int i;

    for (i = 0; i < CALLS; i++) {
        aio_notify_accept(c);
    }
}

static void their_notify(AioContext *c)
{
    int i;

    for (i = 0; i < CALLS; i++) {
        c_notify(c);
    }
}

static void their_accept(AioContext *c)
{
    int i;

    for (i = 0; i < CALLS; i++) {
        c_accept(c);
    }
}

static double timed(function *block)
{
    struct timespec from, to;

    clock_gettime(CLOCK_MONOTONIC, &from);
    block(&ctx);
    clock_gettime(CLOCK_MONOTONIC, &to);
    return (double)(to.tv_sec - from.tv_sec) * 1e9 + (double)(to.tv_nsec - from.tv_nsec);
}

/* Ends as soon as the library is known to be no dearer than this. */
static double ratio(function *ours, function *theirs, double enough)
{
    double best = 1e18, their_best = 1e18;
    int i;

    for (i = 0; i < ROUNDS && (i < 20 || best > enough * their_best); i++) {
        double our_time = timed(ours), their_time = timed(theirs);

        best = our_time < best ? our_time : best;
        their_best = their_time < their_best ? their_time : their_best;
    }
    return best / their_best;
}

int main(void)
{
    double notify, accept;

    CHECK_EQ(event_notifier_init(&ctx.notifier, 0), 0);
    notify = ratio(library_notify, their_notify, 1.1);
    accept = ratio(library_accept, their_accept, 1.1);
    printf("%.2f %.2f\n", notify, accept);
    event_notifier_cleanup(&ctx.notifier);
    return 0;
}
