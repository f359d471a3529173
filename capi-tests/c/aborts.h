/*
 * Calls that must end the program with one line on stderr.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef ABORTS_H
#define ABORTS_H

#include "check.h"

struct aborting {
    void (*call)(void *);
    /* How the line begins; with its newline it is the whole line. */
    const char *line;
};

/*
 * Returns whether the call, in a child, writes this one line and aborts; else prints what it
 * did.
 */
static inline int aborts(struct aborting expected)
{
    char text[1024];
    int status = check_in_child(expected.call, NULL, text, sizeof(text));
    const char *newline = strchr(text, '\n');

    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT && newline != NULL &&
        strncmp(text, expected.line, strlen(expected.line)) == 0 &&
        /* An emulator adds a line of its own about the signal. */
        (newline[1] == '\0' || getenv("AIONOTIFY_EMULATED") != NULL)) {
        return 1;
    }
    fprintf(stderr, "%s: status %#x, wrote: %s\nexpected: %s\n", check_current,
            (unsigned)status, text, expected.line);
    return 0;
}

#define CHECK_ABORT(calls) check_abort((calls), sizeof(calls) / sizeof((calls)[0]))

/* Makes all the calls before it fails, so that one run shows every wrong message. */
static inline void check_abort(const struct aborting *calls, size_t count)
{
    int wrong = 0;
    size_t i;

    for (i = 0; i < count; i++) {
        wrong += !aborts(calls[i]);
    }
    CHECK_EQ(wrong, 0);
}

#endif /* ABORTS_H */
