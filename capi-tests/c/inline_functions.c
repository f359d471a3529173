/*
 * The inline functions of the headers, with the program's functions of own_program.c and
 * own_timers.c behind them.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "block/aio.h"

#include "check.h"

static int opaque;

static void callback(void *p)
{
    CHECK(p == &opaque);
}

static void qemu_soonest_timeout_prefers_a_deadline_to_none(void)
{
    CHECK_EQ(qemu_soonest_timeout(3, 7), 3);
    CHECK_EQ(qemu_soonest_timeout(7, 3), 3);
    CHECK_EQ(qemu_soonest_timeout(0, 7), 0);
    CHECK_EQ(qemu_soonest_timeout(-1, 5), 5);
    CHECK_EQ(qemu_soonest_timeout(5, -1), 5);
    CHECK_EQ(qemu_soonest_timeout(-1, 0), 0);
    CHECK_EQ(qemu_soonest_timeout(-1, INT64_MAX), INT64_MAX);
    CHECK_EQ(qemu_soonest_timeout(-1, -1), -1);
}

static void qemu_clock_get_us_and_ms_round_down(void)
{
    CHECK_EQ(qemu_clock_get_us(QEMU_CLOCK_REALTIME), 1234567891);
    CHECK_EQ(qemu_clock_get_ms(QEMU_CLOCK_REALTIME), 1234567);
    CHECK_EQ(qemu_clock_get_us(QEMU_CLOCK_VIRTUAL_RT), 4938271564);
    CHECK_EQ(qemu_clock_get_ms(QEMU_CLOCK_VIRTUAL_RT), 4938271);
}

static void check_timer(const QEMUTimer *ts, const QEMUTimerList *list, int scale)
{
    CHECK(ts->timer_list == list);
    CHECK(ts->cb == callback);
    CHECK(ts->opaque == &opaque);
    CHECK_EQ(ts->scale, scale);
    CHECK_EQ(ts->expire_time, -1);
    CHECK(ts->next == NULL);
}

static void timer_init_functions_fill_the_timer(void)
{
    QEMUTimerList **tl = main_loop_tlg.tl;
    QEMUTimer ts = {0};

    timer_init(&ts, QEMU_CLOCK_VIRTUAL, 7, callback, &opaque);
    check_timer(&ts, tl[QEMU_CLOCK_VIRTUAL], 7);
    timer_init_ns(&ts, QEMU_CLOCK_REALTIME, callback, &opaque);
    check_timer(&ts, tl[QEMU_CLOCK_REALTIME], 1);
    timer_init_us(&ts, QEMU_CLOCK_HOST, callback, &opaque);
    check_timer(&ts, tl[QEMU_CLOCK_HOST], 1000);
    timer_init_ms(&ts, QEMU_CLOCK_VIRTUAL_RT, callback, &opaque);
    check_timer(&ts, tl[QEMU_CLOCK_VIRTUAL_RT], 1000000);
}

static void check_and_free(QEMUTimer *ts, const QEMUTimerList *list, int scale)
{
    check_timer(ts, list, scale);
    timer_free(ts);
}

static void timer_new_functions_allocate_and_fill_the_timer(void)
{
    QEMUTimerList **tl = main_loop_tlg.tl;

    check_and_free(timer_new_tl(tl[2], 9, callback, &opaque), tl[2], 9);
    check_and_free(timer_new(QEMU_CLOCK_VIRTUAL, 7, callback, &opaque), tl[1], 7);
    check_and_free(timer_new_ns(QEMU_CLOCK_REALTIME, callback, &opaque), tl[0], 1);
    check_and_free(timer_new_us(QEMU_CLOCK_HOST, callback, &opaque), tl[2], 1000);
    check_and_free(timer_new_ms(QEMU_CLOCK_VIRTUAL_RT, callback, &opaque), tl[3], 1000000);
}

static void aio_timer_init_and_new_take_the_contexts_list(void)
{
    static AioContext ctx;
    char lists[QEMU_CLOCK_MAX];
    QEMUTimer ts = {0};
    int i;

    for (i = 0; i < QEMU_CLOCK_MAX; i++) {
        ctx.tlg.tl[i] = (QEMUTimerList *)&lists[i];
    }
    for (i = 0; i < QEMU_CLOCK_MAX; i++) {
        aio_timer_init(&ctx, &ts, (QEMUClockType)i, SCALE_US, callback, &opaque);
        check_timer(&ts, ctx.tlg.tl[i], 1000);
        check_and_free(aio_timer_new(&ctx, (QEMUClockType)i, SCALE_MS, callback, &opaque),
                       ctx.tlg.tl[i], 1000000);
    }
}

/* GLib's clocks are the same ones, in microseconds. */
static void get_clock_functions_agree_with_glibs(void)
{
    int64_t before = g_get_monotonic_time() * 1000, now = get_clock();

    CHECK(before <= now);
    CHECK(now < (g_get_monotonic_time() + 1) * 1000);
    before = g_get_real_time() * 1000;
    now = get_clock_realtime();
    /* The wall clock may be set; no test runs for an hour. */
    CHECK(now - before < 3600 * NANOSECONDS_PER_SECOND);
    CHECK(before - now < 3600 * NANOSECONDS_PER_SECOND);
}

int main(void)
{
    char lists[QEMU_CLOCK_MAX];
    int i;

    for (i = 0; i < QEMU_CLOCK_MAX; i++) {
        main_loop_tlg.tl[i] = (QEMUTimerList *)&lists[i];
    }
    RUN(qemu_soonest_timeout_prefers_a_deadline_to_none);
    RUN(qemu_clock_get_us_and_ms_round_down);
    RUN(timer_init_functions_fill_the_timer);
    RUN(timer_new_functions_allocate_and_fill_the_timer);
    RUN(aio_timer_init_and_new_take_the_contexts_list);
    RUN(get_clock_functions_agree_with_glibs);
    return 0;
}
