//! Sizes, alignments, offsets and values on both sides, as rows for the tests to compare.
//!
//! The rows are made from the Rust side. What the headers have is listed as well, by name, so
//! that the tests can tell what has no row.

use std::path::Path;

use crate::rust_side::{is_opaque, public, Declarations};
use crate::Headers;

/// Writes `theirs.rs`, bindgen's view of the headers, `rows.rs` and `header_items.rs` to `folder`.
pub(crate) fn write(rust: &Declarations, headers: &Headers, folder: &Path) {
    let types = headers.bindgen().ignore_functions();
    let theirs = types.generate().expect("bindgen reads the headers").to_string();
    crate::write(&folder.join("theirs.rs"), &theirs);
    crate::write(&folder.join("rows.rs"), &rows(rust));
    crate::write(&folder.join("header_items.rs"), &header_items(headers));
}

/// An array of what is compared, the Rust side's figure, and that of the headers in `theirs`.
fn rows(rust: &Declarations) -> String {
    let mut rows = Vec::new();
    let mut row = |what: String, ours: String, theirs: String| {
        rows.push(format!("({what:?}, {ours} as i128, {theirs} as i128),\n"));
    };
    for found in &rust.structs {
        let (name, path) = (&found.item.ident, found.path(&found.item.ident));
        if is_opaque(&found.item) {
            continue;
        }
        for property in ["size_of", "align_of"] {
            row(
                format!("{property} {name}"),
                format!("{property}::<{path}>()"),
                format!("{property}::<theirs::{name}>()"),
            );
        }
        for field in found.item.fields.iter().filter(|field| public(&field.vis)) {
            let field = field.ident.as_ref().expect("a C struct has named members");
            row(
                format!("offset_of {name}.{field}"),
                format!("offset_of!({path}, {field})"),
                format!("offset_of!(theirs::{name}, {field})"),
            );
        }
    }
    for found in &rust.enums {
        let (name, path) = (&found.item.ident, found.path(&found.item.ident));
        row(
            format!("size_of {name}"),
            format!("size_of::<{path}>()"),
            format!("size_of::<theirs::{name}>()"),
        );
        for variant in &found.item.variants {
            let value = &variant.ident;
            row(
                format!("value {value}"),
                format!("{path}::{value}"),
                format!("theirs::{name}_{value}"),
            );
        }
    }
    for found in &rust.constants {
        let name = &found.item.ident;
        row(format!("value {name}"), found.path(name), format!("theirs::{name}"));
    }
    format!("&[\n{}]", rows.concat())
}

/// An array of what the headers themselves define, in the words of the rows.
fn header_items(headers: &Headers) -> String {
    let own = headers.bindgen().ignore_functions().allowlist_recursively(false);
    let own = own.generate().expect("bindgen reads the headers").to_string();
    let file = syn::parse_file(&own).expect("bindgen prints Rust");
    let mut items = Vec::new();
    for item in file.items {
        match item {
            syn::Item::Struct(item) => {
                let name = item.ident;
                for field in item.fields {
                    let field = field.ident.expect("a C struct has named members").to_string();
                    // bindgen's own, for a struct of unknown members.
                    if field != "_unused" {
                        items.push(format!("offset_of {name}.{field}"));
                    }
                }
            }
            syn::Item::Const(item) => {
                let name = item.ident.to_string();
                // bindgen puts the enum's name before its values.
                let name = name.strip_prefix("QEMUClockType_").unwrap_or(&name);
                items.push(format!("value {name}"));
            }
            _ => {}
        }
    }
    format!("&{items:?}")
}
