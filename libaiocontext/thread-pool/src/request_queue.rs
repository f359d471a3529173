//! The queue of requests, and how many workers it summons.
//!
//! One thread at a time is on its way to the queue, woken or new. When it takes a request and finds
//! more, it summons the next. So a burst of short requests does not cost a wakeup each, and requests
//! that block still get a thread each, up to [`MOST`]. For every [`TRUSTED`] requests that wait another
//! thread is woken: the first may be suspended before it comes.

use std::collections::BTreeMap;
use std::mem;

use crate::request::Request;

/// How many workers a pool has at most, as in the reference.
const MOST: usize = 64;

/// How many requests one woken worker is trusted with.
const TRUSTED: usize = 64;

#[derive(Default)]
pub(crate) struct Queue {
    /// In the order in which they came.
    pub(crate) requests: BTreeMap<u64, Request>,
    pub(crate) next_place: u64,
    /// How many threads there are, one that is being started included.
    pub(crate) workers: usize,
    /// How many of them wait.
    pub(crate) waiting: usize,
    /// How many of those have been woken. At most as many as wait.
    pub(crate) woken: usize,
    /// Whether a thread is being started, and has not come to the queue.
    pub(crate) starting: bool,
    /// Whether the bottom half is to start it.
    pub(crate) wanted: bool,
    pub(crate) ending: bool,
}

/// What the caller does once it has released the lock, so that a worker comes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Summon {
    Nobody,
    Waiting,
    New,
}

impl Queue {
    pub(crate) fn push(&mut self, request: Request) {
        request.set_place(self.next_place);
        self.requests.insert(self.next_place, request);
        self.next_place += 1;
    }

    /// Summons one more thread if there is more work than threads have been woken for.
    pub(crate) fn summon(&mut self) -> Summon {
        if self.requests.len().div_ceil(TRUSTED) <= self.woken {
            Summon::Nobody
        } else if self.woken < self.waiting {
            self.woken += 1;
            Summon::Waiting
        } else if self.starting || self.workers == MOST {
            // The next one to come finds it.
            Summon::Nobody
        } else {
            self.starting = true;
            self.workers += 1;
            Summon::New
        }
    }

    /// The same for a thread that may start others; it does not leave that to the loop.
    pub(crate) fn summon_from_worker(&mut self) -> Summon {
        let summon = self.summon();
        let alone = !self.requests.is_empty() && self.woken == 0;
        if summon == Summon::Nobody && alone && mem::take(&mut self.wanted) {
            return Summon::New;
        }
        summon
    }

    /// The thread that was being started does not come.
    pub(crate) fn forget_start(&mut self) {
        self.starting = false;
        self.workers -= 1;
    }
}
