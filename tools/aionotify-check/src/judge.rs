//! What escapes the library in one file, and what cannot be told of it.

use std::collections::BTreeSet;
use std::path::Path;

use object::Object;

use crate::calls::{self, definitions, judge_calls, judge_definitions, judge_wrapped};
use crate::components::{Components, Half, Hidden, Place};
use crate::coverage::{judge_coverage, judge_debug};
use crate::debug::Debug;
use crate::hooks::Hooks;
use crate::image::{Function, Image};
use crate::imports::{
    imports, is_program, judge_another, judge_both, judge_imports, judge_mistaken,
};
use crate::layout::Unknown;
use crate::library::Library;
use crate::loaded::judge_loaded;
use crate::options::Options;
use crate::reasons::{few, Reason};
use crate::{debuglink, layout, lto, needed};

/// Why a program's layout is unknown.
pub(crate) const NO_LAYOUT: &str =
    "neither a note of AIONOTIFY_CHECK_LAYOUT nor a description of AioContext";

/// A definition or a call that is not the library's.
#[derive(Debug)]
pub(crate) struct Escape {
    /// `defines`, `half`, `hidden`, `calls`, `inlined`, `wrapped`, `bound`, `loaded`, `both`, `own`,
    /// `another` or `layout`.
    pub(crate) kind: &'static str,
    /// The library's function that it is about; the component for `half` and `own`; empty for the
    /// layout, for `another` and for `both`.
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
    pub(crate) unknown: Vec<Reason>,
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
    /// What nothing says of how the program lays out what it shares with the library.
    pub(crate) layout: Unknown,
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
    if debuglink::is_without_code(image) {
        let text = "it holds debugging information and no code: check the file that it is of";
        findings.unknown.push(text.into());
        return findings;
    }
    if linked && image.symbols().symbol_table().is_none() {
        findings.unknown.push("it has no symbol table: check it before it is stripped".into());
    } else if linked && !image.functions.iter().any(|function| function.binding == "LOCAL") {
        // The compiler's start-up code always has some.
        findings.unknown.push("its local symbols have been removed: check it before".into());
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
        findings.unknown.push(text.into());
        return findings;
    }
    let debug = Debug::read(image, path);
    let (own, theirs) = definitions(image, library);
    findings.linked_in = linked && !theirs.is_empty();
    let imports = imports(image, library);
    let bindings = linked.then(|| needed::bindings(&image.file, path, library, &options.folders));
    if judge_another(&mut findings, image, library, bindings.as_ref(), &imports) {
        return findings;
    }
    let differences = layout::differences(image, &debug, library);
    let differs = !differences.is_empty();
    for difference in differences {
        findings.escape("layout", "", difference);
    }
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
    // In a program of another tree that function may be meant to stay.
    let stays = |f: &Function| differs && f.stem() == calls::SET_HANDLER;
    let wrong: Vec<&Function> = own
        .iter()
        .copied()
        .filter(|f| library.component(f.stem()).is_none() && !stays(f))
        .collect();
    // Without the archive they may be the library's for all that can be seen; calls of them are then none
    // that escape.
    let needs_ours = bindings.as_ref().is_some_and(|bindings| bindings.needs_ours);
    let may_be_theirs = linked && !needs_ours && !library.has_archive();
    judge_definitions(&mut findings, &wrong, library, may_be_theirs);
    if !may_be_theirs {
        judge_calls(&mut findings, image, &wrong);
    }
    judge_wrapped(&mut findings, image, library);
    let allows = |name: &str| components.allows(name, library);
    judge_debug(&mut findings, image, &debug, library, &allows, &theirs);
    judge_coverage(&mut findings, image, &debug, library, &theirs, options);
    findings.taken.clone_from(&imports);
    if let Some(bindings) = &bindings {
        judge_mistaken(&mut findings, library, bindings);
        judge_imports(&mut findings, image, library, bindings, &components);
        judge_both(&mut findings, image, library, bindings);
        judge_loaded(&mut findings, library, bindings, &components, &imports);
        let used: BTreeSet<&str> =
            imports.iter().map(String::as_str).chain(theirs.iter().map(|f| f.stem())).collect();
        if library.is_whole_loop() && (bindings.needs_ours || findings.linked_in) {
            judge_hooks(&mut findings, Hooks::read(image, &debug, library, bindings));
            findings.layout = layout::unknown_to_loop(image, &debug);
        } else if library.layout.is_some() && is_program(image) && !used.is_empty() {
            let elsewhere = !bindings.layouts.is_empty();
            findings.layout = layout::unknown(image, &debug, &used, elsewhere);
            if findings.layout == Unknown::Everything {
                findings.unknown.push(format!("its layout: {NO_LAYOUT}").into());
            }
        }
    }
    let taken: BTreeSet<&str> =
        findings.taken.iter().filter_map(|name| library.component(name)).collect();
    findings.components = taken.into_iter().map(str::to_owned).collect();
    findings
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
        let text = format!(
            "{component} may be the library's of another build; name the archive that is linked in with -a"
        );
        findings.unknown.push(text.into());
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
