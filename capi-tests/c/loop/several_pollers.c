/*
 * Several threads that poll one context, in aio_poll or under GLib: what one of them takes away
 * with it, and what becomes of those that sleep.
 *
 * In each test two pollers share a CPU, and the one that will leave is always run first: it has
 * consumed every wakeup before the other one can look. That one, which has slept all the while,
 * must do what is left.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <sys/timerfd.h>

#include "interpose.h"
#include "turns.h"

static AioContext *ctx;
static GMainContext *main_context;

enum kind { IN_AIO_POLL, UNDER_GLIB };

struct poller {
    enum kind kind;
    /* Run only when no other thread wants the CPU. */
    int is_last;
    pthread_t thread;
    int tid, turns, leaves;
};

static struct poller leaver, stayer;

/* The CPU that both pollers run on; the program itself has what others there are. */
static cpu_set_t one_cpu;

static void choose_cpu(void)
{
    cpu_set_t all;
    int cpu = 0;

    CHECK_EQ(sched_getaffinity(0, sizeof(all), &all), 0);
    while (!CPU_ISSET(cpu, &all)) {
        cpu++;
    }
    CPU_ZERO(&one_cpu);
    CPU_SET(cpu, &one_cpu);
}

static void *run_poller(void *opaque)
{
    struct poller *poller = opaque;

    CHECK_EQ(sched_setaffinity(0, sizeof(one_cpu), &one_cpu), 0);
    if (poller->is_last) {
        struct sched_param none = {0};

        CHECK_EQ(sched_setscheduler(0, SCHED_IDLE, &none), 0);
    }
    store(&poller->tid, own_tid());
    while (!load(&poller->leaves)) {
        if (poller->kind == UNDER_GLIB) {
            g_main_context_iteration(main_context, TRUE);
        } else {
            aio_poll(ctx, true);
        }
        __atomic_add_fetch(&poller->turns, 1, __ATOMIC_SEQ_CST);
    }
    return NULL;
}

static void poller_begin(struct poller *poller, enum kind kind, int is_last)
{
    memset(poller, 0, sizeof(*poller));
    poller->kind = kind;
    poller->is_last = is_last;
    poller->thread = start(run_poller, poller);
    wait_until_at_least(&poller->tid, 1);
}

/* What the poller has raised notify_me by while it sleeps. */
static unsigned share(const struct poller *poller)
{
    return poller->tid == 0 ? 0 : poller->kind == UNDER_GLIB ? 1 : 2;
}

/* Until this one sleeps in its poll, and the others are in theirs. */
static void wait_until_asleep(struct poller *poller)
{
    unsigned all = share(&leaver) + share(&stayer);

    while (__atomic_load_n(&ctx->notify_me, __ATOMIC_SEQ_CST) != all ||
           !is_asleep(poller->tid)) {
        sched_yield();
    }
}

/* How often wait_until_left had to notify, each time with a vain turn of the one that stays. */
static int again;

/* It has been told to, by what wakes one of the two. */
static void wait_until_left(void)
{
    while (pthread_tryjoin_np(leaver.thread, NULL) != 0) {
        /* Only the other one may have been woken. */
        if (is_asleep(leaver.tid)) {
            again++;
            aio_notify(ctx);
        }
        sched_yield();
    }
    leaver.tid = 0;
}

/* Ends the program if the poller that stays sleeps and nothing wakes it. */
static void wait_for_stayer(int *runs, int target)
{
    int asleep = 0;

    while (load(runs) < target) {
        struct timespec moment = {0, 1000000};

        nanosleep(&moment, NULL);
        asleep = is_asleep(stayer.tid) ? asleep + 1 : 0;
        if (asleep == 2000 && load(runs) < target) {
            fprintf(stderr, "%s: lost: the poller that is left sleeps\n", check_current);
            _exit(1);
        }
    }
}

static void begin(enum kind stays)
{
    ctx = context_new();
    main_context = g_main_context_new();
    CHECK(g_source_attach(&ctx->source, main_context) > 0);
    memset(&leaver, 0, sizeof(leaver));
    memset(&stayer, 0, sizeof(stayer));
    again = 0;
    aio_poll(ctx, false);
    poller_begin(&stayer, stays, 1);
    wait_until_asleep(&stayer);
}

static void end(void)
{
    store(&stayer.leaves, 1);
    while (pthread_tryjoin_np(stayer.thread, NULL) != 0) {
        wake_by_work(ctx);
        sched_yield();
    }
    CHECK_EQ(ctx->notify_me, 0);
    g_source_destroy(&ctx->source);
    aio_context_unref(ctx);
    g_main_context_unref(main_context);
}

struct watched {
    struct ends ends;
    int runs;
};

static void take_and_count(void *opaque)
{
    struct watched *watched = opaque;

    if (take(watched->ends.read) > 0) {
        count_run(&watched->runs);
    }
}

static void watch(struct watched *watched)
{
    watched->runs = 0;
    aio_set_fd_handler(ctx, watched->ends.read, take_and_count, NULL, watched);
}

/* One leaves with the registration of a pipe; the other one must hear of what is in it. */
static void what_is_registered_later_is_served(void)
{
    struct watched later = {pipe_new(), 0};

    store(&leaver.leaves, 1);
    watch(&later);
    wait_until_left();
    wait_until_asleep(&stayer);
    put(later.ends.write);
    wait_for_stayer(&later.runs, 1);
    aio_set_fd_handler(ctx, later.ends.read, NULL, NULL, NULL);
    pipe_free(later.ends);
}

struct replacing {
    enum kind stays;
    /* The old set has something to report, which by itself wakes those who sleep on it. */
    int is_reported;
};

/* Closed before it is removed, with a copy left, it can only be got rid of with its set. */
static void child_replaces_the_set(void *argument)
{
    struct replacing *replacing = argument;
    struct watched watched = {pipe_new(), 0};
    int copy;

    begin(replacing->stays);
    watch(&watched);
    wait_until_asleep(&stayer);
    poller_begin(&leaver, IN_AIO_POLL, 0);
    wait_until_asleep(&leaver);
    copy = dup(watched.ends.read);
    CHECK(copy >= 0);
    close(watched.ends.read);
    aio_set_fd_handler(ctx, watched.ends.read, NULL, NULL, NULL);
    if (replacing->is_reported) {
        /* The old set would keep reporting the copy. */
        put(watched.ends.write);
    }
    wait_until_asleep(&leaver);
    wait_until_asleep(&stayer);
    what_is_registered_later_is_served();
    check_turns(leaver.turns + stayer.turns, 20 + 2 * again);
    close(copy);
    close(watched.ends.write);
    end();
}

static void aio_set_fd_handler_gets_sleepers_off_a_replaced_set(void)
{
    struct replacing ways[] = {
        {IN_AIO_POLL, 0}, {IN_AIO_POLL, 1}, {UNDER_GLIB, 0}, {UNDER_GLIB, 1}};
    int i;

    /* Some times each: a poller that was not asleep yet finds the new set by itself. */
    for (i = 0; i < 12; i++) {
        CHECK_EQ(messages_of_child(child_replaces_the_set, &ways[i % 4]), 1);
    }
}

static int woken, go_on;

static void wait_before_turn(void)
{
    if (own_tid() == load(&leaver.tid)) {
        interpose_after_wait = NULL;
        store(&woken, 1);
        wait_until_at_least(&go_on, 1);
    }
}

/* One has been woken for a handler and has not had its turn yet when the handler is removed. */
static void remove_between_wake_and_turn(enum kind stays)
{
    struct watched watched = {pipe_new(), 0};
    int sets;

    ctx = context_new();
    main_context = g_main_context_new();
    CHECK(g_source_attach(&ctx->source, main_context) > 0);
    memset(&stayer, 0, sizeof(stayer));
    again = 0;
    watch(&watched);
    aio_poll(ctx, false);
    poller_begin(&leaver, IN_AIO_POLL, 0);
    wait_until_asleep(&leaver);
    store(&woken, 0);
    store(&go_on, 0);
    interpose_after_wait = wait_before_turn;
    put(watched.ends.write);
    wait_until_at_least(&woken, 1);
    sets = load(&interpose_calls[CALL_EPOLL_CREATE1]);
    aio_set_fd_handler(ctx, watched.ends.read, NULL, NULL, NULL);

    poller_begin(&stayer, stays, 1);
    while (__atomic_load_n(&ctx->notify_me, __ATOMIC_SEQ_CST) < 2 + share(&stayer) ||
           !is_asleep(stayer.tid)) {
        sched_yield();
    }
    store(&go_on, 1);
    wait_until_asleep(&leaver);
    wait_until_asleep(&stayer);
    CHECK_EQ(watched.runs, 0);
    what_is_registered_later_is_served();
    CHECK_EQ(watched.runs, 0);
    /* The set was as it should be. */
    CHECK_EQ(load(&interpose_calls[CALL_EPOLL_CREATE1]), sets);
    check_turns(leaver.turns + stayer.turns, 20 + 2 * again);
    pipe_free(watched.ends);
    end();
}

static void aio_set_fd_handler_removes_between_wake_and_turn(void)
{
    remove_between_wake_and_turn(IN_AIO_POLL);
    remove_between_wake_and_turn(UNDER_GLIB);
}

static void count_and_take(void *opaque)
{
    struct watched *watched = opaque;

    count_run(&watched->runs);
    take(watched->ends.read);
}

/* One has been woken for a handler and has not had its turn yet when another one runs it. */
static void aio_poll_runs_nothing_that_another_has_run(void)
{
    struct watched watched = {pipe_new(), 0};

    begin(IN_AIO_POLL);
    aio_set_fd_handler(ctx, watched.ends.read, count_and_take, NULL, &watched);
    wait_until_asleep(&stayer);
    store(&leaver.tid, load(&stayer.tid));
    store(&woken, 0);
    store(&go_on, 0);
    interpose_after_wait = wait_before_turn;
    put(watched.ends.write);
    wait_until_at_least(&woken, 1);
    CHECK_EQ(aio_poll(ctx, false), true);
    CHECK_EQ(load(&watched.runs), 1);
    store(&leaver.tid, 0);
    store(&go_on, 1);
    wait_until_asleep(&stayer);
    CHECK_EQ(load(&watched.runs), 1);
    aio_set_fd_handler(ctx, watched.ends.read, NULL, NULL, NULL);
    pipe_free(watched.ends);
    end();
}

static const struct {
    enum kind leaves, stays;
} mixes[] = {{IN_AIO_POLL, IN_AIO_POLL}, {UNDER_GLIB, IN_AIO_POLL}, {IN_AIO_POLL, UNDER_GLIB}};

enum { MIXES = sizeof(mixes) / sizeof(mixes[0]) };

/* Both sleep; then one is told to leave with the next wakeup. */
static void begin_mix(int mix)
{
    begin(mixes[mix].stays);
    poller_begin(&leaver, mixes[mix].leaves, 0);
    wait_until_asleep(&leaver);
    wait_until_asleep(&stayer);
    store(&leaver.leaves, 1);
}

/* How many of the process's timer descriptors may go off; all of them are contexts'. */
static int timers_set(void)
{
    DIR *folder = opendir("/proc/self/fd");
    struct dirent *entry;
    int count = 0;

    CHECK(folder != NULL);
    while ((entry = readdir(folder)) != NULL) {
        char file[64];
        ssize_t n = readlinkat(dirfd(folder), entry->d_name, file, sizeof(file) - 1);
        struct itimerspec left;

        file[n < 0 ? 0 : n] = '\0';
        if (strcmp(file, "anon_inode:[timerfd]") == 0) {
            CHECK_EQ(timerfd_gettime(atoi(entry->d_name), &left), 0);
            count += left.it_value.tv_sec != 0 || left.it_value.tv_nsec != 0;
        }
    }
    closedir(folder);
    return count;
}

/* One that leaves nothing to do takes back the timer that it has set for who stays. */
static void aio_poll_that_leaves_nothing_leaves_no_timer(void)
{
    int mix;

    for (mix = 0; mix < MIXES; mix++) {
        begin_mix(mix);
        aio_notify(ctx);
        wait_until_left();
        /* One who is woken as well may still be in its turn. */
        wait_until_asleep(&stayer);
        CHECK_EQ(timers_set(), 0);
        end();
    }
}

static void timer_mod_wakes_who_stays(void)
{
    int mix;

    for (mix = 0; mix < MIXES; mix++) {
        int runs = 0;
        QEMUTimer *timer;

        begin_mix(mix);
        timer = aio_timer_new(ctx, QEMU_CLOCK_REALTIME, SCALE_MS, count_run, &runs);
        timer_mod(timer, qemu_clock_get_ms(QEMU_CLOCK_REALTIME) + 250);
        wait_until_left();
        wait_for_stayer(&runs, 1);
        /* It sleeps until then, rather than look every 10 ms. */
        check_turns(stayer.turns, 10 + 2 * again);
        timer_free(timer);
        end();
    }
}

static void aio_set_fd_handler_wakes_who_stays(void)
{
    int mix;

    for (mix = 0; mix < MIXES; mix++) {
        int runs = 0, file = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

        CHECK(file >= 0);
        begin_mix(mix);
        /* It is always ready. */
        aio_set_fd_handler(ctx, file, count_run, NULL, &runs);
        wait_until_left();
        wait_for_stayer(&runs, 10);
        aio_set_fd_handler(ctx, file, NULL, NULL, NULL);
        close(file);
        end();
    }
}

static QEMUBH *idle;

static void count_and_idle(void *runs)
{
    count_run(runs);
    qemu_bh_schedule_idle(idle);
}

static void qemu_bh_schedule_idle_wakes_who_stays(void)
{
    int mix;

    for (mix = 0; mix < MIXES; mix++) {
        int runs = 0;

        begin_mix(mix);
        idle = aio_bh_new(ctx, count_and_idle, &runs);
        qemu_bh_schedule_idle(idle);
        wait_until_left();
        wait_for_stayer(&runs, 10);
        qemu_bh_delete(idle);
        end();
    }
}

/* At once: a thread that polls itself would set a timer. */
static void qemu_bh_schedule_idle_wakes_who_sleeps_for_longer(void)
{
    int runs = 0, before;

    begin(IN_AIO_POLL);
    before = load(&interpose_calls[CALL_TIMERFD_SETTIME]);
    idle = aio_bh_new(ctx, count_run, &runs);
    qemu_bh_schedule_idle(idle);
    wait_for_stayer(&runs, 1);
    CHECK_EQ(load(&interpose_calls[CALL_TIMERFD_SETTIME]), before);
    check_turns(stayer.turns, 10);
    qemu_bh_delete(idle);
    end();
}

int main(void)
{
    init_clocks();
    choose_cpu();
    RUN(aio_set_fd_handler_gets_sleepers_off_a_replaced_set);
    RUN(aio_set_fd_handler_removes_between_wake_and_turn);
    RUN(aio_poll_runs_nothing_that_another_has_run);
    RUN(aio_poll_that_leaves_nothing_leaves_no_timer);
    RUN(timer_mod_wakes_who_stays);
    RUN(aio_set_fd_handler_wakes_who_stays);
    RUN(qemu_bh_schedule_idle_wakes_who_stays);
    RUN(qemu_bh_schedule_idle_wakes_who_sleeps_for_longer);
    return 0;
}
