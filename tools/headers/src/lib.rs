//! The C headers, generated from the Rust sources by cbindgen, and the manual pages (see `man`).
//!
//! A header's structs, enums and constants come from its module in `src/abi`, its functions from where
//! they are implemented, for which `abi/exports` and `abi/components` are read. Each header has a
//! template: what Rust cannot say (macros, function types, inline functions), and the line `@generated@`
//! where the rest goes.

mod doc;
mod exports;
mod functions;
mod man;
mod prototype;

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use cbindgen::{Builder, Config};
use quote::ToTokens;

pub use doc::Doc;
pub use exports::{components, exports, Component, Export};
pub use functions::{functions, imports, Declaration, Function, Import};
use prototype::Statements;

const TEMPLATES: &str = "tools/headers/templates/include";

/// cbindgen does not make these: a `typedef` for every struct of the others, so that each name is declared
/// in one place only, as C99 wants it.
const TYPEDEFS: &str = "qemu/typedefs.h";

/// The module of the types that C code only holds pointers to.
const OPAQUE: &str = "src/abi/opaque.rs";

/// Generates all headers and manual pages from the sources under `root`: names below that, and texts.
pub fn generate(root: &Path) -> Result<Vec<(String, String)>, String> {
    let headers = headers(root)?;
    let pages = man::generate(root, &functions(root)?, &Statements::of(&headers))?;
    let headers = headers.into_iter().map(|(name, text)| (format!("include/{name}"), text));
    let pages = pages.into_iter().map(|(name, text)| (format!("man/{name}"), text));
    Ok(headers.chain(pages).collect())
}

/// The headers by their names below the include folder.
fn headers(root: &Path) -> Result<Vec<(String, String)>, String> {
    let functions = functions(root)?;
    let names = names(root)?;
    let mut headers = vec![(TYPEDEFS.to_owned(), typedefs(root, &names)?)];
    for name in names.into_iter().filter(|name| name != TYPEDEFS) {
        let text = declarations(root, &name, &functions)?;
        headers.push((name, text));
    }
    headers.into_iter().map(|(name, text)| fill_template(root, name, &text)).collect()
}

/// The headers that have a template, in alphabetical order.
fn names(root: &Path) -> Result<Vec<String>, String> {
    let mut names = Vec::new();
    for folder in entries(&root.join(TEMPLATES))? {
        for template in entries(&folder)? {
            let name = template.strip_prefix(root.join(TEMPLATES)).unwrap_or(&template);
            let name = name.to_string_lossy().trim_end_matches(".in").to_owned();
            names.push(name);
        }
    }
    Ok(names)
}

/// What is in a folder, in alphabetical order.
fn entries(folder: &Path) -> Result<Vec<PathBuf>, String> {
    let error = |e| format!("{}: {e}", folder.display());
    let entries = fs::read_dir(folder).map_err(error)?;
    let paths = entries.map(|entry| entry.map(|entry| entry.path()).map_err(error));
    let mut paths = paths.collect::<Result<Vec<_>, _>>()?;
    paths.sort();
    Ok(paths)
}

/// The items of a header's module, of which there may be none.
fn items(root: &Path, header: &str) -> Result<Vec<syn::Item>, String> {
    let (_, stem) = header.split_once('/').unwrap_or_default();
    let stem = stem.trim_end_matches(".h").replace('-', "_");
    let path = root.join(format!("src/abi/{stem}.rs"));
    if path.exists() {
        parse(&path)
    } else {
        Ok(Vec::new())
    }
}

fn parse(path: &Path) -> Result<Vec<syn::Item>, String> {
    let file = syn::parse_file(&read(path)?).map_err(|e| format!("{}: {e}", path.display()))?;
    Ok(file.items)
}

/// cbindgen's output for a header's types, and for its functions where they are implemented.
fn declarations(root: &Path, header: &str, functions: &[Function]) -> Result<String, String> {
    let items = items(root, header)?;
    let mut config = Config::from_file(root.join("cbindgen.toml"))?;
    let callbacks: Vec<String> = config.export.rename.values().cloned().collect();
    // All structs, also those that no function takes.
    config.export.include.extend(structs(&items).map(|item| item.ident.to_string()));
    let mut source: String =
        items.iter().map(|item| format!("{}\n", item.to_token_stream())).collect();
    for function in functions.iter().filter(|function| function.header == header) {
        let comment = function.comment();
        let item = match &function.declaration {
            Declaration::Function(signature) if function.is_of_notifier() => {
                format!("{comment}#[no_mangle] pub {} {{}}", signature.to_token_stream())
            }
            // cbindgen knows no foreign variables.
            Declaration::Variable(name, r#type) => {
                format!(
                    "{comment}#[no_mangle] pub static mut {name}: {} = 0;",
                    r#type.to_token_stream()
                )
            }
            _ => format!("extern \"C\" {{ {comment}{} }}", function.foreign_item()),
        };
        writeln!(source, "{item}").map_err(|e| e.to_string())?;
    }
    let text = cbindgen(&source, config).map_err(|e| format!("{header}: {e}"))?;
    // A callback's new name ends in the star of a pointer, which in C stands next to the argument.
    let text = callbacks.iter().fold(text, |text, name| text.replace(&format!("{name} "), name));
    Ok(text)
}

/// What cbindgen makes of a source.
fn cbindgen(source: &str, config: Config) -> Result<String, String> {
    // It reads files only; several threads may be here.
    static NUMBER: AtomicUsize = AtomicUsize::new(0);
    let name = format!("headers-{}-{}.rs", std::process::id(), NUMBER.fetch_add(1, Relaxed));
    let path = std::env::temp_dir().join(name);
    fs::write(&path, source).map_err(|e| format!("{}: {e}", path.display()))?;
    let bindings = Builder::new().with_config(config).with_src(&path).generate();
    let removed = fs::remove_file(&path);
    let mut text = Vec::new();
    bindings.map_err(|e| e.to_string())?.write(&mut text);
    removed.map_err(|e| format!("{}: {e}", path.display()))?;
    String::from_utf8(text).map_err(|e| e.to_string())
}

impl Function {
    /// The comment that the header has, as attributes.
    fn comment(&self) -> String {
        let mut lines = self.doc.for_c();
        if !self.is_of_notifier() {
            lines.push(String::new());
            lines.push(" Provided by libaiocontext or the program.".to_owned());
        }
        lines.iter().map(|line| format!("#[doc = {line:?}]\n")).collect()
    }
}

/// A `typedef` for each struct of the headers; with its comment where nothing else declares it.
fn typedefs(root: &Path, names: &[String]) -> Result<String, String> {
    let mut text = String::new();
    // That header stands beside a program's own, and needs none of ours.
    for name in names.iter().filter(|&name| name != "aionotify/target.h") {
        for item in structs(&items(root, name)?) {
            text.push_str(&format!("typedef struct {0} {0};\n", item.ident));
        }
    }
    for item in structs(&parse(&root.join(OPAQUE))?) {
        let lines = item.attrs.iter().filter_map(|attr| functions::text_of(attr, "doc"));
        let comment: String = lines.map(|line| format!(" *{line}\n")).collect();
        text.push_str(&format!("\n/**\n{comment} */\ntypedef struct {0} {0};\n", item.ident));
    }
    Ok(text)
}

/// The public structs among the items.
fn structs(items: &[syn::Item]) -> impl Iterator<Item = &syn::ItemStruct> {
    items.iter().filter_map(|item| match item {
        syn::Item::Struct(item) if matches!(item.vis, syn::Visibility::Public(_)) => Some(item),
        _ => None,
    })
}

fn fill_template(root: &Path, name: String, generated: &str) -> Result<(String, String), String> {
    const MARK: &str = "@generated@\n";
    let template = read(&root.join(TEMPLATES).join(format!("{name}.in")))?;
    if !template.contains(MARK) {
        return Err(format!("{name}.in: no line {}", MARK.trim_end()));
    }
    Ok((name, template.replace(MARK, &format!("{}\n", generated.trim()))))
}

/// The version of all packages.
fn version(root: &Path) -> Result<String, String> {
    let manifest = read(&root.join("Cargo.toml"))?;
    let version = manifest.lines().find_map(|line| line.strip_prefix("version = "));
    Ok(version.ok_or("Cargo.toml: no version")?.trim_matches('"').to_owned())
}

pub(crate) fn read(path: &Path) -> Result<String, String> {
    fs::read_to_string(path).map_err(|e| format!("{}: {e}", path.display()))
}
