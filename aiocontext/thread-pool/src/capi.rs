//! The functions that C programs call, under their C names.

use std::ffi::{c_int, c_void};
use std::ptr::{self, NonNull};

use aio_notify::abi::aio::{qemu_aio_get, BlockCompletionFunc};
use aio_notify::abi::opaque::ThreadPool;
use aio_notify::abi::thread_pool::ThreadPoolFunc;
use aio_notify::abi::{AIOCBInfo, AioContext, BlockAIOCB};
use aio_notify::shared::check::{misuse, not_null, null};
use aiocontext_program::{
    coroutine_enter, coroutine_self, coroutine_yield, in_coroutine, Coroutine,
};

use crate::pool::Pool;
use crate::request::{Element, Request};
use crate::LIBRARY;

/// The kind of a pool's requests.
static INFO: AIOCBInfo = AIOCBInfo {
    cancel_async: Some(cancel_async),
    get_aio_context: Some(get_aio_context),
    aiocb_size: size_of::<Element>(),
};

/// A request and its pool.
///
/// # Safety
///
/// `acb` is a live request of this component, and its pool lives for `'a`.
unsafe fn request<'a>(acb: *mut BlockAIOCB, function: &str) -> (Request, &'a Pool) {
    let element = not_null(LIBRARY, acb.cast::<Element>(), function, "acb");
    // SAFETY: a live request by this function's contract.
    let request = unsafe { Request::new(element) };
    // SAFETY: a live request by this function's contract.
    let pool = unsafe { (*element.as_ptr()).pool };
    // SAFETY: a live pool by this function's contract.
    (request, unsafe { pool.as_ref() })
}

unsafe extern "C" fn cancel_async(acb: *mut BlockAIOCB) {
    // SAFETY: called with a request of this kind.
    let (request, pool) = unsafe { request(acb, "cancel_async") };
    pool.cancel(request);
}

unsafe extern "C" fn get_aio_context(acb: *mut BlockAIOCB) -> *mut AioContext {
    // SAFETY: called with a request of this kind.
    let (_, pool) = unsafe { request(acb, "get_aio_context") };
    pool.context().as_ptr()
}

/// Makes a pool whose completions run in the loop of `ctx`; in a program with
/// `qemu_get_aio_context()`, NULL is that context. Any thread.
///
/// It has no threads until there is work: then up to 64, each of which ends when it has had none for
/// 10 s. All signals are blocked in them.
///
/// # Safety
///
/// `ctx` must not be NULL but as above (aborts) and must live until `thread_pool_free()`.
#[no_mangle]
pub unsafe extern "C" fn thread_pool_new(ctx: *mut AioContext) -> *mut ThreadPool {
    let ctx = NonNull::new(ctx).or_else(aiocontext_program::main_context);
    let ctx = ctx.unwrap_or_else(|| null(LIBRARY, "thread_pool_new", "ctx"));
    // SAFETY: a live context by this function's contract.
    unsafe { Pool::new(ctx) }.as_ptr().cast()
}

/// Waits for the workers and frees the pool. No request may be pending (aborts). NULL is nothing.
///
/// # Safety
///
/// `pool` must be NULL or a pool that nobody uses any more; not from its requests or callbacks.
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
    pool: *mut ThreadPool,
    func: ThreadPoolFunc,
    arg: *mut c_void,
    cb: BlockCompletionFunc,
    opaque: *mut c_void,
    function: &str,
) -> *mut BlockAIOCB {
    let pool = not_null(LIBRARY, pool.cast::<Pool>(), function, "pool");
    if func.is_none() {
        null(LIBRARY, function, "func");
    }
    // SAFETY: the info lives as long as the program.
    let acb = unsafe { qemu_aio_get(&raw const INFO, ptr::null_mut(), cb, opaque) };
    let element = not_null(LIBRARY, acb.cast::<Element>(), "qemu_aio_get", "request");
    // SAFETY: memory for a request, with one reference.
    let request = unsafe { Request::new(element) };
    request.init(pool, func, arg);
    // SAFETY: a live pool by this function's contract.
    unsafe { pool.as_ref() }.submit(request);
    acb.cast()
}

/// Runs `func(arg)` on a worker, then `cb(opaque, result)` in the context's loop, with what `func`
/// returned. Any thread.
///
/// Returns the request, which lives until `cb` has returned, or longer with `qemu_aio_ref()`. Its
/// `cancel_async` takes it back if no worker has started it: `cb` is then called, by the loop, with
/// `-ECANCELED`. Where no thread can be made, and there is none, `cb` is called with `-EAGAIN`.
///
/// # Safety
///
/// `pool` and `func` must not be NULL (aborts); the pool must be live; any thread may call
/// `func(arg)`, and the loop's `cb(opaque, ...)`, which may be NULL.
#[no_mangle]
pub unsafe extern "C" fn thread_pool_submit_aio(
    pool: *mut ThreadPool,
    func: ThreadPoolFunc,
    arg: *mut c_void,
    cb: BlockCompletionFunc,
    opaque: *mut c_void,
) -> *mut BlockAIOCB {
    // SAFETY: the same contract.
    unsafe { submit(pool, func, arg, cb, opaque, "thread_pool_submit_aio") }
}

/// What a coroutine waits for.
struct Waiting {
    coroutine: Option<NonNull<Coroutine>>,
    result: c_int,
}

unsafe extern "C" fn go_on(opaque: *mut c_void, result: c_int) {
    let waiting = opaque.cast::<Waiting>();
    // SAFETY: on the stack of the coroutine, which waits.
    unsafe { (*waiting).result = result };
    // SAFETY: on the stack of the coroutine, which waits.
    let coroutine = unsafe { (*waiting).coroutine };
    if let Some(coroutine) = coroutine {
        // SAFETY: it has yielded, and nobody else enters it.
        unsafe { coroutine_enter(coroutine) };
    }
}

/// Runs `func(arg)` on a worker and yields the calling coroutine until it is done.
///
/// Returns what `func` returned. Only in a coroutine of a program that has them (aborts).
///
/// # Safety
///
/// As for `thread_pool_submit_aio()`; nobody else enters the coroutine meanwhile.
#[no_mangle]
pub unsafe extern "C" fn thread_pool_submit_co(
    pool: *mut ThreadPool,
    func: ThreadPoolFunc,
    arg: *mut c_void,
) -> c_int {
    let pool = not_null(LIBRARY, pool, "thread_pool_submit_co", "pool").as_ptr();
    if !in_coroutine() {
        misuse(LIBRARY, format_args!("thread_pool_submit_co: the caller is not in a coroutine"));
    }
    let mut waiting = Waiting { coroutine: coroutine_self(), result: -libc::EINPROGRESS };
    let place = &raw mut waiting;
    // SAFETY: the same contract; the stack lives until the coroutine is entered again.
    unsafe { submit(pool, func, arg, Some(go_on), place.cast(), "thread_pool_submit_co") };
    // SAFETY: in a coroutine, which `go_on` enters.
    if !unsafe { coroutine_yield() } {
        misuse(LIBRARY, format_args!("thread_pool_submit_co: no qemu_coroutine_yield()"));
    }
    // SAFETY: written by `go_on`, which has run.
    unsafe { place.read() }.result
}

/// Runs `func(arg)` on a worker and reports to nobody. Any thread.
///
/// # Safety
///
/// As for `thread_pool_submit_aio()`.
#[no_mangle]
pub unsafe extern "C" fn thread_pool_submit(
    pool: *mut ThreadPool,
    func: ThreadPoolFunc,
    arg: *mut c_void,
) {
    // SAFETY: the same contract.
    unsafe { submit(pool, func, arg, None, ptr::null_mut(), "thread_pool_submit") };
}
