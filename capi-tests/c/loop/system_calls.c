/*
 * What the loop costs in system calls.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "context.h"

static AioContext *ctx;

/* The program's write() is the library's too: it counts, and may wait. */
static int counted_fd = -1, writes, held_back;
static int burst_calls, burst_size;

ssize_t write(int fd, const void *buffer, size_t size)
{
    if (fd == load(&counted_fd)) {
        int number = __atomic_add_fetch(&writes, 1, __ATOMIC_SEQ_CST);

        if (load(&held_back) && number > 1) {
            static const char text[] = "a second write of one burst\n";

            syscall(SYS_write, 2, text, sizeof(text) - 1);
            _exit(1);
        }
        /* The first one keeps the loop asleep until all others have notified. */
        while (load(&held_back) && load(&burst_calls) < load(&burst_size) - 1) {
            sched_yield();
        }
    }
    return syscall(SYS_write, fd, buffer, size);
}

enum { THREADS = 8 };

static void *notify_once(void *unused)
{
    /* All notify in the same sleep, which lasts until the write. */
    wait_for_poller(ctx);
    aio_notify(ctx);
    __atomic_add_fetch(&burst_calls, 1, __ATOMIC_SEQ_CST);
    return unused;
}

/* All threads notify while the loop sleeps: whoever is first writes, and nobody else. */
static void a_burst_costs_one_write(void)
{
    pthread_t threads[THREADS];
    int round, i;

    ctx = context_new();
    store(&counted_fd, ctx->notifier.wfd);
    store(&held_back, 1);
    for (round = 0; round < 20; round++) {
        store(&writes, 0);
        store(&burst_calls, 0);
        store(&burst_size, THREADS);
        for (i = 0; i < THREADS; i++) {
            threads[i] = start(notify_once, NULL);
        }
        CHECK_EQ(aio_poll(ctx, true), false);
        for (i = 0; i < THREADS; i++) {
            join(threads[i]);
        }
        CHECK_EQ(writes, 1);
        /* And the event is empty again. */
        CHECK_EQ(is_readable(ctx->notifier.rfd), 0);
        CHECK_EQ(ctx->notified, false);
    }
    store(&held_back, 0);
    store(&counted_fd, -1);
    aio_context_unref(ctx);
}

static void do_nothing(void *unused)
{
    (void)unused;
}

static void an_awake_loop_costs_no_write(void)
{
    QEMUBH *bh;
    int i;

    ctx = context_new();
    bh = aio_bh_new(ctx, do_nothing, NULL);
    store(&counted_fd, ctx->notifier.wfd);
    store(&writes, 0);
    for (i = 0; i < 100; i++) {
        aio_notify(ctx);
        qemu_bh_schedule(bh);
        CHECK_EQ(aio_poll(ctx, true), true);
    }
    CHECK_EQ(writes, 0);
    store(&counted_fd, -1);
    aio_context_unref(ctx);
}

#define ALLOW(call)                                                                            \
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)(call), 0, 1),                               \
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)

/* From now on any system call but these ends the process. */
static void forbid(long allowed)
{
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        ALLOW(SYS_exit_group),
        /* To say what failed. */
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

static void a_poll_without_handlers_costs_none(void)
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

/* Whichever of epoll's calls it is, there is no other. */
static void a_poll_with_idle_handlers_costs_one_kind(void)
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
    RUN(a_burst_costs_one_write);
    RUN(an_awake_loop_costs_no_write);
    if (getenv("AIONOTIFY_INSTRUMENTED") == NULL) {
        RUN_ON_KERNEL(a_poll_without_handlers_costs_none);
        RUN_ON_KERNEL(a_poll_with_idle_handlers_costs_one_kind);
    }
    return 0;
}
