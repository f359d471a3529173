/*
 * What disturbs the threads of a soak: CPU hogs, stopped threads, forks, exhausted descriptors.
 * Each is a thread that goes on until disturb_stop is set.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef DISTURB_H
#define DISTURB_H

#include <sched.h>
#include <semaphore.h>
#include <sys/resource.h>
#include <time.h>

#include "loop.h"

static int disturb_stop;
static unsigned long disturbances;

/* The threads that may be stopped. */
static pthread_t *disturb_threads;
static unsigned disturb_count;

static inline int is_set(int *flag)
{
    return __atomic_load_n(flag, __ATOMIC_RELAXED);
}

static void *hog(void *unused)
{
    while (!is_set(&disturb_stop)) {
        __atomic_add_fetch(&disturbances, 1, __ATOMIC_RELAXED);
    }
    return unused;
}

static sem_t stopped, resumed;
static int resume;

static void stop_here(int signal_number)
{
    int saved = errno;

    (void)signal_number;
    sem_post(&stopped);
    while (!is_set(&resume)) {
        struct timespec moment = {0, 100000};

        nanosleep(&moment, NULL);
    }
    sem_post(&resumed);
    errno = saved;
}

static void wait_for(sem_t *semaphore)
{
    while (sem_wait(semaphore) < 0) {
        CHECK_EQ(errno, EINTR);
    }
}

/* Stops a thread wherever it is, lets the others run for a moment, resumes it. */
static void *stop_and_resume(void *unused)
{
    unsigned seed = 1;

    while (!is_set(&disturb_stop)) {
        struct timespec moment = {0, 1000000};

        __atomic_store_n(&resume, 0, __ATOMIC_RELAXED);
        CHECK_EQ(
            pthread_kill(disturb_threads[(unsigned)rand_r(&seed) % disturb_count], SIGUSR1), 0);
        wait_for(&stopped);
        nanosleep(&moment, NULL);
        __atomic_store_n(&resume, 1, __ATOMIC_RELAXED);
        /* Else the next signal might find it still in the handler, and wait in vain. */
        wait_for(&resumed);
        disturbances++;
    }
    return unused;
}

static void *fork_storm(void *unused)
{
    while (!is_set(&disturb_stop)) {
        pid_t child = fork();

        CHECK(child >= 0);
        if (child == 0) {
            _exit(0);
        }
        CHECK_EQ(waitpid(child, NULL, 0), child);
        disturbances++;
    }
    return unused;
}

static void *use_up_descriptors(void *unused)
{
    struct rlimit limit, narrow;
    EventNotifier notifiers[64];

    CHECK_EQ(getrlimit(RLIMIT_NOFILE, &limit), 0);
    narrow = limit;
    narrow.rlim_cur = 40;
    CHECK_EQ(setrlimit(RLIMIT_NOFILE, &narrow), 0);
    while (!is_set(&disturb_stop)) {
        int i, opened = 0, result = 0;

        while (opened < 64 && (result = event_notifier_init(&notifiers[opened], 1)) == 0) {
            opened++;
        }
        CHECK_EQ(result, -EMFILE);
        for (i = 0; i < opened; i++) {
            CHECK_EQ(event_notifier_test_and_clear(&notifiers[i]), 1);
            event_notifier_cleanup(&notifiers[i]);
        }
        disturbances++;
    }
    CHECK_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
    return unused;
}

static const struct {
    const char *name;
    void *(*run)(void *);
} disturbing[] = {
    {"undisturbed", NULL},
    {"CPU hogs", hog},
    {"stopped threads", stop_and_resume},
    {"forks", fork_storm},
    {"no descriptors", use_up_descriptors},
};

enum { DISTURBING = sizeof(disturbing) / sizeof(disturbing[0]) };

/* Once, before the first of them: these threads may be stopped. */
static void disturb_prepare(pthread_t *threads, unsigned count)
{
    struct sigaction action;

    disturb_threads = threads;
    disturb_count = count;
    CHECK_EQ(sem_init(&stopped, 0, 0), 0);
    CHECK_EQ(sem_init(&resumed, 0, 0), 0);
    memset(&action, 0, sizeof(action));
    action.sa_handler = stop_here;
    CHECK_EQ(sigaction(SIGUSR1, &action, NULL), 0);
}

#endif /* DISTURB_H */
