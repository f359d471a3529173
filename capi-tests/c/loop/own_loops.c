/*
 * Loops of a program's own that raise notify_me themselves, alone and beside aio_poll(), and
 * notifiers that are cancelled.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <stdarg.h>

#include "fork.h"
#include "pollers.h"
#include "served.h"

#define STEPS repeats(2000, 100000)

static AioContext *ctx;

/* With and without aio_compute_timeout(), and with either way of emptying the notifier. */
static const struct own_loop own_loops[] = {
    {false, false}, {false, true}, {true, false}, {true, true}};

enum { OWN_LOOPS = sizeof(own_loops) / sizeof(own_loops[0]) };

static void at(const char *name, const struct own_loop *loop)
{
    check_at("%s: %s, emptied by %s", name,
             loop->asks_for_timeout ? "with aio_compute_timeout" : "without any call",
             loop->reads_itself ? "event_notifier_test_and_clear" : "aio_notify_accept");
}

static void aio_notify_gives_an_own_loop_every_wakeup(void)
{
    int i;

    for (i = 0; i < OWN_LOOPS; i++) {
        at(__func__, &own_loops[i]);
        ctx = context_new();
        own_loop_is_served(ctx, own_loops[i], STEPS);
        CHECK_EQ(ctx->notify_me, 0);
        aio_context_unref(ctx);
    }
}

/* Also once the loop of the library's has slept and been woken. */
static void aio_notify_gives_an_own_loop_every_wakeup_after_aio_poll(void)
{
    int i, round;

    for (i = 0; i < OWN_LOOPS; i++) {
        at(__func__, &own_loops[i]);
        ctx = context_new();
        for (round = 0; round < 5; round++) {
            bottom_halves_are_served(ctx, 10);
            own_loop_is_served(ctx, own_loops[i], STEPS / 20 + 2);
        }
        CHECK_EQ(ctx->notify_me, 0);
        aio_context_unref(ctx);
    }
}

/*
 * Every notification makes the event readable while an own loop is about to sleep, also one
 * that does not find it empty, or that comes again and again.
 */
static void aio_notify_sets_the_event_each_time(void)
{
    int i;

    ctx = context_new();
    loop_begin(ctx);
    for (i = 0; i < 10; i++) {
        aio_notify(ctx);
        CHECK_EQ(is_readable(ctx->notifier.rfd), 1);
        aio_notify(ctx);
        CHECK_EQ(event_notifier_test_and_clear(&ctx->notifier), 1);
        CHECK_EQ(is_readable(ctx->notifier.rfd), 0);
        aio_notify(ctx);
        CHECK_EQ(is_readable(ctx->notifier.rfd), 1);
        aio_notify_accept(ctx);
        CHECK_EQ(is_readable(ctx->notifier.rfd), 0);
    }
    CHECK_EQ(loop_wait(ctx, 0), 0);
    aio_context_unref(ctx);
}

/* A poller of the library's, beside which an own loop has the program's own work. */
static void aio_poll_and_an_own_loop_are_both_served(void)
{
    int i, kind;

    for (i = 0; i < 2 * OWN_LOOPS; i++) {
        const struct own_loop *loop = &own_loops[i / 2];
        struct poller poller;
        struct steps steps = {.wanted = STEPS, .give = give_bottom_half};
        struct steps own_steps = {.wanted = STEPS, .give = give_notification};
        pthread_t threads[2];
        int own_turns = 0;

        kind = i % 2 ? GLIB : OURS;
        at(__func__, loop);
        ctx = context_new();
        steps.ctx = own_steps.ctx = ctx;
        steps.bh = aio_bh_new(ctx, count_step, &steps);
        poller_new(&poller, ctx, (enum kind)kind);
        threads[0] = start(give_steps, &steps);
        threads[1] = start(give_steps, &own_steps);
        for (; load(&own_steps.done) < own_steps.wanted; own_turns++) {
            store(&own_steps.done, own_turn(ctx, *loop, &own_steps));
        }
        join(threads[0]);
        join(threads[1]);
        CHECK_EQ(steps.done, STEPS);
        /*
         * Each notification may wake both. A loop that asks for the timeout does not sleep
         * while a bottom half waits for the other poller.
         */
        if (!loop->asks_for_timeout) {
            check_turns(own_turns, steps.wanted + own_steps.wanted);
        }
        check_turns(load(&poller.turns), steps.wanted + own_steps.wanted);
        poller_free(&poller);
        CHECK_EQ(ctx->notify_me, 0);
        aio_context_unref(ctx);
    }
}

/*
 * The other poller is busy with what is no business of the own loop's, a handler that stays
 * ready. The own loop sleeps: its vain turns are bounded by the notifications, of which there
 * are few.
 */
static void take_one(void *opaque)
{
    struct steps *steps = opaque;
    char byte;

    if (read(steps->fd, &byte, 1) == 1) {
        __atomic_add_fetch(&steps->done, 1, __ATOMIC_SEQ_CST);
    }
}

static void an_own_loop_sleeps_beside(const char *name, enum kind kind)
{
    enum { TIMERS = 20, RUNS = 2000 };
    int reads_itself, i;

    for (reads_itself = 0; reads_itself <= 1; reads_itself++) {
        static const char bytes[RUNS];
        struct ends ends = pipe_new();
        struct steps taker = {.fd = ends.read};
        struct poller own, busy;
        int fired = 0;
        QEMUTimer *timer;

        check_at("%s: %s", name,
                 reads_itself ? "event_notifier_test_and_clear" : "aio_notify_accept");
        ctx = context_new();
        timer = aio_timer_new(ctx, QEMU_CLOCK_REALTIME, SCALE_NS, count_fired, &fired);
        aio_set_fd_handler(ctx, ends.read, take_one, NULL, &taker);
        poller_new(&own, ctx, OWN);
        own.reads_itself = reads_itself;
        poller_new(&busy, ctx, kind);
        /* Notifications of both kinds of sleepers first: the event has been full. */
        for (i = 1; i <= 5; i++) {
            wait_until_at_rest(&own);
            wait_until_at_rest(&busy);
            store(&own.given, i);
            aio_notify(ctx);
            wait_until_at_least(&own.done, i);
        }
        CHECK_EQ(write(ends.write, bytes, RUNS), RUNS);
        wait_until_at_least(&taker.done, RUNS);
        for (i = 1; i <= TIMERS; i++) {
            timer_mod(timer, qemu_clock_get_ns(QEMU_CLOCK_REALTIME) + 2 * SCALE_MS);
            wait_until_at_least(&fired, i);
            put(ends.write);
            wait_until_at_least(&taker.done, RUNS + i);
        }
        wait_until_at_rest(&own);
        check_turns(load(&own.turns), 5 + TIMERS);
        check_turns(load(&busy.turns), RUNS + 5 + 2 * TIMERS);
        poller_free(&own);
        poller_free(&busy);
        aio_set_fd_handler(ctx, ends.read, NULL, NULL, NULL);
        timer_free(timer);
        aio_context_unref(ctx);
        pipe_free(ends);
    }
}

static void aio_poll_leaves_an_own_loop_asleep(void)
{
    an_own_loop_sleeps_beside(__func__, OURS);
}

static void glib_leaves_an_own_loop_asleep(void)
{
    an_own_loop_sleeps_beside(__func__, GLIB);
}

/* Threads that are cancelled as soon as they come to a cancellation point. */
struct cancelled {
    void (*call)(void);
    int returned;
};

static int runs, fired;
static QEMUBH *bh;
static QEMUTimer *timer;

static void call_aio_notify(void)
{
    aio_notify(ctx);
}

static void call_qemu_bh_schedule(void)
{
    qemu_bh_schedule(bh);
}

static void call_timer_mod(void)
{
    timer_mod(timer, 1);
}

static void *call_cancelled(void *opaque)
{
    struct cancelled *cancelled = opaque;

    CHECK_EQ(pthread_cancel(pthread_self()), 0);
    cancelled->call();
    store(&cancelled->returned, 1);
    pthread_testcancel();
    CHECK(!"pthread_testcancel has returned");
    return NULL;
}

static const struct {
    const char *name;
    void (*call)(void);
} calls[] = {
    {"aio_notify", call_aio_notify},
    {"qemu_bh_schedule", call_qemu_bh_schedule},
    {"timer_mod", call_timer_mod},
};

/* The call is no cancellation point, and what others give afterwards is served. */
static void aio_notify_is_no_cancellation_point(void)
{
    int kind, call, i, n;

    for (kind = 0; kind < KINDS; kind++) {
        for (call = 0; call < 3; call++) {
            struct poller poller;

            check_at("%s: %s, %s", __func__, calls[call].name, kind_names[kind]);
            ctx = context_new();
            runs = fired = 0;
            bh = aio_bh_new(ctx, count_fired, &runs);
            timer = aio_timer_new(ctx, QEMU_CLOCK_REALTIME, SCALE_NS, count_fired, &fired);
            poller_new(&poller, ctx, (enum kind)kind);
            for (i = 1; i <= 10; i++) {
                struct cancelled cancelled = {calls[call].call, 0};
                struct steps steps = {.ctx = ctx, .wanted = 4, .give = give_bottom_half};
                pthread_t thread;
                void *result;

                wait_until_at_rest(&poller);
                store(&poller.given, 2 * i - 1);
                thread = start(call_cancelled, &cancelled);
                CHECK_EQ(pthread_join(thread, &result), 0);
                CHECK(result == PTHREAD_CANCELED);
                CHECK_EQ(cancelled.returned, 1);
                if (kind != OWN) {
                    wait_until_at_least(&runs,
                                        calls[call].call == call_qemu_bh_schedule ? i : 0);
                    wait_until_at_least(&fired, calls[call].call == call_timer_mod ? i : 0);
                    steps.bh = aio_bh_new(ctx, count_step, &steps);
                    for (n = 1; n <= 4; n++) {
                        qemu_bh_schedule(steps.bh);
                        wait_until_at_least(&steps.done, n);
                    }
                    qemu_bh_delete(steps.bh);
                } else {
                    wait_until_at_least(&poller.done, 2 * i - 1);
                    store(&poller.given, 2 * i);
                    aio_notify(ctx);
                    wait_until_at_least(&poller.done, 2 * i);
                }
            }
            poller_free(&poller);
            timer_free(timer);
            aio_context_unref(ctx);
        }
    }
}

int main(int argc, char **argv)
{
    (void)argc;
    init_clocks();
    RUN_NAMED(argv, aio_notify_gives_an_own_loop_every_wakeup);
    RUN_NAMED(argv, aio_notify_gives_an_own_loop_every_wakeup_after_aio_poll);
    RUN_NAMED(argv, aio_notify_sets_the_event_each_time);
    RUN_NAMED(argv, aio_poll_and_an_own_loop_are_both_served);
    RUN_NAMED(argv, aio_poll_leaves_an_own_loop_asleep);
    RUN_NAMED(argv, glib_leaves_an_own_loop_asleep);
    RUN_NAMED(argv, aio_notify_is_no_cancellation_point);
    return 0;
}
