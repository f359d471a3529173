//! What the lists in `abi/` and the tables in `src/abi/layout/` say.

use std::collections::BTreeSet;
use std::env;

use headers::{Component, Export};

use crate::installed::root;
use crate::tree::read;

/// The exports of a library.
pub fn exports(package: &str) -> Vec<Export> {
    let mut all = headers::exports(root()).unwrap_or_else(|e| panic!("{e}"));
    all.retain(|export| export.libraries.iter().any(|library| library == package));
    assert!(!all.is_empty(), "no library {package}");
    all
}

/// The components that a library has exports of.
pub fn components(package: &str) -> Vec<Component> {
    let exports = exports(package);
    let mut all = headers::components(root()).unwrap_or_else(|e| panic!("{e}"));
    all.retain(|component| exports.iter().any(|export| export.component == component.name));
    all
}

/// The symbols of a library's ABI.
pub fn symbols(package: &str) -> BTreeSet<String> {
    exports(package).into_iter().map(|export| export.name).collect()
}

/// How the symbols that a library exports differ from its list: `+NAME`, `-NAME`. The one symbol that
/// says which layout the library has is not listed, for it is another on each architecture.
pub fn changes(package: &str, exports: &BTreeSet<String>) -> Vec<String> {
    let listed = symbols(package);
    let added =
        exports.difference(&listed).filter(|name| !is_layout(name)).map(|name| format!("+{name}"));
    added.chain(listed.difference(exports).map(|name| format!("-{name}"))).collect()
}

/// Whether the symbol says which layout a library has.
pub fn is_layout(symbol: &str) -> bool {
    symbol.starts_with("aionotify_for_")
}

/// The architecture that is tested, by Rust's name for it.
pub fn architecture() -> String {
    let target = env::var("AIONOTIFY_TARGET").unwrap_or_else(|_| env::consts::ARCH.to_owned());
    match target.split('-').next() {
        Some("i686") => "x86".to_owned(),
        Some(architecture) => architecture.to_owned(),
        None => target,
    }
}

/// The structs of an architecture's layout, each with its size/alignment and MEMBER@OFFSET figures;
/// none where there is no table.
pub fn layout(architecture: &str) -> Vec<(String, Vec<String>)> {
    let path = root().join("src/abi/layout").join(architecture);
    if !path.exists() {
        return Vec::new();
    }
    let text = read(&path);
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let rows = lines.map(|line| line.split(' ').map(str::to_owned).collect::<Vec<_>>());
    rows.map(|mut words| (words.remove(0), words)).collect()
}

/// Where a member of AioContext is on an architecture that has a table.
pub fn offset(architecture: &str, member: &str) -> Option<usize> {
    let structs = layout(architecture);
    let (_, figures) = structs.iter().find(|(name, _)| name == "AioContext")?;
    figures.iter().find_map(|figure| figure.strip_prefix(member)?.strip_prefix('@')?.parse().ok())
}
