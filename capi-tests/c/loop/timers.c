/*
 * Timers and lists of timers: when they run, whom arming notifies, what callbacks may do.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "timers.h"
#include "../aborts.h"

/* Runs before init_clocks(), as in a program that has contexts but no main loop. */
static void timerlistgroup_init_needs_no_main_loop(void)
{
    QEMUTimerListGroup group;
    QEMUTimer timer;
    int i, calls = 0;

    memset(&group, 0xa5, sizeof(group));
    timerlistgroup_init(&group, count_run, &calls);
    for (i = 0; i < QEMU_CLOCK_MAX; i++) {
        CHECK(group.tl[i] != NULL);
        CHECK_EQ(timerlist_get_clock(group.tl[i]), i);
        CHECK_EQ(timerlist_has_timers(group.tl[i]), false);
        CHECK_EQ(timerlist_deadline_ns(group.tl[i]), -1);
    }
    CHECK_EQ(timerlistgroup_deadline_ns(&group), -1);
    CHECK_EQ(timerlistgroup_run_timers(&group), false);
    guest_time = 1000;
    timer_init_tl(&timer, group.tl[QEMU_CLOCK_VIRTUAL], SCALE_NS, letter_ran, &letters[0]);
    timer_mod(&timer, 1500);
    CHECK_EQ(calls, 1);
    CHECK_EQ(timerlistgroup_deadline_ns(&group), 500);
    /* With an instruction counter, guest time does not pass while the loop sleeps. */
    use_icount = 1;
    CHECK_EQ(timerlistgroup_deadline_ns(&group), -1);
    CHECK_EQ(qemu_clock_use_for_deadline(QEMU_CLOCK_VIRTUAL), false);
    CHECK_EQ(qemu_clock_use_for_deadline(QEMU_CLOCK_VIRTUAL_RT), true);
    use_icount = 0;
    CHECK_EQ(qemu_clock_use_for_deadline(QEMU_CLOCK_VIRTUAL), true);
    guest_time = 1500;
    CHECK_EQ(timerlistgroup_deadline_ns(&group), 0);
    CHECK_EQ(timerlistgroup_run_timers(&group), true);
    CHECK_EQ(timerlistgroup_run_timers(&group), false);
    CHECK_RAN_SINCE("a");
    timerlistgroup_deinit(&group);
}

static void timerlist_run_timers_runs_by_deadline_and_then_by_arming(void)
{
    struct fixture f;

    fixture_init(&f);
    timer_mod_ns(&f.timers[0], 30);
    timer_mod_ns(&f.timers[1], 10);
    timer_mod_ns(&f.timers[2], 20);
    timer_mod_ns(&f.timers[3], 10);
    timer_mod_ns(&f.timers[4], 20);
    timer_mod_ns(&f.timers[5], 10);
    guest_time = 9;
    CHECK_EQ(timerlist_run_timers(f.list), false);
    CHECK_EQ(timerlist_expired(f.list), false);
    CHECK_EQ(timerlist_deadline_ns(f.list), 1);
    guest_time = 25;
    CHECK_EQ(timerlist_expired(f.list), true);
    CHECK_EQ(timerlist_deadline_ns(f.list), 0);
    CHECK_EQ(timerlist_run_timers(f.list), true);
    CHECK_RAN_SINCE("bdfce");
    CHECK_EQ(timerlist_deadline_ns(f.list), 5);
    /* Rearmed for the same time, it runs after the others. */
    timer_mod_ns(&f.timers[1], 30);
    timer_mod_ns(&f.timers[0], 30);
    guest_time = 30;
    CHECK_EQ(timerlist_run_timers(f.list), true);
    CHECK_RAN_SINCE("ba");
    CHECK_EQ(timerlist_has_timers(f.list), false);
    fixture_free(&f);
}

static void timer_mod_and_timer_del_move_and_disarm(void)
{
    struct fixture f;
    QEMUTimer *a = &f.timers[0];

    fixture_init(&f);
    CHECK_EQ(timer_pending(a), false);
    CHECK_EQ(a->expire_time, -1);
    CHECK(timer_expire_time_ns(a) == UINT64_MAX);
    timer_mod(a, 5);
    CHECK_EQ(timer_pending(a), true);
    CHECK_EQ(a->expire_time, 5000);
    CHECK_EQ(timer_expire_time_ns(a), 5000);
    CHECK_EQ(timer_expired(a, 4), false);
    CHECK_EQ(timer_expired(a, 5), true);
    CHECK_EQ(timer_expired(NULL, INT64_MAX), false);
    timer_mod_anticipate(a, 6);
    CHECK_EQ(timer_expire_time_ns(a), 5000);
    timer_mod_anticipate(a, 4);
    CHECK_EQ(timer_expire_time_ns(a), 4000);
    timer_mod_anticipate_ns(a, 4001);
    CHECK_EQ(timer_expire_time_ns(a), 4000);
    timer_mod_anticipate_ns(a, 3999);
    CHECK_EQ(timer_expire_time_ns(a), 3999);
    timer_mod_ns(a, 7000);
    CHECK_EQ(timer_expire_time_ns(a), 7000);
    timer_mod_ns(a, -5);
    CHECK_EQ(timer_expire_time_ns(a), 0);
    CHECK_EQ(timerlist_run_timers(f.list), true);
    CHECK_RAN_SINCE("a");
    CHECK_EQ(timer_pending(a), false);
    timer_mod_anticipate(a, 9);
    CHECK_EQ(timer_expire_time_ns(a), 9000);
    timer_del(a);
    timer_del(a);
    CHECK_EQ(timer_pending(a), false);
    CHECK_EQ(a->expire_time, -1);
    /* Further away than nanoseconds can express. */
    timer_mod(a, INT64_MAX);
    CHECK_EQ(timer_expire_time_ns(a), INT64_MAX);
    CHECK_EQ(timerlist_deadline_ns(f.list), INT64_MAX);
    guest_time = INT64_MAX - 1;
    CHECK_EQ(timerlist_run_timers(f.list), false);
    fixture_free(&f);
}

static void timer_mod_notifies_for_the_first_only(void)
{
    struct fixture f;
    QEMUTimer *timer;

    fixture_init(&f);
    warps = 0;
    timer_mod_ns(&f.timers[0], 100);
    CHECK_EQ(notified, 1);
    CHECK_EQ(warps, 1);
    timer_mod_ns(&f.timers[1], 100);
    timer_mod_ns(&f.timers[2], 200);
    timer_mod_anticipate_ns(&f.timers[2], 150);
    CHECK_EQ(notified, 1);
    timer_mod_ns(&f.timers[2], 99);
    CHECK_EQ(notified, 2);
    timer_mod_anticipate_ns(&f.timers[1], 98);
    CHECK_EQ(notified, 3);
    timer_del(&f.timers[1]);
    CHECK_EQ(notified, 3);
    CHECK_EQ(warps, 3);
    timerlist_notify(f.list);
    CHECK_EQ(notified, 4);
    fixture_free(&f);

    /* The main loop's lists have no callback: the program's loop is notified. */
    events = 0;
    timer = timer_new_ms(QEMU_CLOCK_REALTIME, letter_ran, &letters[0]);
    timer_mod(timer, 0);
    CHECK_EQ(events, 1);
    CHECK_EQ(warps, 3);
    CHECK_EQ(qemu_clock_has_timers(QEMU_CLOCK_REALTIME), true);
    CHECK_EQ(qemu_clock_expired(QEMU_CLOCK_REALTIME), true);
    CHECK_EQ(qemu_clock_run_timers(QEMU_CLOCK_HOST), false);
    CHECK_EQ(qemu_clock_run_all_timers(), true);
    CHECK_RAN_SINCE("a");
    CHECK_EQ(qemu_clock_has_timers(QEMU_CLOCK_REALTIME), false);
    /* timer_free() disarms it. */
    timer_mod(timer, 0);
    timer_free(timer);
    CHECK_EQ(qemu_clock_has_timers(QEMU_CLOCK_REALTIME), false);
    timer_free(NULL);
}

static void init_clocks_makes_a_list_on_each_clock(void)
{
    int i;

    for (i = 0; i < QEMU_CLOCK_MAX; i++) {
        QEMUTimerList *list = qemu_clock_get_main_loop_timerlist((QEMUClockType)i);

        CHECK(list != NULL);
        CHECK(main_loop_tlg.tl[i] == list);
        CHECK_EQ(timerlist_get_clock(list), i);
    }
    init_clocks();
    CHECK(main_loop_tlg.tl[0] == qemu_clock_get_main_loop_timerlist(QEMU_CLOCK_REALTIME));
}

/* Timers whose callbacks do things to themselves and to each other. */
static struct fixture shared;

static QEMUTimer *on_heap;

static void arm_again(void *opaque)
{
    letter_ran(opaque);
    timer_mod_ns(&shared.timers[0], guest_time + 10);
}

static void delete_next(void *opaque)
{
    letter_ran(opaque);
    timer_del(&shared.timers[2]);
}

static void free_itself(void *opaque)
{
    letter_ran(opaque);
    memset(on_heap, 0xff, sizeof(*on_heap));
    timer_init_tl(on_heap, NULL, SCALE_NS, NULL, NULL);
    timer_free(on_heap);
    on_heap = NULL;
}

static void run_nested(void *opaque)
{
    letter_ran(opaque);
    CHECK_EQ(timerlist_run_timers(shared.list), true);
    letter_ran(opaque);
}

static void timerlist_run_timers_lets_callbacks_arm_disarm_and_free(void)
{
    fixture_init(&shared);
    timer_init_tl(&shared.timers[0], shared.list, SCALE_NS, arm_again, &letters[0]);
    timer_init_tl(&shared.timers[1], shared.list, SCALE_NS, delete_next, &letters[1]);
    on_heap = timer_new_tl(shared.list, SCALE_NS, free_itself, &letters[3]);
    timer_mod_ns(&shared.timers[0], 1);
    timer_mod_ns(&shared.timers[1], 2);
    timer_mod_ns(&shared.timers[2], 3);
    timer_mod_ns(on_heap, 4);
    guest_time = 5;
    CHECK_EQ(timerlist_run_timers(shared.list), true);
    CHECK_RAN_SINCE("abd");
    CHECK(on_heap == NULL);
    CHECK_EQ(timerlist_deadline_ns(shared.list), 10);
    guest_time = 15;
    CHECK_EQ(timerlist_run_timers(shared.list), true);
    CHECK_RAN_SINCE("a");

    timer_init_tl(&shared.timers[5], shared.list, SCALE_NS, run_nested, &letters[5]);
    timer_mod_ns(&shared.timers[5], 0);
    timer_mod_ns(&shared.timers[6], 1);
    timer_mod_ns(&shared.timers[7], 2);
    CHECK_EQ(timerlist_run_timers(shared.list), true);
    CHECK_RAN_SINCE("fghf");
    fixture_free(&shared);
}

static void free_list(void *list)
{
    timerlist_free(list);
    letter_ran(&letters[0]);
}

static void timerlist_free_works_in_a_callback(void)
{
    QEMUTimerList *list = timerlist_new(QEMU_CLOCK_VIRTUAL, count_run, &notified);
    QEMUTimer timer;

    timer_init_tl(&timer, list, SCALE_NS, free_list, list);
    timer_mod_ns(&timer, 0);
    CHECK_EQ(timerlist_run_timers(list), true);
    CHECK_RAN_SINCE("a");
}

static void timerlist_run_timers_runs_many_in_order(void)
{
    enum { MANY = 1000 };
    static char many[MANY];
    QEMUTimerList *list = timerlist_new(QEMU_CLOCK_VIRTUAL, count_run, &notified);
    QEMUTimer timers[MANY];
    int i;

    guest_time = 0;
    for (i = 0; i < MANY; i++) {
        int number = i * 7 % MANY;

        many[number] = (char)('0' + number % 10);
        timer_init_tl(&timers[number], list, SCALE_MS, letter_ran, &many[number]);
        timer_mod(&timers[number], number);
    }
    for (i = 0; i < MANY; i += 10) {
        guest_time = (i + 9) * (int64_t)SCALE_MS;
        CHECK_EQ(timerlist_run_timers(list), true);
        CHECK_RAN_SINCE("0123456789");
    }
    CHECK_EQ(timerlist_has_timers(list), false);
    timerlist_free(list);
}

/* How long it takes to arm one of count timers, in ns: the least of several runs. */
static int64_t time_to_arm(int count, int times)
{
    QEMUTimerList *list = timerlist_new(QEMU_CLOCK_REALTIME, count_run, &notified);
    QEMUTimer *timers = calloc((size_t)count, sizeof(*timers));
    uint64_t random = 88172645463325252;
    int64_t least = INT64_MAX;
    int i, run;

    CHECK(timers != NULL);
    for (i = 0; i < count; i++) {
        timer_init_tl(&timers[i], list, SCALE_NS, letter_ran, &letters[0]);
        timer_mod_ns(&timers[i], NANOSECONDS_PER_SECOND + i);
    }
    for (run = 0; run < 5; run++) {
        int64_t before = get_clock(), took;

        for (i = 0; i < times; i++) {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            timer_mod_ns(&timers[(random >> 32) % (uint64_t)count],
                         (int64_t)(NANOSECONDS_PER_SECOND + random % NANOSECONDS_PER_SECOND));
        }
        took = get_clock() - before;
        least = took < least ? took : least;
    }
    for (i = 0; i < count; i++) {
        timer_del(&timers[i]);
    }
    CHECK_EQ(timerlist_has_timers(list), false);
    timerlist_free(list);
    free(timers);
    return least / times;
}

static void timer_mod_among_many_costs_little_more(void)
{
    int64_t few = 0, many = 0;
    int i;

    /* Other processes may slow the machine down for a while. */
    for (i = 0; i < 10; i++) {
        few = time_to_arm(100, 50000);
        many = time_to_arm(10000, 50000);
        if (many <= 3 * few) {
            return;
        }
    }
    fprintf(stderr, "among 100 %lld ns, among 10000 %lld ns\n", (long long)few,
            (long long)many);
    CHECK(many <= 3 * few);
}

static void deinit_armed(void *unused)
{
    static struct fixture f;

    (void)unused;
    fixture_init(&f);
    timer_mod_ns(&f.timers[0], 1);
    timer_deinit(&f.timers[0]);
}

static void free_used_list(void *unused)
{
    static struct fixture f;

    (void)unused;
    fixture_init(&f);
    timer_mod_ns(&f.timers[0], 1);
    timerlist_free(f.list);
}

static void arm_without_list(void *unused)
{
    QEMUTimer timer;

    (void)unused;
    timer_init_tl(&timer, NULL, SCALE_NS, letter_ran, NULL);
    timer_mod(&timer, 1);
}

static void arm_without_callback(void *unused)
{
    static struct fixture f;

    (void)unused;
    fixture_init(&f);
    timer_init_tl(&f.timers[0], f.list, SCALE_NS, NULL, NULL);
    timer_mod_ns(&f.timers[0], 1);
}

static void init_armed(void *unused)
{
    static struct fixture f;

    (void)unused;
    fixture_init(&f);
    timer_mod_ns(&f.timers[0], 1);
    timer_mod_ns(&f.timers[1], 2);
    timer_init_tl(&f.timers[1], f.list, SCALE_NS, letter_ran, &letters[1]);
    f.timers[1].expire_time = 2;
    timer_mod_ns(&f.timers[1], 3);
}

static void run_empty_group(void *unused)
{
    QEMUTimerListGroup group = {{NULL}};

    (void)unused;
    timerlistgroup_run_timers(&group);
}

static void misuse_aborts_with_one_line(void)
{
    static const struct aborting calls[] = {
        {deinit_armed, "aiocontext: timer_deinit: the timer is armed\n"},
        {free_used_list, "aiocontext: timerlist_free: a timer of the list is armed\n"},
        {arm_without_list, "aiocontext: timer_mod: the timer has no list"},
        {arm_without_callback, "aiocontext: timer_mod_ns: the timer has no callback\n"},
        {init_armed, "aiocontext: timer_mod_ns: "},
        {run_empty_group, "aiocontext: timerlistgroup_run_timers: "},
    };

    CHECK_ABORT(calls);
}

int main(void)
{
    RUN(timerlistgroup_init_needs_no_main_loop);
    init_clocks();
    RUN(timerlist_run_timers_runs_by_deadline_and_then_by_arming);
    RUN(timer_mod_and_timer_del_move_and_disarm);
    RUN(timer_mod_notifies_for_the_first_only);
    RUN(init_clocks_makes_a_list_on_each_clock);
    RUN(timerlist_run_timers_lets_callbacks_arm_disarm_and_free);
    RUN(timerlist_free_works_in_a_callback);
    RUN(timerlist_run_timers_runs_many_in_order);
    RUN_UNLESS("AIONOTIFY_INSTRUMENTED", timer_mod_among_many_costs_little_more);
    RUN(misuse_aborts_with_one_line);
    return 0;
}
