//! `main_loop_tlg`, `init_clocks` and `qemu_clock_*`.

use core::ptr::{null_mut, NonNull};

use aio_notify::abi::opaque::{Notifier, QEMUTimerList};
use aio_notify::abi::QEMUTimerListGroup;
use aio_notify::ffi::View;

use crate::clock::{checked, AnyClockType, Clock, CLOCKS};
use crate::list_group::GroupRef;
use crate::timer_list::ListRef;
use crate::{clock_lists, main_loop, LIBRARY};

/// The lists of the main loop, one for each clock.
#[no_mangle]
#[allow(non_upper_case_globals)] // The name is C's.
pub static mut main_loop_tlg: QEMUTimerListGroup =
    QEMUTimerListGroup { tl: [null_mut(); CLOCKS.len()] };

/// [`main_loop_tlg`], wherever the linker has put it.
fn main_loop_lists() -> GroupRef<'static> {
    let group = &raw mut main_loop_tlg;
    // SAFETY: a static is not NULL.
    let group = unsafe { NonNull::new_unchecked(group) };
    // SAFETY: a static group, whose lists are not freed while they are used.
    unsafe { GroupRef::new(group) }
}

/// The main loop's list of a clock. Made now if the program has not called `init_clocks()`.
fn main_list(clock: &Clock, function: &str) -> ListRef<'static> {
    main_loop::list(main_loop_lists(), clock, function)
}

/// [`main_list`] for the argument of a C function.
fn main_list_of(kind: AnyClockType, function: &str) -> ListRef<'static> {
    main_list(checked(kind, function), function)
}

/// Sets up `main_loop_tlg`, from which `timer_init()` and `timer_new()` take their lists. Call it
/// once, before all other functions; a second call does nothing.
///
/// # Threads
///
/// Any thread; not signal handlers.
#[no_mangle]
pub extern "C" fn init_clocks() {
    main_loop::make_lists(main_loop_lists());
}

/// Reads the clock. `QEMU_CLOCK_VIRTUAL` is the program's `cpu_get_icount()` if its `use_icount` is
/// not 0, otherwise its `cpu_get_clock()`. `QEMU_CLOCK_VIRTUAL_RT` is always `cpu_get_clock()`. In
/// a program without these functions both are `QEMU_CLOCK_REALTIME`, the system's monotonic clock.
/// `QEMU_CLOCK_HOST` is the wall clock; if it has gone backwards since it was last read, the call
/// runs the reset notifiers.
///
/// # Returns
///
/// The clock's time in ns.
///
/// # Errors
///
/// Aborts if `type` is not a clock, as do the other functions that take one.
///
/// # Threads
///
/// Any thread; not signal handlers.
#[no_mangle]
pub extern "C" fn qemu_clock_get_ns(r#type: AnyClockType) -> i64 {
    checked(r#type, "qemu_clock_get_ns").now()
}

/// Checks whether a timer is armed on the main loop's list of the clock.
///
/// # Returns
///
/// True if a timer is armed.
///
/// # Threads
///
/// Any thread; not signal handlers.
#[no_mangle]
pub extern "C" fn qemu_clock_has_timers(r#type: AnyClockType) -> bool {
    main_list_of(r#type, "qemu_clock_has_timers").first().is_some()
}

/// Checks whether a timer on the main loop's list of the clock is due.
///
/// # Returns
///
/// True if a timer is due.
///
/// # Threads
///
/// Any thread; not signal handlers.
#[no_mangle]
pub extern "C" fn qemu_clock_expired(r#type: AnyClockType) -> bool {
    main_list_of(r#type, "qemu_clock_expired").has_due()
}

/// Checks whether the clock counts towards timeouts.
///
/// # Returns
///
/// False for `QEMU_CLOCK_VIRTUAL` while the program's `use_icount` is not 0, otherwise true.
///
/// # Threads
///
/// Any thread; not signal handlers.
#[no_mangle]
pub extern "C" fn qemu_clock_use_for_deadline(r#type: AnyClockType) -> bool {
    checked(r#type, "qemu_clock_use_for_deadline").use_for_deadline()
}

/// Finds the nearest deadline on all lists of the clock.
///
/// # Returns
///
/// The ns to the nearest deadline, or -1 if there is none or the clock is stopped.
///
/// # Threads
///
/// Any thread; not signal handlers.
#[no_mangle]
pub extern "C" fn qemu_clock_deadline_ns_all(r#type: AnyClockType) -> i64 {
    clock_lists::deadline_ns(checked(r#type, "qemu_clock_deadline_ns_all"))
}

/// Returns the main loop's list of the clock.
///
/// # Returns
///
/// The list, never NULL.
///
/// # Threads
///
/// Any thread; not signal handlers.
#[no_mangle]
pub extern "C" fn qemu_clock_get_main_loop_timerlist(r#type: AnyClockType) -> *mut QEMUTimerList {
    main_list_of(r#type, "qemu_clock_get_main_loop_timerlist").as_ptr()
}

/// Calls the notify callbacks of all lists of the clock.
///
/// # Threads
///
/// Any thread; not signal handlers.
#[no_mangle]
pub extern "C" fn qemu_clock_notify(r#type: AnyClockType) {
    clock_lists::notify(checked(r#type, "qemu_clock_notify"));
}

/// Starts or stops a clock. A stopped clock runs no timers, but its time goes on. Starting a clock
/// notifies its lists. Stopping it waits for its timers' callbacks in other threads, but not for
/// the caller's own: do not hold anything that those callbacks need.
///
/// Callbacks in several threads may stop each other's clocks. A call that would close a cycle of
/// threads waiting for each other skips the callbacks that wait for its own, directly or through
/// others, and waits for all the rest. When it returns, a skipped callback has yet to return from
/// its own call of this function.
///
/// # Threads
///
/// Any thread; not signal handlers.
#[no_mangle]
pub extern "C" fn qemu_clock_enable(r#type: AnyClockType, enabled: bool) {
    let clock = checked(r#type, "qemu_clock_enable");
    if enabled {
        clock_lists::start(clock);
    } else {
        clock_lists::stop(clock);
    }
}

/// Registers a notifier. A thread that reads the clock and finds that it has gone backwards calls
/// `notifier->notify(notifier, &now)`, where `now` is an `int64_t` in ns. Only `QEMU_CLOCK_HOST`
/// goes backwards. A notifier may remove itself and others while it is called.
///
/// # Threads
///
/// Any thread; not signal handlers.
///
/// # Safety
///
/// `notifier` must not be NULL or already registered (aborts) and must point to QEMU's `Notifier`,
/// which lives until `qemu_clock_unregister_reset_notifier()`.
#[no_mangle]
pub unsafe extern "C" fn qemu_clock_register_reset_notifier(
    r#type: AnyClockType,
    notifier: *mut Notifier,
) {
    const NAME: &str = "qemu_clock_register_reset_notifier";
    let clock = checked(r#type, NAME);
    // SAFETY: the same contract.
    unsafe { clock.reset_notifiers.add(LIBRARY.not_null(notifier, NAME, "notifier"), NAME) };
}

/// Undoes `qemu_clock_register_reset_notifier()`. The notifier's own function may call it.
///
/// # Threads
///
/// Any thread; not signal handlers.
///
/// # Safety
///
/// `notifier` must not be NULL and must be registered (aborts).
#[no_mangle]
pub unsafe extern "C" fn qemu_clock_unregister_reset_notifier(
    r#type: AnyClockType,
    notifier: *mut Notifier,
) {
    const NAME: &str = "qemu_clock_unregister_reset_notifier";
    let clock = checked(r#type, NAME);
    clock.reset_notifiers.remove(LIBRARY.not_null(notifier, NAME, "notifier"), NAME);
}

/// Runs the due timers on the main loop's list of the clock, like `timerlist_run_timers()`.
///
/// # Returns
///
/// True if a timer ran.
///
/// # Threads
///
/// The main loop's thread; not signal handlers.
#[no_mangle]
pub extern "C" fn qemu_clock_run_timers(r#type: AnyClockType) -> bool {
    main_list_of(r#type, "qemu_clock_run_timers").run()
}

/// Runs the due timers on all of the main loop's lists, like `timerlist_run_timers()`.
///
/// # Returns
///
/// True if a timer ran.
///
/// # Threads
///
/// The main loop's thread; not signal handlers.
#[no_mangle]
pub extern "C" fn qemu_clock_run_all_timers() -> bool {
    let run = |clock| main_list(clock, "qemu_clock_run_all_timers").run();
    CLOCKS.iter().fold(false, |progress, clock| run(clock) | progress)
}
