/*
 * Fork while other threads are busy with the library.
 *
 * Where they are outside it at the fork both sides go on with all contexts. Where they are
 * inside the parent loses nothing, and the child can make new contexts.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <stdarg.h>

#include "fork.h"
#include "served.h"

enum { STORMERS = 2 };

/* A thread that is busy; the main thread runs its context's loop. */
struct stormer {
    AioContext *ctx;
    QEMUBH *bh;
    QEMUTimer timer;
    struct ends ends;
    pthread_t thread;
    /* What has been asked for, and what has been done. */
    int turns, runs, fired, worked, done;
};

static struct stormer stormers[STORMERS];
static int stop;

/* Closed, it keeps the storm outside the library. */
static int closed, inside;

static void gate_enter(void)
{
    for (;;) {
        __atomic_add_fetch(&inside, 1, __ATOMIC_SEQ_CST);
        if (!load(&closed)) {
            return;
        }
        __atomic_sub_fetch(&inside, 1, __ATOMIC_SEQ_CST);
        while (load(&closed)) {
            sched_yield();
        }
    }
}

static void gate_leave(void)
{
    __atomic_sub_fetch(&inside, 1, __ATOMIC_SEQ_CST);
}

static void gate_close(void)
{
    store(&closed, 1);
    while (load(&inside) > 0) {
        sched_yield();
    }
}

static void storm_aio_notify(struct stormer *stormer)
{
    aio_notify(stormer->ctx);
}

/* Waits for every run: a lost one ends the storm. */
static void storm_qemu_bh_schedule(struct stormer *stormer)
{
    if (load(&stormer->runs) == stormer->turns) {
        stormer->turns++;
        qemu_bh_schedule(stormer->bh);
    }
}

static void storm_timer_mod(struct stormer *stormer)
{
    timer_mod(&stormer->timer,
              qemu_clock_get_ns(QEMU_CLOCK_REALTIME) + (stormer->turns++ % 3) * SCALE_MS);
}

static void storm_aio_context_new(struct stormer *stormer)
{
    AioContext *ctx = context_new();

    (void)stormer;
    aio_context_unref(ctx);
}

static void storm_timerlist_new(struct stormer *stormer)
{
    QEMUTimerListGroup group;

    (void)stormer;
    timerlistgroup_init(&group, NULL, NULL);
    timerlistgroup_deadline_ns(&group);
    qemu_clock_deadline_ns_all(QEMU_CLOCK_VIRTUAL);
    timerlistgroup_deinit(&group);
}

static void storm_aio_set_fd_handler(struct stormer *stormer)
{
    aio_set_fd_handler(stormer->ctx, stormer->ends.read, do_nothing, NULL, NULL);
    aio_set_fd_handler(stormer->ctx, stormer->ends.read, NULL, NULL, NULL);
}

static const struct storm {
    const char *name;
    void (*turn)(struct stormer *);
    bool allocates;
    bool wakes; /* the loop may sleep */
} storms[] = {
    {"aio_notify", storm_aio_notify, false, true},
    {"qemu_bh_schedule", storm_qemu_bh_schedule, false, true},
    {"timer_mod", storm_timer_mod, false, true},
    {"aio_context_new", storm_aio_context_new, true, false},
    {"timerlist_new", storm_timerlist_new, true, false},
    {"aio_set_fd_handler", storm_aio_set_fd_handler, true, false},
    {"thread_pool_submit_aio", NULL, true, true},
};

enum { STORMS = sizeof(storms) / sizeof(storms[0]) };

static const struct storm *storm;

static void count_run_of_storm(void *opaque)
{
    struct stormer *stormer = opaque;

    __atomic_add_fetch(&stormer->runs, 1, __ATOMIC_SEQ_CST);
}

static void *keep_storming(void *opaque)
{
    struct stormer *stormer = opaque;

    while (!load(&stop)) {
        gate_enter();
        storm->turn(stormer);
        gate_leave();
        /* The loops have their turns between. */
        if (storm->wakes) {
            sched_yield();
        }
    }
    return NULL;
}

static void storm_new(const struct storm *which)
{
    int i;

    storm = which;
    store(&stop, 0);
    store(&closed, 0);
    memset(stormers, 0, sizeof(stormers));
    for (i = 0; i < STORMERS; i++) {
        stormers[i].ctx = context_new();
        stormers[i].bh = aio_bh_new(stormers[i].ctx, count_run_of_storm, &stormers[i]);
        aio_timer_init(stormers[i].ctx, &stormers[i].timer, QEMU_CLOCK_REALTIME, SCALE_NS,
                       count_fired, &stormers[i].fired);
        stormers[i].ends = pipe_new();
        /* What is allocated at the first time is. */
        timer_mod(&stormers[i].timer, 1);
        run_all(stormers[i].ctx);
        if (which->turn != NULL) {
            stormers[i].thread = start(keep_storming, &stormers[i]);
        }
    }
}

/* The loops' part, and for the pool, whose requests are the loop's to submit, all of it. */
static void run_loops(void)
{
    int i, j;

    for (i = 0; i < STORMERS; i++) {
        struct stormer *stormer = &stormers[i];

        if (storm->turn == NULL) {
            for (j = stormer->turns - load(&stormer->done); j < 8; j++) {
                thread_pool_submit_aio(aio_get_thread_pool(stormer->ctx), work_of_pool,
                                       &stormer->worked, pool_has_done, &stormer->done);
                stormer->turns++;
            }
        }
        aio_poll(stormer->ctx, storm->wakes);
    }
}

static void storm_free(void)
{
    int i;

    store(&stop, 1);
    for (i = 0; i < STORMERS; i++) {
        struct stormer *stormer = &stormers[i];

        if (storm->turn != NULL) {
            join(stormer->thread);
        } else {
            poll_until_at_least(stormer->ctx, &stormer->done, stormer->turns);
            CHECK_EQ(stormer->worked, stormer->turns);
        }
        run_all(stormer->ctx);
        bottom_halves_are_served(stormer->ctx, 4);
        timer_del(&stormer->timer);
        timer_deinit(&stormer->timer);
        qemu_bh_delete(stormer->bh);
        aio_set_fd_handler(stormer->ctx, stormer->ends.read, NULL, NULL, NULL);
        pipe_free(stormer->ends);
        aio_context_unref(stormer->ctx);
    }
}

/* In the child there are no threads but this one. */
static void use_new_contexts(void *unused)
{
    (void)unused;
    a_new_context_is_served(4);
    a_new_context_is_served(1);
}

static void use_all_contexts(void *unused)
{
    int i;

    for (i = 0; i < STORMERS; i++) {
        struct stormer *stormer = &stormers[i];

        run_all(stormer->ctx);
        store(&stormer->runs, 0);
        qemu_bh_schedule(stormer->bh);
        poll_until_at_least(stormer->ctx, &stormer->runs, 1);
        store(&stormer->fired, 0);
        timer_mod(&stormer->timer, qemu_clock_get_ns(QEMU_CLOCK_REALTIME) + SCALE_MS / 10);
        poll_until_at_least(stormer->ctx, &stormer->fired, 1);
        bottom_halves_are_served(stormer->ctx, 4);
        own_loop_is_served(stormer->ctx, (struct own_loop){true, false}, 4);
        the_pool_is_served(stormer->ctx, 2);
        timer_deinit(&stormer->timer);
        qemu_bh_delete(stormer->bh);
        aio_context_unref(stormer->ctx);
    }
    use_new_contexts(unused);
}

/* Nothing that has been submitted is still to do: the workers sleep. */
static void drain_pools(void)
{
    int i;

    for (i = 0; i < STORMERS; i++) {
        while (storm->turn == NULL && load(&stormers[i].done) < stormers[i].turns) {
            aio_poll(stormers[i].ctx, true);
        }
    }
    if (storm->turn == NULL) {
        wait_until_others_sleep();
    }
}

/* Children, with the storm at its work in between; each fork finds it elsewhere. */
static void forks_in_storms(const char *name, int outside, void (*in_child)(void *))
{
    int which, way, i, n;

    for (which = 0; which < STORMS; which++) {
        for (way = 0; way < WAYS; way++) {
            /* Without libc's own part of a fork its locks stay as another thread has them. */
            if (way != BY_FORK && storms[which].allocates && !outside) {
                continue;
            }
            check_at("%s: %s, %s", name, storms[which].name, way_names[way]);
            check_watchdog();
            storm_new(&storms[which]);
            for (n = repeats(storms[which].allocates ? 30 : 8, 100); n > 0; n--) {
                struct side side;
                int before = load(&stormers[0].runs);

                for (i = 0; i < n % 7 + 1; i++) {
                    run_loops();
                }
                if (storm->turn == storm_qemu_bh_schedule) {
                    /* Not one has been lost so far. */
                    while (load(&stormers[0].runs) == before) {
                        run_loops();
                    }
                }
                if (outside) {
                    gate_close();
                    drain_pools();
                }
                side = side_new((enum way)way);
                if (is_child(&side)) {
                    in_child(NULL);
                } else if (outside) {
                    store(&closed, 0);
                    /* Both busy. */
                    for (i = 0; i < 5; i++) {
                        run_loops();
                    }
                }
                side_free(&side);
            }
            storm_free();
        }
    }
}

static void fork_with_a_storm_outside_leaves_two_that_go_on(void)
{
    forks_in_storms(__func__, 1, use_all_contexts);
}

static void aio_context_new_works_in_a_child_forked_in_a_storm(void)
{
    forks_in_storms(__func__, 0, use_new_contexts);
}

static void fork_in_a_storm_loses_nothing_of_the_parents(void)
{
    forks_in_storms(__func__, 0, do_nothing);
}

static void execute(void *unused)
{
    char name[] = "/proc/self/exe", argument[] = "executed";
    char *const arguments[] = {name, argument, NULL};

    (void)unused;
    execv(name, arguments);
    CHECK(!"execv has returned");
}

static void fork_and_exec_in_a_storm_lose_nothing_of_the_parents(void)
{
    forks_in_storms(__func__, 0, execute);
}

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "executed") == 0) {
        return 0;
    }
    init_clocks();
    RUN_NAMED(argv, fork_with_a_storm_outside_leaves_two_that_go_on);
    RUN_NAMED(argv, aio_context_new_works_in_a_child_forked_in_a_storm);
    RUN_NAMED(argv, fork_in_a_storm_loses_nothing_of_the_parents);
    if (getenv("AIONOTIFY_EMULATED") == NULL) {
        RUN_NAMED(argv, fork_and_exec_in_a_storm_lose_nothing_of_the_parents);
    }
    return 0;
}
