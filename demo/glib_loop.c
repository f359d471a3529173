/*
 * GLib's main loop: the context is one of its event sources (bit 0 of notify_me is the
 * GSource's).
 *
 * GLib calls prepare, polls, calls check, and if that returns TRUE, dispatch.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "checksum.h"

/* A context is a GSource, for it starts with one; a program may add members of its own. */
struct source {
    AioContext ctx;
    GPollFD fd;
    GMainLoop *loop;
    struct job *job;
};

static gboolean prepare(GSource *gsource, gint *timeout)
{
    struct source *source = (struct source *)gsource;

    /* "I may go to sleep", and the fence: as in own_loop.c. */
    __atomic_fetch_or(&source->ctx.notify_me, 1, __ATOMIC_SEQ_CST);
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    *timeout = has_results(source->job) ? 0 : -1;
    /* Never TRUE: GLib would leave out check, and the bit would stay up while we are awake. */
    return FALSE;
}

static gboolean check(GSource *gsource)
{
    struct source *source = (struct source *)gsource;
    bool pending;

    /* "I am awake", then empty the notifier, then look at the work: as in own_loop.c. */
    __atomic_fetch_and(&source->ctx.notify_me, ~1U, __ATOMIC_SEQ_CST);
    aio_notify_accept(&source->ctx);
    pending = has_results(source->job);

    source->job->polls++;
    if (!pending && (source->fd.revents & G_IO_IN) != 0) {
        source->job->empty_polls++;
    }
    return pending;
}

static gboolean dispatch(GSource *gsource, GSourceFunc callback, gpointer argument)
{
    struct source *source = (struct source *)gsource;

    (void)callback;
    (void)argument;
    take_results(source->job);
    if (source->job->taken == source->job->count) {
        g_main_loop_quit(source->loop);
    }
    return G_SOURCE_CONTINUE;
}

static GSourceFuncs functions = {prepare, check, dispatch, NULL, NULL, NULL};

static AioContext *glib_loop_open(void)
{
    /* g_source_new() sets all that is not the GSource to zero. */
    GSource *gsource = g_source_new(&functions, sizeof(struct source));
    struct source *source = (struct source *)gsource;
    int result = event_notifier_init(&source->ctx.notifier, 0);

    if (result < 0) {
        die("cannot open an event notifier", -result);
    }
    source->fd.fd = event_notifier_get_fd(&source->ctx.notifier);
    source->fd.events = G_IO_IN;
    g_source_add_poll(gsource, &source->fd);
    /* Else GLib stops polling the descriptor during dispatch, and wakes itself afterwards. */
    g_source_set_can_recurse(gsource, TRUE);
    return &source->ctx;
}

static gboolean tick(gpointer job)
{
    progress_update(job);
    return G_SOURCE_CONTINUE;
}

static void glib_loop_run(struct job *job)
{
    struct source *source = (struct source *)job->ctx;
    guint timer = progress_is_shown() ? g_timeout_add(PROGRESS_MS, tick, job) : 0;

    source->job = job;
    source->loop = g_main_loop_new(NULL, FALSE);
    g_source_attach(&source->ctx.source, NULL);
    g_main_loop_run(source->loop);
    g_main_loop_unref(source->loop);
    if (timer != 0) {
        g_source_remove(timer);
    }
}

static void glib_loop_close(AioContext *ctx)
{
    /* GLib must not poll the descriptor any more when it is closed. */
    g_source_destroy(&ctx->source);
    event_notifier_cleanup(&ctx->notifier);
    g_source_unref(&ctx->source);
}

const struct loop glib_loop = {"GLib loop", glib_loop_open, glib_loop_run, glib_loop_close};
