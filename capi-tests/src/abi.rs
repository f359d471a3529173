//! The symbols that each library has, as they are listed in `abi/`.

use std::collections::BTreeSet;

use crate::installed::root;
use crate::tree::read;

/// The symbols of a library's ABI.
pub fn symbols(package: &str) -> BTreeSet<String> {
    let list = read(&root().join(format!("capi-tests/abi/{package}-symbols.txt")));
    list.lines().map(str::to_owned).collect()
}

/// How the symbols that a library exports differ from its list: `+NAME`, `-NAME`.
pub fn changes(package: &str, exports: &BTreeSet<String>) -> Vec<String> {
    let listed = symbols(package);
    let added = exports.difference(&listed).map(|name| format!("+{name}"));
    added.chain(listed.difference(exports).map(|name| format!("-{name}"))).collect()
}
