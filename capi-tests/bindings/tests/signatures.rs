//! Every function of the headers has the same signature in Rust.
//!
//! That it does is proved by this file compiling; the tests make sure that none is left out.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// The headers' functions, with the structs of the Rust side.
#[allow(non_camel_case_types, non_upper_case_globals, non_snake_case)]
#[allow(dead_code, unused_imports, improper_ctypes, unreachable_pub, clippy::all)]
mod theirs {
    include!(concat!(env!("OUT_DIR"), "/their_functions.rs"));
}

include!(concat!(env!("OUT_DIR"), "/pairs.rs"));

/// What has been compared.
const COMPARED: &[&str] = include!(concat!(env!("OUT_DIR"), "/compared.rs"));

/// What the headers declare.
const IN_HEADERS: &[&str] = include!(concat!(env!("OUT_DIR"), "/in_headers.rs"));

fn set<'a>(names: impl IntoIterator<Item = &'a str>) -> BTreeSet<String> {
    names.into_iter().map(str::to_owned).collect()
}

#[test]
fn all_functions_of_the_headers_are_compared() {
    assert_eq!(set(COMPARED.iter().copied()), set(IN_HEADERS.iter().copied()));
}

/// A second opinion on the build script's parsing, from the text of the sources.
#[test]
fn all_functions_of_the_sources_are_compared() {
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../src");
    let mut names = BTreeSet::new();
    for (folder, starts) in [
        ("abi", ["    pub fn ", "    pub static mut "].as_slice()),
        ("capi", ["pub unsafe extern \"C\" fn ", "pub extern \"C\" fn "].as_slice()),
    ] {
        for entry in fs::read_dir(sources.join(folder)).expect("the sources are there") {
            let path = entry.expect("a readable folder").path();
            // For another generation than the headers are.
            if path.ends_with("get_wfd.rs") {
                continue;
            }
            for line in fs::read_to_string(&path).expect("a readable source").lines() {
                for rest in starts.iter().filter_map(|start| line.strip_prefix(start)) {
                    let end = rest.find(['(', ':']).expect("a name ends");
                    names.insert(rest[..end].to_owned());
                }
            }
        }
    }
    assert_eq!(set(COMPARED.iter().copied()), names);
}
