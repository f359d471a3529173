/*
 * soak [SECONDS]: the library's loops for a long time, under everything that moves threads
 * about.
 *
 * Three contexts: one that several threads poll, one in a GLib main loop, and one whose owner
 * polls with the lock held. Each has a client of each kind, which hands over a request, sleeps
 * until it is served, and hands over the next. The phases are those of libaionotify's soak.
 *
 * A request that waits for longer than LATEST has lost its wakeup. A loop that returns in vain
 * more often than its requests explain is busy.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <semaphore.h>
#include <time.h>

#include "../disturb.h"
#include "context.h"

enum kind { NOTIFIER, BOTTOM_HALF, IDLE_BOTTOM_HALF, TIMER, HANDLER, LOCK, KINDS };

static const char *const kinds[] = {
    "event notifier", "bottom half", "idle bottom half", "timer", "handler", "lock",
};

enum {
    POLLERS = 3,
    LOOPS = 3,
    LOOP_THREADS = POLLERS + 1 + 1,
    THREADS = LOOP_THREADS + LOOPS * KINDS,
    /*
     * Vain returns that a request may cost each thread of its loop. Some are the rule: several
     * pollers see one event, an idle bottom half is no progress, arming a timer wakes.
     */
    VAIN_RETURNS = 1,
    /* After so many returns with progress the owner of the lock lets others have it. */
    OWNS = 4,
};

struct loop;

struct client {
    struct loop *loop;
    enum kind kind;
    /* When it began to wait, in ms; 0 while it does not. */
    int64_t waits_since;
    sem_t served;
    unsigned long requests;
    double made, worst;
    EventNotifier event;
    QEMUBH *bh;
    QEMUTimer timer;
    struct ends pipe;
};

struct loop {
    const char *name;
    void *(*run)(void *);
    int threads;
    AioContext *ctx;
    struct client clients[KINDS];
    unsigned long vain;
};

/* From 1 on those that wait for locks stop, from 2 on all clients. */
static int stop;
/* The threads of the loops are to end. */
static int leave;
static pthread_t threads[THREADS];
static GMainContext *main_context;

static void returned(struct loop *loop, int progress)
{
    if (!progress) {
        __atomic_add_fetch(&loop->vain, 1, __ATOMIC_RELAXED);
    }
}

static void *run_poller(void *argument)
{
    struct loop *loop = argument;

    while (!is_set(&leave)) {
        returned(loop, aio_poll(loop->ctx, true));
    }
    /* Wakes the next poller. */
    wake_by_work(loop->ctx);
    return NULL;
}

static void *run_owner(void *argument)
{
    struct loop *loop = argument;

    while (!is_set(&leave)) {
        int left = OWNS;

        aio_context_acquire(loop->ctx);
        while (left > 0 && !is_set(&leave)) {
            int progress = aio_poll(loop->ctx, true);

            returned(loop, progress);
            left -= progress;
        }
        aio_context_release(loop->ctx);
    }
    return NULL;
}

static void *run_glib(void *argument)
{
    struct loop *loop = argument;

    while (!is_set(&leave)) {
        returned(loop, g_main_context_iteration(main_context, TRUE));
    }
    return NULL;
}

static struct loop loops[LOOPS] = {
    {.name = "several pollers", .run = run_poller, .threads = POLLERS},
    {.name = "GLib", .run = run_glib, .threads = 1},
    {.name = "owner of the lock", .run = run_owner, .threads = 1},
};

/* In the loop. */
static void serve(void *argument)
{
    struct client *me = argument;
    double late = now_ms() - me->made;

    me->worst = late > me->worst ? late : me->worst;
    CHECK_EQ(sem_post(&me->served), 0);
}

static void serve_event(EventNotifier *event)
{
    struct client *me = (struct client *)((char *)event - offsetof(struct client, event));

    /* A second poller may have found it set as well. */
    if (event_notifier_test_and_clear(event)) {
        serve(me);
    }
}

static void serve_pipe(void *argument)
{
    struct client *me = argument;

    if (take(me->pipe.read) > 0) {
        serve(me);
    }
}

static void ask(struct client *me)
{
    switch (me->kind) {
    case NOTIFIER:
        CHECK_EQ(event_notifier_set(&me->event), 0);
        break;
    case BOTTOM_HALF:
        qemu_bh_schedule(me->bh);
        break;
    case IDLE_BOTTOM_HALF:
        qemu_bh_schedule_idle(me->bh);
        break;
    case TIMER:
        timer_mod_ns(&me->timer, qemu_clock_get_ns(QEMU_CLOCK_REALTIME) + 100000);
        break;
    case HANDLER:
        put(me->pipe.write);
        break;
    default:
        aio_context_acquire(me->loop->ctx);
        serve(me);
        aio_context_release(me->loop->ctx);
        break;
    }
}

static void *run_client(void *argument)
{
    struct client *me = argument;
    unsigned seed = (unsigned)me->kind;

    while (load(&stop) < (me->kind == LOCK ? 1 : 2)) {
        struct timespec pause = {0, rand_r(&seed) % 500000};

        me->made = now_ms();
        __atomic_store_n(&me->waits_since, (int64_t)me->made, __ATOMIC_RELAXED);
        ask(me);
        wait_for(&me->served);
        __atomic_store_n(&me->waits_since, 0, __ATOMIC_RELAXED);
        me->requests++;
        /* The loop is to go to sleep, too; not always. */
        if (rand_r(&seed) % 4 != 0) {
            nanosleep(&pause, NULL);
        }
    }
    return NULL;
}

/* When the threads of the loops were told to leave, which is a wakeup as well; 0 before. */
static int64_t leaves_since;

static int is_late(int64_t *since)
{
    int64_t begin = __atomic_load_n(since, __ATOMIC_RELAXED);

    return begin != 0 && now_ms() - (double)begin > LATEST;
}

static void *watch(void *unused)
{
    struct timespec moment = {0, 100000000};
    int i, j;

    for (;;) {
        for (i = 0; i < LOOPS; i++) {
            for (j = 0; j < KINDS; j++) {
                if (is_late(&loops[i].clients[j].waits_since)) {
                    fprintf(stderr, "%s: lost wakeup: %s, %s\n", check_current, loops[i].name,
                            kinds[j]);
                    _exit(1);
                }
            }
        }
        if (is_late(&leaves_since)) {
            fprintf(stderr, "%s: lost wakeup: a loop that is to end\n", check_current);
            _exit(1);
        }
        nanosleep(&moment, NULL);
    }
    return unused;
}

static void client_new(struct client *me, struct loop *loop, enum kind kind)
{
    memset(me, 0, sizeof(*me));
    me->loop = loop;
    me->kind = kind;
    CHECK_EQ(sem_init(&me->served, 0, 0), 0);
    me->bh = aio_bh_new(loop->ctx, serve, me);
    aio_timer_init(loop->ctx, &me->timer, QEMU_CLOCK_REALTIME, SCALE_NS, serve, me);
    if (kind == NOTIFIER) {
        CHECK_EQ(event_notifier_init(&me->event, 0), 0);
        aio_set_event_notifier(loop->ctx, &me->event, serve_event);
    } else if (kind == HANDLER) {
        me->pipe = pipe_new();
        aio_set_fd_handler(loop->ctx, me->pipe.read, serve_pipe, NULL, me);
    }
}

static void client_free(struct client *me)
{
    if (me->kind == NOTIFIER) {
        aio_set_event_notifier(me->loop->ctx, &me->event, NULL);
        event_notifier_cleanup(&me->event);
    } else if (me->kind == HANDLER) {
        aio_set_fd_handler(me->loop->ctx, me->pipe.read, NULL, NULL, NULL);
        pipe_free(me->pipe);
    }
    timer_del(&me->timer);
    qemu_bh_delete(me->bh);
}

static void loop_make(struct loop *loop)
{
    int i;

    loop->vain = 0;
    loop->ctx = context_new();
    if (loop->run == run_glib) {
        GSource *source = aio_get_g_source(loop->ctx);

        CHECK(g_source_attach(source, main_context) > 0);
        g_source_unref(source);
    }
    for (i = 0; i < KINDS; i++) {
        client_new(&loop->clients[i], loop, (enum kind)i);
    }
}

static void loop_end(struct loop *loop)
{
    int i;

    for (i = 0; i < KINDS; i++) {
        client_free(&loop->clients[i]);
    }
    if (loop->run == run_glib) {
        g_source_destroy(&loop->ctx->source);
    }
    CHECK_EQ(loop->ctx->notify_me, 0);
    aio_context_unref(loop->ctx);
}

/* Prints the loop's line; `signals` may each have ended one sleep. */
static void report(const struct loop *loop, const char *cpus, unsigned long signals)
{
    unsigned long requests = 0, limit;
    double worst = 0;
    int i;

    for (i = 0; i < KINDS; i++) {
        const struct client *client = &loop->clients[i];

        CHECK(client->requests > 0);
        requests += client->requests;
        worst = client->worst > worst ? client->worst : worst;
    }
    limit = (unsigned long)VAIN_RETURNS * (unsigned long)loop->threads * requests + signals;
    if (loop->vain > limit) {
        fprintf(stderr,
                "%s, %s, %s: busy loop: %lu vain returns for %lu requests, at most %lu\n", cpus,
                check_current, loop->name, loop->vain, requests, limit);
        exit(1);
    }
    CHECK(worst < LATEST);
    printf("ok %-8s  %-15s  %-17s  %10lu  %8.1f ms  %9lu\n", cpus, check_current, loop->name,
           requests, worst, loop->vain);
    fflush(stdout);
}

static void soak(struct phase *phase)
{
    int stops = disturbing[phase->kind].run == stop_and_resume;
    int i, j, count = LOOP_THREADS, turn = 0;

    phase_begin(phase);
    stop = leave = 0;
    for (i = 0; i < LOOPS; i++) {
        loop_make(&loops[i]);
        for (j = 0; j < loops[i].threads; j++) {
            threads[turn++] = start(loops[i].run, &loops[i]);
        }
        for (j = 0; j < KINDS; j++) {
            threads[count++] = start(run_client, &loops[i].clients[j]);
        }
    }
    phase_run(phase);
    /* The owner of a lock gives it up after some progress, which takes the other clients. */
    store(&stop, 1);
    for (i = 0; i < LOOPS; i++) {
        join(threads[LOOP_THREADS + i * KINDS + LOCK]);
    }
    store(&stop, 2);
    for (i = LOOP_THREADS; i < THREADS; i++) {
        if ((i - LOOP_THREADS) % KINDS != LOCK) {
            join(threads[i]);
        }
    }
    __atomic_store_n(&leaves_since, (int64_t)now_ms(), __ATOMIC_RELAXED);
    store(&leave, 1);
    for (i = 0; i < LOOPS; i++) {
        wake_by_work(loops[i].ctx);
    }
    for (i = 0; i < LOOP_THREADS; i++) {
        join(threads[i]);
    }
    __atomic_store_n(&leaves_since, 0, __ATOMIC_RELAXED);
    phase_end(phase);
    for (i = 0; i < LOOPS; i++) {
        report(&loops[i], phase_cpus(phase), stops ? disturbances : 0);
        loop_end(&loops[i]);
    }
}

int main(int argc, char **argv)
{
    double seconds = soak_seconds(argc, argv);

    init_clocks();
    main_context = g_main_context_new();
    disturb_prepare(threads, THREADS);
    start(watch, NULL);
    printf("   CPUs      disturbed by     loop                 requests  worst latency  vain "
           "returns\n");
    phases(seconds, soak);
    return 0;
}
