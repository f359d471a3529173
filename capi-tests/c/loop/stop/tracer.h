/*
 * The tracer: a child process that suspends one thread of its parent, while the others run.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef STOP_TRACER_H
#define STOP_TRACER_H

#include <sys/prctl.h>

#include "steps.h"

enum order_kind {
    SEIZE,   /* trace this thread; it runs on */
    TRACE,   /* from its mark, note its path to the end of the call; it stays there */
    GO,      /* from its mark, so many steps; it stays there */
    WALK,    /* the same, but step by step, which is slow */
    FINISH,  /* let it end the call and run on */
    RELEASE, /* let it run on without a tracer */
};

struct order {
    enum order_kind kind;
    int thread, steps;
};

static int orders = -1, answers = -1;

static struct place obey(int process, const struct order *order)
{
    static struct place last;
    int status;

    switch (order->kind) {
    case SEIZE:
        held_back = 0;
        /* Those that have ended since. */
        while (waitpid(-1, &status, __WALL | WNOHANG) > 0) {
        }
        if (ptrace(PTRACE_SEIZE, order->thread, NULL, NULL) < 0) {
            return (struct place){REFUSED, errno, 0};
        }
        return (struct place){STOPPED, 0, 0};
    case TRACE:
        last = place_of(order->thread, run_to_mark(order->thread), 0);
        if (last.how == ENDED) {
            last = step(process, order->thread, LONGEST, true);
        }
        return last;
    case GO:
    case WALK:
        last = place_of(order->thread, run_to_mark(order->thread), 0);
        if (last.how == ENDED) {
            last = order->kind == GO ? go_to(process, order->thread, order->steps)
                                     : step(process, order->thread, order->steps, false);
        }
        return last;
    case FINISH:
        if (last.how == BLOCKED) {
            interrupt(order->thread);
        }
        if (last.how != ENDED && last.how != GONE) {
            resume(order->thread, PTRACE_CONT);
            last.how = run_to_mark(order->thread);
        }
        resume(order->thread, PTRACE_CONT);
        return last;
    default:
        if (last.how == BLOCKED) {
            interrupt(order->thread);
        }
        ptrace(PTRACE_DETACH, order->thread, NULL, NULL);
        return last;
    }
}

static void serve_orders(int process, int from, int to)
{
    struct order order;
    struct place place;

    path = calloc(LONGEST + 1, sizeof(*path));
    while (path != NULL && read(from, &order, sizeof(order)) == sizeof(order)) {
        place = obey(process, &order);
        if (write(to, &place, sizeof(place)) != sizeof(place)) {
            break;
        }
    }
    _exit(0);
}

/* The first of the allowed processors: a step is fastest where tracer and thread share one. */
static void share_processor(void)
{
    cpu_set_t allowed, one;
    int i;

    CHECK_EQ(sched_getaffinity(0, sizeof(allowed), &allowed), 0);
    for (i = 0; !CPU_ISSET(i, &allowed); i++) {
    }
    CPU_ZERO(&one);
    CPU_SET(i, &one);
    CHECK_EQ(sched_setaffinity(0, sizeof(one), &one), 0);
}

/* Before there are other threads. */
static void tracer_start(void)
{
    int there[2], back[2], process = getpid();
    pid_t child;

    CHECK_EQ(pipe2(there, O_CLOEXEC), 0);
    CHECK_EQ(pipe2(back, O_CLOEXEC), 0);
    fflush(NULL);
    child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        share_processor();
        close(there[1]);
        close(back[0]);
        serve_orders(process, there[0], back[1]);
    }
    close(there[0]);
    close(back[1]);
    /* Where Yama forbids to trace a parent. */
    prctl(PR_SET_PTRACER, child);
    orders = there[1];
    answers = back[0];
}

static struct place tell(enum order_kind kind, int thread, int steps)
{
    struct order order = {kind, thread, steps};
    struct place place;
    ssize_t n;

    CHECK_EQ(write(orders, &order, sizeof(order)), sizeof(order));
    while ((n = read(answers, &place, sizeof(place))) < 0 && errno == EINTR) {
    }
    CHECK_EQ(n, sizeof(place));
    return place;
}

#endif /* STOP_TRACER_H */
