//! What a file takes from shared libraries, and whether that is the library that is meant.

use std::collections::BTreeSet;

use object::{Object, ObjectKind, ObjectSymbol};

use crate::components::Components;
use crate::image::Image;
use crate::judge::{few, Findings};
use crate::library::Library;
use crate::needed::Bindings;
use crate::notes::Notes;

/// The library's functions that the file takes from elsewhere.
pub(crate) fn imports(image: &Image<'_>, library: &Library) -> Vec<String> {
    let mut names: BTreeSet<String> = image.undefined.iter().cloned().collect();
    for symbol in image.file.dynamic_symbols().filter(|symbol| symbol.is_undefined()) {
        names.extend(symbol.name().ok().map(str::to_owned));
    }
    names.into_iter().filter(|name| library.functions.contains(name)).collect()
}

/// Whether the loader binds the calls to the library, or to a component of the program's own.
pub(crate) fn judge_imports(
    findings: &mut Findings,
    image: &Image<'_>,
    library: &Library,
    bindings: &Bindings,
    components: &Components,
) {
    if findings.taken.is_empty() {
        return;
    }
    let taken = findings.taken.clone();
    for (name, file) in &bindings.elsewhere {
        let Some(at) = findings.taken.iter().position(|taken| taken == name) else { continue };
        findings.taken.remove(at);
        if bindings.is_sibling(file) || components.allows(name, library) {
            continue;
        }
        let text = format!("takes {name} from {}, not from the library", file.display());
        findings.escape("bound", name, text);
    }
    for (soname, file) in &bindings.siblings {
        let names: Vec<&String> = bindings
            .elsewhere
            .iter()
            .filter(|(name, from)| *from == file && taken.contains(name))
            .map(|(name, _)| name)
            .collect();
        if let Some(first) = names.first().filter(|_| !bindings.needs_ours && !findings.linked_in) {
            let text = format!(
                "takes {} from {soname}, not from the library; if that is the one that is meant: -l {}",
                few(names.iter()),
                file.display()
            );
            findings.escape("bound", first, text);
        }
    }
    let left: Vec<String> = findings.taken.clone();
    if left.is_empty() {
        return;
    }
    if !bindings.missing.is_empty() {
        findings.unknown.push(format!(
            "{} cannot be found, and may define {}; name the folder with -L",
            few(bindings.missing.iter()),
            few(left.iter())
        ));
    } else if !bindings.needs_ours && is_program(image) {
        findings.taken.clear();
        for name in &left {
            let text = format!("takes {name}, but does not need {}", library.soname);
            findings.escape("bound", name, text);
        }
    } else if !bindings.needs_ours {
        findings.unknown.push(format!(
            "it takes {} from the program that loads it, and does not need {}; link it with the library",
            few(left.iter()),
            library.soname
        ));
    }
}

/// Two libraries of this project in one program: each has functions that the other calls.
pub(crate) fn judge_both(
    findings: &mut Findings,
    image: &Image<'_>,
    library: &Library,
    bindings: &Bindings,
) {
    let has_note = !Notes::read(image).libraries.is_empty() && is_program(image);
    let linked_in = findings.linked_in || has_note;
    if !bindings.needs_ours && !linked_in {
        return;
    }
    for (soname, _) in &bindings.siblings {
        let text = format!("loads {soname} beside the library; link one of the two");
        findings.escape("both", "", text);
    }
    if bindings.needs_ours && linked_in {
        let text =
            format!("loads {}, and has a library linked in; link one of the two", library.soname);
        findings.escape("both", "", text);
    }
}

/// Whether a linked file is one that is started.
pub(crate) fn is_program(image: &Image<'_>) -> bool {
    image.file.kind() == ObjectKind::Executable || image.file.section_by_name(".interp").is_some()
}
