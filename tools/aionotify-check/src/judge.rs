//! What escapes the library in one file, and what cannot be told of it.

use std::collections::BTreeSet;
use std::path::Path;

use object::{Object, ObjectKind, ObjectSymbol};

use crate::debug::Debug;
use crate::image::{stem, Function, Image};
use crate::library::Library;
use crate::notes::Notes;
use crate::options::Options;
use crate::{lto, needed};

/// A definition or a call that is not the library's.
#[derive(Debug)]
pub(crate) struct Escape {
    /// `defines`, `calls`, `inlined`, `bound` or `layout`.
    pub(crate) kind: &'static str,
    /// The library's function that it is about; empty for the layout.
    pub(crate) function: String,
    pub(crate) caller: Option<String>,
    pub(crate) line: Option<u64>,
    /// In words.
    pub(crate) text: String,
}

/// What was found in a file, or in a member of an archive.
#[derive(Default, Debug)]
pub(crate) struct Findings {
    pub(crate) escapes: Vec<Escape>,
    /// Why something may escape that was not seen, in words.
    pub(crate) unknown: Vec<String>,
    /// The functions that it takes from the library.
    pub(crate) taken: Vec<String>,
    /// Whether the static library is linked in.
    pub(crate) linked_in: bool,
    /// The functions of components that are the program's own as a whole.
    pub(crate) own: Vec<String>,
}

impl Findings {
    fn escape(&mut self, kind: &'static str, function: &str, text: String) {
        let (caller, line) = (None, None);
        self.escapes.push(Escape { kind, function: function.to_owned(), caller, line, text });
    }
}

/// Judges a file. `together`: the functions that all object files of the command line define.
pub(crate) fn judge(
    image: &Image<'_>,
    path: &Path,
    library: &Library,
    together: &BTreeSet<String>,
    options: &Options,
) -> Findings {
    let mut findings = Findings::default();
    let linked = !image.is_relocatable();
    if linked && image.file.symbol_table().is_none() {
        findings.unknown.push("it has no symbol table: check it before it is stripped".to_owned());
    } else if linked && !image.functions.iter().any(|function| function.binding == "LOCAL") {
        // The compiler's start-up code always has some.
        findings.unknown.push("its local symbols have been removed: check it before".to_owned());
    }
    if let Some(lto) = lto::read(image).filter(|_| !linked) {
        for name in lto.defined.iter().filter(|name| library.functions.contains(*name)) {
            findings.escape(
                "defines",
                name,
                format!("defines {name} itself (for link-time optimisation)"),
            );
        }
        let text = "it holds code for link-time optimisation: check the linked file";
        findings.unknown.push(text.to_owned());
        return findings;
    }
    let debug = Debug::read(image, path);
    let (own, theirs) = definitions(image, library);
    findings.linked_in = linked && !theirs.is_empty();
    let own_names: BTreeSet<String> = own.iter().map(|f| f.stem().to_owned()).collect();
    let whole = |name: &str| {
        let all = if linked { &own_names } else { together };
        library.component(name).is_some_and(|component| component.is_subset(all))
    };
    let wrong: Vec<&Function> = own.into_iter().filter(|f| !whole(f.stem())).collect();
    findings.own = own_names.iter().filter(|name| whole(name)).cloned().collect();
    judge_definitions(&mut findings, &wrong, library);
    judge_calls(&mut findings, image, &wrong);
    judge_debug(&mut findings, image, &debug, library, &whole, &theirs);
    judge_coverage(&mut findings, image, &debug, library, &theirs, options);
    judge_imports(&mut findings, image, path, library, options);
    judge_notes(&mut findings, image, library);
    findings
}

/// The functions that the file defines of the library's names: its own, and the library's.
fn definitions<'a>(
    image: &'a Image<'_>,
    library: &Library,
) -> (Vec<&'a Function>, Vec<&'a Function>) {
    let named = image.functions.iter().filter(|f| library.functions.contains(f.stem()));
    named.partition(|function| image.is_relocatable() || !library.is_code_of(image, function))
}

fn judge_definitions(findings: &mut Findings, wrong: &[&Function], library: &Library) {
    for Function { name, binding, .. } in wrong {
        let mut text = format!("defines {name} itself ({binding})");
        if let Some(component) = library.component(stem(name)) {
            let left = component.iter().find(|other| wrong.iter().all(|f| f.stem() != *other));
            if let Some(left) = left {
                text += &format!(", but not {left}, which goes with it");
            }
        } else if !library.has_archive() && *binding != "LOCAL" {
            text += &format!(
                "; it may be the library's, linked in: there is no {} to compare with (-a)",
                library.path.with_extension("a").display()
            );
        }
        findings.escape("defines", stem(name), text);
    }
}

fn judge_calls(findings: &mut Findings, image: &Image<'_>, wrong: &[&Function]) {
    if wrong.is_empty() {
        return;
    }
    let targets: Vec<u64> = wrong.iter().map(|function| function.address).collect();
    let mut said = BTreeSet::new();
    for call in image.calls_to(&targets) {
        let Some(callee) = wrong.iter().find(|function| function.address == call.to) else {
            continue;
        };
        let caller = image.function_at(call.from).map(|f| f.name.clone()).unwrap_or_default();
        if stem(&caller) == callee.stem() || !said.insert((caller.clone(), callee.name.clone())) {
            continue;
        }
        findings.escapes.push(Escape {
            kind: "calls",
            function: callee.stem().to_owned(),
            line: None,
            text: format!("{caller} calls the file's own {}", callee.name),
            caller: Some(caller),
        });
    }
}

fn judge_debug(
    findings: &mut Findings,
    image: &Image<'_>,
    debug: &Debug,
    library: &Library,
    whole: &dyn Fn(&str) -> bool,
    theirs: &[&Function],
) {
    let mut unnamed = BTreeSet::new();
    for inlined in &debug.inlined {
        let Some(callee) = &inlined.callee else {
            unnamed.insert(&*inlined.caller);
            continue;
        };
        if !library.functions.contains(callee) || whole(callee) {
            continue;
        }
        let place = inlined.line.map(|line| format!(" (line {line})")).unwrap_or_default();
        findings.escapes.push(Escape {
            kind: "inlined",
            function: callee.clone(),
            caller: Some(inlined.caller.clone()),
            line: inlined.line,
            text: format!("{} has {callee} inlined{place}", inlined.caller),
        });
    }
    if !unnamed.is_empty() {
        findings.unknown.push(format!(
            "functions are inlined in {} from a file without debugging information; compile all with -g",
            some(&unnamed.iter().map(|name| name.to_string()).collect::<Vec<_>>())
        ));
    }
    // What `-z muldefs` has left out keeps its code and its description, but no symbol.
    for (name, address) in &debug.defined {
        let known = image.functions.iter().any(|f| f.address == *address && f.stem() == name);
        let is_theirs = theirs.iter().any(|function| function.address == *address);
        if library.functions.contains(name) && !known && !is_theirs && !whole(name) {
            findings.escape(
                "defines",
                name,
                format!("has code of {name} of its own, without a symbol"),
            );
        }
    }
    findings.unknown.extend(debug.unreadable.iter().cloned());
}

/// Inlined calls show only in code that the debugging information describes.
fn judge_coverage(
    findings: &mut Findings,
    image: &Image<'_>,
    debug: &Debug,
    library: &Library,
    theirs: &[&Function],
    options: &Options,
) {
    let unseen: BTreeSet<&str> = image
        .functions
        .iter()
        .filter(|function| {
            !debug.covers(function.address)
                && !is_start_up(&function.name)
                && !debug.is_merged(image, function)
                && !options.trusted.contains(&function.name)
                && (image.is_relocatable() || !library.has_name(&function.name))
                && !theirs.iter().any(|their| their.address == function.address)
        })
        .map(|function| &*function.name)
        .collect();
    let unseen: Vec<String> = unseen.into_iter().map(str::to_owned).collect();
    if !unseen.is_empty() {
        findings.unknown.push(match debug.present {
            false => "no debugging information, so inlined calls cannot be seen; compile with -g".to_owned(),
            true => format!(
                "no debugging information of {}, so calls inlined there cannot be seen; compile all with -g",
                some(&unseen)
            ),
        });
    }
}

/// A list that is not too long for a line.
fn some(names: &[String]) -> String {
    match names.len() {
        0..=4 => names.join(", "),
        more => format!("{} and {} more", names[..3].join(", "), more - 3),
    }
}

/// What compiler and C library put into every program, beside `main`.
fn is_start_up(name: &str) -> bool {
    const NAMES: &[&str] = &[
        "_start",
        "_init",
        "_fini",
        "_dl_relocate_static_pie",
        "__do_global_ctors_aux",
        "__do_global_dtors_aux",
        "__libc_csu_fini",
        "__libc_csu_init",
        "__pthread_atfork",
        "__stack_chk_fail_local",
        "at_quick_exit",
        "atexit",
        "call_weak_fn",
        "deregister_tm_clones",
        "frame_dummy",
        "init_have_lse_atomics",
        "pthread_atfork",
        "register_tm_clones",
    ];
    let prefix = ["__aarch64_", "__x86.get_pc_thunk."].iter().any(|start| name.starts_with(start));
    NAMES.contains(&name) || prefix
}

/// Whether the loader binds the calls to the library.
fn judge_imports(
    findings: &mut Findings,
    image: &Image<'_>,
    path: &Path,
    library: &Library,
    options: &Options,
) {
    let mut names: BTreeSet<String> = image.undefined.iter().cloned().collect();
    for symbol in image.file.dynamic_symbols().filter(|symbol| symbol.is_undefined()) {
        names.extend(symbol.name().ok().map(str::to_owned));
    }
    let names: Vec<&String> =
        names.iter().filter(|name| library.functions.contains(*name)).collect();
    findings.taken = names.iter().map(|name| name.to_string()).collect();
    if image.is_relocatable() || names.is_empty() {
        return;
    }
    let bindings = needed::bindings(&image.file, path, &names, library, &options.folders);
    for (name, file) in &bindings.elsewhere {
        findings.taken.retain(|taken| taken != name);
        let text = format!("takes {name} from {}, not from the library", file.display());
        findings.escape("bound", name, text);
    }
    let left: Vec<String> = findings.taken.clone();
    if left.is_empty() {
        return;
    }
    let is_program = image.file.kind() == ObjectKind::Executable
        || image.file.section_by_name(".interp").is_some();
    if !bindings.missing.is_empty() {
        findings.unknown.push(format!(
            "{} cannot be found, and may define {}; name the folder with -L",
            some(&bindings.missing),
            some(&left)
        ));
    } else if !bindings.needs_ours && is_program {
        findings.taken.clear();
        for name in &left {
            let text = format!("takes {name}, but does not need {}", library.soname);
            findings.escape("bound", name, text);
        }
    } else if !bindings.needs_ours {
        findings.unknown.push(format!(
            "it takes {} from the program that loads it, and does not need {}; link it with the library",
            some(&left),
            library.soname
        ));
    }
}

fn judge_notes(findings: &mut Findings, image: &Image<'_>, library: &Library) {
    let Some(ours) = library.layout else { return };
    let notes = Notes::read(image);
    for (layouts, whose) in [
        (notes.programs, "is laid out for another library"),
        (notes.libraries, "has another library linked in"),
    ] {
        for difference in layouts.iter().filter_map(|layout| layout.difference(&ours)) {
            findings.escape("layout", "", format!("{whose}: {difference}"));
        }
    }
}
