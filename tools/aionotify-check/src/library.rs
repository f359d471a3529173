//! The library that is meant to be called: its functions, its components, its code.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use object::{Architecture, Object, ObjectSection, ObjectSymbol};

use crate::abi;
use crate::archive;
use crate::image::{Function, Image};
use crate::notes::{Layout, Notes};

pub(crate) struct Library {
    pub(crate) path: PathBuf,
    /// Its name for those that are linked with it.
    pub(crate) soname: String,
    /// The functions that a program calls.
    pub(crate) functions: BTreeSet<String>,
    pub(crate) layout: Option<Layout>,
    /// What the library calls of the program if the program has it: its weak imports.
    pub(crate) hooks: BTreeSet<String>,
    /// The components that a program may have as its own, by name, with their functions.
    pub(crate) components: BTreeMap<String, BTreeSet<String>>,
    /// The static library's members that define such functions.
    members: Vec<Member>,
    /// All functions of the static library, its own and those of its language's library.
    own_names: BTreeSet<String>,
}

struct Member {
    data: Vec<u8>,
    /// Those of the functions that it defines.
    functions: BTreeSet<String>,
}

impl Library {
    /// Reads the shared library, and the static one beside it or where `archive` says.
    pub(crate) fn read(path: &Path, archive: Option<&Path>) -> Result<Self, String> {
        let name = |e: &dyn std::fmt::Display| format!("{}: {e}", path.display());
        let data = std::fs::read(path).map_err(|e| name(&e))?;
        if archive::is_archive(&data) {
            return Err(format!(
                "{} is an archive: -l takes the shared library, -a the archive",
                path.display()
            ));
        }
        let image = Image::parse(&data).map_err(|e| name(&e))?;
        let functions: BTreeSet<String> = image
            .file
            .dynamic_symbols()
            .filter(|symbol| symbol.is_definition() && symbol.is_global())
            .filter_map(|symbol| symbol.name().ok())
            // A program calls these of itself, and has none of its own.
            .filter(|name| !name.starts_with("aionotify_"))
            .map(str::to_owned)
            .collect();
        if functions.is_empty() {
            return Err(format!("{} exports no functions", path.display()));
        }
        let mut library = Self {
            path: path.to_owned(),
            soname: crate::needed::soname(&image.file)
                .or_else(|| path.file_name().map(|name| name.to_string_lossy().into_owned()))
                .unwrap_or_default(),
            functions,
            layout: Notes::read(&image).libraries.first().copied(),
            hooks: BTreeSet::new(),
            components: BTreeMap::new(),
            members: Vec::new(),
            own_names: BTreeSet::new(),
        };
        let beside = archive::beside(path);
        match archive {
            Some(archive) => library.read_archive(archive)?,
            None if beside.exists() => library.read_archive(&beside)?,
            None => {}
        }
        if library.is_whole_loop() {
            library.hooks = hooks(&image);
            for member in &library.members {
                let first = member.functions.first().map_or("", String::as_str);
                let name = abi::component(first).unwrap_or(first).to_owned();
                let all = library.components.entry(name).or_default();
                all.extend(member.functions.iter().cloned());
            }
        }
        Ok(library)
    }

    /// Whether it is the whole loop, of which a program may have components of its own.
    pub(crate) fn is_whole_loop(&self) -> bool {
        self.layout.is_some_and(|layout| layout.is_whole_loop())
    }

    fn read_archive(&mut self, path: &Path) -> Result<(), String> {
        for (member, bytes) in archive::members(path)? {
            if member.is_none() {
                return Err(format!(
                    "{} is no archive: -a takes the static library",
                    path.display()
                ));
            }
            let Ok(image) = Image::parse(&bytes) else { continue };
            let mut functions = BTreeSet::new();
            for function in &image.functions {
                self.own_names.insert(function.name.clone());
                if function.binding == "GLOBAL" && self.functions.contains(&function.name) {
                    functions.insert(function.name.clone());
                }
            }
            if !functions.is_empty() {
                self.members.push(Member { data: bytes, functions });
            }
        }
        Ok(())
    }

    /// Whether a function of this name is some of the static library's, if not one that programs call.
    pub(crate) fn has_name(&self, name: &str) -> bool {
        self.own_names.contains(name) && !self.functions.contains(name)
    }

    /// Whether there is a static library to compare with.
    pub(crate) fn has_archive(&self) -> bool {
        !self.members.is_empty()
    }

    /// The component that a function or a variable is of, where a program may have one of its own.
    pub(crate) fn component(&self, symbol: &str) -> Option<&str> {
        let listed = abi::component(symbol).filter(|name| self.components.contains_key(*name));
        listed.or_else(|| {
            let mut all = self.components.iter();
            all.find(|(_, functions)| functions.contains(symbol)).map(|(name, _)| &**name)
        })
    }

    /// Whether the code of a function in a linked file is the static library's.
    pub(crate) fn is_code_of(&self, image: &Image<'_>, function: &Function) -> bool {
        let Some(theirs) = image.bytes(function) else { return false };
        self.members.iter().filter(|member| member.functions.contains(&function.name)).any(
            |member| {
                let Ok(object) = Image::parse(&member.data) else { return false };
                object.file.architecture() == image.file.architecture()
                    && matches(&object, &function.name, theirs) == Some(true)
            },
        )
    }
}

/// The weak imports that are the program's to define. Those of the C library have versions, those of
/// compiler and linker a name that starts with a `_`.
fn hooks(image: &Image<'_>) -> BTreeSet<String> {
    let versioned = image.versioned_imports();
    let weak = image.file.dynamic_symbols().filter(|s| s.is_undefined() && s.is_weak());
    weak.filter(|symbol| !versioned.contains(&symbol.index()))
        .filter_map(|symbol| symbol.name().ok())
        .filter(|name| !name.starts_with('_'))
        .map(str::to_owned)
        .collect()
}

/// Whether these bytes are the function's, but for what the linker fills in.
fn matches(object: &Image<'_>, name: &str, theirs: &[u8]) -> Option<bool> {
    let function = object.functions.iter().find(|function| function.name == name)?;
    let ours = object.bytes(function)?;
    if ours.len() != theirs.len() || ours.is_empty() {
        return Some(false);
    }
    let code = object.code.iter().find(|code| {
        function.address >= code.address && function.address < code.address + code.data.len() as u64
    })?;
    let start = function.address - code.address;
    let mut filled = BTreeMap::new();
    for (at, relocation) in object.file.section_by_index(code.index).ok()?.relocations() {
        let size = u64::from(relocation.size().max(32)) / 8;
        // The linker may also change the instruction: on x86 up to three bytes before, elsewhere
        // those of the word.
        let from = match object.file.architecture() {
            Architecture::X86_64 | Architecture::I386 => at.saturating_sub(3),
            _ => at & !3,
        };
        filled.insert(from, at + size);
    }
    let is_filled = |at: u64| filled.range(..=at).next_back().is_some_and(|(_, end)| at < *end);
    let same = ours.iter().zip(theirs).enumerate();
    Some(same.into_iter().all(|(at, (a, b))| a == b || is_filled(start + at as u64)))
}
