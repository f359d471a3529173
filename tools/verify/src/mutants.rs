//! Rules of the loop that one line upholds, each taken away in a copy of the libraries: a test of
//! `capi-tests` must fail, and say so.

use std::process::Command;

use crate::planted::Fault;
use crate::row::Check;
use crate::run;

/// A rule taken away.
struct Mutant {
    /// The test of `capi-tests` that fails: its target and its name. `Fault::words` is what it must
    /// say; a C program with tests of its own runs those whose names stand there.
    test: (&'static str, &'static str),
    fault: Fault,
}

const REGISTERING: &str = "libaiocontext/posix/src/watch/registering.rs";
const REPORTS: &str = "libaiocontext/posix/src/watch/reports.rs";
const EPOLL: &str = "libaiocontext/posix/src/epoll.rs";
const TURN: &str = "libaiocontext/posix/src/turn.rs";
const COALESCING: &str = "src/protocol/coalescing.rs";
const BOTTOM_HALF: &str = "libaiocontext/async/src/bottom_half.rs";
const POOL: &str = "libaiocontext/thread-pool/src/pool.rs";
const WORKERS: &str = "libaiocontext/thread-pool/src/workers.rs";

const MUTANTS: &[Mutant] = &[
    Mutant {
        test: ("programs", "aiocontext::reused::dynamic"),
        fault: Fault {
            what: "a handler that is reported again and again is never suspected",
            file: REPORTS,
            from: "if handlers.report(token, events) != Reported::Suspect {",
            to: "if handlers.report(token, events) != Reported::Suspect || events != 0 {",
            words: "aio_poll_notices_that_a_number_is_another_files",
        },
    },
    Mutant {
        test: ("programs", "aiocontext::descriptors::dynamic"),
        fault: Fault {
            what: "a regular file that was closed stays ready",
            file: REPORTS,
            from: "        if is_always_ready(token.fd) {\n",
            to: "        if is_always_ready(token.fd) || token.fd >= 0 {\n",
            words: "aio_poll_drops_a_closed_descriptor",
        },
    },
    Mutant {
        test: ("programs", "aiocontext::reused::dynamic"),
        fault: Fault {
            what: "what was reported of a regular file runs for what took its number",
            file: REGISTERING,
            from: "                // It was of the file that was there before.\n                handlers.forget_report(token);",
            to: "",
            words: "aio_set_fd_handler_forgets_what_was_reported_of_another_file",
        },
    },
    Mutant {
        test: ("programs", "aiocontext::several_pollers::dynamic"),
        fault: Fault {
            what: "a handler whose descriptor was closed is removed without a new set",
            file: REGISTERING,
            from: "            closed_while_watched(fd);\n            self.renew(&mut handlers);\n",
            to: "            closed_while_watched(fd);\n",
            words: "aio_set_fd_handler_gets_sleepers_off_a_replaced_set",
        },
    },
    Mutant {
        test: ("programs", "aiocontext::refused::dynamic"),
        fault: Fault {
            what: "what epoll has no room for is taken for ready",
            file: REGISTERING,
            from: "        Some(code) => {\n            handlers.set_watched(token.fd, Watched::Beside);",
            to: "        Some(code) => {\n            handlers.set_watched(token.fd, Watched::Always);",
            words: "aio_set_fd_handler_polls_what_epoll_refuses",
        },
    },
    Mutant {
        test: ("programs", "aiocontext::refused::dynamic"),
        fault: Fault {
            what: "what epoll has no room for is not polled",
            file: REGISTERING,
            from: "        Some(code) => {\n            handlers.set_watched(token.fd, Watched::Beside);",
            to: "        Some(code) => {",
            words: "aio_set_fd_handler_polls_what_epoll_refuses",
        },
    },
    Mutant {
        test: ("programs", "aiocontext::refused::dynamic"),
        fault: Fault {
            what: "without epoll_pwait2 a wait returns at once",
            file: EPOLL,
            from: "        let Timeout::After(time) = timeout else { return Ok(0) };\n",
            to: "        let (Timeout::After(time), true) = (timeout, room < 0) else { return Ok(0) };\n",
            words: "aio_poll_makes_no_busy_loop_without_epoll_pwait2",
        },
    },
    Mutant {
        test: ("programs", "aiocontext::several_pollers::dynamic"),
        fault: Fault {
            what: "qemu_bh_schedule_idle wakes nobody",
            file: BOTTOM_HALF,
            from: "        notify::notify(self.ctx, Sleepers::Long);\n",
            to: "        let _ = (self.ctx, Sleepers::Long);\n",
            words: "qemu_bh_schedule_idle_wakes_long_sleepers",
        },
    },
    Mutant {
        test: ("programs", "aiocontext::several_pollers::dynamic"),
        fault: Fault {
            what: "reports are believed although another poller has run handlers since",
            file: TURN,
            from: "if watch.turns() != turns || !is_same_process {",
            to: "if turns == u32::MAX || !is_same_process {",
            words: "aio_poll_runs_nothing_that_another_has_run",
        },
    },
    Mutant {
        test: ("programs", "aiocontext::lock::dynamic"),
        fault: Fault {
            what: "a poll that would not have slept counts as one given up for a waiter",
            file: TURN,
            from: "(timeout != Timeout::Now && is_nested && ctx.has_new_waiter(watch, nesting))",
            to: "(is_nested && ctx.has_new_waiter(watch, nesting))",
            words: "aio_poll_in_a_callback_does_not_sleep_while_a_thread_waits",
        },
    },
    Mutant {
        test: ("programs", "aiocontext::polling::dynamic"),
        fault: Fault {
            what: "aio_poll runs callbacks without the lock",
            file: TURN,
            from: "    let progress = dispatch(ctx);\n",
            to: "    aio_context_release(*ctx);\n    let progress = dispatch(ctx);\n    \
                 aio_context_acquire(*ctx);\n",
            words: "aio_poll_in_several_threads_runs_one_callback_at_a_time",
        },
    },
    Mutant {
        test: ("programs", "aiocontext::kicked::dynamic"),
        fault: Fault {
            what: "a short sleep is a long one behind a waiter's wakeup",
            file: TURN,
            from: "            left = left.at_most(LOOK);\n",
            to: "            left = left.at_most(LOOK * 1_000_000);\n",
            words: "watchdog: hangs in aio_poll_runs_what_is_scheduled_while_it_sleeps_on",
        },
    },
    Mutant {
        test: ("programs", "aiocontext::workers::dynamic"),
        fault: Fault {
            what: "idle workers stay for hours",
            file: WORKERS,
            from: "Duration::from_secs(10)",
            to: "Duration::from_secs(100_000)",
            words: "a_worker_ends_when_it_has_been_idle_for_10_s",
        },
    },
    Mutant {
        test: ("programs", "aiocontext::thread_pool::dynamic"),
        fault: Fault {
            what: "a callback that polls does not see the other requests that are done",
            file: POOL,
            from: "                crew.schedule();\n            }\n            scheduled = more;",
            to: "            }\n            scheduled = more;",
            words: "aio_poll_in_a_completion_completes_what_the_outer_has_taken",
        },
    },
    Mutant {
        test: ("programs", "aiocontext::workers::dynamic"),
        fault: Fault {
            what: "where no worker can be started, all requests are refused",
            file: WORKERS,
            from: "                0 => mem::take(&mut queue.requests),\n                _ => BTreeMap::new(),",
            to: "                _ => mem::take(&mut queue.requests),",
            words: "thread_pool_submit_aio_with_a_worker_never_fails",
        },
    },
    Mutant {
        test: ("programs", "aiocontext::timers_in_threads::dynamic"),
        fault: Fault {
            what: "a list is freed while its notify callback runs",
            file: "libaiocontext/timer/src/clock_lists.rs",
            from: "if !this.wait_for_others(Within::Notification) {",
            to: "if this.first().is_some() && !this.wait_for_others(Within::Notification) {",
            words: "timerlist_free_waits_for_notifications",
        },
    },
    Mutant {
        test: ("programs", "aiocontext::pool_race::dynamic"),
        fault: Fault {
            what: "of two threads that make a context's pool, the slower one's stays",
            file: "libaiocontext/async/src/thread_pool.rs",
            from: "            unsafe { thread_pool_free(made) };\n",
            to: "            let _ = thread_pool_free;\n",
            words: "aio_get_thread_pool_frees_the_pool_that_comes_second",
        },
    },
    Mutant {
        test: ("programs", "unload::dynamic"),
        fault: Fault {
            what: "dlclose() unloads the library",
            file: "libaiocontext/build.rs",
            from: "        println!(\"cargo:rustc-cdylib-link-arg=-Wl,-z,nodelete\");\n",
            to: "",
            words: "dlclose_leaves_the_library_loaded: failed",
        },
    },
    Mutant {
        test: ("loop_components", "event_notifier"),
        fault: Fault {
            what: "a program's own event notifier changes errno in aio_notify",
            file: "libaiocontext/async/src/notify.rs",
            from: "        preserving_errno(call)\n",
            to: "        call()\n",
            words: "aio_notify_and_accept_leave_errno_alone: errno is",
        },
    },
    Mutant {
        test: ("stop_anywhere", "one_poller"),
        fault: Fault {
            what: "a write is shared before it is complete",
            file: COALESCING,
            from: "        if fill_private() && seen & CONSUMERS == 0 {\n",
            to: "        if seen & CONSUMERS == 0 {\n            let _ = self.private.state.compare_exchange(seen, \
                 seen | FULL, Release, Relaxed);\n        }\n        if !fill_private() {\n",
            words: "aio_notify",
        },
    },
    Mutant {
        test: ("stop_anywhere", "cancelled"),
        fault: Fault {
            what: "the write of a notification is a cancellation point",
            file: "src/descriptor.rs",
            from: "let n = unsafe { libc::syscall(libc::SYS_write, fd, bytes, text.len()) };",
            to: "let n = unsafe { libc::write(fd, bytes, text.len()) };",
            words: "the call has been cancelled",
        },
    },
    Mutant {
        test: ("every_call_fails", "the_loop_goes_on_or_says_why"),
        fault: Fault {
            what: "a descriptor that cannot be added to the set is forgotten",
            file: REGISTERING,
            from: "        Some(code) => {\n            handlers.set_watched(token.fd, Watched::Beside);",
            to: "        Some(code) => {\n            let _ = Watched::Beside;",
            words: "watchdog: hangs in main",
        },
    },
    Mutant {
        test: ("loop_forks", "fork_matrix"),
        fault: Fault {
            what: "a child keeps its parent's event",
            file: "libaiocontext/async/src/renew.rs",
            from: "if components::loop_is_own() && !state.own.renew() {",
            to: "if components::loop_is_own() && state.own.is_of(0) {",
            words: "fork_at_rest_leaves_two_that_go_on",
        },
    },
    Mutant {
        test: ("programs", "aiocontext::several_pollers::dynamic"),
        fault: Fault {
            what: "a poller that leaves hands nothing over",
            file: "libaiocontext/posix/src/leave.rs",
            from: "let left = || if watch.has_sleepers() {",
            to: "let left = || if watch.has_sleepers() && self.own().is_none() {",
            words: "timer_mod_wakes_the_poller_that_stays",
        },
    },
    Mutant {
        test: ("programs", "aiocontext::taken_wakeups::dynamic"),
        fault: Fault {
            what: "without a timer sleepers do not look by themselves",
            file: TURN,
            from: "} else if watch.looks() || (is_nested",
            to: "} else if (is_nested",
            words: "hangs in aio_poll_looks_by_itself_where_there_is_no_timer",
        },
    },
    Mutant {
        test: ("programs", "aiocontext::taken_wakeups::dynamic"),
        fault: Fault {
            what: "a poller that takes a wakeup sets no timer for others",
            file: "libaiocontext/posix/src/announce.rs",
            from: "if own.words.has_sleepers() {",
            to: "if own.words.has_sleepers() && self.watch().is_none() {",
            words: "hangs in aio_poll_in_a_callback_leaves_a_bottom_half_to_others",
        },
    },
    Mutant {
        test: ("programs", "aiocontext::taken_wakeups::dynamic"),
        fault: Fault {
            what: "a callback's idle bottom half is left to the end of its pass",
            file: "libaiocontext/async/src/notify.rs",
            from: "publish(ctx.notify_me()) && state.own.words.has_long_sleepers()",
            to: "publish(ctx.notify_me()) && state.own.is_of(0)",
            words: "hangs in qemu_bh_schedule_idle_in_a_callback_wakes_later_sleepers",
        },
    },
];

/// What the rows plant.
#[cfg(test)]
pub(crate) fn faults() -> impl Iterator<Item = &'static Fault> {
    MUTANTS.iter().map(|mutant| &mutant.fault)
}

pub(crate) fn checks() -> Vec<Check> {
    let check = |mutant: &'static Mutant| {
        let Mutant { test: (target, name), fault } = mutant;
        Check::new("mutants", format!("planted: {}", fault.what), move |place| {
            fault.plant_installed(place, |prefix| {
                run::run(
                    Command::new("cargo")
                        .current_dir(&place.root)
                        .env("AIONOTIFY_PREFIX", prefix)
                        // Many a fault is noticed by a hang.
                        .env("AIONOTIFY_WATCHDOG", "20")
                        // The test that the row names, not one before it that may fail by chance.
                        .env("AIONOTIFY_TEST", fault.words)
                        .args(["test", "--locked", "-p", "capi-tests", "--test", target])
                        .args(["--", "--exact", name]),
                )
            })
        })
    };
    MUTANTS.iter().map(check).collect()
}
