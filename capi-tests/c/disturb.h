/*
 * What disturbs the threads of a soak: CPU hogs, stopped threads, forks, exhausted
 * descriptors. Each is a thread that runs until disturb_stop is set. And the phases of a soak.
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
        /*
         * Else the next signal might hit a thread that is still in the handler, and be lost.
         */
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

/*
 * Milliseconds until a wakeup counts as lost. A time slice is a few, a stopped thread is
 * resumed after about one; a loaded machine may let a thread wait for a second or two.
 */
enum { LATEST = 20000 };

static double now_ms(void)
{
    struct timespec time;

    CHECK_EQ(clock_gettime(CLOCK_MONOTONIC, &time), 0);
    return (double)time.tv_sec * 1e3 + (double)time.tv_nsec / 1e6;
}

/* A phase of a soak: on all CPUs or on one, with one of the disturbances. */
struct phase {
    int one_cpu, kind;
    double milliseconds;
    cpu_set_t cpus;
};

static const char *phase_cpus(const struct phase *phase)
{
    return phase->one_cpu ? "one CPU" : "all CPUs";
}

/* Before its threads are started. */
static void phase_begin(struct phase *phase)
{
    check_current = disturbing[phase->kind].name;
    CHECK_EQ(sched_getaffinity(0, sizeof(phase->cpus), &phase->cpus), 0);
    if (phase->one_cpu) {
        cpu_set_t one = this_cpu();

        CHECK_EQ(sched_setaffinity(0, sizeof(one), &one), 0);
    }
    disturb_stop = 0;
    disturbances = 0;
}

/* Disturbs the phase's threads until its time is over. */
static void phase_run(const struct phase *phase)
{
    struct timespec length = {(time_t)(phase->milliseconds / 1e3),
                              (long)(phase->milliseconds * 1e6) % 1000000000L};
    void *(*run)(void *) = disturbing[phase->kind].run;
    pthread_t disturber = 0;

    if (run != NULL) {
        disturber = start(run, NULL);
    }
    nanosleep(&length, NULL);
    __atomic_store_n(&disturb_stop, 1, __ATOMIC_RELAXED);
    if (run != NULL) {
        join(disturber);
        CHECK(disturbances > 0);
    }
}

/* After its threads have ended. */
static void phase_end(const struct phase *phase)
{
    CHECK_EQ(sched_setaffinity(0, sizeof(phase->cpus), &phase->cpus), 0);
}

/* Runs each phase in turn; together they take this many seconds. */
static void phases(double seconds, void (*run)(struct phase *))
{
    int one_cpu, kind;

    for (one_cpu = 0; one_cpu <= 1; one_cpu++) {
        for (kind = 0; kind < DISTURBING; kind++) {
            struct phase phase = {one_cpu, kind, seconds * 1e3 / (2.0 * DISTURBING), {{0}}};

            run(&phase);
        }
    }
}

/* The program's argument in seconds; exits if it is invalid. */
static double soak_seconds(int argc, char **argv)
{
    double seconds = argc > 1 ? atof(argv[1]) : 10;

    if (seconds <= 0) {
        fprintf(stderr, "usage: soak [SECONDS]\n");
        exit(2);
    }
    return seconds;
}

/* Called once, before the first phase: these threads may be stopped. */
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
