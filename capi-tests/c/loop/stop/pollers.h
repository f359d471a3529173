/*
 * The threads that poll one context, and what they owe: to sleep when there is nothing to do,
 * and to return in vain a few times at most.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef STOP_POLLERS_H
#define STOP_POLLERS_H

#include <dlfcn.h>
#include <stdarg.h>

#include "steps.h"

enum poller_kind {
    NOBODY,
    POLLS,        /* in aio_poll() */
    POLLS_NESTED, /* in aio_poll() with the lock held, which sleeping then does not give up */
    ITERATES,     /* GLib's main loop */
    FOREIGN,      /* a loop of the program's own, which accepts */
    FOREIGN_TAKES /* the same, which empties the notifier itself */
};

/* Notes to the pollers, which look at them whenever they come out of their poll. */
enum { OF_OTHERS, OF_VICTIM, NOTES };
static int notes[NOTES];

struct poller {
    enum poller_kind kind;
    pthread_t thread;
    /* Of the thread that polls; 0 before it runs, and when it has left. */
    int tid, left, parked;
    /* Its files in /proc: its state, and the system call that it sleeps in. */
    int state, in_call;
    /* Returns, those with nothing run, and the numbers of the last notes that it has seen. */
    int turns, vain, seen[NOTES];
    /* vain at the last stimulus, and before the call. */
    int vain_before, vain_at_begin;
};

enum { POLLERS = 2 };
static struct poller pollers[POLLERS];

static AioContext *ctx;
static GMainContext *main_context;
static int stopping, parking;

/* Callbacks that this thread has run since it last looked. */
static __thread int ran_here;

/* What is being done, for the messages. */
static const char *stopped_in = "none", *with_pollers = "none";
static struct place suspended;
static int stimuli;

/* A single figure is what a poller may return in vain for. */
enum { FEW = 9 };

static void __attribute__((noreturn, format(printf, 1, 2))) fail(const char *format, ...)
{
    Dl_info where = {0};
    va_list arguments;
    int i;

    fprintf(stderr, "%s, %s, after %d steps", stopped_in, with_pollers, suspended.steps);
    if (suspended.at != 0 && dladdr((void *)suspended.at, &where) != 0 &&
        where.dli_fname != NULL) {
        fprintf(stderr, " (%s+%#lx)", where.dli_fname,
                (unsigned long)(suspended.at - (uintptr_t)where.dli_fbase));
    }
    fprintf(stderr, ": ");
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    for (i = 0; i < POLLERS && pollers[i].kind != NOBODY; i++) {
        fprintf(stderr, "; poller %d: %d turns, %d in vain, state %c", i,
                load(&pollers[i].turns), load(&pollers[i].vain), state_of(pollers[i].state));
    }
    fprintf(stderr, "; notify_me %u, notified %d\n", ctx->notify_me, ctx->notified);
    exit(1);
}

static bool is_foreign(const struct poller *poller)
{
    return poller->kind == FOREIGN || poller->kind == FOREIGN_TAKES;
}

static bool has_seen_all(const struct poller *poller)
{
    return load(&notes[OF_OTHERS]) == poller->seen[OF_OTHERS] &&
           load(&notes[OF_VICTIM]) == poller->seen[OF_VICTIM];
}

static void see_all(struct poller *poller)
{
    int i;

    for (i = 0; i < NOTES; i++) {
        store(&poller->seen[i], load(&notes[i]));
    }
}

static void foreign_turn(struct poller *poller)
{
    struct pollfd fd = {event_notifier_get_fd(&ctx->notifier), POLLIN, 0};

    loop_begin(ctx);
    if (has_seen_all(poller) && !load(&stopping)) {
        CHECK(poll(&fd, 1, -1) >= 0 || errno == EINTR);
    }
    __atomic_fetch_sub(&ctx->notify_me, 2, __ATOMIC_SEQ_CST);
    if (poller->kind == FOREIGN) {
        aio_notify_accept(ctx);
    } else {
        event_notifier_test_and_clear(&ctx->notifier);
    }
}

static void poller_turn(struct poller *poller)
{
    switch (poller->kind) {
    case POLLS:
        aio_poll(ctx, true);
        break;
    case POLLS_NESTED:
        aio_context_acquire(ctx);
        aio_poll(ctx, true);
        aio_context_release(ctx);
        break;
    case ITERATES:
        g_main_context_iteration(main_context, TRUE);
        break;
    default:
        foreign_turn(poller);
    }
}

/* Outside the library until it is let go on. */
static void park(struct poller *poller)
{
    store(&poller->parked, 1);
    while (load(&parking)) {
        sched_yield();
    }
    store(&poller->parked, 0);
}

static void *poller_run(void *opaque)
{
    struct poller *poller = opaque;

    store(&poller->tid, thread_id());
    while (!load(&stopping)) {
        ran_here = 0;
        poller_turn(poller);
        if (ran_here == 0 && has_seen_all(poller)) {
            store(&poller->vain, poller->vain + 1);
        }
        see_all(poller);
        store(&poller->turns, poller->turns + 1);
        if (load(&parking)) {
            park(poller);
        }
    }
    store(&poller->left, 1);
    return NULL;
}

static void poller_start(struct poller *poller, enum poller_kind kind)
{
    memset(poller, 0, sizeof(*poller));
    poller->kind = kind;
    see_all(poller);
    poller->thread = start(poller_run, poller);
    wait_until_at_least(&poller->tid, 1);
    poller->state = open_state(getpid(), poller->tid, "stat");
    poller->in_call = open_state(getpid(), poller->tid, "syscall");
}

static QEMUBH *waking;

/* Wakes all pollers by all means. */
static void wake_all(void)
{
    qemu_bh_schedule(waking);
    aio_notify(ctx);
    event_notifier_set(&ctx->notifier);
    if (main_context != NULL) {
        g_main_context_wakeup(main_context);
    }
    sched_yield();
}

static void poller_stop(struct poller *poller)
{
    store(&stopping, 1);
    while (!load(&poller->left)) {
        wake_all();
    }
    join(poller->thread);
    close(poller->state);
    close(poller->in_call);
}

/* Has all pollers outside the library, or lets them go on. */
static void park_all(bool park_them)
{
    int i;

    store(&parking, park_them);
    for (i = 0; i < POLLERS && pollers[i].kind != NOBODY; i++) {
        while (load(&pollers[i].parked) != park_them) {
            if (park_them) {
                wake_all();
            }
            sched_yield();
        }
    }
}

/* Another thread that may have to wait for a lock: asleep, or done. */
static int helper_state = -1;

/* Whether all threads but this one sleep, workers that nobody knows included. */
static bool whole_process_is_asleep(void)
{
    DIR *folder = opendir("/proc/self/task");
    struct dirent *entry;
    bool asleep = true;

    CHECK(folder != NULL);
    while (asleep && (entry = readdir(folder)) != NULL) {
        int thread = atoi(entry->d_name), fd;

        if (thread != 0 && thread != thread_id()) {
            fd = open_state(getpid(), thread, "stat");
            asleep = fd < 0 || state_of(fd) == 'S';
            close(fd);
        }
    }
    closedir(folder);
    return asleep;
}

static bool all_asleep(void)
{
    int i;

    for (i = 0; i < POLLERS && pollers[i].kind != NOBODY; i++) {
        if (state_of(pollers[i].state) != 'S') {
            return false;
        }
    }
    return helper_state < 0 || state_of(helper_state) == 'S';
}

/* Whether the poller waits for a lock; where the kernel does not say, it might. */
static bool waits_for_lock(const struct poller *poller)
{
    char text[256];
    ssize_t n = pread(poller->in_call, text, sizeof(text) - 1, 0);

    if (n <= 0) {
        return true;
    }
    text[n] = '\0';
    return strtol(text, NULL, 10) == SYS_futex;
}

static long all_turns(void)
{
    long turns = 0;
    int i;

    for (i = 0; i < POLLERS; i++) {
        turns += load(&pollers[i].turns);
    }
    return turns;
}

/* From here on pollers have a reason to wake. */
static void stimulus(void)
{
    int i;

    stimuli++;
    for (i = 0; i < POLLERS; i++) {
        pollers[i].vain_before = load(&pollers[i].vain);
    }
}

static void check_turns(void)
{
    int i;

    for (i = 0; i < POLLERS && pollers[i].kind != NOBODY; i++) {
        if (load(&pollers[i].vain) - pollers[i].vain_before > FEW) {
            fail("poller %d returns in vain", i);
        }
    }
}

enum {
    SAMPLES = 5,             /* so often seen asleep, the pollers are at rest */
    SAMPLES_OF_LOSS = 300,   /* the same, to say that work has been lost */
    SAMPLES_OF_REST = 100000 /* without rest they are busy */
};

/* Waits until nobody has anything to do. */
static void rest(void)
{
    int asleep = 0, i;
    long turns = all_turns();

    for (i = 0; asleep < SAMPLES; i++) {
        check_turns();
        if (i > SAMPLES_OF_REST) {
            fail("no rest%s", helper_state >= 0 && state_of(helper_state) != 'S'
                                  ? " for one that waits for a lock"
                                  : "");
        }
        asleep = all_asleep() && turns == all_turns() ? asleep + 1 : 0;
        turns = all_turns();
        sched_yield();
    }
}

/*
 * Waits until the count is there. With all asleep it will never be; up to 10 ms of sleep are
 * allowed for an idle bottom half, which is many more samples.
 */
static void wait_served(int *count, int target, int patience, const char *what)
{
    int asleep = 0, i;

    for (i = 0; load(count) < target; i++) {
        long turns = all_turns();

        check_turns();
        sched_yield();
        if (i > 20) {
            asleep = all_asleep() && turns == all_turns() ? asleep + 1 : 0;
        }
        if (asleep > SAMPLES_OF_LOSS * patience && load(count) < target) {
            fail("%s is not served: %d of %d", what, load(count), target);
        }
        if (i > SAMPLES_OF_REST * patience) {
            fail("%s is not served, but nobody sleeps: %d of %d", what, load(count), target);
        }
    }
}

#endif /* STOP_POLLERS_H */
