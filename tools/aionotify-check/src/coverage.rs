//! What the debugging information says of inlined calls, and which code it says nothing of.

use std::collections::BTreeSet;

use crate::debug::Debug;
use crate::image::{Function, Image};
use crate::judge::{Escape, Findings};
use crate::library::Library;
use crate::options::Options;
use crate::reasons::Reason;

pub(crate) fn judge_debug(
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
        let called = callee.strip_prefix("__wrap_").unwrap_or(callee);
        if !library.functions.contains(called) || (called == callee && allows(callee)) {
            continue;
        }
        let place = inlined.line.map(|line| format!(" (line {line})")).unwrap_or_default();
        findings.escapes.push(Escape {
            kind: "inlined",
            function: called.to_owned(),
            caller: Some(inlined.caller.clone()),
            line: inlined.line,
            text: format!("{} has {callee} inlined{place}", inlined.caller),
        });
    }
    if !unnamed.is_empty() {
        findings.unknown.push(Reason::naming(unnamed.iter(), |names| {
            format!(
                "functions are inlined in {names} from a file without debugging information; compile all with -g"
            )
        }));
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
    findings.unknown.extend(debug.unreadable.iter().cloned().map(Reason::from));
}

/// Inlined calls show only in code that the debugging information describes.
pub(crate) fn judge_coverage(
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
            false => {
                "no debugging information, so inlined calls cannot be seen; compile with -g".into()
            }
            true => Reason::naming(unseen.iter(), |names| {
                format!(
                    "no debugging information of {names}, so calls inlined there cannot be seen; compile all with -g, \
                     and name archives that have none (libc.a and the like in a static program) with -t"
                )
            }),
        });
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
