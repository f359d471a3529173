//! Whether the headers are such that the library can be right for them.

use super::evidence::Evidence;
use super::generation::Generation;
use super::layout::Layout;
use super::read::{Field, Headers, Struct};
use super::refusal::refusal;
use super::request::Request;

/// The layout, or the message that stops the build.
pub(crate) fn check(headers: &Headers, request: &Request) -> Result<Layout, String> {
    let (context, notifier) = (&headers.context, &headers.notifier);
    let offset = |of, field, expected, align| offset(of, field, expected, align, request);
    let notify_me = offset(context, "notify_me", "uint32_t", 4)?;
    let notified = offset(context, "notified", "bool", 1)?;
    let notifier_at = offset(context, "notifier", "EventNotifier", 4)?;
    let rfd = offset(notifier, "rfd", "int", 4)?;
    let wfd = offset(notifier, "wfd", "int", 4)?;
    let initialized = match notifier.fields.contains_key("initialized") {
        true => Some(offset(notifier, "initialized", "bool", 1)?),
        false => None,
    };
    let generation = generation(headers, request)?;
    Ok(Layout {
        generation,
        notify_me,
        notified,
        notifier: notifier_at,
        notifier_size: notifier.size,
        rfd,
        wfd,
        initialized,
        set_handler: set_handler_is_the_librarys(headers),
    })
}

/// Whether `event_notifier_set_handler` is in the tree what the library has: a function of two
/// arguments that returns int, next to the others. From 2.9 on it is a part of the tree's own loop.
pub(crate) fn set_handler_is_the_librarys(headers: &Headers) -> bool {
    headers
        .functions
        .get("event_notifier_set_handler")
        .is_some_and(|function| function.returns == "int" && function.arguments == 2)
}

/// The offset of a field that must be there, with this type and where such a type may be.
fn offset(
    of: &Struct,
    field: &str,
    expected: &str,
    align: usize,
    request: &Request,
) -> Result<usize, String> {
    let name = format!("{}.{field}", of.name);
    let found = |found: &str, todo: &str| refusal(&of.place, &name, expected, found, todo);
    let Some(Field { type_name, offset }) = of.fields.get(field) else {
        return Err(found(
            "no such field (nor can it be a bit-field)",
            &format!(
                "the library is for trees whose AioContext has notify_me, notified and notifier \
                 (QEMU 2.4 and later); check {} and HOST_HEADER",
                request.flags_from
            ),
        ));
    };
    if type_name != expected {
        return Err(found(
            type_name,
            "give the field the expected type, or keep the program's own functions",
        ));
    }
    if offset % align != 0 {
        return Err(found(
            &format!("one at offset {offset}, which is no multiple of {align}"),
            "take the packing away from the struct",
        ));
    }
    Ok(*offset)
}

/// The generation that was asked for, unless the headers show another.
fn generation(headers: &Headers, request: &Request) -> Result<Generation, String> {
    let evidence = Evidence::of(headers);
    let Some(asked) = request.generation else {
        return Err(refusal(
            &headers.context.place,
            "GENERATION",
            "2.4 (loops up to QEMU 5.1) or 5.2 (5.2 and later)",
            "none given",
            &format!("set it; {}", evidence.words(None)),
        ));
    };
    if evidence.generation().is_none_or(|shown| shown == asked) {
        return Ok(asked);
    }
    let given = format!("with GENERATION={}", asked.name());
    Err(match evidence {
        Evidence::Of(shown, marks) => refusal(
            &marks[0].place,
            &marks[0].name,
            &format!("no such name {given}"),
            &format!("it, a mark of generation {}", shown.name()),
            &format!("build with GENERATION={}, or correct {}", shown.name(), request.flags_from),
        ),
        Evidence::BhList(mark) => refusal(
            &mark.place,
            &mark.name,
            &format!("EventNotifier.initialized or aio_co_reschedule_self beside it {given}"),
            "neither, as in QEMU 5.0 and 5.1",
            "build with GENERATION=2.4; only if it is a snapshot from August to October 2020 whose \
             aio_notify_accept does not call event_notifier_test_and_clear, leave its headers as they \
             are, and name behind them in HOST_HEADER a header of your own that declares `void \
             aio_co_reschedule_self(AioContext *ctx);`",
        ),
        Evidence::Open(_) => unreachable!("it points to no generation"),
    })
}
