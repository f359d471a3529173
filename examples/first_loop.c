/*
 * A timer that schedules a bottom half. Links libaiocontext.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "block/aio.h"
#include <stdio.h>

static int done;

static void on_timer(void *opaque)
{
    qemu_bh_schedule(opaque); /* from any thread or signal handler */
}

static void on_bh(void *opaque)
{
    *(int *)opaque = 1;
}

int main(void)
{
    init_clocks();
    AioContext *ctx = aio_context_new(NULL);
    QEMUBH *bh = aio_bh_new(ctx, on_bh, &done);
    QEMUTimer *timer = aio_timer_new(ctx, QEMU_CLOCK_REALTIME, SCALE_MS, on_timer, bh);

    timer_mod(timer, qemu_clock_get_ms(QEMU_CLOCK_REALTIME) + 10);
    while (!done) {
        aio_poll(ctx, true); /* sleeps until there is work */
    }
    timer_free(timer);
    qemu_bh_delete(bh);
    aio_context_unref(ctx);
    return printf("done\n") < 0;
}
