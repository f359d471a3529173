//! `docs/PERFORMANCE.md`.

use std::fs;
use std::path::Path;

use bench::columns::peers;
use bench::cpu::Place;
use bench::peer::Peer;
use bench::rows::ROWS;
use bench::table::{table, Line, Unit};
use bench::{instructions, machine, measure, sizes, time, wakes};

/// How many wakes of each kind are timed.
const WAKES: u64 = 4000;
/// The same with every CPU busy, where each takes a time slice.
const BUSY_WAKES: u64 = 1000;
/// In how many parts, between which the columns take turns.
const TURNS: u64 = 10;

pub(crate) fn write(root: &Path, target: &Path) -> Result<(), String> {
    let peers = peers();
    let names: Vec<&str> = peers.iter().map(|peer| peer.name).collect();
    let times = times(target, &peers);
    let (limits, missed) = limits(target, &peers)?;
    let text = format!(
        "{}\n## Machine\n\n{}\n\n## What must be reached\n\n{limits}\n## Time\n\n{}\n{}\n\
         ## Wake latency\n\n{LATENCY}\n\n{}\n## System calls\n\n{CALLS}\n\n{}\n\
         ## Instructions\n\n{INSTRUCTIONS}\n\n{}\n## Size\n\n{SIZE}\n\n{}\n## Plots\n\n{}",
        include_str!("../PERFORMANCE.md.in"),
        machine::describe().iter().map(|line| format!("- {line}")).collect::<Vec<_>>().join("\n"),
        table(&names, &times),
        notes(),
        table(&names, &latencies(&peers)),
        table(&names, &calls(&peers)?),
        table(&names, &counts(target, &peers)?),
        table(&names, &bytes(&peers)),
        plots(root, target)?,
    );
    let file = root.join("docs/PERFORMANCE.md");
    fs::write(&file, text).map_err(|e| format!("{}: {e}", file.display()))?;
    println!("{limits}");
    if missed.is_empty() {
        Ok(())
    } else {
        Err(format!("missed: {}", missed.join(", ")))
    }
}

fn times(target: &Path, peers: &[Peer]) -> Vec<Line> {
    let cell = |row: &str, peer: &Peer| {
        time::of(target, row, peer.name).map(|time| (time.median, Some(time.spread)))
    };
    ROWS.iter()
        .map(|row| Line {
            title: row.title.to_owned(),
            cells: peers.iter().map(|peer| cell(row.id, peer)).collect(),
            unit: Unit::Time,
        })
        .collect()
}

/// How much faster a peer may be in a row without a note, as a ratio of the times.
const FASTER: f64 = 0.9;

/// A list of the limits, and the rows that miss theirs.
fn limits(target: &Path, peers: &[Peer]) -> Result<(String, Vec<&'static str>), String> {
    let mut list = String::new();
    let mut missed = Vec::new();
    for row in ROWS {
        let Some(limit) = row.limit else { continue };
        let median = |column| {
            let time = time::of(target, row.id, column);
            time.map(|time| time.median).ok_or_else(|| format!("{}: not measured", row.id))
        };
        let ratio = median(limit.ours)? / median(limit.of)?;
        let reached = ratio <= limit.ratio;
        if !reached {
            missed.push(row.id);
        }
        list += &format!(
            "- {}: {} is {ratio:.2} of {}, limit {}: **{}**\n",
            row.title,
            limit.ours,
            limit.of,
            limit.ratio,
            if reached { "reached" } else { "missed" }
        );
    }
    for row in ROWS.iter().filter(|row| row.note.is_empty()) {
        let ours = time::of(target, row.id, "ours");
        let ours = ours.ok_or_else(|| format!("{}: not measured", row.id))?;
        for peer in peers {
            let time = time::of(target, row.id, peer.name);
            // By more than what the two figures vary.
            let faster =
                |time: time::Time| time.median + time.spread < FASTER * (ours.median - ours.spread);
            if !peer.name.starts_with("ours") && time.is_some_and(faster) {
                list +=
                    &format!("- {}: {} is faster, and no note says why\n", row.title, peer.name);
                missed.push(row.id);
            }
        }
    }
    Ok((list, missed))
}

fn notes() -> String {
    let noted = ROWS.iter().filter(|row| !row.note.is_empty());
    noted.map(|row| format!("- *{}*: {}\n", row.title, row.note)).collect()
}

const LATENCY: &str = "From the call of notify until the sleeping loop runs. Waker and loop sleep \
    before each wake. \"Busy\": on two CPUs, with a thread on each that never sleeps. What stands here \
    for two CPUs is mostly the machine's: an idle CPU has to be woken first.";

fn latencies(peers: &[Peer]) -> Vec<Line> {
    let mut lines = Vec::new();
    for (name, place, busy, wakes) in [
        ("one CPU", Place::OneCpu, false, WAKES),
        ("two CPUs", Place::TwoCpus, false, WAKES),
        ("busy", Place::TwoCpus, true, BUSY_WAKES),
    ] {
        let mut sorted: Vec<Vec<f64>> = vec![Vec::new(); peers.len()];
        for _ in 0..TURNS {
            for (all, &peer) in sorted.iter_mut().zip(peers) {
                let latencies = measure::wake_latencies(peer, place, busy, wakes / TURNS);
                all.extend(latencies.iter().map(|latency| latency.as_nanos() as f64));
            }
        }
        sorted.iter_mut().for_each(|all| all.sort_by(f64::total_cmp));
        for percent in [50.0, 99.0, 99.9] {
            let index = |all: &[f64]| ((all.len() - 1) as f64 * percent / 100.0).round() as usize;
            lines.push(Line {
                title: format!("{name}, {percent} %"),
                cells: sorted.iter().map(|all| Some((all[index(all)], None))).collect(),
                unit: Unit::Time,
            });
        }
    }
    lines
}

const CALLS: &str =
    "For each wake in the ping-pong on one CPU, waker and loop together, counted by \
    strace, which makes threads take turns in its own way; futex and sched_yield are left out. \
    Three is what a write, a poll and a read make.";

fn calls(peers: &[Peer]) -> Result<Vec<Line>, String> {
    let counted: Vec<wakes::Calls> =
        peers.iter().map(|&peer| wakes::count(peer)).collect::<Result<_, _>>()?;
    let line = |title: &str, of: fn(&wakes::Calls) -> f64| Line {
        title: title.to_owned(),
        cells: counted.iter().map(|calls| Some((of(calls), None))).collect(),
        unit: Unit::Count,
    };
    Ok(vec![line("system calls", |calls| calls.all), line("writes", |calls| calls.writes)])
}

const INSTRUCTIONS: &str = "For each call, its caller's loop included and the kernel not, counted \
    by callgrind: the same in every run. `bench/budget` has the most that ours may take.";

fn counts(target: &Path, peers: &[Peer]) -> Result<Vec<Line>, String> {
    let counted = instructions::counted(target)?;
    let line = |title: &str, function: &str| Line {
        title: title.to_owned(),
        cells: (0..peers.len())
            .map(|column| {
                let peer = peers[column];
                let fits = match function {
                    // The others take it for "already notified".
                    "notify_idle" => peer.knows_sleepers() || peer.wants_thread,
                    "accept_nothing" => true,
                    _ => !peer.wants_thread,
                };
                let count = counted.get(&(function.to_owned(), column)).filter(|_| fits)?;
                Some((*count as f64, None))
            })
            .collect(),
        unit: Unit::Count,
    };
    Ok(vec![
        line("notify, nobody asleep", "notify_idle"),
        line("notify, already notified", "notify_pending"),
        line("accept, nothing notified", "accept_nothing"),
        line("notify and accept", "notify_accept"),
    ])
}

const SIZE: &str = "Bytes of code and constants in the library's file, and what a loop takes from \
    malloc. The event libraries do more than wake. A dash: the code is part of the program.";

fn bytes(peers: &[Peer]) -> Vec<Line> {
    let line = |title: &str, of: fn(Peer) -> Option<u64>| Line {
        title: title.to_owned(),
        cells: peers.iter().map(|&peer| of(peer).map(|bytes| (bytes as f64, None))).collect(),
        unit: Unit::Count,
    };
    vec![line("code", sizes::code), line("memory of a loop", |peer| Some(sizes::memory(peer)))]
}

/// Copies criterion's plots; returns the Markdown that shows them.
fn plots(root: &Path, target: &Path) -> Result<String, String> {
    let folder = root.join("docs/performance");
    fs::create_dir_all(&folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    let mut text = String::new();
    for row in ROWS {
        let plot = target.join("criterion").join(row.id).join("report/violin.svg");
        let copy = folder.join(format!("{}.svg", row.id));
        fs::copy(&plot, copy).map_err(|e| format!("{}: {e}", plot.display()))?;
        text += &format!("![{}](performance/{}.svg)\n\n", row.title, row.id);
    }
    Ok(text)
}
