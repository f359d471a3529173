//! Random sequences of calls to the queue of bottom halves, in and out of callbacks and nested
//! polls, against a plain model.

use std::cell::RefCell;

use proptest::collection::vec;
use proptest::prelude::*;

#[path = "../src/queue/mod.rs"]
#[allow(dead_code)] // Not all of it is needed here.
mod queue;
#[path = "../src/sync.rs"]
mod sync;

use queue::{BottomHalf, Queue, Urgency};

/// How many bottom halves there are.
const COUNT: usize = 5;
/// How deep polls are nested.
const DEPTH: usize = 3;

#[derive(Clone, Copy, Debug)]
enum Call {
    Schedule(usize),
    Idle(usize),
    Cancel(usize),
    Delete(usize),
    Poll,
}

/// What the queue should be: the scheduled ones in order.
#[derive(Default)]
struct Model {
    waiting: Vec<Waiting>,
    deleted: [bool; COUNT],
    stamps: usize,
}

struct Waiting {
    number: usize,
    /// Whether it is urgent; `None` once it has been cancelled, which leaves it its place.
    urgent: Option<bool>,
    stamp: usize,
}

impl Model {
    fn schedule(&mut self, number: usize, urgent: bool) {
        if let Some(waiting) = self.waiting.iter_mut().find(|w| w.number == number) {
            waiting.urgent = Some(waiting.urgent == Some(true) || urgent);
        } else {
            self.waiting.push(Waiting { number, urgent: Some(urgent), stamp: self.stamps });
            self.stamps += 1;
        }
    }

    fn cancel(&mut self, number: usize) {
        if let Some(waiting) = self.waiting.iter_mut().find(|w| w.number == number) {
            waiting.urgent = None;
        }
    }

    /// The next turn of a poll that began when so many stamps had been given out.
    fn take_turn(&mut self, began: usize) -> Option<(usize, bool)> {
        loop {
            let next = self.waiting.iter().position(|w| w.stamp < began)?;
            let waiting = self.waiting.remove(next);
            if let Some(urgent) = waiting.urgent {
                return Some((waiting.number, urgent));
            }
        }
    }

    fn most_urgent(&self) -> Option<Urgency> {
        let urgent = self.waiting.iter().any(|w| w.urgent == Some(true));
        let idle = self.waiting.iter().any(|w| w.urgent == Some(false));
        urgent.then_some(Urgency::Now).or(idle.then_some(Urgency::Idle))
    }
}

/// Both, and what the callback of each bottom half does.
struct Both {
    queue: Queue<usize>,
    bhs: Vec<*mut BottomHalf<usize>>,
    model: RefCell<Model>,
    scripts: Vec<Vec<Call>>,
}

impl Both {
    fn call(&self, call: Call, depth: usize) {
        let deleted = |number: usize| self.model.borrow().deleted[number];
        match call {
            Call::Schedule(n) | Call::Idle(n) if !deleted(n) => {
                let urgent = matches!(call, Call::Schedule(_));
                let urgency = if urgent { Urgency::Now } else { Urgency::Idle };
                // SAFETY: not deleted.
                unsafe { self.queue.schedule(self.bhs[n], urgency) };
                self.model.borrow_mut().schedule(n, urgent);
            }
            Call::Cancel(n) if !deleted(n) => {
                // SAFETY: not deleted.
                unsafe { self.queue.cancel(self.bhs[n]) };
                self.model.borrow_mut().cancel(n);
            }
            Call::Delete(n) if !deleted(n) => {
                // SAFETY: not deleted.
                unsafe { self.queue.delete(self.bhs[n]) };
                let mut model = self.model.borrow_mut();
                model.cancel(n);
                model.deleted[n] = true;
            }
            Call::Poll if depth < DEPTH => self.poll(depth + 1),
            _ => {}
        }
        assert_eq!(self.queue.most_urgent(), self.model.borrow().most_urgent());
    }

    fn poll(&self, depth: usize) {
        let began = self.model.borrow().stamps;
        let pass = self.queue.begin();
        loop {
            let turn = pass.and_then(|pass| self.queue.take_turn(pass));
            let expected = self.model.borrow_mut().take_turn(began);
            let turn = turn.map(|turn| (turn.task, turn.urgency == Urgency::Now));
            assert_eq!(turn, expected);
            let Some((number, _)) = turn else { return };
            for &call in &self.scripts[number] {
                self.call(call, depth);
            }
        }
    }
}

fn calls(length: usize) -> impl Strategy<Value = Vec<Call>> {
    let call = prop_oneof![
        6 => (0..COUNT).prop_map(Call::Schedule),
        2 => (0..COUNT).prop_map(Call::Idle),
        3 => (0..COUNT).prop_map(Call::Cancel),
        1 => (0..COUNT).prop_map(Call::Delete),
        3 => Just(Call::Poll),
    ];
    vec(call, 0..length)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..<_>::default() })]

    #[test]
    fn the_queue_does_what_the_model_does(
        calls in calls(40),
        scripts in vec(calls(4), COUNT),
    ) {
        let queue = Queue::new();
        let bhs = (0..COUNT).map(|number| queue.add(number)).collect();
        let both = Both { queue, bhs, model: RefCell::default(), scripts };
        for call in calls {
            both.call(call, 0);
        }
        both.poll(1);
        // Whatever was deleted goes with a poll that has something to do.
        let last = both.queue.add(0);
        // SAFETY: live.
        unsafe { both.queue.delete(last) };
        if let Some(pass) = both.queue.begin() {
            while both.queue.take_turn(pass).is_some() {}
        }
        let left = both.model.borrow().deleted.iter().filter(|deleted| !**deleted).count();
        prop_assert_eq!(both.queue.count(), left);
    }
}
