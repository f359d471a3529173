/*
 * Counts the write() calls on one descriptor.
 *
 * The dynamic linker looks a function up in the program first and in the libraries then. So the
 * library's write() is the one below, and what it counts are the system calls that aio_notify()
 * really makes. Only the demo's statistics need this file.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#define _GNU_SOURCE /* syscall() */
#include <sys/syscall.h>
#include <unistd.h>

#include "checksum.h"

static int counted_fd = -1;
static size_t count;

void count_writes_to(int fd)
{
    counted_fd = fd;
    count = 0;
}

size_t counted_writes(void)
{
    return __atomic_load_n(&count, __ATOMIC_RELAXED);
}

ssize_t write(int fd, const void *buffer, size_t size)
{
    if (fd == counted_fd) {
        __atomic_fetch_add(&count, 1, __ATOMIC_RELAXED);
    }
    return syscall(SYS_write, fd, buffer, size);
}
