//! The rows of the table: what is to be checked, what came out, and the document that they make.

use std::time::{Duration, Instant};

use crate::run::Ran;
use crate::summary;
use crate::Place;

/// One claim, or one planted fault, and how to check it.
pub(crate) struct Check {
    pub(crate) tool: &'static str,
    pub(crate) claim: String,
    run: Box<dyn Fn(&Place) -> Outcome + Sync>,
}

/// What came out.
pub(crate) struct Outcome {
    /// Whether the claim holds, or the planted fault was noticed.
    pub(crate) good: bool,
    /// Such as `holds` or `caught: a lost wakeup`.
    pub(crate) result: String,
    /// States, interleavings or cases, in words.
    pub(crate) explored: String,
}

/// A check that has been run.
pub(crate) struct Row {
    pub(crate) tool: &'static str,
    pub(crate) claim: String,
    pub(crate) outcome: Outcome,
    time: Duration,
}

impl Check {
    pub(crate) fn new(
        tool: &'static str,
        claim: impl Into<String>,
        run: impl Fn(&Place) -> Outcome + Sync + 'static,
    ) -> Self {
        Self { tool, claim: claim.into(), run: Box::new(run) }
    }

    /// Whether the row is one of those that `make verify ROWS=...` names.
    pub(crate) fn has(&self, words: &str) -> bool {
        format!("{} {}", self.tool, self.claim).to_lowercase().contains(&words.to_lowercase())
    }

    /// Whether the row is a fault that must be noticed.
    pub(crate) fn is_planted(&self) -> bool {
        self.claim.starts_with("planted")
    }

    pub(crate) fn run(&self, place: &Place) -> Row {
        let begin = Instant::now();
        let outcome = (self.run)(place);
        Row { tool: self.tool, claim: self.claim.clone(), outcome, time: begin.elapsed() }
    }

    /// The row as a document has it.
    pub(crate) fn line_in<'a>(&self, document: &'a str) -> Option<&'a str> {
        let start = start(&self.claim, self.tool);
        document.lines().find(|line| line.starts_with(&start))
    }
}

impl Outcome {
    pub(crate) fn failed(result: impl Into<String>) -> Self {
        Self { good: false, result: result.into(), explored: String::new() }
    }

    /// Of a suite that must pass.
    pub(crate) fn passed(ran: &Ran) -> Self {
        if !ran.success {
            ran.print_end();
        }
        Self {
            good: ran.success,
            result: if ran.success { "holds".to_owned() } else { ran.end() },
            explored: match ran.text.matches(" ... ok").count() {
                0 | 1 => "one run".to_owned(),
                count => format!("{count} tests"),
            },
        }
    }

    /// Of a planted fault, which must be noticed with these words.
    pub(crate) fn noticed(ran: &Ran, words: &str) -> Self {
        let good = !ran.success && ran.text.contains(words);
        if !good {
            ran.print_end();
        }
        Self {
            good,
            result: if good { "caught".to_owned() } else { format!("not caught: {}", ran.end()) },
            explored: "one run".to_owned(),
        }
    }
}

impl Row {
    /// The row with its time, as it is printed.
    pub(crate) fn printed(&self) -> String {
        format!("{} {:.1} s |", self.line(), self.time.as_secs_f64())
    }

    fn line(&self) -> String {
        let Outcome { good, result, explored } = &self.outcome;
        let failed = if *good { "" } else { "**FAILED**: " };
        format!("{} {failed}{result} | {explored} |", start(&self.claim, self.tool))
    }
}

fn start(claim: &str, tool: &str) -> String {
    format!("| {claim} | {tool} |")
}

const HEADING: &str = "| claim, or planted fault | tool | result | explored |";

/// What is printed above the rows.
pub(crate) fn heading() -> String {
    format!("{HEADING} time |\n| --- | --- | --- | --- | --- |")
}

/// `target/VERIFICATION.md`. A row that has not been run stands as it did in the old one; one that has
/// failed does not stand. Times differ from one run to the next and are left out.
pub(crate) fn document(checks: &[Check], rows: &[Row], old: &str) -> String {
    let line = |check: &Check| {
        let row = rows.iter().find(|row| (row.tool, &row.claim) == (check.tool, &check.claim));
        match row {
            Some(row) => row.outcome.good.then(|| row.line()),
            None => check.line_in(old).map(str::to_owned),
        }
    };
    let lines: Vec<String> = checks.iter().filter_map(line).collect();
    format!(
        "{}\n\n{}\n{HEADING}\n| --- | --- | --- | --- |\n{}\n",
        include_str!("../VERIFICATION.md.in").trim_end(),
        summary::table(checks),
        lines.join("\n")
    )
}
