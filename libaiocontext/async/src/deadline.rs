//! How long a context's loop may sleep, in ns. For GLib, `to_ms` in the timer component rounds it up.

use aio_notify::ffi::ContextRef;

use crate::import::timerlistgroup_deadline_ns;
use crate::queue::Urgency;
use crate::state::State;

/// How long the loop may sleep before it runs idle bottom halves: 10 ms, as in the reference.
const IDLE_NS: i64 = 10_000_000;

/// The timeout in ns, -1 for never.
pub(crate) fn of(ctx: ContextRef<'_>, state: &State) -> i64 {
    let urgency = state.bottom_halves.most_urgent();
    if urgency == Some(Urgency::Now) {
        return 0;
    }
    let timers = of_timers(ctx);
    match urgency {
        Some(_) if timers < 0 => IDLE_NS,
        Some(_) => timers.min(IDLE_NS),
        None => timers,
    }
}

/// The time to the context's nearest timer in ns, -1 if there is none.
pub(crate) fn of_timers(ctx: ContextRef<'_>) -> i64 {
    // SAFETY: initialised by `aio_context_new`.
    unsafe { timerlistgroup_deadline_ns(ctx.timers()) }
}
