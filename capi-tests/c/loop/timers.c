/*
 * Timers in a loop: order, re-arming, scales, clocks, and what callbacks may do.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "context.h"

/* The guest's clock, which the tests set. */
static int64_t guest_time;

int64_t cpu_get_clock(void);

int64_t cpu_get_clock(void)
{
    return guest_time;
}

static AioContext *ctx;

struct named {
    QEMUTimer timer;
    char name;
    void (*then)(struct named *);
};

static void fire(void *opaque)
{
    struct named *named = opaque;

    CHECK_EQ(timer_pending(&named->timer), false);
    ran_add(named->name);
    if (named->then != NULL) {
        named->then(named);
    }
}

static struct named a, b, c;

static void three_timers(int scale)
{
    struct named *all[] = {&a, &b, &c};
    int i;

    ctx = context_new();
    guest_time = 0;
    ran_clear();
    for (i = 0; i < 3; i++) {
        all[i]->name = (char)('a' + i);
        all[i]->then = NULL;
        aio_timer_init(ctx, &all[i]->timer, QEMU_CLOCK_VIRTUAL, scale, fire, all[i]);
    }
}

static void done(void)
{
    timer_del(&a.timer);
    timer_del(&b.timer);
    timer_del(&c.timer);
    aio_context_unref(ctx);
}

static void deadlines_and_then_arming_make_the_order(void)
{
    three_timers(SCALE_NS);
    timer_mod(&c.timer, 20);
    timer_mod(&b.timer, 10);
    timer_mod(&a.timer, 20);
    CHECK_EQ(aio_compute_timeout(ctx), 10);
    guest_time = 9;
    CHECK_EQ(aio_poll(ctx, false), false);
    guest_time = 20;
    CHECK_EQ(aio_compute_timeout(ctx), 0);
    CHECK_EQ(aio_poll(ctx, true), true);
    CHECK_RAN("bca");
    CHECK_EQ(aio_compute_timeout(ctx), -1);
    done();
}

static void a_pending_timer_is_moved(void)
{
    three_timers(SCALE_US);
    timer_mod(&a.timer, 5);
    CHECK_EQ(timer_expire_time_ns(&a.timer), 5000);
    timer_mod(&a.timer, 7);
    CHECK_EQ(timer_expire_time_ns(&a.timer), 7000);
    timer_mod_ns(&a.timer, 6500);
    CHECK_EQ(timer_expire_time_ns(&a.timer), 6500);
    timer_mod_anticipate(&a.timer, 9);
    CHECK_EQ(timer_expire_time_ns(&a.timer), 6500);
    timer_mod_anticipate(&a.timer, 3);
    CHECK_EQ(timer_expire_time_ns(&a.timer), 3000);
    CHECK_EQ(timer_expired(&a.timer, 2), false);
    CHECK_EQ(timer_expired(&a.timer, 3), true);
    guest_time = 7000;
    CHECK_EQ(aio_poll(ctx, false), true);
    CHECK_EQ(aio_poll(ctx, false), false);
    CHECK_RAN("a");
    CHECK_EQ(timer_expire_time_ns(&a.timer), UINT64_MAX);
    /* Negative times count as 0. */
    timer_mod(&a.timer, -4);
    CHECK_EQ(timer_expire_time_ns(&a.timer), 0);
    CHECK_EQ(timer_pending(&a.timer), true);
    timer_del(&a.timer);
    timer_del(&a.timer);
    CHECK_EQ(timer_pending(&a.timer), false);
    done();
}

static void arm_again(struct named *named)
{
    named->then = NULL;
    timer_mod(&named->timer, guest_time + 1);
}

static void delete_the_others(struct named *named)
{
    timer_del(named == &b ? &a.timer : &b.timer);
    timer_del(&c.timer);
}

static void callbacks_may_rearm_and_delete(void)
{
    three_timers(SCALE_NS);
    a.then = arm_again;
    timer_mod(&a.timer, 1);
    guest_time = 1;
    CHECK_EQ(aio_poll(ctx, false), true);
    CHECK_EQ(aio_compute_timeout(ctx), 1);
    guest_time = 2;
    CHECK_EQ(aio_poll(ctx, false), true);
    CHECK_RAN("aa");
    a.then = delete_the_others;
    timer_mod(&a.timer, 3);
    timer_mod(&b.timer, 3);
    timer_mod(&c.timer, 3);
    guest_time = 3;
    CHECK_EQ(aio_poll(ctx, false), true);
    CHECK_RAN("aaa");
    CHECK_EQ(aio_compute_timeout(ctx), -1);
    done();
}

static QEMUTimer *self;

static void free_itself(void *opaque)
{
    (*(int *)opaque)++;
    timer_free(self);
}

static void a_callback_may_free_its_timer(void)
{
    int fired = 0;

    three_timers(SCALE_NS);
    self = aio_timer_new(ctx, QEMU_CLOCK_VIRTUAL, SCALE_NS, free_itself, &fired);
    timer_mod(self, 1);
    guest_time = 5;
    CHECK_EQ(aio_poll(ctx, true), true);
    CHECK_EQ(fired, 1);
    CHECK_EQ(aio_poll(ctx, false), false);
    done();
}

static void a_stopped_clock_runs_nothing(void)
{
    three_timers(SCALE_NS);
    timer_mod(&a.timer, 1);
    guest_time = 5;
    qemu_clock_enable(QEMU_CLOCK_VIRTUAL, false);
    CHECK_EQ(aio_compute_timeout(ctx), -1);
    CHECK_EQ(aio_poll(ctx, false), false);
    qemu_clock_enable(QEMU_CLOCK_VIRTUAL, true);
    CHECK_EQ(aio_poll(ctx, false), true);
    CHECK_RAN("a");
    done();
}

static void a_clock_tells_its_time(void)
{
    int64_t before, after;

    guest_time = 12345;
    CHECK_EQ(qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL), 12345);
    CHECK_EQ(qemu_clock_get_us(QEMU_CLOCK_VIRTUAL), 12);
    before = qemu_clock_get_ns(QEMU_CLOCK_REALTIME);
    after = get_clock();
    CHECK(after >= before);
    CHECK(qemu_clock_get_ns(QEMU_CLOCK_REALTIME) >= after);
    CHECK(qemu_clock_get_ns(QEMU_CLOCK_HOST) > 0);
}

enum { MANY = 10000 };

static int expected_next, out_of_order;

static void in_order(void *opaque)
{
    out_of_order += (int)(intptr_t)opaque != expected_next;
    expected_next++;
}

static void many_run_in_order(void)
{
    QEMUTimer *timers = calloc(MANY, sizeof(*timers));
    int i;

    CHECK(timers != NULL);
    three_timers(SCALE_NS);
    for (i = 0; i < MANY; i++) {
        /* Armed in an order of their own; 7919 has no factor in common with MANY. */
        int place = (int)((long)i * 7919 % MANY);

        aio_timer_init(ctx, &timers[i], QEMU_CLOCK_VIRTUAL, SCALE_NS, in_order,
                       (void *)(intptr_t)place);
        timer_mod(&timers[i], place + 1);
    }
    expected_next = out_of_order = 0;
    for (guest_time = 0; guest_time <= MANY; guest_time += 97) {
        aio_poll(ctx, false);
    }
    guest_time = MANY;
    run_all(ctx);
    CHECK_EQ(expected_next, MANY);
    CHECK_EQ(out_of_order, 0);
    free(timers);
    done();
}

int main(void)
{
    init_clocks();
    RUN(deadlines_and_then_arming_make_the_order);
    RUN(a_pending_timer_is_moved);
    RUN(callbacks_may_rearm_and_delete);
    RUN(a_callback_may_free_its_timer);
    RUN(a_stopped_clock_runs_nothing);
    RUN(a_clock_tells_its_time);
    RUN(many_run_in_order);
    return 0;
}
