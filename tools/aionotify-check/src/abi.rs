//! The project's lists: which component an export is of, and where `AioContext` has its members.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use object::Architecture;

static COMPONENTS: LazyLock<BTreeMap<&str, &str>> = LazyLock::new(|| {
    let lines = include_str!("../../../abi/exports").lines().filter(|line| !line.starts_with('#'));
    let words = lines.map(|line| line.split_whitespace().collect::<Vec<_>>());
    words.filter_map(|words| Some((*words.first()?, *words.get(2)?))).collect()
});

/// The component that an export is of.
pub(crate) fn component(export: &str) -> Option<&'static str> {
    COMPONENTS.get(export).copied()
}

/// Where `AioContext` has each member in libaiocontext for this architecture, after its size; nothing
/// where there is no table.
pub(crate) fn context(architecture: Architecture) -> Option<(u64, Vec<(&'static str, u64)>)> {
    let table = match architecture {
        Architecture::X86_64 => include_str!("../../../src/abi/layout/x86_64"),
        Architecture::Aarch64 => include_str!("../../../src/abi/layout/aarch64"),
        Architecture::I386 => include_str!("../../../src/abi/layout/x86"),
        _ => return None,
    };
    let row = table.lines().find_map(|line| line.strip_prefix("AioContext "))?;
    let mut words = row.split(' ');
    let size = words.next()?.split('/').next()?.parse().ok()?;
    let member = |word: &'static str| {
        let (name, offset) = word.split_once('@')?;
        Some((name, offset.parse().ok()?))
    };
    Some((size, words.filter_map(member).collect()))
}
