//! Whether the headers are such that the library can be right for them.

use super::generation::Generation;
use super::layout::Layout;
use super::read::{Field, Headers, Struct};
use super::refusal::refusal;

/// The layout, or the message that stops the build.
pub(crate) fn check(headers: &Headers, asked: Option<Generation>) -> Result<Layout, String> {
    let (context, notifier) = (&headers.context, &headers.notifier);
    let notify_me = offset(context, "notify_me", "uint32_t", 4)?;
    let notified = offset(context, "notified", "bool", 1)?;
    let notifier_at = offset(context, "notifier", "EventNotifier", 4)?;
    let rfd = offset(notifier, "rfd", "int", 4)?;
    let wfd = offset(notifier, "wfd", "int", 4)?;
    let initialized = match notifier.fields.contains_key("initialized") {
        true => Some(offset(notifier, "initialized", "bool", 1)?),
        false => None,
    };
    let generation = generation(headers, asked, initialized)?;
    Ok(Layout {
        generation,
        notify_me,
        notified,
        notifier: notifier_at,
        notifier_size: notifier.size,
        rfd,
        wfd,
        initialized,
    })
}

/// The fields of a generation that a context has.
pub(crate) fn marks(context: &Struct, generation: Generation) -> Vec<&'static str> {
    let marks = generation.marks().iter().copied();
    marks.filter(|mark| context.fields.contains_key(*mark)).collect()
}

/// The offset of a field that must be there, with this type and where such a type may be.
fn offset(of: &Struct, field: &str, expected: &str, align: usize) -> Result<usize, String> {
    let name = format!("{}.{field}", of.name);
    let found = |found: &str, todo: &str| refusal(&of.place, &name, expected, found, todo);
    let Some(Field { type_name, offset }) = of.fields.get(field) else {
        return Err(found(
            "no such field (nor can it be a bit-field)",
            "the library is for trees whose AioContext has notify_me, notified and notifier \
             (QEMU 2.4 and later); check HOST_CFLAGS and HOST_HEADER",
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
fn generation(
    headers: &Headers,
    asked: Option<Generation>,
    initialized: Option<usize>,
) -> Result<Generation, String> {
    let context = &headers.context;
    let Some(generation) = asked else {
        return Err(refusal(
            &context.place,
            "GENERATION",
            "2.4 (loops up to QEMU 5.1) or 5.2 (5.2 and later)",
            "none given",
            &format!("set it; {}", evidence(context)),
        ));
    };
    let other = generation.other();
    if let Some(mark) = marks(context, other).first() {
        return Err(refusal(
            &context.place,
            &format!("AioContext.{mark}"),
            &format!("no such field with GENERATION={}", generation.name()),
            &format!("it, a field of generation {}", other.name()),
            &format!("build with GENERATION={}, or correct HOST_CFLAGS", other.name()),
        ));
    }
    if generation == Generation::Since5_2 && initialized.is_none() {
        return Err(refusal(
            &headers.notifier.place,
            "EventNotifier.initialized",
            "bool with GENERATION=5.2",
            "no such field",
            "build with GENERATION=2.4 if aio_notify_accept of the tree empties the notifier",
        ));
    }
    Ok(generation)
}

/// What the headers show of the generation, in words.
pub(crate) fn evidence(context: &Struct) -> String {
    for generation in [Generation::Reference, Generation::Since5_2] {
        let marks = marks(context, generation);
        if !marks.is_empty() {
            return format!("{} points to GENERATION={}", marks.join(", "), generation.name());
        }
    }
    "nothing in the headers shows which: look whether aio_notify_accept of the tree calls \
     event_notifier_test_and_clear (2.4) or not (5.2)"
        .to_owned()
}
