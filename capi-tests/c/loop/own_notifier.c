/*
 * A program's handler on the context's own notifier. In the reference accept empties the event,
 * so that the handler need not.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "turns.h"

static AioContext *ctx;
static GMainContext *main_context;
static int calls;

static void leave_it_full(EventNotifier *e)
{
    CHECK(e == &ctx->notifier);
    store(&calls, calls + 1);
}

static void empty_it(EventNotifier *e)
{
    CHECK(e == &ctx->notifier);
    /* The loop may have emptied it before. */
    event_notifier_test_and_clear(e);
    store(&calls, calls + 1);
}

/*
 * Again if the poller has been woken by what was left of the notification before, and was
 * awake.
 */
static void *notify_until_called(void *opaque)
{
    int before = *(int *)opaque;

    while (load(&calls) == before) {
        if (__atomic_load_n(&ctx->notify_me, __ATOMIC_SEQ_CST) != 0 && is_asleep(getpid())) {
            aio_notify(ctx);
        }
        sched_yield();
    }
    return NULL;
}

static int turn(void)
{
    return main_context != NULL ? g_main_context_iteration(main_context, TRUE)
                                : aio_poll(ctx, true);
}

static int turns_until(int ms)
{
    return main_context != NULL ? turns_of_glib_until_timer(main_context, ctx, ms)
                                : turns_until_timer(ctx, ms);
}

static void notify_and_look(EventNotifierHandler *handler)
{
    int rounds = check_often(200), before, i, turns = 0;

    ctx = context_new();
    if (main_context != NULL) {
        CHECK(g_source_attach(&ctx->source, main_context) > 0);
    }
    calls = 0;
    aio_set_event_notifier(ctx, &ctx->notifier, handler);
    check_turns(turns_until(20), 5);
    for (i = 0; i < rounds; i++) {
        pthread_t thread;

        before = calls;
        thread = start(notify_until_called, &before);
        while (calls == before) {
            /* It is no progress, as without a handler. */
            CHECK(turn() == false || main_context != NULL);
            turns++;
        }
        join(thread);
        if (i % 50 == 0) {
            check_turns(turns_until(20), 6);
        }
    }
    check_turns(turns, 3 * rounds);
    check_turns(turns_until(50), 6);
    before = calls;
    check_turns(turns_until(50), 5);
    CHECK(calls <= before + 2);
    if (main_context != NULL) {
        g_source_destroy(&ctx->source);
    }
    aio_context_unref(ctx);
}

static void aio_set_event_notifier_may_take_the_contexts_own(void)
{
    notify_and_look(leave_it_full);
    notify_and_look(empty_it);
}

static void aio_set_event_notifier_may_take_the_contexts_own_under_glib(void)
{
    main_context = g_main_context_new();
    notify_and_look(leave_it_full);
    notify_and_look(empty_it);
    g_main_context_unref(main_context);
    main_context = NULL;
}

int main(void)
{
    init_clocks();
    RUN(aio_set_event_notifier_may_take_the_contexts_own);
    RUN(aio_set_event_notifier_may_take_the_contexts_own_under_glib);
    return 0;
}
