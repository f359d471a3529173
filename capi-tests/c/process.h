/*
 * What the process has: its descriptors and its threads.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef PROCESS_H
#define PROCESS_H

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include "check.h"

static inline int is_open(int fd)
{
    return fcntl(fd, F_GETFD) >= 0;
}

static inline int is_readable(int fd)
{
    struct pollfd poll_fd = {fd, POLLIN, 0};

    return poll(&poll_fd, 1, 0) == 1 && (poll_fd.revents & POLLIN) != 0;
}

/* The number of a directory's entries without "." and "..". */
static inline int entries(const char *path)
{
    DIR *folder = opendir(path);
    int count = 0;

    CHECK(folder != NULL);
    while (readdir(folder) != NULL) {
        count++;
    }
    closedir(folder);
    return count - 2;
}

/* How many descriptors are open, including the one that counts them. */
static inline int open_descriptors(void)
{
    return entries("/proc/self/fd");
}

/* How many threads the process has, including those that are just ending. */
static inline int threads_alive(void)
{
    return entries("/proc/self/task");
}

/* Sets the limit so that only this many more descriptors fit; returns the old limit. */
static inline struct rlimit allow_descriptors(int more)
{
    struct rlimit before, narrow;
    int lowest = dup(0);

    CHECK(lowest >= 0);
    close(lowest);
    CHECK_EQ(getrlimit(RLIMIT_NOFILE, &before), 0);
    narrow = before;
    narrow.rlim_cur = (rlim_t)(lowest + more);
    CHECK_EQ(setrlimit(RLIMIT_NOFILE, &narrow), 0);
    return before;
}

static inline pthread_t start(void *(*f)(void *), void *argument)
{
    pthread_t thread;

    CHECK_EQ(pthread_create(&thread, NULL, f, argument), 0);
    return thread;
}

static inline void join(pthread_t thread)
{
    CHECK_EQ(pthread_join(thread, NULL), 0);
}

static inline int load(int *value)
{
    return __atomic_load_n(value, __ATOMIC_SEQ_CST);
}

static inline void store(int *value, int to)
{
    __atomic_store_n(value, to, __ATOMIC_SEQ_CST);
}

static inline void wait_until_at_least(int *value, int target)
{
    while (load(value) < target) {
        sched_yield();
    }
}

/* The calling thread's id, for is_asleep(). */
static inline int own_tid(void)
{
    return (int)syscall(SYS_gettid);
}

/* The CPU that the calling thread runs on, for sched_setaffinity(). */
static inline cpu_set_t this_cpu(void)
{
    cpu_set_t cpus;
    int cpu = sched_getcpu();

    CHECK(cpu >= 0);
    CPU_ZERO(&cpus);
    CPU_SET((unsigned)cpu, &cpus);
    return cpus;
}

/* Whether a thread of the process sleeps, in any system call. */
static inline int is_asleep(int tid)
{
    char name[64], text[512], *end;
    size_t n;
    FILE *file;

    snprintf(name, sizeof(name), "/proc/self/task/%d/stat", tid);
    file = fopen(name, "r");
    if (file == NULL) {
        /* It has ended. */
        return 0;
    }
    n = fread(text, 1, sizeof(text) - 1, file);
    fclose(file);
    text[n] = '\0';
    /* The state follows the name, which is in brackets and may have any character. */
    end = strrchr(text, ')');
    return end != NULL && end[2] == 'S';
}

#endif /* PROCESS_H */
