/*
 * Checks for the test programs: a failed one says where and what, and ends the program.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef CHECK_H
#define CHECK_H

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* The running test, for the messages. */
static const char *check_current = "main";

#define CHECK(condition)                                                                       \
    do {                                                                                       \
        if (!(condition)) {                                                                    \
            check_failed(__FILE__, __LINE__, #condition);                                      \
        }                                                                                      \
    } while (0)

#define CHECK_EQ(actual, expected)                                                             \
    check_equal(__FILE__, __LINE__, #actual, (long long)(actual), (long long)(expected))

/* Runs a test function and restarts the watchdog. */
#define RUN(test)                                                                              \
    do {                                                                                       \
        if (check_wants(#test)) {                                                              \
            check_current = #test;                                                             \
            check_watchdog();                                                                  \
            test();                                                                            \
            printf("ok %s\n", #test);                                                          \
        }                                                                                      \
    } while (0)

/* Whether AIONOTIFY_TEST contains the test's name; true if it is not set. */
static inline int check_wants(const char *test)
{
    const char *wanted = getenv("AIONOTIFY_TEST");

    return wanted == NULL || strstr(wanted, test) != NULL;
}

/* RUN, unless this environment variable is set because the test cannot run here. */
#define RUN_UNLESS(variable, test)                                                             \
    do {                                                                                       \
        if (getenv(variable) != NULL) {                                                        \
            printf("skipped %s: %s\n", #test, variable);                                       \
        } else {                                                                               \
            RUN(test);                                                                         \
        }                                                                                      \
    } while (0)

/*
 * In an emulator of another architecture programs have no seccomp and cannot be executed. In
 * qemu-user 7.2 the child of a process with several threads cannot make one.
 */
#define RUN_ON_KERNEL(test) RUN_UNLESS("AIONOTIFY_EMULATED", test)

/* AddressSanitizer's heap may be locked in a child by a thread that the child does not have. */
#define RUN_WITH_FORK_SAFE_HEAP(test) RUN_UNLESS("AIONOTIFY_HEAP_NOT_FORK_SAFE", test)

/* How often to do something: less often under a tool that slows everything down (valgrind). */
static inline int check_often(int times)
{
    return getenv("AIONOTIFY_INSTRUMENTED") != NULL ? times / 20 : times;
}

static inline void check_failed(const char *file, int line, const char *what)
{
    fprintf(stderr, "%s:%d: %s: failed: %s (errno %d)\n", file, line, check_current, what,
            errno);
    exit(1);
}

static inline void check_equal(const char *file, int line, const char *what, long long actual,
                               long long expected)
{
    if (actual != expected) {
        fprintf(stderr, "%s:%d: %s: %s is %lld, expected %lld\n", file, line, check_current,
                what, actual, expected);
        exit(1);
    }
}

static void check_hangs(int signal_number)
{
    static const char text[] = "watchdog: hangs in ";

    (void)signal_number;
    if (write(2, text, sizeof(text) - 1) < 0 ||
        write(2, check_current, strlen(check_current)) < 0 || write(2, "\n", 1) < 0) {
        _exit(2);
    }
    _exit(1);
}

/*
 * A test takes a few seconds at most. Only a lost wakeup or a deadlock takes two minutes, or
 * the seconds in AIONOTIFY_WATCHDOG.
 */
static inline void check_watchdog(void)
{
    const char *seconds = getenv("AIONOTIFY_WATCHDOG");

    signal(SIGALRM, check_hangs);
    alarm(seconds != NULL ? (unsigned)atoi(seconds) : 120);
}

/* Runs f(argument) in a child and puts its stderr into text; returns the wait status. */
static inline int check_in_child(void (*f)(void *), void *argument, char *text, size_t size)
{
    int ends[2], status;
    size_t used = 0;
    ssize_t n;
    pid_t child;

    CHECK_EQ(pipe(ends), 0);
    fflush(NULL);
    child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        check_watchdog();
        dup2(ends[1], 2);
        close(ends[0]);
        close(ends[1]);
        f(argument);
        /* Not exit(): leak checkers would report what only the parent's threads still hold. */
        fflush(NULL);
        _exit(0);
    }
    close(ends[1]);
    while (used + 1 < size && (n = read(ends[0], text + used, size - 1 - used)) > 0) {
        used += (size_t)n;
    }
    text[used] = '\0';
    close(ends[0]);
    CHECK_EQ(waitpid(child, &status, 0), child);
    return status;
}

/* The child must succeed and write nothing to stderr. */
static inline void check_child_succeeds(void (*f)(void *), void *argument)
{
    char text[1024];
    int status = check_in_child(f, argument, text, sizeof(text));

    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0 || text[0] != '\0') {
        fprintf(stderr, "%s: child: status %#x: %s\n", check_current, (unsigned)status, text);
        exit(1);
    }
}

/* How many lines a text has. */
static inline int check_lines(const char *text)
{
    int count = 0;

    for (; *text != '\0'; text++) {
        count += *text == '\n';
    }
    return count;
}

struct check_call {
    void (*f)(void *);
    void *argument;
};

static inline void check_without_threads(void *opaque)
{
    struct check_call *call = opaque;

    call->f(call->argument);
    if (getenv("AIONOTIFY_INSTRUMENTED") != NULL) {
        fflush(NULL);
        execl("/bin/true", "true", (char *)NULL);
    }
}

/*
 * The same where other threads run. Their stacks are gone in the child, and a leak checker
 * would report what they pointed to.
 */
static inline void check_child_of_threads_succeeds(void (*f)(void *), void *argument)
{
    struct check_call call = {f, argument};

    check_child_succeeds(check_without_threads, &call);
}

#endif /* CHECK_H */
