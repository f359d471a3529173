//! Criterion's estimates.

use std::fs;
use std::path::Path;

use serde::Deserialize;

#[derive(Deserialize)]
struct Estimates {
    median: Estimate,
    median_abs_dev: Estimate,
}

#[derive(Deserialize)]
struct Estimate {
    point_estimate: f64,
}

/// A figure in nanoseconds.
#[derive(Clone, Copy)]
pub struct Time {
    /// The median.
    pub median: f64,
    /// The median absolute deviation.
    pub spread: f64,
}

/// What criterion found for a row and a column; `None` if it was not measured.
pub fn of(target: &Path, row: &str, column: &str) -> Option<Time> {
    // criterion takes the heading as it is.
    let file = target.join("criterion").join(row).join(column).join("new/estimates.json");
    let text = fs::read_to_string(file).ok()?;
    let found: Estimates = serde_json::from_str(&text).ok()?;
    Some(Time { median: found.median.point_estimate, spread: found.median_abs_dev.point_estimate })
}
