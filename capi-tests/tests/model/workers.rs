//! Threads that make calls, themselves or in a signal handler that interrupts them.

use std::ffi::c_int;
use std::ptr::null_mut;
use std::sync::atomic::{AtomicI32, AtomicPtr, AtomicUsize, Ordering};
use std::sync::{mpsc, Arc};
use std::thread;

use crate::context::{Call, Shared, CALLS};

/// Threads that run what they are given, one thing at a time.
pub(crate) struct Workers(Vec<mpsc::Sender<Job>>);

type Job = (Call, bool, mpsc::Sender<c_int>);

impl Workers {
    pub(crate) fn new(shared: &Arc<Shared>) -> Self {
        Self(
            (0..3)
                .map(|_| {
                    let (sender, jobs) = mpsc::channel::<Job>();
                    let shared = shared.clone();
                    thread::spawn(move || {
                        for (call, in_handler, answer) in jobs {
                            let result = if in_handler {
                                in_signal_handler(&shared, call)
                            } else {
                                shared.call(call)
                            };
                            answer.send(result).unwrap();
                        }
                    });
                    sender
                })
                .collect(),
        )
    }

    pub(crate) fn run(&self, thread: usize, call: Call, in_handler: bool) -> c_int {
        let (answer, result) = mpsc::channel();
        self.0[thread % self.0.len()].send((call, in_handler, answer)).unwrap();
        result.recv().unwrap()
    }
}

/// The call that the handler makes, and where it leaves the result.
static HANDLED: AtomicPtr<Shared> = AtomicPtr::new(null_mut());
static HANDLED_CALL: AtomicUsize = AtomicUsize::new(0);
static HANDLED_RESULT: AtomicI32 = AtomicI32::new(0);

extern "C" fn handler(_signal: c_int) {
    // SAFETY: set before the signal is raised; the context outlives it.
    let shared = unsafe { &*HANDLED.load(Ordering::SeqCst) };
    let result = shared.call(CALLS[HANDLED_CALL.load(Ordering::SeqCst)]);
    HANDLED_RESULT.store(result, Ordering::SeqCst);
}

/// Makes the call in a signal handler of this thread.
fn in_signal_handler(shared: &Shared, call: Call) -> c_int {
    let index = CALLS.iter().position(|&other| other == call).unwrap();
    HANDLED.store(std::ptr::from_ref(shared).cast_mut(), Ordering::SeqCst);
    HANDLED_CALL.store(index, Ordering::SeqCst);
    // SAFETY: the handler only calls what is allowed in one.
    unsafe { libc::signal(libc::SIGUSR1, handler as extern "C" fn(c_int) as libc::sighandler_t) };
    // SAFETY: takes a number; the handler has run when it returns.
    assert_eq!(unsafe { libc::raise(libc::SIGUSR1) }, 0);
    HANDLED_RESULT.load(Ordering::SeqCst)
}
