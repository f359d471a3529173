//! System calls per wake, counted by strace.

use std::env;
use std::process::Command;

use crate::cpu::Place;
use crate::measure;
use crate::peer::Peer;

/// How often two loops wake each other, in a short and in a long run. The difference has neither
/// start nor end in it.
const ROUNDS: [u64; 2] = [100, 500];

/// What one wake costs in the kernel.
pub struct Calls {
    /// All system calls, of the waker and of the loop.
    pub all: f64,
    /// Those that write.
    pub writes: f64,
}

/// The part that runs under strace: `bench wakes COLUMN ROUNDS`.
pub fn run(peer: Peer, rounds: u64) {
    // On one CPU nobody is woken before it sleeps.
    measure::ping_pong(peer, Place::OneCpu, rounds);
}

/// Counts for one column.
///
/// # Errors
///
/// A strace that cannot be run, or whose table cannot be read.
pub fn count(peer: Peer) -> Result<Calls, String> {
    let [short, long] = ROUNDS.map(|rounds| strace(peer, rounds));
    let (short, long) = (short?, long?);
    // Each round trip is two wakes.
    let wakes = 2.0 * (ROUNDS[1] - ROUNDS[0]) as f64;
    Ok(Calls { all: (long.0 - short.0) / wakes, writes: (long.1 - short.1) / wakes })
}

fn strace(peer: Peer, rounds: u64) -> Result<(f64, f64), String> {
    let program = env::current_exe().map_err(|e| e.to_string())?;
    let output = Command::new("strace")
        .args(["-f", "-c", "-U", "calls,name"])
        .arg(program)
        .args(["wakes", peer.name, &rounds.to_string()])
        .output()
        .map_err(|e| format!("strace: {e}"))?;
    let table = String::from_utf8_lossy(&output.stderr);
    let mut calls = (0.0, 0.0);
    for line in table.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        if let [number, name] = words[..] {
            let Ok(number) = number.parse::<f64>() else { continue };
            // Threads that stop each other under strace, and not by themselves.
            if ["total", "restart_syscall", "futex", "sched_yield"].contains(&name) {
                continue;
            }
            calls.0 += number;
            if name == "write" {
                calls.1 += number;
            }
        }
    }
    if calls.0 == 0.0 {
        return Err(format!("strace printed no table:\n{table}"));
    }
    Ok(calls)
}
