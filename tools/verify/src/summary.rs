//! The rows in five lines: the table in the README's section "Is it right?".

use crate::row::Check;

/// A line: what it claims, how that is checked, and the tools whose rows it counts.
struct Group {
    claim: &'static str,
    how: &'static str,
    tools: &'static [&'static str],
}

const GROUPS: &[Group] = &[
    Group {
        claim: "the protocols lose no wakeup and let no loop spin for good, in every interleaving of their models",
        how: "Spin",
        tools: &["Spin"],
    },
    Group {
        claim: "so does their Rust code, with every stale value that the C11 memory model allows",
        how: "loom",
        tools: &["loom"],
    },
    Group {
        claim: "the C programs pass on x86_64, aarch64 and i686, without memory errors or data races",
        how: "qemu-user, valgrind, sanitizers, proptest",
        tools: &["qemu-user", "gcc", "valgrind", "ASan, UBSan", "ThreadSanitizer", "proptest"],
    },
    Group {
        claim: "a thread may stop at any instruction, any system call may fail, a process may fork",
        how: "ptrace, an interposer, soak",
        tools: &["ptrace", "interposer", "C programs", "soak"],
    },
    Group {
        claim: "taking a rule of the loop away makes a test fail",
        how: "mutants",
        tools: &["mutants"],
    },
];

/// The table: how many claims are checked in each line, and how many faults are planted.
pub(crate) fn table(checks: &[Check]) -> String {
    let mut text =
        "| claim | checked with | checks | planted faults |\n| --- | --- | --- | --- |\n"
            .to_owned();
    for Group { claim, how, tools } in GROUPS {
        let rows = || checks.iter().filter(|check| tools.contains(&check.tool));
        let planted = rows().filter(|check| check.is_planted()).count();
        let claims = match rows().count() - planted {
            0 => "–".to_owned(),
            count => count.to_string(),
        };
        text += &format!("| {claim} | {how} | {claims} | {planted} |\n");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{checks, Place};

    #[test]
    fn each_row_is_counted_once() {
        for check in checks(&Place::new()) {
            let counted = GROUPS.iter().filter(|group| group.tools.contains(&check.tool)).count();
            assert_eq!(counted, 1, "{}", check.tool);
        }
    }

    #[test]
    fn readme_has_the_table() {
        let place = Place::new();
        let readme = std::fs::read_to_string(place.root.join("README.md")).expect("a README");
        let table = table(&checks(&place));
        assert!(readme.contains(&table), "README.md should have:\n{table}");
    }
}
