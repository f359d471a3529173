/*
 * Fork: parent and child each go on with the context that they share the past of.
 *
 * By every way to fork, beside 0, 1 and several other threads, from every place where a program
 * may be, and with either side first or both at once.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <stdarg.h>

#include "fork.h"
#include "served.h"

enum order { BOTH_AT_ONCE, CHILD_FIRST, PARENT_FIRST, ORDERS };

static const char *const order_names[ORDERS] = {"both at once", "child first", "parent first"};

/* What there is before the fork; each side has it afterwards. */
static struct world {
    AioContext *ctx;
    GMainContext *main_context;
    /* A pipe for each side, with a handler for each in both. */
    struct ends pipes[2];
    int taken[2];
    struct ends trigger;
    /* Left to do at the fork. */
    QEMUBH *bh;
    QEMUTimer *timer;
    int bh_runs, timer_runs;
    enum way way;
    struct side side;
    int forked;
} world;

static void take_pipe(void *opaque)
{
    int i = *(int *)opaque;

    world.taken[i] += take(world.pipes[i].read);
}

static int pipe_numbers[2] = {0, 1};

/* Also with a past: the loop has polled, slept and started a worker. */
static void world_new(enum way way)
{
    GSource *source;
    int i;

    memset(&world, 0, sizeof(world));
    world.way = way;
    world.ctx = context_new();
    world.main_context = g_main_context_new();
    source = aio_get_g_source(world.ctx);
    CHECK(g_source_attach(source, world.main_context) > 0);
    g_source_unref(source);
    for (i = 0; i < 2; i++) {
        world.pipes[i] = pipe_new();
        aio_set_fd_handler(world.ctx, world.pipes[i].read, take_pipe, NULL, &pipe_numbers[i]);
    }
    world.trigger = pipe_new();
    world.bh = aio_bh_new(world.ctx, count_fired, &world.bh_runs);
    world.timer =
        aio_timer_new(world.ctx, QEMU_CLOCK_REALTIME, SCALE_NS, count_fired, &world.timer_runs);
    timers_are_served(world.ctx);
}

static void world_free(void)
{
    int i;

    for (i = 0; i < 2; i++) {
        aio_set_fd_handler(world.ctx, world.pipes[i].read, NULL, NULL, NULL);
        pipe_free(world.pipes[i]);
    }
    pipe_free(world.trigger);
    timer_free(world.timer);
    qemu_bh_delete(world.bh);
    g_source_destroy(&world.ctx->source);
    aio_context_unref(world.ctx);
    g_main_context_unref(world.main_context);
}

/* Both sides have to run what is scheduled and armed here. */
static void fork_now(void)
{
    qemu_bh_schedule(world.bh);
    timer_mod(world.timer, qemu_clock_get_ns(QEMU_CLOCK_REALTIME) + SCALE_MS);
    wait_until_others_sleep();
    world.side = side_new(world.way);
    world.forked++;
}

static void fork_in_callback(void *unused)
{
    (void)unused;
    fork_now();
}

static void at_rest(void)
{
    fork_now();
}

static void with_the_lock(void)
{
    aio_context_acquire(world.ctx);
    aio_context_acquire(world.ctx);
    fork_now();
    aio_context_release(world.ctx);
    aio_context_release(world.ctx);
}

static void poll_until_forked(void)
{
    while (!world.forked) {
        aio_poll(world.ctx, true);
    }
}

static void in_a_bottom_half(void)
{
    QEMUBH *bh = aio_bh_new(world.ctx, fork_in_callback, NULL);

    qemu_bh_schedule(bh);
    poll_until_forked();
    qemu_bh_delete(bh);
}

static void in_a_timer(void)
{
    QEMUTimer *timer =
        aio_timer_new(world.ctx, QEMU_CLOCK_REALTIME, SCALE_NS, fork_in_callback, NULL);

    timer_mod(timer, qemu_clock_get_ns(QEMU_CLOCK_REALTIME) + SCALE_MS / 10);
    poll_until_forked();
    timer_free(timer);
}

static void fork_in_handler(void *unused)
{
    (void)unused;
    take(world.trigger.read);
    fork_now();
}

static void in_a_handler(void)
{
    aio_set_fd_handler(world.ctx, world.trigger.read, fork_in_handler, NULL, NULL);
    put(world.trigger.write);
    poll_until_forked();
    aio_set_fd_handler(world.ctx, world.trigger.read, NULL, NULL, NULL);
}

/* The inner poll sleeps until its timer is due, and the outer one goes on behind the fork. */
static void poll_nested(void *unused)
{
    (void)unused;
    in_a_timer();
}

static void in_a_nested_poll(void)
{
    QEMUBH *bh = aio_bh_new(world.ctx, poll_nested, NULL);

    qemu_bh_schedule(bh);
    poll_until_forked();
    qemu_bh_delete(bh);
}

static void in_glibs_dispatch(void)
{
    QEMUBH *bh = aio_bh_new(world.ctx, fork_in_callback, NULL);

    qemu_bh_schedule(bh);
    while (!world.forked) {
        g_main_context_iteration(world.main_context, TRUE);
    }
    qemu_bh_delete(bh);
}

static void in_a_request_callback_of_the_pool(void *unused, int result)
{
    (void)unused;
    CHECK_EQ(result, 7);
    fork_now();
}

static void in_a_completion(void)
{
    int worked = 0;

    thread_pool_submit_aio(aio_get_thread_pool(world.ctx), work_of_pool, &worked,
                           in_a_request_callback_of_the_pool, NULL);
    poll_until_forked();
}

/* All that a context is for, on this side. */
static void go_on(enum order order)
{
    AioContext *ctx = world.ctx;
    int mine = is_child(&world.side), i, n = repeats(6, 20);
    const struct own_loop own_loops[] = {{true, false}, {true, true}};

    /* What was left to do at the fork. */
    while (world.bh_runs == 0 || world.timer_runs == 0) {
        aio_poll(ctx, true);
    }
    run_all(ctx);
    CHECK_EQ(world.bh_runs, 1);
    CHECK_EQ(world.timer_runs, 1);
    CHECK_EQ(lock_queue(ctx), 0);
    CHECK_EQ(ctx->notify_me, 0);

    /* The other's pipe is the other's; removing its handler here is nothing to it. */
    aio_set_fd_handler(ctx, world.pipes[!mine].read, NULL, NULL, NULL);
    if (order == BOTH_AT_ONCE) {
        meet(&world.side);
    }
    for (i = 1; i <= n; i++) {
        put(world.pipes[mine].write);
        while (world.taken[mine] < i) {
            CHECK_EQ(aio_poll(ctx, true), true);
        }
    }
    CHECK_EQ(world.taken[!mine], 0);

    bottom_halves_are_served(ctx, n);
    timers_are_served(ctx);
    handlers_are_served(ctx, n);
    for (i = 0; i < 2; i++) {
        own_loop_is_served(ctx, own_loops[i], n);
    }
    glib_is_served(ctx, world.main_context, n);
    the_pool_is_served(ctx, 2);
    a_new_context_is_served(2);
    bottom_halves_are_served(ctx, n);
    CHECK_EQ(lock_queue(ctx), 0);
    CHECK_EQ(ctx->notify_me, 0);
    CHECK_EQ(world.bh_runs, 1);
    CHECK_EQ(world.timer_runs, 1);
}

static void both_go_on(enum order order)
{
    struct side *side = &world.side;

    if (is_child(side)) {
        if (order == PARENT_FIRST) {
            hear(side);
        }
        go_on(order);
        world_free();
    } else {
        if (order == CHILD_FIRST) {
            hear(side);
        }
        go_on(order);
    }
    if ((order == CHILD_FIRST && is_child(side)) ||
        (order == PARENT_FIRST && !is_child(side))) {
        say(side);
    }
    side_free(side);
    /* Nor has the child's end changed anything. */
    bottom_halves_are_served(world.ctx, 2);
    put(world.pipes[0].write);
    CHECK_EQ(aio_poll(world.ctx, true), true);
    world_free();
}

/* One place's share of the matrix. */
static void matrix(const char *name, void (*fork_there)(void))
{
    static const int other_counts[] = {0, 1, MOST_OTHERS};
    struct others others;
    int round, way, i, order;

    for (round = 0; round < repeats(1, 10); round++) {
        for (way = 0; way < WAYS; way++) {
            for (i = 0; i < 3; i++) {
                for (order = 0; order < ORDERS; order++) {
                    check_at("%s: %s, %d other threads, %s", name, way_names[way],
                             other_counts[i], order_names[order]);
                    others_new(&others, other_counts[i]);
                    world_new((enum way)way);
                    fork_there();
                    both_go_on((enum order)order);
                    others_free(&others);
                }
            }
        }
    }
}

#define PLACE(place)                                                                           \
    static void fork_##place##_leaves_two_that_go_on(void)                                     \
    {                                                                                          \
        matrix(__func__, place);                                                               \
    }

PLACE(at_rest)
PLACE(with_the_lock)
PLACE(in_a_bottom_half)
PLACE(in_a_timer)
PLACE(in_a_handler)
PLACE(in_a_nested_poll)
PLACE(in_glibs_dispatch)
PLACE(in_a_completion)

/* The thread that forks is the child's only one, and not its first. */
static void *be_forked(void *unused)
{
    matrix("fork_in_another_thread_leaves_two_that_go_on", at_rest);
    return unused;
}

static void fork_in_another_thread_leaves_two_that_go_on(void)
{
    join(start(be_forked, NULL));
}

/* Each generation forks the next one, and is alive while that one goes on. */
static void fork_in_a_child_leaves_two_that_go_on(void)
{
    int generation, before = 0, first = (int)getpid();
    struct side sides[10];

    world_new(BY_FORK);
    for (generation = 0; generation < 10; generation++) {
        check_at("%s: generation %d", __func__, generation);
        world.bh_runs = world.timer_runs = world.taken[0] = world.taken[1] = 0;
        world.way = (enum way)(generation % WAYS);
        fork_now();
        sides[generation] = world.side;
        if (!is_child(&world.side)) {
            hear(&world.side);
            break;
        }
        while (world.bh_runs == 0 || world.timer_runs == 0) {
            aio_poll(world.ctx, true);
        }
        bottom_halves_are_served(world.ctx, 4);
        own_loop_is_served(world.ctx, (struct own_loop){true, false}, 4);
        put(world.pipes[1].write);
        while (world.taken[1] < 1) {
            aio_poll(world.ctx, true);
        }
        /* Its own in the place of the inherited ones: but for the socket there are no more. */
        if (generation == 1) {
            before = open_descriptors();
        }
        CHECK(generation < 1 || open_descriptors() == before + generation - 1);
    }
    if (generation == 10) {
        generation--;
        say(&sides[generation]);
        _exit(0);
    }
    side_free(&world.side);
    bottom_halves_are_served(world.ctx, 4);
    if ((int)getpid() != first) {
        say(&sides[generation - 1]);
        _exit(0);
    }
    world_free();
}

int main(int argc, char **argv)
{
    (void)argc;
    init_clocks();
    RUN_NAMED(argv, fork_at_rest_leaves_two_that_go_on);
    RUN_NAMED(argv, fork_with_the_lock_leaves_two_that_go_on);
    RUN_NAMED(argv, fork_in_a_bottom_half_leaves_two_that_go_on);
    RUN_NAMED(argv, fork_in_a_timer_leaves_two_that_go_on);
    RUN_NAMED(argv, fork_in_a_handler_leaves_two_that_go_on);
    RUN_NAMED(argv, fork_in_a_nested_poll_leaves_two_that_go_on);
    RUN_NAMED(argv, fork_in_glibs_dispatch_leaves_two_that_go_on);
    RUN_NAMED(argv, fork_in_a_completion_leaves_two_that_go_on);
    RUN_NAMED(argv, fork_in_another_thread_leaves_two_that_go_on);
    RUN_NAMED(argv, fork_in_a_child_leaves_two_that_go_on);
    return 0;
}
