/*
 * A thread stops: suspended at any instruction of a call, cancelled in it, or killed with its
 * process. What the others are promised holds all the same: their work is served, nobody spins,
 * and nothing is missing afterwards. It counts, and has no clock but the watchdog.
 *
 *     stop_anywhere PART [CALL]
 *
 * PART is "all" or the name of a variant, "cancelled" or "killed"; CALL is one call's name.
 * With AIONOTIFY_STOP_ANYWHERE=full no instruction is left out, and others have more work.
 *
 * Every call is a process of its own, so that one that fails leaves the others to be seen.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <sys/auxv.h>

#include "stop/forked.h"

static const struct variant variants[] = {
    {"one", {POLLS, NOBODY}},           {"two", {POLLS, POLLS}},
    {"glib", {POLLS, ITERATES}},        {"glib-alone", {ITERATES, NOBODY}},
    {"foreign", {POLLS, FOREIGN}},      {"foreign-takes", {POLLS, FOREIGN_TAKES}},
    {"nested", {POLLS_NESTED, NOBODY}},
};

enum { VARIANTS = sizeof(variants) / sizeof(variants[0]) };

/* Places in a call where it is stopped, and rounds of work of the others at each. */
struct effort {
    int places, rounds;
};

typedef struct result run_case(int most, int rounds);

static int failures;

static void in_process(const char *part, const char *name, run_case *run, struct effort effort)
{
    int status;
    pid_t child;

    fflush(NULL);
    child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        struct result result;

        check_watchdog();
        tracer_start();
        result = run(effort.places, effort.rounds);
        printf("ok %s, %s: %d places, %d reached, %d cancelled\n", part, name, result.places,
               result.reached, result.cancelled);
        exit(0);
    }
    CHECK_EQ(waitpid(child, &status, 0), child);
    if (status != 0) {
        printf("FAILED %s, %s: status %#x\n", part, name, (unsigned)status);
        failures++;
    }
}

static bool is_asked_for(const char *asked, const char *name)
{
    return asked == NULL || strcmp(asked, "all") == 0 || strcmp(asked, name) == 0;
}

static void run_victims(const char *part, const char *call, run_case *run, struct effort effort)
{
    for (victim = victims; victim < victims + VICTIMS; victim++) {
        bool cannot = run == cancel_everywhere && (victim->flags & (OF_WORKER | FRESH)) != 0;

        if (is_asked_for(call, victim->name) && !cannot) {
            in_process(part, victim->name, run, effort);
        }
    }
}

static void run_forked(const char *call, struct effort effort)
{
    victim = victims;
    for (forked = forked_calls; forked < forked_calls + FORKED_CALLS; forked++) {
        if (is_asked_for(call, forked->name)) {
            in_process("killed", forked->name, kill_everywhere, effort);
        }
    }
}

/* Whether a child may trace a thread of its parent. */
static bool can_trace(void)
{
    int status;
    pid_t child = fork();

    CHECK(child >= 0);
    if (child == 0) {
        tracer_start();
        _exit(tell(SEIZE, thread_id(), 0).how == REFUSED);
    }
    CHECK_EQ(waitpid(child, &status, 0), child);
    return status == 0;
}

/* Why this machine cannot step through the calls; NULL if it can. */
static const char *obstacle(void)
{
    if (getenv("AIONOTIFY_EMULATED") != NULL || getenv("AIONOTIFY_INSTRUMENTED") != NULL) {
        return "emulated or instrumented";
    }
#ifdef __aarch64__
    /* A step between a load-exclusive and its store makes the store fail, every time. */
    if ((getauxval(AT_HWCAP) & HWCAP_ATOMICS) == 0) {
        return "no atomic instructions";
    }
#endif
    return can_trace() ? NULL : "ptrace is not allowed";
}

int main(int argc, char **argv)
{
    const char *part = argc > 1 ? argv[1] : "one", *call = argc > 2 ? argv[2] : NULL;
    const char *form = getenv("AIONOTIFY_STOP_ANYWHERE"), *why = obstacle();
    bool full = form != NULL && strcmp(form, "full") == 0;
    int i;

    if (why != NULL) {
        printf("skipped stop_anywhere: %s\n", why);
        return 0;
    }
    if (getenv("LD_BIND_NOW") == NULL) {
        /* Or the first call of each function would step through the dynamic linker. */
        CHECK_EQ(setenv("LD_BIND_NOW", "1", 1), 0);
        execv("/proc/self/exe", argv);
    }
    init_clocks();
    for (i = 0; i < VARIANTS; i++) {
        variant = &variants[i];
        if (is_asked_for(part, variant->name)) {
            run_victims(variant->name, call, suspend_everywhere,
                        full ? (struct effort){LONGEST, 5} : (struct effort){2000, 1});
        }
    }
    variant = variants;
    if (is_asked_for(part, "cancelled")) {
        run_victims("cancelled", call, cancel_everywhere,
                    full ? (struct effort){LONGEST, 5} : (struct effort){100, 1});
    }
    if (is_asked_for(part, "killed")) {
        run_forked(call, full ? (struct effort){LONGEST, 5} : (struct effort){50, 1});
    }
    return failures != 0;
}
