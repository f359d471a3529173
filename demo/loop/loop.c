/*
 * The two ways to run a context: aio_poll() in a thread, or as an event source of GLib.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <stdio.h>
#include <stdlib.h>

#include "server.h"

static void stop(void *opaque)
{
    struct loop *loop = opaque;

    loop->stopped = true;
    if (loop->glib != NULL) {
        g_main_loop_quit(loop->glib);
    }
}

void loop_open(struct loop *loop, bool glib)
{
    loop->ctx = aio_context_new(NULL);
    if (loop->ctx == NULL) {
        fprintf(stderr, "server: cannot make a context\n");
        exit(1);
    }
    loop->stopped = false;
    loop->glib = NULL;
    /* Made now, so that a signal handler only has to schedule it. */
    loop->stop_bh = aio_bh_new(loop->ctx, stop, loop);
    if (glib) {
        GMainContext *main_context = g_main_context_new();
        GSource *source = aio_get_g_source(loop->ctx);

        g_source_attach(source, main_context);
        g_source_unref(source);
        loop->glib = g_main_loop_new(main_context, FALSE);
        g_main_context_unref(main_context);
    }
}

void loop_run(struct loop *loop)
{
    if (loop->glib != NULL) {
        g_main_loop_run(loop->glib);
        return;
    }
    while (!loop->stopped) {
        aio_poll(loop->ctx, true);
    }
}

void loop_stop(struct loop *loop)
{
    qemu_bh_schedule(loop->stop_bh);
}

void loop_close(struct loop *loop)
{
    qemu_bh_delete(loop->stop_bh);
    if (loop->glib != NULL) {
        g_source_destroy(&loop->ctx->source);
        g_main_loop_unref(loop->glib);
    }
    aio_context_unref(loop->ctx);
}
