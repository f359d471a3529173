/*
 * A program's own clocks and timers: one sorted list for each clock and context.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "own.h"

__thread int own_quiet;

struct own_call own_calls[] = {
    {"timerlistgroup_init", 0},
    {"timerlistgroup_deinit", 0},
    {"timerlistgroup_run_timers", 0},
    {"timerlistgroup_deadline_ns", 0},
    {NULL, 0},
};

QEMUTimerListGroup main_loop_tlg;

struct QEMUTimerList {
    QEMUClockType type;
    QEMUTimer *active;
    QEMUTimerListNotifyCB *cb;
    void *opaque;
};

void init_clocks(void)
{
    int i;

    for (i = 0; i < QEMU_CLOCK_MAX; i++) {
        main_loop_tlg.tl[i] = timerlist_new((QEMUClockType)i, NULL, NULL);
    }
}

int64_t qemu_clock_get_ns(QEMUClockType type)
{
    return type == QEMU_CLOCK_HOST ? get_clock_realtime() : get_clock();
}

QEMUTimerList *timerlist_new(QEMUClockType type, QEMUTimerListNotifyCB *cb, void *opaque)
{
    QEMUTimerList *list = own_alloc(sizeof(*list));

    list->type = type;
    list->cb = cb;
    list->opaque = opaque;
    return list;
}

void timerlist_free(QEMUTimerList *timer_list)
{
    free(timer_list);
}

bool timerlist_has_timers(QEMUTimerList *timer_list)
{
    return timer_list->active != NULL;
}

int64_t timerlist_deadline_ns(QEMUTimerList *timer_list)
{
    int64_t delta;

    if (timer_list->active == NULL) {
        return -1;
    }
    delta = timer_list->active->expire_time - qemu_clock_get_ns(timer_list->type);
    return delta > 0 ? delta : 0;
}

bool timerlist_expired(QEMUTimerList *timer_list)
{
    return timerlist_deadline_ns(timer_list) == 0;
}

QEMUClockType timerlist_get_clock(QEMUTimerList *timer_list)
{
    return timer_list->type;
}

void timerlist_notify(QEMUTimerList *timer_list)
{
    if (timer_list->cb != NULL) {
        timer_list->cb(timer_list->opaque);
    }
}

bool timerlist_run_timers(QEMUTimerList *timer_list)
{
    int64_t now = qemu_clock_get_ns(timer_list->type);
    bool progress = false;

    while (timer_list->active != NULL && timer_list->active->expire_time <= now) {
        QEMUTimer *timer = timer_list->active;

        timer_del(timer);
        timer->cb(timer->opaque);
        progress = true;
    }
    return progress;
}

void timerlistgroup_init(QEMUTimerListGroup *tlg, QEMUTimerListNotifyCB *cb, void *opaque)
{
    int i;

    OWN_CALLED();
    for (i = 0; i < QEMU_CLOCK_MAX; i++) {
        tlg->tl[i] = timerlist_new((QEMUClockType)i, cb, opaque);
    }
}

void timerlistgroup_deinit(QEMUTimerListGroup *tlg)
{
    int i;

    OWN_CALLED();
    for (i = 0; i < QEMU_CLOCK_MAX; i++) {
        timerlist_free(tlg->tl[i]);
    }
}

bool timerlistgroup_run_timers(QEMUTimerListGroup *tlg)
{
    bool progress = false;
    int i;

    OWN_CALLED();
    for (i = 0; i < QEMU_CLOCK_MAX; i++) {
        progress |= timerlist_run_timers(tlg->tl[i]);
    }
    return progress;
}

int64_t timerlistgroup_deadline_ns(QEMUTimerListGroup *tlg)
{
    int64_t deadline = -1;
    int i;

    OWN_CALLED();
    for (i = 0; i < QEMU_CLOCK_MAX; i++) {
        deadline = qemu_soonest_timeout(deadline, timerlist_deadline_ns(tlg->tl[i]));
    }
    return deadline;
}

void timer_init_tl(QEMUTimer *ts, QEMUTimerList *timer_list, int scale, QEMUTimerCB *cb,
                   void *opaque)
{
    *ts = (QEMUTimer){-1, timer_list, cb, opaque, NULL, scale};
}

void timer_deinit(QEMUTimer *ts)
{
    ts->timer_list = NULL;
}

void timer_free(QEMUTimer *ts)
{
    timer_del(ts);
    g_free(ts);
}

void timer_del(QEMUTimer *ts)
{
    QEMUTimer **link = &ts->timer_list->active;

    while (*link != NULL && *link != ts) {
        link = &(*link)->next;
    }
    if (*link != NULL) {
        *link = ts->next;
    }
    ts->expire_time = -1;
}

void timer_mod_ns(QEMUTimer *ts, int64_t expire_time)
{
    QEMUTimer **link = &ts->timer_list->active;

    timer_del(ts);
    while (*link != NULL && (*link)->expire_time <= expire_time) {
        link = &(*link)->next;
    }
    ts->expire_time = expire_time;
    ts->next = *link;
    *link = ts;
    timerlist_notify(ts->timer_list);
}

void timer_mod(QEMUTimer *ts, int64_t expire_time)
{
    timer_mod_ns(ts, expire_time * ts->scale);
}

void timer_mod_anticipate_ns(QEMUTimer *ts, int64_t expire_time)
{
    if (!timer_pending(ts) || expire_time < ts->expire_time) {
        timer_mod_ns(ts, expire_time);
    }
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
    return timer_head != NULL && timer_head->expire_time <= current_time * timer_head->scale;
}

uint64_t timer_expire_time_ns(QEMUTimer *ts)
{
    return (uint64_t)ts->expire_time;
}

int qemu_timeout_ns_to_ms(int64_t ns)
{
    return ns < 0 ? -1 : (int)((ns + SCALE_MS - 1) / SCALE_MS);
}

int qemu_poll_ns(GPollFD *fds, guint nfds, int64_t timeout)
{
    return g_poll(fds, nfds, qemu_timeout_ns_to_ms(timeout));
}

/* What this program has no use for. */

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
    (void)type;
    return true;
}

bool qemu_clock_run_timers(QEMUClockType type)
{
    return timerlist_run_timers(main_loop_tlg.tl[type]);
}

bool qemu_clock_run_all_timers(void)
{
    return timerlistgroup_run_timers(&main_loop_tlg);
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
    (void)type;
    (void)enabled;
}

void qemu_clock_register_reset_notifier(QEMUClockType type, Notifier *notifier)
{
    (void)type;
    (void)notifier;
}

void qemu_clock_unregister_reset_notifier(QEMUClockType type, Notifier *notifier)
{
    (void)type;
    (void)notifier;
}
