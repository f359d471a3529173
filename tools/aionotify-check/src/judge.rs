//! What escapes the library in one file, and what cannot be told of it.

use std::collections::BTreeSet;
use std::path::Path;

use object::Object;

use crate::components::{Components, Half, Hidden, Place};
use crate::debug::Debug;
use crate::hooks::Hooks;
use crate::image::{stem, Function, Image};
use crate::imports::{imports, is_program, judge_both, judge_imports};
use crate::library::Library;
use crate::options::Options;
use crate::{layout, lto, needed};

/// A definition or a call that is not the library's.
#[derive(Debug)]
pub(crate) struct Escape {
    /// `defines`, `half`, `hidden`, `calls`, `inlined`, `bound`, `both`, `own` or `layout`.
    pub(crate) kind: &'static str,
    /// The library's function that it is about; the component for `half` and `own`; empty for the
    /// layout and for `both`.
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
    /// The components that are the program's own as a whole.
    pub(crate) own: Vec<String>,
    /// The components of which it takes functions from the library.
    pub(crate) components: Vec<String>,
    /// Whose the functions are that the library calls of the program.
    pub(crate) hooks: Hooks,
    /// Whether nothing says how the program lays out what it shares with the library.
    pub(crate) no_layout: bool,
}

impl Findings {
    pub(crate) fn escape(&mut self, kind: &'static str, function: &str, text: String) {
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
    let imports = imports(image, library);
    let bindings = linked.then(|| needed::bindings(&image.file, path, library, &options.folders));
    let place = Place {
        image,
        own: &own,
        theirs: &theirs,
        together,
        bindings: bindings.as_ref(),
        is_closed: bindings.as_ref().is_some_and(|bindings| {
            let knows_all = !bindings.needs_ours && bindings.missing.is_empty();
            is_program(image) && knows_all && imports.is_empty()
        }),
    };
    let components = Components::of(&place, library);
    judge_components(&mut findings, &components, linked, options);
    let wrong: Vec<&Function> =
        own.iter().copied().filter(|f| library.component(f.stem()).is_none()).collect();
    judge_definitions(&mut findings, &wrong, library);
    judge_calls(&mut findings, image, &wrong);
    let allows = |name: &str| components.allows(name, library);
    judge_debug(&mut findings, image, &debug, library, &allows, &theirs);
    judge_coverage(&mut findings, image, &debug, library, &theirs, options);
    findings.taken = imports;
    if let Some(bindings) = &bindings {
        judge_imports(&mut findings, image, library, bindings, &components);
        judge_both(&mut findings, image, library, bindings);
        if library.is_whole_loop() && (bindings.needs_ours || findings.linked_in) {
            judge_hooks(&mut findings, Hooks::read(image, &debug, library, bindings));
            findings.no_layout = layout::is_unknown(image, &debug);
        }
    }
    let taken: BTreeSet<&str> =
        findings.taken.iter().filter_map(|name| library.component(name)).collect();
    findings.components = taken.into_iter().map(str::to_owned).collect();
    for difference in layout::differences(image, &debug, library) {
        findings.escape("layout", "", difference);
    }
    findings
}

/// The functions that the file defines of the library's names: its own, and the library's.
pub(crate) fn definitions<'a>(
    image: &'a Image<'_>,
    library: &Library,
) -> (Vec<&'a Function>, Vec<&'a Function>) {
    let named = image.functions.iter().filter(|f| library.functions.contains(f.stem()));
    named.partition(|function| image.is_relocatable() || !library.is_code_of(image, function))
}

/// A line for each component that is the program's own and should not be.
fn judge_components(
    findings: &mut Findings,
    components: &Components,
    linked: bool,
    options: &Options,
) {
    for Half { component, own, missing } in &components.halves {
        let text = format!(
            "{component} is half its own: own {}; the library's {}",
            few(own.iter()),
            few(missing.iter())
        );
        findings.escape("half", component, text);
    }
    for Hidden { component, functions } in &components.hidden {
        let text = format!(
            "defines {} itself, but hidden from the library, which uses its own {component}",
            few(functions.iter())
        );
        findings.escape("hidden", functions.first().map_or("", String::as_str), text);
    }
    for component in &components.unrecognized {
        findings.unknown.push(format!(
            "{component} may be the library's of another build; name the archive that is linked in with -a"
        ));
    }
    findings.own = components.own.iter().cloned().collect();
    let Some(expected) = &options.own else { return };
    for component in components.own.iter().filter(|name| !expected.contains(*name)) {
        findings.escape(
            "own",
            component,
            format!("{component} is its own, which --own does not name"),
        );
    }
    let named = |name: &str| {
        let mut named = components.halves.iter().map(|half| &half.component);
        components.own.contains(name) || named.any(|half| half == name)
    };
    // An object file has only a part of what the program will have.
    for component in expected.iter().filter(|name| linked && !named(name)) {
        findings.escape("own", component, format!("{component} is not its own, which --own names"));
    }
}

fn judge_definitions(findings: &mut Findings, wrong: &[&Function], library: &Library) {
    for Function { name, binding, .. } in wrong {
        let mut text = format!("defines {name} itself ({binding})");
        if !library.has_archive() && *binding != "LOCAL" {
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
    allows: &dyn Fn(&str) -> bool,
    theirs: &[&Function],
) {
    let mut unnamed = BTreeSet::new();
    for inlined in &debug.inlined {
        let Some(callee) = &inlined.callee else {
            unnamed.insert(&*inlined.caller);
            continue;
        };
        if !library.functions.contains(callee) || allows(callee) {
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
            few(unnamed.iter())
        ));
    }
    // What `-z muldefs` has left out keeps its code and its description, but no symbol.
    for (name, address) in &debug.defined {
        let known = image.functions.iter().any(|f| f.address == *address && f.stem() == name);
        let is_theirs = theirs.iter().any(|function| function.address == *address);
        if library.functions.contains(name) && !known && !is_theirs && !allows(name) {
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
    if !unseen.is_empty() {
        findings.unknown.push(match debug.present {
            false => "no debugging information, so inlined calls cannot be seen; compile with -g".to_owned(),
            true => format!(
                "no debugging information of {}, so calls inlined there cannot be seen; compile all with -g, and name \
                 archives that have none (libc.a and the like in a static program) with -t",
                few(unseen.iter())
            ),
        });
    }
}

/// A list that is not too long for a line.
pub(crate) fn few<T: std::fmt::Display>(names: impl ExactSizeIterator<Item = T>) -> String {
    let more = names.len().saturating_sub(3);
    let names: Vec<String> = names.map(|name| name.to_string()).collect();
    match more {
        0 | 1 => names.join(", "),
        _ => format!("{} and {more} more", names[..3].join(", ")),
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

fn judge_hooks(findings: &mut Findings, hooks: Hooks) {
    if let Some(first) = hooks.hidden.first() {
        let text = format!(
            "defines {} itself, but hidden from the library, which uses its defaults",
            few(hooks.hidden.iter())
        );
        findings.escape("hidden", first, text);
    }
    findings.hooks = hooks;
}
