//! What the debugging information says: which code it describes, and which functions the compiler has
//! put into others.

use std::collections::{HashMap, HashSet};
use std::path::Path;

use gimli::{AttributeValue, DebuggingInformationEntry, Dwarf, Unit};

use crate::image::{Function, Image};
use crate::names::Names;
use crate::sections::{load, Reader, Unreadable};
use crate::shapes::{self, Shape};
use crate::split::Split;

type Entry<'a, 'u> = DebuggingInformationEntry<'a, 'u, Reader>;

/// A function that is in another.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Inlined {
    /// The function that it is in.
    pub(crate) caller: String,
    /// `None` for code of a unit without debugging information.
    pub(crate) callee: Option<String>,
    pub(crate) line: Option<u64>,
}

#[derive(Default)]
pub(crate) struct Debug {
    /// Code that is described, with the function's name: start, end.
    covered: Vec<(u64, u64)>,
    /// Functions that have code of their own.
    pub(crate) defined: Vec<(String, u64)>,
    /// Functions that are described and have no code of their own: name, and whether other units see it.
    merged: HashMap<(String, bool), usize>,
    pub(crate) inlined: Vec<Inlined>,
    /// Functions and variables that other units see, defined here.
    pub(crate) external: HashSet<String>,
    /// Each `AioContext` that differs from the others.
    pub(crate) contexts: Vec<Shape>,
    /// Each `EventNotifier` that does.
    pub(crate) notifiers: Vec<Shape>,
    /// What could not be read, in words.
    pub(crate) unreadable: Vec<String>,
    /// Whether there is any.
    pub(crate) present: bool,
}

impl Debug {
    /// Reads all that there is. `path` is the file's, for what is beside it.
    pub(crate) fn read(image: &Image<'_>, path: &Path) -> Self {
        let mut debug = Self::default();
        if let Err(Unreadable(e)) = debug.read_all(image, path) {
            debug.unreadable.push(format!("debugging information: {e}"));
        }
        debug.covered.sort_unstable();
        debug.inlined.sort();
        debug.inlined.dedup();
        debug
    }

    /// Whether the code at the address is described.
    pub(crate) fn covers(&self, address: u64) -> bool {
        let behind = self.covered.partition_point(|(start, _)| *start <= address);
        // Ranges may nest: a few before are enough, for functions do not.
        self.covered[..behind].iter().rev().take(16).any(|(_, end)| address < *end)
    }

    /// Whether a function without described code is what the compiler has made of two that do the same:
    /// all that the other does is described there.
    pub(crate) fn is_merged(&self, image: &Image<'_>, function: &Function) -> bool {
        let is_global = |f: &Function| f.binding != "LOCAL";
        let key = (function.stem().to_owned(), is_global(function));
        let described = self.merged.get(&key).copied().unwrap_or(0);
        let same = image.functions.iter().filter(|f| f.stem() == key.0 && is_global(f) == key.1);
        described >= same.count()
    }

    fn read_all(&mut self, image: &Image<'_>, path: &Path) -> Result<(), Unreadable> {
        let dwarf = Dwarf::load(|id| load(image, Some(id.name())))?;
        let split = Split::beside(path);
        let mut headers = dwarf.units();
        let mut units = Vec::new();
        while let Some(header) = headers.next()? {
            units.push(dwarf.unit(header)?);
        }
        self.present = !units.is_empty();
        let mut names = Names::new(&units);
        for unit in &units {
            match unit.dwo_name()? {
                None => self.read_unit(image, &dwarf, unit, &mut names)?,
                Some(name) => split.read(self, image, (&dwarf, unit), name)?,
            }
        }
        self.read_types(&dwarf)
    }

    /// Types may be apart (-fdebug-types-section), up to DWARF 4 in a section of their own.
    pub(crate) fn read_types(&mut self, dwarf: &Dwarf<Reader>) -> Result<(), Unreadable> {
        let mut headers = dwarf.type_units();
        while let Some(header) = headers.next()? {
            self.read_shapes(dwarf, &dwarf.unit(header)?)?;
        }
        Ok(())
    }

    /// Notes the shapes in a unit of types.
    pub(crate) fn read_shapes(
        &mut self,
        dwarf: &Dwarf<Reader>,
        unit: &Unit<Reader>,
    ) -> Result<(), Unreadable> {
        let mut entries = unit.entries();
        while let Some((_, entry)) = entries.next_dfs()? {
            self.read_shape(dwarf, unit, entry)?;
        }
        Ok(())
    }

    /// Notes the shape of a struct that programs share with the library, if the entry is its.
    fn read_shape(
        &mut self,
        dwarf: &Dwarf<Reader>,
        unit: &Unit<Reader>,
        entry: &Entry<'_, '_>,
    ) -> Result<(), Unreadable> {
        let Some((of, at)) = shapes::shared(dwarf, unit, entry)? else { return Ok(()) };
        let Some(shape) = shapes::shape(dwarf, unit, at)? else { return Ok(()) };
        let shapes = match of {
            shapes::Of::Context => &mut self.contexts,
            shapes::Of::Notifier => &mut self.notifiers,
        };
        let same = |other: &Shape| other.size == shape.size && other.members == shape.members;
        if !shapes.iter().any(same) {
            shapes.push(shape);
        }
        Ok(())
    }

    pub(crate) fn read_unit(
        &mut self,
        image: &Image<'_>,
        dwarf: &Dwarf<Reader>,
        unit: &Unit<Reader>,
        names: &mut Names<'_>,
    ) -> Result<(), Unreadable> {
        let mut entries = unit.entries();
        let mut depth = 0;
        // The functions around an entry: depth, name, and whether there is code of it.
        let mut around: Vec<(isize, Option<String>, bool)> = Vec::new();
        while let Some((delta, entry)) = entries.next_dfs()? {
            depth += delta;
            while around.last().is_some_and(|(level, ..)| *level >= depth) {
                around.pop();
            }
            match entry.tag() {
                gimli::DW_TAG_compile_unit if is_assembler(entry)? => {
                    // No function of it can have been put into another.
                    let mut ranges = dwarf.unit_ranges(unit)?;
                    while let Some(range) = ranges.next()? {
                        self.covered.push((range.begin, range.end));
                    }
                }
                gimli::DW_TAG_subprogram => {
                    let name = names.of(dwarf, unit, entry)?;
                    let code = self.cover(image, dwarf, unit, entry, name.as_deref())?;
                    if let Some(name) = name.as_ref().filter(|_| is_definition(entry)) {
                        let external = entry.attr_value(gimli::DW_AT_external)?.is_some();
                        *self.merged.entry((name.clone(), external)).or_default() += 1;
                    }
                    self.external.extend(name.clone().filter(|_| is_external(entry)));
                    around.push((depth, name, code));
                }
                // What the linker has discarded runs nowhere.
                gimli::DW_TAG_inlined_subroutine
                    if around.last().is_some_and(|(_, _, code)| *code) =>
                {
                    let caller = around.last().and_then(|(_, name, _)| name.clone());
                    let line = entry.attr_value(gimli::DW_AT_call_line)?;
                    self.inlined.push(Inlined {
                        caller: caller.unwrap_or_else(|| "a function".to_owned()),
                        callee: names.of(dwarf, unit, entry)?,
                        line: line.and_then(|line| line.udata_value()),
                    });
                }
                gimli::DW_TAG_variable if is_external(entry) => {
                    self.external.extend(names.of(dwarf, unit, entry)?);
                }
                _ => self.read_shape(dwarf, unit, entry)?,
            }
        }
        Ok(())
    }

    /// Notes the code of a function. Whether there is any.
    fn cover(
        &mut self,
        image: &Image<'_>,
        dwarf: &Dwarf<Reader>,
        unit: &Unit<Reader>,
        entry: &Entry<'_, '_>,
        name: Option<&str>,
    ) -> Result<bool, Unreadable> {
        let mut ranges = dwarf.die_ranges(unit, entry)?;
        let mut start = None;
        while let Some(range) = ranges.next()? {
            if range.begin >= range.end || !image.is_code(range.begin) {
                continue;
            }
            start.get_or_insert(range.begin);
            // A description without a name is the compiler's, of a unit that was compiled without.
            if name.is_some() {
                self.covered.push((range.begin, range.end));
            }
        }
        if let (Some(start), Some(name)) = (start, name) {
            self.defined.push((name.to_owned(), start));
        }
        Ok(start.is_some())
    }
}

/// Whether a function is defined by this entry, and neither declared, nor for others to copy, nor a
/// copy.
fn is_definition(entry: &Entry<'_, '_>) -> bool {
    let has = |name| entry.attr_value(name).is_ok_and(|value| value.is_some());
    ![
        gimli::DW_AT_declaration,
        gimli::DW_AT_inline,
        gimli::DW_AT_abstract_origin,
        gimli::DW_AT_specification,
    ]
    .into_iter()
    .any(has)
}

/// Whether a function or a variable is defined by this entry, for other units to see.
fn is_external(entry: &Entry<'_, '_>) -> bool {
    let has = |name| entry.attr_value(name).is_ok_and(|value| value.is_some());
    // A definition behind a declaration refers to it.
    !has(gimli::DW_AT_declaration)
        && (has(gimli::DW_AT_external) || has(gimli::DW_AT_specification))
}

fn is_assembler(entry: &Entry<'_, '_>) -> Result<bool, Unreadable> {
    let language = entry.attr_value(gimli::DW_AT_language)?;
    Ok(language == Some(AttributeValue::Language(gimli::DW_LANG_Mips_Assembler)))
}
