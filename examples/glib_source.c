/*
 * A context under GLib's main loop: a thread schedules a bottom half, which ends the loop.
 * Links libaiocontext and GLib.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "block/aio.h"
#include <stdio.h>

static GMainLoop *loop;

static void on_bh(void *opaque)
{
    printf("in GLib's loop: %s\n", (const char *)opaque);
    g_main_loop_quit(loop);
}

static gpointer thread(gpointer bh)
{
    qemu_bh_schedule(bh);
    return NULL;
}

int main(void)
{
    AioContext *ctx;
    GSource *source;
    GThread *other;
    QEMUBH *bh;
    static char text[] = "scheduled by a thread";

    init_clocks();
    ctx = aio_context_new(NULL);
    if (ctx == NULL) {
        return 1;
    }
    loop = g_main_loop_new(NULL, FALSE);
    source = aio_get_g_source(ctx);
    g_source_attach(source, NULL);
    bh = aio_bh_new(ctx, on_bh, text);

    other = g_thread_new("other", thread, bh);
    g_main_loop_run(loop);
    g_thread_join(other);

    qemu_bh_delete(bh);
    g_source_destroy(source);
    g_source_unref(source);
    aio_context_unref(ctx);
    g_main_loop_unref(loop);
    return 0;
}
