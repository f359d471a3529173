/*
 * Awkward descriptors: always ready, closed, duplicated, inherited.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "turns.h"

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

static void child_uses_files(void *unused)
{
    AioContext *ctx = context_new();
    FILE *file = tmpfile();
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    int folder = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int fds[3], i, turn;

    (void)unused;
    CHECK(file != NULL);
    CHECK(null >= 0);
    CHECK(folder >= 0);
    fds[0] = fileno(file);
    fds[1] = null;
    fds[2] = folder;
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
        /* Also where the loop looks whether the number is still such a file's. */
        for (turn = 0; turn < 200; turn++) {
            CHECK_EQ(aio_poll(ctx, true), true);
        }
        CHECK_EQ(writes, 202);
        aio_set_fd_handler(ctx, fds[i], NULL, NULL, NULL);
        CHECK_EQ(aio_poll(ctx, false), false);
        CHECK_EQ(aio_compute_timeout(ctx), -1);
    }
    fclose(file);
    close(null);
    close(folder);
    aio_context_unref(ctx);
}

/* They are valid, so nothing is logged. */
static void aio_poll_finds_files_always_ready(void)
{
    check_child_succeeds(child_uses_files, NULL);
}

static void aio_poll_runs_others_beside_files(void)
{
    AioContext *ctx = context_new();
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    struct ends ends = pipe_new();

    CHECK(null >= 0);
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

static void aio_set_fd_handler_watches_each_copy(void)
{
    AioContext *ctx = context_new();
    struct ends ends = pipe_new();
    int copy = dup(ends.read);

    CHECK(copy >= 0);
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

/* A descriptor of a regular file that nobody else has open. */
static int file_new(void)
{
    FILE *file = tmpfile();
    int fd;

    CHECK(file != NULL);
    fd = fcntl(fileno(file), F_DUPFD_CLOEXEC, 0);
    CHECK(fd >= 0);
    fclose(file);
    return fd;
}

/* The descriptor that is closed. */
enum closed { OF_A_PIPE, OF_A_PIPE_WITH_A_COPY, OF_A_FILE, CLOSED };

/*
 * What happens when a descriptor is closed under its handler: with a copy elsewhere, epoll goes
 * on reporting it; of a file that is always ready it reports nothing at all.
 */
static void child_closes(void *argument)
{
    AioContext *ctx = context_new();
    enum closed closed = *(enum closed *)argument;
    int copy = -1, again, polls;
    struct ends ends = pipe_new();

    if (closed == OF_A_FILE) {
        int file = file_new();

        CHECK_EQ(dup3(file, ends.read, O_CLOEXEC), ends.read);
        close(file);
    }
    reads = 0;
    aio_set_fd_handler(ctx, ends.read, on_read, NULL, NULL);
    CHECK_EQ(aio_poll(ctx, false), closed == OF_A_FILE);
    if (closed == OF_A_PIPE_WITH_A_COPY) {
        copy = dup(ends.read);
        CHECK(copy >= 0);
    }
    close(ends.read);
    if (closed == OF_A_PIPE_WITH_A_COPY) {
        put(ends.write);
    }
    /* The loop may need some turns to notice; a busy loop would turn thousands of times. */
    polls = turns_until_timer(ctx, 100);
    CHECK(polls <= 300);
    reads = 0;
    polls = turns_until_timer(ctx, 100);
    CHECK(polls <= 10);
    CHECK_EQ(reads, 0);

    /* The number can be used again. */
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

static void aio_poll_drops_a_closed_descriptor(void)
{
    int closed;

    for (closed = 0; closed < CLOSED; closed++) {
        enum closed argument = (enum closed)closed;
        char text[1024];
        int status = check_in_child(child_closes, &argument, text, sizeof(text));

        if (status != 0) {
            fprintf(stderr, "closed %d: %s", closed, text);
        }
        CHECK_EQ(status, 0);
        /* Logged once, if the loop notices: without a copy the kernel just forgets a pipe. */
        CHECK(check_lines(text) == 1 || (closed == OF_A_PIPE && check_lines(text) == 0));
        CHECK(check_lines(text) == 0 || strncmp(text, "aiocontext: ", 12) == 0);
        CHECK(closed != OF_A_FILE || strstr(text, "handler is dropped") != NULL);
    }
}

/* The number of a regular file now belongs to another file that is always ready. */
static void child_replaces_a_file(void *other)
{
    AioContext *ctx = context_new();
    int file = file_new(), turns;

    reads = 0;
    aio_set_fd_handler(ctx, file, on_read, NULL, NULL);
    CHECK_EQ(aio_poll(ctx, true), true);
    CHECK_EQ(dup3(*(int *)other, file, O_CLOEXEC), file);
    for (turns = 0; reads < 200; turns++) {
        aio_poll(ctx, true);
    }
    /* The turn that notices the change may report readiness only in the next one. */
    CHECK(turns <= 200);
    aio_set_fd_handler(ctx, file, NULL, NULL, NULL);
    CHECK_EQ(aio_poll(ctx, false), false);
    aio_context_unref(ctx);
    close(file);
}

static void aio_poll_finds_a_file_in_the_place_of_another_ready(void)
{
    int file = file_new(), null = open("/dev/null", O_RDWR | O_CLOEXEC);
    char text[1024];

    CHECK(null >= 0);
    /* Nothing tells the two apart. */
    check_child_succeeds(child_replaces_a_file, &file);
    CHECK_EQ(check_in_child(child_replaces_a_file, &null, text, sizeof(text)), 0);
    CHECK_EQ(check_lines(text), 1);
    CHECK(strstr(text, "stands for another file") != NULL);
    close(file);
    close(null);
}

/* A handler that is set for a number that is not open. */
static void child_sets_closed(void *unused)
{
    AioContext *ctx = context_new();
    int polls;

    (void)unused;
    reads = 0;
    aio_set_fd_handler(ctx, 1000, on_read, NULL, NULL);
    polls = turns_until_timer(ctx, 100);
    CHECK(polls <= 10);
    CHECK_EQ(reads, 0);
    aio_set_fd_handler(ctx, 1000, NULL, NULL, NULL);
    aio_context_unref(ctx);
}

static void aio_set_fd_handler_logs_a_closed_descriptor_once(void)
{
    char text[1024];
    int status = check_in_child(child_sets_closed, NULL, text, sizeof(text));

    if (status != 0) {
        fprintf(stderr, "%s", text);
    }
    CHECK_EQ(status, 0);
    CHECK_EQ(check_lines(text), 1);
    CHECK(strncmp(text, "aiocontext: ", 12) == 0);
    /* Logged when the handler is set, not only when it is removed. */
    CHECK(strstr(text, "1000 is not open") != NULL);
}

/* The handler is replaced after its descriptor was closed. */
static void child_replaces_closed(void *argument)
{
    AioContext *ctx = context_new();
    int with_copy = *(int *)argument, copy = -1;
    struct ends ends = pipe_new();

    reads = 0;
    aio_set_fd_handler(ctx, ends.read, on_read, NULL, NULL);
    put(ends.write);
    if (with_copy) {
        copy = dup(ends.read);
        CHECK(copy >= 0);
    }
    close(ends.read);
    aio_set_fd_handler(ctx, ends.read, on_read, NULL, NULL);
    CHECK(turns_until_timer(ctx, 20) <= 5);
    CHECK_EQ(reads, 0);
    close(copy);
    close(ends.write);
    aio_context_unref(ctx);
}

static void aio_set_fd_handler_logs_a_descriptor_closed_since_once(void)
{
    int with_copy;

    for (with_copy = 0; with_copy <= 1; with_copy++) {
        char text[1024];

        CHECK_EQ(check_in_child(child_replaces_closed, &with_copy, text, sizeof(text)), 0);
        CHECK_EQ(check_lines(text), 1);
        CHECK(strncmp(text, "aiocontext: ", 12) == 0);
    }
}

/* What a child inherits from its parent. */
struct inherited {
    AioContext *ctx;
    struct ends ends;
};

static void child_uses_the_context(void *opaque)
{
    struct inherited *inherited = opaque;
    AioContext *ctx = inherited->ctx;
    int runs = 0;
    struct ends own = pipe_new();
    QEMUBH *bh = aio_bh_new(ctx, count_run, &runs);

    reads = 0;
    qemu_bh_schedule(bh);
    CHECK_EQ(aio_poll(ctx, true), true);
    CHECK_EQ(runs, 1);
    aio_set_fd_handler(ctx, own.read, take_it, NULL, &own.read);
    put(own.write);
    CHECK_EQ(aio_poll(ctx, true), true);
    CHECK_EQ(reads, 1);
    put(inherited->ends.write);
    CHECK_EQ(aio_poll(ctx, true), true);
    CHECK_EQ(reads, 2);
    /* Removing it here must not affect the parent. */
    aio_set_fd_handler(ctx, own.read, NULL, NULL, NULL);
    aio_set_fd_handler(ctx, inherited->ends.read, NULL, NULL, NULL);
    pipe_free(own);
    CHECK_EQ(aio_poll(ctx, false), false);
    aio_context_unref(ctx);
}

static void child_has_a_context_of_its_own(void *unused)
{
    AioContext *own = context_new();
    int runs = 0;
    QEMUBH *bh = aio_bh_new(own, count_run, &runs);

    (void)unused;
    qemu_bh_schedule(bh);
    CHECK_EQ(aio_poll(own, true), true);
    CHECK_EQ(runs, 1);
    aio_context_unref(own);
}

static void fork_leaves_the_parents_handlers_alone(void)
{
    void (*children[])(void *) = {child_has_a_context_of_its_own, child_uses_the_context};
    int i;

    for (i = 0; i < 2; i++) {
        struct inherited inherited = {context_new(), pipe_new()};
        AioContext *ctx = inherited.ctx;

        aio_set_fd_handler(ctx, inherited.ends.read, take_it, NULL, &inherited.ends.read);
        CHECK_EQ(aio_poll(ctx, false), false);
        check_child_succeeds(children[i], &inherited);
        reads = 0;
        CHECK_EQ(aio_poll(ctx, false), false);
        put(inherited.ends.write);
        CHECK_EQ(aio_poll(ctx, true), true);
        CHECK_EQ(reads, 1);
        CHECK_EQ(aio_poll(ctx, false), false);
        aio_set_fd_handler(ctx, inherited.ends.read, NULL, NULL, NULL);
        pipe_free(inherited.ends);
        aio_context_unref(ctx);
    }
}

int main(void)
{
    init_clocks();
    RUN(aio_poll_finds_files_always_ready);
    RUN(aio_poll_runs_others_beside_files);
    RUN(aio_set_fd_handler_watches_each_copy);
    RUN(aio_poll_drops_a_closed_descriptor);
    RUN(aio_poll_finds_a_file_in_the_place_of_another_ready);
    RUN(aio_set_fd_handler_logs_a_closed_descriptor_once);
    RUN(aio_set_fd_handler_logs_a_descriptor_closed_since_once);
    RUN(fork_leaves_the_parents_handlers_alone);
    return 0;
}
