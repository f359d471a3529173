/*
 * Processes that fork with a context, and both sides' going on with it.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef FORK_H
#define FORK_H

#include <sys/socket.h>
#include <sys/syscall.h>

#include "context.h"

/* The ways to fork. Without exec a child of the last two has no business with libc's locks. */
enum way { BY_FORK, BY__FORK, BY_CLONE, WAYS };

static const char *const way_names[WAYS] = {"fork", "_Fork", "clone"};

static inline pid_t fork_by(enum way way)
{
    switch (way) {
    case BY__FORK:
#if !defined(__GLIBC__) || __GLIBC_PREREQ(2, 34)
        return _Fork();
#endif
    case BY_CLONE:
        return (pid_t)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
    default:
        return fork();
    }
}

/* The full form, which runs in `make verify`. */
static inline int is_full(void)
{
    return getenv("AIONOTIFY_FULL") != NULL;
}

/* How often to do something in the short form and in the full one. */
static inline int repeats(int briefly, int fully)
{
    return check_often(is_full() ? fully : briefly);
}

/* RUN, if the program's first argument is part of the test's name, or there is none. */
#define RUN_NAMED(argv, test)                                                                  \
    do {                                                                                       \
        if ((argv)[1] == NULL || strstr(#test, (argv)[1]) != NULL) {                           \
            RUN(test);                                                                         \
        }                                                                                      \
    } while (0)

/* For the messages: where in its matrix a test is. */
static char check_detail[160];

__attribute__((format(printf, 1, 2))) static inline void check_at(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(check_detail, sizeof(check_detail), format, arguments);
    va_end(arguments);
    check_current = check_detail;
}

/* Waits until all other threads sleep, so that none has libc's locks. */
static inline void wait_until_others_sleep(void)
{
    int self = own_tid(), awake;

    do {
        DIR *folder = opendir("/proc/self/task");
        struct dirent *entry;

        CHECK(folder != NULL);
        awake = 0;
        while ((entry = readdir(folder)) != NULL) {
            int tid = atoi(entry->d_name);

            if (tid != 0 && tid != self && !is_asleep(tid)) {
                awake++;
            }
        }
        closedir(folder);
        if (awake > 0) {
            sched_yield();
        }
    } while (awake > 0);
}

/* One side's view of the other process. */
struct side {
    pid_t child; /* 0 in the child */
    int other;   /* a socket to the other side */
};

/* Forks: returns in both. */
static inline struct side side_new(enum way way)
{
    struct side side;
    int ends[2];

    CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    fflush(NULL);
    side.child = fork_by(way);
    CHECK(side.child >= 0);
    side.other = ends[side.child == 0];
    close(ends[side.child != 0]);
    if (side.child == 0) {
        check_watchdog();
    }
    return side;
}

static inline int is_child(const struct side *side)
{
    return side->child == 0;
}

static inline void say(const struct side *side)
{
    CHECK_EQ(send(side->other, "x", 1, MSG_NOSIGNAL), 1);
}

/* Waits until the other side has said something; fails if it has ended instead. */
static inline void hear(const struct side *side)
{
    char byte;
    ssize_t n;

    do {
        n = recv(side->other, &byte, 1, 0);
    } while (n < 0 && errno == EINTR);
    if (n != 1) {
        fprintf(stderr, "%s: the %s has ended early\n", check_current,
                is_child(side) ? "parent" : "child");
        /* What the child says of itself comes first. */
        if (!is_child(side)) {
            waitpid(side->child, NULL, 0);
        }
        _exit(1);
    }
}

static inline void meet(const struct side *side)
{
    say(side);
    hear(side);
}

/* The child ends here; the parent waits for it, and goes on if it has succeeded. */
static inline void side_free(struct side *side)
{
    int status;

    if (is_child(side)) {
        _exit(0);
    }
    CHECK_EQ(waitpid(side->child, &status, 0), side->child);
    close(side->other);
    if (status != 0) {
        fprintf(stderr, "%s: child: status %#x\n", check_current, (unsigned)status);
        exit(1);
    }
}

/* Runs f(argument) in a child by this way, which must succeed. */
static inline void in_child_by(enum way way, void (*f)(void *), void *argument)
{
    struct side side = side_new(way);

    if (is_child(&side)) {
        f(argument);
    }
    side_free(&side);
}

/* Threads that are outside the library, asleep, until they are freed. */
enum { MOST_OTHERS = 3 };

struct others {
    pthread_t threads[MOST_OTHERS];
    int count, ready;
    struct ends ends;
};

static inline void *be_another(void *opaque)
{
    struct others *others = opaque;
    char byte;

    __atomic_add_fetch(&others->ready, 1, __ATOMIC_SEQ_CST);
    CHECK_EQ(read(others->ends.read, &byte, 1), 0);
    return NULL;
}

static inline void others_new(struct others *others, int count)
{
    int fds[2], i;

    memset(others, 0, sizeof(*others));
    CHECK_EQ(pipe2(fds, O_CLOEXEC), 0);
    others->ends = (struct ends){fds[0], fds[1]};
    others->count = count;
    for (i = 0; i < count; i++) {
        others->threads[i] = start(be_another, others);
    }
    wait_until_at_least(&others->ready, count);
}

/* In the process that has made them. */
static inline void others_free(struct others *others)
{
    int i;

    close(others->ends.write);
    for (i = 0; i < others->count; i++) {
        join(others->threads[i]);
    }
    close(others->ends.read);
}

#endif /* FORK_H */
