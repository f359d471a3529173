//! Which shared library a program's calls are bound to, as the loader finds it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::{Path, PathBuf};

use object::{Architecture, File, Object, ObjectSection, ObjectSymbol};

use crate::image::Image;
use crate::library::Library;
use crate::notes::{self, Layout, Notes};
use crate::reasons::few;

/// The tags of `.dynamic` that are read here.
const DT_SONAME: u64 = 14;
const DT_RPATH: u64 = 15;
const DT_RUNPATH: u64 = 29;

/// What the loader would do.
#[derive(Default, Debug)]
pub(crate) struct Bindings {
    /// Whether the library is among those that are loaded.
    pub(crate) needs_ours: bool,
    /// The library's functions that a file which stands before it provides, with its path.
    pub(crate) elsewhere: BTreeMap<String, PathBuf>,
    /// The library's hooks that any file provides.
    pub(crate) hooks: BTreeSet<String>,
    /// Libraries that stand before ours and are not there.
    pub(crate) missing: Vec<String>,
    /// Other libraries of this project that are loaded, by soname and path.
    pub(crate) siblings: Vec<(String, PathBuf)>,
    /// Files of no library of this project that define functions of ours.
    pub(crate) loaded: Vec<Loaded>,
    /// What the loader finds under our library's name, where that is another: its path, and how it
    /// differs, in words.
    pub(crate) mistaken: Option<(PathBuf, String)>,
    /// The layouts of which the loaded files have notes.
    pub(crate) layouts: Vec<(PathBuf, Layout)>,
}

/// A library that defines functions of ours.
#[derive(Debug)]
pub(crate) struct Loaded {
    pub(crate) path: PathBuf,
    pub(crate) data: Vec<u8>,
    /// Whether the loader comes to it before ours.
    pub(crate) is_before: bool,
}

impl Bindings {
    /// The functions that a file provides which is no library of this project.
    pub(crate) fn foreign(&self) -> impl Iterator<Item = &String> {
        let foreign = self.elsewhere.iter().filter(|(_, file)| !self.is_sibling(file));
        foreign.map(|(name, _)| name)
    }

    /// Whether the file is another library of this project.
    pub(crate) fn is_sibling(&self, file: &Path) -> bool {
        self.siblings.iter().any(|(_, sibling)| sibling == file)
    }
}

/// Follows the libraries that a file needs, in the loader's order. Ours ends the search for its own
/// functions, for what is left is then ours, whatever comes behind.
pub(crate) fn bindings(
    file: &File<'_>,
    path: &Path,
    library: &Library,
    folders: &[PathBuf],
) -> Bindings {
    let mut result = Bindings::default();
    let mut queue: VecDeque<(String, Search)> = VecDeque::new();
    let mut seen = Vec::new();
    enqueue(&mut queue, file, path);
    while let Some((name, search)) = queue.pop_front() {
        let base = name.rsplit('/').next().unwrap_or(&name).to_owned();
        if seen.contains(&base) {
            continue;
        }
        seen.push(base.clone());
        if base == library.soname {
            result.needs_ours = true;
            result.mistaken = find(&name, &search, folders, file).and_then(|(path, data)| {
                let difference = another(&path, &data, library)?;
                Some((path, difference))
            });
            continue;
        }
        let Some((found, data)) = find(&name, &search, folders, file) else {
            if !result.needs_ours {
                result.missing.push(base);
            }
            continue;
        };
        let Ok(other) = File::parse(&*data) else { continue };
        let defined = exports(&other);
        result.hooks.extend(library.hooks.iter().filter(|hook| defined.contains(*hook)).cloned());
        if !result.needs_ours {
            for name in library.functions.iter().filter(|name| defined.contains(*name)) {
                result.elsewhere.entry(name.clone()).or_insert_with(|| found.clone());
            }
        }
        // Another library may hold the static one, hidden; that one is not called from here.
        if defined.contains("aionotify_target") && other.section_by_name(notes::SECTION).is_some() {
            result.siblings.push((base, found.clone()));
            enqueue(&mut queue, &other, &found);
            continue;
        }
        enqueue(&mut queue, &other, &found);
        let mut symbols = other.symbols().chain(other.dynamic_symbols());
        let is_before = !result.needs_ours;
        if symbols.any(|symbol| symbol.is_definition() && is_named(&symbol, library)) {
            result.loaded.push(Loaded { path: found.clone(), data: data.clone(), is_before });
        }
        if other.section_by_name(notes::SECTION).is_some() {
            if let Ok(image) = Image::parse(&data) {
                let programs = Notes::read(&image).programs.into_iter();
                result.layouts.extend(programs.map(|layout| (found.clone(), layout)));
            }
        }
    }
    result
}

fn is_named<'data>(symbol: &impl ObjectSymbol<'data>, library: &Library) -> bool {
    symbol.name().is_ok_and(|name| library.functions.contains(crate::image::stem(name)))
}

/// How a file differs from the library that is meant, if it is another.
fn another(path: &Path, data: &[u8], library: &Library) -> Option<String> {
    let real = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
    if real(path) == real(&library.path) {
        return None;
    }
    let Ok(image) = Image::parse(data) else { return Some("it cannot be read".to_owned()) };
    let exported = exports(&image.file);
    let missing: Vec<&String> = library.functions.difference(&exported).collect();
    if !missing.is_empty() {
        return Some(format!("it has no {}", few(missing.iter())));
    }
    let ours = library.layout?;
    match Notes::read(&image).libraries.first() {
        Some(theirs) => theirs.difference(&ours),
        None => Some(format!("it has no {}", notes::SECTION)),
    }
}

/// The symbols that a linked file defines for others.
pub(crate) fn exports(file: &File<'_>) -> BTreeSet<String> {
    let defined = file.dynamic_symbols().filter(|symbol| symbol.is_definition());
    defined.filter_map(|symbol| symbol.name().ok().map(str::to_owned)).collect()
}

/// The library's name for those that are linked with it.
pub(crate) fn soname(file: &File<'_>) -> Option<String> {
    dynamic_strings(file, DT_SONAME).into_iter().next()
}

/// The folders that a file names.
#[derive(Clone, Default)]
struct Search {
    folders: Vec<PathBuf>,
    /// Whether they come before those of the environment (`DT_RPATH`).
    is_first: bool,
}

fn enqueue(queue: &mut VecDeque<(String, Search)>, file: &File<'_>, path: &Path) {
    let runpath = dynamic_strings(file, DT_RUNPATH);
    let is_first = runpath.is_empty();
    let search = if is_first { dynamic_strings(file, DT_RPATH) } else { runpath };
    let real = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let origin = real.parent().unwrap_or(Path::new("/")).display().to_string();
    let folders: Vec<PathBuf> = search
        .iter()
        .flat_map(|list| list.split(':'))
        .map(|folder| folder.replace("$ORIGIN", &origin).replace("${ORIGIN}", &origin).into())
        .collect();
    let search = Search { folders, is_first };
    let Ok(needed) = file.import_libraries() else { return };
    for name in needed.flatten() {
        let name = String::from_utf8_lossy(name.name()).into_owned();
        queue.push_back((name, search.clone()));
    }
}

/// The values of a tag of `.dynamic` that are names.
fn dynamic_strings(file: &File<'_>, wanted: u64) -> Vec<String> {
    let section = |name| file.section_by_name(name).and_then(|s| s.data().ok());
    let (Some(dynamic), Some(strings)) = (section(".dynamic"), section(".dynstr")) else {
        return Vec::new();
    };
    let size = if file.is_64() { 8 } else { 4 };
    let number = |bytes: &[u8]| {
        let mut all = [0; 8];
        if file.is_little_endian() {
            all[..bytes.len()].copy_from_slice(bytes);
            u64::from_le_bytes(all)
        } else {
            all[8 - bytes.len()..].copy_from_slice(bytes);
            u64::from_be_bytes(all)
        }
    };
    dynamic
        .chunks_exact(2 * size)
        .map(|entry| (number(&entry[..size]), number(&entry[size..])))
        .filter(|(tag, _)| *tag == wanted)
        .filter_map(|(_, at)| strings.get(at as usize..)?.split(|byte| *byte == 0).next())
        .map(|name| String::from_utf8_lossy(name).into_owned())
        .collect()
}

/// The file that the loader would take, if it is for the same machine.
fn find(
    name: &str,
    search: &Search,
    folders: &[PathBuf],
    file: &File<'_>,
) -> Option<(PathBuf, Vec<u8>)> {
    let environment = std::env::var_os("LD_LIBRARY_PATH").unwrap_or_default();
    let environment: Vec<PathBuf> =
        std::env::split_paths(&environment).filter(|p| !p.as_os_str().is_empty()).collect();
    let (first, second) = match search.is_first {
        true => (&search.folders, &environment),
        false => (&environment, &search.folders),
    };
    let candidates: Vec<PathBuf> = match name.contains('/') {
        true => vec![name.into()],
        false => first
            .iter()
            .chain(second)
            .cloned()
            .chain(folders.iter().cloned())
            .chain(system_folders(file))
            .map(|folder| folder.join(name))
            .collect(),
    };
    candidates.into_iter().find_map(|path| {
        let data = std::fs::read(&path).ok()?;
        let other = File::parse(&*data).ok()?;
        let fits = other.architecture() == file.architecture() && other.is_64() == file.is_64();
        fits.then_some((path, data))
    })
}

fn system_folders(file: &File<'_>) -> Vec<PathBuf> {
    let mut folders = Vec::new();
    for line in configured(Path::new("/etc/ld.so.conf"), 0) {
        folders.push(line.into());
    }
    let triplet = match file.architecture() {
        Architecture::X86_64 => "x86_64-linux-gnu",
        Architecture::Aarch64 => "aarch64-linux-gnu",
        Architecture::I386 => "i386-linux-gnu",
        _ => "",
    };
    for folder in ["/lib", "/usr/lib"] {
        folders.push(Path::new(folder).join(triplet));
    }
    folders.push(Path::new("/usr").join(triplet).join("lib"));
    folders
        .extend(["/lib64", "/usr/lib64", "/lib", "/usr/lib", "/usr/local/lib"].map(PathBuf::from));
    folders
}

/// The folders of the loader's configuration.
fn configured(path: &Path, depth: usize) -> Vec<String> {
    let Ok(text) = std::fs::read_to_string(path) else { return Vec::new() };
    let mut folders = Vec::new();
    for line in text.lines().map(str::trim).filter(|line| !line.starts_with('#')) {
        let Some(pattern) = line.strip_prefix("include ") else {
            folders.extend((!line.is_empty()).then(|| line.to_owned()));
            continue;
        };
        let pattern = Path::new(pattern.trim());
        let folder = pattern.parent().unwrap_or(Path::new("/etc"));
        let mut files: Vec<PathBuf> = std::fs::read_dir(folder)
            .map(|entries| entries.flatten().map(|entry| entry.path()).collect())
            .unwrap_or_default();
        files.sort();
        for file in files {
            if depth < 4 && file.extension().is_some_and(|extension| extension == "conf") {
                folders.extend(configured(&file, depth + 1));
            }
        }
    }
    folders
}
