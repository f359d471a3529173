//! The compiler's flags of a program: split, and their paths made absolute.
//!
//! A relative path means the folder in which the program is compiled. This project's own folder,
//! where cargo runs the build script, has a `block/aio.h` too, and must never be meant.

use std::path::Path;

/// Flags that name a file or folder, in the next word or behind the flag in the same.
const PATHS: &[&str] = &[
    "-I",
    "-iquote",
    "-isystem",
    "-idirafter",
    "-include-pch",
    "-include",
    "-imacros",
    "-isysroot",
    "--sysroot=",
    "--sysroot",
    "-iprefix",
];

/// Splits as a shell does.
pub(super) fn split(text: &str, variable: &str) -> Result<Vec<String>, String> {
    shlex::split(text).ok_or_else(|| {
        format!(
            "{variable}: expected words as in a shell, found a quote that does not end in \
             {text:?}; close it"
        )
    })
}

/// The same words without the compiler driver's wrapping of flags for the preprocessor: `-Wp,` and
/// `-Xpreprocessor`, which would hide their paths. Left out is what such flags say of dependency files.
pub(super) fn unwrapped(words: Vec<String>) -> Vec<String> {
    let mut result = Vec::new();
    for word in words {
        let Some(wrapped) = word.strip_prefix("-Wp,") else {
            if word != "-Xpreprocessor" {
                result.push(word);
            }
            continue;
        };
        let mut wrapped = wrapped.split(',').map(str::to_owned);
        while let Some(flag) = wrapped.next() {
            // In this form the first two name a file as well.
            if ["-MD", "-MMD", "-MF", "-MT", "-MQ"].contains(&&*flag) {
                wrapped.next();
            } else {
                result.push(flag);
            }
        }
    }
    result
}

/// The same flags with absolute paths: relative ones are in `folder`, and refused without one. The
/// flags are from this variable.
pub(super) fn absolute(
    flags: Vec<String>,
    folder: Option<&Path>,
    variable: &str,
) -> Result<Vec<String>, String> {
    let mut result = Vec::new();
    let mut flags = flags.into_iter();
    while let Some(flag) = flags.next() {
        let Some(option) = PATHS.iter().find(|option| flag.starts_with(**option)) else {
            // A file of further flags, or something that the compiler takes for a file.
            if flag.starts_with('@') || !flag.starts_with('-') {
                let todo = match variable {
                    "HOST_CFLAGS" => {
                        "leave out the names of sources, and give what response files (@) say"
                    }
                    _ => {
                        "give what the response file says in HOST_CFLAGS instead, and in HOST_DIR \
                          the folder in which the compiler runs"
                    }
                };
                return Err(format!(
                    "{variable}: expected the compiler's flags, found {flag:?}; {todo}"
                ));
            }
            // Their argument is not a file.
            let takes_a_word = ["-D", "-U", "-x", "-target", "-arch", "-Xclang"].contains(&&*flag);
            result.push(flag);
            result.extend(takes_a_word.then(|| flags.next()).flatten());
            continue;
        };
        let path = match &flag[option.len()..] {
            "" => flags.next().ok_or_else(|| {
                format!("{variable}: expected a path behind {option}, found the end; add it")
            })?,
            path => path.to_owned(),
        };
        result.push((*option).trim_end_matches('=').to_owned());
        result.push(absolute_path(&path, option, folder)?);
    }
    // clang knows `--sysroot` with an equals sign only.
    Ok(joined(result))
}

/// The path in `folder`, unless it says where it is itself.
fn absolute_path(path: &str, option: &str, folder: Option<&Path>) -> Result<String, String> {
    // `=` and `$SYSROOT` stand for the sysroot; a bare name behind `-include` is searched for.
    let searched = matches!(option, "-include" | "-imacros")
        && folder.is_none_or(|folder| !folder.join(path).exists())
        && !path.starts_with('.');
    if path.starts_with(['/', '=', '$']) || searched {
        return Ok(path.to_owned());
    }
    match folder {
        Some(folder) => Ok(folder.join(path).display().to_string()),
        None => Err(format!(
            "HOST_CFLAGS: expected absolute paths, found {option} {path}; give the folder in which \
             the program is compiled in HOST_DIR, or better HOST_COMPILE_COMMANDS"
        )),
    }
}

fn joined(flags: Vec<String>) -> Vec<String> {
    let mut result: Vec<String> = Vec::new();
    for flag in flags {
        match result.last_mut() {
            Some(last) if last == "--sysroot" => *last = format!("--sysroot={flag}"),
            _ => result.push(flag),
        }
    }
    result
}
