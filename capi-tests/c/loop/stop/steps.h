/*
 * Running a traced thread to any instruction of a call: by steps, or by a breakpoint register.
 *
 * The thread marks the begin and the end of what is stepped through with mark(), a SIGSTOP to
 * itself that its tracer swallows: nothing can block that signal. Nobody marks without a
 * tracer.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef STOP_STEPS_H
#define STOP_STEPS_H

#include <elf.h>
#include <stddef.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>

#include "../context.h"

static inline int thread_id(void)
{
    return (int)syscall(SYS_gettid);
}

static inline void mark(void)
{
    syscall(SYS_tgkill, getpid(), thread_id(), SIGSTOP);
}

enum how {
    STOPPED, /* at the place that was asked for */
    ENDED,   /* stopped at the mark behind the call */
    BLOCKED, /* asleep in a system call, not stopped */
    GONE,    /* the thread has ended */
    REFUSED, /* tracing is not allowed */
};

struct place {
    enum how how;
    int steps;
    uintptr_t at;
};

/* Where the call has been, step by step, when it was last traced. */
enum { LONGEST = 200000 };
static uintptr_t *path;
static int path_steps;

/* A signal that stopped the thread and that it is to have at the next resumption. */
static int held_back;

static uintptr_t program_counter(int thread)
{
    struct user_regs_struct registers;
    struct iovec area = {&registers, sizeof(registers)};

    if (ptrace(PTRACE_GETREGSET, thread, (void *)NT_PRSTATUS, &area) < 0) {
        return 0;
    }
#if defined(__x86_64__)
    return registers.rip;
#elif defined(__i386__)
    return (uintptr_t)registers.eip;
#else
    return registers.pc;
#endif
}

/* Whether the instruction is a system call, which may sleep. */
static int is_system_call(int thread, uintptr_t at)
{
    unsigned long word = (unsigned long)ptrace(PTRACE_PEEKTEXT, thread, (void *)at, NULL);

#if defined(__x86_64__) || defined(__i386__)
    /* syscall, sysenter, int 0x80. */
    return (word & 0xffff) == 0x050f || (word & 0xffff) == 0x340f || (word & 0xffff) == 0x80cd;
#else
    return (word & 0xffffffff) == 0xd4000001;
#endif
}

/* A file on a thread of any process; -1 if it has ended. */
static int open_state(int process, int thread, const char *what)
{
    char name[64];

    snprintf(name, sizeof(name), "/proc/%d/task/%d/%s", process, thread, what);
    return open(name, O_RDONLY | O_CLOEXEC);
}

/* A thread's state as a letter, X for one that has ended. */
static char state_of(int fd)
{
    char text[512], *end;
    ssize_t n = pread(fd, text, sizeof(text) - 1, 0);

    if (n <= 0) {
        return 'X';
    }
    text[n] = '\0';
    end = strrchr(text, ')');
    CHECK(end != NULL);
    return end[2];
}

/* So often in a row a thread must be seen asleep to count as blocked. */
enum { ASLEEP_FOR_GOOD = 100 };

/* Waits for the next stop; false if the thread sleeps in a system call instead. */
static bool next_stop(int process, int thread, int *status)
{
    int asleep = 0, turns, fd = -1;

    for (turns = 0; asleep < ASLEEP_FOR_GOOD; turns++) {
        if (waitpid(thread, status, __WALL | WNOHANG) != 0) {
            break;
        }
        if (turns > 20) {
            fd = fd < 0 ? open_state(process, thread, "stat") : fd;
            asleep = state_of(fd) == 'S' ? asleep + 1 : 0;
        }
        sched_yield();
    }
    if (fd >= 0) {
        close(fd);
    }
    return asleep < ASLEEP_FOR_GOOD;
}

static bool is_mark(int status)
{
    return WIFSTOPPED(status) && WSTOPSIG(status) == SIGSTOP && status >> 16 == 0;
}

/* Notes a signal that is the thread's own business. */
static void hold_back(int status)
{
    if (WSTOPSIG(status) != SIGTRAP && WSTOPSIG(status) != SIGSTOP) {
        held_back = WSTOPSIG(status);
    }
}

static void resume(int thread, int request)
{
    int signal_number = held_back;

    held_back = 0;
    ptrace(request, thread, NULL, (void *)(intptr_t)signal_number);
}

/* Lets the thread run to its next mark. */
static enum how run_to_mark(int thread)
{
    int status;

    for (;;) {
        if (waitpid(thread, &status, __WALL) != thread || !WIFSTOPPED(status)) {
            return GONE;
        }
        if (is_mark(status)) {
            return ENDED;
        }
        hold_back(status);
        resume(thread, PTRACE_CONT);
    }
}

static struct place place_of(int thread, enum how how, int steps)
{
    struct place place = {how, steps, 0};

    if (how == STOPPED) {
        place.at = program_counter(thread);
    }
    return place;
}

/* Makes steps, at most so many, and notes the path if told to. */
static struct place step(int process, int thread, int steps, bool note)
{
    int made, status;

    for (made = 0; made < steps; made++) {
        uintptr_t at = program_counter(thread);
        bool may_sleep = is_system_call(thread, at);

        if (note) {
            path[made] = at;
            path_steps = made;
        }
        resume(thread, PTRACE_SINGLESTEP);
        if (may_sleep) {
            if (!next_stop(process, thread, &status)) {
                return place_of(thread, BLOCKED, made);
            }
        } else if (waitpid(thread, &status, __WALL) != thread) {
            return place_of(thread, GONE, made);
        }
        if (!WIFSTOPPED(status)) {
            return place_of(thread, GONE, made);
        }
        if (is_mark(status)) {
            return place_of(thread, ENDED, made);
        }
        hold_back(status);
    }
    return place_of(thread, STOPPED, made);
}

#ifdef __x86_64__
static bool set_breakpoint(int thread, uintptr_t at, long control)
{
    void *address = (void *)offsetof(struct user, u_debugreg[0]);
    void *enable = (void *)offsetof(struct user, u_debugreg[7]);

    return ptrace(PTRACE_POKEUSER, thread, address, (void *)at) == 0 &&
           ptrace(PTRACE_POKEUSER, thread, enable, (void *)control) == 0;
}

/* Runs to the step by a breakpoint of this thread alone; false if that is no gain. */
static bool jump(int process, int thread, int steps, struct place *place)
{
    int times = 0, i, status;

    for (i = 0; i < steps; i++) {
        times += path[i] == path[steps];
    }
    /* A step takes half as long as a breakpoint. At the first instruction it would be hit now.
     */
    if (steps > path_steps || 2 * (times + 1) >= steps || path[0] == path[steps] ||
        !set_breakpoint(thread, path[steps], 1)) {
        return false;
    }
    *place = place_of(thread, GONE, steps);
    for (i = 0; i <= times; i++) {
        resume(thread, PTRACE_CONT);
        for (;;) {
            if (!next_stop(process, thread, &status)) {
                place->how = BLOCKED;
                return true;
            }
            if (!WIFSTOPPED(status)) {
                return true;
            }
            if (is_mark(status)) {
                set_breakpoint(thread, 0, 0);
                place->how = ENDED;
                return true;
            }
            if (WSTOPSIG(status) == SIGTRAP) {
                break;
            }
            hold_back(status);
            resume(thread, PTRACE_CONT);
        }
    }
    set_breakpoint(thread, 0, 0);
    *place = place_of(thread, STOPPED, steps);
    return true;
}
#else
static bool jump(int process, int thread, int steps, struct place *place)
{
    (void)process, (void)thread, (void)steps, (void)place;
    return false;
}
#endif

/* From the mark to the step. */
static struct place go_to(int process, int thread, int steps)
{
    struct place place;

    if (steps > 0 && jump(process, thread, steps, &place)) {
        return place;
    }
    return step(process, thread, steps, false);
}

/* Whether a step's trap is still to come, which would kill a thread that nobody traces. */
static bool expects_trap(int thread)
{
    struct __ptrace_peeksiginfo_args first = {0, 0, 1};
    siginfo_t info;

    return ptrace(PTRACE_PEEKSIGINFO, thread, &first, &info) == 1 && info.si_signo == SIGTRAP;
}

/* Gets a blocked thread to stop, and forgets its step and its breakpoint. */
static void interrupt(int thread)
{
    int status;

    ptrace(PTRACE_INTERRUPT, thread, NULL, NULL);
    while (waitpid(thread, &status, __WALL) == thread && WIFSTOPPED(status)) {
        hold_back(status);
        if (!expects_trap(thread)) {
            break;
        }
        ptrace(PTRACE_CONT, thread, NULL, NULL);
    }
#ifdef __x86_64__
    set_breakpoint(thread, 0, 0);
#endif
}

#endif /* STOP_STEPS_H */
