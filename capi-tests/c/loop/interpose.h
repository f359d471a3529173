/*
 * The library's system calls, counted, and failing where a test asks for it. Compiled into the
 * program, whose functions come before libc's; calls by the program itself, by GLib and by libc
 * are left alone. For programs that are linked with the shared library: in an archive its calls
 * cannot be told from the program's.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef INTERPOSE_H
#define INTERPOSE_H

/* epoll_ctl is one call for each operation. */
#define INTERPOSE_CALLS(X)                                                                     \
    X(EVENTFD, eventfd), X(PIPE2, pipe2), X(EPOLL_CREATE1, epoll_create1),                     \
        X(EPOLL_CTL_ADD, epoll_ctl_add), X(EPOLL_CTL_MOD, epoll_ctl_mod),                      \
        X(EPOLL_CTL_DEL, epoll_ctl_del), X(EPOLL_WAIT, epoll_wait),                            \
        X(EPOLL_PWAIT, epoll_pwait), X(EPOLL_PWAIT2, epoll_pwait2), X(POLL, poll),             \
        X(PPOLL, ppoll), X(READ, read), X(WRITE, write), X(DUP3, dup3), X(CLOSE, close),       \
        X(FCNTL, fcntl), X(TIMERFD_CREATE, timerfd_create),                                    \
        X(TIMERFD_SETTIME, timerfd_settime), X(MMAP, mmap), X(MADVISE, madvise),               \
        X(PTHREAD_CREATE, pthread_create), X(NANOSLEEP, nanosleep)

#define INTERPOSE_CALL(upper, lower) CALL_##upper
#define INTERPOSE_NAME(upper, lower) #lower

enum call { INTERPOSE_CALLS(INTERPOSE_CALL), CALLS };

extern const char *const interpose_names[CALLS];

/*
 * From the call with the number `first` (from 1 on; 0 is none) `times` of them fail with the
 * error; with `times` 0 all further ones.
 */
struct fault {
    int first, times, error;
};

extern struct fault interpose_faults[CALLS];

/* How many calls the library has made. */
extern int interpose_calls[CALLS];

/* How many of them have failed as asked for. */
extern int interpose_failed;

/* How many lines the library has written to stderr. */
extern int interpose_messages;

/* If not NULL: called in its thread when a wait of the library's has returned with reports. */
extern void (*interpose_after_wait)(void);

/* If not NULL: called when the library has written a line to stderr. */
extern void (*interpose_after_message)(void);

#endif /* INTERPOSE_H */
