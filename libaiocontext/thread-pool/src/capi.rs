//! The functions that C programs call, under their C names.

use std::cell::Cell;
use std::ffi::{c_int, c_void};
use std::ptr::{self, NonNull};

use aio_notify::abi::aio::BlockCompletionFunc;
use aio_notify::abi::opaque::ThreadPool;
use aio_notify::abi::thread_pool::ThreadPoolFunc;
use aio_notify::abi::{AIOCBInfo, AioContext, BlockAIOCB};
use aio_notify::argument;
use aio_notify::ffi::{ContextRef, View};
use aiocontext_weak_imports::{
    coroutine_enter, coroutine_self, coroutine_yield, in_coroutine, Coroutine,
};

use crate::import::qemu_aio_get;
use crate::pool::Pool;
use crate::request::{Element, Request};
use crate::LIBRARY;

/// The kind of a pool's requests.
static INFO: AIOCBInfo = AIOCBInfo {
    cancel_async: Some(cancel_async),
    get_aio_context: Some(get_aio_context),
    aiocb_size: size_of::<Element>(),
};

unsafe extern "C" fn cancel_async(acb: *mut BlockAIOCB) {
    let request = argument!(LIBRARY, cancel_async(acb): Request);
    Pool::of(request).cancel(request);
}

unsafe extern "C" fn get_aio_context(acb: *mut BlockAIOCB) -> *mut AioContext {
    Pool::of(argument!(LIBRARY, get_aio_context(acb): Request)).context().as_ptr()
}

/// Makes a pool whose completions run in the loop of `ctx`. In a program with
/// `qemu_get_aio_context()`, NULL stands for that context. The pool starts no threads until there
/// is work for them.
///
/// # Returns
///
/// The pool, never NULL.
///
/// # Threads
///
/// Any thread; not signal handlers.
///
/// # Safety
///
/// `ctx` must live until `thread_pool_free()`; NULL aborts in a program without
/// `qemu_get_aio_context()`.
#[no_mangle]
pub unsafe extern "C" fn thread_pool_new(ctx: *mut AioContext) -> *mut ThreadPool {
    // SAFETY: a live context by this function's contract.
    let ctx = NonNull::new(ctx).map(|ctx| unsafe { ContextRef::new(ctx) });
    let ctx = ctx.or_else(aiocontext_weak_imports::main_context);
    let ctx = ctx.unwrap_or_else(|| LIBRARY.null("thread_pool_new", "ctx"));
    Pool::new(ctx).as_ptr().cast()
}

/// Waits for the workers and frees the pool; NULL does nothing. No request may be pending (aborts).
/// In a child process that has not used the pool, the parent's requests may be pending; they are
/// not completed.
///
/// # Threads
///
/// Any thread, while nobody uses the pool except its own requests and callbacks; not signal
/// handlers.
///
/// # Safety
///
/// `pool` must be NULL or a pool that nobody uses any more.
#[no_mangle]
pub unsafe extern "C" fn thread_pool_free(pool: *mut ThreadPool) {
    if let Some(pool) = NonNull::new(pool.cast::<Pool>()) {
        // SAFETY: the same contract.
        unsafe { Pool::free(pool) };
    }
}

/// Makes and submits a request.
///
/// # Safety
///
/// As for [`thread_pool_submit_aio`].
unsafe fn submit(
    pool: &Pool,
    func: ThreadPoolFunc,
    arg: *mut c_void,
    cb: BlockCompletionFunc,
    opaque: *mut c_void,
    function: &str,
) -> *mut BlockAIOCB {
    if func.is_none() {
        LIBRARY.null(function, "func");
    }
    // SAFETY: the info lives as long as the program.
    let acb = unsafe { qemu_aio_get(&raw const INFO, ptr::null_mut(), cb, opaque) };
    let acb = LIBRARY.not_null(acb.cast::<BlockAIOCB>(), "qemu_aio_get", "request");
    // SAFETY: memory for a request, with one reference.
    let request = unsafe { Request::new(acb) };
    request.init(pool.pointer(), func, arg);
    pool.submit(request);
    acb.as_ptr()
}

/// Runs `func(arg)` on a worker, then `cb(opaque, ret)` in the context's loop, where `ret` is what
/// `func` returned. The loop must run for the first worker to start.
///
/// The request's `aiocb_info->cancel_async` cancels it if no worker has started it: the loop then
/// calls `cb` with `-ECANCELED`. Otherwise it does nothing.
///
/// # Returns
///
/// The request, which lives until `cb` has returned, or longer if somebody holds a reference
/// (`qemu_aio_ref()`).
///
/// # Errors
///
/// If the first worker cannot be started, `cb` is called with `-EAGAIN`.
///
/// # Threads
///
/// Any thread; not signal handlers. `func` cannot be cancelled as a thread. If it forks, the child
/// must not return from it.
///
/// # Safety
///
/// `pool` and `func` must not be NULL (aborts); the pool must be live; a worker may call
/// `func(arg)`, and the loop's thread `cb(opaque, ret)`, which may be NULL.
#[no_mangle]
pub unsafe extern "C" fn thread_pool_submit_aio(
    pool: *mut ThreadPool,
    func: ThreadPoolFunc,
    arg: *mut c_void,
    cb: BlockCompletionFunc,
    opaque: *mut c_void,
) -> *mut BlockAIOCB {
    let pool = argument!(LIBRARY, thread_pool_submit_aio(pool): &Pool);
    // SAFETY: the same contract.
    unsafe { submit(pool, func, arg, cb, opaque, "thread_pool_submit_aio") }
}

/// What a coroutine waits for.
struct Waiting {
    coroutine: Option<NonNull<Coroutine>>,
    result: Cell<c_int>,
}

unsafe extern "C" fn go_on(opaque: *mut c_void, result: c_int) {
    // SAFETY: on the stack of the coroutine, which waits.
    let waiting = unsafe { &*opaque.cast::<Waiting>() };
    waiting.result.set(result);
    if let Some(coroutine) = waiting.coroutine {
        // SAFETY: it has yielded, and nobody else enters it.
        unsafe { coroutine_enter(coroutine) };
    }
}

/// Runs `func(arg)` on a worker; the calling coroutine yields until it is done. It needs the
/// program's `qemu_coroutine_self()`, `qemu_coroutine_yield()` and `qemu_coroutine_enter()`.
///
/// # Returns
///
/// What `func` returned.
///
/// # Threads
///
/// Coroutines only (aborts); not signal handlers.
///
/// # Safety
///
/// `pool` and `func` must not be NULL (aborts); the pool must be live; a worker may call
/// `func(arg)`; nobody else may enter the coroutine meanwhile.
#[no_mangle]
pub unsafe extern "C" fn thread_pool_submit_co(
    pool: *mut ThreadPool,
    func: ThreadPoolFunc,
    arg: *mut c_void,
) -> c_int {
    let pool = argument!(LIBRARY, thread_pool_submit_co(pool): &Pool);
    if !in_coroutine() {
        LIBRARY.misuse(format_args!("thread_pool_submit_co: the caller is not in a coroutine"));
    }
    let result = Cell::new(-libc::EINPROGRESS);
    let waiting = Waiting { coroutine: coroutine_self(), result };
    let place = (&raw const waiting).cast_mut();
    // SAFETY: the same contract; the stack lives until the coroutine is entered again.
    unsafe { submit(pool, func, arg, Some(go_on), place.cast(), "thread_pool_submit_co") };
    // SAFETY: in a coroutine, which `go_on` enters.
    if !unsafe { coroutine_yield() } {
        LIBRARY.misuse(format_args!("thread_pool_submit_co: no qemu_coroutine_yield()"));
    }
    waiting.result.get()
}

/// Runs `func(arg)` on a worker, and reports its result to nobody.
///
/// # Threads
///
/// Any thread; not signal handlers.
///
/// # Safety
///
/// `pool` and `func` must not be NULL (aborts); the pool must be live; a worker may call
/// `func(arg)`.
#[no_mangle]
pub unsafe extern "C" fn thread_pool_submit(
    pool: *mut ThreadPool,
    func: ThreadPoolFunc,
    arg: *mut c_void,
) {
    let pool = argument!(LIBRARY, thread_pool_submit(pool): &Pool);
    // SAFETY: the same contract.
    unsafe { submit(pool, func, arg, None, ptr::null_mut(), "thread_pool_submit") };
}
