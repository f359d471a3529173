/*
 * Contexts: their references, their cost, and how aio_context_new() fails.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <stdarg.h>

#include "context.h"

/* The program's own errors, with the reference's function for them. */
struct Error {
    int os_error;
    char text[100];
};

void error_set_errno(Error **errp, int os_error, int error_class, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

void error_set_errno(Error **errp, int os_error, int error_class, const char *format, ...)
{
    va_list arguments;

    CHECK_EQ(error_class, 0);
    if (errp == NULL) {
        return;
    }
    CHECK(*errp == NULL);
    *errp = calloc(1, sizeof(**errp));
    CHECK(*errp != NULL);
    (*errp)->os_error = os_error;
    va_start(arguments, format);
    vsnprintf((*errp)->text, sizeof((*errp)->text), format, arguments);
    va_end(arguments);
}

static int runs;

static void aio_context_new_makes_what_is_documented(void)
{
    Error *error = NULL;
    int before = open_descriptors(), i;
    AioContext *ctx = aio_context_new(&error);

    CHECK(ctx != NULL);
    CHECK(error == NULL);
    CHECK_EQ(ctx->source.ref_count, 1);
    CHECK_EQ(g_source_get_can_recurse(&ctx->source), TRUE);
    CHECK_EQ(ctx->notify_me, 0);
    CHECK_EQ(ctx->notified, false);
    CHECK_EQ(ctx->notifier.rfd, ctx->notifier.wfd);
    CHECK_EQ(ctx->notifier.rfd, event_notifier_get_fd(&ctx->notifier));
    CHECK(ctx->thread_pool == NULL);
    for (i = 0; i < QEMU_CLOCK_MAX; i++) {
        CHECK(ctx->tlg.tl[i] != NULL);
        CHECK_EQ(timerlist_get_clock(ctx->tlg.tl[i]), i);
    }
    aio_context_unref(ctx);
    CHECK_EQ(open_descriptors(), before);
}

static void aio_context_ref_counts_with_the_source(void)
{
    int before = open_descriptors();
    AioContext *ctx = context_new();

    aio_context_ref(ctx);
    CHECK_EQ(ctx->source.ref_count, 2);
    g_source_ref(&ctx->source);
    aio_context_unref(ctx);
    aio_context_unref(ctx);
    CHECK_EQ(ctx->source.ref_count, 1);
    runs = 0;
    qemu_bh_schedule(aio_bh_new(ctx, count_run, &runs));
    CHECK_EQ(aio_poll(ctx, true), true);
    CHECK_EQ(runs, 1);
    g_source_unref(&ctx->source);
    CHECK_EQ(open_descriptors(), before);
}

static int do_work(void *unused)
{
    (void)unused;
    return 42;
}

static void work_is_done(void *opaque, int result)
{
    *(int *)opaque = result;
}

static void aio_context_unref_frees_all(void)
{
    int before = open_descriptors(), result = 0;
    AioContext *ctx = context_new();
    ThreadPool *pool = aio_get_thread_pool(ctx);

    CHECK(pool != NULL);
    CHECK(ctx->thread_pool == pool);
    CHECK(aio_get_thread_pool(ctx) == pool);
    thread_pool_submit_aio(pool, do_work, NULL, work_is_done, &result);
    while (result == 0) {
        aio_poll(ctx, true);
    }
    CHECK_EQ(result, 42);
    qemu_bh_schedule(aio_bh_new(ctx, count_run, &runs));
    aio_context_unref(ctx);
    CHECK_EQ(open_descriptors(), before);
}

static void a_context_works(AioContext *ctx)
{
    QEMUBH *bh = aio_bh_new(ctx, count_run, &runs);

    runs = 0;
    qemu_bh_schedule(bh);
    CHECK_EQ(aio_poll(ctx, true), true);
    CHECK_EQ(runs, 1);
    qemu_bh_delete(bh);
}

static void *schedule_when_asleep(void *bh)
{
    qemu_bh_schedule(bh);
    return NULL;
}

static void a_context_is_woken(AioContext *ctx)
{
    QEMUBH *bh = aio_bh_new(ctx, count_run, &runs);
    pthread_t thread;

    runs = 0;
    thread = start(schedule_when_asleep, bh);
    poll_until_at_least(ctx, &runs, 1);
    join(thread);
    qemu_bh_delete(bh);
}

static void child_has_few_descriptors(void *opaque)
{
    int more = *(int *)opaque, before;
    struct rlimit limit;
    Error *error = NULL;
    AioContext *ctx;

    CHECK_EQ(getrlimit(RLIMIT_NOFILE, &limit), 0);
    before = open_descriptors();
    allow_descriptors(more);
    ctx = aio_context_new(&error);
    if (ctx == NULL) {
        CHECK(error != NULL);
        CHECK_EQ(error->os_error, EMFILE);
        CHECK(strcmp(error->text, "Failed to initialize event notifier") == 0);
        free(error);
        CHECK(aio_context_new(NULL) == NULL);
    } else {
        CHECK(error == NULL);
        a_context_works(ctx);
        a_context_is_woken(ctx);
        aio_context_unref(ctx);
    }
    CHECK_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
    CHECK_EQ(open_descriptors(), before);
    /* With descriptors it works again. */
    ctx = context_new();
    a_context_works(ctx);
    aio_context_unref(ctx);
    CHECK_EQ(open_descriptors(), before);
    if (error == NULL) {
        exit(7);
    }
}

static void aio_context_new_fails_cleanly_without_descriptors(void)
{
    char text[1024];
    int more, status = 0;

    for (more = 0; more < 10 && !(WIFEXITED(status) && WEXITSTATUS(status) == 7); more++) {
        status = check_in_child(child_has_few_descriptors, &more, text, sizeof(text));
        if (!WIFEXITED(status) || (WEXITSTATUS(status) != 0 && WEXITSTATUS(status) != 7)) {
            fprintf(stderr, "with %d more: status %#x: %s", more, (unsigned)status, text);
            exit(1);
        }
    }
    /* Without descriptors it fails, and a few are enough. */
    CHECK(more > 1 && more <= 5);
}

static void aio_context_new_makes_ten_thousand(void)
{
    enum { WANTED = 10000 };
    struct rlimit limit;
    int wanted = check_often(WANTED), before = open_descriptors(), i, per_context;
    AioContext **contexts = calloc((size_t)wanted, sizeof(*contexts));

    CHECK(contexts != NULL);
    contexts[0] = context_new();
    per_context = open_descriptors() - before;
    aio_context_unref(contexts[0]);
    CHECK(per_context <= 3);
    /* As many as the system allows us. */
    limit.rlim_cur = limit.rlim_max = (rlim_t)(before + wanted * per_context + 100);
    if (setrlimit(RLIMIT_NOFILE, &limit) != 0) {
        CHECK_EQ(getrlimit(RLIMIT_NOFILE, &limit), 0);
        limit.rlim_cur = limit.rlim_max;
        CHECK_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
        if ((rlim_t)(before + wanted * per_context + 100) > limit.rlim_max) {
            wanted = ((int)limit.rlim_max - before - 100) / per_context;
            printf("skipped the rest: the limit of descriptors allows only %d contexts\n",
                   wanted);
        }
    }
    runs = 0;
    for (i = 0; i < wanted; i++) {
        contexts[i] = context_new();
        qemu_bh_schedule(aio_bh_new(contexts[i], count_run, &runs));
    }
    for (i = 0; i < wanted; i++) {
        CHECK_EQ(aio_poll(contexts[i], true), true);
        CHECK_EQ(aio_poll(contexts[i], false), false);
    }
    CHECK_EQ(runs, wanted);
    for (i = 0; i < wanted; i++) {
        aio_context_unref(contexts[i]);
    }
    CHECK_EQ(open_descriptors(), before);
    free(contexts);
}

static int64_t last_deadline;
static int timers_fired;

struct numbered {
    QEMUTimer timer;
    int64_t deadline;
};

static void fire_in_order(void *opaque)
{
    struct numbered *numbered = opaque;

    CHECK(numbered->deadline >= last_deadline);
    last_deadline = numbered->deadline;
    timers_fired++;
}

static void timer_mod_moves_a_hundred_thousand_timers(void)
{
    AioContext *ctx = context_new();
    int wanted = check_often(100000), i, deleted = 0;
    struct numbered *timers = calloc((size_t)wanted, sizeof(*timers));
    unsigned seed = 1;

    CHECK(timers != NULL);
    timers_fired = 0;
    last_deadline = 0;
    for (i = 0; i < wanted; i++) {
        aio_timer_init(ctx, &timers[i].timer, QEMU_CLOCK_REALTIME, SCALE_NS, fire_in_order,
                       &timers[i]);
        timer_mod(&timers[i].timer, INT64_MAX - rand_r(&seed));
    }
    CHECK(aio_compute_timeout(ctx) > 0);
    /* All are moved to the past, in another order, and every fourth deleted. */
    for (i = 0; i < wanted; i++) {
        timers[i].deadline = 1 + rand_r(&seed) % 1000000;
        timer_mod(&timers[i].timer, timers[i].deadline);
    }
    for (i = 0; i < wanted; i += 4) {
        timer_del(&timers[i].timer);
        CHECK_EQ(timer_pending(&timers[i].timer), false);
        deleted++;
    }
    CHECK_EQ(aio_compute_timeout(ctx), 0);
    run_all(ctx);
    CHECK_EQ(timers_fired, wanted - deleted);
    CHECK_EQ(aio_compute_timeout(ctx), -1);
    for (i = 0; i < wanted; i++) {
        CHECK_EQ(timer_pending(&timers[i].timer), false);
        timer_deinit(&timers[i].timer);
    }
    aio_context_unref(ctx);
    free(timers);
}

int main(void)
{
    init_clocks();
    RUN(aio_context_new_makes_what_is_documented);
    RUN(aio_context_ref_counts_with_the_source);
    RUN(aio_context_unref_frees_all);
    RUN(aio_context_new_fails_cleanly_without_descriptors);
    RUN(aio_context_new_makes_ten_thousand);
    RUN(timer_mod_moves_a_hundred_thousand_timers);
    return 0;
}
