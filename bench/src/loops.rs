//! `docs/PERFORMANCE_LOOP.md`: whole loops on the same work, each in a program of its own
//! (`c/loop/`), which print what they have measured.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use bench::machine;
use bench::table::{table, Line, Unit};

/// How often each program runs, in turns.
const TURNS: usize = 9;

/// The columns: heading, program.
const COLUMNS: &[(&str, &str)] = &[
    ("ours", "loop-ours"),
    ("ours under GLib", "loop-ours-glib"),
    ("libuv", "loop-libuv"),
    ("libev", "loop-libev"),
    ("GLib", "loop-glib"),
];

/// The rows: what the programs call them, heading.
const ROWS: &[(&str, &str)] = &[
    ("idle 0", "a turn that does not sleep, no descriptors"),
    ("idle 64", "the same, 64 idle descriptors"),
    ("idle 1024", "the same, 1,024 idle descriptors"),
    ("timer 100", "re-arming a timer among 100"),
    ("timer 10000", "re-arming a timer among 10,000"),
    ("callback", "scheduling a callback and running it"),
    ("callback, 1000 idle", "the same beside 1,000 that are not scheduled"),
    ("from another thread", "running a callback that another thread asks for"),
    ("pool", "a thread-pool request, one at a time"),
    ("pool, 64 at once", "64 thread-pool requests"),
    ("lock", "acquiring and releasing a context"),
];

/// What has to hold in one run: a row of ours, at most so many times another.
const LIMITS: &[(&str, f64, &str)] = &[
    ("idle 1024", 3.0, "idle 64"),
    ("timer 10000", 3.0, "timer 100"),
    ("callback, 1000 idle", 1.5, "callback"),
];

type Figures = BTreeMap<String, Vec<f64>>;

pub(crate) fn write(root: &Path) -> Result<(), String> {
    let mut figures: Vec<Figures> = vec![Figures::new(); COLUMNS.len()];
    for _ in 0..TURNS {
        for ((_, program), figures) in COLUMNS.iter().zip(&mut figures) {
            run(program, figures)?;
        }
    }
    let names: Vec<&str> = COLUMNS.iter().map(|(name, _)| *name).collect();
    let lines: Vec<Line> = ROWS
        .iter()
        .map(|(row, title)| Line {
            title: (*title).to_owned(),
            cells: figures.iter().map(|column| column.get(*row).map(|f| summary(f))).collect(),
            unit: Unit::Time,
        })
        .collect();
    let (limits, missed) = limits(&figures[0])?;
    let machine: Vec<String> = machine::describe().iter().map(|line| format!("- {line}")).collect();
    let text = format!(
        "{}\n## Machine\n\n{}\n\n## What must be reached\n\n{limits}\n## Time\n\n{}",
        include_str!("../PERFORMANCE_LOOP.md.in"),
        machine.join("\n"),
        table(&names, &lines)
    );
    let path = root.join("docs/PERFORMANCE_LOOP.md");
    fs::write(&path, text).map_err(|e| format!("{}: {e}", path.display()))?;
    println!("{limits}");
    if missed.is_empty() {
        Ok(())
    } else {
        Err(format!("missed: {}", missed.join(", ")))
    }
}

/// Runs a program, which prints `ROW: NS` for each row, and adds its figures.
fn run(program: &str, figures: &mut Figures) -> Result<(), String> {
    let path = Path::new(env!("OUT_DIR")).join(program);
    let output = Command::new(&path).output().map_err(|e| format!("{}: {e}", path.display()))?;
    if !output.status.success() {
        return Err(format!("{program}: {}", String::from_utf8_lossy(&output.stderr)));
    }
    for line in String::from_utf8_lossy(&output.stdout).lines() {
        let figure = line.rsplit_once(": ").and_then(|(row, ns)| Some((row, ns.parse().ok()?)));
        let (row, ns): (&str, f64) = figure.ok_or_else(|| format!("{program} printed {line}"))?;
        figures.entry(row.to_owned()).or_default().push(ns);
    }
    Ok(())
}

/// Median, and median absolute deviation.
fn summary(figures: &[f64]) -> (f64, Option<f64>) {
    let middle = median(figures);
    let deviations: Vec<f64> = figures.iter().map(|figure| (figure - middle).abs()).collect();
    (middle, Some(median(&deviations)))
}

fn median(figures: &[f64]) -> f64 {
    let mut sorted = figures.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted[sorted.len() / 2]
}

fn limits(ours: &Figures) -> Result<(String, Vec<&'static str>), String> {
    let mut list = String::new();
    let mut missed = Vec::new();
    for (row, ratio, of) in LIMITS {
        let figures = |row: &str| ours.get(row).ok_or_else(|| format!("{row}: not measured"));
        // Within each run, so that what else the machine did hits both.
        let ratios: Vec<f64> = figures(row)?.iter().zip(figures(of)?).map(|(a, b)| a / b).collect();
        let found = median(&ratios);
        let verdict = if found <= *ratio { "reached" } else { "missed" };
        if found > *ratio {
            missed.push(*row);
        }
        list += &format!("- {row}: {found:.2} of {of}, limit {ratio}: **{verdict}**\n");
    }
    Ok((list, missed))
}
