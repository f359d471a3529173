//! Every function's signature in the headers beside the one in Rust, in a form that compiles only
//! if the two are one type.

use std::path::Path;

use crate::rust_side::Declarations;
use crate::Headers;

/// Writes `their_functions.rs`, `pairs.rs` and `names.rs` to `folder`.
pub(crate) fn write(rust: &Declarations, headers: &Headers, folder: &Path) {
    // Our own types take the place of the headers', of which only the functions stay.
    let mut builder = headers.bindgen().blocklist_type("_GSource|_GPollFD");
    let mut imports = String::new();
    let structs = rust.structs.iter().map(|found| (found, &found.item.ident));
    let structs = structs.map(|(found, name)| (found.path(name), name));
    let enums = rust.enums.iter().map(|found| (found.path(&found.item.ident), &found.item.ident));
    for (path, name) in structs.chain(enums) {
        builder = builder.blocklist_type(name.to_string());
        imports.push_str(&format!("use {path};\n"));
    }
    let theirs = builder.generate().expect("bindgen reads the headers").to_string();

    let mut pairs = String::new();
    for found in rust.functions() {
        let (path, name) = (found.path(&found.item.ident), &found.item.ident);
        // The elements of an array have one type: both are coerced to a pointer to function.
        pairs.push_str(&format!("const _: () = {{ let _ = [{path}, theirs::{name}]; }};\n"));
    }
    for found in &rust.variables {
        let (path, name) = (found.path(&found.item.ident), &found.item.ident);
        pairs.push_str(&format!(
            "const _: () = {{ let _ = [&raw const {path}, &raw const theirs::{name}]; }};\n"
        ));
    }

    let names = |names: Vec<String>| format!("&{names:?}");
    let ours = rust.functions().map(|found| found.item.ident.to_string());
    let ours = ours.chain(rust.variables.iter().map(|found| found.item.ident.to_string()));
    crate::write(&folder.join("their_functions.rs"), &format!("{imports}{theirs}"));
    crate::write(&folder.join("pairs.rs"), &pairs);
    crate::write(&folder.join("compared.rs"), &names(ours.collect()));
    crate::write(&folder.join("in_headers.rs"), &names(declared(&theirs)));
}

/// The functions and variables that bindgen found.
fn declared(theirs: &str) -> Vec<String> {
    let file = syn::parse_file(theirs).expect("bindgen prints Rust");
    let blocks = file.items.into_iter().filter_map(|item| match item {
        syn::Item::ForeignMod(block) => Some(block.items),
        _ => None,
    });
    let names = blocks.flatten().map(|item| match item {
        syn::ForeignItem::Fn(item) => item.sig.ident.to_string(),
        syn::ForeignItem::Static(item) => item.ident.to_string(),
        _ => panic!("neither a function nor a variable"),
    });
    names.collect()
}
