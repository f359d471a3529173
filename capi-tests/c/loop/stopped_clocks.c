/*
 * Stopped clocks: their timers wait, and stopping waits for callbacks that run.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "timers.h"

static void qemu_clock_enable_false_stops_timers(void)
{
    struct fixture f;
    QEMUTimerList *other;

    fixture_init(&f);
    other = timerlist_new(QEMU_CLOCK_VIRTUAL, count_run, &notified);
    timer_mod_ns(&f.timers[0], 5);
    CHECK_EQ(qemu_clock_deadline_ns_all(QEMU_CLOCK_VIRTUAL), 5);
    CHECK_EQ(qemu_clock_deadline_ns_all(QEMU_CLOCK_REALTIME), -1);
    guest_time = 7;
    CHECK_EQ(qemu_clock_deadline_ns_all(QEMU_CLOCK_VIRTUAL), 0);
    notified = 0;
    qemu_clock_enable(QEMU_CLOCK_VIRTUAL, false);
    qemu_clock_enable(QEMU_CLOCK_VIRTUAL, false);
    CHECK_EQ(notified, 0);
    CHECK_EQ(timerlist_run_timers(f.list), false);
    CHECK_EQ(timerlist_deadline_ns(f.list), -1);
    CHECK_EQ(qemu_clock_deadline_ns_all(QEMU_CLOCK_VIRTUAL), -1);
    CHECK_EQ(timerlist_has_timers(f.list), true);
    CHECK_EQ(timer_pending(&f.timers[0]), true);
    CHECK_RAN_SINCE("");
    events = 0;
    qemu_clock_enable(QEMU_CLOCK_VIRTUAL, true);
    /* Both lists, and the main loop's. */
    CHECK_EQ(notified, 2);
    CHECK_EQ(events, 1);
    qemu_clock_enable(QEMU_CLOCK_VIRTUAL, true);
    CHECK_EQ(notified, 2);
    qemu_clock_notify(QEMU_CLOCK_VIRTUAL);
    CHECK_EQ(notified, 4);
    CHECK_EQ(timerlist_run_timers(f.list), true);
    CHECK_RAN_SINCE("a");
    timerlist_free(other);
    fixture_free(&f);
}

static void stop_clock(void *letter)
{
    letter_ran(letter);
    qemu_clock_enable(QEMU_CLOCK_VIRTUAL, false);
}

static void qemu_clock_enable_in_a_callback_stops_its_own_clock(void)
{
    struct fixture f;

    fixture_init(&f);
    timer_init_tl(&f.timers[0], f.list, SCALE_NS, stop_clock, &letters[0]);
    timer_mod_ns(&f.timers[0], 0);
    timer_mod_ns(&f.timers[1], 0);
    CHECK_EQ(timerlist_run_timers(f.list), true);
    CHECK_RAN_SINCE("a");
    qemu_clock_enable(QEMU_CLOCK_VIRTUAL, true);
    CHECK_EQ(timerlist_run_timers(f.list), true);
    CHECK_RAN_SINCE("b");
    fixture_free(&f);
}

static int inside, leave, left, stopper_tid, stopped;

static void stay(void *unused)
{
    (void)unused;
    store(&inside, 1);
    wait_until_at_least(&leave, 1);
    store(&left, 1);
}

static void *run_list(void *list)
{
    CHECK_EQ(timerlist_run_timers(list), true);
    return NULL;
}

static void *stop_from_outside(void *unused)
{
    store(&stopper_tid, (int)syscall(SYS_gettid));
    qemu_clock_enable(QEMU_CLOCK_VIRTUAL, false);
    CHECK_EQ(load(&left), 1);
    store(&stopped, 1);
    return unused;
}

static void qemu_clock_enable_waits_for_the_callbacks_of_others(void)
{
    struct fixture f;
    pthread_t runner, stopper;

    fixture_init(&f);
    timer_init_tl(&f.timers[0], f.list, SCALE_NS, stay, NULL);
    timer_mod_ns(&f.timers[0], 0);
    timer_mod_ns(&f.timers[1], 0);
    runner = start(run_list, f.list);
    wait_until_at_least(&inside, 1);
    stopper = start(stop_from_outside, NULL);
    wait_until_at_least(&stopper_tid, 1);
    while (!is_asleep(load(&stopper_tid)) && !load(&stopped)) {
        sched_yield();
    }
    CHECK_EQ(load(&stopped), 0);
    store(&leave, 1);
    join(stopper);
    join(runner);
    /* It did not run the next timer. */
    CHECK_RAN_SINCE("");
    qemu_clock_enable(QEMU_CLOCK_VIRTUAL, true);
    CHECK_EQ(timerlist_run_timers(f.list), true);
    CHECK_RAN_SINCE("b");
    fixture_free(&f);
}

/*
 * A thread in a timer's callback, which stops a clock when told to. Without a list it stops
 * the clock from outside.
 */
struct actor {
    QEMUTimerList *list;
    QEMUClockType stops;
    QEMUTimer timer;
    pthread_t thread;
    int tid, inside, may_stop, has_stopped, may_leave;
};

static void act(void *opaque)
{
    struct actor *actor = opaque;

    store(&actor->tid, (int)syscall(SYS_gettid));
    store(&actor->inside, 1);
    wait_until_at_least(&actor->may_stop, 1);
    if (actor->stops != QEMU_CLOCK_MAX) {
        qemu_clock_enable(actor->stops, false);
    }
    store(&actor->has_stopped, 1);
    wait_until_at_least(&actor->may_leave, 1);
}

static void *run_actor(void *opaque)
{
    struct actor *actor = opaque;

    if (actor->list != NULL) {
        CHECK_EQ(timerlist_run_timers(actor->list), true);
    } else {
        act(actor);
    }
    return NULL;
}

/* Returns when the callback runs; QEMU_CLOCK_MAX stops nothing. */
static void actor_start(struct actor *actor, QEMUTimerList *list, QEMUClockType stops)
{
    memset(actor, 0, sizeof(*actor));
    actor->list = list;
    actor->stops = stops;
    if (list != NULL) {
        timer_init_tl(&actor->timer, list, SCALE_NS, act, actor);
        timer_mod_ns(&actor->timer, 0);
    }
    actor->thread = start(run_actor, actor);
    wait_until_at_least(&actor->inside, 1);
}

/* Makes it stop its clock; returns when it has done so or waits. */
static void actor_stops(struct actor *actor)
{
    store(&actor->may_stop, 1);
    while (!load(&actor->has_stopped) && !is_asleep(load(&actor->tid))) {
        sched_yield();
    }
}

static void actor_leaves(struct actor *actor)
{
    store(&actor->may_stop, 1);
    store(&actor->may_leave, 1);
    join(actor->thread);
    CHECK_EQ(load(&actor->has_stopped), 1);
}

/* A list on each clock. Freeing them restarts the clocks. */
static QEMUTimerList *on_clock[QEMU_CLOCK_MAX];

static void make_list_on_each_clock(void)
{
    int i;

    guest_time = 0;
    for (i = 0; i < QEMU_CLOCK_MAX; i++) {
        on_clock[i] = timerlist_new((QEMUClockType)i, count_run, &notified);
    }
}

static void free_list_on_each_clock(void)
{
    int i;

    for (i = 0; i < QEMU_CLOCK_MAX; i++) {
        qemu_clock_enable((QEMUClockType)i, true);
        timerlist_free(on_clock[i]);
    }
}

/* Each actor stops the next one's clock, and the last one the first one's. */
static void stop_in_a_cycle(int count)
{
    struct actor actors[QEMU_CLOCK_MAX];
    int i;

    make_list_on_each_clock();
    for (i = 0; i < count; i++) {
        actor_start(&actors[i], on_clock[i], (QEMUClockType)((i + 1) % count));
    }
    for (i = 0; i < count - 1; i++) {
        actor_stops(&actors[i]);
        CHECK_EQ(load(&actors[i].has_stopped), 0);
    }
    /* Only the last does not wait: the others wait until it has left. */
    store(&actors[i].may_stop, 1);
    wait_until_at_least(&actors[i].has_stopped, 1);
    for (i = 0; i < count - 1; i++) {
        CHECK_EQ(load(&actors[i].has_stopped), 0);
    }
    for (i = count - 1; i >= 0; i--) {
        actor_leaves(&actors[i]);
    }
    free_list_on_each_clock();
}

static void qemu_clock_enable_in_callbacks_stops_each_others_clocks(void)
{
    int count;

    for (count = 2; count <= QEMU_CLOCK_MAX; count++) {
        stop_in_a_cycle(count);
    }
}

static void qemu_clock_enable_in_two_callbacks_of_a_clock_stops_it(void)
{
    struct actor actors[2];
    int i;

    make_list_on_each_clock();
    for (i = 0; i < 2; i++) {
        actor_start(&actors[i], on_clock[QEMU_CLOCK_VIRTUAL], QEMU_CLOCK_VIRTUAL);
    }
    actor_stops(&actors[0]);
    CHECK_EQ(load(&actors[0].has_stopped), 0);
    actor_stops(&actors[1]);
    actor_leaves(&actors[1]);
    actor_leaves(&actors[0]);
    free_list_on_each_clock();
}

static void qemu_clock_enable_waits_in_a_chain_that_is_no_cycle(void)
{
    struct actor first, second, third;

    make_list_on_each_clock();
    actor_start(&first, on_clock[QEMU_CLOCK_REALTIME], QEMU_CLOCK_MAX);
    actor_start(&second, on_clock[QEMU_CLOCK_VIRTUAL], QEMU_CLOCK_REALTIME);
    actor_start(&third, NULL, QEMU_CLOCK_VIRTUAL);
    actor_stops(&second);
    actor_stops(&third);
    CHECK_EQ(load(&second.has_stopped), 0);
    CHECK_EQ(load(&third.has_stopped), 0);
    actor_leaves(&first);
    wait_until_at_least(&second.has_stopped, 1);
    CHECK_EQ(load(&third.has_stopped), 0);
    actor_leaves(&second);
    actor_leaves(&third);
    free_list_on_each_clock();
}

/* The actor that closes the cycle still waits for others that run the same list. */
static void qemu_clock_enable_waits_for_all_but_those_of_a_cycle(void)
{
    struct actor waiting, other, closing;

    make_list_on_each_clock();
    actor_start(&waiting, on_clock[QEMU_CLOCK_VIRTUAL], QEMU_CLOCK_REALTIME);
    actor_start(&other, on_clock[QEMU_CLOCK_VIRTUAL], QEMU_CLOCK_MAX);
    actor_start(&closing, on_clock[QEMU_CLOCK_REALTIME], QEMU_CLOCK_VIRTUAL);
    actor_stops(&waiting);
    actor_stops(&closing);
    CHECK_EQ(load(&waiting.has_stopped), 0);
    CHECK_EQ(load(&closing.has_stopped), 0);
    actor_leaves(&other);
    wait_until_at_least(&closing.has_stopped, 1);
    CHECK_EQ(load(&waiting.has_stopped), 0);
    actor_leaves(&closing);
    actor_leaves(&waiting);
    free_list_on_each_clock();
}

/*
 * The parent's threads are in callbacks and wait for each other; the child has no such
 * threads.
 */
static void child_stops_clocks(void *unused)
{
    QEMUTimerList *list = timerlist_new(QEMU_CLOCK_VIRTUAL, count_run, &notified);

    (void)unused;
    qemu_clock_enable(QEMU_CLOCK_VIRTUAL, false);
    qemu_clock_enable(QEMU_CLOCK_REALTIME, false);
    timerlist_free(list);
}

static void qemu_clock_enable_in_a_child_waits_for_no_thread_of_the_parent(void)
{
    struct actor first, second;

    make_list_on_each_clock();
    actor_start(&first, on_clock[QEMU_CLOCK_REALTIME], QEMU_CLOCK_MAX);
    actor_start(&second, on_clock[QEMU_CLOCK_VIRTUAL], QEMU_CLOCK_REALTIME);
    actor_stops(&second);
    check_child_of_threads_succeeds(child_stops_clocks, NULL);
    actor_leaves(&first);
    actor_leaves(&second);
    free_list_on_each_clock();
}

int main(void)
{
    init_clocks();
    RUN(qemu_clock_enable_false_stops_timers);
    RUN(qemu_clock_enable_in_a_callback_stops_its_own_clock);
    RUN(qemu_clock_enable_waits_for_the_callbacks_of_others);
    RUN(qemu_clock_enable_in_callbacks_stops_each_others_clocks);
    RUN(qemu_clock_enable_in_two_callbacks_of_a_clock_stops_it);
    RUN(qemu_clock_enable_waits_in_a_chain_that_is_no_cycle);
    RUN(qemu_clock_enable_waits_for_all_but_those_of_a_cycle);
    RUN(qemu_clock_enable_in_a_child_waits_for_no_thread_of_the_parent);
    return 0;
}
