//! Whether a file's `AioContext` is laid out as the library's: by the notes that
//! `AIONOTIFY_CHECK_LAYOUT` leaves, and for the whole loop by the debugging information as well.

use object::Object;

use crate::abi;
use crate::debug::Debug;
use crate::image::Image;
use crate::library::Library;
use crate::notes::{Layout, Notes};
use crate::shapes::Shape;

/// The members that the program's code and the library's both use, whichever components are whose.
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
    if library.is_whole_loop() {
        for shape in &debug.contexts {
            differences.extend(of_shape(shape, image, &ours));
        }
    }
    differences
}

fn of_shape(shape: &Shape, image: &Image<'_>, ours: &Layout) -> Option<String> {
    let (members, size) = ours.of_context();
    let mut expected = members.to_vec();
    // The table is of this library if the note has the same size.
    if let Some((_, table)) =
        abi::context(image.file.architecture()).filter(|(table_size, _)| *table_size == size)
    {
        expected.extend(table.into_iter().filter(|(name, _)| SHARED.contains(name)));
    }
    let mut differing = Vec::new();
    for (name, ours) in expected {
        match shape.members.get(name) {
            Some(theirs) if *theirs == ours => {}
            Some(theirs) => differing.push(format!("{name} {theirs}, in the library {ours}")),
            None => differing.push(format!("no {name}, in the library {ours}")),
        }
    }
    if shape.size != size {
        differing.push(format!("sizeof(AioContext) {}, in the library {size}", shape.size));
    }
    let of = match shape.source.is_empty() {
        true => String::new(),
        false => format!(" in {}", shape.source),
    };
    (!differing.is_empty())
        .then(|| format!("AioContext{of} is laid out otherwise: {}", differing.join("; ")))
}

/// Whether nothing says how a program lays out its `AioContext`.
pub(crate) fn is_unknown(image: &Image<'_>, debug: &Debug) -> bool {
    debug.contexts.is_empty() && Notes::read(image).programs.is_empty()
}
