//! The rows of the table that criterion measures, with what they must reach.

use std::time::Duration;

use crate::cpu::Place;
use crate::measure;
use crate::peer::Peer;

/// What has to hold for our figure in a row.
#[derive(Clone, Copy)]
pub struct Limit {
    /// Which of our columns.
    pub ours: &'static str,
    /// At most so many times the figure of the other column.
    pub ratio: f64,
    /// The other column.
    pub of: &'static str,
}

/// A row: something that a program does.
pub struct Row {
    /// Name of the group for criterion, and of the plot.
    pub id: &'static str,
    /// Its heading.
    pub title: &'static str,
    /// Does it so many times.
    pub run: fn(Peer, u64) -> Duration,
    /// Needs somebody asleep, and plays that without a thread.
    pub armed: bool,
    /// What our figure must reach.
    pub limit: Option<Limit>,
    /// What the figures do not say, and what peers that are faster give up for it.
    pub note: &'static str,
}

const POLLS: &str =
    "The event libraries have no such call: theirs is a turn of the whole loop that \
    does not sleep, with its poll.";

const NO_THREAD: &str =
    "libev and libevent write only while a thread is in their loop, which this row has not.";

const COALESCES: &str = "libuv, libev, libevent and polling keep a flag of their own and write \
    nothing while it is set. What they give up: the flag has to be cleared by their own loop, which \
    alone empties the event, so none of them can serve a loop that the program brings along. With \
    this ABI the loop is the program's, and a write that is spared because `notified` is set is a \
    lost wakeup (the models show it).";

/// All rows, in their order.
pub const ROWS: &[Row] = &[
    Row {
        id: "notify-idle",
        title: "notify, nobody asleep",
        run: measure::notify_idle,
        armed: false,
        limit: Some(Limit { ratio: 1.05, of: "C reference", ours: "ours" }),
        note: "libev and libevent know too whether a thread is in their loop; the others write.",
    },
    Row {
        id: "notify-armed",
        title: "notify, somebody asleep",
        run: measure::notify_armed,
        armed: true,
        limit: None,
        note: NO_THREAD,
    },
    Row {
        id: "notify-pending",
        title: "notify, already notified",
        run: measure::notify_pending,
        armed: true,
        limit: None,
        note: COALESCES,
    },
    Row {
        id: "accept-nothing",
        title: "accept, nothing notified",
        run: measure::accept_nothing,
        armed: false,
        limit: Some(Limit { ratio: 0.25, of: "C reference", ours: "ours inline" }),
        note: POLLS,
    },
    Row {
        id: "notify-accept",
        title: "notify and accept",
        run: measure::notify_and_accept,
        armed: true,
        limit: Some(Limit { ratio: 1.1, of: "C reference", ours: "ours" }),
        note: POLLS,
    },
    Row {
        id: "producers-1",
        title: "1 producer at full speed",
        run: |peer, times| measure::producers(peer, 1, times),
        armed: false,
        limit: None,
        note: COALESCES,
    },
    Row {
        id: "producers-2",
        title: "2 producers",
        run: |peer, times| measure::producers(peer, 2, times),
        armed: false,
        limit: None,
        note: "As with one producer.",
    },
    Row {
        id: "producers-4",
        title: "4 producers",
        run: |peer, times| measure::producers(peer, 4, times),
        armed: false,
        limit: None,
        note: "As with one producer.",
    },
    Row {
        id: "producers-8",
        title: "8 producers",
        run: |peer, times| measure::producers(peer, 8, times),
        armed: false,
        limit: None,
        note: "As with one producer.",
    },
    Row {
        id: "ping-pong-1",
        title: "round trip of two loops, one CPU",
        run: |peer, times| measure::ping_pong(peer, Place::OneCpu, times),
        armed: false,
        limit: Some(Limit { ratio: 1.5, of: "eventfd", ours: "ours" }),
        note: "The C reference busy-loops until the waker's time slice ends.",
    },
    Row {
        id: "ping-pong-2",
        title: "round trip of two loops, two CPUs",
        run: |peer, times| measure::ping_pong(peer, Place::TwoCpus, times),
        armed: false,
        limit: Some(Limit { ratio: 1.5, of: "eventfd", ours: "ours" }),
        note: "",
    },
];
