/*
 * Counts the library's writes to and reads from events, which it makes by syscall(): libc's
 * write() and read() are cancellation points.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef EVENT_CALLS_H
#define EVENT_CALLS_H

#include <dlfcn.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

static int writes, reads;

/* If set, called by the writing thread. */
static void (*before_write)(void), (*behind_write)(void);

/* The library's calls bind to this definition. */
long syscall(long number, ...)
{
    static long (*libc_syscall)(long, ...);
    long argument[6], result;
    va_list list;
    int i;

    va_start(list, number);
    for (i = 0; i < 6; i++) {
        argument[i] = va_arg(list, long);
    }
    va_end(list);
    if (libc_syscall == NULL) {
        *(void **)&libc_syscall = dlsym(RTLD_NEXT, "syscall");
    }
    if (number == SYS_write) {
        __atomic_add_fetch(&writes, 1, __ATOMIC_SEQ_CST);
        if (before_write != NULL) {
            before_write();
        }
    }
    if (number == SYS_read) {
        __atomic_add_fetch(&reads, 1, __ATOMIC_SEQ_CST);
    }
    if (libc_syscall != NULL) {
        result = libc_syscall(number, argument[0], argument[1], argument[2], argument[3],
                              argument[4], argument[5]);
    } else {
        /* A static program has no other definition; these are what libaionotify calls. */
        switch (number) {
        case SYS_write:
            result = write((int)argument[0], (void *)argument[1], (size_t)argument[2]);
            break;
        case SYS_read:
            result = read((int)argument[0], (void *)argument[1], (size_t)argument[2]);
            break;
        case SYS_close:
            result = close((int)argument[0]);
            break;
        default:
            abort();
        }
    }
    if (number == SYS_write && behind_write != NULL) {
        behind_write();
    }
    return result;
}

#endif /* EVENT_CALLS_H */
