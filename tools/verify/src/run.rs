//! Running a command for a row.

use std::process::Command;

/// A command that has run to its end.
pub(crate) struct Ran {
    pub(crate) success: bool,
    /// Standard output, then standard error.
    pub(crate) text: String,
}

/// Runs a command; one that cannot be run at all has failed, and says why.
pub(crate) fn run(command: &mut Command) -> Ran {
    let (success, text) = match command.output() {
        Ok(output) => {
            let text = [&*output.stdout, &*output.stderr].map(String::from_utf8_lossy).concat();
            (output.status.success(), text)
        }
        Err(e) => (false, format!("{}: {e}", command.get_program().to_string_lossy())),
    };
    Ran { success, text }
}

impl Ran {
    /// The word before the first place where the text has these words.
    pub(crate) fn word_before(&self, words: &str) -> Option<&str> {
        self.text.split_once(words)?.0.split_whitespace().next_back()
    }

    /// The names of the tests that failed, sorted.
    pub(crate) fn failed_tests(&self) -> Vec<&str> {
        fn failed(line: &str) -> Option<&str> {
            line.strip_prefix("test ")?.strip_suffix(" ... FAILED")
        }
        let mut names: Vec<&str> = self.text.lines().filter_map(failed).collect();
        names.sort_unstable();
        names
    }

    /// Why it failed, for the table: the tests that did, or the last lines.
    pub(crate) fn end(&self) -> String {
        let failed = self.failed_tests();
        let why = if failed.is_empty() { self.last(3).join(" / ") } else { failed.join(", ") };
        why.replace('|', "/")
    }

    /// Prints what usually has the reason: what the tests that failed have printed, and more of the
    /// last lines.
    pub(crate) fn print_end(&self) {
        for section in self.text.split("\n---- ").skip(1) {
            let lines = section.lines().take_while(|line| *line != "stack backtrace:");
            eprintln!("---- {}", lines.take(40).collect::<Vec<_>>().join("\n"));
        }
        eprintln!("{}", self.last(60).join("\n"));
    }

    fn last(&self, count: usize) -> Vec<&str> {
        let lines: Vec<&str> = self.text.trim_end().lines().collect();
        lines[lines.len().saturating_sub(count)..].to_vec()
    }
}
