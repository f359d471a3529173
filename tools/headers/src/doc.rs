//! Doc comments of exported functions: what the function does, and fixed sections.

use crate::functions::text_of;

/// A doc comment, in Markdown without its line breaks within paragraphs.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct Doc {
    /// What it does, and what its arguments are.
    pub does: Vec<String>,
    /// `# Returns`.
    pub returns: Vec<String>,
    /// `# Errors`.
    pub errors: Vec<String>,
    /// `# Threads`: from where it may be called.
    pub threads: Vec<String>,
    /// `# Safety`: what the caller has to keep to.
    pub safety: Vec<String>,
}

impl Doc {
    /// The doc comment of an item.
    pub(crate) fn of(attrs: &[syn::Attribute]) -> Result<Self, String> {
        let mut doc = Self::default();
        let mut section = &mut doc.does;
        let mut starts = true;
        for line in attrs.iter().filter_map(|attr| text_of(attr, "doc")) {
            let line = line.trim();
            if let Some(title) = line.strip_prefix("# ") {
                section = match title {
                    "Returns" => &mut doc.returns,
                    "Errors" => &mut doc.errors,
                    "Threads" => &mut doc.threads,
                    "Safety" => &mut doc.safety,
                    _ => return Err(format!("a doc comment has no section {title}")),
                };
                starts = true;
            } else if line.is_empty() {
                starts = true;
            } else if let (false, false, Some(paragraph)) =
                (starts, line.starts_with("* "), section.last_mut())
            {
                *paragraph = format!("{paragraph} {line}");
            } else {
                section.push(line.to_owned());
                starts = false;
            }
        }
        for section in
            [&mut doc.does, &mut doc.returns, &mut doc.errors, &mut doc.threads, &mut doc.safety]
        {
            for paragraph in section {
                // A link to another function.
                *paragraph = paragraph.replace("[`", "`").replace("`]", "()`");
            }
        }
        Ok(doc)
    }

    /// The lines of a comment for C, behind the star, each section a paragraph that its name begins.
    pub(crate) fn for_c(&self) -> Vec<String> {
        let mut paragraphs = self.does.clone();
        for (title, section) in [
            ("Returns", &self.returns),
            ("Errors", &self.errors),
            ("Threads", &self.threads),
            ("Requires", &self.safety),
        ] {
            let mut section = section.clone();
            if let Some(first) = section.first_mut() {
                *first = format!("{title}: {}", uncapitalised(first));
            }
            paragraphs.extend(section);
        }
        let mut lines = Vec::new();
        for paragraph in paragraphs {
            if !lines.is_empty() {
                lines.push(String::new());
            }
            // cbindgen takes a long line for a reason to break the declaration.
            lines.extend(wrapped(&paragraph, 93).into_iter().map(|line| format!(" {line}")));
        }
        lines
    }
}

/// With a small letter first, unless that begins a name.
fn uncapitalised(text: &str) -> String {
    let mut letters = text.chars();
    match (letters.next(), letters.next()) {
        (Some(first), Some(second)) if first.is_uppercase() && !second.is_uppercase() => {
            format!("{}{}", first.to_lowercase(), &text[first.len_utf8()..])
        }
        _ => text.to_owned(),
    }
}

/// A paragraph in lines of at most this many characters.
pub(crate) fn wrapped(paragraph: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in paragraph.split(' ') {
        match lines.last_mut() {
            Some(line) if line.is_empty() => line.push_str(word),
            Some(line) if line.chars().count() + 1 + word.chars().count() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn doc(text: &str) -> Result<Doc, String> {
        let lines: String = text.lines().map(|line| format!("/// {line}\n")).collect();
        let item: syn::ItemFn = syn::parse_str(&format!("{lines}fn f() {{}}")).expect("a function");
        Doc::of(&item.attrs)
    }

    #[test]
    fn sections_become_paragraphs_with_their_names() {
        let text = "Makes\none.\n\nSee [`other`].\n\n# Returns\n\nIt.\n\n# Safety\n\nNone.";
        let doc = doc(text).expect("known sections");
        assert_eq!(doc.does, ["Makes one.", "See `other()`."]);
        let lines = doc.for_c();
        let expected =
            [" Makes one.", "", " See `other()`.", "", " Returns: it.", "", " Requires: none."];
        assert_eq!(lines, expected);
    }

    #[test]
    fn an_unknown_section_is_refused() {
        assert_eq!(doc("Does.\n\n# Return").unwrap_err(), "a doc comment has no section Return");
    }

    #[test]
    fn names_keep_their_capital() {
        assert_eq!(uncapitalised("NULL, or"), "NULL, or");
        assert_eq!(uncapitalised("True if"), "true if");
    }
}
