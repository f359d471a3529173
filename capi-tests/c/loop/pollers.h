/*
 * Threads that poll a context in their different ways, and count their turns.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef POLLERS_H
#define POLLERS_H

#include "context.h"

/*
 * aio_poll(); GLib; a loop of the program's own that has work of its own, and one that runs the
 * context's bottom halves and timers as well.
 */
enum kind { OURS, GLIB, OWN, OWN_THAT_SERVES, KINDS };

static const char *const kind_names[KINDS] = {"aio_poll", "GLib", "own loop",
                                              "own loop that serves"};

struct poller {
    AioContext *ctx;
    enum kind kind;
    bool reads_itself; /* an own loop empties the notifier itself, not by aio_notify_accept() */
    GMainContext *main_context;
    pthread_t thread;
    int tid, turns, stop, ended;
    /* The own loop's work: what it has been given, and what it has seen of it. */
    int given, done;
};

static inline int timeout_in_ms(int64_t ns)
{
    return ns < 0 ? -1 : (int)((ns + SCALE_MS - 1) / SCALE_MS);
}

static inline void poll_by_own_loop(struct poller *poller)
{
    AioContext *ctx = poller->ctx;
    struct pollfd fd = {event_notifier_get_fd(&ctx->notifier), POLLIN, 0};
    int timeout = -1, ready;

    loop_begin(ctx);
    if (poller->kind == OWN_THAT_SERVES) {
        timeout = timeout_in_ms(aio_compute_timeout(ctx));
    }
    if (load(&poller->given) != load(&poller->done) || load(&poller->stop)) {
        timeout = 0;
    }
    ready = poll(&fd, 1, timeout);
    CHECK(ready >= 0 || errno == EINTR);
    __atomic_fetch_sub(&ctx->notify_me, 2, __ATOMIC_SEQ_CST);
    if (!poller->reads_itself) {
        aio_notify_accept(ctx);
    } else if (ready > 0) {
        event_notifier_test_and_clear(&ctx->notifier);
    }
    store(&poller->done, load(&poller->given));
    if (poller->kind == OWN_THAT_SERVES) {
        aio_context_acquire(ctx);
        aio_bh_poll(ctx);
        timerlistgroup_run_timers(&ctx->tlg);
        aio_context_release(ctx);
    }
}

static inline void *keep_polling(void *opaque)
{
    struct poller *poller = opaque;

    store(&poller->tid, own_tid());
    while (!load(&poller->stop)) {
        switch (poller->kind) {
        case OURS:
            aio_poll(poller->ctx, true);
            break;
        case GLIB:
            g_main_context_iteration(poller->main_context, TRUE);
            break;
        default:
            poll_by_own_loop(poller);
        }
        __atomic_add_fetch(&poller->turns, 1, __ATOMIC_SEQ_CST);
    }
    store(&poller->ended, 1);
    return NULL;
}

/* Only one poller of a context can be GLib. */
static inline void poller_new(struct poller *poller, AioContext *ctx, enum kind kind)
{
    memset(poller, 0, sizeof(*poller));
    poller->ctx = ctx;
    poller->kind = kind;
    if (kind == GLIB) {
        GSource *source = aio_get_g_source(ctx);

        poller->main_context = g_main_context_new();
        CHECK(g_source_attach(source, poller->main_context) > 0);
        g_source_unref(source);
    }
    poller->thread = start(keep_polling, poller);
}

/* Ends it, however many others there are: somebody is woken again and again until it is. */
static inline void poller_free(struct poller *poller)
{
    QEMUBH *bh = aio_bh_new(poller->ctx, do_nothing, NULL);

    store(&poller->stop, 1);
    while (!load(&poller->ended)) {
        qemu_bh_schedule(bh);
        aio_notify(poller->ctx);
        sched_yield();
    }
    join(poller->thread);
    qemu_bh_delete(bh);
    if (poller->kind == GLIB) {
        g_source_destroy(&poller->ctx->source);
        g_main_context_unref(poller->main_context);
    }
}

/* How often the thread has gone to sleep. */
static inline long sleeps_of(const struct poller *poller)
{
    static const char words[] = "voluntary_ctxt_switches:";
    char name[64], line[256];
    long count = -1;
    FILE *file;

    snprintf(name, sizeof(name), "/proc/self/task/%d/status", poller->tid);
    file = fopen(name, "r");
    CHECK(file != NULL);
    while (fgets(line, sizeof(line), file) != NULL) {
        if (strncmp(line, words, sizeof(words) - 1) == 0) {
            count = atol(line + sizeof(words) - 1);
        }
    }
    fclose(file);
    CHECK(count >= 0);
    return count;
}

/* Waits until the poller sleeps with nothing to do; returns how often it has gone to sleep. */
static inline long wait_until_at_rest(const struct poller *poller)
{
    long before, after = -1;
    int turns = load((int *)&poller->turns), i;

    while (load((int *)&poller->tid) == 0) {
        sched_yield();
    }
    do {
        wait_for_poller(poller->ctx);
        before = after;
        for (i = 0; i < 10; i++) {
            while (!is_asleep(poller->tid)) {
                if (load((int *)&poller->turns) - turns > 100000) {
                    fprintf(stderr, "%s: busy loop: %s\n", check_current,
                            kind_names[poller->kind]);
                    exit(1);
                }
                sched_yield();
            }
        }
        after = sleeps_of(poller);
    } while (after != before);
    return after;
}

#endif /* POLLERS_H */
