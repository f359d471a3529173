//! Instructions per call, as `benches/instructions.rs` has counted them.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde::Deserialize;

/// How many calls each function of `benches/instructions.rs` makes.
pub const CALLS: u64 = 100;

/// gungraun's summary, as far as it is needed here.
#[derive(Deserialize)]
struct Summary {
    function_name: String,
    /// `of_N`, where N is the column's number.
    id: String,
    profiles: Vec<Profile>,
}

#[derive(Deserialize)]
struct Profile {
    data: Data,
}

#[derive(Deserialize)]
struct Data {
    total: Metrics,
}

#[derive(Deserialize)]
struct Metrics {
    metrics: BTreeMap<String, Metric>,
}

#[derive(Deserialize)]
struct Metric {
    values: Values,
}

#[derive(Deserialize)]
struct Values {
    new: Option<f64>,
}

/// Instructions for one call, by the function's name and the column's number.
///
/// # Errors
///
/// A summary that is missing or has another form.
pub fn counted(target: &Path) -> Result<BTreeMap<(String, usize), u64>, String> {
    let mut counted = BTreeMap::new();
    let folder = target.join("gungraun/bench/instructions/instructions");
    for entry in fs::read_dir(&folder).map_err(|e| format!("{}: {e}", folder.display()))? {
        let path = entry.map_err(|e| e.to_string())?.path().join("summary.json");
        let text = fs::read_to_string(&path).map_err(|e| format!("{}: {e}", path.display()))?;
        let summary: Summary =
            serde_json::from_str(&text).map_err(|e| format!("{}: {e}", path.display()))?;
        let column = summary.id.strip_prefix("of_").and_then(|number| number.parse().ok());
        let total = &summary.profiles[0].data.total;
        let instructions = total.metrics.get("Ir").and_then(|metric| metric.values.new);
        let (Some(column), Some(instructions)) = (column, instructions) else {
            return Err(format!("{}: no count of instructions", path.display()));
        };
        // What is executed once beside the calls is less than one instruction for each.
        counted.insert((summary.function_name, column), instructions as u64 / CALLS);
    }
    Ok(counted)
}

/// The committed budget: the function's name and at most how many instructions.
///
/// # Errors
///
/// A line that is neither empty, nor a comment, nor `NAME = NUMBER`.
pub fn budget(text: &str) -> Result<BTreeMap<String, u64>, String> {
    let mut budget = BTreeMap::new();
    for line in text.lines().map(str::trim) {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let (name, number) = line.split_once('=').ok_or_else(|| format!("no number: {line}"))?;
        let number = number.trim().parse().map_err(|e| format!("{line}: {e}"))?;
        budget.insert(name.trim().to_owned(), number);
    }
    Ok(budget)
}

/// What is over the budget, in words; nothing if all is well.
pub fn over(
    budget: &BTreeMap<String, u64>,
    counted: &BTreeMap<(String, usize), u64>,
) -> Vec<String> {
    let mut over = Vec::new();
    for (name, limit) in budget {
        match counted.get(&(name.clone(), 0)) {
            Some(count) if count <= limit => {}
            Some(count) => over.push(format!("{name}: {count} instructions, budget {limit}")),
            None => over.push(format!("{name}: not counted")),
        }
    }
    over
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_than_the_budget_and_what_is_missing_are_noticed() {
        let budget = budget("# comment\n\nnotify_idle = 9\naccept = 5\n").unwrap();
        let count =
            |n| BTreeMap::from([(("notify_idle".to_owned(), 0), n), (("accept".to_owned(), 0), 5)]);
        assert_eq!(over(&budget, &count(9)), [""; 0]);
        assert_eq!(over(&budget, &count(10)), ["notify_idle: 10 instructions, budget 9"]);
        assert_eq!(over(&budget, &BTreeMap::new()).len(), 2);
    }

    #[test]
    fn a_line_that_is_no_budget_is_an_error() {
        assert!(budget("notify_idle 9").is_err());
        assert!(budget("notify_idle = nine").is_err());
    }
}
