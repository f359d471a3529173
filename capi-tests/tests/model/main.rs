//! Random sequences of calls against a small model of what each must return and leave behind in
//! the kernel's object: one after the other, from several threads and from signal handlers, and
//! all at the same time.

mod context;
mod history;
mod workers;

use std::ffi::c_int;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};

use proptest::prelude::*;

use context::{Call, Shared, CALLS};
use history::{has_an_order, run_together};
use workers::Workers;

/// A step of a sequence that is run one after the other.
#[derive(Clone, Copy, Debug)]
enum Step {
    /// By one of the threads, or in a signal handler that interrupts it.
    Call {
        call: Call,
        thread: usize,
        in_handler: bool,
    },
    /// Somebody begins to poll (2) or the GSource is prepared (1), or ends.
    Polling(u32),
    /// The notifier is closed and opened again, or twice.
    Cleanup,
    Init {
        active: bool,
    },
}

/// What the calls must do.
#[derive(Default)]
struct Model {
    open: bool,
    count: u64,
    notify_me: u32,
    notified: bool,
}

impl Model {
    fn call(&mut self, call: Call) -> c_int {
        match call {
            Call::Set if !self.open => return -libc::EBADF,
            Call::Set => self.count += 1,
            Call::TestAndClear => return c_int::from(std::mem::take(&mut self.count) > 0),
            Call::Notify if self.notify_me != 0 => {
                self.notified = true;
                self.count += u64::from(self.open);
            }
            Call::Notify => {}
            Call::Accept => {
                if std::mem::take(&mut self.notified) {
                    self.count = 0;
                }
            }
        }
        0
    }
}

fn any_call() -> impl Strategy<Value = Call> {
    prop::sample::select(CALLS.to_vec())
}

fn any_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        12 => (any_call(), 0..3usize, any::<bool>())
            .prop_map(|(call, thread, in_handler)| Step::Call { call, thread, in_handler }),
        4 => (0..5u32).prop_map(Step::Polling),
        1 => Just(Step::Cleanup),
        2 => any::<bool>().prop_map(|active| Step::Init { active }),
    ]
}

/// The handler's statics are shared by the tests of this file.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 400,
        failure_persistence: Some(Box::new(
            proptest::test_runner::FileFailurePersistence::Direct(concat!(
                env!("CARGO_MANIFEST_DIR"), "/tests/model/regressions.txt"))
        )),
        ..ProptestConfig::default()
    })]

    #[test]
    fn one_call_after_the_other(steps in prop::collection::vec(any_step(), 1..60)) {
        let _one = ONE_AT_A_TIME.lock().unwrap_or_else(|e| e.into_inner());
        let shared = Arc::new(Shared::new());
        prop_assert_eq!(shared.init(false), 0);
        let mut model = Model { open: true, ..Model::default() };
        let workers = Workers::new(&shared);
        for step in steps {
            match step {
                Step::Call { call, thread, in_handler } => {
                    // A failed wakeup would be said on stderr; the C tests look at that.
                    if call == Call::Notify && !model.open {
                        continue;
                    }
                    prop_assert_eq!(workers.run(thread, call, in_handler), model.call(call));
                }
                Step::Polling(value) => {
                    shared.notify_me().store(value, Ordering::SeqCst);
                    model.notify_me = value;
                }
                Step::Cleanup => {
                    shared.cleanup();
                    model.open = false;
                    model.count = 0;
                }
                Step::Init { active } => {
                    shared.cleanup();
                    prop_assert_eq!(shared.init(active), 0);
                    model.open = true;
                    model.count = u64::from(active);
                }
            }
            prop_assert_eq!(shared.notified(), model.notified);
            prop_assert_eq!(shared.notify_me().load(Ordering::SeqCst), model.notify_me);
            if model.open {
                prop_assert_eq!(shared.count(), model.count);
            } else {
                prop_assert_eq!(shared.fd(), -1);
            }
        }
    }

    #[test]
    fn notifies_and_accepts_at_the_same_time(
        threads in prop::collection::vec(
            prop::collection::vec(prop::sample::select(&CALLS[2..]), 1..8), 2..4),
    ) {
        let shared = Shared::new();
        prop_assert_eq!(shared.init(false), 0);
        shared.notify_me().store(2, Ordering::SeqCst);
        run_together(&shared, &threads);
        prop_assert!(shared.count() == 0 || shared.notified(), "the event stays full");
        shared.call(Call::Accept);
        prop_assert_eq!(shared.count(), 0);
        prop_assert!(!shared.notified());
    }

    #[test]
    fn sets_and_clears_have_an_order(
        threads in prop::collection::vec(
            prop::collection::vec(prop::sample::select(&CALLS[..2]), 1..5), 2..4),
    ) {
        let shared = Shared::new();
        prop_assert_eq!(shared.init(false), 0);
        let history = run_together(&shared, &threads);
        let full = shared.count() > 0;
        prop_assert!(has_an_order(&history, full), "no order explains {:?}", history);
    }
}
