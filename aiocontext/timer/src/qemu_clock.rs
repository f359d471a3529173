//! `main_loop_tlg`, `init_clocks` and the `qemu_clock_*` functions.

use core::ffi::c_uint;
use core::ptr::{null_mut, NonNull};
use core::sync::atomic::Ordering::Acquire;
use std::sync::Once;

use aio_notify::abi::opaque::{self, QEMUTimerList};
use aio_notify::abi::QEMUTimerListGroup;

use crate::clock::{checked, Clock, CLOCKS};
use crate::list::List;
use crate::timerlistgroup::{make_lists, word};
use crate::{misuse, not_null};

/// The lists of the main loop.
#[no_mangle]
#[allow(non_upper_case_globals)] // The name is C's.
pub static mut main_loop_tlg: QEMUTimerListGroup =
    QEMUTimerListGroup { tl: [null_mut(); CLOCKS.len()] };

/// The group, wherever the linker has put it.
fn main_loop_group() -> NonNull<QEMUTimerListGroup> {
    let group = &raw mut main_loop_tlg;
    // SAFETY: a static is not NULL.
    unsafe { NonNull::new_unchecked(group) }
}

fn make_main_lists() {
    static MADE: Once = Once::new();
    MADE.call_once(|| {
        // SAFETY: a static group, whose lists are not used before they are there. They have no
        // callback: they notify the program's main loop.
        unsafe { make_lists(main_loop_group(), None, null_mut()) };
    });
}

/// The main loop's list of a clock. Made now if the program has not called `init_clocks()`.
fn main_list(clock: &Clock, function: &str) -> NonNull<QEMUTimerList> {
    // SAFETY: a static group.
    let word = unsafe { word(main_loop_group(), clock.kind as usize) };
    // Acquire: pairs with the release in `make_lists`; else the list's members might not be seen.
    if let Some(list) = NonNull::new(word.load(Acquire)) {
        return list;
    }
    make_main_lists();
    match NonNull::new(word.load(Acquire)) {
        Some(list) => list,
        None => misuse(format_args!("{function}: the main loop's lists have been freed")),
    }
}

/// The same as the safe code's list.
fn main_list_ref(kind: c_uint, function: &str) -> &'static List {
    let list = main_list(checked(kind, function), function);
    // SAFETY: the main loop's lists are not freed while they are used.
    unsafe { List::from_raw(list) }
}

/// Sets up `main_loop_tlg`, which `timer_init()` and `timer_new()` take their lists from.
///
/// Once, before all else; a second call does nothing.
#[no_mangle]
pub extern "C" fn init_clocks() {
    make_main_lists();
}

/// Returns the clock's time in ns.
///
/// `QEMU_CLOCK_VIRTUAL` is the program's `cpu_get_icount()` if its `use_icount` is not 0, else its
/// `cpu_get_clock()`, which `QEMU_CLOCK_VIRTUAL_RT` is always; in a program without them, as
/// `QEMU_CLOCK_REALTIME`, the system's monotonic clock. `QEMU_CLOCK_HOST` is the wall clock; where
/// it has gone backwards since it was last read, this calls the reset notifiers.
///
/// Any thread. Aborts if `type` is no clock.
#[no_mangle]
pub extern "C" fn qemu_clock_get_ns(r#type: c_uint) -> i64 {
    checked(r#type, "qemu_clock_get_ns").now()
}

/// Returns true if the main loop's list of the clock has an armed timer. Any thread.
#[no_mangle]
pub extern "C" fn qemu_clock_has_timers(r#type: c_uint) -> bool {
    main_list_ref(r#type, "qemu_clock_has_timers").first().is_some()
}

/// Returns true if a timer of the main loop's list of the clock is due. Any thread.
#[no_mangle]
pub extern "C" fn qemu_clock_expired(r#type: c_uint) -> bool {
    main_list_ref(r#type, "qemu_clock_expired").has_due()
}

/// Returns true if the clock counts towards timeouts: all do, but for `QEMU_CLOCK_VIRTUAL` while
/// the program's `use_icount` is not 0. Any thread.
#[no_mangle]
pub extern "C" fn qemu_clock_use_for_deadline(r#type: c_uint) -> bool {
    checked(r#type, "qemu_clock_use_for_deadline").use_for_deadline()
}

/// Returns the ns to the nearest deadline of all lists of the clock, -1 for never, as where it is
/// stopped. Any thread.
#[no_mangle]
pub extern "C" fn qemu_clock_deadline_ns_all(r#type: c_uint) -> i64 {
    checked(r#type, "qemu_clock_deadline_ns_all").deadline_ns()
}

/// Returns the main loop's list of the clock. Any thread.
#[no_mangle]
pub extern "C" fn qemu_clock_get_main_loop_timerlist(r#type: c_uint) -> *mut QEMUTimerList {
    const NAME: &str = "qemu_clock_get_main_loop_timerlist";
    main_list(checked(r#type, NAME), NAME).as_ptr()
}

/// Calls the notify callbacks of all lists of the clock. Any thread.
#[no_mangle]
pub extern "C" fn qemu_clock_notify(r#type: c_uint) {
    checked(r#type, "qemu_clock_notify").notify();
}

/// Starts or stops a clock; while stopped it runs no timers. Its time goes on.
///
/// Starting notifies its lists. Stopping waits for the callbacks of its timers that other threads
/// run, not for the caller's own, and must not be called with anything held that they need. Any
/// thread.
#[no_mangle]
pub extern "C" fn qemu_clock_enable(r#type: c_uint, enabled: bool) {
    let clock = checked(r#type, "qemu_clock_enable");
    if enabled {
        clock.enable();
    } else {
        clock.disable();
    }
}

/// Has `notifier->notify(notifier, &now)` called when the clock is found to have gone backwards,
/// by the thread that reads it; `now` is an `int64_t` in ns. Only `QEMU_CLOCK_HOST` does.
///
/// A notifier may remove itself and others while it is called. Any thread. Aborts if it is
/// registered already.
///
/// # Safety
///
/// `notifier` must not be NULL (aborts) and must point to QEMU's `Notifier`, which lives until
/// [`qemu_clock_unregister_reset_notifier`].
#[no_mangle]
pub unsafe extern "C" fn qemu_clock_register_reset_notifier(
    r#type: c_uint,
    notifier: *mut opaque::Notifier,
) {
    const NAME: &str = "qemu_clock_register_reset_notifier";
    let clock = checked(r#type, NAME);
    // SAFETY: the same contract.
    unsafe { clock.reset_notifiers.add(not_null(notifier, NAME, "notifier"), NAME) };
}

/// Undoes [`qemu_clock_register_reset_notifier`]. Aborts if the notifier is not registered.
///
/// Any thread, also the notifier's own function.
///
/// # Safety
///
/// `notifier` must not be NULL (aborts).
#[no_mangle]
pub unsafe extern "C" fn qemu_clock_unregister_reset_notifier(
    r#type: c_uint,
    notifier: *mut opaque::Notifier,
) {
    const NAME: &str = "qemu_clock_unregister_reset_notifier";
    let clock = checked(r#type, NAME);
    clock.reset_notifiers.remove(not_null(notifier, NAME, "notifier"), NAME);
}

fn run(clock: &Clock, function: &str) -> bool {
    let list = main_list(clock, function);
    // SAFETY: the main loop's lists are not freed while they are used.
    unsafe { List::run(list) }
}

/// Runs the due timers of the main loop's list of the clock. Returns true if there was one.
///
/// For the main loop's thread; see `timerlist_run_timers()`.
#[no_mangle]
pub extern "C" fn qemu_clock_run_timers(r#type: c_uint) -> bool {
    run(checked(r#type, "qemu_clock_run_timers"), "qemu_clock_run_timers")
}

/// Runs the due timers of all the main loop's lists. Returns true if there was one.
///
/// For the main loop's thread; see `timerlist_run_timers()`.
#[no_mangle]
pub extern "C" fn qemu_clock_run_all_timers() -> bool {
    CLOCKS.iter().fold(false, |progress, clock| run(clock, "qemu_clock_run_all_timers") | progress)
}
