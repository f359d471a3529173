//! The armed timers of a list, by deadline, and by the order of arming where those are equal.
//!
//! A heap of four branches: its levels are few, and the children that are compared lie side by
//! side. Each timer knows its place, so that any of them can be moved or removed. Deadlines are
//! kept here rather than read from the timers, whose memory is anywhere.

use crate::timer_ref::TimerRef;
use crate::LIBRARY;

const BRANCHES: usize = 4;

#[derive(Clone, Copy)]
struct Entry {
    deadline: i64,
    /// How many have been armed before it.
    order: u64,
    /// Lives while it is armed.
    timer: TimerRef<'static>,
}

impl Entry {
    #[inline]
    fn is_before(&self, other: &Self) -> bool {
        (self.deadline, self.order) < (other.deadline, other.order)
    }
}

pub(crate) struct Heap {
    entries: Vec<Entry>,
    armed: u64,
}

impl Heap {
    pub(crate) const fn new() -> Self {
        Self { entries: Vec::new(), armed: 0 }
    }

    /// The first deadline in ns.
    #[inline]
    pub(crate) fn first(&self) -> Option<i64> {
        self.entries.first().map(|entry| entry.deadline)
    }

    /// Arms a timer for a deadline of 0 or more, or moves one that is armed. Returns true if it is
    /// the first now. `function` is what the program has called.
    pub(crate) fn arm(&mut self, timer: TimerRef<'static>, deadline: i64, function: &str) -> bool {
        let order = self.armed;
        self.armed += 1;
        let entry = Entry { deadline, order, timer };
        let place = if timer.is_armed() {
            let place = self.place_of(timer, function);
            // What is armed again is behind all others of its deadline.
            if self.entries[place].deadline <= deadline {
                self.move_back(place, entry)
            } else {
                self.move_forward(place, entry)
            }
        } else {
            self.entries.push(entry);
            self.move_forward(self.entries.len() - 1, entry)
        };
        timer.set_deadline(deadline);
        place == 0
    }

    /// Disarms a timer that is armed; `function` as above.
    pub(crate) fn disarm(&mut self, timer: TimerRef<'_>, function: &str) {
        let place = self.place_of(timer, function);
        if let Some(last) = self.entries.pop() {
            if last.timer != timer {
                if last.is_before(&self.entries[place]) {
                    self.move_forward(place, last);
                } else {
                    self.move_back(place, last);
                }
            }
        }
        timer.set_position(0);
        // Last: a thread that sees this may free the timer.
        timer.set_deadline(-1);
    }

    /// The first timer, if its deadline is not after `now`.
    #[inline]
    pub(crate) fn due(&self, now: i64) -> Option<TimerRef<'static>> {
        self.entries.first().filter(|entry| entry.deadline <= now).map(|entry| entry.timer)
    }

    fn place_of(&self, timer: TimerRef<'_>, function: &str) -> usize {
        let place = timer.position();
        match self.entries.get(place) {
            Some(entry) if entry.timer == timer => place,
            _ => LIBRARY.misuse(format_args!(
                "{function}: the timer was initialised again, copied or written to while armed"
            )),
        }
    }

    #[inline]
    fn put(&mut self, place: usize, entry: Entry) {
        self.entries[place] = entry;
        entry.timer.set_position(place);
    }

    /// Puts an entry at a place that is free, or before it; returns where.
    #[inline]
    fn move_forward(&mut self, mut place: usize, entry: Entry) -> usize {
        while place > 0 {
            let parent = (place - 1) / BRANCHES;
            if !entry.is_before(&self.entries[parent]) {
                break;
            }
            self.put(place, self.entries[parent]);
            place = parent;
        }
        self.put(place, entry);
        place
    }

    /// Puts an entry at a place that is free, or behind it; returns where.
    #[inline]
    fn move_back(&mut self, mut place: usize, entry: Entry) -> usize {
        loop {
            let children = place * BRANCHES + 1;
            let end = self.entries.len().min(children + BRANCHES);
            let Some(mut child) = (children < end).then_some(children) else { break };
            for other in children + 1..end {
                if self.entries[other].is_before(&self.entries[child]) {
                    child = other;
                }
            }
            if entry.is_before(&self.entries[child]) {
                break;
            }
            self.put(place, self.entries[child]);
            place = child;
        }
        self.put(place, entry);
        place
    }
}
