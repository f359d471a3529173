/*
 * What the programs about timers share: a program whose time is its own, QEMU_CLOCK_VIRTUAL by
 * cpu_get_clock() and QEMU_CLOCK_HOST by a clock_gettime() in the C library's place; and a list
 * of timers that note when they run.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef TIMERS_H
#define TIMERS_H

#include <sys/syscall.h>
#include <time.h>

#include "context.h"

/* What the library imports from the program, with the reference's prototypes. */
int64_t cpu_get_clock(void);
int64_t cpu_get_icount(void);
extern int use_icount;
void qemu_notify_event(void);
void qemu_clock_warp(QEMUClockType type);

static int64_t guest_time, host_time;
static int events, warps;

int use_icount;

int64_t cpu_get_clock(void)
{
    return __atomic_load_n(&guest_time, __ATOMIC_SEQ_CST);
}

int64_t cpu_get_icount(void)
{
    return 4711;
}

void qemu_notify_event(void)
{
    __atomic_add_fetch(&events, 1, __ATOMIC_SEQ_CST);
}

void qemu_clock_warp(QEMUClockType type)
{
    CHECK_EQ(type, QEMU_CLOCK_VIRTUAL);
    __atomic_add_fetch(&warps, 1, __ATOMIC_SEQ_CST);
}

int clock_gettime(clockid_t clock, struct timespec *time)
{
    if (clock == CLOCK_REALTIME && host_time != 0) {
        time->tv_sec = host_time / NANOSECONDS_PER_SECOND;
        time->tv_nsec = host_time % NANOSECONDS_PER_SECOND;
        return 0;
    }
    return (int)syscall(SYS_clock_gettime, clock, time);
}

static inline void letter_ran(void *letter)
{
    ran_add(*(char *)letter);
}

/* What has run since the last such check, a letter for each timer. */
#define CHECK_RAN_SINCE(expected)                                                              \
    do {                                                                                       \
        CHECK_RAN(expected);                                                                   \
        ran_clear();                                                                           \
    } while (0)

/* How often a list has called its notify callback. */
static int notified;

static char letters[] = "abcdefgh";
enum { TIMERS = sizeof(letters) - 1 };

/* A list on the guest's clock with some timers, each with a letter. */
struct fixture {
    QEMUTimerList *list;
    QEMUTimer timers[TIMERS];
};

static inline void fixture_init(struct fixture *f)
{
    int i;

    guest_time = 0;
    notified = 0;
    ran_clear();
    /* The old contents do not matter. */
    memset(f, 0xa5, sizeof(*f));
    f->list = timerlist_new(QEMU_CLOCK_VIRTUAL, count_run, &notified);
    for (i = 0; i < TIMERS; i++) {
        timer_init_tl(&f->timers[i], f->list, SCALE_US, letter_ran, &letters[i]);
    }
}

static inline void fixture_free(struct fixture *f)
{
    int i;

    for (i = 0; i < TIMERS; i++) {
        timer_del(&f->timers[i]);
        timer_deinit(&f->timers[i]);
    }
    timerlist_free(f->list);
}

#endif /* TIMERS_H */
