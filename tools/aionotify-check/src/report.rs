//! What was found, as lines for a reader or as JSON for a program.

use std::path::Path;

use serde_json::{json, Value};

use crate::judge::{Findings, NO_LAYOUT};
use crate::layout::Unknown;
use crate::Part;

pub(crate) struct Report<'a> {
    library: &'a Path,
    parts: Vec<(Part, Findings)>,
}

impl<'a> Report<'a> {
    pub(crate) fn new(library: &'a Path, parts: Vec<(Part, Findings)>) -> Self {
        Self { library, parts }
    }

    /// The exit status: that something escapes is known, whatever else is not.
    pub(crate) fn status(&self) -> u8 {
        let statuses = self.parts.iter().map(|(_, findings)| status(findings));
        statuses.max_by_key(|status| [0, 2, 1][usize::from(*status)]).unwrap_or(0)
    }

    /// What escapes, and what files take from the library, for standard output; what cannot be told for
    /// standard error.
    pub(crate) fn lines(&self) -> (String, String) {
        let (mut out, mut err) = (String::new(), String::new());
        for (part, findings) in &self.parts {
            let file = match &part.member {
                Some(member) => format!("{}({member})", part.file.display()),
                None => part.file.display().to_string(),
            };
            for escape in &findings.escapes {
                out += &format!("{file}: {}\n", escape.text);
            }
            for reason in &findings.unknown {
                err += &format!("{file}: cannot be told: {}\n", reason.text);
            }
            if status(findings) == 0 {
                out += &format!("{file}: {}\n", summary(findings));
            }
            let layout = match findings.layout {
                Unknown::Nothing => None,
                Unknown::Generation if status(findings) != 0 => None,
                Unknown::Generation => Some(
                    "generation unknown: no note of AIONOTIFY_CHECK_LAYOUT; the offsets fit"
                        .to_owned(),
                ),
                // Else it is why the file cannot be told.
                Unknown::Everything if findings.unknown.is_empty() => {
                    Some(format!("layout unknown: {NO_LAYOUT}"))
                }
                Unknown::Everything => None,
            };
            for line in layout.into_iter().chain(findings.hooks.line()) {
                out += &format!("{file}: {line}\n");
            }
        }
        (out, err)
    }

    pub(crate) fn json(&self) -> String {
        let files: Vec<Value> =
            self.parts.iter().map(|(part, findings)| file(part, findings)).collect();
        let report = json!({
            "library": self.library.display().to_string(),
            "status": self.status(),
            "files": files,
        });
        format!("{report:#}\n")
    }
}

fn status(findings: &Findings) -> u8 {
    match (findings.escapes.is_empty(), findings.unknown.is_empty()) {
        (false, _) => 1,
        (true, false) => 2,
        (true, true) => 0,
    }
}

/// A file in which nothing escapes. Of the whole loop it names components, not functions.
fn summary(findings: &Findings) -> String {
    let taken = match findings.components.is_empty() {
        true => &findings.taken,
        false => &findings.components,
    };
    let mut text = match (findings.linked_in, taken.is_empty()) {
        (true, _) => "has the library linked in, and nothing escapes".to_owned(),
        (_, false) => format!("nothing escapes; taken from the library: {}", taken.join(" ")),
        (_, true) => "takes nothing from the library".to_owned(),
    };
    if !findings.own.is_empty() {
        text += &format!("; components of its own: {}", findings.own.join(" "));
    }
    text
}

fn file(part: &Part, findings: &Findings) -> Value {
    let escapes: Vec<Value> = findings
        .escapes
        .iter()
        .map(|escape| {
            json!({
                "kind": escape.kind,
                "function": escape.function,
                "caller": escape.caller,
                "line": escape.line,
                "text": escape.text,
            })
        })
        .collect();
    let unknown: Vec<&str> = findings.unknown.iter().map(|reason| &*reason.full).collect();
    let verdict = ["ok", "escapes", "unknown"][usize::from(status(findings))];
    json!({
        "file": part.file.display().to_string(),
        "member": part.member,
        "verdict": verdict,
        "escapes": escapes,
        "unknown": unknown,
        "taken": findings.taken,
        "own": findings.own,
        "linked_in": findings.linked_in,
        "hooks": {
            "program": findings.hooks.program,
            "hidden": findings.hooks.hidden,
            "default": findings.hooks.default,
        },
        "layout_known": findings.layout != Unknown::Everything,
        "generation_known": findings.layout == Unknown::Nothing,
    })
}
