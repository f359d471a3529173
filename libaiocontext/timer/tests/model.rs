//! Random sequences of calls against a plain model: a vector that is sorted when it is asked.
//!
//! The time is the test's own, by the program's `cpu_get_clock`.

use std::cell::{Cell, RefCell, UnsafeCell};
use std::ffi::c_void;
use std::ptr::null_mut;

use aio_notify::abi::opaque::QEMUTimerList;
use aio_notify::abi::{QEMUClockType, QEMUTimer};
use aiocontext_timer::{
    qemu_clock_get_ns, timer_del, timer_expire_time_ns, timer_expired, timer_init_tl, timer_mod,
    timer_mod_anticipate, timer_mod_anticipate_ns, timer_mod_ns, timer_pending,
    timerlist_deadline_ns, timerlist_expired, timerlist_free, timerlist_has_timers, timerlist_new,
    timerlist_run_timers,
};
use proptest::prelude::*;

const VIRTUAL: u32 = QEMUClockType::QEMU_CLOCK_VIRTUAL as u32;

thread_local! {
    static NOW: Cell<i64> = const { Cell::new(0) };
    static RAN: RefCell<Vec<usize>> = const { RefCell::new(Vec::new()) };
    static NOTIFIED: Cell<usize> = const { Cell::new(0) };
}

#[no_mangle]
extern "C" fn cpu_get_clock() -> i64 {
    NOW.get()
}

extern "C" fn notified(_: *mut c_void) {
    NOTIFIED.set(NOTIFIED.get() + 1);
}

/// What a timer does when it runs.
#[derive(Clone, Copy, Debug)]
enum Reaction {
    Nothing,
    /// Arms a timer so many ns after the time of the call.
    Arm(usize, i64),
    Delete(usize),
}

#[derive(Clone, Debug)]
enum Call {
    Mod(usize, i64),
    Anticipate(usize, i64),
    ModScaled(usize, i64),
    AnticipateScaled(usize, i64),
    Delete(usize),
    React(usize, Reaction),
    Advance(i64),
    Run,
}

const TIMERS: usize = 40;
const SCALE: i64 = 7;

/// Few times, so that many are equal.
fn time() -> impl Strategy<Value = i64> {
    prop_oneof![9 => -3..60_i64, 1 => Just(i64::MAX)]
}

fn call() -> impl Strategy<Value = Call> {
    let timer = 0..TIMERS;
    let reaction = prop_oneof![
        Just(Reaction::Nothing),
        (0..TIMERS, 1..20_i64).prop_map(|(i, after)| Reaction::Arm(i, after)),
        (0..TIMERS).prop_map(Reaction::Delete),
    ];
    prop_oneof![
        8 => (timer.clone(), time()).prop_map(|(i, t)| Call::Mod(i, t)),
        4 => (timer.clone(), time()).prop_map(|(i, t)| Call::Anticipate(i, t)),
        1 => (timer.clone(), time()).prop_map(|(i, t)| Call::ModScaled(i, t)),
        1 => (timer.clone(), time()).prop_map(|(i, t)| Call::AnticipateScaled(i, t)),
        4 => timer.clone().prop_map(Call::Delete),
        2 => (timer, reaction).prop_map(|(i, r)| Call::React(i, r)),
        2 => (0..9_i64).prop_map(Call::Advance),
        2 => Just(Call::Run),
    ]
}

/// A timer and what its callback needs.
struct Timer {
    /// Written by the library while its callback looks at the rest.
    timer: UnsafeCell<QEMUTimer>,
    number: usize,
    reaction: Reaction,
    all: *mut Timer,
}

/// The timer of a number.
///
/// # Safety
///
/// `all` points to the timers.
unsafe fn at(all: *mut Timer, i: usize) -> *mut QEMUTimer {
    // SAFETY: within the timers.
    let timer = unsafe { all.add(i) };
    // SAFETY: one of the timers.
    let cell = unsafe { &raw const (*timer).timer };
    UnsafeCell::raw_get(cell)
}

unsafe extern "C" fn run(opaque: *mut c_void) {
    // SAFETY: the timer's own struct, of which only the cell is written while it runs.
    let this = unsafe { &*opaque.cast::<Timer>() };
    RAN.with_borrow_mut(|ran| ran.push(this.number));
    match this.reaction {
        Reaction::Nothing => {}
        Reaction::Arm(i, after) => {
            // SAFETY: all the timers.
            let timer = unsafe { at(this.all, i) };
            // SAFETY: an initialised timer.
            unsafe { timer_mod_ns(timer, NOW.get() + after) };
        }
        Reaction::Delete(i) => {
            // SAFETY: all the timers.
            let timer = unsafe { at(this.all, i) };
            // SAFETY: an initialised timer.
            unsafe { timer_del(timer) };
        }
    }
}

/// The model: who is armed for when, in the order of arming.
#[derive(Default)]
struct Model {
    armed: Vec<(i64, usize)>,
    reactions: Vec<Reaction>,
    notified: usize,
}

impl Model {
    fn deadline(&self, timer: usize) -> Option<i64> {
        self.armed.iter().find(|armed| armed.1 == timer).map(|armed| armed.0)
    }

    fn first(&self) -> Option<(i64, usize)> {
        // The first of those that are equal.
        self.armed.iter().copied().min_by_key(|armed| armed.0)
    }

    fn delete(&mut self, timer: usize) {
        self.armed.retain(|armed| armed.1 != timer);
    }

    fn arm(&mut self, timer: usize, deadline: i64) {
        self.delete(timer);
        self.armed.push((deadline.max(0), timer));
        if self.first().is_some_and(|first| first.1 == timer) {
            self.notified += 1;
        }
    }

    fn anticipate(&mut self, timer: usize, deadline: i64) {
        if self.deadline(timer).is_none_or(|armed| deadline.max(0) < armed) {
            self.arm(timer, deadline);
        }
    }

    fn run(&mut self, now: i64) -> Vec<usize> {
        let mut ran = Vec::new();
        while let Some((_, timer)) = self.first().filter(|first| first.0 <= now) {
            self.delete(timer);
            ran.push(timer);
            match self.reactions[timer] {
                Reaction::Nothing => {}
                Reaction::Arm(i, after) => self.arm(i, now + after),
                Reaction::Delete(i) => self.delete(i),
            }
        }
        ran
    }
}

struct Real {
    list: *mut QEMUTimerList,
    timers: Vec<Timer>,
}

impl Real {
    fn new() -> Self {
        // SAFETY: the callback takes anything.
        let list = unsafe { timerlist_new(VIRTUAL, Some(notified), null_mut()) };
        let mut timers: Vec<Timer> = (0..TIMERS)
            .map(|number| Timer {
                // SAFETY: all its members may be 0.
                timer: UnsafeCell::new(unsafe { std::mem::zeroed() }),
                number,
                reaction: Reaction::Nothing,
                all: null_mut(),
            })
            .collect();
        let all = timers.as_mut_ptr();
        for i in 0..TIMERS {
            // SAFETY: within the vector, which does not move.
            let this = unsafe { all.add(i) };
            // SAFETY: a live timer.
            unsafe { (*this).all = all };
            // SAFETY: all the timers.
            let timer = unsafe { at(all, i) };
            let scale = i32::try_from(SCALE).unwrap();
            // SAFETY: memory for a timer; its callback is called with what it expects.
            unsafe { timer_init_tl(timer, list, scale, Some(run), this.cast()) };
        }
        Self { list, timers }
    }

    fn timer(&mut self, i: usize) -> *mut QEMUTimer {
        // SAFETY: all the timers.
        unsafe { at(self.timers.as_mut_ptr(), i) }
    }

    fn apply(&mut self, model: &mut Model, call: &Call) -> Result<(), TestCaseError> {
        match *call {
            Call::Mod(i, t) => {
                // SAFETY: an initialised timer.
                unsafe { timer_mod_ns(self.timer(i), t) };
                model.arm(i, t);
            }
            Call::Anticipate(i, t) => {
                // SAFETY: an initialised timer.
                unsafe { timer_mod_anticipate_ns(self.timer(i), t) };
                model.anticipate(i, t);
            }
            Call::ModScaled(i, t) => {
                // SAFETY: an initialised timer.
                unsafe { timer_mod(self.timer(i), t) };
                model.arm(i, t.saturating_mul(SCALE));
            }
            Call::AnticipateScaled(i, t) => {
                // SAFETY: an initialised timer.
                unsafe { timer_mod_anticipate(self.timer(i), t) };
                model.anticipate(i, t.saturating_mul(SCALE));
            }
            Call::Delete(i) => {
                // SAFETY: an initialised timer.
                unsafe { timer_del(self.timer(i)) };
                model.delete(i);
            }
            Call::React(i, reaction) => {
                self.timers[i].reaction = reaction;
                model.reactions[i] = reaction;
            }
            Call::Advance(by) => NOW.set(NOW.get() + by),
            Call::Run => {
                // SAFETY: a live list.
                let progress = unsafe { timerlist_run_timers(self.list) };
                let ran = RAN.take();
                prop_assert_eq!(progress, !ran.is_empty());
                prop_assert_eq!(ran, model.run(NOW.get()));
            }
        }
        self.compare(model)
    }

    /// All that can be asked.
    #[allow(clippy::cast_sign_loss)] // Deadlines are not negative.
    fn compare(&mut self, model: &Model) -> Result<(), TestCaseError> {
        let now = qemu_clock_get_ns(VIRTUAL);
        prop_assert_eq!(now, NOW.get());
        let first = model.first().map(|first| first.0);
        // SAFETY: a live list.
        let has = unsafe { timerlist_has_timers(self.list) };
        prop_assert_eq!(has, first.is_some());
        // SAFETY: a live list.
        let expired = unsafe { timerlist_expired(self.list) };
        prop_assert_eq!(expired, first.is_some_and(|first| first <= now));
        // SAFETY: a live list.
        let deadline = unsafe { timerlist_deadline_ns(self.list) };
        prop_assert_eq!(deadline, first.map_or(-1, |first| (first - now).max(0)));
        for i in 0..TIMERS {
            let deadline = model.deadline(i);
            let timer = self.timer(i);
            // SAFETY: an initialised timer.
            prop_assert_eq!(unsafe { timer_pending(timer) }, deadline.is_some());
            // SAFETY: an initialised timer.
            let expire_time = unsafe { timer_expire_time_ns(timer) };
            prop_assert_eq!(expire_time, deadline.map_or(u64::MAX, |deadline| deadline as u64));
            // SAFETY: an initialised timer.
            let expired = unsafe { timer_expired(timer, now / SCALE) };
            prop_assert_eq!(expired, deadline.unwrap_or(-1) <= now / SCALE * SCALE);
            // SAFETY: a live timer; C programs look at it.
            let member = unsafe { (*timer).expire_time };
            prop_assert_eq!(member, deadline.unwrap_or(-1));
        }
        prop_assert_eq!(NOTIFIED.get(), model.notified);
        Ok(())
    }
}

impl Drop for Real {
    fn drop(&mut self) {
        for i in 0..TIMERS {
            // SAFETY: an initialised timer.
            unsafe { timer_del(self.timer(i)) };
        }
        // SAFETY: a live list, whose timers are all disarmed.
        unsafe { timerlist_free(self.list) };
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_timers_do_as_the_model_does(calls in prop::collection::vec(call(), 1..200)) {
        NOW.set(0);
        NOTIFIED.set(0);
        RAN.take();
        let mut real = Real::new();
        let mut model = Model { reactions: vec![Reaction::Nothing; TIMERS], ..Model::default() };
        for call in &calls {
            real.apply(&mut model, call)?;
        }
    }
}
