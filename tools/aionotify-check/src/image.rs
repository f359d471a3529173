//! An ELF file, or a member of an archive: its functions, its code, and where both are.
//!
//! The sections of an object file all start at 0; here each section of code has a place of its own, so
//! that an address names one function.

use std::collections::{HashMap, HashSet};

use object::{
    Architecture, File, Object, ObjectKind, ObjectSection, ObjectSymbol, RelocationTarget,
    SectionIndex, SectionKind, SymbolIndex, SymbolKind,
};

use crate::sections;

/// A function that the file defines, by its symbol.
#[derive(Clone, Debug)]
pub(crate) struct Function {
    pub(crate) name: String,
    pub(crate) address: u64,
    pub(crate) size: u64,
    /// `GLOBAL`, `WEAK` or `LOCAL`.
    pub(crate) binding: &'static str,
}

impl Function {
    /// The name in the source: a compiler's clones have a suffix (`NAME.isra.0`).
    pub(crate) fn stem(&self) -> &str {
        stem(&self.name)
    }
}

/// The name without the suffix of a compiler's clone.
pub(crate) fn stem(name: &str) -> &str {
    name.split('.').next().unwrap_or(name)
}

/// A section of code.
pub(crate) struct Code<'data> {
    pub(crate) index: SectionIndex,
    pub(crate) address: u64,
    pub(crate) data: &'data [u8],
}

impl Code<'_> {
    fn contains(&self, address: u64) -> bool {
        address.checked_sub(self.address).is_some_and(|at| at < self.data.len() as u64)
    }
}

/// A relocation in a section of code whose target is in this file.
pub(crate) struct Call {
    pub(crate) from: u64,
    pub(crate) to: u64,
}

pub(crate) struct Image<'data> {
    pub(crate) file: File<'data>,
    /// What a stripped file's symbols and debugging information are in.
    debug: Option<File<'data>>,
    pub(crate) functions: Vec<Function>,
    /// Names that the file takes from elsewhere.
    pub(crate) undefined: Vec<String>,
    pub(crate) code: Vec<Code<'data>>,
    places: HashMap<SectionIndex, u64>,
    /// Where a section of debugging information starts in all that have its name, in an object file.
    debug_places: HashMap<SectionIndex, u64>,
}

impl<'data> Image<'data> {
    pub(crate) fn parse(data: &'data [u8]) -> Result<Self, String> {
        Self::with_debug(data, None)
    }

    /// A file with the one that it has been stripped of, if any.
    pub(crate) fn with_debug(
        data: &'data [u8],
        debug: Option<&'data [u8]>,
    ) -> Result<Self, String> {
        let file = File::parse(data).map_err(|e| e.to_string())?;
        let debug = debug.map(File::parse).transpose().map_err(|e| e.to_string())?;
        let mut places = HashMap::new();
        let mut code = Vec::new();
        let mut next = 0x1000;
        for section in file.sections() {
            if section.kind() != SectionKind::Text {
                continue;
            }
            let address = match file.kind() {
                ObjectKind::Relocatable => next,
                _ => section.address(),
            };
            // Apart, so that one's end is not the other's start.
            next += (section.size() + 0x100) & !0xff;
            places.insert(section.index(), address);
            let data = section.data().map_err(|e| e.to_string())?;
            code.push(Code { index: section.index(), address, data });
        }
        let debug_places = match file.kind() {
            ObjectKind::Relocatable => sections::debug_places(&file),
            _ => HashMap::new(),
        };
        let (functions, undefined) = (Vec::new(), Vec::new());
        let mut image = Self { file, debug, functions, undefined, code, places, debug_places };
        image.read_symbols();
        Ok(image)
    }

    /// The file that has the symbols.
    pub(crate) fn symbols(&self) -> &File<'data> {
        let debug = self.debug.as_ref().filter(|debug| debug.symbol_table().is_some());
        debug.unwrap_or(&self.file)
    }

    /// The file that has the debugging information.
    pub(crate) fn described(&self) -> &File<'data> {
        let is_here = self.file.section_by_name(".debug_info").is_some();
        self.debug.as_ref().filter(|_| !is_here).unwrap_or(&self.file)
    }

    fn read_symbols(&mut self) {
        let relocatable = self.is_relocatable();
        let (mut functions, mut undefined) = (Vec::new(), Vec::new());
        for symbol in self.symbols().symbols() {
            let Ok(name) = symbol.name() else { continue };
            if symbol.is_undefined() {
                if !name.is_empty() {
                    undefined.push(name.split('@').next().unwrap_or(name).to_owned());
                }
                continue;
            }
            let Some(index) = symbol.section_index() else { continue };
            // A symbol of assembler code may have no type.
            let untyped = symbol.kind() == SymbolKind::Unknown && symbol.is_global();
            if symbol.kind() != SymbolKind::Text && !(untyped && self.places.contains_key(&index)) {
                continue;
            }
            let base = if relocatable { self.place(index) } else { 0 };
            functions.push(Function {
                name: name.split('@').next().unwrap_or(name).to_owned(),
                address: base + symbol.address(),
                size: symbol.size(),
                binding: match (symbol.is_local(), symbol.is_weak()) {
                    (true, _) => "LOCAL",
                    (_, true) => "WEAK",
                    _ => "GLOBAL",
                },
            });
        }
        functions.sort_by_key(|function| function.address);
        undefined.sort();
        undefined.dedup();
        (self.functions, self.undefined) = (functions, undefined);
    }

    pub(crate) fn is_relocatable(&self) -> bool {
        self.file.kind() == ObjectKind::Relocatable
    }

    /// Where the section is: 0 for what is neither code nor debugging information.
    pub(crate) fn place(&self, index: SectionIndex) -> u64 {
        self.places.get(&index).or_else(|| self.debug_places.get(&index)).copied().unwrap_or(0)
    }

    /// Whether there is code at the address. What the linker has discarded is at 0 or thereabouts.
    pub(crate) fn is_code(&self, address: u64) -> bool {
        self.code.iter().any(|code| code.contains(address))
    }

    /// The bytes of a function, if its symbol has a size.
    pub(crate) fn bytes(&self, function: &Function) -> Option<&'data [u8]> {
        let code = self.code.iter().find(|code| code.contains(function.address))?;
        let start = (function.address - code.address) as usize;
        code.data.get(start..start + function.size as usize)
    }

    /// The function that an address is in.
    pub(crate) fn function_at(&self, address: u64) -> Option<&Function> {
        let behind = self.functions.partition_point(|function| function.address <= address);
        self.functions[..behind].iter().rev().find(|f| address < f.address + f.size)
    }

    /// The imports that name a version of a library.
    pub(crate) fn versioned_imports(&self) -> HashSet<SymbolIndex> {
        let Some(versions) = self.section(".gnu.version") else { return HashSet::new() };
        let little = self.file.is_little_endian();
        let version = |bytes: &[u8]| {
            let bytes = [bytes[0], bytes[1]];
            if little {
                u16::from_le_bytes(bytes)
            } else {
                u16::from_be_bytes(bytes)
            }
        };
        // 0 is local, 1 global without a version; the top bit hides it.
        let named = versions.chunks_exact(2).enumerate().filter(|(_, b)| version(b) & 0x7fff > 1);
        named.map(|(index, _)| SymbolIndex(index)).collect()
    }

    /// The contents of a section, decompressed.
    pub(crate) fn section(&self, name: &str) -> Option<Vec<u8>> {
        let section = self.file.section_by_name(name)?;
        section.uncompressed_data().ok().map(|data| data.into_owned())
    }

    /// All direct calls and jumps to one of these addresses, in order.
    pub(crate) fn calls_to(&self, targets: &[u64]) -> Vec<Call> {
        let mut calls = Vec::new();
        for code in &self.code {
            let relocated = self.relocations(code);
            calls.extend(relocated.iter().filter_map(|(at, to)| {
                let to = (*to)?;
                targets.contains(&to).then_some(Call { from: code.address + at, to })
            }));
            let skip = |at: u64| relocated.iter().any(|(site, _)| at <= *site && *site < at + 8);
            for (at, to) in self.branches(code) {
                if targets.contains(&to) && !skip(at) {
                    calls.push(Call { from: code.address + at, to });
                }
            }
        }
        calls.sort_by_key(|call| call.from);
        calls
    }

    /// The places in a section that the linker would fill, with the address in this file that they
    /// lead to, if it is one.
    fn relocations(&self, code: &Code<'_>) -> Vec<(u64, Option<u64>)> {
        if !self.is_relocatable() {
            return Vec::new();
        }
        let Ok(section) = self.file.section_by_index(code.index) else { return Vec::new() };
        let x86 = matches!(self.file.architecture(), Architecture::X86_64 | Architecture::I386);
        section
            .relocations()
            .map(|(at, relocation)| {
                let symbol = match relocation.target() {
                    RelocationTarget::Symbol(index) => self.file.symbol_by_index(index).ok(),
                    _ => None,
                };
                let to = symbol.and_then(|symbol| {
                    let base = self.places.get(&symbol.section_index()?)?;
                    // On x86 the displacement counts from behind its four bytes.
                    let behind = if x86 { 4 } else { 0 };
                    let addend = match relocation.has_implicit_addend() {
                        true => 0,
                        false => relocation.addend() + behind,
                    };
                    (base + symbol.address()).checked_add_signed(addend)
                });
                (at, to)
            })
            .collect()
    }

    /// Direct calls and jumps by their encoding: offset in the section, and target.
    fn branches<'a>(&'a self, code: &'a Code<'_>) -> Box<dyn Iterator<Item = (u64, u64)> + 'a> {
        let data = code.data;
        match self.file.architecture() {
            Architecture::X86_64 | Architecture::I386 => {
                // E8 call, E9 jmp, 0F 8x jcc, each with 32 bits from behind. What is no
                // instruction does not lead to the very start of a function.
                Box::new((0..data.len().saturating_sub(4)).filter_map(move |at| {
                    let conditional = at > 0 && data[at - 1] == 0x0f && data[at] & 0xf0 == 0x80;
                    if data[at] != 0xe8 && data[at] != 0xe9 && !conditional {
                        return None;
                    }
                    let bytes = data[at + 1..at + 5].try_into().ok()?;
                    let behind = code.address + at as u64 + 5;
                    Some((at as u64, behind.checked_add_signed(i32::from_le_bytes(bytes).into())?))
                }))
            }
            Architecture::Aarch64 => Box::new((0..data.len() / 4).filter_map(move |index| {
                let word = u32::from_le_bytes(data[index * 4..][..4].try_into().ok()?);
                // B and BL: 26 bits that count words from here.
                if word & 0x7c00_0000 != 0x1400_0000 {
                    return None;
                }
                let words = i64::from((word << 6) as i32 >> 6);
                let at = index as u64 * 4;
                Some((at, (code.address + at).checked_add_signed(words * 4)?))
            })),
            _ => Box::new(std::iter::empty()),
        }
    }
}
