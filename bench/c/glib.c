/*
 * GLib's g_main_context_wakeup.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <glib.h>

#include "peer.h"

static void *create(void)
{
    return g_main_context_new();
}

static void destroy(void *loop)
{
    g_main_context_unref(loop);
}

static void consume(void *loop)
{
    g_main_context_iteration(loop, FALSE);
}

static void sleep_(void *loop, const uint64_t *sent, uint64_t seen)
{
    (void)sent, (void)seen;
    g_main_context_iteration(loop, TRUE);
}

PEER_TIMES(g_main_context_wakeup, consume);

const struct peer peer_glib = {create,        destroy, (void (*)(void *))g_main_context_wakeup,
                               consume,       sleep_,  notify_times,
                               consume_times, NULL};
