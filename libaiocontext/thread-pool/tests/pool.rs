//! The pool under a loop that the test steps: bottom halves of its own, run when the test says so.
//!
//! Without the test harness, whose threads might hold a lock of the C library at a raw `clone`.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::RefCell;
use std::ffi::{c_int, c_void};
use std::ptr::null_mut;
use std::sync::atomic::{
    AtomicBool, AtomicI32, AtomicIsize, AtomicPtr, AtomicUsize,
    Ordering::{Relaxed, SeqCst},
};
use std::thread;

use aio_notify::abi::aio::QEMUBHFunc;
use aio_notify::abi::opaque::{ThreadPool, QEMUBH};
use aio_notify::abi::{AioContext, BlockAIOCB};
use aiocontext_fork::run_child_hooks;
use aiocontext_thread_pool::{thread_pool_free, thread_pool_new, thread_pool_submit_aio};

// `qemu_aio_get` and the like.
extern crate aiocontext_aiocb;

/// How many allocations there are, but for what is leaked on purpose.
static KEPT: AtomicIsize = AtomicIsize::new(0);

struct Counting;

// SAFETY: the system's own, counted.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        KEPT.fetch_add(1, SeqCst);
        // SAFETY: the same contract.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        KEPT.fetch_sub(1, SeqCst);
        // SAFETY: the same contract.
        unsafe { System.dealloc(memory, layout) };
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn leak<T>(value: T) -> &'static T {
    let leaked = Box::leak(Box::new(value));
    KEPT.fetch_sub(1, SeqCst);
    leaked
}

struct Bh {
    cb: QEMUBHFunc,
    opaque: *mut c_void,
    scheduled: AtomicBool,
    deleted: AtomicBool,
}

thread_local! {
    /// The bottom halves of this test; their memory stays.
    static BHS: RefCell<Vec<&'static Bh>> = const { RefCell::new(Vec::new()) };
    /// Called where the pool cancels a bottom half.
    static AT_CANCEL: RefCell<Option<Box<dyn FnOnce()>>> = const { RefCell::new(None) };
}

#[no_mangle]
extern "C" fn aio_bh_new(_: *mut AioContext, cb: QEMUBHFunc, opaque: *mut c_void) -> *mut QEMUBH {
    let (scheduled, deleted) = (AtomicBool::new(false), AtomicBool::new(false));
    let bh = leak(Bh { cb, opaque, scheduled, deleted });
    BHS.with_borrow_mut(|bhs| bhs.push(bh));
    std::ptr::from_ref(bh).cast_mut().cast()
}

fn bh<'a>(bh: *mut QEMUBH) -> &'a Bh {
    // SAFETY: made above, and never freed.
    unsafe { &*bh.cast::<Bh>() }
}

/// Suspends the next thread that is about to schedule a bottom half.
static HOLD: AtomicUsize = AtomicUsize::new(NOBODY);

const NOBODY: usize = 0;
const NEXT: usize = 1;
const HELD: usize = 2;

#[no_mangle]
extern "C" fn qemu_bh_schedule(scheduled: *mut QEMUBH) {
    if HOLD.compare_exchange(NEXT, HELD, SeqCst, SeqCst).is_ok() {
        wait_until(|| HOLD.load(SeqCst) == NOBODY);
    }
    assert!(!bh(scheduled).deleted.load(SeqCst), "scheduled after it was deleted");
    bh(scheduled).scheduled.store(true, SeqCst);
}

#[no_mangle]
extern "C" fn qemu_bh_cancel(cancelled: *mut QEMUBH) {
    if let Some(meanwhile) = AT_CANCEL.take() {
        meanwhile();
    }
    bh(cancelled).scheduled.store(false, SeqCst);
}

#[no_mangle]
extern "C" fn qemu_bh_delete(deleted: *mut QEMUBH) {
    bh(deleted).scheduled.store(false, SeqCst);
    bh(deleted).deleted.store(true, SeqCst);
}

/// Runs what is scheduled, once; false if nothing was.
fn turn() -> bool {
    let mut progress = false;
    for bh in BHS.with_borrow(Clone::clone) {
        if bh.scheduled.swap(false, SeqCst) {
            progress = true;
            // SAFETY: the pool's callback with its argument.
            unsafe { bh.cb.unwrap()(bh.opaque) };
        }
    }
    progress
}

fn is_scheduled() -> bool {
    BHS.with_borrow(|bhs| bhs.iter().any(|bh| bh.scheduled.load(SeqCst)))
}

fn wait_until(condition: impl Fn() -> bool) {
    while !condition() {
        thread::yield_now();
    }
}

/// Turns the loop until the condition holds.
fn turn_until(condition: impl Fn() -> bool) {
    wait_until(|| condition() || !turn() && condition());
}

/// A request: held back in its work until `may_end`.
struct Request {
    started: AtomicUsize,
    may_end: AtomicBool,
    reported: AtomicUsize,
    result: AtomicI32,
    acb: AtomicPtr<BlockAIOCB>,
}

const RESULT: i32 = 42;

unsafe extern "C" fn work(opaque: *mut c_void) -> c_int {
    // SAFETY: a request that lives as long as the test.
    let request = unsafe { &*opaque.cast::<Request>() };
    request.started.fetch_add(1, SeqCst);
    wait_until(|| request.may_end.load(SeqCst));
    RESULT
}

unsafe extern "C" fn report(opaque: *mut c_void, result: c_int) {
    // SAFETY: a request that lives as long as the test.
    let request = unsafe { &*opaque.cast::<Request>() };
    request.reported.fetch_add(1, SeqCst);
    request.result.store(result, SeqCst);
}

fn new_pool() -> *mut ThreadPool {
    // SAFETY: the context is only handed to the functions above.
    unsafe { thread_pool_new(std::ptr::dangling_mut()) }
}

fn free(pool: *mut ThreadPool) {
    // SAFETY: from `new_pool`, and not in use any more.
    unsafe { thread_pool_free(pool) };
    let of_pool = |bh: &&&Bh| bh.opaque == pool.cast();
    let bhs = BHS.with_borrow(Clone::clone);
    assert!(bhs.iter().filter(of_pool).all(|bh| bh.deleted.load(SeqCst)));
    BHS.with_borrow_mut(|bhs| bhs.retain(|bh| bh.opaque != pool.cast()));
}

fn submit(pool: *mut ThreadPool, blocks: bool) -> &'static Request {
    let request = leak(Request {
        started: AtomicUsize::new(0),
        may_end: AtomicBool::new(!blocks),
        reported: AtomicUsize::new(0),
        result: AtomicI32::new(0),
        acb: AtomicPtr::new(null_mut()),
    });
    let opaque = std::ptr::from_ref(request).cast_mut().cast();
    // SAFETY: a live pool, functions and their argument.
    let acb = unsafe { thread_pool_submit_aio(pool, Some(work), opaque, Some(report), opaque) };
    request.acb.store(acb, SeqCst);
    request
}

impl Request {
    fn reported(&self) -> usize {
        self.reported.load(SeqCst)
    }

    fn is_reported_with(&self, result: i32) -> bool {
        self.reported() == 1 && self.result.load(SeqCst) == result
    }

    fn starts(&self) -> usize {
        self.started.load(SeqCst)
    }

    fn end(&self) {
        self.may_end.store(true, SeqCst);
    }

    fn cancel(&self) {
        let acb = self.acb.load(Relaxed);
        // SAFETY: a live request: it is not reported yet.
        let info = unsafe { (*acb).aiocb_info };
        // SAFETY: the component's own.
        let cancel = unsafe { (*info).cancel_async }.unwrap();
        // SAFETY: as above.
        unsafe { cancel(acb) };
    }
}

/// A pool with one worker, which is idle.
fn pool_with_a_worker() -> *mut ThreadPool {
    let pool = new_pool();
    let first = submit(pool, false);
    assert_eq!(first.starts(), 0);
    turn_until(|| first.reported() == 1);
    while turn() {}
    pool
}

/// Also not what its worker has, which ends when the pool does.
fn a_freed_pool_leaves_no_memory() {
    const POOLS: isize = 32;
    let before = KEPT.load(SeqCst);
    for _ in 0..POOLS {
        free(pool_with_a_worker());
    }
    // SAFETY: ends a test that hangs.
    unsafe { libc::alarm(120) };
    // Some are made once, at the first use.
    wait_until(|| KEPT.load(SeqCst) < before + POOLS);
    // SAFETY: as above.
    unsafe { libc::alarm(0) };
}

fn the_first_worker_is_started_by_the_loop() {
    let pool = new_pool();
    let request = submit(pool, false);
    assert!(is_scheduled());
    turn_until(|| request.reported() == 1);
    assert!(request.is_reported_with(RESULT));
    free(pool);
}

fn a_start_that_nobody_wants_any_more_is_forgotten() {
    let pool = new_pool();
    let request = submit(pool, false);
    request.cancel();
    turn_until(|| request.reported() == 1);
    assert!(request.is_reported_with(-libc::ECANCELED));
    assert_eq!(request.starts(), 0);
    free(pool);
    // A pool that has forgotten one starts another.
    let pool = new_pool();
    let request = submit(pool, false);
    request.cancel();
    turn_until(|| request.reported() == 1);
    let wanted = submit(pool, false);
    wanted.cancel();
    turn_until(|| wanted.reported() == 1);
    free(pool);
}

/// The loop looks at what is done, a worker ends a request and schedules the bottom half, the loop
/// cancels it.
fn what_ends_while_the_loop_cancels_the_bottom_half_is_reported() {
    let pool = pool_with_a_worker();
    let late = submit(pool, true);
    wait_until(|| late.starts() == 1);
    // Two that are done at once, so that the second is scheduled for and cancelled.
    let pair = [submit(pool, false), submit(pool, false)];
    pair.iter().for_each(|request| request.cancel());
    AT_CANCEL.set(Some(Box::new(|| {
        // The loop's own schedule must not be taken for the worker's.
        BHS.with_borrow(|bhs| bhs.iter().for_each(|bh| bh.scheduled.store(false, SeqCst)));
        late.end();
        wait_until(is_scheduled);
    })));
    while turn() {}
    assert!(AT_CANCEL.take().is_none(), "nothing was cancelled");
    assert!(pair.iter().all(|request| request.is_reported_with(-libc::ECANCELED)));
    assert!(late.is_reported_with(RESULT));
    free(pool);
}

fn a_submission_does_not_depend_on_another() {
    let pool = new_pool();
    HOLD.store(NEXT, SeqCst);
    thread::scope(|scope| {
        let address = pool.expose_provenance();
        let first =
            scope.spawn(move || submit(std::ptr::with_exposed_provenance_mut(address), false));
        wait_until(|| HOLD.load(SeqCst) == HELD);
        assert!(!is_scheduled());
        let second = submit(pool, false);
        turn_until(|| second.reported() == 1);
        HOLD.store(NOBODY, SeqCst);
        let first = first.join().unwrap();
        turn_until(|| first.reported() == 1);
    });
    while turn() {}
    free(pool);
}

fn a_completion_does_not_depend_on_another() {
    let pool = new_pool();
    let pair = [submit(pool, true), submit(pool, true)];
    turn_until(|| pair.iter().all(|request| request.starts() == 1));
    while turn() {}
    HOLD.store(NEXT, SeqCst);
    pair[0].end();
    wait_until(|| HOLD.load(SeqCst) == HELD);
    assert!(!is_scheduled());
    pair[1].end();
    turn_until(|| pair[1].reported() == 1);
    HOLD.store(NOBODY, SeqCst);
    turn_until(|| pair[0].reported() == 1);
    free(pool);
}

/// Runs `f` in a child; true if it returned true.
fn holds_in_child(raw: bool, f: impl FnOnce() -> bool) -> bool {
    let child = if raw {
        let (signal, none) = (libc::c_long::from(libc::SIGCHLD), 0 as libc::c_long);
        // SAFETY: with no flags it is a fork; all other arguments are unused then.
        let child = unsafe { libc::syscall(libc::SYS_clone, signal, none, none, none, none) };
        libc::pid_t::try_from(child).unwrap()
    } else {
        // SAFETY: the child uses the pool and ends.
        unsafe { libc::fork() }
    };
    assert!(child >= 0);
    if child == 0 {
        // SAFETY: ends a child that hangs.
        unsafe { libc::alarm(60) };
        let status = i32::from(!f());
        // SAFETY: ends the child at once.
        unsafe { libc::_exit(status) };
    }
    let mut status = 0;
    // SAFETY: a child of this process.
    unsafe { libc::waitpid(child, &mut status, 0) };
    status == 0
}

/// A pool with a request in each state.
struct InFlight {
    pool: *mut ThreadPool,
    done: &'static Request,
    running: &'static Request,
    queued: &'static Request,
}

impl InFlight {
    fn new() -> Self {
        let pool = pool_with_a_worker();
        let done = submit(pool, false);
        wait_until(is_scheduled);
        // The worker takes the next one after it has ended this one.
        let running = submit(pool, true);
        wait_until(|| running.starts() == 1);
        let queued = submit(pool, false);
        // The only worker is busy, and the loop does not turn.
        assert_eq!(queued.starts(), 0);
        Self { pool, done, running, queued }
    }

    /// What a child must find when it has turned its loop.
    fn child_ends(&self) -> bool {
        turn_until(|| self.queued.reported() == 1 && self.running.reported() == 1);
        while turn() {}
        let last = submit(self.pool, false);
        turn_until(|| last.reported() == 1);
        free(self.pool);
        self.done.is_reported_with(RESULT)
            && self.running.is_reported_with(-libc::ECANCELED)
            && self.queued.is_reported_with(RESULT)
            && self.queued.starts() == 1
            && last.is_reported_with(RESULT)
    }

    /// What the parent must find after its children have ended.
    fn parent_ends(self) {
        assert_eq!(self.queued.reported() + self.running.reported() + self.done.reported(), 0);
        self.running.end();
        turn_until(|| self.queued.reported() + self.running.reported() == 2);
        for request in [self.done, self.running, self.queued] {
            assert!(request.is_reported_with(RESULT));
            assert_eq!(request.starts(), 1);
        }
        free(self.pool);
    }
}

fn a_child_that_only_polls_ends_its_parents_requests() {
    let requests = InFlight::new();
    assert!(holds_in_child(false, || requests.child_ends()));
    assert!(holds_in_child(true, || {
        run_child_hooks();
        requests.child_ends()
    }));
    requests.parent_ends();
}

/// The parent's loop has nothing to do, so only the fork itself has the child's loop look.
fn a_child_is_told_of_requests_that_run_at_the_fork() {
    let pool = pool_with_a_worker();
    let running = submit(pool, true);
    wait_until(|| running.starts() == 1);
    assert!(!is_scheduled());
    let cancels = || {
        turn_until(|| running.reported() == 1);
        free(pool);
        running.is_reported_with(-libc::ECANCELED)
    };
    assert!(holds_in_child(false, cancels));
    assert!(holds_in_child(true, || {
        run_child_hooks();
        cancels()
    }));
    assert!(!is_scheduled());
    running.end();
    turn_until(|| running.reported() == 1);
    while turn() {}
    // With nothing in flight there is nothing to tell.
    assert!(holds_in_child(false, || !is_scheduled()));
    free(pool);
}

fn a_grandchild_ends_its_grandparents_requests() {
    let requests = InFlight::new();
    assert!(holds_in_child(false, || holds_in_child(false, || requests.child_ends())));
    // With a child in between that has made its own workers.
    assert!(holds_in_child(false, || {
        while turn() {}
        turn_until(|| requests.queued.reported() == 1);
        let running = submit(requests.pool, true);
        turn_until(|| running.starts() == 1);
        let queued = submit(requests.pool, false);
        queued.cancel();
        while turn() {}
        let in_grandchild = holds_in_child(false, || {
            while turn() {}
            let last = submit(requests.pool, false);
            turn_until(|| last.reported() == 1);
            free(requests.pool);
            running.is_reported_with(-libc::ECANCELED) && last.is_reported_with(RESULT)
        });
        running.end();
        turn_until(|| running.reported() == 1);
        free(requests.pool);
        in_grandchild && running.is_reported_with(RESULT)
    }));
    requests.parent_ends();
}

fn a_child_of_which_nobody_is_told_uses_its_parents_pool() {
    let requests = InFlight::new();
    // It submits first.
    assert!(holds_in_child(true, || {
        let first = submit(requests.pool, false);
        turn_until(|| first.reported() == 1);
        requests.child_ends()
    }));
    // It cancels first.
    assert!(holds_in_child(true, || {
        requests.running.cancel();
        requests.queued.cancel();
        turn_until(|| requests.queued.reported() == 1);
        while turn() {}
        free(requests.pool);
        requests.done.is_reported_with(RESULT)
            && requests.running.is_reported_with(-libc::ECANCELED)
            && requests.queued.is_reported_with(-libc::ECANCELED)
            && requests.queued.starts() == 0
    }));
    // It has no use for the pool.
    assert!(holds_in_child(true, || {
        free(requests.pool);
        !is_scheduled() && requests.done.reported() + requests.queued.reported() == 0
    }));
    requests.parent_ends();
}

unsafe extern "C" fn fork_and_report(opaque: *mut c_void, result: c_int) {
    // SAFETY: the same contract.
    unsafe { report(opaque, result) };
    FORKED.store(true, SeqCst);
    // SAFETY: the child goes on in its loop and ends.
    let child = unsafe { libc::fork() };
    CHILD.store(child, SeqCst);
}

static FORKED: AtomicBool = AtomicBool::new(false);
static CHILD: AtomicI32 = AtomicI32::new(-1);

/// The child goes on with its loop where the callback was called.
fn a_callback_may_fork() {
    let pool = pool_with_a_worker();
    let running = submit(pool, true);
    wait_until(|| running.starts() == 1);
    let pair = [submit(pool, false), submit(pool, false)];
    pair.iter().for_each(|request| request.cancel());
    let forks = pair[0].acb.load(SeqCst);
    // SAFETY: a live request that nobody else has; its callback is replaced.
    unsafe { (*forks).cb = Some(fork_and_report) };
    turn_until(|| FORKED.load(SeqCst));
    while turn() {}
    if CHILD.load(SeqCst) == 0 {
        // SAFETY: ends a child that hangs.
        unsafe { libc::alarm(60) };
        turn_until(|| running.reported() == 1);
        let last = submit(pool, false);
        turn_until(|| last.reported() == 1);
        free(pool);
        let holds = running.is_reported_with(-libc::ECANCELED)
            && pair.iter().all(|request| request.is_reported_with(-libc::ECANCELED));
        // SAFETY: ends the child at once.
        unsafe { libc::_exit(i32::from(!holds)) };
    }
    let mut status = 0;
    // SAFETY: a child of this process.
    unsafe { libc::waitpid(CHILD.load(SeqCst), &mut status, 0) };
    assert_eq!(status, 0);
    assert!(pair.iter().all(|request| request.is_reported_with(-libc::ECANCELED)));
    running.end();
    turn_until(|| running.reported() == 1);
    free(pool);
}

macro_rules! run {
    ($($test:ident)*) => {
        fn main() {
            $(
                $test();
                println!("ok {}", stringify!($test));
            )*
        }
    };
}

run! {
    a_freed_pool_leaves_no_memory
    the_first_worker_is_started_by_the_loop
    a_start_that_nobody_wants_any_more_is_forgotten
    what_ends_while_the_loop_cancels_the_bottom_half_is_reported
    a_submission_does_not_depend_on_another
    a_completion_does_not_depend_on_another
    a_child_that_only_polls_ends_its_parents_requests
    a_child_is_told_of_requests_that_run_at_the_fork
    a_grandchild_ends_its_grandparents_requests
    a_child_of_which_nobody_is_told_uses_its_parents_pool
    a_callback_may_fork
}
