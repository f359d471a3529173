//! The lists of the program's main loop.

use aiocontext_fork::ForkMutex;

use crate::clock::Clock;
use crate::list_group::GroupRef;
use crate::timer_list::ListRef;
use crate::LIBRARY;

/// Makes the lists, at the first call. A child of a process that was here may find some of them.
pub(crate) fn make_lists(group: GroupRef<'static>) {
    /// Whether all are made. No `Once`: a child could find it in progress and wait.
    static MADE: ForkMutex<bool> = ForkMutex::new(false);
    let mut made = MADE.lock();
    if !*made {
        group.make_missing_lists();
        *made = true;
    }
}

/// The list of a clock; `function` is what the program has called.
pub(crate) fn list(group: GroupRef<'static>, clock: &Clock, function: &str) -> ListRef<'static> {
    group.find(clock).unwrap_or_else(|| {
        make_lists(group);
        group.find(clock).unwrap_or_else(|| {
            LIBRARY.misuse(format_args!("{function}: the main loop's lists have been freed"))
        })
    })
}
