/*
 * A main loop of the program's own, in the style of QEMU 2.4 to 5.1: it raises notify_me, looks
 * at the work, polls.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#define _GNU_SOURCE /* ppoll() */
#include <errno.h>
#include <poll.h>
#include <time.h>

#include "checksum.h"

static AioContext *own_loop_open(void)
{
    /* All of a context may start as zero, but for the notifier. */
    AioContext *ctx = g_new0(AioContext, 1);
    int result = event_notifier_init(&ctx->notifier, 0);

    if (result < 0) {
        die("cannot open an event notifier", -result);
    }
    return ctx;
}

/* One turn: sleeps if there is no work, then takes what there is. */
static void own_loop_turn(struct job *job)
{
    static const struct timespec at_once = {0, 0};
    static const struct timespec tick = {0, PROGRESS_MS * 1000000L};
    const struct timespec *timeout = progress_is_shown() ? &tick : NULL; /* NULL: no timeout */
    AioContext *ctx = job->ctx;
    struct pollfd fd = {event_notifier_get_fd(&ctx->notifier), POLLIN, 0};
    int ready;

    /* "I may go to sleep": from here on aio_notify() wakes. */
    __atomic_fetch_add(&ctx->notify_me, 2, __ATOMIC_SEQ_CST);
    /*
     * The addition alone does not keep the look at the work behind it. Without this fence the
     * loop may find no work before notify_me is up, while the worker that hands some over still
     * sees 0 and does not wake: the wakeup is lost. aio_notify() has the other fence.
     */
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    if (has_results(job)) {
        timeout = &at_once;
    }
    ready = ppoll(&fd, 1, timeout, NULL);
    if (ready < 0 && errno != EINTR) {
        die("ppoll", errno);
    }
    /* "I am awake": from here on aio_notify() costs no system call. */
    __atomic_fetch_sub(&ctx->notify_me, 2, __ATOMIC_SEQ_CST);
    /* Empties the notifier if it was set (else poll would go on returning at once)... */
    aio_notify_accept(ctx);
    /* ...and only then comes the work. */
    job->polls++;
    if (take_results(job) == 0 && ready > 0) {
        job->empty_polls++;
    }
}

static void own_loop_run(struct job *job)
{
    while (job->taken < job->count) {
        own_loop_turn(job);
        progress_update(job);
    }
}

static void own_loop_close(AioContext *ctx)
{
    event_notifier_cleanup(&ctx->notifier);
    g_free(ctx);
}

const struct loop own_loop = {"own loop", own_loop_open, own_loop_run, own_loop_close};
