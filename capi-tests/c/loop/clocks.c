/*
 * Clocks: their time, the notifiers that run when it goes back, and qemu_poll_ns().
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "../aborts.h"
#include "timers.h"

/* As in qemu/notify.h. */
struct Notifier {
    void (*notify)(Notifier *notifier, void *data);
    struct {
        Notifier *le_next;
        Notifier **le_prev;
    } node;
};

static void qemu_clock_get_ns_tells_each_clocks_time(void)
{
    int64_t before = get_clock(), now = qemu_clock_get_ns(QEMU_CLOCK_REALTIME);

    CHECK(before <= now && now <= get_clock());
    before = get_clock_realtime();
    now = qemu_clock_get_ns(QEMU_CLOCK_HOST);
    CHECK(before <= now && now <= get_clock_realtime());
    guest_time = 123456789;
    CHECK_EQ(qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL), 123456789);
    CHECK_EQ(qemu_clock_get_us(QEMU_CLOCK_VIRTUAL), 123456);
    CHECK_EQ(qemu_clock_get_ms(QEMU_CLOCK_VIRTUAL), 123);
    use_icount = 1;
    CHECK_EQ(qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL), 4711);
    CHECK_EQ(qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL_RT), 123456789);
    use_icount = 0;
}

static int64_t reset_to[2];

static int resets[2];

static Notifier reset_notifiers[2];

static void clock_was_reset(Notifier *notifier, void *data)
{
    int i = notifier == &reset_notifiers[1];

    CHECK(notifier == &reset_notifiers[i]);
    reset_to[i] = *(int64_t *)data;
    resets[i]++;
    if (i == 1) {
        qemu_clock_unregister_reset_notifier(QEMU_CLOCK_HOST, notifier);
    }
}

static void qemu_clock_get_ns_calls_the_reset_notifiers_when_time_goes_back(void)
{
    int i;

    for (i = 0; i < 2; i++) {
        reset_notifiers[i].notify = clock_was_reset;
        qemu_clock_register_reset_notifier(QEMU_CLOCK_HOST, &reset_notifiers[i]);
    }
    /* Later than anything that the clock has returned so far. */
    host_time = get_clock_realtime() + NANOSECONDS_PER_SECOND;
    CHECK_EQ(qemu_clock_get_ns(QEMU_CLOCK_HOST), host_time);
    host_time += 1000;
    CHECK_EQ(qemu_clock_get_ns(QEMU_CLOCK_HOST), host_time);
    CHECK_EQ(qemu_clock_get_ns(QEMU_CLOCK_HOST), host_time);
    CHECK_EQ(resets[0], 0);
    host_time -= 1;
    CHECK_EQ(qemu_clock_get_ns(QEMU_CLOCK_HOST), host_time);
    CHECK_EQ(resets[0], 1);
    CHECK_EQ(resets[1], 1);
    CHECK_EQ(reset_to[0], host_time);
    CHECK_EQ(reset_to[1], host_time);
    CHECK_EQ(qemu_clock_get_ns(QEMU_CLOCK_HOST), host_time);
    CHECK_EQ(resets[0], 1);
    host_time -= 1;
    /* The other clocks do not call the notifiers. */
    qemu_clock_get_ns(QEMU_CLOCK_REALTIME);
    CHECK_EQ(resets[0], 1);
    qemu_clock_get_ns(QEMU_CLOCK_HOST);
    CHECK_EQ(resets[0], 2);
    CHECK_EQ(resets[1], 1);
    qemu_clock_unregister_reset_notifier(QEMU_CLOCK_HOST, &reset_notifiers[0]);
    host_time -= 1;
    qemu_clock_get_ns(QEMU_CLOCK_HOST);
    CHECK_EQ(resets[0], 2);
    host_time = 0;
}

static int interrupted;

static void ignore_signal(int signal_number)
{
    (void)signal_number;
}

static void *interrupt_until_it_returns(void *thread)
{
    while (!load(&interrupted)) {
        pthread_kill(*(pthread_t *)thread, SIGUSR1);
        sched_yield();
    }
    return NULL;
}

static void qemu_poll_ns_is_interrupted_by_a_signal(void)
{
    pthread_t this = pthread_self(), other;

    signal(SIGUSR1, ignore_signal);
    other = start(interrupt_until_it_returns, &this);
    errno = 0;
    CHECK_EQ(qemu_poll_ns(NULL, 0, -1), -1);
    CHECK_EQ(errno, EINTR);
    store(&interrupted, 1);
    join(other);
    signal(SIGUSR1, SIG_DFL);
}

static void qemu_poll_ns_waits_until_its_timeout(void)
{
    GPollFD fd = {0, G_IO_IN, 0};
    int64_t before;
    int fds[2];

    CHECK_EQ(pipe(fds), 0);
    fd.fd = fds[0];
    CHECK_EQ(qemu_poll_ns(&fd, 1, 0), 0);
    before = get_clock();
    CHECK_EQ(qemu_poll_ns(&fd, 1, 1500000), 0);
    CHECK(get_clock() - before >= 1500000);
    CHECK_EQ(write(fds[1], "x", 1), 1);
    CHECK_EQ(qemu_poll_ns(&fd, 1, -1), 1);
    CHECK_EQ(fd.revents, G_IO_IN);
    CHECK_EQ(qemu_poll_ns(&fd, 1, INT64_MAX), 1);
    CHECK_EQ(qemu_poll_ns(NULL, 0, 0), 0);
    close(fds[0]);
    close(fds[1]);
    CHECK_EQ(qemu_timeout_ns_to_ms(-1), -1);
    CHECK_EQ(qemu_timeout_ns_to_ms(0), 0);
    CHECK_EQ(qemu_timeout_ns_to_ms(1), 1);
    CHECK_EQ(qemu_timeout_ns_to_ms(SCALE_MS), 1);
    CHECK_EQ(qemu_timeout_ns_to_ms(SCALE_MS + 1), 2);
    CHECK_EQ(qemu_timeout_ns_to_ms(INT64_MAX), INT32_MAX);
}

static void ask_no_clock(void *unused)
{
    (void)unused;
    qemu_clock_get_ns(QEMU_CLOCK_MAX);
}

static void unregister_unregistered(void *unused)
{
    Notifier notifier = {clock_was_reset, {NULL, NULL}};

    (void)unused;
    qemu_clock_unregister_reset_notifier(QEMU_CLOCK_HOST, &notifier);
}

static void register_twice(void *unused)
{
    Notifier notifier = {clock_was_reset, {NULL, NULL}};

    (void)unused;
    qemu_clock_register_reset_notifier(QEMU_CLOCK_HOST, &notifier);
    qemu_clock_register_reset_notifier(QEMU_CLOCK_HOST, &notifier);
}

static void misuse_aborts_with_one_line(void)
{
    static const struct aborting calls[] = {
        {ask_no_clock, "aiocontext: qemu_clock_get_ns: argument 'type' is 4"},
        {unregister_unregistered, "aiocontext: qemu_clock_unregister_reset_notifier: "},
        {register_twice, "aiocontext: qemu_clock_register_reset_notifier: "},
    };

    CHECK_ABORT(calls);
}

int main(void)
{
    init_clocks();
    RUN(qemu_clock_get_ns_tells_each_clocks_time);
    RUN(qemu_clock_get_ns_calls_the_reset_notifiers_when_time_goes_back);
    RUN(qemu_poll_ns_waits_until_its_timeout);
    RUN(qemu_poll_ns_is_interrupted_by_a_signal);
    RUN(misuse_aborts_with_one_line);
    return 0;
}
