//! ctest's programs: C functions that say what the compiler makes of each type, member and
//! constant, and Rust functions that compare it with ours.

use std::path::Path;

use quote::ToTokens;

use crate::rust_side::{is_opaque, Declarations};
use crate::Headers;

/// Writes `NAME.rs`, the Rust half, to `folder`, and links the C half to the tests.
pub(crate) fn write(rust: &Declarations, headers: &Headers, folder: &Path, name: &str) {
    let declarations = folder.join(format!("{name}_declarations.rs"));
    crate::write(&declarations, &flat(rust));

    let mut generator = ctest::TestGenerator::new();
    for header in headers.names() {
        generator.header(&header);
    }
    let opaque = rust.structs.iter().map(|found| &found.item).filter(|item| is_opaque(item));
    let opaque: Vec<String> = opaque.map(|item| item.ident.to_string()).collect();
    generator.skip_struct(move |item| opaque.iter().any(|name| name == item.ident()));
    // GLib's structs have no tag of that name.
    generator.rename_struct_ty(|name| name.starts_with('G').then(|| name.to_owned()));
    // In Rust a callback is a pointer, in C a function.
    let callbacks: Vec<_> = rust.aliases.iter().map(|found| found.item.ident.to_string()).collect();
    generator.rename_type(move |name| {
        callbacks.iter().any(|callback| callback == name).then(|| format!("{name} *"))
    });
    generator.skip_private(true);
    // Its test fills the struct with numbers that no `bool` has.
    generator.skip_roundtrip(|name| name == "AioContext");

    let generated = generator
        .generate_files(&declarations, folder.join(name))
        .unwrap_or_else(|e| panic!("ctest: {e}"));
    // Both sets of tests are linked to one program, so their functions need names of their own.
    for suffix in ["rs", "c"] {
        let path = generated.with_extension(suffix);
        let text = crate::read(&path).replace("ctest_", &format!("{name}_ctest_"));
        crate::write(&path, &text);
    }
    let mut c = cc::Build::new();
    c.file(generated.with_extension("c")).include(&headers.include).warnings_into_errors(true);
    for flag in &headers.glib {
        c.flag(flag);
    }
    c.compile(name);
}

/// What the declarations import. ctest only needs the names, so libc's types can be anything.
const PRELUDE: &str = "
use core::ffi::{c_char, c_int, c_uint, c_void};
type pthread_cond_t = c_int;
type pthread_mutex_t = c_int;
type pthread_t = c_int;
type sem_t = c_int;
";

/// The declarations as one file without modules, which is what ctest reads.
///
/// Without the functions and variables that only a program has: ctest compares addresses.
fn flat(rust: &Declarations) -> String {
    let mut text = String::new();
    let mut add = |item: &dyn ToTokens| {
        text.push_str(&format!("{}\n", item.to_token_stream()));
    };
    rust.structs.iter().for_each(|found| add(&found.item));
    rust.enums.iter().for_each(|found| add(&found.item));
    rust.constants.iter().for_each(|found| add(&found.item));
    rust.aliases.iter().for_each(|found| add(&found.item));
    let provided = rust.provided.iter().map(|found| {
        let mut signature = found.item.clone();
        // The block says both.
        signature.abi = None;
        signature.unsafety = None;
        format!("pub {};\n", signature.to_token_stream())
    });
    let provided: String = provided.collect();
    format!("{PRELUDE}{text}extern \"C\" {{\n{provided}}}\n")
}
