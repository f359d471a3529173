/*
 * Every system call that the library makes fails, each in turn, with each of its errors: the
 * loop goes on, or the library says once why it does not. No busy loop, no handler that is
 * called for nothing, nothing lost.
 *
 * every_call_fails SCENARIO: each case is a child process. AIONOTIFY_EVERY_CALL has all calls
 * of a run fail in turn; by default it is the first ones of each kind.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <sys/mman.h>

#include "scenarios.h"

static const struct scenario {
    const char *name;
    void (*run)(void);
} scenarios[] = {
    {"timers", timers},
    {"handlers", handlers},
    {"closed_descriptors", closed_descriptors},
    {"files", files},
    {"event_notifiers", event_notifiers},
    {"bottom_halves", bottom_halves},
    {"lock_waiters", lock_waiters},
    {"pool", pool},
    {"glib", glib},
    {"two_pollers", two_pollers},
    {"forks", forks},
};

/*
 * What a call may be answered with. ONCE: the loop does all its work. FOR_GOOD: so it does,
 * even if all further calls fail as well. SAYS: that a valid call fails so is a fault of the
 * system; the library may give up what the call was for.
 */
enum degree { ONCE, FOR_GOOD, SAYS };

static const struct answer {
    enum call call;
    int error;
    enum degree degree;
} answers[] = {
    {CALL_EVENTFD, EMFILE, FOR_GOOD},
    {CALL_EVENTFD, ENFILE, ONCE},
    {CALL_EVENTFD, ENODEV, ONCE},
    {CALL_EVENTFD, ENOMEM, FOR_GOOD},
    {CALL_EVENTFD, EINVAL, ONCE},
    {CALL_EVENTFD, EPERM, FOR_GOOD},
    {CALL_EVENTFD, ENOSYS, FOR_GOOD},
    {CALL_PIPE2, EMFILE, FOR_GOOD},
    {CALL_PIPE2, ENFILE, ONCE},
    {CALL_EPOLL_CREATE1, EMFILE, FOR_GOOD},
    {CALL_EPOLL_CREATE1, ENFILE, ONCE},
    {CALL_EPOLL_CREATE1, ENOMEM, FOR_GOOD},
    {CALL_EPOLL_CREATE1, EINVAL, ONCE},
    {CALL_EPOLL_CTL_ADD, ENOMEM, FOR_GOOD},
    {CALL_EPOLL_CTL_ADD, ENOSPC, FOR_GOOD},
    {CALL_EPOLL_CTL_ADD, EPERM, FOR_GOOD},
    {CALL_EPOLL_CTL_ADD, EBADF, SAYS},
    {CALL_EPOLL_CTL_ADD, EEXIST, SAYS},
    {CALL_EPOLL_CTL_ADD, EINVAL, SAYS},
    {CALL_EPOLL_CTL_ADD, ELOOP, SAYS},
    {CALL_EPOLL_CTL_MOD, ENOMEM, ONCE},
    {CALL_EPOLL_CTL_MOD, EBADF, SAYS},
    {CALL_EPOLL_CTL_MOD, ENOENT, SAYS},
    {CALL_EPOLL_CTL_MOD, EINVAL, SAYS},
    {CALL_EPOLL_CTL_DEL, ENOENT, SAYS},
    {CALL_EPOLL_CTL_DEL, EBADF, SAYS},
    {CALL_EPOLL_CTL_DEL, EINVAL, SAYS},
    {CALL_EPOLL_WAIT, EINTR, ONCE},
    {CALL_EPOLL_WAIT, EBADF, SAYS},
    {CALL_EPOLL_WAIT, EINVAL, SAYS},
    {CALL_EPOLL_WAIT, EFAULT, SAYS},
    {CALL_EPOLL_PWAIT, EINTR, ONCE},
    {CALL_EPOLL_PWAIT, EBADF, SAYS},
    {CALL_EPOLL_PWAIT, EINVAL, SAYS},
    {CALL_EPOLL_PWAIT, EFAULT, SAYS},
    {CALL_EPOLL_PWAIT2, EINTR, ONCE},
    {CALL_EPOLL_PWAIT2, EPERM, FOR_GOOD},
    {CALL_EPOLL_PWAIT2, ENOSYS, FOR_GOOD},
    {CALL_EPOLL_PWAIT2, EINVAL, FOR_GOOD},
    {CALL_EPOLL_PWAIT2, EBADF, SAYS},
    {CALL_EPOLL_PWAIT2, EFAULT, SAYS},
    {CALL_POLL, EINTR, ONCE},
    {CALL_POLL, ENOMEM, ONCE},
    {CALL_POLL, EINVAL, SAYS},
    {CALL_PPOLL, EINTR, ONCE},
    {CALL_PPOLL, ENOMEM, ONCE},
    {CALL_PPOLL, EINVAL, SAYS},
    {CALL_READ, EAGAIN, ONCE},
    {CALL_READ, EINTR, ONCE},
    {CALL_READ, EBADF, SAYS},
    {CALL_READ, EINVAL, SAYS},
    {CALL_READ, EIO, SAYS},
    {CALL_WRITE, EAGAIN, ONCE},
    {CALL_WRITE, EINTR, ONCE},
    {CALL_WRITE, EBADF, SAYS},
    {CALL_WRITE, EINVAL, SAYS},
    {CALL_WRITE, EIO, SAYS},
    {CALL_WRITE, EPERM, SAYS},
    {CALL_DUP3, EINTR, ONCE},
    {CALL_DUP3, EBUSY, ONCE},
    {CALL_DUP3, EMFILE, ONCE},
    {CALL_DUP3, EBADF, SAYS},
    {CALL_DUP3, EINVAL, SAYS},
    {CALL_CLOSE, EINTR, ONCE},
    {CALL_CLOSE, EIO, FOR_GOOD},
    {CALL_CLOSE, EBADF, ONCE},
    {CALL_FCNTL, EBADF, SAYS},
    {CALL_FCNTL, EINVAL, SAYS},
    {CALL_TIMERFD_CREATE, EMFILE, FOR_GOOD},
    {CALL_TIMERFD_CREATE, ENFILE, ONCE},
    {CALL_TIMERFD_CREATE, ENODEV, ONCE},
    {CALL_TIMERFD_CREATE, ENOMEM, FOR_GOOD},
    {CALL_TIMERFD_CREATE, EPERM, FOR_GOOD},
    {CALL_TIMERFD_SETTIME, EINVAL, SAYS},
    {CALL_TIMERFD_SETTIME, EBADF, SAYS},
    {CALL_TIMERFD_SETTIME, EPERM, SAYS},
    {CALL_MMAP, ENOMEM, FOR_GOOD},
    {CALL_MMAP, EAGAIN, ONCE},
    {CALL_MMAP, EPERM, FOR_GOOD},
    {CALL_MADVISE, EINVAL, FOR_GOOD},
    {CALL_MADVISE, ENOMEM, ONCE},
    {CALL_MADVISE, EPERM, FOR_GOOD},
    {CALL_PTHREAD_CREATE, EAGAIN, FOR_GOOD},
    {CALL_PTHREAD_CREATE, EPERM, FOR_GOOD},
    {CALL_PTHREAD_CREATE, EINVAL, ONCE},
};

/* Systems that lack something from the start: what the library calls instead fails there. */
static const struct system {
    const char *name;
    enum call call;
    struct fault fault;
} systems[] = {
    {"", CALLS, {0, 0, 0}},
    {" without epoll_pwait2", CALL_EPOLL_PWAIT2, {1, 0, ENOSYS}},
    {" without eventfd", CALL_EVENTFD, {1, 0, ENOSYS}},
    {" with full epoll sets", CALL_EPOLL_CTL_ADD, {2, 0, ENOSPC}},
    {" without epoll", CALL_EPOLL_CREATE1, {1, 0, EMFILE}},
};

#define COUNT(list) ((int)(sizeof(list) / sizeof((list)[0])))

static const struct scenario *scenario;
static const struct system *machine;

static void remember_cost(void)
{
    int call;

    for (call = 0; call < CALLS; call++) {
        if (cost->calls[call] < interpose_calls[call]) {
            cost->calls[call] = interpose_calls[call];
        }
    }
    __atomic_add_fetch(&cost->messages, interpose_messages, __ATOMIC_SEQ_CST);
    __atomic_add_fetch(&cost->failed, interpose_failed, __ATOMIC_SEQ_CST);
}

static void child_runs(void *answer)
{
    int before;

    (void)answer;
    /* It takes some 20 ms; the process that waits for it has a watchdog of its own. */
    alarm(20);
    check_current = scenario->name;
    if (machine->call != CALLS && machine->call != failing) {
        interpose_faults[machine->call] = machine->fault;
    }
    atexit(remember_cost);
    init_clocks();
    start_rescuer();
    before = open_descriptors();
    scenario_context();
    scenario->run();
    scenario_context_free();
    if (main_context != NULL) {
        g_main_context_unref(main_context);
    }
    CHECK_EQ(open_descriptors(), before);
    exit(0);
}

/* What the run without a failing call has cost. */
static struct cost usual;

static int cases, failures;

/* So many tell enough. */
enum { FAILURES = 10 };

static int calls_of(const struct cost *some)
{
    int call, sum = 0;

    for (call = 0; call < CALLS; call++) {
        sum += some->calls[call];
    }
    return sum;
}

static int least(int a, int b)
{
    return a < b ? a : b;
}

/* Why the run was wrong, or NULL. */
static const char *complaint(int status, struct run_time begin)
{
    int more = 2 * cost->rescues + 2 * run_periods(begin);

    if (status != 0) {
        return "it failed";
    }
    if (cost->vain != 0) {
        return "a handler ran for nothing";
    }
    if (cost->turns > 3 * usual.turns + 20 + more) {
        return "too many turns";
    }
    if (calls_of(cost) > 4 * calls_of(&usual) + 100 + 4 * more) {
        return "too many system calls";
    }
    /* Once in each process that a call fails in; for good, it may be said of each descriptor.
     */
    if (cost->messages > usual.messages + least(cost->failed, 8)) {
        return "it is said too often";
    }
    return NULL;
}

/* Returns whether it was right. */
static int run_case(const struct answer *answer, int first, int times)
{
    struct run_time begin = run_begin();
    const char *wrong;
    char text[4096];
    int status;

    memset(cost, 0, sizeof(*cost));
    memset(interpose_faults, 0, sizeof(interpose_faults));
    failing = CALLS;
    if (answer != NULL) {
        failing = answer->call;
        failing_error = answer->error;
        may_give_up = answer->degree == SAYS;
        interpose_faults[answer->call] = (struct fault){first, times, answer->error};
    } else {
        failing_error = machine->fault.error;
        may_give_up = 0;
    }
    check_watchdog();
    status = check_in_child(child_runs, NULL, text, sizeof(text));
    wrong = complaint(status, begin);
    cases++;
    if (wrong == NULL) {
        return 1;
    }
    failures++;
    fprintf(stderr, "%s%s, %s call %d%s: %s: %s\n", scenario->name, machine->name,
            answer != NULL ? interpose_names[answer->call] : "no", first,
            times == 0 ? " and further" : "", answer != NULL ? strerror(answer->error) : "-",
            wrong);
    fprintf(stderr, "    status %#x, %d turns (%d), %d calls (%d), %d messages (%d), %d vain\n",
            (unsigned)status, cost->turns, usual.turns, calls_of(cost), calls_of(&usual),
            cost->messages, usual.messages, cost->vain);
    fprintf(stderr, "    %.*s\n", (int)(strlen(text) < 300 ? strlen(text) : 300), text);
    return 0;
}

/* Every call of the run, in turn; on another system only those that it makes more of. */
static void run_cases(const int *on_usual_system)
{
    int most = getenv("AIONOTIFY_EVERY_CALL") != NULL ? 1000 : 3, i, first;

    for (i = 0; i < COUNT(answers); i++) {
        const struct answer *answer = &answers[i];
        int calls = usual.calls[answer->call];

        if (calls <= on_usual_system[answer->call] || answer->call == machine->call) {
            continue;
        }
        for (first = 1; first <= least(calls, most) && failures < FAILURES; first++) {
            run_case(answer, first, 1);
            if (answer->degree == FOR_GOOD) {
                run_case(answer, first, 0);
            }
        }
    }
}

static void run_scenario(void)
{
    int none[CALLS] = {0}, on_usual_system[CALLS];

    for (machine = systems; machine < systems + COUNT(systems); machine++) {
        memset(&usual, 0, sizeof(usual));
        usual.turns = 20;
        usual.messages = 9;
        if (!run_case(NULL, 0, 0)) {
            /* Nothing to compare with. */
            break;
        }
        usual = *cost;
        run_cases(machine == systems ? none : on_usual_system);
        if (machine == systems) {
            memcpy(on_usual_system, usual.calls, sizeof(on_usual_system));
        }
    }
    printf("%s %s: %d cases\n", failures == 0 ? "ok" : "FAILED", scenario->name, cases);
}

int main(int argc, char **argv)
{
    cost = mmap(NULL, sizeof(*cost), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    CHECK(cost != MAP_FAILED);
    for (scenario = scenarios; scenario < scenarios + COUNT(scenarios); scenario++) {
        if (argc < 2 || strcmp(argv[1], scenario->name) == 0) {
            cases = 0;
            run_scenario();
        }
    }
    return failures == 0 ? 0 : 1;
}
