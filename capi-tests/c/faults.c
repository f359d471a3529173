/*
 * EventNotifier where the system refuses: no descriptors left, no eventfd, signals, fork and
 * exec.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <sys/eventfd.h>

#include "loop.h"
#include "refuse.h"

static void expect_failure(int error)
{
    EventNotifier e = {7, 7};

    CHECK_EQ(event_notifier_init(&e, 1), -error);
    CHECK_EQ(e.rfd, -1);
    CHECK_EQ(e.wfd, -1);
    event_notifier_cleanup(&e);
}

static void child_without_descriptors(void *unused)
{
    int before = open_descriptors();
    struct rlimit limit = allow_descriptors(0);

    (void)unused;
    expect_failure(EMFILE);
    CHECK_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
    CHECK_EQ(open_descriptors(), before);
}

static void event_notifier_init_fails_without_descriptors(void)
{
    check_child_succeeds(child_without_descriptors, NULL);
}

static void child_with_pipes(void *unused)
{
    EventNotifier e;
    int i, before = open_descriptors();

    (void)unused;
    refuse(SYS_eventfd2, ENOSYS);
    CHECK_EQ(eventfd(0, 0), -1);
    CHECK_EQ(errno, ENOSYS);

    CHECK_EQ(event_notifier_init(&e, 1), 0);
    CHECK(e.rfd != e.wfd);
    CHECK(fcntl(e.rfd, F_GETFL) & O_NONBLOCK);
    CHECK(fcntl(e.wfd, F_GETFL) & O_NONBLOCK);
    CHECK(fcntl(e.rfd, F_GETFD) & FD_CLOEXEC);
    CHECK(fcntl(e.wfd, F_GETFD) & FD_CLOEXEC);
    CHECK_EQ(event_notifier_get_fd(&e), e.rfd);
    CHECK(is_readable(e.rfd));
    CHECK_EQ(event_notifier_test_and_clear(&e), 1);
    CHECK_EQ(event_notifier_test_and_clear(&e), 0);
    for (i = 0; i < 20000; i++) {
        CHECK_EQ(event_notifier_set(&e), 0);
    }
    CHECK_EQ(event_notifier_test_and_clear(&e), 1);
    CHECK(!is_readable(e.rfd));
    event_notifier_cleanup(&e);
    CHECK_EQ(open_descriptors(), before);
}

static void event_notifier_init_makes_a_pipe_without_eventfd(void)
{
    check_child_succeeds(child_with_pipes, NULL);
}

/* The whole protocol over a pipe. */
static void child_notifies_through_a_pipe(void *unused)
{
    AioContext *ctx;

    (void)unused;
    refuse(SYS_eventfd2, ENOSYS);
    ctx = loop_new();
    CHECK(ctx->notifier.rfd != ctx->notifier.wfd);
    loop_begin(ctx);
    aio_notify(ctx);
    CHECK(ctx->notified);
    CHECK_EQ(loop_wait(ctx, -1), 1);
    CHECK(!ctx->notified);
    CHECK(!is_readable(ctx->notifier.rfd));
    loop_free(ctx);
}

static void aio_notify_wakes_the_loop_through_a_pipe(void)
{
    check_child_succeeds(child_notifies_through_a_pipe, NULL);
}

static void child_with_half_a_pipe(void *unused)
{
    int before = open_descriptors();
    struct rlimit limit;

    (void)unused;
    refuse(SYS_eventfd2, ENOSYS);
    limit = allow_descriptors(1);
    expect_failure(EMFILE);
    CHECK_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
    CHECK_EQ(open_descriptors(), before);
}

static void event_notifier_init_needs_two_descriptors_for_a_pipe(void)
{
    check_child_succeeds(child_with_half_a_pipe, NULL);
}

static void child_with_forbidden_eventfd(void *unused)
{
    (void)unused;
    refuse(SYS_eventfd2, EPERM);
    expect_failure(EPERM);
}

static void event_notifier_init_returns_other_errors_of_eventfd(void)
{
    check_child_succeeds(child_with_forbidden_eventfd, NULL);
}

static void child_with_nothing(void *unused)
{
    (void)unused;
    refuse(SYS_eventfd2, ENOSYS);
    refuse(SYS_pipe2, ENFILE);
    expect_failure(ENFILE);
}

static void event_notifier_init_returns_the_error_of_pipe(void)
{
    check_child_succeeds(child_with_nothing, NULL);
}

static void child_that_cannot_write(void *unused)
{
    int before = open_descriptors();

    (void)unused;
    refuse(SYS_write, EIO);
    expect_failure(EIO);
    CHECK_EQ(open_descriptors(), before);
}

static void event_notifier_init_leaves_nothing_open_if_its_set_fails(void)
{
    check_child_succeeds(child_that_cannot_write, NULL);
}

static volatile sig_atomic_t interruptions;

static void interrupted(int signal_number)
{
    (void)signal_number;
    interruptions++;
}

/* A thread in a system call on a blocking descriptor of the program's own. */
struct blocked {
    pthread_t thread;
    int tid;
    EventNotifier e;
    /* What lets the call go on. */
    void (*release)(EventNotifier *e);
    int done;
};

/* Interrupts the thread ten times while it is in its system call, then lets it go on. */
static void *interrupt_then_release(void *argument)
{
    struct blocked *blocked = argument;
    int i;

    for (i = 1; i <= 10; i++) {
        while (!is_asleep(blocked->tid)) {
            sched_yield();
        }
        CHECK_EQ(pthread_kill(blocked->thread, SIGUSR1), 0);
        while (interruptions < i) {
            sched_yield();
        }
    }
    CHECK(!__atomic_load_n(&blocked->done, __ATOMIC_SEQ_CST));
    blocked->release(&blocked->e);
    return NULL;
}

static void check_repeated(void (*release)(EventNotifier *), int (*call)(EventNotifier *),
                           uint64_t filled, int expected)
{
    struct sigaction action;
    struct blocked blocked = {.thread = pthread_self(), .tid = own_tid(), .release = release};
    pthread_t helper;

    memset(&action, 0, sizeof(action));
    action.sa_handler = interrupted; /* without SA_RESTART: the call fails with EINTR */
    CHECK_EQ(sigaction(SIGUSR1, &action, NULL), 0);

    event_notifier_init_fd(&blocked.e, eventfd(0, 0));
    CHECK_EQ(write(blocked.e.wfd, &filled, sizeof(filled)), 8);
    interruptions = 0;
    helper = start(interrupt_then_release, &blocked);
    CHECK_EQ(call(&blocked.e), expected);
    __atomic_store_n(&blocked.done, 1, __ATOMIC_SEQ_CST);
    join(helper);
    CHECK_EQ(interruptions, 10);
    event_notifier_cleanup(&blocked.e);
}

static void empty(EventNotifier *e)
{
    uint64_t value;

    CHECK_EQ(read(e->rfd, &value, sizeof(value)), 8);
}

static void event_notifier_set_is_repeated_after_a_signal(void)
{
    check_repeated(empty, event_notifier_set, UINT64_MAX - 1, 0);
}

static void fill(EventNotifier *e)
{
    uint64_t one = 1;

    CHECK_EQ(write(e->wfd, &one, sizeof(one)), 8);
}

static void event_notifier_test_and_clear_is_repeated_after_a_signal(void)
{
    check_repeated(fill, event_notifier_test_and_clear, 0, 1);
}

static void child_sets(void *argument)
{
    CHECK_EQ(event_notifier_set(argument), 0);
}

static void event_notifier_set_in_a_child_sets_the_parents(void)
{
    EventNotifier e;

    CHECK_EQ(event_notifier_init(&e, 0), 0);
    check_child_succeeds(child_sets, &e);
    CHECK_EQ(event_notifier_test_and_clear(&e), 1);
    event_notifier_cleanup(&e);
}

static const char *program;

static void child_executes(void *argument)
{
    EventNotifier *e = argument;
    char rfd[16], wfd[16];

    snprintf(rfd, sizeof(rfd), "%d", e->rfd);
    snprintf(wfd, sizeof(wfd), "%d", e->wfd);
    execl(program, program, "--closed", rfd, wfd, (char *)NULL);
    CHECK(!"exec");
}

static void child_executes_with_pipe(void *unused)
{
    EventNotifier e;

    (void)unused;
    refuse(SYS_eventfd2, ENOSYS);
    CHECK_EQ(event_notifier_init(&e, 0), 0);
    child_executes(&e);
}

static void event_notifier_init_closes_it_on_exec(void)
{
    EventNotifier e;

    CHECK_EQ(event_notifier_init(&e, 0), 0);
    check_child_succeeds(child_executes, &e);
    event_notifier_cleanup(&e);
}

static void event_notifier_init_closes_a_pipe_on_exec(void)
{
    check_child_succeeds(child_executes_with_pipe, NULL);
}

int main(int argc, char **argv)
{
    program = argv[0];
    if (argc == 4 && strcmp(argv[1], "--closed") == 0) {
        CHECK_EQ(fcntl(atoi(argv[2]), F_GETFD), -1);
        CHECK_EQ(fcntl(atoi(argv[3]), F_GETFD), -1);
        return 0;
    }
    RUN(event_notifier_init_fails_without_descriptors);
    RUN_ON_KERNEL(event_notifier_init_makes_a_pipe_without_eventfd);
    RUN_ON_KERNEL(aio_notify_wakes_the_loop_through_a_pipe);
    RUN_ON_KERNEL(event_notifier_init_needs_two_descriptors_for_a_pipe);
    RUN_ON_KERNEL(event_notifier_init_returns_other_errors_of_eventfd);
    RUN_ON_KERNEL(event_notifier_init_returns_the_error_of_pipe);
    if (getenv("AIONOTIFY_EMULATED") == NULL) {
        /* valgrind itself needs write. */
        RUN_UNLESS("AIONOTIFY_INSTRUMENTED",
                   event_notifier_init_leaves_nothing_open_if_its_set_fails);
    }
    RUN(event_notifier_set_is_repeated_after_a_signal);
    RUN(event_notifier_test_and_clear_is_repeated_after_a_signal);
    RUN(event_notifier_set_in_a_child_sets_the_parents);
    RUN_ON_KERNEL(event_notifier_init_closes_it_on_exec);
    RUN_ON_KERNEL(event_notifier_init_closes_a_pipe_on_exec);
    return 0;
}
