/*
 * Fork: a child's descriptors take the place of the inherited ones, also where none is free.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <stdarg.h>
#include <sys/resource.h>

#include "fork.h"
#include "served.h"

static AioContext *ctx;
static struct ends ends;
static int taken;
static QEMUBH *bh;
static int runs;

static void take_it(void *unused)
{
    (void)unused;
    taken += take(ends.read);
}

static void set_up(void)
{
    taken = runs = 0;
    ctx = context_new();
    ends = pipe_new();
    bh = aio_bh_new(ctx, count_fired, &runs);
    aio_set_fd_handler(ctx, ends.read, take_it, NULL, NULL);
    CHECK_EQ(aio_poll(ctx, false), false);
}

static void tear_down(void)
{
    aio_set_fd_handler(ctx, ends.read, NULL, NULL, NULL);
    pipe_free(ends);
    qemu_bh_delete(bh);
    aio_context_unref(ctx);
}

static void check_handler(void)
{
    int before = taken, turns = 0;

    put(ends.write);
    for (; taken == before; turns++) {
        aio_poll(ctx, true);
    }
    CHECK_EQ(taken, before + 1);
    check_turns(turns, 1);
}

/* Leaves no number free, by a lower limit or by filling all below it. */
enum scarcity { LOW_LIMIT, ALL_FILLED, SCARCITIES };

static const char *const scarcity_names[] = {"low limit", "all filled"};

static struct rlimit limit_before;

static void use_up_descriptors(enum scarcity scarcity)
{
    struct rlimit limit;
    int fd = dup(0);

    CHECK(fd >= 0);
    close(fd);
    CHECK_EQ(getrlimit(RLIMIT_NOFILE, &limit_before), 0);
    limit = limit_before;
    limit.rlim_cur = (rlim_t)fd;
    if (scarcity == ALL_FILLED) {
        limit.rlim_cur = 64;
    }
    CHECK_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
    while (fcntl(0, F_DUPFD_CLOEXEC, 0) >= 0) {
    }
    CHECK_EQ(errno, EMFILE);
}

/* Polls until a timer is due after 100 ms; returns the turns. */
static int turns_in_100_ms(void)
{
    int fired = 0, turns = 0;
    QEMUTimer *timer = aio_timer_new(ctx, QEMU_CLOCK_REALTIME, SCALE_NS, count_fired, &fired);

    timer_mod(timer, qemu_clock_get_ns(QEMU_CLOCK_REALTIME) + 100 * SCALE_MS);
    for (; !load(&fired); turns++) {
        aio_poll(ctx, true);
    }
    timer_free(timer);
    return turns;
}

struct scarce {
    enum way way;
    enum scarcity scarcity;
    int before_fork; /* scarce in the parent already */
};

/* What needs no descriptor of its own works; the loop may look round now and then. */
static void child_without_descriptors(struct scarce *scarce)
{
    int i;

    if (!scarce->before_fork) {
        use_up_descriptors(scarce->scarcity);
    }
    for (i = 1; i <= 3; i++) {
        qemu_bh_schedule(bh);
        CHECK_EQ(aio_poll(ctx, true), true);
        CHECK_EQ(runs, i);
        check_handler();
        CHECK(turns_in_100_ms() <= 50);
        bottom_halves_are_served(ctx, 6);
    }
    CHECK(aio_context_new(NULL) == NULL);
    aio_set_fd_handler(ctx, ends.read, NULL, NULL, NULL);
    put(ends.write);
    run_all(ctx);
    CHECK_EQ(taken, 3);
    aio_set_fd_handler(ctx, ends.read, take_it, NULL, NULL);
    CHECK_EQ(aio_poll(ctx, true), true);
    CHECK_EQ(taken, 4);

    /* With descriptors again all is as before, and without being said anything more. */
    CHECK_EQ(setrlimit(RLIMIT_NOFILE, &limit_before), 0);
    for (i = 0; i < 2; i++) {
        bottom_halves_are_served(ctx, 20);
        timers_are_served(ctx);
        own_loop_is_served(ctx, (struct own_loop){true, false}, 6);
        check_handler();
        the_pool_is_served(ctx, 2);
    }
    CHECK(turns_in_100_ms() <= 10);
    a_new_context_is_served(4);
    tear_down();
}

/* The process in the middle has the scarcity that is there before the fork. */
static void be_parent(void *opaque)
{
    struct scarce *scarce = opaque;
    pid_t child;
    int status, i;

    set_up();
    /* Full, with somebody about to sleep. */
    loop_begin(ctx);
    aio_notify(ctx);
    if (scarce->before_fork) {
        use_up_descriptors(scarce->scarcity);
    }
    fflush(NULL);
    child = fork_by(scarce->way);
    CHECK(child >= 0);
    if (child == 0) {
        check_watchdog();
        __atomic_fetch_sub(&ctx->notify_me, 2, __ATOMIC_SEQ_CST);
        aio_notify_accept(ctx);
        child_without_descriptors(scarce);
        _exit(0);
    }
    CHECK_EQ(waitpid(child, &status, 0), child);
    /* If it cannot go on it ends by abort(), and says why. */
    if (status != 0 && !(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT)) {
        fprintf(stderr, "the child's status is %#x\n", (unsigned)status);
        exit(1);
    }
    CHECK_EQ(is_readable(ctx->notifier.rfd), 1);
    CHECK_EQ(loop_wait(ctx, 0), 1);
    for (i = 0; i < 3; i++) {
        take(ends.read);
        check_handler();
        bottom_halves_are_served(ctx, 6);
    }
    CHECK(turns_in_100_ms() <= 10);
    CHECK_EQ(ctx->notify_me, 0);
    if (status != 0) {
        exit(7);
    }
}

static void fork_without_a_free_descriptor_leaves_two_that_go_on(void)
{
    int way, scarcity, before_fork;

    for (way = 0; way < WAYS; way++) {
        for (scarcity = 0; scarcity < SCARCITIES; scarcity++) {
            for (before_fork = 0; before_fork <= 1; before_fork++) {
                struct scarce scarce = {.way = (enum way)way,
                                        .scarcity = (enum scarcity)scarcity,
                                        .before_fork = before_fork};
                char text[2048];
                int status;

                check_at("%s: %s, %s, %s the fork", __func__, way_names[way],
                         scarcity_names[scarcity], before_fork ? "before" : "after");
                status = check_in_child(be_parent, &scarce, text, sizeof(text));
                if (!WIFEXITED(status) ||
                    (WEXITSTATUS(status) != 0 && WEXITSTATUS(status) != 7)) {
                    fprintf(stderr, "%s: status %#x: %s\n", check_current, (unsigned)status,
                            text);
                    exit(1);
                }
                /* Said once, if at all; it must be if the child has not gone on. */
                if (check_lines(text) > 1 || (status != 0 && check_lines(text) == 0) ||
                    (check_lines(text) == 1 && strncmp(text, "aiocontext: ", 12) != 0)) {
                    fprintf(stderr, "%s: said: %s\n", check_current, text);
                    exit(1);
                }
            }
        }
    }
}

static void use_and_count(void *unused)
{
    int before = open_descriptors(), number = event_notifier_get_fd(&ctx->notifier), i, used;

    (void)unused;
    CHECK_EQ(aio_poll(ctx, false), false);
    CHECK_EQ(open_descriptors(), before);
    CHECK_EQ(event_notifier_get_fd(&ctx->notifier), number);
    bottom_halves_are_served(ctx, 4);
    check_handler();
    /* Whatever it makes for its own use it makes once. */
    used = open_descriptors();
    for (i = 0; i < 20; i++) {
        check_handler();
        bottom_halves_are_served(ctx, 2);
    }
    CHECK_EQ(open_descriptors(), used);
    tear_down();
    /* The pipe's two, and the context's. */
    CHECK(open_descriptors() <= before - 4);
}

static void fork_costs_a_child_no_more_descriptors(void)
{
    int way;

    for (way = 0; way < WAYS; way++) {
        check_at("%s: %s", __func__, way_names[way]);
        set_up();
        in_child_by((enum way)way, use_and_count, NULL);
        check_handler();
        tear_down();
    }
}

/* The program that the child executes has none of the context's descriptors. */
static void execute(void *uses)
{
    char name[] = "/proc/self/exe", argument[] = "executed";
    char *const arguments[] = {name, argument, NULL};

    if (*(int *)uses) {
        bottom_halves_are_served(ctx, 4);
        check_handler();
    }
    execv(name, arguments);
    CHECK(!"execv has returned");
}

static int executed(void)
{
    int fd;

    for (fd = 3; fd < 100; fd++) {
        char name[64], link[64] = "";

        snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
        if (readlink(name, link, sizeof(link) - 1) > 0 &&
            (strstr(link, "event") != NULL || strstr(link, "timerfd") != NULL)) {
            fprintf(stderr, "executed: %s is %s\n", name, link);
            return 1;
        }
    }
    return 0;
}

static void fork_and_exec_leave_the_parent_alone(void)
{
    int way, uses;

    for (way = 0; way < WAYS; way++) {
        for (uses = 0; uses <= 1; uses++) {
            check_at("%s: %s%s", __func__, way_names[way], uses ? ", used before" : "");
            set_up();
            in_child_by((enum way)way, execute, &uses);
            check_handler();
            bottom_halves_are_served(ctx, 4);
            tear_down();
        }
    }
}

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "executed") == 0) {
        return executed();
    }
    init_clocks();
    RUN_NAMED(argv, fork_without_a_free_descriptor_leaves_two_that_go_on);
    RUN_NAMED(argv, fork_costs_a_child_no_more_descriptors);
    if (getenv("AIONOTIFY_EMULATED") == NULL) {
        RUN_NAMED(argv, fork_and_exec_leave_the_parent_alone);
    }
    return 0;
}
