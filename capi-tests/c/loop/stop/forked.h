/*
 * A forked child that is killed at any instruction of a call on the context that it has
 * inherited, or of its first own: the parent's loop goes on as if there had been no child.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef STOP_FORKED_H
#define STOP_FORKED_H

#include "suspend.h"

struct forked_call {
    const char *name;
    void (*call)(void);
};

static void child_polls(void)
{
    qemu_bh_schedule(own.bh);
    aio_poll(ctx, false);
}

static void child_sleeps(void)
{
    qemu_bh_schedule(own.bh);
    timer_mod(own.timer, 0);
    aio_poll(ctx, true);
}

static void child_removes_handler(void)
{
    aio_set_fd_handler(ctx, others.descriptor.ends.read, NULL, NULL, NULL);
}

static void child_frees(void)
{
    aio_context_unref(ctx);
}

static void child_makes_another(void)
{
    AioContext *another = context_new();

    aio_poll(another, false);
    aio_context_unref(another);
}

static void child_forks(void)
{
    aio_poll(ctx, false);
    if (fork() == 0) {
        /* Nobody stops this one: it might take what the parent is given to read. */
        child_removes_handler();
        aio_poll(ctx, false);
        _exit(0);
    }
}

static const struct forked_call forked_calls[] = {
    {"a child in aio_notify", call_notify_only},
    {"a child in qemu_bh_schedule", call_schedule},
    {"a child in aio_poll", child_polls},
    {"a child in a blocking aio_poll", child_sleeps},
    {"a child in timer_mod", call_arm},
    {"a child in aio_set_fd_handler, setting", call_set_handler},
    {"a child in aio_set_fd_handler, removing", child_removes_handler},
    {"a child in thread_pool_submit_aio", call_submit},
    {"a child in aio_context_acquire", call_acquire},
    {"a child in aio_context_unref", child_frees},
    {"a child in aio_context_new", child_makes_another},
    {"a child that forks", child_forks},
};

enum { FORKED_CALLS = sizeof(forked_calls) / sizeof(forked_calls[0]) };

static const struct forked_call *forked;

/* With the pollers outside the library; returns the child, at its mark. */
static int fork_stopped(void)
{
    int child;

    fflush(NULL);
    child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        ptrace(PTRACE_TRACEME, 0, NULL, NULL);
        mark();
        forked->call();
        mark();
        _exit(0);
    }
    CHECK_EQ(run_to_mark(child), ENDED);
    return child;
}

static void end_child(int child)
{
    kill(child, SIGKILL);
    while (waitpid(child, NULL, __WALL) != child || waitpid(child, NULL, __WALL) == child) {
    }
}

static void parent_is_served(int rounds)
{
    int i;

    for (i = 0; i < rounds; i++) {
        round_of_others(true);
    }
    rest();
}

/* Forks, kills the child after so many steps, or traces it to its end. */
static int kill_after(int steps, int rounds, bool trace)
{
    int process, runs;

    forget_runs();
    park_all(true);
    runs = load(&others.bottom_half.runs);
    qemu_bh_schedule(others.bh);
    process = fork_stopped();
    if (trace) {
        suspended = step(process, process, LONGEST, true);
        if (suspended.how != ENDED) {
            fail("the child hangs");
        }
    } else {
        suspended = go_to(process, process, steps);
    }
    stimulus();
    park_all(false);
    wait_served(&others.bottom_half.runs, runs + 1, 1, "what was scheduled before the fork");
    parent_is_served(rounds);
    end_child(process);
    stimulus();
    call_submit();
    check_completed();
    parent_is_served(rounds);
    return suspended.steps;
}

static struct result kill_everywhere(int most, int rounds)
{
    struct result result = {0};
    int steps, count;

    path = calloc(LONGEST + 1, sizeof(*path));
    CHECK(path != NULL);
    scene_new();
    stopped_in = forked->name;
    call_submit();
    check_completed();
    /* What the parent's loop has done by then is the same for all children. */
    kill_after(0, rounds, false);
    kill_after(0, rounds, false);
    count = kill_after(0, rounds, true);
    for (steps = 0; steps <= count; steps += 1 + count / most) {
        check_watchdog();
        kill_after(steps, rounds, false);
        result.places++;
        result.reached += suspended.how == STOPPED;
    }
    scene_free();
    free(path);
    return result;
}

#endif /* STOP_FORKED_H */
