//! Which thread waits for whose callbacks, so that threads do not wait for each other.
//!
//! A callback may stop a clock, and then waits for the callbacks of that clock's timers. If one of them
//! waits for the first, directly or through others, none of them returns: a deadlock. So each thread
//! records what it is about to wait for, after it has looked for a path from there back to itself. A
//! waiting thread stays within what it is in, so the paths through it stay: the thread that would close
//! a cycle finds it.

use core::mem::ManuallyDrop;
use std::sync::Arc;

use aiocontext_fork::{generation, ForkMutex, ForkMutexGuard};

use crate::running_threads::{Thread, Within};

/// What threads can be within: a list.
pub(crate) trait Occupied: Send + Sync {
    /// The threads but `thread` that are within something of it.
    fn threads_within(&self, within: Within, thread: Thread) -> Vec<Thread>;
}

/// A thread that waits for all others that are within something of a list.
struct Wait {
    thread: Thread,
    list: Arc<dyn Occupied>,
    within: Within,
    /// Those that it does not wait for.
    except: Vec<Thread>,
}

struct Waits {
    /// The process whose threads they are.
    generation: u32,
    /// Not dropped in a child, where the threads are gone: it may be half changed.
    all: ManuallyDrop<Vec<Wait>>,
}

/// Held for moments, but before the lock of any list.
static WAITS: ForkMutex<Waits> =
    ForkMutex::new(Waits { generation: 0, all: ManuallyDrop::new(Vec::new()) });

fn lock() -> ForkMutexGuard<'static, Waits> {
    let mut waits = WAITS.lock();
    let generation = generation();
    // One that was broken is also of another generation.
    if waits.generation != generation {
        waits.all = ManuallyDrop::new(Vec::new());
        waits.generation = generation;
    }
    waits
}

impl Waits {
    /// Whether `from` waits for `to`, or for a thread that does, and so on.
    fn lead(&self, from: Thread, to: Thread) -> bool {
        let mut seen = vec![from];
        let mut next = 0;
        while let Some(&thread) = seen.get(next) {
            next += 1;
            let Some(wait) = self.all.iter().find(|wait| wait.thread == thread) else { continue };
            for other in wait.list.threads_within(wait.within, thread) {
                if wait.except.contains(&other) {
                    continue;
                }
                if other == to {
                    return true;
                }
                if !seen.contains(&other) {
                    seen.push(other);
                }
            }
        }
        false
    }
}

/// Records that `thread`, the calling one, is about to wait until no other is within something of the
/// list. Returns those that it must not wait for, because they wait for it.
pub(crate) fn begin(thread: Thread, list: Arc<dyn Occupied>, within: Within) -> Vec<Thread> {
    let mut waits = lock();
    let others = list.threads_within(within, thread);
    let except: Vec<_> = others.into_iter().filter(|&other| waits.lead(other, thread)).collect();
    waits.all.push(Wait { thread, list, within, except: except.clone() });
    except
}

/// Undoes [`begin`].
pub(crate) fn end(thread: Thread) {
    let mut waits = lock();
    let wait = waits.all.iter().position(|wait| wait.thread == thread);
    let wait = wait.map(|wait| waits.all.swap_remove(wait));
    drop(waits);
    // With nothing held: it may be the list's last reference.
    drop(wait);
}
