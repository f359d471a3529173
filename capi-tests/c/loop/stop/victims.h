/*
 * The list of the calls that a thread is stopped in, with what they allow to happen meanwhile.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef STOP_VICTIMS_H
#define STOP_VICTIMS_H

#include "calls.h"

enum {
    /* Takes a lock of the context's: others may have to wait for it, asleep. */
    LOCKS = 1,
    /* The same beside GLib only. */
    LOCKS_BESIDE_GLIB = 2,
    /* Has no cancellation point. */
    NO_CANCELLATION_POINT = 4,
    /* Begins while the poller runs a callback, which ends once the thread is suspended. */
    POLLER_BUSY = 8,
    /* Takes a lock that has nothing to do with the context. */
    LOCKS_ELSEWHERE = 32,
    /* Needs a context and a pool that have not been used. */
    FRESH = 64,
    /* The context's lock is held at its begin; it is released once the thread is suspended. */
    CONTENDED = 128,
    /* The thread is a worker of the pool, which calls nothing. */
    OF_WORKER = 16,
};

struct victim {
    const char *name;
    int flags;
    /* Before the call, in the director's thread; may be NULL. */
    void (*prepare)(void);
    void (*call)(void);
    /* While the call is suspended; may be NULL. */
    void (*meanwhile)(void);
    /* When it has returned, or has been cancelled. */
    void (*check)(void);
};

/* clang-format off */
static const struct victim victims[] = {
    {"aio_notify", NO_CANCELLATION_POINT, NULL, call_notify, NULL, check_note},
    {"aio_notify-busy", NO_CANCELLATION_POINT | POLLER_BUSY, NULL, call_notify_only, NULL,
     check_nothing},
    {"qemu_bh_schedule", NO_CANCELLATION_POINT, NULL, call_schedule, NULL, check_once},
    {"qemu_bh_schedule-busy", NO_CANCELLATION_POINT | POLLER_BUSY, NULL, call_schedule, NULL,
     check_once},
    {"qemu_bh_schedule-shared", NO_CANCELLATION_POINT, NULL, call_schedule, schedule_the_same,
     check_once_or_twice},
    {"qemu_bh_schedule-shared-busy", NO_CANCELLATION_POINT | POLLER_BUSY, NULL, call_schedule,
     schedule_the_same, check_once_or_twice},
    {"qemu_bh_schedule_idle", NO_CANCELLATION_POINT, NULL, call_schedule_idle, NULL, check_idle},
    {"qemu_bh_schedule_idle-shared", NO_CANCELLATION_POINT, NULL, call_schedule_idle,
     schedule_the_same, check_once_or_twice},
    {"qemu_bh_cancel", NO_CANCELLATION_POINT, NULL, call_cancel, NULL, check_at_most_once},
    {"qemu_bh_cancel-shared", NO_CANCELLATION_POINT, NULL, call_cancel, schedule_the_same,
     check_at_most_once},
    {"qemu_bh_cancel-scheduled", NO_CANCELLATION_POINT, NULL, call_schedule_and_cancel, NULL,
     check_at_most_once},
    {"qemu_bh_cancel-busy", NO_CANCELLATION_POINT | POLLER_BUSY, NULL, call_schedule_and_cancel,
     NULL, check_at_most_once},
    {"qemu_bh_cancel-rescheduled", NO_CANCELLATION_POINT | POLLER_BUSY, NULL,
     call_cancel_and_schedule, NULL, check_once_or_twice},
    {"qemu_bh_delete", NO_CANCELLATION_POINT, NULL, call_delete, NULL, check_deleted},
    {"qemu_bh_delete-scheduled", NO_CANCELLATION_POINT, NULL, call_schedule_and_delete, NULL,
     check_deleted},
    {"qemu_bh_delete-busy", NO_CANCELLATION_POINT | POLLER_BUSY, NULL, call_schedule_and_delete,
     NULL, check_deleted},
    {"timer_mod", LOCKS | NO_CANCELLATION_POINT, NULL, call_arm, NULL, check_fired},
    {"timer_mod-armed", LOCKS | NO_CANCELLATION_POINT, NULL, call_move, NULL, check_fired},
    {"timer_del", LOCKS | NO_CANCELLATION_POINT, NULL, call_disarm, NULL, check_not_fired},
    {"aio_set_fd_handler-set", LOCKS, remove_handler, call_set_handler, put_to_handler,
     check_handler_runs},
    {"aio_set_fd_handler-replace", LOCKS, set_former, call_set_handler, put_to_handler,
     check_handler_runs},
    {"aio_set_fd_handler-remove", LOCKS, set_former, call_remove_handler, put_to_handler,
     check_handler_is_removed},
    {"thread_pool_submit_aio", LOCKS, let_workers_sleep, call_submit, NULL, check_completed},
    {"thread_pool_submit_aio-first", LOCKS | FRESH, NULL, call_submit, NULL, check_completed},
    {"completion", LOCKS | OF_WORKER, let_workers_sleep, call_of_worker, NULL, check_completed},
    {"aio_context_ref", LOCKS_BESIDE_GLIB | NO_CANCELLATION_POINT, NULL, call_reference, NULL,
     check_nothing},
    {"aio_context_acquire", LOCKS, NULL, call_acquire, NULL, check_nothing},
    {"aio_context_acquire-contended", LOCKS | CONTENDED, NULL, call_acquire, NULL, check_nothing},
    {"rfifolock_lock", LOCKS_ELSEWHERE, NULL, call_lock, NULL, check_nothing},
};
/* clang-format on */

enum { VICTIMS = sizeof(victims) / sizeof(victims[0]) };

#endif /* STOP_VICTIMS_H */
