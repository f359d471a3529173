//! The names of functions in debugging information, of which one entry may be a copy of another.

use std::collections::HashMap;

use gimli::{
    AttributeValue, DebuggingInformationEntry, Dwarf, Reader as _, Unit, UnitOffset,
    UnitSectionOffset,
};

use crate::sections::{Reader, Unreadable};

type Entry<'a, 'u> = DebuggingInformationEntry<'a, 'u, Reader>;

/// The names of functions, by the places of their entries.
pub(crate) struct Names<'a> {
    /// All units, in the order of their places.
    units: &'a [Unit<Reader>],
    known: HashMap<UnitSectionOffset, Option<String>>,
}

impl<'a> Names<'a> {
    /// Of units that may refer to each other, in the order of their places.
    pub(crate) fn new(units: &'a [Unit<Reader>]) -> Self {
        Self { units, known: HashMap::new() }
    }

    /// The name of an entry, which may be a copy of another.
    pub(crate) fn of(
        &mut self,
        dwarf: &Dwarf<Reader>,
        unit: &Unit<Reader>,
        entry: &Entry<'_, '_>,
    ) -> Result<Option<String>, Unreadable> {
        self.of_depth(dwarf, unit, entry, 0)
    }

    fn of_depth(
        &mut self,
        dwarf: &Dwarf<Reader>,
        unit: &Unit<Reader>,
        entry: &Entry<'_, '_>,
        depth: usize,
    ) -> Result<Option<String>, Unreadable> {
        if let Some(value) = entry.attr_value(gimli::DW_AT_name)? {
            let name = dwarf.attr_string(unit, value)?;
            return Ok(Some(String::from_utf8_lossy(&name.to_slice()?).into_owned()));
        }
        let origin = match entry.attr_value(gimli::DW_AT_abstract_origin)? {
            Some(origin) => Some(origin),
            None => entry.attr_value(gimli::DW_AT_specification)?,
        };
        match origin {
            _ if depth > 8 => Ok(None),
            Some(AttributeValue::UnitRef(offset)) => self.at(dwarf, unit, offset, depth),
            Some(AttributeValue::DebugInfoRef(offset)) => {
                // With link-time optimisation a copy is in another unit than the original.
                let place = UnitSectionOffset::DebugInfoOffset(offset);
                if let Some(offset) = place.to_unit_offset(unit) {
                    return self.at(dwarf, unit, offset, depth);
                }
                let starts = |unit: &Unit<Reader>| {
                    unit.header.offset().as_debug_info_offset().is_some_and(|at| at <= offset)
                };
                let behind = self.units.partition_point(starts);
                let Some(other) = self.units[..behind].last() else { return Ok(None) };
                match place.to_unit_offset(other) {
                    Some(offset) => self.at(dwarf, other, offset, depth),
                    None => Ok(None),
                }
            }
            _ => Ok(None),
        }
    }

    fn at(
        &mut self,
        dwarf: &Dwarf<Reader>,
        unit: &Unit<Reader>,
        offset: UnitOffset,
        depth: usize,
    ) -> Result<Option<String>, Unreadable> {
        let place = offset.to_unit_section_offset(unit);
        if let Some(name) = self.known.get(&place) {
            return Ok(name.clone());
        }
        let entry = unit.entry(offset)?;
        let name = self.of_depth(dwarf, unit, &entry, depth + 1)?;
        self.known.insert(place, name.clone());
        Ok(name)
    }
}
