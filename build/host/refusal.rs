//! The one message that stops a build.

/// Which file, which field, what was expected, what was found, what to do.
pub(crate) fn refusal(place: &str, field: &str, expected: &str, found: &str, todo: &str) -> String {
    format!("{place}: {field}: expected {expected}, found {found}; {todo}")
}
