//! Other libraries of a program that run functions of their own: such a call leads past ours, whatever
//! the program itself is bound to.

use std::collections::BTreeSet;

use object::{Object, ObjectSymbol, SymbolKind};

use crate::calls::definitions;
use crate::components::Components;
use crate::debug::Debug;
use crate::debuglink;
use crate::image::{Function, Image};
use crate::judge::Findings;
use crate::library::Library;
use crate::needed::{self, Bindings, Loaded};
use crate::notes::Notes;
use crate::reasons::few;

/// Names each library that does. `taken`: what the file itself takes from shared libraries, which is
/// judged already.
pub(crate) fn judge_loaded(
    findings: &mut Findings,
    library: &Library,
    bindings: &Bindings,
    components: &Components,
    taken: &[String],
) {
    for loaded in &bindings.loaded {
        let mut names = own_functions(loaded, library);
        names.retain(|name| {
            let is_bound = bindings.elsewhere.get(name) == Some(&loaded.path);
            let is_known = is_bound && taken.contains(name);
            !is_known && !components.allows(name, library)
        });
        if let Some(first) = names.first() {
            let text = format!(
                "loads {}, which runs its own {}; check that file too",
                loaded.path.display(),
                few(names.iter())
            );
            findings.escape("loaded", first, text);
        }
    }
}

/// The library's functions of which this file runs its own.
fn own_functions(loaded: &Loaded, library: &Library) -> BTreeSet<String> {
    // One that cannot be followed leaves what is exported.
    let debug = debuglink::follow(&loaded.data, &loaded.path).unwrap_or_default();
    let Ok(mut image) = Image::with_debug(&loaded.data, debug.as_deref()) else {
        return BTreeSet::new();
    };
    // The static library may be linked in.
    if !library.has_archive() && !Notes::read(&image).libraries.is_empty() {
        return BTreeSet::new();
    }
    if image.functions.is_empty() {
        image.functions = exported_functions(&image);
    }
    let exported = needed::exports(&image.file);
    let (own, _) = definitions(&image, library);
    let mut names = BTreeSet::new();
    for function in &own {
        // One that others see is only run if the loader, the linker or the compiler leads there. A
        // compiler's clone is only called by the function that it is of.
        let is_seen = exported.contains(&function.name);
        if loaded.is_before || (!is_seen && function.name == function.stem()) {
            names.insert(function.stem().to_owned());
        }
    }
    let targets: Vec<u64> = own.iter().map(|function| function.address).collect();
    for call in image.calls_to(&targets) {
        let caller = image.function_at(call.from).map_or("", Function::stem);
        let callees = own.iter().filter(|f| f.address == call.to && f.stem() != caller);
        names.extend(callees.map(|function| function.stem().to_owned()));
    }
    if !own.is_empty() {
        let inlined = Debug::read(&image, &loaded.path).inlined.into_iter();
        let inlined = inlined.filter_map(|inlined| {
            inlined.callee.filter(|name| *name != crate::image::stem(&inlined.caller))
        });
        names.extend(inlined.filter(|name| library.functions.contains(name)));
    }
    names
}

/// The functions of a stripped library that others see.
fn exported_functions(image: &Image<'_>) -> Vec<Function> {
    let symbols = image.file.dynamic_symbols();
    let mut functions: Vec<Function> = symbols
        .filter(|symbol| symbol.is_definition() && symbol.kind() == SymbolKind::Text)
        .filter_map(|symbol| {
            Some(Function {
                name: symbol.name().ok()?.to_owned(),
                address: symbol.address(),
                size: symbol.size(),
                binding: if symbol.is_weak() { "WEAK" } else { "GLOBAL" },
            })
        })
        .collect();
    functions.sort_by_key(|function| function.address);
    functions
}
