/*
 * Timers and lists that several threads use at once, and the child of a process where they do.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "timers.h"

/* A thread in a notify callback, and another one that frees the list. */
static int notifying, may_notify, freed, freer_tid;

static void stay_in_notification(void *unused)
{
    (void)unused;
    if (!load(&may_notify)) {
        store(&notifying, 1);
        wait_until_at_least(&may_notify, 1);
    }
}

static void *notify_clock(void *unused)
{
    qemu_clock_notify(QEMU_CLOCK_VIRTUAL_RT);
    return unused;
}

static void *free_the_list(void *list)
{
    store(&freer_tid, own_tid());
    timerlist_free(list);
    CHECK_EQ(load(&may_notify), 1);
    store(&freed, 1);
    return NULL;
}

static void timerlist_free_waits_for_notifications(void)
{
    QEMUTimerList *list = timerlist_new(QEMU_CLOCK_VIRTUAL_RT, stay_in_notification, NULL);
    pthread_t notifier, freer;

    notifier = start(notify_clock, NULL);
    wait_until_at_least(&notifying, 1);
    freer = start(free_the_list, list);
    wait_until_at_least(&freer_tid, 1);
    while (!load(&freed) && !is_asleep(load(&freer_tid))) {
        sched_yield();
    }
    CHECK_EQ(load(&freed), 0);
    store(&may_notify, 1);
    join(freer);
    join(notifier);
}

/* A thread that keeps changing a clock's lists while the process forks. */
enum { LISTS = 500 };

static int stop_changing, rounds_of_changes;

static void *change_lists(void *unused)
{
    while (!load(&stop_changing)) {
        QEMUTimerList *list = timerlist_new(QEMU_CLOCK_VIRTUAL, count_run, &notified);

        qemu_clock_deadline_ns_all(QEMU_CLOCK_VIRTUAL);
        timerlist_free(list);
        __atomic_add_fetch(&rounds_of_changes, 1, __ATOMIC_SEQ_CST);
    }
    return unused;
}

static void child_uses_the_clock(void *opaque)
{
    QEMUTimerList **lists = opaque;
    QEMUTimerListGroup group;
    QEMUTimer timer;
    int i;

    timerlistgroup_init(&group, count_run, &notified);
    timer_init_tl(&timer, group.tl[QEMU_CLOCK_VIRTUAL], SCALE_NS, letter_ran, &letters[0]);
    timer_mod_ns(&timer, 3);
    CHECK_EQ(qemu_clock_deadline_ns_all(QEMU_CLOCK_VIRTUAL), 3);
    guest_time = 3;
    CHECK_EQ(timerlistgroup_run_timers(&group), true);
    CHECK_RAN_SINCE("a");
    for (i = 0; i < LISTS; i++) {
        timerlist_free(lists[i]);
    }
    CHECK_EQ(qemu_clock_deadline_ns_all(QEMU_CLOCK_VIRTUAL), -1);
    timerlistgroup_deinit(&group);
    qemu_clock_get_ns(QEMU_CLOCK_HOST);
}

static void fork_beside_changes_of_lists_leaves_a_child_with_clocks(void)
{
    static QEMUTimerList *lists[LISTS];
    pthread_t thread;
    int i;

    guest_time = 0;
    for (i = 0; i < LISTS; i++) {
        lists[i] = timerlist_new(QEMU_CLOCK_VIRTUAL, count_run, &notified);
    }
    thread = start(change_lists, NULL);
    for (i = 0; i < check_often(200); i++) {
        int before = load(&rounds_of_changes);

        check_child_of_threads_succeeds(child_uses_the_clock, lists);
        wait_until_at_least(&rounds_of_changes, before + 1);
    }
    store(&stop_changing, 1);
    join(thread);
    for (i = 0; i < LISTS; i++) {
        timerlist_free(lists[i]);
    }
}

/* Threads that arm and disarm the timers that another one runs. */
#define ROUNDS check_often(20000)

static int armed_count, ran_count, finished;

static void *arm_and_disarm(void *opaque)
{
    QEMUTimer *own = opaque;
    int i;

    for (i = 0; i < ROUNDS; i++) {
        timer_mod_ns(own, i % 3);
        __atomic_add_fetch(&armed_count, 1, __ATOMIC_SEQ_CST);
        if (i % 4 == 0) {
            timer_del(own);
            CHECK_EQ(timer_pending(own), false);
        } else {
            timer_mod_anticipate_ns(own, 0);
            while (timer_pending(own)) {
                sched_yield();
            }
        }
    }
    __atomic_add_fetch(&finished, 1, __ATOMIC_SEQ_CST);
    return NULL;
}

static void timer_mod_in_threads_arms_what_another_runs(void)
{
    struct fixture f;
    pthread_t threads[2];
    int i;

    fixture_init(&f);
    guest_time = 5;
    for (i = 0; i < 2; i++) {
        timer_init_tl(&f.timers[i], f.list, SCALE_NS, count_run, &ran_count);
        threads[i] = start(arm_and_disarm, &f.timers[i]);
    }
    while (load(&finished) < 2) {
        if (!timerlist_run_timers(f.list)) {
            sched_yield();
        }
    }
    for (i = 0; i < 2; i++) {
        join(threads[i]);
    }
    CHECK_EQ(armed_count, 2 * ROUNDS);
    /* All that were not disarmed ran; one may run before it can be anticipated or disarmed, and
     * then once more. */
    CHECK(ran_count >= armed_count - armed_count / 4 - 2);
    CHECK(ran_count <= 2 * armed_count);
    CHECK_EQ(timerlist_has_timers(f.list), false);
    fixture_free(&f);
}

int main(void)
{
    init_clocks();
    RUN(timerlist_free_waits_for_notifications);
    RUN_WITH_FORK_SAFE_HEAP(fork_beside_changes_of_lists_leaves_a_child_with_clocks);
    RUN(timer_mod_in_threads_arms_what_another_runs);
    return 0;
}
