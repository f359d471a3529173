//! The Rust types, constants and enum values have the sizes, offsets and values of the headers.

use std::collections::BTreeSet;

/// What is compared, the figure of the Rust side, and that of the headers.
type Row = (&'static str, i128, i128);

/// The rows for a folder that the build script wrote, and the items of its headers.
macro_rules! compared {
    ($module:ident, $folder:literal) => {
        mod $module {
            use core::mem::{align_of, offset_of, size_of};

            /// bindgen's view of the headers, which has system headers in it.
            #[allow(non_camel_case_types, non_upper_case_globals, non_snake_case)]
            #[allow(dead_code, improper_ctypes, unreachable_pub, clippy::all)]
            mod theirs {
                include!(concat!(env!("OUT_DIR"), $folder, "theirs.rs"));
            }

            pub(super) const ROWS: &[super::Row] =
                include!(concat!(env!("OUT_DIR"), $folder, "rows.rs"));
            pub(super) const HEADER_ITEMS: &[&str] =
                include!(concat!(env!("OUT_DIR"), $folder, "header_items.rs"));
        }
    };
}

compared!(headers, "/layout/");
compared!(planted, "/planted_layout/");

fn differences(rows: &[Row]) -> Vec<&'static str> {
    rows.iter().filter(|(_, ours, theirs)| ours != theirs).map(|(what, ..)| *what).collect()
}

/// What the headers define and no row compares.
fn missing(rows: &[Row], header_items: &[&'static str]) -> Vec<&'static str> {
    let compared: BTreeSet<_> = rows.iter().map(|(what, ..)| *what).collect();
    header_items.iter().filter(|item| !compared.contains(*item)).copied().collect()
}

#[test]
fn both_sides_are_equal() {
    assert_eq!(differences(headers::ROWS), [""; 0]);
}

#[test]
fn all_that_the_headers_define_is_compared() {
    // The only macros that Rust has no constant for.
    assert_eq!(
        missing(headers::ROWS, headers::HEADER_ITEMS),
        ["value AIONOTIFY_GENERATION", "value NANOSECONDS_PER_SECOND"],
        "the headers and the Rust sources have different items"
    );
}

#[test]
fn a_planted_member_is_noticed() {
    assert!(differences(planted::ROWS).contains(&"size_of AioContext"));
    assert!(differences(planted::ROWS).contains(&"offset_of AioContext.notify_me"));
    let missing = missing(planted::ROWS, planted::HEADER_ITEMS);
    assert!(missing.contains(&"offset_of AioContext.planted"), "{missing:?}");
}
