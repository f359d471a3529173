//! Whether a file lays out what it shares with the library as the library does: by the notes that
//! `AIONOTIFY_CHECK_LAYOUT` leaves, and by the debugging information.

use std::collections::BTreeSet;

use object::Object;

use crate::abi;
use crate::debug::Debug;
use crate::image::Image;
use crate::library::Library;
use crate::notes::{Layout, Notes};
use crate::shapes::Shape;

/// The members that the program's code and the whole loop's both use, whichever components are whose.
const SHARED: [&str; 3] = ["source", "lock", "tlg"];

/// How the file's layout differs from the library's, in words.
pub(crate) fn differences(image: &Image<'_>, debug: &Debug, library: &Library) -> Vec<String> {
    let Some(ours) = library.layout else { return Vec::new() };
    let notes = Notes::read(image);
    let mut differences = Vec::new();
    for (layouts, whose) in [
        (notes.programs, "is laid out for another library"),
        (notes.libraries, "has another library linked in"),
    ] {
        for difference in layouts.iter().filter_map(|layout| layout.difference(&ours)) {
            differences.push(format!("{whose}: {difference}"));
        }
    }
    for shape in &debug.contexts {
        differences.extend(of_context(shape, image, &ours));
    }
    for shape in &debug.notifiers {
        let (members, size) = ours.of_notifier();
        differences.extend(of_shape("EventNotifier", shape, &members, Some(size)));
    }
    differences.extend(of_generation(debug, &ours));
    differences
}

fn of_context(shape: &Shape, image: &Image<'_>, ours: &Layout) -> Option<String> {
    let (members, size) = ours.of_context();
    let mut expected = members.to_vec();
    if !ours.is_whole_loop() {
        return of_shape("AioContext", shape, &expected, None);
    }
    // The table is of this library if the note has the same size.
    if let Some((_, table)) =
        abi::context(image.file.architecture()).filter(|(table_size, _)| *table_size == size)
    {
        expected.extend(table.into_iter().filter(|(name, _)| SHARED.contains(name)));
    }
    of_shape("AioContext", shape, &expected, Some(size))
}

fn of_shape(
    name: &str,
    shape: &Shape,
    expected: &[(&str, u64)],
    size: Option<u64>,
) -> Option<String> {
    let mut differing = Vec::new();
    for (member, ours) in expected {
        match shape.members.get(*member) {
            Some(theirs) if theirs == ours => {}
            Some(theirs) => differing.push(format!("{member} {theirs}, in the library {ours}")),
            None => differing.push(format!("no {member}, in the library {ours}")),
        }
    }
    if let Some(size) = size.filter(|size| *size != shape.size) {
        differing.push(format!("sizeof({name}) {}, in the library {size}", shape.size));
    }
    let of = match shape.source.is_empty() {
        true => String::new(),
        false => format!(" in {}", shape.source),
    };
    (!differing.is_empty())
        .then(|| format!("{name}{of} is laid out otherwise: {}", differing.join("; ")))
}

/// The generation that the structs show: 24 or 52, and the member that shows it.
fn marks(debug: &Debug) -> Vec<(u32, &'static str)> {
    let has = |shapes: &[Shape], member| {
        shapes.iter().any(|shape: &Shape| shape.members.contains_key(member))
    };
    let mut marks = Vec::new();
    if has(&debug.contexts, "first_bh") {
        marks.push((24, "AioContext.first_bh"));
    }
    if has(&debug.notifiers, "initialized") {
        marks.push((52, "EventNotifier.initialized"));
    }
    marks
}

fn of_generation(debug: &Debug, ours: &Layout) -> Option<String> {
    let library = ours.generation();
    let (generation, mark) =
        marks(debug).into_iter().find(|(generation, _)| *generation != library)?;
    Some(format!("is of generation {generation}, as {mark} shows, in the library {library}"))
}

/// What nothing says of a program's layout.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(crate) enum Unknown {
    #[default]
    Nothing,
    /// The offsets are known, but not which protocol the loop speaks.
    Generation,
    Everything,
}

/// What nothing says of a program on the whole loop, which need not look into its context.
pub(crate) fn unknown_to_loop(image: &Image<'_>, debug: &Debug) -> Unknown {
    match debug.contexts.is_empty() && Notes::read(image).programs.is_empty() {
        true => Unknown::Everything,
        false => Unknown::Nothing,
    }
}

/// What nothing says of a program that uses these functions of the library. `elsewhere`: whether one of
/// its libraries has a note.
pub(crate) fn unknown(
    image: &Image<'_>,
    debug: &Debug,
    used: &BTreeSet<&str>,
    elsewhere: bool,
) -> Unknown {
    if elsewhere || !Notes::read(image).programs.is_empty() {
        return Unknown::Nothing;
    }
    // Only the two functions of the context look into it.
    let needs_context = used.iter().any(|name| !name.starts_with("event_notifier_"));
    let shapes = if needs_context { &debug.contexts } else { &debug.notifiers };
    match (shapes.is_empty(), marks(debug).is_empty()) {
        (true, _) => Unknown::Everything,
        (false, true) if needs_context => Unknown::Generation,
        (false, _) => Unknown::Nothing,
    }
}
