//! Definitions of a file's own, and calls that lead to them.

use std::collections::BTreeSet;

use object::{Object, ObjectSymbol};

use crate::archive;
use crate::image::{stem, Function, Image};
use crate::judge::{Escape, Findings};
use crate::library::Library;

/// The library's function that is the tree's own from 2.9 on.
pub(crate) const SET_HANDLER: &str = "event_notifier_set_handler";

/// The functions that the file defines of the library's names: its own, and the library's.
pub(crate) fn definitions<'a>(
    image: &'a Image<'_>,
    library: &Library,
) -> (Vec<&'a Function>, Vec<&'a Function>) {
    let named = image.functions.iter().filter(|f| library.functions.contains(f.stem()));
    named.partition(|function| image.is_relocatable() || !library.is_code_of(image, function))
}

pub(crate) fn judge_definitions(
    findings: &mut Findings,
    wrong: &[&Function],
    library: &Library,
    may_be_theirs: bool,
) {
    for Function { name, binding, .. } in wrong {
        let mut text = format!("defines {name} itself ({binding})");
        if may_be_theirs {
            text += &format!(
                "; it may be the library's, linked in: there is no {} to compare with (-a)",
                archive::beside(&library.path).display()
            );
        } else if stem(name) == SET_HANDLER {
            text += "; from QEMU 2.9 on it is the tree's own, and this library another tree's";
        }
        findings.escape("defines", stem(name), text);
    }
}

pub(crate) fn judge_calls(findings: &mut Findings, image: &Image<'_>, wrong: &[&Function]) {
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

/// `-Wl,--wrap=NAME` leads the calls of a function to `__wrap_NAME`.
pub(crate) fn judge_wrapped(findings: &mut Findings, image: &Image<'_>, library: &Library) {
    let wrapped = |name: &str| {
        let name = stem(name).strip_prefix("__wrap_")?;
        library.functions.contains(name).then(|| name.to_owned())
    };
    let here: BTreeSet<String> = image.functions.iter().filter_map(|f| wrapped(&f.name)).collect();
    let dynamic = image.file.dynamic_symbols().filter(|symbol| symbol.is_undefined());
    let dynamic = dynamic.filter_map(|symbol| wrapped(symbol.name().ok()?));
    let elsewhere: BTreeSet<String> =
        image.undefined.iter().filter_map(|name| wrapped(name)).chain(dynamic).collect();
    for name in &here {
        let text =
            format!("defines __wrap_{name}, to which --wrap={name} leads the calls of {name}");
        findings.escape("wrapped", name, text);
    }
    for name in elsewhere.difference(&here) {
        let text = format!("calls __wrap_{name}, not {name}: it is linked with --wrap={name}");
        findings.escape("wrapped", name, text);
    }
}
