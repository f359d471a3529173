/*
 * All that a context has, in one loop: a timer writes to a pipe, whose handler submits a
 * request to the thread pool; the request runs in a worker, which schedules a bottom half, and
 * completes in the loop. Links libaiocontext.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "block/aio.h"
#include "block/thread-pool.h"
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static AioContext *ctx;
static QEMUBH *bh;
static int ends[2], steps;

static void step(const char *what)
{
    printf("%d: %s\n", ++steps, what);
}

/* Runs in the loop. */
static void on_timer(void *unused)
{
    (void)unused;
    step("the timer is due");
    if (write(ends[1], "x", 1) != 1) {
        abort();
    }
}

/* Runs in a worker. What it returns is the request's result. */
static int work(void *unused)
{
    (void)unused;
    qemu_bh_schedule(bh);
    return 42;
}

/* Runs in the loop, as do all those below. */
static void on_complete(void *unused, int result)
{
    char text[64];

    (void)unused;
    snprintf(text, sizeof(text), "the request has returned %d", result);
    step(text);
}

static void on_readable(void *unused)
{
    char byte;

    (void)unused;
    if (read(ends[0], &byte, 1) != 1) {
        abort();
    }
    step("the pipe is readable");
    thread_pool_submit_aio(aio_get_thread_pool(ctx), work, NULL, on_complete, NULL);
}

static void on_bh(void *unused)
{
    (void)unused;
    step("the bottom half runs");
}

int main(void)
{
    QEMUTimer *timer;

    init_clocks();
    ctx = aio_context_new(NULL);
    if (ctx == NULL || pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) {
        return 1;
    }
    bh = aio_bh_new(ctx, on_bh, NULL);
    aio_set_fd_handler(ctx, ends[0], on_readable, NULL, NULL);
    timer = aio_timer_new(ctx, QEMU_CLOCK_REALTIME, SCALE_MS, on_timer, NULL);
    timer_mod(timer, qemu_clock_get_ms(QEMU_CLOCK_REALTIME) + 10);

    while (steps < 4) {
        aio_poll(ctx, true);
    }

    timer_free(timer);
    aio_set_fd_handler(ctx, ends[0], NULL, NULL, NULL);
    qemu_bh_delete(bh);
    aio_context_unref(ctx);
    close(ends[0]);
    close(ends[1]);
    return 0;
}
