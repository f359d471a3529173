//! What the maker of a program asks for, in environment variables.

use std::env;

use super::generation::Generation;

/// The header of the reference, for programs that have moved nothing.
const HEADER: &str = "block/aio.h";

/// Headers to read, and how.
pub(crate) struct Request {
    /// The compiler's flags: `AIONOTIFY_HOST_CFLAGS`, split as a shell does.
    pub(crate) flags: Vec<String>,
    /// What to include, in this order: the words of `AIONOTIFY_HOST_HEADER`.
    pub(crate) headers: Vec<String>,
    /// The loop's generation, if `AIONOTIFY_GENERATION` says one.
    pub(crate) generation: Option<Generation>,
    /// The machine that the library is for, in Rust's words.
    pub(crate) target: String,
}

impl Request {
    /// The request of the environment; `None` where there is none, and the reference is meant.
    pub(crate) fn from_env(target: &str) -> Result<Option<Self>, String> {
        let variable = |name: &str| env::var(name).ok().filter(|text| !text.trim().is_empty());
        let generation = match variable("AIONOTIFY_GENERATION") {
            Some(text) => Some(Generation::parse(text.trim())?),
            None => None,
        };
        let Some(flags) = variable("AIONOTIFY_HOST_CFLAGS") else {
            if variable("AIONOTIFY_HOST_HEADER").is_some() {
                return Err("HOST_HEADER is given without HOST_CFLAGS: expected the compiler's \
                            flags of the program (-I, -D), found none; give both or neither"
                    .to_owned());
            }
            if generation == Some(Generation::Since5_2) {
                return Err(
                    "GENERATION=5.2 is given without HOST_CFLAGS: expected the headers of \
                            the program, because 5.2 and later have no layout in common; set \
                            HOST_CFLAGS=\"-I...\""
                        .to_owned(),
                );
            }
            return Ok(None);
        };
        let flags = shlex::split(&flags).ok_or_else(|| {
            format!(
                "HOST_CFLAGS: expected words as in a shell, found a quote that does not end in \
                 {flags:?}; close it"
            )
        })?;
        let headers = variable("AIONOTIFY_HOST_HEADER").unwrap_or_else(|| HEADER.to_owned());
        let headers = headers.split_whitespace().map(str::to_owned).collect();
        Ok(Some(Self { flags, headers, generation, target: target.to_owned() }))
    }
}
