//! Several entries of one `compile_commands.json` for the source that has `aio_notify`: a library fits
//! all of them, or is refused.

use std::path::Path;

use super::read::{Headers, Struct};
use super::request::Request;

/// The message, if what the first entry leads to is not what this one, of another source or of the same,
/// does.
pub(super) fn compare(
    first: &Headers,
    other: &Result<Headers, String>,
    source: &Path,
    request: &Request,
) -> Result<(), String> {
    let (one, two) = match other {
        Err(reason) => ("headers that can be read".to_owned(), format!("({reason})")),
        Ok(other) => match difference(first, other) {
            Some(found) => found,
            None => return Ok(()),
        },
    };
    let Some((file, first)) = &request.compile_commands else { return Ok(()) };
    let todo = if source == first {
        "give the flags of the one that the program is linked with in HOST_CFLAGS, and in HOST_DIR \
         the folder in which the compiler runs, instead of HOST_COMPILE_COMMANDS"
    } else {
        "name the one that the program is linked with in HOST_SOURCE, with its whole path"
    };
    Err(format!(
        "HOST_COMPILE_COMMANDS: {}: expected entries that lead to one layout, found {one} in that for \
         {}, {two} in another for {}; {todo}",
        file.display(),
        first.display(),
        source.display()
    ))
}

/// What the library is built from and the two do not have in common: the first's and the other's.
fn difference(first: &Headers, other: &Headers) -> Option<(String, String)> {
    const CONTEXT: &[&str] = &["notify_me", "notified", "notifier"];
    // Which of them there are points to the generation.
    const LISTS: &[&str] = &["first_bh", "walking_bh", "bh_list"];
    const NOTIFIER: &[&str] = &["rfd", "wfd", "initialized"];
    fields(&first.context, &other.context, CONTEXT)
        .or_else(|| {
            let has = |headers: &Headers, name: &str| match headers.context.fields.get(name) {
                Some(_) => "there".to_owned(),
                None => "no such field".to_owned(),
            };
            let name_of = |name: &&str| format!("{}.{name}", first.context.name);
            LISTS.iter().find_map(|name| differ(&name_of(name), has(first, name), has(other, name)))
        })
        .or_else(|| fields(&first.notifier, &other.notifier, NOTIFIER))
        .or_else(|| {
            let size = |headers: &Headers| format!("{} bytes", headers.notifier.size);
            differ("EventNotifier", size(first), size(other))
        })
        .or_else(|| {
            let signature = |headers: &Headers, name: &str| match headers.functions.get(name) {
                Some(found) => format!("returns {}, takes {}", found.returns, found.arguments),
                None => "not declared".to_owned(),
            };
            let mut names = first.functions.keys().chain(other.functions.keys());
            names.find_map(|name| differ(name, signature(first, name), signature(other, name)))
        })
}

fn fields(first: &Struct, other: &Struct, names: &[&str]) -> Option<(String, String)> {
    let place = |of: &Struct, name: &str| match of.fields.get(name) {
        Some(field) => format!("{} at {}", field.type_name, field.offset),
        None => "no such field".to_owned(),
    };
    names.iter().find_map(|name| {
        differ(&format!("{}.{name}", first.name), place(first, name), place(other, name))
    })
}

fn differ(name: &str, one: String, two: String) -> Option<(String, String)> {
    (one != two).then(|| (format!("{name}: {one}"), two))
}
