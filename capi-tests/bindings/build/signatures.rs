//! Every function's signature in the headers beside the one in Rust, in a form that compiles only
//! if the two are one type.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;

use crate::rust_side::Declarations;
use crate::Headers;

/// Writes `their_functions.rs`, `pairs.rs` and the lists of names to `folder`.
pub(crate) fn write(rust: &Declarations, headers: &Headers, folder: &Path) {
    // Our own types take the place of the headers', of which only the functions stay.
    let mut builder = headers.bindgen().blocklist_type("_GSource|_GPollFD");
    let mut types = String::new();
    let structs = rust.structs.iter().map(|found| (found, &found.item.ident));
    let structs = structs.map(|(found, name)| (found.path(name), name));
    let enums = rust.enums.iter().map(|found| (found.path(&found.item.ident), &found.item.ident));
    for (path, name) in structs.chain(enums) {
        builder = builder.blocklist_type(name.to_string());
        types.push_str(&format!("use {path};\n"));
    }
    let theirs = builder.generate().expect("bindgen reads the headers").to_string();
    let callbacks = rust.aliases.iter().map(|found| found.path(&found.item.ident));
    let mut prelude = format!("{types}use core::ffi::*;\n");
    callbacks.for_each(|path| prelude.push_str(&format!("use {path};\n")));

    let mut pairs = Pairs { text: String::new(), prelude };
    let mut compared = Vec::new();
    for found in &rust.provided {
        let (path, name) = (found.path(&found.item.ident), &found.item.ident);
        pairs.add(&path, &name.to_string(), false);
        compared.push(name.to_string());
    }
    let of_loop = rust.of_loop.iter().map(|function| {
        compared.push(function.export.name.clone());
        (function.foreign_item(), function.export.name.clone(), function.is_variable())
    });
    let of_loop = of_loop.collect();
    pairs.add_block("of_loop", of_loop);
    let mut imported: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for import in &rust.imported {
        let item = (import.foreign_item.clone(), import.name.clone(), false);
        imported.entry(import.component.replace('-', "_")).or_default().push(item);
    }
    for (component, items) in imported {
        pairs.add_block(&format!("imported_by_{component}"), items);
    }

    let names = |names: Vec<String>| format!("&{names:?}");
    crate::write(&folder.join("their_functions.rs"), &format!("{types}{theirs}"));
    crate::write(&folder.join("pairs.rs"), &pairs.text);
    crate::write(&folder.join("compared.rs"), &names(compared));
    crate::write(&folder.join("in_headers.rs"), &names(declared(&theirs)));
}

/// Constants that only compile if two declarations have one type.
struct Pairs {
    text: String,
    /// What declarations may name.
    prelude: String,
}

impl Pairs {
    /// The elements of an array have one type: both functions are coerced to a pointer.
    fn add(&mut self, path: &str, name: &str, is_variable: bool) {
        let by = if is_variable { "&raw const " } else { "" };
        writeln!(self.text, "const _: () = {{ let _ = [{by}{path}, {by}theirs::{name}]; }};")
            .expect("a string takes all");
    }

    /// Declarations of the same functions, as items of an `extern` block with their names.
    fn add_block(&mut self, module: &str, items: Vec<(String, String, bool)>) {
        let block: String = items.iter().map(|(item, ..)| format!("{item}\n")).collect();
        let allow = "#[allow(unused_imports, dead_code, missing_docs, unreachable_pub)]";
        let prelude = &self.prelude;
        let module_text =
            format!("{allow}\nmod {module} {{\n{prelude}extern \"C\" {{\n{block}}}\n}}\n");
        self.text.push_str(&module_text);
        for (_, name, is_variable) in items {
            self.add(&format!("{module}::{name}"), &name, is_variable);
        }
    }
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
