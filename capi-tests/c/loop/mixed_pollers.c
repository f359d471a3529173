/*
 * Contexts with several pollers of different kinds: whatever there is to do some poller does,
 * and none is busy without work.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <stdarg.h>

#include "fork.h"
#include "pollers.h"
#include "served.h"

enum { MOST_POLLERS = 4 };

static AioContext *ctx;

/* Each row is a context's pollers; the first looks at descriptors, which an own loop cannot. */
static const struct mixture {
    const char *name;
    int count;
    enum kind kinds[MOST_POLLERS];
} mixtures[] = {
    {"two aio_poll", 2, {OURS, OURS}},
    {"aio_poll, GLib", 2, {OURS, GLIB}},
    {"aio_poll, own loop", 2, {OURS, OWN}},
    {"GLib, own loop", 2, {GLIB, OWN}},
    {"GLib, own loop that serves", 2, {GLIB, OWN_THAT_SERVES}},
    {"four aio_poll", 4, {OURS, OURS, OURS, OURS}},
    {"two aio_poll, GLib, own loop", 4, {OURS, OURS, GLIB, OWN}},
    {"two aio_poll, GLib, own loop that serves", 4, {OURS, OURS, GLIB, OWN_THAT_SERVES}},
    {"aio_poll, GLib, both own loops", 4, {OURS, GLIB, OWN, OWN_THAT_SERVES}},
};

enum { MIXTURES = sizeof(mixtures) / sizeof(mixtures[0]) };

static struct poller pollers[MOST_POLLERS];
static const struct mixture *mixture;

static void pollers_new(const char *name, const struct mixture *which)
{
    int i;

    check_at("%s: %s", name, which->name);
    check_watchdog();
    mixture = which;
    ctx = context_new();
    for (i = 0; i < which->count; i++) {
        poller_new(&pollers[i], ctx, which->kinds[i]);
    }
}

static void pollers_free(void)
{
    int i;

    for (i = 0; i < mixture->count; i++) {
        poller_free(&pollers[i]);
    }
    CHECK_EQ(ctx->notify_me, 0);
    CHECK_EQ(lock_queue(ctx), 0);
    aio_context_unref(ctx);
}

static void wait_until_all_at_rest(void)
{
    int i;

    for (i = 0; i < mixture->count; i++) {
        wait_until_at_rest(&pollers[i]);
    }
}

static int all_turns(void)
{
    int total = 0, i;

    for (i = 0; i < mixture->count; i++) {
        total += load(&pollers[i].turns);
    }
    return total;
}

/* Each piece of work may wake every poller. */
static void check_all_turns(int before, int work)
{
    check_turns(all_turns() - before, work * mixture->count);
}

/* Threads that each schedule a bottom half of their own and wait for each run. */
static void qemu_bh_schedule_is_served_by_some_poller(void)
{
    enum { SCHEDULERS = 2 };
    int i, j, before;

    for (i = 0; i < MIXTURES; i++) {
        struct steps steps[SCHEDULERS];
        pthread_t threads[SCHEDULERS];
        int wanted = repeats(500, 20000);

        pollers_new(__func__, &mixtures[i]);
        wait_until_all_at_rest();
        before = all_turns();
        for (j = 0; j < SCHEDULERS; j++) {
            steps[j] = (struct steps){.ctx = ctx, .wanted = wanted, .give = give_bottom_half};
            steps[j].bh = aio_bh_new(ctx, count_step, &steps[j]);
            threads[j] = start(give_steps, &steps[j]);
        }
        for (j = 0; j < SCHEDULERS; j++) {
            join(threads[j]);
            CHECK_EQ(load(&steps[j].done), wanted);
        }
        wait_until_all_at_rest();
        check_all_turns(before, SCHEDULERS * wanted);
        pollers_free();
    }
}

/* A timer that is armed from outside, one at a time, and one that arms itself again. */
struct periodic {
    QEMUTimer *timer;
    int wanted, fired;
};

static void fire_again(void *opaque)
{
    struct periodic *periodic = opaque;

    if (__atomic_add_fetch(&periodic->fired, 1, __ATOMIC_SEQ_CST) < periodic->wanted) {
        timer_mod(periodic->timer, qemu_clock_get_ns(QEMU_CLOCK_REALTIME) + SCALE_MS);
    }
}

static void timer_mod_is_served_by_some_poller(void)
{
    int i, n, before;

    for (i = 0; i < MIXTURES; i++) {
        struct periodic periodic = {.wanted = repeats(30, 1000)};
        int fired = 0;
        QEMUTimer *timer;

        pollers_new(__func__, &mixtures[i]);
        timer = aio_timer_new(ctx, QEMU_CLOCK_REALTIME, SCALE_NS, count_fired, &fired);
        periodic.timer =
            aio_timer_new(ctx, QEMU_CLOCK_REALTIME, SCALE_NS, fire_again, &periodic);
        wait_until_all_at_rest();
        before = all_turns();
        for (n = 1; n <= 10; n++) {
            timer_mod(timer, qemu_clock_get_ns(QEMU_CLOCK_REALTIME) + 3 * SCALE_MS);
            wait_until_at_least(&fired, n);
        }
        timer_mod(periodic.timer, qemu_clock_get_ns(QEMU_CLOCK_REALTIME) + SCALE_MS);
        wait_until_at_least(&periodic.fired, periodic.wanted);
        wait_until_all_at_rest();
        check_all_turns(before, 10 + periodic.wanted);
        timer_free(timer);
        timer_free(periodic.timer);
        pollers_free();
    }
}

/* Handlers that are set and removed again while all pollers sleep; each byte is seen. */
static void aio_set_fd_handler_is_served_by_some_poller(void)
{
    enum { PIPES = 4 };
    int i, j, n, before, rounds = repeats(50, 2000);

    for (i = 0; i < MIXTURES; i++) {
        struct ends ends[PIPES];
        struct steps takers[PIPES];

        pollers_new(__func__, &mixtures[i]);
        for (j = 0; j < PIPES; j++) {
            ends[j] = pipe_new();
            takers[j] = (struct steps){.fd = ends[j].read};
        }
        wait_until_all_at_rest();
        before = all_turns();
        for (n = 1; n <= rounds; n++) {
            for (j = 0; j < PIPES; j++) {
                aio_set_fd_handler(ctx, ends[j].read, take_step, NULL, &takers[j]);
            }
            for (j = 0; j < PIPES; j++) {
                put(ends[j].write);
            }
            for (j = 0; j < PIPES; j++) {
                wait_until_at_least(&takers[j].done, n);
            }
            for (j = n % 2; j < PIPES; j += 2) {
                aio_set_fd_handler(ctx, ends[j].read, NULL, NULL, NULL);
            }
        }
        wait_until_all_at_rest();
        /* Up to 3 changes and a byte for each. */
        check_all_turns(before, rounds * PIPES * 4);
        for (j = 0; j < PIPES; j++) {
            CHECK_EQ(load(&takers[j].done), rounds);
            aio_set_fd_handler(ctx, ends[j].read, NULL, NULL, NULL);
        }
        pollers_free();
        for (j = 0; j < PIPES; j++) {
            pipe_free(ends[j]);
        }
    }
}

/* A descriptor that is registered with all asleep, replaced by another under the same number.
 */
static void aio_set_fd_handler_for_a_number_used_again_is_served(void)
{
    int i, n, rounds = repeats(50, 1000);

    for (i = 0; i < MIXTURES; i++) {
        int number = fcntl(0, F_DUPFD_CLOEXEC, 100), before;
        struct steps taker = {.fd = number};

        CHECK_EQ(number, 100);
        pollers_new(__func__, &mixtures[i]);
        wait_until_all_at_rest();
        before = all_turns();
        for (n = 1; n <= rounds; n++) {
            struct ends ends = pipe_new();

            CHECK_EQ(dup3(ends.read, number, O_CLOEXEC), number);
            CHECK_EQ(fcntl(number, F_SETFL, O_NONBLOCK), 0);
            close(ends.read);
            aio_set_fd_handler(ctx, number, take_step, NULL, &taker);
            put(ends.write);
            wait_until_at_least(&taker.done, n);
            aio_set_fd_handler(ctx, number, NULL, NULL, NULL);
            close(ends.write);
        }
        wait_until_all_at_rest();
        check_all_turns(before, rounds * 3);
        pollers_free();
        close(number);
    }
}

/* All at once, and the pool, too: each kind of work from a thread of its own. */
static void all_kinds_of_work_are_served_by_some_poller(void)
{
    int i, n, before;

    for (i = 0; i < MIXTURES; i++) {
        int wanted = repeats(200, 5000), worked = 0, done = 0;
        struct periodic periodic = {.wanted = 20};
        struct ends ends = pipe_new();
        struct steps steps[2];
        struct steps taker = {.fd = ends.read};
        pthread_t threads[2];
        ThreadPool *pool;

        pollers_new(__func__, &mixtures[i]);
        pool = aio_get_thread_pool(ctx);
        periodic.timer =
            aio_timer_new(ctx, QEMU_CLOCK_REALTIME, SCALE_NS, fire_again, &periodic);
        aio_set_fd_handler(ctx, ends.read, take_step, NULL, &taker);
        wait_until_all_at_rest();
        before = all_turns();
        for (n = 0; n < 2; n++) {
            steps[n] = (struct steps){.ctx = ctx, .wanted = wanted, .give = give_bottom_half};
            steps[n].bh = aio_bh_new(ctx, count_step, &steps[n]);
            threads[n] = start(give_steps, &steps[n]);
        }
        timer_mod(periodic.timer, qemu_clock_get_ns(QEMU_CLOCK_REALTIME) + SCALE_MS);
        for (n = 1; n <= wanted; n++) {
            put(ends.write);
            if (n % 10 == 0) {
                aio_context_acquire(ctx);
                thread_pool_submit_aio(pool, work_of_pool, &worked, pool_has_done, &done);
                aio_context_release(ctx);
            }
            wait_until_at_least(&taker.done, n);
        }
        wait_until_at_least(&done, wanted / 10);
        wait_until_at_least(&periodic.fired, periodic.wanted);
        join(threads[0]);
        join(threads[1]);
        wait_until_all_at_rest();
        CHECK_EQ(load(&worked), wanted / 10);
        check_all_turns(before, 3 * wanted + periodic.wanted + 4 * (wanted / 10));
        aio_set_fd_handler(ctx, ends.read, NULL, NULL, NULL);
        timer_free(periodic.timer);
        pollers_free();
        pipe_free(ends);
    }
}

/* Nothing but a timer far away and another that comes: nobody looks round without a reason. */
static void aio_poll_beside_others_sleeps(void)
{
    int i, before;

    for (i = 0; i < MIXTURES; i++) {
        int fired = 0;
        QEMUTimer *timer, *far_away;

        pollers_new(__func__, &mixtures[i]);
        timer = aio_timer_new(ctx, QEMU_CLOCK_REALTIME, SCALE_NS, count_fired, &fired);
        far_away = aio_timer_new(ctx, QEMU_CLOCK_REALTIME, SCALE_NS, count_fired, &fired);
        timer_mod(far_away, qemu_clock_get_ns(QEMU_CLOCK_REALTIME) + 100000LL * SCALE_MS);
        /* The event has been full, and has been emptied. */
        aio_notify(ctx);
        qemu_bh_schedule(aio_bh_new(ctx, do_nothing, NULL));
        wait_until_all_at_rest();
        before = all_turns();
        timer_mod(timer, qemu_clock_get_ns(QEMU_CLOCK_REALTIME) + 100 * SCALE_MS);
        wait_until_at_least(&fired, 1);
        wait_until_all_at_rest();
        check_all_turns(before, 2);
        CHECK_EQ(fired, 1);
        timer_free(timer);
        timer_free(far_away);
        pollers_free();
    }
}

/* Idle ones run every 10 ms or so, also where several poll: not in a busy loop. */
static void run_idly(void *opaque)
{
    struct steps *steps = opaque;

    if (__atomic_add_fetch(&steps->done, 1, __ATOMIC_SEQ_CST) < 1000000) {
        qemu_bh_schedule_idle(steps->bh);
    }
}

static void qemu_bh_schedule_idle_beside_others_is_no_busy_loop(void)
{
    int i, before, turns;

    for (i = 0; i < MIXTURES; i++) {
        struct steps steps = {.wanted = 1};
        int fired = 0;
        QEMUTimer *timer;

        pollers_new(__func__, &mixtures[i]);
        timer = aio_timer_new(ctx, QEMU_CLOCK_REALTIME, SCALE_NS, count_fired, &fired);
        steps.bh = aio_bh_new(ctx, run_idly, &steps);
        wait_until_all_at_rest();
        before = all_turns();
        qemu_bh_schedule_idle(steps.bh);
        timer_mod(timer, qemu_clock_get_ns(QEMU_CLOCK_REALTIME) + 200 * SCALE_MS);
        wait_until_at_least(&fired, 1);
        turns = all_turns() - before;
        qemu_bh_delete(steps.bh);
        /* 20 times in 200 ms by each poller. */
        check_turns(load(&steps.done), 20 * mixture->count);
        check_turns(turns, 2 * 20 * mixture->count);
        timer_free(timer);
        pollers_free();
    }
}

int main(int argc, char **argv)
{
    (void)argc;
    init_clocks();
    RUN_NAMED(argv, qemu_bh_schedule_is_served_by_some_poller);
    RUN_NAMED(argv, timer_mod_is_served_by_some_poller);
    RUN_NAMED(argv, aio_set_fd_handler_is_served_by_some_poller);
    RUN_NAMED(argv, aio_set_fd_handler_for_a_number_used_again_is_served);
    RUN_NAMED(argv, all_kinds_of_work_are_served_by_some_poller);
    RUN_NAMED(argv, aio_poll_beside_others_sleeps);
    RUN_NAMED(argv, qemu_bh_schedule_idle_beside_others_is_no_busy_loop);
    return 0;
}
