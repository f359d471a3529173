//! Why something cannot be told, in words: short for a reader, with all names for a program.

use std::fmt::Display;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Reason {
    /// For a reader.
    pub(crate) text: String,
    /// With every name.
    pub(crate) full: String,
}

impl Reason {
    /// A reason with names in it.
    pub(crate) fn naming<T: Display>(
        names: impl ExactSizeIterator<Item = T> + Clone,
        text: impl Fn(&str) -> String,
    ) -> Self {
        let all: Vec<String> = names.clone().map(|name| name.to_string()).collect();
        Self { text: text(&few(names)), full: text(&all.join(", ")) }
    }
}

impl From<String> for Reason {
    fn from(text: String) -> Self {
        Self { full: text.clone(), text }
    }
}

impl From<&str> for Reason {
    fn from(text: &str) -> Self {
        text.to_owned().into()
    }
}

/// A list that is not too long for a line.
pub(crate) fn few<T: Display>(names: impl ExactSizeIterator<Item = T>) -> String {
    let more = names.len().saturating_sub(3);
    let names: Vec<String> = names.map(|name| name.to_string()).collect();
    match more {
        0 | 1 => names.join(", "),
        _ => format!("{} and {more} more", names[..3].join(", ")),
    }
}
