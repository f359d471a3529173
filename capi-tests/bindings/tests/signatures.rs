//! Every function of the headers has the same signature in Rust, where it is implemented and where
//! another component imports it.
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

/// A second opinion on the build script's parsing, from the list.
#[test]
fn all_exports_are_compared() {
    let list = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../abi/exports");
    let text = fs::read_to_string(list).expect("a readable list");
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let names = lines.map(|line| line.split(' ').next().expect("a line begins with a name"));
    assert_eq!(set(COMPARED.iter().copied()), set(names));
}
