//! The cells of the tables.

/// A row of figures, one for each column; `None` where there is nothing to measure.
pub struct Line {
    /// Its heading.
    pub title: String,
    /// Median, and spread where there is one.
    pub cells: Vec<Option<(f64, Option<f64>)>>,
    /// How a figure is written.
    pub unit: Unit,
}

/// What the figures are.
#[derive(Clone, Copy)]
pub enum Unit {
    /// Nanoseconds.
    Time,
    /// Numbers.
    Count,
}

impl Unit {
    fn show(self, value: f64) -> String {
        match self {
            Self::Time if value < 1e3 => format!("{} ns", digits(value)),
            Self::Time if value < 1e6 => format!("{} µs", digits(value / 1e3)),
            Self::Time => format!("{} ms", digits(value / 1e6)),
            Self::Count => digits(value),
        }
    }
}

/// Three digits, or all that stand before the point.
fn digits(value: f64) -> String {
    match value {
        v if v.fract() == 0.0 || v >= 100.0 => format!("{v:.0}"),
        v if v >= 10.0 => format!("{v:.1}"),
        v => format!("{v:.2}"),
    }
}

/// A table in Markdown: figure, spread in per cent, ratio to the first column.
pub fn table(columns: &[&str], lines: &[Line]) -> String {
    let mut text =
        format!("| | {} |\n|---|{}\n", columns.join(" | "), "---|".repeat(columns.len()));
    for line in lines {
        let ours = line.cells.first().copied().flatten().map(|(median, _)| median);
        let cells: Vec<String> =
            line.cells.iter().map(|cell| show(line.unit, *cell, ours)).collect();
        text += &format!("| {} | {} |\n", line.title, cells.join(" | "));
    }
    text
}

fn show(unit: Unit, cell: Option<(f64, Option<f64>)>, ours: Option<f64>) -> String {
    let Some((median, spread)) = cell else { return "–".to_owned() };
    let mut text = unit.show(median);
    if let Some(spread) = spread.filter(|_| median > 0.0) {
        text += &format!(" ±{:.0} %", 100.0 * spread / median);
    }
    if let Some(ours) = ours.filter(|&ours| ours > 0.0) {
        text += &format!(" ({})", digits(median / ours));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_have_figure_spread_and_ratio() {
        let line = Line {
            title: "row".to_owned(),
            cells: vec![Some((2.5, Some(0.25))), Some((5000.0, None)), None],
            unit: Unit::Time,
        };
        let text = table(&["ours", "b", "c"], &[line]);
        assert_eq!(text.lines().nth(2), Some("| row | 2.50 ns ±10 % (1) | 5 µs (2000) | – |"));
    }
}
