//! The C headers, generated from the Rust sources by cbindgen.
//!
//! Each header has a template under `headers/`: what Rust cannot say (macros, function types,
//! inline functions), and the line `@generated@` where cbindgen's output goes.

use std::fs;
use std::path::Path;

use cbindgen::{Builder, Config};

/// A header and the Rust files that it is made of.
struct Header {
    name: &'static str,
    sources: &'static [&'static str],
}

const HEADERS: &[Header] = &[
    Header { name: "aionotify/target.h", sources: &["src/capi/target.rs"] },
    Header { name: "block/aio.h", sources: &["src/abi/aio.rs", "src/capi/aio.rs"] },
    Header { name: "block/thread-pool.h", sources: &["src/abi/thread_pool.rs"] },
    Header {
        name: "qemu/event_notifier.h",
        sources: &[
            "src/abi/event_notifier.rs",
            "src/capi/event_notifier.rs",
            "src/capi/set_handler.rs",
        ],
    },
    Header { name: "qemu/rfifolock.h", sources: &["src/abi/rfifolock.rs"] },
    Header { name: "qemu/thread.h", sources: &["src/abi/thread.rs"] },
    Header { name: "qemu/timer.h", sources: &["src/abi/timer.rs"] },
];

/// Not made by cbindgen: a `typedef` for every struct of the others, so that each name is declared
/// in one place only, as C99 wants it.
const TYPEDEFS: &str = "qemu/typedefs.h";

/// The rest of the sources that declare types.
const OPAQUE: &str = "src/abi/opaque.rs";

/// Generates all headers from the sources under `root`: name below the include folder, and text.
pub fn generate(root: &Path) -> Result<Vec<(&'static str, String)>, String> {
    let mut headers = vec![(TYPEDEFS, typedefs(root)?)];
    for header in HEADERS {
        headers.push((header.name, declarations(root, header)?));
    }
    headers.iter().map(|(name, text)| Ok((*name, fill_template(root, name, text)?))).collect()
}

/// cbindgen's output for the sources of one header.
fn declarations(root: &Path, header: &Header) -> Result<String, String> {
    let mut config = Config::from_file(root.join("cbindgen.toml"))?;
    let callbacks: Vec<String> = config.export.rename.values().cloned().collect();
    let mut builder = Builder::new();
    for source in header.sources {
        // All of them, also those that no function takes.
        config.export.include.extend(structs(root, source)?.iter().map(|s| s.ident.to_string()));
        builder = builder.with_src(root.join(source));
    }
    let bindings =
        builder.with_config(config).generate().map_err(|e| format!("{}: {e}", header.name))?;
    let mut text = Vec::new();
    bindings.write(&mut text);
    let mut text = String::from_utf8(text).map_err(|e| format!("{}: {e}", header.name))?;
    // A callback's new name ends in the star of a pointer, which in C stands next to the argument.
    for callback in callbacks {
        text = text.replace(&format!("{callback} "), &callback);
    }
    Ok(text)
}

/// A `typedef` for each struct of the sources; with its comment where nothing else declares it.
fn typedefs(root: &Path) -> Result<String, String> {
    let sources = HEADERS.iter().flat_map(|header| header.sources).copied();
    let mut text = String::new();
    for source in sources.chain([OPAQUE]) {
        for item in structs(root, source)? {
            if source == OPAQUE {
                text.push_str(&format!("\n/**\n{} */\n", comment(&item.attrs)));
            }
            text.push_str(&format!("typedef struct {0} {0};\n", item.ident));
        }
    }
    Ok(text)
}

/// The public structs of a source file.
fn structs(root: &Path, source: &str) -> Result<Vec<syn::ItemStruct>, String> {
    let file = syn::parse_file(&read(&root.join(source))?).map_err(|e| format!("{source}: {e}"))?;
    let structs = file.items.into_iter().filter_map(|item| match item {
        syn::Item::Struct(item) if matches!(item.vis, syn::Visibility::Public(_)) => Some(item),
        _ => None,
    });
    Ok(structs.collect())
}

/// The doc comment of an item, in the form that cbindgen gives it.
fn comment(attrs: &[syn::Attribute]) -> String {
    let mut text = String::new();
    for attr in attrs {
        let syn::Meta::NameValue(pair) = &attr.meta else { continue };
        let syn::Expr::Lit(syn::ExprLit { lit: syn::Lit::Str(line), .. }) = &pair.value else {
            continue;
        };
        text.push_str(&format!(" *{}\n", line.value()));
    }
    text
}

fn fill_template(root: &Path, name: &str, generated: &str) -> Result<String, String> {
    const MARK: &str = "@generated@\n";
    let template = read(&root.join("headers").join(format!("{name}.in")))?;
    if !template.contains(MARK) {
        return Err(format!("headers/{name}.in: no line {}", MARK.trim_end()));
    }
    Ok(template.replace(MARK, &format!("{}\n", generated.trim())))
}

fn read(path: &Path) -> Result<String, String> {
    fs::read_to_string(path).map_err(|e| format!("{}: {e}", path.display()))
}
