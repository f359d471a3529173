//! What a file takes from shared libraries, and whether that is the library that is meant.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use object::{Object, ObjectKind, ObjectSymbol};

use crate::components::Components;
use crate::image::Image;
use crate::judge::Findings;
use crate::library::Library;
use crate::needed::Bindings;
use crate::notes::Notes;
use crate::reasons::{few, Reason};

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
    for (name, file) in &bindings.elsewhere {
        let Some(at) = findings.taken.iter().position(|taken| taken == name) else { continue };
        findings.taken.remove(at);
        if bindings.is_sibling(file) || components.allows(name, library) {
            continue;
        }
        let text = format!("takes {name} from {}, not from the library", file.display());
        findings.escape("bound", name, text);
    }
    let left: Vec<String> = findings.taken.clone();
    if left.is_empty() {
        return;
    }
    if !bindings.missing.is_empty() {
        findings.unknown.push(Reason::naming(bindings.missing.iter(), |missing| {
            format!(
                "{missing} cannot be found, and may define {}; name the folder with -L",
                few(left.iter())
            )
        }));
    } else if !bindings.needs_ours && is_program(image) {
        findings.taken.clear();
        for name in &left {
            let text = format!("takes {name}, but does not need {}", library.soname);
            findings.escape("bound", name, text);
        }
    } else if !bindings.needs_ours {
        findings.unknown.push(Reason::naming(left.iter(), |names| {
            format!(
                "it takes {names} from the program that loads it, and does not need {}; link it with the library",
                library.soname
            )
        }));
    }
}

/// Whether the file is of another library of this project as a whole, which is then all that can be said
/// of it: it is compared with the wrong one.
pub(crate) fn judge_another(
    findings: &mut Findings,
    image: &Image<'_>,
    library: &Library,
    bindings: Option<&Bindings>,
    imports: &[String],
) -> bool {
    let Some(bindings) = bindings.filter(|bindings| !bindings.needs_ours) else {
        return false;
    };
    let linked_in = findings.linked_in;
    for (soname, file) in bindings.siblings.iter().filter(|_| !linked_in) {
        let names: Vec<&String> = imports
            .iter()
            .filter(|name| bindings.elsewhere.get(*name).is_some_and(|from| from == file))
            .collect();
        if let Some(first) = names.first() {
            let text = format!(
                "takes {} from {soname}, not from the library; if that is the one that is meant: -l {}",
                few(names.iter()),
                without_version(file).display()
            );
            findings.escape("bound", first, text);
        }
    }
    let Some(ours) = library.layout else { return !findings.escapes.is_empty() };
    let linked_in = Notes::read(image).libraries;
    let differences: Vec<String> =
        linked_in.iter().filter_map(|theirs| theirs.difference(&ours)).collect();
    if !differences.is_empty() && differences.len() == linked_in.len() {
        let text = format!(
            "has another library linked in: {}; if that is the one that is meant, name it with -l",
            differences.join("; ")
        );
        findings.escape("another", "", text);
    }
    !findings.escapes.is_empty()
}

/// The name that a library is linked by, if there is such a file: its archive is beside that.
fn without_version(file: &Path) -> PathBuf {
    let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let plain = name.split_once(".so.").map(|(stem, _)| file.with_file_name(format!("{stem}.so")));
    plain.filter(|plain| plain.exists()).unwrap_or_else(|| file.to_owned())
}

/// Whether the loader takes another file for the library, or one of the program's libraries has another
/// layout.
pub(crate) fn judge_mistaken(findings: &mut Findings, library: &Library, bindings: &Bindings) {
    if let Some((path, difference)) = &bindings.mistaken {
        let text = format!(
            "the loader finds another library for {}, {}: {difference}",
            library.soname,
            path.display()
        );
        findings.escape("another", "", text);
    }
    let Some(ours) = library.layout else { return };
    for (path, layout) in &bindings.layouts {
        if let Some(difference) = layout.difference(&ours) {
            let text =
                format!("loads {}, laid out for another library: {difference}", path.display());
            findings.escape("layout", "", text);
        }
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
