/*
 * See interpose.h.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "interpose.h"

#if defined(__has_feature) && !defined(__SANITIZE_ADDRESS__)
#if __has_feature(address_sanitizer)
#define __SANITIZE_ADDRESS__
#endif
#endif

const char *const interpose_names[CALLS] = {INTERPOSE_CALLS(INTERPOSE_NAME)};

struct fault interpose_faults[CALLS];
int interpose_calls[CALLS], interpose_failed, interpose_messages;
void (*interpose_after_wait)(void), (*interpose_after_message)(void);

/* Where the library's code is. */
static uintptr_t library_begin, library_end;

static int find_library(struct dl_phdr_info *info, size_t size, void *unused)
{
    size_t i;

    (void)size;
    (void)unused;
    if (strstr(info->dlpi_name, "/libaiocontext") == NULL) {
        return 0;
    }
    for (i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *header = &info->dlpi_phdr[i];

        if (header->p_type == PT_LOAD && (header->p_flags & PF_X) != 0) {
            library_begin = info->dlpi_addr + header->p_vaddr;
            library_end = library_begin + header->p_memsz;
            return 1;
        }
    }
    return 0;
}

__attribute__((constructor)) static void begin(void)
{
    if (dl_iterate_phdr(find_library, NULL) == 0) {
        fputs("interpose: no shared libaiocontext\n", stderr);
        abort();
    }
}

static int is_library(void *caller)
{
    return (uintptr_t)caller >= library_begin && (uintptr_t)caller < library_end;
}

/* The error that this call of the library's shall have, or 0. */
static int error_of(enum call call, void *caller)
{
    const struct fault *fault = &interpose_faults[call];
    int number;

    if (!is_library(caller)) {
        return 0;
    }
    number = __atomic_add_fetch(&interpose_calls[call], 1, __ATOMIC_SEQ_CST);
    if (fault->first == 0 || number < fault->first ||
        (fault->times != 0 && number >= fault->first + fault->times)) {
        return 0;
    }
    __atomic_add_fetch(&interpose_failed, 1, __ATOMIC_SEQ_CST);
    return fault->error;
}

#define NOT_CHECKED __attribute__((no_sanitize("address", "undefined")))
#define CALLER __builtin_return_address(0)

#define REAL(name)                                                                             \
    static __typeof__(&name) real;                                                             \
    if (real == NULL) {                                                                        \
        real = (__typeof__(&name))dlsym(RTLD_NEXT, #name);                                     \
    }

/* Leaves with the error if the call shall have one. */
#define FAIL(call)                                                                             \
    do {                                                                                       \
        int error = error_of(call, CALLER);                                                    \
        if (error != 0) {                                                                      \
            errno = error;                                                                     \
            return -1;                                                                         \
        }                                                                                      \
    } while (0)

int eventfd(unsigned count, int flags)
{
    REAL(eventfd)
    FAIL(CALL_EVENTFD);
    return real(count, flags);
}

int pipe2(int fds[2], int flags)
{
    REAL(pipe2)
    FAIL(CALL_PIPE2);
    return real(fds, flags);
}

int epoll_create1(int flags)
{
    REAL(epoll_create1)
    FAIL(CALL_EPOLL_CREATE1);
    return real(flags);
}

static enum call call_of_operation(int operation)
{
    return operation == EPOLL_CTL_ADD   ? CALL_EPOLL_CTL_ADD
           : operation == EPOLL_CTL_MOD ? CALL_EPOLL_CTL_MOD
                                        : CALL_EPOLL_CTL_DEL;
}

int epoll_ctl(int set, int operation, int fd, struct epoll_event *event)
{
    REAL(epoll_ctl)
    FAIL(call_of_operation(operation));
    return real(set, operation, fd, event);
}

static int waited(int count, void *caller)
{
    void (*after)(void) = interpose_after_wait;

    if (count > 0 && after != NULL && is_library(caller)) {
        after();
    }
    return count;
}

int epoll_wait(int set, struct epoll_event *events, int room, int timeout)
{
    REAL(epoll_wait)
    FAIL(CALL_EPOLL_WAIT);
    return waited(real(set, events, room, timeout), CALLER);
}

int epoll_pwait(int set, struct epoll_event *events, int room, int timeout,
                const sigset_t *mask)
{
    REAL(epoll_pwait)
    FAIL(CALL_EPOLL_PWAIT);
    return waited(real(set, events, room, timeout, mask), CALLER);
}

int poll(struct pollfd *fds, nfds_t count, int timeout)
{
    REAL(poll)
    FAIL(CALL_POLL);
    return waited(real(fds, count, timeout), CALLER);
}

int ppoll(struct pollfd *fds, nfds_t count, const struct timespec *timeout,
          const sigset_t *mask)
{
    REAL(ppoll)
    FAIL(CALL_PPOLL);
    return waited(real(fds, count, timeout, mask), CALLER);
}

ssize_t read(int fd, void *buffer, size_t size)
{
    REAL(read)
    FAIL(CALL_READ);
    return real(fd, buffer, size);
}

/* Makes an event or a pipe as full as it can be, at one go: only then it answers EAGAIN. */
static void fill(int fd)
{
    static const uint64_t most[8192] = {UINT64_MAX - 1};
    struct stat kind;

    if (fstat(fd, &kind) != 0 || (fcntl(fd, F_GETFL) & O_NONBLOCK) == 0 ||
        (write(fd, most, S_ISFIFO(kind.st_mode) ? sizeof(most) : sizeof(most[0])) < 0 &&
         errno != EAGAIN)) {
        abort();
    }
}

static ssize_t message(ssize_t result)
{
    void (*after)(void) = interpose_after_message;

    __atomic_add_fetch(&interpose_messages, 1, __ATOMIC_SEQ_CST);
    if (after != NULL) {
        after();
    }
    return result;
}

ssize_t write(int fd, const void *buffer, size_t size)
{
    int error;

    REAL(write)
    if (fd == STDERR_FILENO) {
        ssize_t result = real(fd, buffer, size);

        return is_library(CALLER) ? message(result) : result;
    }
    error = error_of(CALL_WRITE, CALLER);
    if (error == EAGAIN) {
        fill(fd);
    }
    if (error != 0) {
        errno = error;
        return -1;
    }
    return real(fd, buffer, size);
}

int dup3(int from, int to, int flags)
{
    REAL(dup3)
    FAIL(CALL_DUP3);
    return real(from, to, flags);
}

/* The kernel closes the descriptor even when it reports an error. */
int close(int fd)
{
    int error, result;

    REAL(close)
    error = error_of(CALL_CLOSE, CALLER);
    result = real(fd);
    if (error != 0) {
        errno = error;
        return -1;
    }
    return result;
}

NOT_CHECKED int fcntl(int fd, int command, ...)
{
    va_list list;
    long argument;

    REAL(fcntl)
    FAIL(CALL_FCNTL);
    va_start(list, command);
    argument = va_arg(list, long);
    va_end(list);
    return real(fd, command, argument);
}

NOT_CHECKED int nanosleep(const struct timespec *time, struct timespec *rest)
{
    REAL(nanosleep)
    FAIL(CALL_NANOSLEEP);
    return real(time, rest);
}

int timerfd_create(clockid_t clock, int flags)
{
    REAL(timerfd_create)
    FAIL(CALL_TIMERFD_CREATE);
    return real(clock, flags);
}

int timerfd_settime(int fd, int flags, const struct itimerspec *value,
                    struct itimerspec *before)
{
    REAL(timerfd_settime)
    FAIL(CALL_TIMERFD_SETTIME);
    return real(fd, flags, value, before);
}

#define MMAP(name, type)                                                                       \
    void *name(void *address, size_t size, int protection, int flags, int fd, type offset)     \
    {                                                                                          \
        int error = error_of(CALL_MMAP, CALLER);                                               \
                                                                                               \
        REAL(name)                                                                             \
        errno = error != 0 ? error : errno;                                                    \
        return error != 0 ? MAP_FAILED : real(address, size, protection, flags, fd, offset);   \
    }

MMAP(mmap, off_t)
MMAP(mmap64, off64_t)

int madvise(void *address, size_t size, int advice)
{
    REAL(madvise)
    FAIL(CALL_MADVISE);
    return real(address, size, advice);
}

#ifndef __SANITIZE_ADDRESS__
/* The sanitizer has to know of each thread. */
int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*f)(void *),
                   void *argument)
{
    int error = error_of(CALL_PTHREAD_CREATE, CALLER);

    REAL(pthread_create)
    return error != 0 ? error : real(thread, attributes, f, argument);
}
#endif

/* The calls by their numbers; some architectures lack some. */
static const struct {
    long number;
    enum call call;
} numbers[] = {
    {SYS_eventfd2, CALL_EVENTFD},
    {SYS_pipe2, CALL_PIPE2},
    {SYS_epoll_create1, CALL_EPOLL_CREATE1},
    {SYS_epoll_pwait, CALL_EPOLL_PWAIT},
#ifdef SYS_epoll_wait
    {SYS_epoll_wait, CALL_EPOLL_WAIT},
    {SYS_poll, CALL_POLL},
#endif
#ifdef SYS_epoll_pwait2
    {SYS_epoll_pwait2, CALL_EPOLL_PWAIT2},
#endif
    {SYS_ppoll, CALL_PPOLL},
    {SYS_read, CALL_READ},
    {SYS_write, CALL_WRITE},
    {SYS_dup3, CALL_DUP3},
    {SYS_close, CALL_CLOSE},
    {SYS_timerfd_create, CALL_TIMERFD_CREATE},
    {SYS_timerfd_settime, CALL_TIMERFD_SETTIME},
    {SYS_madvise, CALL_MADVISE},
};

/* Which call a raw system call is, or CALLS. */
static enum call call_of_number(long number, long second)
{
    size_t i;

    if (number == SYS_epoll_ctl) {
        return call_of_operation((int)second);
    }
    for (i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        if (numbers[i].number == number) {
            return numbers[i].call;
        }
    }
    return CALLS;
}

/* What the library calls by number. It may read more arguments than there are. */
NOT_CHECKED long syscall(long number, ...)
{
    long a[6], result;
    enum call call;
    va_list list;
    int error, i;

    REAL(syscall)
    va_start(list, number);
    for (i = 0; i < 6; i++) {
        a[i] = va_arg(list, long);
    }
    va_end(list);
    call = call_of_number(number, a[1]);
    if (call == CALL_WRITE && a[0] == STDERR_FILENO) {
        result = real(number, a[0], a[1], a[2]);
        return is_library(CALLER) ? message(result) : result;
    }
    error = call == CALLS ? 0 : error_of(call, CALLER);
    if (error != 0) {
        if (call == CALL_WRITE && error == EAGAIN) {
            fill((int)a[0]);
        } else if (call == CALL_CLOSE) {
            real(number, a[0]);
        }
        errno = error;
        return -1;
    }
    result = real(number, a[0], a[1], a[2], a[3], a[4], a[5]);
    return call == CALL_EPOLL_WAIT || call == CALL_EPOLL_PWAIT || call == CALL_EPOLL_PWAIT2 ||
                   call == CALL_POLL || call == CALL_PPOLL
               ? waited((int)result, CALLER)
               : result;
}
