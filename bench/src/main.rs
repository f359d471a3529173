//! - `bench report` measures what criterion does not (latencies, system calls, sizes), and writes
//!   `docs/PERFORMANCE.md` with its plots.
//! - `bench loops` measures whole loops, and writes `docs/PERFORMANCE_LOOP.md`. Both update the
//!   README's table.
//! - `bench budget` compares the counted instructions with `bench/budget`.
//! - `bench wakes COLUMN ROUNDS` is what runs under strace.
//!
//! Exit status 1 if a figure misses what it must reach.

#[cfg(feature = "peers")]
mod loops;
#[cfg(feature = "peers")]
mod report;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::{env, fs};

use bench::{columns, instructions, wakes};

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let result = match words[..] {
        #[cfg(feature = "peers")]
        ["report"] => report::write(&root(), &target()).and_then(|()| update_readme()),
        #[cfg(feature = "peers")]
        ["loops"] => loops::write(&root()).and_then(|()| update_readme()),
        ["budget"] => budget(),
        ["wakes", column, rounds] => {
            let peer = columns::named(column).expect("a column of the table");
            wakes::run(peer, rounds.parse().expect("a number of rounds"));
            Ok(())
        }
        _ => Err("usage: bench report|loops|budget|wakes COLUMN ROUNDS".to_owned()),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("bench: {message}");
            ExitCode::FAILURE
        }
    }
}

/// The README's five lines, from the pages.
#[cfg(feature = "peers")]
fn update_readme() -> Result<(), String> {
    let read = |path: &str| fs::read_to_string(root().join(path)).unwrap_or_default();
    let table = bench::summary::table(|page| read(&format!("docs/{page}")));
    let table = table.ok_or("a page lacks a row that the README has")?;
    let readme = bench::summary::update(&read("README.md"), &table);
    fs::write(root().join("README.md"), readme).map_err(|e| format!("README.md: {e}"))
}

fn budget() -> Result<(), String> {
    let file = root().join("bench/budget");
    let text = fs::read_to_string(&file).map_err(|e| format!("{}: {e}", file.display()))?;
    let budget = instructions::budget(&text)?;
    let counted = instructions::counted(&target())?;
    for (name, limit) in &budget {
        if let Some(count) = counted.get(&(name.clone(), 0)) {
            let verdict = if count <= limit { "ok" } else { "FAILED" };
            println!("{name}: {count} instructions, budget {limit} ... {verdict}");
        }
    }
    match instructions::over(&budget, &counted)[..] {
        [] => Ok(()),
        ref over => Err(over.join("; ")),
    }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn target() -> PathBuf {
    env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from)
}
