//! That the program's flags are for the machine that the library is built for, as far as the size of
//! its pointers shows it: `-m32` moves every field.

use super::quiet::quietly;
use super::read::{builder, figure};
use super::request::Request;

/// What clang says where they are for another one.
const MARK: &str = "the pointers are of another machine";

/// The flags that change it.
const FLAGS: &[&str] = &["-m32", "-m64", "-mx32", "-m16", "-mabi=", "-target", "--target="];

/// A line of C that does not compile with flags for another size than the target's own. It comes before
/// the headers, some of which cannot be read then.
pub(super) fn assertion(request: &Request) -> Result<String, String> {
    let size = size(&request.target)?;
    Ok(format!("_Static_assert(sizeof(void *) == {size}, \"{MARK}\");\n"))
}

/// The message, if this is what clang complains of.
pub(super) fn refused(error: &str, flags: &[String], request: &Request) -> Option<String> {
    error.contains(MARK).then(|| {
        let flags = flags.iter().filter(|flag| FLAGS.iter().any(|name| flag.starts_with(name)));
        let flags = flags.map(String::as_str).collect::<Vec<_>>().join(" ");
        format!(
            "{}: expected flags for {}, found {}, with which pointers have another size; build the \
             library for the program's machine (CARGO_BUILD_TARGET), or give the flags of a build \
             for this one",
            request.flags_from,
            request.target,
            if flags.is_empty() { "others" } else { &flags }
        )
    })
}

/// The size of a pointer on the target, without the program's flags.
fn size(target: &str) -> Result<usize, String> {
    let probe = builder("struct pointer { void *first; };\n", target, &[]);
    let text = quietly(|| probe.allowlist_type("pointer").generate()).map_err(|e| e.to_string())?;
    figure(&text.to_string(), "\"Size of pointer\"")
        .ok_or_else(|| format!("bindgen's output has no size of a pointer for {target}"))
}
