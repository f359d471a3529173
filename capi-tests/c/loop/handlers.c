/*
 * Handlers of descriptors and of event notifiers: when they run, and what they may do to each
 * other.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <sys/socket.h>

#include "context.h"

static AioContext *ctx;

/* A descriptor, the names of its callbacks, and what the read callback does then. */
struct watched {
    struct ends ends;
    char on_read, on_write;
    int leaves_data;
    void (*then)(struct watched *);
    struct watched *other;
};

static void readable(void *opaque)
{
    struct watched *watched = opaque;

    ran_add(watched->on_read);
    if (!watched->leaves_data) {
        take(watched->ends.read);
    }
    if (watched->then != NULL) {
        watched->then(watched);
    }
}

static void writable(void *opaque)
{
    struct watched *watched = opaque;

    ran_add(watched->on_write);
}

static struct watched a, b;

static void watch(struct watched *watched)
{
    aio_set_fd_handler(ctx, watched->ends.read, readable, NULL, watched);
}

static void unwatch(struct watched *watched)
{
    aio_set_fd_handler(ctx, watched->ends.read, NULL, NULL, NULL);
}

static void two_pipes(void (*then)(struct watched *))
{
    ctx = context_new();
    ran_clear();
    a = (struct watched){pipe_new(), 'a', 'A', 0, then, &b};
    b = (struct watched){pipe_new(), 'b', 'B', 0, NULL, &a};
    watch(&a);
    watch(&b);
}

static void done(void)
{
    unwatch(&a);
    unwatch(&b);
    pipe_free(a.ends);
    pipe_free(b.ends);
    aio_context_unref(ctx);
}

static void aio_poll_runs_the_callback_of_a_readable_descriptor(void)
{
    two_pipes(NULL);
    CHECK_EQ(aio_poll(ctx, false), false);
    put(b.ends.write);
    CHECK_EQ(aio_poll(ctx, false), true);
    CHECK_RAN("b");
    CHECK_EQ(aio_poll(ctx, false), false);
    put(a.ends.write);
    CHECK_EQ(aio_poll(ctx, true), true);
    CHECK_RAN("ba");
    done();
}

static void aio_poll_runs_a_callback_again_for_data_that_is_left(void)
{
    two_pipes(NULL);
    a.leaves_data = 1;
    put(a.ends.write);
    CHECK_EQ(aio_poll(ctx, true), true);
    CHECK_EQ(aio_poll(ctx, true), true);
    CHECK_EQ(aio_poll(ctx, false), true);
    CHECK_RAN("aaa");
    take(a.ends.read);
    CHECK_EQ(aio_poll(ctx, false), false);
    done();
}

static void aio_set_fd_handler_removes_a_handler(void)
{
    two_pipes(NULL);
    put(a.ends.write);
    unwatch(&a);
    CHECK_EQ(aio_poll(ctx, false), false);
    /* Removing a handler that is not set does nothing. */
    unwatch(&a);
    watch(&a);
    CHECK_EQ(aio_poll(ctx, false), true);
    CHECK_RAN("a");
    done();
}

static void aio_set_fd_handler_replaces_callbacks_and_argument(void)
{
    two_pipes(NULL);
    unwatch(&b);
    pipe_free(b.ends);
    put(a.ends.write);
    b.ends = a.ends;
    aio_set_fd_handler(ctx, a.ends.read, readable, NULL, &b);
    CHECK_EQ(aio_poll(ctx, false), true);
    CHECK_RAN("b");
    /* Only the other callback now. */
    aio_set_fd_handler(ctx, a.ends.read, NULL, writable, &a);
    put(a.ends.write);
    CHECK_EQ(aio_poll(ctx, false), false);
    CHECK_RAN("b");
    unwatch(&a);
    pipe_free(a.ends);
    aio_context_unref(ctx);
}

static void aio_poll_runs_both_callbacks_of_a_socket(void)
{
    int fds[2];

    ctx = context_new();
    ran_clear();
    CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
    a = (struct watched){{fds[0], fds[1]}, 'r', 'w', 0, NULL, NULL};
    aio_set_fd_handler(ctx, fds[0], readable, writable, &a);
    CHECK_EQ(aio_poll(ctx, true), true);
    CHECK_RAN("w");
    put(fds[1]);
    CHECK_EQ(aio_poll(ctx, true), true);
    CHECK_RAN("wrw");
    aio_set_fd_handler(ctx, fds[0], readable, NULL, &a);
    CHECK_EQ(aio_poll(ctx, false), false);
    /* Hung up: it stays readable. */
    close(fds[1]);
    CHECK_EQ(aio_poll(ctx, true), true);
    CHECK_EQ(aio_poll(ctx, true), true);
    CHECK_RAN("wrwrr");
    unwatch(&a);
    close(fds[0]);
    aio_context_unref(ctx);
}

static void aio_poll_runs_the_write_callback_on_an_error(void)
{
    struct ends ends = pipe_new();

    ctx = context_new();
    ran_clear();
    a = (struct watched){ends, 'r', 'w', 0, NULL, NULL};
    while (write(ends.write, &a, sizeof(a)) > 0) {
    }
    aio_set_fd_handler(ctx, ends.write, NULL, writable, &a);
    CHECK_EQ(aio_poll(ctx, false), false);
    /* The writer of a pipe without a reader is in error. */
    close(ends.read);
    CHECK_EQ(aio_poll(ctx, true), true);
    CHECK_RAN("w");
    aio_set_fd_handler(ctx, ends.write, NULL, NULL, NULL);
    close(ends.write);
    aio_context_unref(ctx);
}

static void removes_the_other(struct watched *watched)
{
    unwatch(watched->other);
}

/* Both are ready; the one that runs first removes the other. */
static void aio_set_fd_handler_removes_another_in_the_same_pass(void)
{
    two_pipes(removes_the_other);
    b.then = removes_the_other;
    put(a.ends.write);
    put(b.ends.write);
    CHECK_EQ(aio_poll(ctx, true), true);
    CHECK_EQ(aio_poll(ctx, false), false);
    CHECK_EQ(ran.count, 1);
    done();
}

static void removes_itself(struct watched *watched)
{
    unwatch(watched);
}

static void aio_set_fd_handler_removes_the_running_one(void)
{
    two_pipes(removes_itself);
    a.leaves_data = 1;
    put(a.ends.write);
    put(b.ends.write);
    CHECK_EQ(aio_poll(ctx, true), true);
    CHECK_EQ(aio_poll(ctx, false), false);
    CHECK_EQ(ran.count, 2);
    done();
}

static void removes_and_sets_itself(struct watched *watched)
{
    unwatch(watched);
    watch(watched);
}

static void aio_set_fd_handler_sets_the_running_one_again(void)
{
    two_pipes(removes_and_sets_itself);
    put(a.ends.write);
    CHECK_EQ(aio_poll(ctx, true), true);
    CHECK_EQ(aio_poll(ctx, false), false);
    put(a.ends.write);
    CHECK_EQ(aio_poll(ctx, true), true);
    CHECK_RAN("aa");
    done();
}

/* Reuses the other's number for a new pipe, which is not ready. */
static void reuses_the_number(struct watched *watched)
{
    struct watched *other = watched->other;
    int old = other->ends.read;
    struct ends fresh;

    unwatch(other);
    pipe_free(other->ends);
    fresh = pipe_new();
    CHECK(dup2(fresh.read, old) == old);
    if (fresh.read != old) {
        close(fresh.read);
        fresh.read = old;
    }
    other->ends = fresh;
    other->on_read = 'n';
    watch(other);
}

static void aio_set_fd_handler_in_a_callback_takes_a_reused_number(void)
{
    int i;

    for (i = 0; i < 2; i++) {
        two_pipes(NULL);
        /*
         * In either order the handler of the new file must not run for events of the old one.
         */
        a.then = b.then = NULL;
        (i == 0 ? &a : &b)->then = reuses_the_number;
        put(a.ends.write);
        put(b.ends.write);
        CHECK_EQ(aio_poll(ctx, true), true);
        CHECK_EQ(aio_poll(ctx, false), false);
        CHECK(strchr(ran.items, 'n') == NULL);
        CHECK(strchr(ran.items, i == 0 ? 'a' : 'b') != NULL);
        put((i == 0 ? &b : &a)->ends.write);
        CHECK_EQ(aio_poll(ctx, true), true);
        CHECK_EQ(ran.items[ran.count - 1], 'n');
        done();
    }
}

static void polls(struct watched *watched)
{
    if (watched->other->then == NULL) {
        put(watched->other->ends.write);
        CHECK_EQ(aio_poll(ctx, true), true);
        ran_add('.');
    }
}

static void aio_poll_in_a_handler_runs_others(void)
{
    two_pipes(polls);
    put(a.ends.write);
    CHECK_EQ(aio_poll(ctx, true), true);
    CHECK_RAN("ab.");
    CHECK_EQ(aio_poll(ctx, false), false);
    done();
}

/* Both are ready; the one that runs first runs the other in a nested poll. */
static void aio_poll_runs_nothing_that_a_nested_one_has_run(void)
{
    two_pipes(NULL);
    a.then = polls;
    put(a.ends.write);
    put(b.ends.write);
    while (aio_poll(ctx, false)) {
    }
    /* Each byte is taken once. */
    CHECK_EQ(take(a.ends.read), 0);
    CHECK_EQ(take(b.ends.read), 0);
    CHECK(strchr(ran.items, 'a') == strrchr(ran.items, 'a'));
    done();
}

static void removes_itself_and_polls(struct watched *watched)
{
    unwatch(watched);
    CHECK_EQ(aio_poll(ctx, false), false);
    watched->then = NULL;
    watch(watched);
}

static void aio_poll_in_a_handler_that_has_removed_itself_runs_nothing(void)
{
    two_pipes(removes_itself_and_polls);
    put(a.ends.write);
    CHECK_EQ(aio_poll(ctx, true), true);
    put(a.ends.write);
    CHECK_EQ(aio_poll(ctx, true), true);
    CHECK_RAN("aa");
    done();
}

static int notified_count;
static EventNotifier *notified_last;

static void on_event(EventNotifier *e)
{
    CHECK_EQ(event_notifier_test_and_clear(e), 1);
    notified_count++;
    notified_last = e;
}

static void aio_set_event_notifier_has_its_callback_run(void)
{
    EventNotifier one, two;

    ctx = context_new();
    notified_count = 0;
    CHECK_EQ(event_notifier_init(&one, 0), 0);
    CHECK_EQ(event_notifier_init(&two, 1), 0);
    aio_set_event_notifier(ctx, &one, on_event);
    aio_set_event_notifier(ctx, &two, on_event);
    CHECK_EQ(aio_poll(ctx, true), true);
    CHECK(notified_last == &two);
    CHECK_EQ(aio_poll(ctx, false), false);
    event_notifier_set(&one);
    event_notifier_set(&one);
    CHECK_EQ(aio_poll(ctx, true), true);
    CHECK(notified_last == &one);
    CHECK_EQ(notified_count, 2);
    aio_set_event_notifier(ctx, &one, NULL);
    event_notifier_set(&one);
    CHECK_EQ(aio_poll(ctx, false), false);
    aio_set_event_notifier(ctx, &two, NULL);
    event_notifier_cleanup(&one);
    event_notifier_cleanup(&two);
    aio_context_unref(ctx);
}

static void *set_when_asleep(void *unused)
{
    wait_for_poller(ctx);
    watch(&b);
    return unused;
}

static void aio_set_fd_handler_wakes_a_sleeping_loop(void)
{
    pthread_t thread;

    two_pipes(NULL);
    unwatch(&b);
    put(b.ends.write);
    thread = start(set_when_asleep, NULL);
    while (ran.count == 0) {
        aio_poll(ctx, true);
    }
    join(thread);
    CHECK_RAN("b");
    done();
}

/* Handlers that threads set and remove, with the lock, while the loop runs. */
enum { THREADS = 3 };

#define ROUNDS check_often(3000)

struct guest {
    struct ends ends;
    int runs;
    int alive;
};

static int guests_left;

static void guest_is_readable(void *opaque)
{
    struct guest *guest = opaque;

    CHECK_EQ(guest->alive, 1);
    take(guest->ends.read);
    store(&guest->runs, guest->runs + 1);
}

static void *come_and_go(void *unused)
{
    struct ends ends = pipe_new();
    int i;

    for (i = 0; i < ROUNDS; i++) {
        struct guest *guest = calloc(1, sizeof(*guest));

        CHECK(guest != NULL);
        guest->ends = ends;
        guest->alive = 1;
        aio_context_acquire(ctx);
        aio_set_fd_handler(ctx, ends.read, guest_is_readable, NULL, guest);
        aio_context_release(ctx);
        put(ends.write);
        if (i % 2 == 0) {
            wait_until_at_least(&guest->runs, 1);
        }
        aio_context_acquire(ctx);
        aio_set_fd_handler(ctx, ends.read, NULL, NULL, NULL);
        guest->alive = 0;
        aio_context_release(ctx);
        free(guest);
        take(ends.read);
    }
    pipe_free(ends);
    __atomic_sub_fetch(&guests_left, 1, __ATOMIC_SEQ_CST);
    wake_by_work(ctx);
    return unused;
}

static void aio_set_fd_handler_works_in_threads(void)
{
    pthread_t threads[THREADS];
    int i;

    ctx = context_new();
    store(&guests_left, THREADS);
    for (i = 0; i < THREADS; i++) {
        threads[i] = start(come_and_go, NULL);
    }
    while (load(&guests_left) > 0) {
        aio_poll(ctx, true);
    }
    for (i = 0; i < THREADS; i++) {
        join(threads[i]);
    }
    aio_context_unref(ctx);
}

int main(void)
{
    init_clocks();
    RUN(aio_poll_runs_the_callback_of_a_readable_descriptor);
    RUN(aio_poll_runs_a_callback_again_for_data_that_is_left);
    RUN(aio_set_fd_handler_removes_a_handler);
    RUN(aio_set_fd_handler_replaces_callbacks_and_argument);
    RUN(aio_poll_runs_both_callbacks_of_a_socket);
    RUN(aio_poll_runs_the_write_callback_on_an_error);
    RUN(aio_set_fd_handler_removes_another_in_the_same_pass);
    RUN(aio_set_fd_handler_removes_the_running_one);
    RUN(aio_set_fd_handler_sets_the_running_one_again);
    RUN(aio_set_fd_handler_in_a_callback_takes_a_reused_number);
    RUN(aio_poll_in_a_handler_runs_others);
    RUN(aio_poll_runs_nothing_that_a_nested_one_has_run);
    RUN(aio_poll_in_a_handler_that_has_removed_itself_runs_nothing);
    RUN(aio_set_event_notifier_has_its_callback_run);
    RUN(aio_set_fd_handler_wakes_a_sleeping_loop);
    RUN(aio_set_fd_handler_works_in_threads);
    return 0;
}
