//! The flags with which a build system compiles one source, from its `compile_commands.json`.

use std::path::{Component, Path, PathBuf};

use serde_json::Value;

use super::flags::{split, unwrapped};

/// One source as it is compiled.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Command {
    /// The flags that decide on the layout of structs, as they are written there.
    pub(super) flags: Vec<String>,
    /// The folder in which the compiler runs.
    pub(super) folder: PathBuf,
    /// The source.
    pub(super) source: PathBuf,
}

/// Where the function is in the trees of QEMU.
const SOURCES: &[&str] = &["util/async.c", "async.c"];

/// Flags that decide on the layout, with the argument in the same word or in the next.
const WITH_ARGUMENT: &[&str] = &[
    "-iquote",
    "-isystem",
    "-idirafter",
    "-include",
    "-imacros",
    "-isysroot",
    "--sysroot",
    "-iprefix",
    "-I",
    "-D",
    "-U",
];

/// The same, of one word.
const WORDS: &[&str] = &[
    "-std=",
    "-ansi",
    "-m32",
    "-m64",
    "-mx32",
    "-mabi=",
    "-nostdinc",
    "-pthread",
    "-fopenmp",
    "-fpack-struct",
    "-fshort-enums",
    "-fno-short-enums",
    "-funsigned-char",
    "-fsigned-char",
    "-ffreestanding",
];

/// The commands for `source`, a path or the end of one; by default the file that has `aio_notify` in
/// the trees of QEMU, or the source of a unity build that includes it. At least one, and none twice.
pub(super) fn read(file: &Path, source: Option<&str>) -> Result<Vec<Command>, String> {
    let refuse = |expected: &str, found: &str, todo: &str| {
        format!(
            "HOST_COMPILE_COMMANDS: {}: expected {expected}, found {found}; {todo}",
            file.display()
        )
    };
    let write = "have the tree's build system write it (Meson does, CMake with \
                 -DCMAKE_EXPORT_COMPILE_COMMANDS=ON, other makes under bear)";
    let text = std::fs::read_to_string(file)
        .map_err(|e| refuse("a file that can be read", &e.to_string(), write))?;
    let json: Value =
        serde_json::from_str(&text).map_err(|e| refuse("JSON", &e.to_string(), write))?;
    let entries = json.as_array().map(Vec::as_slice).unwrap_or_default();
    let wanted: Vec<&str> = source.map_or(SOURCES.to_vec(), |source| vec![source]);
    let of = |has: &dyn Fn(&Path, &str) -> bool| {
        wanted.iter().find_map(|wanted| {
            let found =
                entries.iter().filter(|entry| source_of(entry).is_some_and(|s| has(&s, wanted)));
            let found: Vec<&Value> = found.collect();
            (!found.is_empty()).then_some(found)
        })
    };
    let found = of(&|path, wanted| path.ends_with(wanted)).or_else(|| of(&unity_includes));
    let Some(found) = found else {
        return Err(refuse(
            &format!("an entry for {}", wanted.join(" or ")),
            &format!("none among {}", entries.len()),
            "name in HOST_SOURCE the source that has aio_notify",
        ));
    };
    let mut commands = Vec::new();
    for entry in found {
        let source = source_of(entry).unwrap_or_default();
        let folder = folder_of(entry);
        if !folder.is_absolute() {
            let found = folder.display().to_string();
            return Err(refuse("an absolute directory in each entry", &found, write));
        }
        if !folder.is_dir() {
            let found = format!("no folder {}", folder.display());
            let todo = "configure the tree where it is now, so that its build system writes the \
                        file anew";
            return Err(refuse("the folder in which the compiler runs", &found, todo));
        }
        let words = words(entry)?.ok_or_else(|| {
            refuse("a command or arguments", &format!("neither for {}", source.display()), write)
        })?;
        let command = Command { flags: of_layout(unwrapped(words)), folder, source };
        if !commands.contains(&command) {
            commands.push(command);
        }
    }
    Ok(commands)
}

/// Whether this is one of the sources that Meson and CMake make of several in a unity build, and
/// includes the wanted one.
fn unity_includes(path: &Path, wanted: &str) -> bool {
    let is_unity = path.file_name().is_some_and(|name| name.to_string_lossy().contains("unity"));
    is_unity
        && std::fs::read_to_string(path).is_ok_and(|text| {
            let included = text.lines().filter_map(|line| line.trim().strip_prefix("#include"));
            let included = included.map(|name| name.trim().trim_matches(['"', '<', '>']));
            included.map(Path::new).any(|name| name.ends_with(wanted))
        })
}

fn text<'a>(entry: &'a Value, key: &str) -> Option<&'a str> {
    entry.get(key).and_then(Value::as_str)
}

fn folder_of(entry: &Value) -> PathBuf {
    text(entry, "directory").unwrap_or_default().into()
}

/// The source's path, without `..`.
fn source_of(entry: &Value) -> Option<PathBuf> {
    let mut path = PathBuf::new();
    for component in folder_of(entry).join(text(entry, "file")?).components() {
        match component {
            Component::ParentDir => {
                path.pop();
            }
            Component::CurDir => {}
            other => path.push(other),
        }
    }
    Some(path)
}

fn words(entry: &Value) -> Result<Option<Vec<String>>, String> {
    if let Some(arguments) = entry.get("arguments").and_then(Value::as_array) {
        let words = arguments.iter().filter_map(Value::as_str).map(str::to_owned);
        return Ok(Some(words.collect()));
    }
    text(entry, "command").map(|command| split(command, "HOST_COMPILE_COMMANDS")).transpose()
}

/// Those of a compiler's words that decide on the layout: warnings, outputs, optimisations and what
/// only one compiler knows are left out.
fn of_layout(words: Vec<String>) -> Vec<String> {
    let mut flags = Vec::new();
    let mut words = words.into_iter();
    while let Some(word) = words.next() {
        if WITH_ARGUMENT.contains(&&*word) {
            flags.push(word);
            flags.extend(words.next());
        } else if ["-o", "-MF", "-MQ", "-MT"].contains(&&*word) {
            words.next();
        } else if word.starts_with('@') {
            // A file of further flags: refused later, with those that a user gives.
            flags.push(word);
        } else if WITH_ARGUMENT.iter().chain(WORDS).any(|flag| word.starts_with(flag)) {
            flags.push(word);
        }
    }
    flags
}
