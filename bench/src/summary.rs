//! The pages in five lines: the table in the README's section "Is it fast?".

/// The work in a line, which page has it, and under which title.
const LINES: &[(&str, &str, &str)] = &[
    ("notify, nobody asleep", NOTIFIER, "notify, nobody asleep"),
    ("accept, nothing notified", NOTIFIER, "accept, nothing notified"),
    (
        "two loops that wake each other on one CPU, a round",
        NOTIFIER,
        "round trip of two loops, one CPU",
    ),
    ("a turn of the whole loop with 64 idle descriptors", LOOP, "the same, 64 idle descriptors"),
    (
        "scheduling a bottom half (callback) and running it",
        LOOP,
        "scheduling a callback and running it",
    ),
];
const NOTIFIER: &str = "PERFORMANCE.md";
const LOOP: &str = "PERFORMANCE_LOOP.md";

const COLUMNS: &[&str] = &["ours", "C reference", "libuv", "libev", "GLib"];

/// The table; `page` has the text of each page. None if a page lacks a row.
pub fn table(page: impl Fn(&str) -> String) -> Option<String> {
    let mut text =
        format!("| | {} |\n|---|{}\n", COLUMNS.join(" | "), "---|".repeat(COLUMNS.len()));
    for (work, name, title) in LINES {
        let page = page(name);
        let mut rows = rows(&page).skip_while(|row| row.get(1) != Some(&"ours"));
        let names = rows.next()?;
        let figures = rows.find(|row| row[0] == *title)?;
        let cells: Vec<&str> = COLUMNS
            .iter()
            .map(|column| {
                let place = names.iter().position(|name| name == column);
                place.map_or("–", |place| median(figures[place]))
            })
            .collect();
        text += &format!("| {work} | {} |\n", cells.join(" | "));
    }
    Some(text)
}

/// The README with this table in the place of the one that it has.
pub fn update(readme: &str, table: &str) -> String {
    let is_ours = |line: &str| Some(line) == table.lines().next();
    let mut text = String::new();
    let mut lines = readme.lines().peekable();
    while let Some(line) = lines.next() {
        if is_ours(line) {
            while lines.next_if(|line| line.starts_with('|')).is_some() {}
            text += table;
        } else {
            text += line;
            text.push('\n');
        }
    }
    text
}

/// The cells of the lines of tables.
fn rows(page: &str) -> impl Iterator<Item = Vec<&str>> {
    page.lines().filter_map(|line| {
        let cells = line.strip_prefix('|')?.strip_suffix('|')?;
        Some(cells.split('|').map(str::trim).collect())
    })
}

/// The figure alone, without its spread and its ratio.
fn median(cell: &str) -> &str {
    let end = cell.find(" ±").or_else(|| cell.find(" ("));
    &cell[..end.unwrap_or(cell.len())]
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::path::Path;

    #[test]
    fn readme_has_the_table() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let read = |path: &str| fs::read_to_string(root.join(path)).expect("a page");
        let table = table(|name| read(&format!("docs/{name}"))).expect("each row is in its page");
        let readme = read("README.md");
        assert!(readme.contains(&table), "README.md should have:\n{table}");
        assert_eq!(update(&readme.replace(" ns |", " s |"), &table), readme);
    }
}
