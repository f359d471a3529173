/*
 * A loop under a kernel that refuses epoll_pwait2, or watching a descriptor by epoll.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <sys/epoll.h>

#include "../refuse.h"
#include "turns.h"

static AioContext *ctx;
static GMainContext *main_context;

/* A pipe with a handler that must run only when there is something to read. */
struct watched {
    struct ends ends;
    int runs, vain;
};

static void on_readable(void *opaque)
{
    struct watched *watched = opaque;

    if (!is_readable(watched->ends.read)) {
        watched->vain++;
        return;
    }
    take(watched->ends.read);
    store(&watched->runs, watched->runs + 1);
}

static void watch(struct watched *watched)
{
    watched->ends = pipe_new();
    watched->runs = watched->vain = 0;
    aio_set_fd_handler(ctx, watched->ends.read, on_readable, NULL, watched);
}

static void unwatch(struct watched *watched)
{
    aio_set_fd_handler(ctx, watched->ends.read, NULL, NULL, NULL);
    pipe_free(watched->ends);
}

/* One turn of aio_poll or of GLib. */
static void turn(void)
{
    if (main_context != NULL) {
        g_main_context_iteration(main_context, TRUE);
    } else {
        aio_poll(ctx, true);
    }
}

static int turns_until(int ms)
{
    return main_context != NULL ? turns_of_glib_until_timer(main_context, ctx, ms)
                                : turns_until_timer(ctx, ms);
}

static void *put_when_asleep(void *watched)
{
    wait_for_poller(ctx);
    put(((struct watched *)watched)->ends.write);
    return NULL;
}

static void *schedule_when_asleep(void *bh)
{
    wait_for_poller(ctx);
    qemu_bh_schedule(bh);
    return NULL;
}

#ifdef SYS_epoll_pwait2

static void child_without_pwait2(void *error)
{
    struct watched watched;
    pthread_t thread;
    int runs = 0, i;
    QEMUBH *bh;

    refuse(SYS_epoll_pwait2, *(int *)error);
    ctx = context_new();
    watch(&watched);
    for (i = 0; i < 3; i++) {
        check_turns(turns_until(50), 4);
    }
    /* A timer far away, so that each sleep has an end. */
    timer_mod(aio_timer_new(ctx, QEMU_CLOCK_REALTIME, SCALE_MS, count_run, &runs),
              qemu_clock_get_ms(QEMU_CLOCK_REALTIME) + 3600 * 1000);
    bh = aio_bh_new(ctx, count_run, &runs);
    for (i = 0; i < 20; i++) {
        int turns = 0;

        thread = start(put_when_asleep, &watched);
        while (watched.runs <= i) {
            turn();
            turns++;
        }
        join(thread);
        thread = start(schedule_when_asleep, bh);
        while (runs <= i) {
            turn();
            turns++;
        }
        join(thread);
        check_turns(turns, 8);
    }
    CHECK_EQ(watched.vain, 0);
}

static void aio_poll_makes_no_busy_loop_without_epoll_pwait2(void)
{
    int errors[] = {EPERM, ENOSYS, EACCES, EINVAL}, i;

    for (i = 0; i < 4; i++) {
        CHECK(messages_of_child(child_without_pwait2, &errors[i]) <= 1);
    }
}

#endif

static void from_a_main_loop(void)
{
    main_context = g_main_context_new();
    CHECK(g_source_attach(&ctx->source, main_context) > 0);
}

/* Two descriptors that epoll refuses, beside one that it has accepted before. */
enum { PIPES = 3 };

static int runs_of(struct watched *pipes)
{
    int runs = 0, i;

    for (i = 0; i < PIPES; i++) {
        CHECK_EQ(pipes[i].vain, 0);
        runs += pipes[i].runs;
    }
    return runs;
}

/* A sleep that is cut to 10 ms now and again is no busy loop. */
static void check_nothing_runs(struct watched *pipes, int runs)
{
    struct run_time begin = run_begin();
    int turns = turns_until(100);

    check_turns(turns, run_periods(begin) + 5);
    CHECK_EQ(runs_of(pipes), runs);
}

static void use_what_epoll_refuses(int error)
{
    struct watched pipes[PIPES];
    pthread_t thread;
    int i;

    watch(&pipes[0]);
    check_turns(turns_until(10), 5);
    refuse_second(SYS_epoll_ctl, EPOLL_CTL_ADD, error);
    watch(&pipes[1]);
    watch(&pipes[2]);
    check_nothing_runs(pipes, 0);
    for (i = 0; i < PIPES; i++) {
        int turns = 0;

        put(pipes[i].ends.write);
        while (pipes[i].runs == 0) {
            turn();
            turns++;
        }
        check_turns(turns, 5);
    }
    CHECK_EQ(runs_of(pipes), PIPES);
    for (i = 0; i < PIPES; i++) {
        thread = start(put_when_asleep, &pipes[i]);
        while (pipes[i].runs == 1) {
            turn();
        }
        join(thread);
    }
    check_nothing_runs(pipes, 2 * PIPES);
    /* Replaced, one watches for something else; removed, for nothing. */
    aio_set_fd_handler(ctx, pipes[1].ends.read, NULL, on_readable, &pipes[1]);
    put(pipes[1].ends.write);
    CHECK_EQ(aio_poll(ctx, false), false);
    aio_set_fd_handler(ctx, pipes[1].ends.read, on_readable, NULL, &pipes[1]);
    CHECK_EQ(aio_poll(ctx, false), true);
    check_nothing_runs(pipes, 2 * PIPES + 1);
    for (i = 0; i < PIPES; i++) {
        put(pipes[i].ends.write);
        unwatch(&pipes[i]);
    }
    check_nothing_runs(pipes, 2 * PIPES + 1);
}

static void child_polls(void *error)
{
    ctx = context_new();
    use_what_epoll_refuses(*(int *)error);
}

static void child_iterates(void *error)
{
    ctx = context_new();
    from_a_main_loop();
    use_what_epoll_refuses(*(int *)error);
}

/* EPERM: descriptors that are always ready, say a regular file's; a filter may give it, too. */
static int errors[] = {ENOSPC, ENOMEM, EPERM};

/* A system without room is logged once; descriptors that are always ready are not. */
static int messages_for(int error)
{
    return error == EPERM ? 0 : 1;
}

static void aio_set_fd_handler_polls_what_epoll_refuses(void)
{
    int i;

    for (i = 0; i < 3; i++) {
        CHECK_EQ(messages_of_child(child_polls, &errors[i]), messages_for(errors[i]));
    }
}

static void aio_set_fd_handler_polls_what_epoll_refuses_under_glib(void)
{
    int i;

    for (i = 0; i < 3; i++) {
        CHECK_EQ(messages_of_child(child_iterates, &errors[i]), messages_for(errors[i]));
    }
}

/* Alone beside the set, so that nothing else has the loop look at what is open. */
static void child_closes_what_epoll_refuses(void *error)
{
    struct watched watched;

    ctx = context_new();
    CHECK_EQ(aio_poll(ctx, false), false);
    refuse_second(SYS_epoll_ctl, EPOLL_CTL_ADD, *(int *)error);
    watch(&watched);
    close(watched.ends.read);
    check_turns(turns_until(50), 5);
    CHECK_EQ(watched.runs + watched.vain, 0);
}

static void aio_poll_drops_what_epoll_refuses_once_it_is_closed(void)
{
    int i;

    for (i = 0; i < 3; i++) {
        CHECK_EQ(messages_of_child(child_closes_what_epoll_refuses, &errors[i]),
                 messages_for(errors[i]) + 1);
    }
}

/* One thread waits in aio_poll for what epoll refuses when another one registers it. */
static int sleeper, sleeper_turns;

static void *poll_until_run(void *opaque)
{
    struct watched *watched = opaque;

    store(&sleeper, own_tid());
    while (load(&watched->runs) == 0) {
        aio_poll(ctx, true);
        __atomic_add_fetch(&sleeper_turns, 1, __ATOMIC_SEQ_CST);
    }
    return NULL;
}

static void wait_until_it_sleeps(void)
{
    do {
        wait_for_poller(ctx);
        CHECK(load(&sleeper_turns) < 1000);
    } while (!is_asleep(load(&sleeper)));
}

static void child_registers_for_a_sleeper(void *error)
{
    struct watched watched = {{-1, -1}, 0, 0};
    struct run_time begin = run_begin();
    struct timespec moment = {0, 20000000};
    pthread_t thread;

    ctx = context_new();
    aio_poll(ctx, false);
    thread = start(poll_until_run, &watched);
    wait_until_it_sleeps();
    refuse_second(SYS_epoll_ctl, EPOLL_CTL_ADD, *(int *)error);
    watch(&watched);
    /* Long enough for one that does not sleep to turn thousands of times. */
    nanosleep(&moment, NULL);
    wait_until_it_sleeps();
    put(watched.ends.write);
    join(thread);
    CHECK_EQ(watched.vain, 0);
    check_turns(sleeper_turns, run_periods(begin) + 5);
}

static void aio_set_fd_handler_has_sleepers_poll_what_epoll_refuses(void)
{
    int i;

    for (i = 0; i < 3; i++) {
        CHECK_EQ(messages_of_child(child_registers_for_a_sleeper, &errors[i]),
                 messages_for(errors[i]));
    }
}

int main(void)
{
    init_clocks();
#ifdef SYS_epoll_pwait2
    RUN_ON_KERNEL(aio_poll_makes_no_busy_loop_without_epoll_pwait2);
#endif
    RUN_ON_KERNEL(aio_set_fd_handler_polls_what_epoll_refuses);
    RUN_ON_KERNEL(aio_set_fd_handler_polls_what_epoll_refuses_under_glib);
    RUN_ON_KERNEL(aio_poll_drops_what_epoll_refuses_once_it_is_closed);
    RUN_ON_KERNEL(aio_set_fd_handler_has_sleepers_poll_what_epoll_refuses);
    return 0;
}
