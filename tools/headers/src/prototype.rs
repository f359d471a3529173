//! Prototypes, as the headers have them, for the synopsis of a manual page.

/// The declarations of all headers.
pub(crate) struct Statements {
    /// The header, and the declaration on one line.
    all: Vec<(String, String)>,
}

/// How wide a line of a synopsis may be.
const WIDTH: usize = 72;

impl Statements {
    /// Those of headers with this name and text. A struct has its short name if it has one.
    pub(crate) fn of(headers: &[(String, String)]) -> Self {
        let lines = headers.iter().flat_map(|(_, text)| text.lines());
        let typedefs =
            lines.filter_map(|line| line.strip_prefix("typedef struct ")?.split(' ').next());
        let structs: Vec<(String, String)> =
            typedefs.map(|name| (format!("struct {name} "), format!("{name} "))).collect();
        let mut all = Vec::new();
        for (header, text) in headers {
            let mut code = String::new();
            for part in text.split("*/") {
                code.push_str(part.split("/*").next().unwrap_or_default());
            }
            let lines = code.lines().filter(|line| !line.starts_with('#'));
            let code = lines.collect::<Vec<_>>().join(" ");
            for statement in code.split([';', '{', '}']) {
                let words: Vec<&str> = statement
                    .split_whitespace()
                    .filter(|word| !["static", "inline", "enum"].contains(word))
                    .collect();
                let statement = words.join(" ").replace("(enum ", "(");
                let shorten =
                    |text: String, (long, short): &(String, String)| text.replace(long, short);
                let statement = structs.iter().fold(statement, shorten);
                all.push((header.clone(), statement));
            }
        }
        Self { all }
    }

    /// The declaration of a function, a variable or, with `typedef `, a function's type.
    fn find(&self, start: &str, name: &str) -> Option<&(String, String)> {
        self.all.iter().find(|(_, statement)| {
            let declared = statement.split('(').next().unwrap_or_default();
            // Not a call in an inline function.
            let is_call = declared == name || declared.starts_with("return ");
            declared.starts_with(start)
                && !is_call
                && !declared.contains('=')
                && declared.rsplit([' ', '*']).next() == Some(name)
                && (statement.contains('(') || statement.starts_with("extern "))
        })
    }
}

/// The synopsis of a page: its headers, the prototypes of its functions, the types of callbacks.
pub(crate) fn synopsis(names: &[String], headers: &Statements) -> Result<String, String> {
    let mut includes: Vec<&str> = Vec::new();
    let mut declarations = String::new();
    let mut callbacks: Vec<&str> = Vec::new();
    // Macros have no declaration.
    for name in names.iter().filter(|name| name.contains(|c: char| c.is_ascii_lowercase())) {
        let (header, statement) = headers.find("", name).ok_or(format!("{name}: not declared"))?;
        if !includes.contains(&header.as_str()) {
            includes.push(header);
        }
        declarations.push_str(&marked_up(statement.trim_start_matches("extern ")));
        for word in statement.split([' ', '(', ')', ',', '*']) {
            let is_callback = headers.find("typedef ", word).is_some();
            if is_callback && !callbacks.contains(&word) {
                callbacks.push(word);
            }
        }
    }
    let includes: String =
        includes.iter().map(|header| format!(".B #include \\(dq{header}\\(dq\n")).collect();
    let types = callbacks.iter().filter_map(|name| headers.find("typedef ", name));
    let types: String = types.map(|(_, statement)| marked_up(statement)).collect();
    let types = if types.is_empty() { types } else { format!(".PP\n{types}") };
    Ok(format!(".nf\n{includes}.PP\n{declarations}{types}.fi\n"))
}

/// A declaration with its arguments in italics, broken where it is too long.
fn marked_up(statement: &str) -> String {
    let Some((before, arguments)) = statement.split_once('(') else {
        return format!(".B \"extern {statement};\"\n");
    };
    let arguments = arguments.strip_suffix(')').unwrap_or(arguments);
    let indent = " ".repeat(before.chars().count() + 1);
    let mut lines = String::new();
    // The present line, in pieces that are bold and in italics by turns, and its width.
    let mut line = format!("\"{before}(");
    let mut width = before.chars().count() + 1;
    for (number, argument) in arguments.split(", ").enumerate() {
        let separator = if number == 0 { "" } else { ", " };
        let added = separator.len() + argument.chars().count() + 2;
        if number > 0 && width + added > WIDTH {
            lines.push_str(&format!(".BI {line},\"\n"));
            line = format!("\"{indent}");
            width = indent.len();
        } else {
            line.push_str(separator);
        }
        width += added - 2;
        let (bold, name, rest) = named(argument);
        line.push_str(bold);
        if !name.is_empty() {
            line.push_str(&format!("\" {name} \"{rest}"));
        }
    }
    lines.push_str(&format!(".BI {line});\"\n"));
    lines
}

/// An argument's name, with what stands before and after it.
fn named(argument: &str) -> (&str, &str, &str) {
    let end = match argument.find("(*") {
        Some(start) => start + argument[start..].find(')').unwrap_or_default(),
        None => argument.len(),
    };
    let start = argument[..end].rfind([' ', '*']).map_or(end, |start| start + 1);
    (&argument[..start], &argument[start..end], &argument[end..])
}
