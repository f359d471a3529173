//! The lists in `abi/`: what the libraries export, and the components that it belongs to.

use std::path::Path;

use crate::read;

/// A line of `abi/exports`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Export {
    /// The function or variable.
    pub name: String,
    /// The libraries that have it.
    pub libraries: Vec<String>,
    /// The component that it belongs to.
    pub component: String,
    /// The release that it came with.
    pub since: String,
}

/// A line of `abi/components`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Component {
    /// Its name, and that of its folder below `libaiocontext/`.
    pub name: String,
    /// The header that declares its functions.
    pub header: String,
    /// What it is.
    pub purpose: String,
}

/// All exports, in the order of the list.
pub fn exports(root: &Path) -> Result<Vec<Export>, String> {
    lines(root, "abi/exports", |words| {
        let [name, libraries, component, since] = words[..] else { return None };
        Some(Export {
            name: name.to_owned(),
            libraries: libraries.split(',').map(str::to_owned).collect(),
            component: component.to_owned(),
            since: since.to_owned(),
        })
    })
}

/// All components.
pub fn components(root: &Path) -> Result<Vec<Component>, String> {
    lines(root, "abi/components", |words| {
        let [name, header, ref purpose @ ..] = words[..] else { return None };
        let [name, header] = [name, header].map(str::to_owned);
        Some(Component { name, header, purpose: purpose.join(" ") })
    })
}

/// The lines of a list but for its comments.
fn lines<T>(
    root: &Path,
    list: &str,
    parse: impl Fn(Vec<&str>) -> Option<T>,
) -> Result<Vec<T>, String> {
    let text = read(&root.join(list))?;
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines
        .map(|line| {
            parse(line.split_whitespace().collect()).ok_or_else(|| format!("{list}: {line}"))
        })
        .collect()
}
