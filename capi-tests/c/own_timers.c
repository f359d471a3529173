/*
 * A program's own clocks and timers, with the reference's prototypes: the part of own_program.c
 * that is behind qemu/timer.h.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "block/aio.h"
#include "qemu/timer.h"

#ifdef __cplusplus
extern "C" {
#endif

struct QEMUTimerList {
    QEMUClockType type;
    QEMUTimer *active;
    QEMUTimerListNotifyCB *cb;
    void *opaque;
};

struct Notifier {
    void (*notify)(Notifier *notifier, void *data);
};

QEMUTimerListGroup main_loop_tlg;

static QEMUTimerList the_list;
static Notifier *the_notifier;

void init_clocks(void)
{
    main_loop_tlg.tl[QEMU_CLOCK_REALTIME] = &the_list;
}

/* A time that tells the clocks apart. */
int64_t qemu_clock_get_ns(QEMUClockType type)
{
    return 1234567891234 * ((int64_t)type + 1);
}

bool qemu_clock_has_timers(QEMUClockType type)
{
    return timerlist_has_timers(main_loop_tlg.tl[type]);
}

bool qemu_clock_expired(QEMUClockType type)
{
    return timerlist_expired(main_loop_tlg.tl[type]);
}

bool qemu_clock_use_for_deadline(QEMUClockType type)
{
    return type != QEMU_CLOCK_VIRTUAL;
}

int64_t qemu_clock_deadline_ns_all(QEMUClockType type)
{
    return timerlist_deadline_ns(main_loop_tlg.tl[type]);
}

QEMUTimerList *qemu_clock_get_main_loop_timerlist(QEMUClockType type)
{
    return main_loop_tlg.tl[type];
}

void qemu_clock_notify(QEMUClockType type)
{
    timerlist_notify(main_loop_tlg.tl[type]);
}

void qemu_clock_enable(QEMUClockType type, bool enabled)
{
    main_loop_tlg.tl[type] = enabled ? &the_list : NULL;
}

void qemu_clock_register_reset_notifier(QEMUClockType type, Notifier *notifier)
{
    the_notifier = type == QEMU_CLOCK_HOST ? notifier : NULL;
}

void qemu_clock_unregister_reset_notifier(QEMUClockType type, Notifier *notifier)
{
    the_notifier = type == QEMU_CLOCK_HOST && notifier == the_notifier ? NULL : the_notifier;
}

bool qemu_clock_run_timers(QEMUClockType type)
{
    return timerlist_run_timers(main_loop_tlg.tl[type]);
}

bool qemu_clock_run_all_timers(void)
{
    return timerlistgroup_run_timers(&main_loop_tlg);
}

QEMUTimerList *timerlist_new(QEMUClockType type, QEMUTimerListNotifyCB *cb, void *opaque)
{
    the_list.type = type;
    the_list.cb = cb;
    the_list.opaque = opaque;
    return &the_list;
}

void timerlist_free(QEMUTimerList *timer_list)
{
    timer_list->active = NULL;
}

bool timerlist_has_timers(QEMUTimerList *timer_list)
{
    return timer_list->active != NULL;
}

bool timerlist_expired(QEMUTimerList *timer_list)
{
    return timerlist_deadline_ns(timer_list) == 0;
}

int64_t timerlist_deadline_ns(QEMUTimerList *timer_list)
{
    return timer_list->active != NULL ? timer_list->active->expire_time : -1;
}

QEMUClockType timerlist_get_clock(QEMUTimerList *timer_list)
{
    return timer_list->type;
}

bool timerlist_run_timers(QEMUTimerList *timer_list)
{
    timer_list->active->cb(timer_list->active->opaque);
    return true;
}

void timerlist_notify(QEMUTimerList *timer_list)
{
    timer_list->cb(timer_list->opaque);
}

void timerlistgroup_init(QEMUTimerListGroup *tlg, QEMUTimerListNotifyCB *cb, void *opaque)
{
    tlg->tl[QEMU_CLOCK_REALTIME] = timerlist_new(QEMU_CLOCK_REALTIME, cb, opaque);
}

void timerlistgroup_deinit(QEMUTimerListGroup *tlg)
{
    timerlist_free(tlg->tl[QEMU_CLOCK_REALTIME]);
}

bool timerlistgroup_run_timers(QEMUTimerListGroup *tlg)
{
    return timerlist_run_timers(tlg->tl[QEMU_CLOCK_REALTIME]);
}

int64_t timerlistgroup_deadline_ns(QEMUTimerListGroup *tlg)
{
    return timerlist_deadline_ns(tlg->tl[QEMU_CLOCK_REALTIME]);
}

void timer_init_tl(QEMUTimer *ts, QEMUTimerList *timer_list, int scale, QEMUTimerCB *cb,
                   void *opaque)
{
    ts->timer_list = timer_list;
    ts->cb = cb;
    ts->opaque = opaque;
    ts->scale = scale;
    ts->expire_time = -1;
}

void timer_deinit(QEMUTimer *ts)
{
    ts->timer_list = NULL;
}

void timer_free(QEMUTimer *ts)
{
    g_free(ts);
}

void timer_del(QEMUTimer *ts)
{
    ts->expire_time = -1;
}

void timer_mod_ns(QEMUTimer *ts, int64_t expire_time)
{
    ts->expire_time = expire_time;
}

void timer_mod_anticipate_ns(QEMUTimer *ts, int64_t expire_time)
{
    ts->expire_time = qemu_soonest_timeout(ts->expire_time, expire_time);
}

void timer_mod(QEMUTimer *ts, int64_t expire_time)
{
    timer_mod_ns(ts, expire_time * ts->scale);
}

void timer_mod_anticipate(QEMUTimer *ts, int64_t expire_time)
{
    timer_mod_anticipate_ns(ts, expire_time * ts->scale);
}

bool timer_pending(QEMUTimer *ts)
{
    return ts->expire_time >= 0;
}

bool timer_expired(QEMUTimer *timer_head, int64_t current_time)
{
    return timer_head->expire_time <= current_time * timer_head->scale;
}

uint64_t timer_expire_time_ns(QEMUTimer *ts)
{
    return (uint64_t)ts->expire_time;
}

int qemu_timeout_ns_to_ms(int64_t ns)
{
    return (int)(ns / SCALE_MS);
}

int qemu_poll_ns(GPollFD *fds, guint nfds, int64_t timeout)
{
    return (int)g_poll(fds, nfds, qemu_timeout_ns_to_ms(timeout));
}

#ifdef __cplusplus
}
#endif
