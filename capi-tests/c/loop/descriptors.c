/*
 * Descriptors that are not as a loop would have them: always ready, closed, copied, inherited.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "context.h"

static AioContext *ctx;
static int reads, writes;

static void on_read(void *unused)
{
    (void)unused;
    reads++;
}

static void on_write(void *unused)
{
    (void)unused;
    writes++;
}

static void take_it(void *opaque)
{
    take(*(int *)opaque);
    reads++;
}

static void files_are_always_ready(void)
{
    FILE *file = tmpfile();
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    int folder = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int fds[3], i;

    CHECK(file != NULL);
    CHECK(null >= 0);
    CHECK(folder >= 0);
    fds[0] = fileno(file);
    fds[1] = null;
    fds[2] = folder;
    ctx = context_new();
    for (i = 0; i < 3; i++) {
        reads = writes = 0;
        aio_set_fd_handler(ctx, fds[i], on_read, NULL, NULL);
        CHECK_EQ(aio_poll(ctx, true), true);
        CHECK_EQ(aio_poll(ctx, false), true);
        CHECK_EQ(reads, 2);
        CHECK_EQ(writes, 0);
        aio_set_fd_handler(ctx, fds[i], on_read, on_write, NULL);
        CHECK_EQ(aio_poll(ctx, true), true);
        CHECK_EQ(reads, 3);
        CHECK_EQ(writes, 1);
        aio_set_fd_handler(ctx, fds[i], NULL, on_write, NULL);
        CHECK_EQ(aio_poll(ctx, true), true);
        CHECK_EQ(reads, 3);
        CHECK_EQ(writes, 2);
        aio_set_fd_handler(ctx, fds[i], NULL, NULL, NULL);
        CHECK_EQ(aio_poll(ctx, false), false);
        CHECK_EQ(aio_compute_timeout(ctx), -1);
    }
    fclose(file);
    close(null);
    close(folder);
    aio_context_unref(ctx);
}

static void files_do_not_starve_others(void)
{
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    struct ends ends = pipe_new();

    CHECK(null >= 0);
    ctx = context_new();
    reads = writes = 0;
    aio_set_fd_handler(ctx, null, NULL, on_write, NULL);
    aio_set_fd_handler(ctx, ends.read, take_it, NULL, &ends.read);
    put(ends.write);
    CHECK_EQ(aio_poll(ctx, true), true);
    CHECK_EQ(reads, 1);
    CHECK_EQ(writes, 1);
    aio_set_fd_handler(ctx, null, NULL, NULL, NULL);
    aio_set_fd_handler(ctx, ends.read, NULL, NULL, NULL);
    aio_context_unref(ctx);
    close(null);
    pipe_free(ends);
}

static void copies_are_watched_each(void)
{
    struct ends ends = pipe_new();
    int copy = dup(ends.read);

    CHECK(copy >= 0);
    ctx = context_new();
    reads = 0;
    aio_set_fd_handler(ctx, ends.read, on_read, NULL, NULL);
    aio_set_fd_handler(ctx, copy, on_read, NULL, NULL);
    put(ends.write);
    CHECK_EQ(aio_poll(ctx, true), true);
    CHECK_EQ(reads, 2);
    aio_set_fd_handler(ctx, copy, NULL, NULL, NULL);
    CHECK_EQ(aio_poll(ctx, true), true);
    CHECK_EQ(reads, 3);
    aio_set_fd_handler(ctx, ends.read, NULL, NULL, NULL);
    CHECK_EQ(aio_poll(ctx, false), false);
    close(copy);
    pipe_free(ends);
    aio_context_unref(ctx);
}

static int fired;

static void fire(void *unused)
{
    (void)unused;
    fired++;
}

/* Polls until a timer fires; returns how often poll returned before. */
static int polls_until_timer(int ms)
{
    QEMUTimer *timer = aio_timer_new(ctx, QEMU_CLOCK_REALTIME, SCALE_MS, fire, NULL);
    int polls = 0;

    fired = 0;
    timer_mod(timer, qemu_clock_get_ms(QEMU_CLOCK_REALTIME) + ms);
    while (!fired) {
        aio_poll(ctx, true);
        polls++;
    }
    timer_free(timer);
    return polls;
}

/*
 * What happens when a descriptor is closed under its handler: with a copy elsewhere, epoll goes
 * on reporting it.
 */
static void child_closes(void *argument)
{
    int with_copy = *(int *)argument, copy = -1, again, polls;
    struct ends ends = pipe_new();

    ctx = context_new();
    reads = 0;
    aio_set_fd_handler(ctx, ends.read, on_read, NULL, NULL);
    CHECK_EQ(aio_poll(ctx, false), false);
    if (with_copy) {
        copy = dup(ends.read);
        CHECK(copy >= 0);
    }
    close(ends.read);
    if (with_copy) {
        put(ends.write);
    }
    /* It may take some returns to find out; a busy loop would return thousands of times. */
    polls = polls_until_timer(100);
    CHECK(polls <= 300);
    reads = 0;
    polls = polls_until_timer(100);
    CHECK(polls <= 10);
    CHECK_EQ(reads, 0);

    /* The number can be used anew. */
    again = open("/dev/null", O_RDONLY | O_CLOEXEC);
    CHECK_EQ(again, ends.read);
    close(again);
    close(ends.write);
    close(copy);
    ends = pipe_new();
    put(ends.write);
    reads = 0;
    aio_set_fd_handler(ctx, ends.read, take_it, NULL, &ends.read);
    while (reads == 0) {
        aio_poll(ctx, true);
    }
    aio_set_fd_handler(ctx, ends.read, NULL, NULL, NULL);
    CHECK_EQ(aio_poll(ctx, false), false);
    pipe_free(ends);
    aio_context_unref(ctx);
}

static int lines(const char *text)
{
    int count = 0;

    for (; *text != '\0'; text++) {
        count += *text == '\n';
    }
    return count;
}

static void a_closed_descriptor_is_dropped(void)
{
    int with_copy;

    for (with_copy = 0; with_copy <= 1; with_copy++) {
        char text[1024];
        int status = check_in_child(child_closes, &with_copy, text, sizeof(text));

        if (status != 0) {
            fprintf(stderr, "with_copy %d: %s", with_copy, text);
        }
        CHECK_EQ(status, 0);
        /* It is said once, if it is noticed: without a copy the kernel just forgets it. */
        CHECK(lines(text) == 1 || (!with_copy && lines(text) == 0));
        CHECK(lines(text) == 0 || strncmp(text, "aiocontext: ", 12) == 0);
    }
}

/* A handler that is set for a number that is not open. */
static void child_sets_closed(void *unused)
{
    int polls;

    (void)unused;
    ctx = context_new();
    reads = 0;
    aio_set_fd_handler(ctx, 1000, on_read, NULL, NULL);
    polls = polls_until_timer(100);
    CHECK(polls <= 10);
    CHECK_EQ(reads, 0);
    aio_set_fd_handler(ctx, 1000, NULL, NULL, NULL);
    aio_context_unref(ctx);
}

static void a_handler_for_a_closed_descriptor_is_said_once(void)
{
    char text[1024];
    int status = check_in_child(child_sets_closed, NULL, text, sizeof(text));

    if (status != 0) {
        fprintf(stderr, "%s", text);
    }
    CHECK_EQ(status, 0);
    CHECK_EQ(lines(text), 1);
    CHECK(strncmp(text, "aiocontext: ", 12) == 0);
    CHECK(strstr(text, "1000") != NULL);
}

static struct ends inherited;

static void child_uses_the_context(void *unused)
{
    struct ends own = pipe_new();
    QEMUBH *bh = aio_bh_new(ctx, fire, NULL);

    (void)unused;
    fired = reads = 0;
    qemu_bh_schedule(bh);
    CHECK_EQ(aio_poll(ctx, true), true);
    CHECK_EQ(fired, 1);
    aio_set_fd_handler(ctx, own.read, take_it, NULL, &own.read);
    put(own.write);
    CHECK_EQ(aio_poll(ctx, true), true);
    CHECK_EQ(reads, 1);
    put(inherited.write);
    CHECK_EQ(aio_poll(ctx, true), true);
    CHECK_EQ(reads, 2);
    /* What is taken away here must stay with the parent. */
    aio_set_fd_handler(ctx, own.read, NULL, NULL, NULL);
    aio_set_fd_handler(ctx, inherited.read, NULL, NULL, NULL);
    pipe_free(own);
    CHECK_EQ(aio_poll(ctx, false), false);
    aio_context_unref(ctx);
}

static void child_has_a_context_of_its_own(void *unused)
{
    AioContext *own = context_new();
    QEMUBH *bh = aio_bh_new(own, fire, NULL);

    (void)unused;
    fired = 0;
    qemu_bh_schedule(bh);
    CHECK_EQ(aio_poll(own, true), true);
    CHECK_EQ(fired, 1);
    aio_context_unref(own);
}

static void a_child_process_does_not_disturb_its_parent(void)
{
    void (*children[])(void *) = {child_has_a_context_of_its_own, child_uses_the_context};
    int i;

    for (i = 0; i < 2; i++) {
        ctx = context_new();
        inherited = pipe_new();
        aio_set_fd_handler(ctx, inherited.read, take_it, NULL, &inherited.read);
        CHECK_EQ(aio_poll(ctx, false), false);
        check_child_succeeds(children[i], NULL);
        reads = 0;
        CHECK_EQ(aio_poll(ctx, false), false);
        put(inherited.write);
        CHECK_EQ(aio_poll(ctx, true), true);
        CHECK_EQ(reads, 1);
        CHECK_EQ(aio_poll(ctx, false), false);
        aio_set_fd_handler(ctx, inherited.read, NULL, NULL, NULL);
        pipe_free(inherited);
        aio_context_unref(ctx);
    }
}

int main(void)
{
    init_clocks();
    RUN(files_are_always_ready);
    RUN(files_do_not_starve_others);
    RUN(copies_are_watched_each);
    RUN(a_closed_descriptor_is_dropped);
    RUN(a_handler_for_a_closed_descriptor_is_said_once);
    RUN(a_child_process_does_not_disturb_its_parent);
    return 0;
}
