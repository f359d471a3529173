//! What the maker of a program asks for, in environment variables.

use std::env;
use std::path::PathBuf;

use super::compile_commands;
use super::flags::{absolute, split, unwrapped};
use super::generation::Generation;

/// The header of the reference, for programs that have moved nothing.
const HEADER: &str = "block/aio.h";

/// Headers to read, and how.
pub(crate) struct Request {
    /// The compiler's flags, with absolute paths.
    pub(crate) flags: Vec<String>,
    /// The variables that the flags are from.
    pub(crate) flags_from: &'static str,
    /// The file that the flags are from, and the source that is compiled with them.
    pub(crate) compile_commands: Option<(PathBuf, PathBuf)>,
    /// With which other flags that file has the source, or another of the same name.
    pub(crate) others: Vec<(PathBuf, Vec<String>)>,
    /// What to include, in this order: the words of `AIONOTIFY_HOST_HEADER`.
    pub(crate) headers: Vec<String>,
    /// The loop's generation, if `AIONOTIFY_GENERATION` says one.
    pub(crate) generation: Option<Generation>,
    /// The machine that the library is for, in Rust's words.
    pub(crate) target: String,
}

/// A variable that is not empty.
fn variable(name: &str) -> Option<String> {
    env::var(name).ok().filter(|text| !text.trim().is_empty())
}

impl Request {
    /// The request of the environment; `None` where there is none, and the reference is meant.
    pub(crate) fn from_env(target: &str) -> Result<Option<Self>, String> {
        let generation = match variable("AIONOTIFY_GENERATION") {
            Some(text) => Some(Generation::parse(text.trim())?),
            None => None,
        };
        let given = variable("AIONOTIFY_HOST_CFLAGS");
        let commands = variable("AIONOTIFY_HOST_COMPILE_COMMANDS").map(PathBuf::from);
        if given.is_none() && commands.is_none() {
            return match without_flags(generation) {
                Some(reason) => Err(reason),
                None => Ok(None),
            };
        }
        let folder = variable("AIONOTIFY_HOST_DIR").map(PathBuf::from);
        if let Some(folder) = folder.as_ref().filter(|folder| !folder.is_absolute()) {
            return Err(format!(
                "HOST_DIR: expected an absolute path, found {}; give the folder in which the \
                 program is compiled",
                folder.display()
            ));
        }
        if let Some(folder) = folder.as_ref().filter(|folder| !folder.is_dir()) {
            return Err(format!(
                "HOST_DIR: expected the folder in which the program is compiled, found no folder {}; \
                 correct it",
                folder.display()
            ));
        }
        let flags_from = match (&commands, &given) {
            (Some(_), Some(_)) => "HOST_COMPILE_COMMANDS and HOST_CFLAGS",
            (Some(_), None) => "HOST_COMPILE_COMMANDS",
            (None, _) => "HOST_CFLAGS",
        };
        let given = match given {
            Some(given) => {
                let words = unwrapped(split(&given, "HOST_CFLAGS")?);
                absolute(words, folder.as_deref(), "HOST_CFLAGS")?
            }
            None => Vec::new(),
        };
        let mut compiled = Vec::new();
        if let Some(file) = &commands {
            let source = variable("AIONOTIFY_HOST_SOURCE");
            for command in compile_commands::read(file, source.as_deref())? {
                let name = format!("HOST_COMPILE_COMMANDS: {}", file.display());
                let flags = absolute(command.flags, Some(&command.folder), &name)?;
                compiled.push((command.source, [flags, given.clone()].concat()));
            }
        }
        let mut compiled = compiled.into_iter();
        let (source, flags) = match compiled.next() {
            Some((source, flags)) => (Some(source), flags),
            None => (None, given),
        };
        let compile_commands = commands.zip(source);
        let others = compiled.filter(|(_, other)| *other != flags).collect();
        let headers = variable("AIONOTIFY_HOST_HEADER").unwrap_or_else(|| HEADER.to_owned());
        let headers = headers.split_whitespace().map(str::to_owned).collect();
        let target = target.to_owned();
        Ok(Some(Self { flags, flags_from, compile_commands, others, headers, generation, target }))
    }
}

/// Why there must be flags after all.
fn without_flags(generation: Option<Generation>) -> Option<String> {
    for name in ["HOST_HEADER", "HOST_DIR", "HOST_SOURCE"] {
        if variable(&format!("AIONOTIFY_{name}")).is_some() {
            return Some(format!(
                "{name} is given without HOST_CFLAGS: expected the compiler's flags of the program \
                 (-I, -D), found none; give HOST_COMPILE_COMMANDS or HOST_CFLAGS too, or neither"
            ));
        }
    }
    (generation == Some(Generation::Since5_2)).then(|| {
        "GENERATION=5.2 is given without HOST_CFLAGS: expected the headers of the program, because \
         5.2 and later have no layout in common; set HOST_COMPILE_COMMANDS or HOST_CFLAGS"
            .to_owned()
    })
}
