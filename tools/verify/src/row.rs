//! The rows of the table, and the document that they make.

use std::time::Duration;

/// One claim, or one planted fault.
pub(crate) struct Row {
    pub(crate) claim: String,
    pub(crate) tool: &'static str,
    /// What came out, such as `holds` or `caught: a lost wakeup`.
    pub(crate) result: String,
    /// States, interleavings or cases, in words.
    pub(crate) explored: String,
    pub(crate) time: Duration,
    /// Whether the claim holds, or the planted fault was noticed.
    pub(crate) good: bool,
}

impl Row {
    pub(crate) fn line(&self) -> String {
        format!(
            "| {} | {} | {} | {} | {:.1} s |",
            self.claim,
            self.tool,
            if self.good { self.result.clone() } else { format!("**FAILED**: {}", self.result) },
            self.explored,
            self.time.as_secs_f64()
        )
    }
}

pub(crate) fn heading() -> String {
    "| claim, or planted fault | tool | result | explored | time |\n| --- | --- | --- | --- | --- |"
        .to_owned()
}

/// `docs/VERIFICATION.md`.
pub(crate) fn document(rows: &[Row]) -> String {
    let lines: Vec<String> = rows.iter().map(Row::line).collect();
    format!(
        "{}\n\n{}\n{}\n",
        include_str!("../VERIFICATION.md.in").trim_end(),
        heading(),
        lines.join("\n")
    )
}
