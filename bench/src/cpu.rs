//! Which CPU a thread runs on.

use std::mem::{size_of, MaybeUninit};

/// Where waker and loop run.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Place {
    /// Both on one CPU.
    OneCpu,
    /// Each on a CPU of its own.
    TwoCpus,
}

impl Place {
    /// Moves the calling thread: the loop's if `first`, the waker's otherwise.
    pub fn take(self, first: bool) {
        let cpus = available();
        let cpu = match self {
            Self::OneCpu => cpus[0],
            Self::TwoCpus => cpus[usize::from(!first) % cpus.len()],
        };
        let mut set = empty();
        // SAFETY: a set that this function owns, and a number that fits in it.
        unsafe { libc::CPU_SET(cpu, &mut set) };
        // SAFETY: reads the set.
        let moved = unsafe { libc::sched_setaffinity(0, size_of::<libc::cpu_set_t>(), &set) };
        assert_eq!(moved, 0, "a thread may choose among its CPUs");
    }
}

/// The CPUs that this process may use, as it was started.
pub fn available() -> Vec<usize> {
    static AVAILABLE: std::sync::OnceLock<Vec<usize>> = std::sync::OnceLock::new();
    AVAILABLE
        .get_or_init(|| {
            let mut set = empty();
            // SAFETY: writes to the set, which is this function's.
            let got = unsafe { libc::sched_getaffinity(0, size_of::<libc::cpu_set_t>(), &mut set) };
            assert_eq!(got, 0, "a process may ask for its CPUs");
            // SAFETY: reads the set, with numbers that fit in it.
            (0..libc::CPU_SETSIZE as usize)
                .filter(|&cpu| unsafe { libc::CPU_ISSET(cpu, &set) })
                .collect()
        })
        .clone()
}

fn empty() -> libc::cpu_set_t {
    // SAFETY: a set of bits, none of which is set.
    unsafe { MaybeUninit::zeroed().assume_init() }
}
