//! Where a program has the members of its `AioContext` and `EventNotifier`, by its debugging information.

use std::collections::BTreeMap;

use gimli::{AttributeValue, DebuggingInformationEntry, Dwarf, Reader as _, Unit, UnitOffset};

use crate::sections::{Reader, Unreadable};

type Entry<'a, 'u> = DebuggingInformationEntry<'a, 'u, Reader>;

/// The structs that a program shares with the library.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Of {
    Context,
    Notifier,
}

/// One source's struct.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Shape {
    /// The source that it is described for; empty where that is not said.
    pub(crate) source: String,
    pub(crate) size: u64,
    pub(crate) members: BTreeMap<String, u64>,
}

/// The entry of such a struct, if this one is it or names it.
pub(crate) fn shared(
    dwarf: &Dwarf<Reader>,
    unit: &Unit<Reader>,
    entry: &Entry<'_, '_>,
) -> Result<Option<(Of, UnitOffset)>, Unreadable> {
    let is_type = matches!(entry.tag(), gimli::DW_TAG_structure_type | gimli::DW_TAG_typedef);
    let Some(name) = entry.attr_value(gimli::DW_AT_name)?.filter(|_| is_type) else {
        return Ok(None);
    };
    let of = match &*dwarf.attr_string(unit, name)?.to_slice()? {
        b"AioContext" => Of::Context,
        b"EventNotifier" => Of::Notifier,
        _ => return Ok(None),
    };
    let at = match (entry.tag(), entry.attr_value(gimli::DW_AT_type)?) {
        (gimli::DW_TAG_structure_type, _) => Some(entry.offset()),
        (_, Some(AttributeValue::UnitRef(offset))) => Some(offset),
        _ => None,
    };
    Ok(at.map(|at| (of, at)))
}

/// The struct at this entry; nothing for one that is only declared.
pub(crate) fn shape(
    dwarf: &Dwarf<Reader>,
    unit: &Unit<Reader>,
    at: UnitOffset,
) -> Result<Option<Shape>, Unreadable> {
    let mut entries = unit.entries_at_offset(at)?;
    let Some((_, entry)) = entries.next_dfs()? else { return Ok(None) };
    let size = entry.attr_value(gimli::DW_AT_byte_size)?.and_then(|size| size.udata_value());
    let Some(size) = size.filter(|_| entry.tag() == gimli::DW_TAG_structure_type) else {
        return Ok(None);
    };
    let text = |text: Reader| {
        Ok::<String, Unreadable>(String::from_utf8_lossy(&text.to_slice()?).into_owned())
    };
    let source = unit.name.clone().map(text).transpose()?.unwrap_or_default();
    let mut members = BTreeMap::new();
    let mut depth = 0;
    while let Some((delta, entry)) = entries.next_dfs()? {
        depth += delta;
        if depth <= 0 {
            break;
        }
        if depth > 1 || entry.tag() != gimli::DW_TAG_member {
            continue;
        }
        let name = entry.attr_value(gimli::DW_AT_name)?;
        let offset = entry.attr_value(gimli::DW_AT_data_member_location)?;
        if let (Some(name), Some(offset)) = (name, offset.and_then(constant)) {
            members.insert(text(dwarf.attr_string(unit, name)?)?, offset);
        }
    }
    Ok(Some(Shape { source, size, members }))
}

/// An offset; up to DWARF 3 it is an expression that adds it.
fn constant(value: AttributeValue<Reader>) -> Option<u64> {
    let mut expression = match value {
        AttributeValue::Exprloc(expression) => expression.0,
        AttributeValue::Block(bytes) => bytes,
        number => return number.udata_value(),
    };
    let operation = gimli::DwOp(expression.read_u8().ok()?);
    let offset = expression.read_uleb128().ok()?;
    (operation == gimli::DW_OP_plus_uconst && expression.is_empty()).then_some(offset)
}
