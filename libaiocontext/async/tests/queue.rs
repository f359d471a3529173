//! The queue of bottom halves, by one thread.

use std::cell::RefCell;

#[path = "../src/queue/mod.rs"]
mod queue;
#[path = "../src/sync.rs"]
mod sync;

use queue::{BottomHalf, Queue, Urgency};

type Bh = *mut BottomHalf<char>;

/// A queue whose bottom halves are letters, and what has run.
struct Loop {
    queue: Queue<char>,
    ran: RefCell<String>,
}

impl Loop {
    fn new() -> Self {
        Self { queue: Queue::new(), ran: RefCell::new(String::new()) }
    }

    fn add<const N: usize>(&self, letters: [char; N]) -> [Bh; N] {
        letters.map(|letter| self.queue.add(letter))
    }

    fn schedule(&self, bh: Bh) -> bool {
        // SAFETY: every test uses a bottom half only until it is freed.
        unsafe { self.queue.schedule(bh, Urgency::Now) }
    }

    fn schedule_idle(&self, bh: Bh) -> bool {
        // SAFETY: as above.
        unsafe { self.queue.schedule(bh, Urgency::Idle) }
    }

    fn cancel(&self, bh: Bh) {
        // SAFETY: as above.
        unsafe { self.queue.cancel(bh) };
    }

    fn delete(&self, bh: Bh) {
        // SAFETY: as above.
        unsafe { self.queue.delete(bh) };
    }

    /// A poll whose callbacks note their letter and then do `f`. Returns whether any was urgent.
    fn poll_with(&self, f: &dyn Fn(char)) -> bool {
        let mut progress = false;
        if let Some(pass) = self.queue.begin() {
            while let Some(turn) = self.queue.take_turn(pass) {
                self.ran.borrow_mut().push(turn.task);
                progress |= turn.urgency == Urgency::Now;
                f(turn.task);
            }
        }
        progress
    }

    /// A poll; returns what it ran.
    fn poll(&self) -> String {
        self.poll_with(&|_| {});
        self.ran.take()
    }
}

#[test]
fn they_run_once_in_the_order_in_which_they_were_scheduled() {
    let l = Loop::new();
    let [a, b, c] = l.add(['a', 'b', 'c']);
    assert_eq!(l.poll(), "");
    assert!(l.schedule(c) && l.schedule(a) && l.schedule_idle(b));
    assert!(l.schedule(c), "the thread that scheduled it before may not have notified yet");
    assert_eq!(l.poll(), "cab");
    assert_eq!(l.poll(), "");
}

#[test]
fn one_that_a_callback_schedules_runs_in_the_next_poll() {
    let l = Loop::new();
    let [a, b] = l.add(['a', 'b']);
    l.schedule(a);
    l.poll_with(&|letter| {
        if letter == 'a' {
            l.schedule(b);
            l.schedule(a);
        }
    });
    assert_eq!(l.ran.take(), "a");
    assert_eq!(l.poll(), "ba");
}

#[test]
fn a_poll_within_a_callback_runs_what_is_left_and_nothing_runs_twice() {
    let l = Loop::new();
    let [a, b, c, d] = l.add(['a', 'b', 'c', 'd']);
    l.schedule(a);
    l.schedule(b);
    l.schedule(c);
    l.poll_with(&|letter| {
        if letter == 'a' {
            l.schedule(d);
            l.poll_with(&|_| {});
            l.ran.borrow_mut().push('|');
        }
    });
    assert_eq!(l.ran.take(), "abcd|");
    assert_eq!(l.poll(), "");
}

#[test]
fn a_cancelled_one_does_not_run_and_when_scheduled_again_keeps_its_place() {
    let l = Loop::new();
    let [a, b, c] = l.add(['a', 'b', 'c']);
    l.schedule(a);
    l.cancel(a);
    assert_eq!(l.queue.most_urgent(), None, "a loop with nothing to run may sleep");
    assert_eq!(l.poll(), "");
    l.schedule(a);
    l.schedule(b);
    l.cancel(a);
    assert!(l.schedule(a), "the loop must be told again");
    l.schedule(c);
    assert_eq!(l.poll(), "abc");
    assert_eq!(l.poll(), "");
}

#[test]
fn one_that_a_callback_cancels_does_not_run() {
    let l = Loop::new();
    let [a, b, c] = l.add(['a', 'b', 'c']);
    l.schedule(a);
    l.schedule(b);
    l.schedule(c);
    l.poll_with(&|letter| {
        if letter == 'a' {
            l.cancel(b);
        }
    });
    assert_eq!(l.ran.take(), "ac");
    assert_eq!(l.queue.most_urgent(), None);
}

#[test]
fn a_thread_that_stops_before_its_push_holds_nobody_up() {
    let l = Loop::new();
    let [a, b, c, d] = l.add(['a', 'b', 'c', 'd']);
    // SAFETY: live.
    unsafe { l.queue.stop_before_push(b) };
    assert_eq!(l.queue.most_urgent(), None, "the loop would spin until the thread goes on");
    l.schedule(a);
    assert_eq!(l.poll(), "a");
    for _ in 0..3 {
        assert!(l.schedule(b));
        l.schedule(c);
        assert_eq!(l.queue.most_urgent(), Some(Urgency::Now));
        assert_eq!(l.poll(), "cb");
        assert_eq!(l.queue.most_urgent(), None);
    }
    // More than one of them.
    // SAFETY: live.
    unsafe { l.queue.stop_before_push(d) };
    l.schedule_idle(d);
    l.schedule(b);
    l.schedule(a);
    l.cancel(d);
    assert_eq!(l.poll(), "ab");
    l.schedule_idle(d);
    l.schedule(b);
    assert_eq!(l.poll(), "bd");
    assert_eq!(l.poll(), "");
}

#[test]
fn a_doubt_does_not_outlive_its_bottom_half() {
    let l = Loop::new();
    let [a, b] = l.add(['a', 'b']);
    l.schedule(a);
    l.poll_with(&|_| {
        l.schedule(a);
        l.schedule(a);
        l.delete(a);
    });
    assert_eq!(l.ran.take(), "a");
    assert_eq!(l.queue.count(), 2);
    l.schedule(b);
    assert_eq!(l.poll(), "b");
    assert_eq!(l.queue.count(), 1);
}

#[test]
fn a_doubted_one_is_not_freed_before_it_is_pushed() {
    let l = Loop::new();
    let [a] = l.add(['a']);
    // SAFETY: live.
    unsafe { l.queue.stop_before_push(a) };
    l.schedule(a);
    assert_eq!(l.queue.most_urgent(), Some(Urgency::Now));
    l.delete(a);
    assert_eq!(l.poll(), "");
    assert_eq!(l.queue.count(), 1, "the thread that goes on would write to freed memory");
}

#[test]
fn idle_ones_do_not_count_as_progress() {
    let l = Loop::new();
    let [a, b] = l.add(['a', 'b']);
    l.schedule_idle(a);
    assert_eq!(l.queue.most_urgent(), Some(Urgency::Idle));
    assert!(!l.poll_with(&|_| {}));
    assert_eq!(l.ran.take(), "a");
    // Scheduled both ways: the urgent one counts, whichever was first.
    assert!(l.schedule_idle(a) && l.schedule(a));
    assert!(l.schedule(b) && l.schedule_idle(b));
    assert_eq!(l.queue.most_urgent(), Some(Urgency::Now));
    assert!(l.poll_with(&|_| {}));
    assert_eq!(l.ran.take(), "ab");
    assert_eq!(l.queue.most_urgent(), None);
}

#[test]
fn a_deleted_one_never_runs_and_lives_until_no_poll_is_under_way() {
    let l = Loop::new();
    let [a, b, c] = l.add(['a', 'b', 'c']);
    l.schedule(b);
    l.delete(b);
    assert!(!l.schedule(b), "it is ignored");
    assert_eq!(l.queue.most_urgent(), None);
    assert_eq!(l.poll(), "");
    assert_eq!(l.queue.count(), 2);
    l.schedule(a);
    l.schedule(c);
    l.poll_with(&|letter| {
        if letter == 'a' {
            l.delete(a);
            l.delete(c);
            l.poll_with(&|_| {});
            assert_eq!(l.queue.count(), 2, "a callback is under way");
            assert!(!l.schedule(a) && !l.schedule(c));
            l.cancel(a);
            l.delete(a);
        }
    });
    assert_eq!(l.ran.take(), "a");
    assert_eq!(l.queue.count(), 0);
    assert_eq!(l.queue.most_urgent(), None);
}

#[test]
fn one_that_was_never_scheduled_is_freed_by_the_next_poll() {
    let l = Loop::new();
    for _ in 0..100 {
        let [a, b] = l.add(['a', 'b']);
        // SAFETY: not freed yet.
        assert_eq!(unsafe { (*b).task() }, &'b');
        l.delete(a);
        l.poll();
        l.delete(b);
    }
    l.poll();
    assert_eq!(l.queue.count(), 0);
}

#[test]
fn what_another_poll_has_begun_to_run_is_left_to_it() {
    let l = Loop::new();
    let [a, b] = l.add(['a', 'b']);
    l.schedule(a);
    let first = l.queue.begin().unwrap();
    l.schedule(b);
    let second = l.queue.begin().unwrap();
    let next = |pass| l.queue.take_turn(pass).map(|turn| turn.task);
    assert_eq!(next(first), Some('a'));
    assert_eq!(next(first), None);
    assert_eq!(next(second), Some('b'));
    assert_eq!(next(second), None);
}

#[test]
fn the_hint_of_an_urgent_one_holds_until_its_schedule_is_taken_back() {
    let l = Loop::new();
    let [a, b, c] = l.add(['a', 'b', 'c']);
    l.schedule_idle(b);
    assert!(!l.queue.has_urgent());
    l.schedule(a);
    l.cancel(b);
    l.cancel(c);
    assert!(l.queue.has_urgent(), "each turn of a busy loop would take the lock once more");
    l.cancel(a);
    assert!(!l.queue.has_urgent());
    assert_eq!(l.queue.most_urgent(), None, "the loop would not sleep");
}
