/*
 * What the loop costs in system calls.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/epoll.h>
#include <sys/prctl.h>

#include "../event_calls.h"
#include "context.h"

static AioContext *ctx;

/* While set, a poll that has found something does not return to the loop. */
static int held_back;

/* The library's call binds to this. */
int epoll_wait(int fd, struct epoll_event *events, int room, int timeout)
{
    int count = epoll_pwait(fd, events, room, timeout, NULL);

    while (load(&held_back)) {
        sched_yield();
    }
    return count;
}

static void *poll_once(void *unused)
{
    CHECK_EQ(aio_poll(ctx, true), false);
    return unused;
}

/* The loop does not consume the first write before the last notification. */
static void aio_notify_shares_a_write_that_has_completed(void)
{
    pthread_t loop;
    int i;

    ctx = context_new();
    store(&held_back, 1);
    loop = start(poll_once, NULL);
    wait_for_poller(ctx);
    store(&writes, 0);
    for (i = 0; i < 100; i++) {
        aio_notify(ctx);
    }
    CHECK_EQ(writes, 1);
    store(&held_back, 0);
    join(loop);
    aio_context_unref(ctx);
}

static int first_has_written, may_go_on;

/* Keeps the first thread that writes from writing. */
static void hold_the_first(void)
{
    if (__atomic_add_fetch(&first_has_written, 1, __ATOMIC_SEQ_CST) == 1) {
        wait_until_at_least(&may_go_on, 1);
    }
}

static void *notify_once(void *unused)
{
    aio_notify(ctx);
    return unused;
}

/* A notifier that is held before its write does not hold up another one. */
static void aio_notify_does_not_share_a_write_that_has_not_completed(void)
{
    pthread_t loop, held;

    ctx = context_new();
    store(&writes, 0);
    before_write = hold_the_first;
    loop = start(poll_once, NULL);
    wait_for_poller(ctx);
    held = start(notify_once, NULL);
    wait_until_at_least(&first_has_written, 1);
    aio_notify(ctx);
    CHECK_EQ(load(&writes), 2);
    join(loop);
    store(&may_go_on, 1);
    join(held);
    before_write = NULL;
    aio_context_unref(ctx);
}

static void aio_notify_of_an_awake_loop_writes_nothing(void)
{
    QEMUBH *bh;
    int i;

    ctx = context_new();
    bh = aio_bh_new(ctx, do_nothing, NULL);
    store(&writes, 0);
    for (i = 0; i < 100; i++) {
        aio_notify(ctx);
        qemu_bh_schedule(bh);
        CHECK_EQ(aio_poll(ctx, true), true);
    }
    CHECK_EQ(writes, 0);
    aio_context_unref(ctx);
}

#define ALLOW(call)                                                                            \
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)(call), 0, 1),                               \
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)

/* From now on all other system calls kill the process. */
static void forbid(long allowed)
{
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        ALLOW(SYS_exit_group),
        /* For the message of a failed check. */
        ALLOW(SYS_write),
        ALLOW(allowed),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
    };
    struct sock_fprog program = {sizeof(filter) / sizeof(filter[0]), filter};

    CHECK_EQ(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
    CHECK_EQ(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program), 0);
}

/* The child ends at once, without what a proper end does. */
static int dies(void (*f)(void *))
{
    char text[1024];
    int status = check_in_child(f, NULL, text, sizeof(text));

    if (WIFSIGNALED(status)) {
        CHECK_EQ(WTERMSIG(status), SIGSYS);
        return 1;
    }
    if (status != 0) {
        fprintf(stderr, "%s", text);
    }
    CHECK_EQ(status, 0);
    return 0;
}

static void child_polls_without_handlers(void *unused)
{
    QEMUBH *bh;
    int i;

    (void)unused;
    ctx = context_new();
    bh = aio_bh_new(ctx, do_nothing, NULL);
    CHECK_EQ(aio_poll(ctx, false), false);
    forbid(SYS_exit_group);
    for (i = 0; i < 100; i++) {
        CHECK_EQ(aio_poll(ctx, false), false);
        qemu_bh_schedule(bh);
        CHECK_EQ(aio_poll(ctx, false), true);
        aio_notify(ctx);
        aio_context_acquire(ctx);
        CHECK_EQ(aio_poll(ctx, false), false);
        aio_context_release(ctx);
        CHECK_EQ(aio_compute_timeout(ctx), -1);
    }
    _exit(0);
}

static void child_makes_another_call(void *unused)
{
    (void)unused;
    forbid(SYS_exit_group);
    getppid();
    _exit(0);
}

static void aio_poll_without_handlers_makes_no_system_call(void)
{
    CHECK_EQ(dies(child_makes_another_call), 1);
    CHECK_EQ(dies(child_polls_without_handlers), 0);
}

static void child_polls_with_handlers(void *allowed)
{
    enum { IDLE = 100 };
    struct ends ends[IDLE];
    int i;

    ctx = context_new();
    for (i = 0; i < IDLE; i++) {
        ends[i] = pipe_new();
        aio_set_fd_handler(ctx, ends[i].read, do_nothing, NULL, NULL);
    }
    CHECK_EQ(aio_poll(ctx, false), false);
    forbid(*(long *)allowed);
    for (i = 0; i < 100; i++) {
        CHECK_EQ(aio_poll(ctx, false), false);
    }
    _exit(0);
}

static long allowed;

static void child_polls_with_one_call(void *unused)
{
    (void)unused;
    child_polls_with_handlers(&allowed);
}

/* It makes one of epoll's calls and no other. */
static void aio_poll_with_idle_handlers_makes_one_kind_of_system_call(void)
{
    const long calls[] = {
#ifdef SYS_epoll_wait
        SYS_epoll_wait,
#endif
        SYS_epoll_pwait,
#ifdef SYS_epoll_pwait2
        SYS_epoll_pwait2,
#endif
    };
    size_t i;

    for (i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
        allowed = calls[i];
        if (!dies(child_polls_with_one_call)) {
            return;
        }
    }
    CHECK(!"a poll with idle handlers makes other system calls than epoll's");
}

int main(void)
{
    init_clocks();
    /* First: a program's own aio-posix fails here, whatever the scheduler does. */
    if (getenv("AIONOTIFY_INSTRUMENTED") == NULL) {
        RUN_ON_KERNEL(aio_poll_without_handlers_makes_no_system_call);
        RUN_ON_KERNEL(aio_poll_with_idle_handlers_makes_one_kind_of_system_call);
    }
    RUN(aio_notify_shares_a_write_that_has_completed);
    RUN(aio_notify_does_not_share_a_write_that_has_not_completed);
    RUN(aio_notify_of_an_awake_loop_writes_nothing);
    return 0;
}
