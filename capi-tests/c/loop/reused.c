/*
 * A registered descriptor whose number is then another file's, while the loop goes on to take
 * the old file for ready: one that is closed while a copy of it lives, which epoll reports
 * under the number; or a regular file, which epoll does not watch.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "turns.h"

static AioContext *ctx;
static GMainContext *main_context;

/* What the program does about the handler once the number is the new file's. */
enum custom { KEEPS_IT, SETS_IT_ANEW, REMOVES_IT_FIRST, CUSTOMS };

struct kind {
    enum custom custom;
    int under_glib, of_file;
    /* How many turns before the number changes hands. */
    int turns_before;
};

static struct ends new_file;
static int own_runs, vain_runs;

/* What a handler does that trusts its loop: nothing would read the old file's data. */
static void on_new_file(void *opaque)
{
    int fd = *(int *)opaque;

    if (is_readable(fd)) {
        take(fd);
        own_runs++;
    } else {
        vain_runs++;
    }
}

static void turn(bool blocking)
{
    if (main_context != NULL) {
        g_main_context_iteration(main_context, blocking);
    } else {
        aio_poll(ctx, blocking);
    }
}

/* Puts a regular file in the place of a descriptor. */
static void become_file(int number)
{
    FILE *file = tmpfile();

    CHECK(file != NULL);
    CHECK_EQ(dup3(fileno(file), number, O_CLOEXEC), number);
    fclose(file);
}

static void child_reuses(void *argument)
{
    struct kind *kind = argument;
    struct ends old = pipe_new();
    int number = old.read, copy, i;

    if (kind->of_file) {
        become_file(number);
    }
    ctx = context_new();
    if (kind->under_glib) {
        main_context = g_main_context_new();
        CHECK(g_source_attach(&ctx->source, main_context) > 0);
    }
    aio_set_fd_handler(ctx, number, on_new_file, NULL, &number);
    for (i = 0; i < kind->turns_before; i++) {
        turn(false);
    }
    copy = fcntl(number, F_DUPFD_CLOEXEC, 500);
    CHECK(copy >= 500);
    new_file = pipe_new();
    /* Closes the old file's number. */
    CHECK_EQ(dup3(new_file.read, number, O_CLOEXEC), number);
    close(new_file.read);
    if (!kind->of_file) {
        put(old.write);
    }
    own_runs = 0;

    switch (kind->custom) {
    case REMOVES_IT_FIRST:
        aio_set_fd_handler(ctx, number, NULL, NULL, NULL);
        aio_set_fd_handler(ctx, number, on_new_file, NULL, &number);
        break;
    case SETS_IT_ANEW:
        aio_set_fd_handler(ctx, number, on_new_file, NULL, &number);
        break;
    default:
        break;
    }
    for (i = 0; i < 1000; i++) {
        turn(false);
    }
    if (vain_runs >= 80) {
        fprintf(stderr, "%d calls of 1000 for the old file\n", vain_runs);
        exit(1);
    }
    CHECK(kind->custom == KEEPS_IT || vain_runs == 0);
    CHECK_EQ(own_runs, 0);
    /* The set has lost the old file and watches the new one. */
    vain_runs = 0;
    for (i = 1; i <= 100; i++) {
        put(new_file.write);
        while (own_runs < i) {
            turn(true);
        }
    }
    turn(false);
    CHECK_EQ(own_runs, 100);
    CHECK_EQ(vain_runs, 0);
    check_turns(kind->under_glib ? turns_of_glib_until_timer(main_context, ctx, 50)
                                 : turns_until_timer(ctx, 50),
                5);
    aio_set_fd_handler(ctx, number, NULL, NULL, NULL);
    put(new_file.write);
    turn(false);
    CHECK_EQ(own_runs, 100);
}

static void reuse_in_each_way(int under_glib, int of_file)
{
    /* At once, or long after the first look at what is reported again and again. */
    static const int turns_before[] = {0, 1, 100};
    struct kind kind = {KEEPS_IT, under_glib, of_file, 0};
    int custom, i;

    for (custom = 0; custom < CUSTOMS; custom++) {
        for (i = 0; i < 3; i++) {
            /* A regular file that the program replaces leaves nothing behind. */
            int messages = of_file && custom != KEEPS_IT ? 0 : 1;

            kind.custom = (enum custom)custom;
            kind.turns_before = turns_before[i];
            CHECK_EQ(messages_of_child(child_reuses, &kind), messages);
        }
    }
}

static void aio_poll_notices_that_a_number_is_another_files(void)
{
    reuse_in_each_way(0, 0);
}

static void aio_pending_notices_that_a_number_is_another_files(void)
{
    reuse_in_each_way(1, 0);
}

static void aio_poll_notices_that_a_number_is_no_regular_files(void)
{
    reuse_in_each_way(0, 1);
}

static void aio_pending_notices_that_a_number_is_no_regular_files(void)
{
    reuse_in_each_way(1, 1);
}

static struct ends empty, other;

static void on_other(void *unused)
{
    (void)unused;
    vain_runs++;
}

/* Puts an empty pipe in the place of one that has been reported as well. */
static void replace_other(void *ends)
{
    take(((struct ends *)ends)->read);
    CHECK_EQ(dup3(empty.read, other.read, O_CLOEXEC), other.read);
    aio_set_fd_handler(ctx, other.read, on_other, NULL, NULL);
}

static void child_replaces_what_was_reported(void *of_file)
{
    struct ends ends = pipe_new();

    ctx = context_new();
    empty = pipe_new();
    other = pipe_new();
    if (of_file != NULL) {
        become_file(other.read);
    }
    aio_set_fd_handler(ctx, ends.read, replace_other, NULL, &ends);
    aio_set_fd_handler(ctx, other.read, on_other, NULL, NULL);
    put(ends.write);
    if (of_file == NULL) {
        put(other.write);
    }
    CHECK_EQ(aio_poll(ctx, true), true);
    CHECK_EQ(vain_runs, 0);
    CHECK_EQ(aio_poll(ctx, false), false);
    put(empty.write);
    CHECK_EQ(aio_poll(ctx, true), true);
    CHECK_EQ(vain_runs, 1);
}

static void aio_set_fd_handler_forgets_what_was_reported_of_another_file(void)
{
    int of_file = 1;

    CHECK_EQ(messages_of_child(child_replaces_what_was_reported, NULL), 1);
    CHECK_EQ(messages_of_child(child_replaces_what_was_reported, &of_file), 0);
}

int main(void)
{
    init_clocks();
    RUN(aio_set_fd_handler_forgets_what_was_reported_of_another_file);
    RUN(aio_poll_notices_that_a_number_is_another_files);
    RUN(aio_pending_notices_that_a_number_is_another_files);
    RUN(aio_poll_notices_that_a_number_is_no_regular_files);
    RUN(aio_pending_notices_that_a_number_is_no_regular_files);
    return 0;
}
