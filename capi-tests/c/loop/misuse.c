/*
 * Bad input: NULL and misuse abort with one line that names the function and the rule.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "../aborts.h"
#include "context.h"

static EventNotifier notifier;

static void callback(void *unused)
{
    (void)unused;
}

static void completion(void *unused, int result)
{
    (void)unused;
    (void)result;
}

static int work(void *unused)
{
    (void)unused;
    return 0;
}

#define MISUSE(name, call)                                                                     \
    static void misuse_##name(void *unused)                                                    \
    {                                                                                          \
        (void)unused;                                                                          \
        call;                                                                                  \
    }

MISUSE(aio_notify, aio_notify(NULL))
MISUSE(aio_notify_accept, aio_notify_accept(NULL))
MISUSE(aio_context_ref, aio_context_ref(NULL))
MISUSE(aio_context_unref, aio_context_unref(NULL))
MISUSE(aio_context_acquire, aio_context_acquire(NULL))
MISUSE(aio_context_release, aio_context_release(NULL))
MISUSE(aio_bh_new, aio_bh_new(NULL, callback, NULL))
MISUSE(aio_bh_poll, aio_bh_poll(NULL))
MISUSE(qemu_bh_schedule, qemu_bh_schedule(NULL))
MISUSE(qemu_bh_schedule_idle, qemu_bh_schedule_idle(NULL))
MISUSE(qemu_bh_cancel, qemu_bh_cancel(NULL))
MISUSE(qemu_bh_delete, qemu_bh_delete(NULL))
MISUSE(aio_compute_timeout, aio_compute_timeout(NULL))
MISUSE(aio_get_g_source, aio_get_g_source(NULL))
MISUSE(aio_get_thread_pool, aio_get_thread_pool(NULL))
MISUSE(aio_prepare, aio_prepare(NULL))
MISUSE(aio_pending, aio_pending(NULL))
MISUSE(aio_dispatch, aio_dispatch(NULL))
MISUSE(aio_poll, aio_poll(NULL, false))
MISUSE(aio_set_fd_handler, aio_set_fd_handler(NULL, 0, callback, NULL, NULL))
MISUSE(aio_set_event_notifier, aio_set_event_notifier(NULL, &notifier, NULL))
MISUSE(event_notifier_init, event_notifier_init(NULL, 0))
MISUSE(event_notifier_init_fd, event_notifier_init_fd(NULL, 0))
MISUSE(event_notifier_cleanup, event_notifier_cleanup(NULL))
MISUSE(event_notifier_get_fd, event_notifier_get_fd(NULL))
MISUSE(event_notifier_set, event_notifier_set(NULL))
MISUSE(event_notifier_test_and_clear, event_notifier_test_and_clear(NULL))
MISUSE(event_notifier_set_handler, event_notifier_set_handler(NULL, NULL))
MISUSE(rfifolock_init, rfifolock_init(NULL, NULL, NULL))
MISUSE(rfifolock_destroy, rfifolock_destroy(NULL))
MISUSE(rfifolock_lock, rfifolock_lock(NULL))
MISUSE(rfifolock_unlock, rfifolock_unlock(NULL))
MISUSE(qemu_clock_register_reset_notifier,
       qemu_clock_register_reset_notifier(QEMU_CLOCK_HOST, NULL))
MISUSE(qemu_clock_unregister_reset_notifier,
       qemu_clock_unregister_reset_notifier(QEMU_CLOCK_HOST, NULL))
MISUSE(timerlist_free, timerlist_free(NULL))
MISUSE(timerlist_has_timers, timerlist_has_timers(NULL))
MISUSE(timerlist_expired, timerlist_expired(NULL))
MISUSE(timerlist_deadline_ns, timerlist_deadline_ns(NULL))
MISUSE(timerlist_get_clock, timerlist_get_clock(NULL))
MISUSE(timerlist_run_timers, timerlist_run_timers(NULL))
MISUSE(timerlist_notify, timerlist_notify(NULL))
MISUSE(timerlistgroup_init, timerlistgroup_init(NULL, NULL, NULL))
MISUSE(timerlistgroup_deinit, timerlistgroup_deinit(NULL))
MISUSE(timerlistgroup_run_timers, timerlistgroup_run_timers(NULL))
MISUSE(timerlistgroup_deadline_ns, timerlistgroup_deadline_ns(NULL))
MISUSE(timer_init_tl, timer_init_tl(NULL, main_loop_tlg.tl[0], SCALE_NS, callback, NULL))
MISUSE(timer_deinit, timer_deinit(NULL))
MISUSE(timer_del, timer_del(NULL))
MISUSE(timer_mod_ns, timer_mod_ns(NULL, 0))
MISUSE(timer_mod_anticipate_ns, timer_mod_anticipate_ns(NULL, 0))
MISUSE(timer_mod, timer_mod(NULL, 0))
MISUSE(timer_mod_anticipate, timer_mod_anticipate(NULL, 0))
MISUSE(timer_pending, timer_pending(NULL))
MISUSE(timer_expire_time_ns, timer_expire_time_ns(NULL))
MISUSE(thread_pool_new, thread_pool_new(NULL))
MISUSE(thread_pool_submit_aio, thread_pool_submit_aio(NULL, work, NULL, completion, NULL))
MISUSE(thread_pool_submit_co, thread_pool_submit_co(NULL, work, NULL))
MISUSE(thread_pool_submit, thread_pool_submit(NULL, work, NULL))
MISUSE(qemu_aio_get, qemu_aio_get(NULL, NULL, completion, NULL))
MISUSE(qemu_aio_ref, qemu_aio_ref(NULL))
MISUSE(qemu_aio_unref, qemu_aio_unref(NULL))
MISUSE(aio_bh_new_cb, aio_bh_new(context_new(), NULL, NULL))
MISUSE(aio_set_event_notifier_notifier, aio_set_event_notifier(context_new(), NULL, NULL))

static void null_aborts_with_one_line(void)
{
    static const struct aborting calls[] = {
#define CALL(name, function, argument)                                                         \
    {misuse_##name, "aiocontext: " #function ": argument '" #argument "' is NULL\n"}
        CALL(aio_notify, aio_notify, ctx),
        CALL(aio_notify_accept, aio_notify_accept, ctx),
        CALL(aio_context_ref, aio_context_ref, ctx),
        CALL(aio_context_unref, aio_context_unref, ctx),
        CALL(aio_context_acquire, aio_context_acquire, ctx),
        CALL(aio_context_release, aio_context_release, ctx),
        CALL(aio_bh_new, aio_bh_new, ctx),
        CALL(aio_bh_poll, aio_bh_poll, ctx),
        CALL(qemu_bh_schedule, qemu_bh_schedule, bh),
        CALL(qemu_bh_schedule_idle, qemu_bh_schedule_idle, bh),
        CALL(qemu_bh_cancel, qemu_bh_cancel, bh),
        CALL(qemu_bh_delete, qemu_bh_delete, bh),
        CALL(aio_compute_timeout, aio_compute_timeout, ctx),
        CALL(aio_get_g_source, aio_get_g_source, ctx),
        CALL(aio_get_thread_pool, aio_get_thread_pool, ctx),
        CALL(aio_prepare, aio_prepare, ctx),
        CALL(aio_pending, aio_pending, ctx),
        CALL(aio_dispatch, aio_dispatch, ctx),
        CALL(aio_poll, aio_poll, ctx),
        CALL(aio_set_fd_handler, aio_set_fd_handler, ctx),
        CALL(aio_set_event_notifier, aio_set_event_notifier, ctx),
        CALL(event_notifier_init, event_notifier_init, e),
        CALL(event_notifier_init_fd, event_notifier_init_fd, e),
        CALL(event_notifier_cleanup, event_notifier_cleanup, e),
        CALL(event_notifier_get_fd, event_notifier_get_fd, e),
        CALL(event_notifier_set, event_notifier_set, e),
        CALL(event_notifier_test_and_clear, event_notifier_test_and_clear, e),
        CALL(event_notifier_set_handler, event_notifier_set_handler, e),
        CALL(rfifolock_init, rfifolock_init, r),
        CALL(rfifolock_destroy, rfifolock_destroy, r),
        CALL(rfifolock_lock, rfifolock_lock, r),
        CALL(rfifolock_unlock, rfifolock_unlock, r),
        CALL(qemu_clock_register_reset_notifier, qemu_clock_register_reset_notifier, notifier),
        CALL(qemu_clock_unregister_reset_notifier, qemu_clock_unregister_reset_notifier,
             notifier),
        CALL(timerlist_free, timerlist_free, timer_list),
        CALL(timerlist_has_timers, timerlist_has_timers, timer_list),
        CALL(timerlist_expired, timerlist_expired, timer_list),
        CALL(timerlist_deadline_ns, timerlist_deadline_ns, timer_list),
        CALL(timerlist_get_clock, timerlist_get_clock, timer_list),
        CALL(timerlist_run_timers, timerlist_run_timers, timer_list),
        CALL(timerlist_notify, timerlist_notify, timer_list),
        CALL(timerlistgroup_init, timerlistgroup_init, tlg),
        CALL(timerlistgroup_deinit, timerlistgroup_deinit, tlg),
        CALL(timerlistgroup_run_timers, timerlistgroup_run_timers, tlg),
        CALL(timerlistgroup_deadline_ns, timerlistgroup_deadline_ns, tlg),
        CALL(timer_init_tl, timer_init_tl, ts),
        CALL(timer_deinit, timer_deinit, ts),
        CALL(timer_del, timer_del, ts),
        CALL(timer_mod_ns, timer_mod_ns, ts),
        CALL(timer_mod_anticipate_ns, timer_mod_anticipate_ns, ts),
        CALL(timer_mod, timer_mod, ts),
        CALL(timer_mod_anticipate, timer_mod_anticipate, ts),
        CALL(timer_pending, timer_pending, ts),
        CALL(timer_expire_time_ns, timer_expire_time_ns, ts),
        CALL(thread_pool_new, thread_pool_new, ctx),
        CALL(thread_pool_submit_aio, thread_pool_submit_aio, pool),
        CALL(thread_pool_submit_co, thread_pool_submit_co, pool),
        CALL(thread_pool_submit, thread_pool_submit, pool),
        CALL(qemu_aio_get, qemu_aio_get, aiocb_info),
        CALL(qemu_aio_ref, qemu_aio_ref, p),
        CALL(qemu_aio_unref, qemu_aio_unref, p),
        CALL(aio_bh_new_cb, aio_bh_new, cb),
        CALL(aio_set_event_notifier_notifier, aio_set_event_notifier, notifier),
    };

    CHECK_ABORT(calls);
}

static void thread_pool_free_and_timer_free_accept_null(void)
{
    /* As in the reference, freeing NULL does nothing. */
    thread_pool_free(NULL);
    timer_free(NULL);
}

static void set_negative_descriptor(void *unused)
{
    (void)unused;
    aio_set_fd_handler(context_new(), -1, callback, NULL, NULL);
}

static void release_without_acquiring(void *unused)
{
    (void)unused;
    aio_context_release(context_new());
}

static void *acquire_for_good(void *ctx)
{
    aio_context_acquire(ctx);
    return NULL;
}

static void release_anothers(void *unused)
{
    AioContext *ctx = context_new();

    (void)unused;
    join(start(acquire_for_good, ctx));
    aio_context_release(ctx);
}

static void misuse_aborts_with_one_line(void)
{
    static const struct aborting calls[] = {
        {set_negative_descriptor, "aiocontext: aio_set_fd_handler: descriptor -1 is "},
        {release_without_acquiring,
         "aiocontext: rfifolock_unlock: the calling thread is not the owner\n"},
        {release_anothers,
         "aiocontext: rfifolock_unlock: the calling thread is not the owner\n"},
    };

    CHECK_ABORT(calls);
}

/* A loop of the program's own sleeps on the notifier, which is closed. */
static void notify_in_vain(void *made_by_library)
{
    AioContext *ctx = *(bool *)made_by_library ? context_new() : loop_new();
    int i;

    event_notifier_cleanup(&ctx->notifier);
    event_notifier_init_fd(&ctx->notifier, -1);
    __atomic_fetch_add(&ctx->notify_me, 2, __ATOMIC_SEQ_CST);
    for (i = 0; i < 3; i++) {
        errno = ENOENT;
        aio_notify(ctx);
        CHECK_EQ(errno, ENOENT);
    }
    if (*(bool *)made_by_library) {
        aio_context_unref(ctx);
    } else {
        loop_free(ctx);
    }
}

static void aio_notify_logs_a_failed_wakeup_once(void)
{
    static const char expected[] =
        "aiocontext: aio_notify: cannot wake the loop: write to its event notifier failed, "
        "errno 9\n";
    bool kinds[] = {false, true};
    char text[1024];
    int i;

    for (i = 0; i < 2; i++) {
        CHECK_EQ(check_in_child(notify_in_vain, &kinds[i], text, sizeof(text)), 0);
        if (strcmp(text, expected) != 0) {
            fprintf(stderr, "said: %sexpected: %s", text, expected);
            exit(1);
        }
    }
}

int main(void)
{
    init_clocks();
    RUN(null_aborts_with_one_line);
    RUN(thread_pool_free_and_timer_free_accept_null);
    RUN(misuse_aborts_with_one_line);
    RUN(aio_notify_logs_a_failed_wakeup_once);
    return 0;
}
