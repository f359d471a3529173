//! Bytes of code and of memory.

use std::fs;
use std::process::Command;

use crate::peer::{Loop, Peer};

/// How many loops are made to see what one takes.
const LOOPS: usize = 64;

/// Bytes of code and constants in the column's library; `None` where it is part of the program.
pub fn code(peer: Peer) -> Option<u64> {
    if peer.library.is_empty() {
        return None;
    }
    // The file that this program runs with.
    let maps = fs::read_to_string("/proc/self/maps").ok()?;
    let file = maps.lines().find_map(|line| {
        let path = &line[line.find('/')?..];
        path.contains(peer.library).then(|| path.to_owned())
    })?;
    let output = Command::new("size").arg(file).output().ok()?;
    let table = String::from_utf8(output.stdout).ok()?;
    table.lines().nth(1)?.split_whitespace().next()?.parse().ok()
}

/// Bytes that a loop takes from malloc, without what the kernel has for it.
pub fn memory(peer: Peer) -> u64 {
    // What the library allocates once.
    drop(peer.create());
    let before = allocated();
    let loops: Vec<Loop> = (0..LOOPS).map(|_| peer.create()).collect();
    let vector = LOOPS * size_of::<Loop>();
    let taken = allocated() - before;
    drop(loops);
    (taken as usize - vector) as u64 / LOOPS as u64
}

fn allocated() -> u64 {
    // SAFETY: takes nothing and returns numbers.
    let info = unsafe { libc::mallinfo2() };
    (info.uordblks + info.hblkhd) as u64
}
