/*
 * Locks of a program, with what a debugging build adds to them.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef HOST_QEMU_THREAD_H
#define HOST_QEMU_THREAD_H

#include <stdbool.h>

#if __STDC_HOSTED__
#include <pthread.h>
#else
/* Without the C library's headers of the target: glibc's sizes. */
typedef union {
#ifdef __aarch64__
    char size[48];
#else
    char size[40];
#endif
    long align;
} pthread_mutex_t;
typedef union {
    char size[48];
    long long align;
} pthread_cond_t;
typedef unsigned long pthread_t;
#endif

typedef struct QemuMutex {
    pthread_mutex_t lock;
#ifdef CONFIG_DEBUG_MUTEX
    const char *file;
    int line;
    bool initialized;
#endif
} QemuMutex;

typedef struct QemuRecMutex {
    pthread_mutex_t lock;
#ifdef CONFIG_DEBUG_MUTEX
    const char *file;
    int line;
#endif
    bool initialized;
} QemuRecMutex;

typedef struct QemuCond {
    pthread_cond_t cond;
} QemuCond;

typedef struct QemuThread {
    pthread_t thread;
} QemuThread;

#endif /* HOST_QEMU_THREAD_H */
