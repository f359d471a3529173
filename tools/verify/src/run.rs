//! Running a command for a row.

use std::process::Command;
use std::time::{Duration, Instant};

/// A command that has run to its end.
pub(crate) struct Ran {
    pub(crate) success: bool,
    /// Standard output, then standard error.
    pub(crate) text: String,
    pub(crate) time: Duration,
}

/// Runs a command; one that cannot be run at all has failed, and says why.
pub(crate) fn run(command: &mut Command) -> Ran {
    let begin = Instant::now();
    let (success, text) = match command.output() {
        Ok(output) => {
            let text = [&*output.stdout, &*output.stderr].map(String::from_utf8_lossy).concat();
            (output.status.success(), text)
        }
        Err(e) => (false, format!("{}: {e}", command.get_program().to_string_lossy())),
    };
    Ran { success, text, time: begin.elapsed() }
}

impl Ran {
    /// The word after the first place where the text has these words.
    pub(crate) fn word_after(&self, words: &str) -> Option<&str> {
        self.text.split_once(words)?.1.split_whitespace().next()
    }

    /// The word before the first place where the text has these words.
    pub(crate) fn word_before(&self, words: &str) -> Option<&str> {
        self.text.split_once(words)?.0.split_whitespace().next_back()
    }

    /// The last lines, for a message.
    pub(crate) fn end(&self) -> String {
        let lines: Vec<&str> = self.text.trim_end().lines().collect();
        lines[lines.len().saturating_sub(3)..].join(" / ").replace('|', "/")
    }
}
