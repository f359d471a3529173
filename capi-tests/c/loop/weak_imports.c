/*
 * What the library takes from the program, if it has it: compiled with OF_THE_PROGRAM the
 * program has all of it, else nothing.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "../aborts.h"
#include "context.h"

static AioContext *ctx;

static int work(void *opaque)
{
    return *(int *)opaque + 1;
}

#ifdef OF_THE_PROGRAM

/* The reference's prototypes, but for the types that are the program's alone. */
struct Error {
    int os_error;
};
void error_set_errno(Error **errp, int os_error, int error_class, const char *format, ...);
void qemu_notify_event(void);
int64_t cpu_get_clock(void);
int64_t cpu_get_icount(void);
extern int use_icount;
void qemu_clock_warp(QEMUClockType type);
void *qemu_coroutine_self(void);
void qemu_coroutine_enter(void *coroutine, void *opaque);
void qemu_coroutine_yield(void);
bool qemu_in_coroutine(void);
AioContext *qemu_get_aio_context(void);
void qemu_set_fd_handler(int fd, IOHandler *fd_read, IOHandler *fd_write, void *opaque);

static Error the_error;

void error_set_errno(Error **errp, int os_error, int error_class, const char *format, ...)
{
    (void)format;
    CHECK_EQ(error_class, 0);
    the_error.os_error = os_error;
    if (errp != NULL) {
        *errp = &the_error;
    }
}

static int events, warps, entered;

void qemu_notify_event(void)
{
    events++;
}

int64_t cpu_get_clock(void)
{
    return 1000;
}

int64_t cpu_get_icount(void)
{
    return 2000;
}

int use_icount;

void qemu_clock_warp(QEMUClockType type)
{
    CHECK_EQ(type, QEMU_CLOCK_VIRTUAL);
    warps++;
}

/* The only coroutine is the program itself: while it yields, its loop runs. */
static int the_coroutine;

void *qemu_coroutine_self(void)
{
    return &the_coroutine;
}

void qemu_coroutine_enter(void *coroutine, void *opaque)
{
    (void)opaque;
    CHECK(coroutine == &the_coroutine);
    entered = 1;
}

void qemu_coroutine_yield(void)
{
    while (!entered) {
        aio_poll(ctx, true);
    }
    entered = 0;
}

bool qemu_in_coroutine(void)
{
    return true;
}

AioContext *qemu_get_aio_context(void)
{
    return ctx;
}

static int handler_fd;

void qemu_set_fd_handler(int fd, IOHandler *fd_read, IOHandler *fd_write, void *opaque)
{
    (void)fd_write;
    (void)opaque;
    handler_fd = fd_read != NULL ? fd : -1;
}

static void expect_error(Error *error)
{
    CHECK(error == &the_error);
    CHECK_EQ(error->os_error, EMFILE);
}

static void cpu_get_clock_is_the_programs(void)
{
    CHECK_EQ(qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL), 1000);
    use_icount = 1;
    CHECK_EQ(qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL), 2000);
    use_icount = 0;
}

static void qemu_notify_event_is_the_programs(void)
{
    QEMUTimer *timer = timer_new(QEMU_CLOCK_REALTIME, SCALE_MS, do_nothing, NULL);

    events = 0;
    timer_mod(timer, 1);
    CHECK(events > 0);
    timer_free(timer);
    warps = 0;
    timer = timer_new(QEMU_CLOCK_VIRTUAL, SCALE_MS, do_nothing, NULL);
    timer_mod(timer, 1);
    CHECK(warps > 0);
    timer_free(timer);
}

static void thread_pool_submit_co_waits_in_a_coroutine(void)
{
    int number = 41;

    ctx = context_new();
    CHECK_EQ(thread_pool_submit_co(aio_get_thread_pool(ctx), work, &number), 42);
    CHECK_EQ(entered, 0);
    aio_context_unref(ctx);
}

static void event_notifier_set_handler_calls_the_programs(void)
{
    EventNotifier e = {40, 41};

    CHECK_EQ(event_notifier_set_handler(&e, (EventNotifierHandler *)(void *)do_nothing), 0);
    CHECK_EQ(handler_fd, 40);
}

#else

static void expect_error(Error *error)
{
    CHECK(error == NULL);
}

/* Its own defaults. */
static void cpu_get_clock_is_the_programs(void)
{
    int64_t before = get_clock(), now = qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL);

    CHECK(before <= now && now <= get_clock());
}

static void qemu_notify_event_is_the_programs(void)
{
    QEMUTimer *timer = timer_new(QEMU_CLOCK_VIRTUAL, SCALE_MS, do_nothing, NULL);

    timer_mod(timer, 1);
    CHECK_EQ(timer_pending(timer), true);
    CHECK_EQ(qemu_clock_run_all_timers(), true);
    timer_free(timer);
}

static void submit_without_coroutines(void *unused)
{
    int number = 41;

    (void)unused;
    ctx = context_new();
    thread_pool_submit_co(aio_get_thread_pool(ctx), work, &number);
}

static void thread_pool_submit_co_waits_in_a_coroutine(void)
{
    static const struct aborting calls[] = {
        {submit_without_coroutines, "aiocontext: thread_pool_submit_co: "},
    };

    CHECK_ABORT(calls);
}

static void event_notifier_set_handler_calls_the_programs(void)
{
    EventNotifier e = {40, 41};

    CHECK_EQ(event_notifier_set_handler(&e, (EventNotifierHandler *)(void *)do_nothing),
             -ENOSYS);
}

#endif

static void error_set_errno_is_the_programs(void)
{
    struct rlimit limit, narrow;
    Error *error = NULL;

    CHECK_EQ(getrlimit(RLIMIT_NOFILE, &limit), 0);
    narrow = limit;
    narrow.rlim_cur = 0;
    CHECK_EQ(setrlimit(RLIMIT_NOFILE, &narrow), 0);
    CHECK(aio_context_new(&error) == NULL);
    CHECK_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
    expect_error(error);
}

int main(void)
{
    init_clocks();
    RUN(error_set_errno_is_the_programs);
    RUN(cpu_get_clock_is_the_programs);
    RUN(qemu_notify_event_is_the_programs);
    RUN(thread_pool_submit_co_waits_in_a_coroutine);
    RUN(event_notifier_set_handler_calls_the_programs);
    return 0;
}
