/*
 * Bottom halves: when they run, in which order, and what they may do to each other.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "steppers.h"

static AioContext *ctx;

/* A bottom half that records its run, then performs an action. */
struct half {
    QEMUBH *bh;
    char name;
    void (*then)(struct half *);
    struct half *other;
};

static void half_runs(void *opaque)
{
    struct half *half = opaque;

    ran_add(half->name);
    if (half->then != NULL) {
        half->then(half);
    }
}

static void half_new(struct half *half, char name, void (*then)(struct half *),
                     struct half *other)
{
    half->name = name;
    half->then = then;
    half->other = other;
    half->bh = aio_bh_new(ctx, half_runs, half);
    CHECK(half->bh != NULL);
}

static struct half a, b, c;

static void three(void (*then)(struct half *))
{
    ctx = context_new();
    ran_clear();
    half_new(&a, 'a', then, &b);
    half_new(&b, 'b', NULL, NULL);
    half_new(&c, 'c', NULL, NULL);
}

/* The context frees the bottom halves that are left. */
static void done(void)
{
    aio_context_unref(ctx);
}

static void qemu_bh_schedule_runs_each_once_in_order(void)
{
    three(NULL);
    CHECK_EQ(aio_bh_poll(ctx), 0);
    qemu_bh_schedule(b.bh);
    qemu_bh_schedule(c.bh);
    qemu_bh_schedule(b.bh);
    qemu_bh_schedule(a.bh);
    CHECK_RAN("");
    CHECK_EQ(aio_bh_poll(ctx), 1);
    CHECK_RAN("bca");
    CHECK_EQ(aio_bh_poll(ctx), 0);
    CHECK_RAN("bca");
    qemu_bh_schedule(a.bh);
    CHECK_EQ(aio_poll(ctx, true), true);
    CHECK_EQ(aio_poll(ctx, false), false);
    CHECK_RAN("bcaa");
    done();
}

static void qemu_bh_cancel_keeps_it_from_running(void)
{
    three(NULL);
    qemu_bh_cancel(a.bh);
    qemu_bh_schedule(a.bh);
    qemu_bh_schedule(b.bh);
    qemu_bh_cancel(a.bh);
    CHECK_EQ(aio_bh_poll(ctx), 1);
    CHECK_RAN("b");
    qemu_bh_schedule(a.bh);
    qemu_bh_cancel(a.bh);
    CHECK_EQ(aio_compute_timeout(ctx), -1);
    CHECK_EQ(aio_bh_poll(ctx), 0);
    qemu_bh_schedule(a.bh);
    qemu_bh_cancel(a.bh);
    qemu_bh_schedule(a.bh);
    CHECK_EQ(aio_bh_poll(ctx), 1);
    CHECK_RAN("ba");
    CHECK_EQ(aio_bh_poll(ctx), 0);
    done();
}

static void qemu_bh_delete_keeps_it_from_running(void)
{
    three(NULL);
    qemu_bh_schedule(a.bh);
    qemu_bh_schedule(b.bh);
    qemu_bh_delete(a.bh);
    qemu_bh_delete(c.bh);
    CHECK_EQ(aio_bh_poll(ctx), 1);
    CHECK_RAN("b");
    CHECK_EQ(aio_bh_poll(ctx), 0);
    done();
}

static void schedules_itself(struct half *half)
{
    if (ran.count < 3) {
        qemu_bh_schedule(half->bh);
    }
}

static void qemu_bh_schedule_by_itself_runs_in_the_next_pass(void)
{
    three(schedules_itself);
    qemu_bh_schedule(a.bh);
    CHECK_EQ(aio_bh_poll(ctx), 1);
    CHECK_RAN("a");
    CHECK_EQ(aio_compute_timeout(ctx), 0);
    CHECK_EQ(aio_bh_poll(ctx), 1);
    CHECK_RAN("aa");
    CHECK_EQ(aio_bh_poll(ctx), 1);
    CHECK_EQ(aio_bh_poll(ctx), 0);
    CHECK_RAN("aaa");
    done();
}

static void schedules_the_other(struct half *half)
{
    qemu_bh_schedule(half->other->bh);
}

static void qemu_bh_schedule_by_another_runs_in_the_next_pass(void)
{
    three(schedules_the_other);
    qemu_bh_schedule(a.bh);
    qemu_bh_schedule(c.bh);
    CHECK_EQ(aio_bh_poll(ctx), 1);
    CHECK_RAN("ac");
    CHECK_EQ(aio_bh_poll(ctx), 1);
    CHECK_RAN("acb");
    done();
}

static void cancels_the_other(struct half *half)
{
    qemu_bh_cancel(half->other->bh);
}

static void deletes_the_other(struct half *half)
{
    qemu_bh_delete(half->other->bh);
}

static void qemu_bh_cancel_and_delete_stop_another_in_the_same_pass(void)
{
    three(cancels_the_other);
    qemu_bh_schedule(a.bh);
    qemu_bh_schedule(b.bh);
    qemu_bh_schedule(c.bh);
    CHECK_EQ(aio_bh_poll(ctx), 1);
    CHECK_RAN("ac");
    CHECK_EQ(aio_bh_poll(ctx), 0);
    done();
    three(deletes_the_other);
    qemu_bh_schedule(a.bh);
    qemu_bh_schedule(b.bh);
    qemu_bh_schedule(c.bh);
    CHECK_EQ(aio_bh_poll(ctx), 1);
    CHECK_RAN("ac");
    CHECK_EQ(aio_bh_poll(ctx), 0);
    done();
}

static void deletes_itself(struct half *half)
{
    qemu_bh_delete(half->bh);
    /* Deletion is deferred: the bottom half still exists here. */
    qemu_bh_cancel(half->bh);
}

static void qemu_bh_delete_of_the_running_one_is_allowed(void)
{
    three(deletes_itself);
    qemu_bh_schedule(a.bh);
    qemu_bh_schedule(b.bh);
    CHECK_EQ(aio_bh_poll(ctx), 1);
    CHECK_RAN("ab");
    CHECK_EQ(aio_bh_poll(ctx), 0);
    done();
}

static void polls(struct half *half)
{
    (void)half;
    CHECK_EQ(aio_poll(ctx, false), true);
    ran_add('.');
}

static void aio_poll_in_a_bottom_half_runs_the_rest(void)
{
    three(polls);
    qemu_bh_schedule(a.bh);
    qemu_bh_schedule(b.bh);
    qemu_bh_schedule(c.bh);
    CHECK_EQ(aio_bh_poll(ctx), 1);
    CHECK_RAN("abc.");
    CHECK_EQ(aio_bh_poll(ctx), 0);
    done();
}

static void polls_and_blocks(struct half *half)
{
    half->then = NULL;
    qemu_bh_schedule(half->bh);
    CHECK_EQ(aio_poll(ctx, true), true);
    ran_add('.');
}

static void aio_poll_in_a_bottom_half_runs_it_again(void)
{
    three(polls_and_blocks);
    qemu_bh_schedule(a.bh);
    CHECK_EQ(aio_poll(ctx, true), true);
    CHECK_RAN("aa.");
    CHECK_EQ(aio_poll(ctx, false), false);
    done();
}

static void is_deleted_while_it_polls(struct half *half)
{
    half->other->then = deletes_the_other;
    half->other->other = half;
    CHECK_EQ(aio_poll(ctx, false), true);
    ran_add(half->name);
}

static void qemu_bh_delete_in_its_own_nested_poll_is_allowed(void)
{
    three(is_deleted_while_it_polls);
    qemu_bh_schedule(a.bh);
    qemu_bh_schedule(b.bh);
    CHECK_EQ(aio_bh_poll(ctx), 1);
    CHECK_RAN("aba");
    CHECK_EQ(aio_bh_poll(ctx), 0);
    done();
}

static void makes_another(struct half *half)
{
    half_new(half->other, 'n', NULL, NULL);
    qemu_bh_schedule(half->other->bh);
}

static void aio_bh_new_works_in_a_bottom_half(void)
{
    static struct half fourth;

    three(makes_another);
    a.other = &fourth;
    qemu_bh_schedule(a.bh);
    run_all(ctx);
    CHECK_RAN("an");
    done();
}

static void qemu_bh_schedule_idle_runs_soon_and_is_no_progress(void)
{
    int64_t timeout;

    three(NULL);
    CHECK_EQ(aio_compute_timeout(ctx), -1);
    qemu_bh_schedule_idle(a.bh);
    timeout = aio_compute_timeout(ctx);
    CHECK(timeout >= 0 && timeout <= 10 * SCALE_MS);
    while (ran.count == 0) {
        CHECK_EQ(aio_poll(ctx, true), false);
    }
    CHECK_RAN("a");
    CHECK_EQ(aio_compute_timeout(ctx), -1);
    CHECK_EQ(aio_poll(ctx, false), false);
    CHECK_RAN("a");

    /* Beside a bottom half that is not idle, the latter decides. */
    qemu_bh_schedule_idle(a.bh);
    qemu_bh_schedule(b.bh);
    CHECK_EQ(aio_compute_timeout(ctx), 0);
    CHECK_EQ(aio_poll(ctx, true), true);
    while (ran.count < 3) {
        CHECK_EQ(aio_poll(ctx, true), false);
    }

    /* Scheduled both ways, it counts as not idle. */
    ran_clear();
    qemu_bh_schedule_idle(a.bh);
    qemu_bh_schedule(a.bh);
    CHECK_EQ(aio_bh_poll(ctx), 1);
    CHECK_RAN("a");
    CHECK_EQ(aio_bh_poll(ctx), 0);
    qemu_bh_schedule_idle(a.bh);
    qemu_bh_cancel(a.bh);
    CHECK_EQ(aio_bh_poll(ctx), 0);
    CHECK_RAN("a");
    done();
}

static void a_bottom_half_schedules_itself_idle(struct half *half)
{
    if (ran.count < 5) {
        qemu_bh_schedule_idle(half->bh);
    }
}

static void qemu_bh_schedule_idle_by_itself_runs_again(void)
{
    three(a_bottom_half_schedules_itself_idle);
    qemu_bh_schedule_idle(a.bh);
    while (ran.count < 5) {
        CHECK_EQ(aio_poll(ctx, true), false);
    }
    CHECK_RAN("aaaaa");
    done();
}

static void aio_context_unref_frees_bottom_halves(void)
{
    three(NULL);
    qemu_bh_schedule(a.bh);
    qemu_bh_schedule_idle(b.bh);
    done();
    CHECK_RAN("");
}

enum { THREADS = 4 };

#define STEPS check_often(10000)

static void qemu_bh_schedule_from_threads_loses_nothing(void)
{
    struct stepper steppers[THREADS];
    int finished = 0, i;

    ctx = context_new();
    for (i = 0; i < THREADS; i++) {
        stepper_begin(&steppers[i], ctx, STEPS, &finished);
    }
    poll_until_at_least(ctx, &finished, THREADS);
    for (i = 0; i < THREADS; i++) {
        stepper_end(&steppers[i]);
    }
    done();
}

/* Made by a thread, it deletes itself when it runs. */
struct once {
    QEMUBH *bh;
};

static int onces;

static void run_and_delete(void *opaque)
{
    struct once *once = opaque;

    qemu_bh_delete(once->bh);
    free(once);
    __atomic_add_fetch(&onces, 1, __ATOMIC_SEQ_CST);
}

static void *make_some(void *unused)
{
    int i;

    for (i = 0; i < STEPS; i++) {
        struct once *once = malloc(sizeof(*once));
        QEMUBH *never;

        CHECK(once != NULL);
        once->bh = aio_bh_new(ctx, run_and_delete, once);
        never = aio_bh_new(ctx, run_and_delete, NULL);
        qemu_bh_schedule(once->bh);
        qemu_bh_delete(never);
    }
    return unused;
}

static void aio_bh_new_and_qemu_bh_delete_work_in_threads(void)
{
    pthread_t threads[THREADS];
    int i;

    ctx = context_new();
    store(&onces, 0);
    for (i = 0; i < THREADS; i++) {
        threads[i] = start(make_some, NULL);
    }
    poll_until_at_least(ctx, &onces, THREADS * STEPS);
    for (i = 0; i < THREADS; i++) {
        join(threads[i]);
    }
    CHECK_EQ(aio_poll(ctx, false), false);
    CHECK_EQ(onces, THREADS * STEPS);
    done();
}

/* The callback sees everything that the scheduling thread wrote before. */
static int published, seen_published;

static void see(void *unused)
{
    (void)unused;
    store(&seen_published, __atomic_load_n(&published, __ATOMIC_RELAXED));
}

static void *publish_and_schedule(void *opaque)
{
    int i;

    for (i = 1; i <= STEPS; i++) {
        __atomic_store_n(&published, i, __ATOMIC_RELAXED);
        /* It is often scheduled already: then the pending run must see this value. */
        qemu_bh_schedule(opaque);
    }
    return NULL;
}

static void qemu_bh_schedule_publishes_what_was_written_before(void)
{
    pthread_t thread;
    QEMUBH *bh;

    ctx = context_new();
    store(&seen_published, 0);
    bh = aio_bh_new(ctx, see, NULL);
    thread = start(publish_and_schedule, bh);
    poll_until_at_least(ctx, &seen_published, STEPS);
    join(thread);
    done();
}

static QEMUBH *signalled;
static int signals_taken;

static void on_signal(int signal_number)
{
    (void)signal_number;
    errno = ENOENT;
    qemu_bh_schedule(signalled);
    CHECK_EQ(errno, ENOENT);
}

static void take_signal(void *unused)
{
    (void)unused;
    store(&signals_taken, signals_taken + 1);
}

static pthread_t the_loop;

static void *send_signals(void *unused)
{
    int i;

    for (i = 1; i <= STEPS; i++) {
        CHECK_EQ(pthread_kill(the_loop, SIGUSR1), 0);
        wait_until_at_least(&signals_taken, i);
    }
    return unused;
}

static void qemu_bh_schedule_works_in_a_signal_handler(void)
{
    struct sigaction action;
    pthread_t thread;

    memset(&action, 0, sizeof(action));
    action.sa_handler = on_signal;
    CHECK_EQ(sigaction(SIGUSR1, &action, NULL), 0);
    ctx = context_new();
    signalled = aio_bh_new(ctx, take_signal, NULL);
    store(&signals_taken, 0);
    the_loop = pthread_self();
    thread = start(send_signals, NULL);
    /* The signal hits this thread anywhere: asleep, in the library, in the callback. */
    poll_until_at_least(ctx, &signals_taken, STEPS);
    join(thread);
    CHECK_EQ(signals_taken, STEPS);
    done();
}

int main(void)
{
    init_clocks();
    RUN(qemu_bh_schedule_runs_each_once_in_order);
    RUN(qemu_bh_cancel_keeps_it_from_running);
    RUN(qemu_bh_delete_keeps_it_from_running);
    RUN(qemu_bh_schedule_by_itself_runs_in_the_next_pass);
    RUN(qemu_bh_schedule_by_another_runs_in_the_next_pass);
    RUN(qemu_bh_cancel_and_delete_stop_another_in_the_same_pass);
    RUN(qemu_bh_delete_of_the_running_one_is_allowed);
    RUN(aio_poll_in_a_bottom_half_runs_the_rest);
    RUN(aio_poll_in_a_bottom_half_runs_it_again);
    RUN(qemu_bh_delete_in_its_own_nested_poll_is_allowed);
    RUN(aio_bh_new_works_in_a_bottom_half);
    RUN(qemu_bh_schedule_idle_runs_soon_and_is_no_progress);
    RUN(qemu_bh_schedule_idle_by_itself_runs_again);
    RUN(aio_context_unref_frees_bottom_halves);
    RUN(qemu_bh_schedule_from_threads_loses_nothing);
    RUN(aio_bh_new_and_qemu_bh_delete_work_in_threads);
    RUN(qemu_bh_schedule_publishes_what_was_written_before);
    RUN(qemu_bh_schedule_works_in_a_signal_handler);
    return 0;
}
