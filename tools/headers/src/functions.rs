//! The functions that the libraries export, where they are implemented.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use quote::ToTokens;

use crate::doc::Doc;
use crate::exports::{components, exports, Export};
use crate::parse;

/// An export with its declaration and its doc comment.
#[derive(Clone, Debug)]
pub struct Function {
    /// Its line of the list.
    pub export: Export,
    /// The header that declares it.
    pub header: String,
    /// What it is in Rust.
    pub declaration: Declaration,
    /// Its doc comment.
    pub doc: Doc,
}

/// What an export is in Rust.
#[derive(Clone, Debug)]
pub enum Declaration {
    /// A function.
    Function(Box<syn::Signature>),
    /// A variable: its name and type.
    Variable(syn::Ident, Box<syn::Type>),
}

impl Function {
    /// Whether libaionotify has it; the others may be the program's.
    pub fn is_of_notifier(&self) -> bool {
        self.export.libraries.iter().any(|library| library == "aionotify")
    }

    /// Whether it is a variable.
    pub fn is_variable(&self) -> bool {
        matches!(self.declaration, Declaration::Variable(..))
    }

    /// An error if a section is missing that it must have, or there is one that it cannot have.
    fn check(&self) -> Result<(), String> {
        let Declaration::Function(signature) = &self.declaration else { return Ok(()) };
        let returns = matches!(signature.output, syn::ReturnType::Type(..));
        let (name, doc) = (&self.export.name, &self.doc);
        match () {
            () if doc.does.is_empty() => Err(format!("{name}: does not say what it does")),
            () if doc.threads.is_empty() => Err(format!("{name}: no section Threads")),
            () if doc.returns.is_empty() == returns => Err(format!("{name}: section Returns")),
            () => Ok(()),
        }
    }

    /// The declaration as an item of an `extern "C"` block.
    pub fn foreign_item(&self) -> String {
        match &self.declaration {
            Declaration::Function(signature) => {
                let mut signature = signature.clone();
                signature.abi = None;
                signature.unsafety = None;
                // In Rust any number may come for an enum.
                format!("pub {};", signature.to_token_stream()).replace("AnyClock", "QEMUClock")
            }
            Declaration::Variable(name, r#type) => {
                format!("pub static mut {name}: {};", r#type.to_token_stream())
            }
        }
    }
}

/// What a source implements, by name.
type Found = BTreeMap<String, (Declaration, Doc)>;

/// All exports in the order of the list. An error if one is not implemented, differs between the
/// libraries, or is implemented without being listed.
pub fn functions(root: &Path) -> Result<Vec<Function>, String> {
    let mut of_notifier = implemented(&root.join("src/capi"))?;
    let mut of_loop = BTreeMap::new();
    let components = components(root)?;
    for component in &components {
        let sources = root.join("libaiocontext").join(&component.name).join("src");
        if sources.exists() {
            of_loop.insert(&component.name, implemented(&sources)?);
        }
    }
    let mut functions = Vec::new();
    for export in exports(root)? {
        let name = &export.name;
        let component = components.iter().find(|component| component.name == export.component);
        let component = component.ok_or(format!("{name}: no component {}", export.component))?;
        let mut found = Vec::new();
        for library in &export.libraries {
            let sources = match library.as_str() {
                "aionotify" => Some(&mut of_notifier),
                _ => of_loop.get_mut(&component.name),
            };
            let item = sources.and_then(|found| found.remove(name));
            found.push(item.ok_or(format!("{name}: {library} does not implement it"))?);
        }
        let (declaration, doc) = found.swap_remove(0);
        let header = component.header.clone();
        let function = Function { export, header, declaration, doc };
        for (declaration, doc) in found {
            let other = Function { declaration, doc, ..function.clone() };
            if other.foreign_item() != function.foreign_item() {
                return Err(format!("{}: another type in each library", other.export.name));
            }
        }
        function.check()?;
        functions.push(function);
    }
    // Those of a file that both libraries compile are found in one place.
    match of_notifier.keys().chain(of_loop.values().flat_map(BTreeMap::keys)).next() {
        Some(name) => Err(format!("{name} is not in abi/exports")),
        None => Ok(functions),
    }
}

/// A function that a component of libaiocontext takes from another, by its symbol.
#[derive(Clone, Debug)]
pub struct Import {
    /// The component that calls it.
    pub component: String,
    /// The function.
    pub name: String,
    /// Its declaration, as an item of an `extern "C"` block.
    pub foreign_item: String,
}

/// What the components import of each other.
pub fn imports(root: &Path) -> Result<Vec<Import>, String> {
    let mut imports = Vec::new();
    for component in components(root)? {
        let path = root.join("libaiocontext").join(&component.name).join("src/import.rs");
        let items = if path.exists() { parse(&path)? } else { Vec::new() };
        for item in items {
            let syn::Item::ForeignMod(block) = item else { continue };
            for item in block.items {
                let function = foreign_function(&item)?;
                imports.push(Import {
                    component: component.name.clone(),
                    name: function.sig.ident.to_string(),
                    foreign_item: function.to_token_stream().to_string(),
                });
            }
        }
    }
    Ok(imports)
}

/// An imported function as C has it: with a pointer in the place of a view, which is transparent,
/// and not `safe`, which syn leaves to others.
fn foreign_function(item: &syn::ForeignItem) -> Result<syn::ForeignItemFn, String> {
    let mut text = item.to_token_stream().to_string();
    for (view, of) in [("ContextRef", "AioContext"), ("LockRef", "RFifoLock"), ("BhRef", "QEMUBH")]
    {
        // The second is how the tokens of an item print that syn has not looked into.
        for lifetime in ["< '_ >", "<'_ >", "< 'static >", "<'static >"] {
            text = text.replace(&format!("{view} {lifetime}"), &format!("*mut {of}"));
        }
    }
    let text = text.replacen(" safe fn ", " fn ", 1).replacen(" unsafe fn ", " fn ", 1);
    syn::parse_str(&text).map_err(|e| format!("an import is no function: {text}: {e}"))
}

/// The exports of the sources below a folder, and of those that they share with libaionotify.
fn implemented(folder: &Path) -> Result<Found, String> {
    let entries = fs::read_dir(folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    let mut found = Found::new();
    for entry in entries {
        let path = entry.map_err(|e| format!("{}: {e}", folder.display()))?.path();
        if path.is_dir() {
            found.append(&mut implemented(&path)?);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            add(&path, &mut found)?;
        }
    }
    Ok(found)
}

fn add(path: &Path, found: &mut Found) -> Result<(), String> {
    for item in parse(path)? {
        let (attrs, name, declaration) = match item {
            syn::Item::Fn(item) => {
                let name = item.sig.ident.to_string();
                (item.attrs, name, Declaration::Function(Box::new(item.sig)))
            }
            syn::Item::Static(item) => {
                let name = item.ident.to_string();
                (item.attrs, name, Declaration::Variable(item.ident, item.ty))
            }
            syn::Item::Mod(item) => {
                let shared = item.attrs.iter().find_map(|attr| text_of(attr, "path"));
                if let (Some(shared), Some(folder)) = (shared, path.parent()) {
                    if item.content.is_none() && shared.contains("/src/capi/") {
                        add(&folder.join(shared), found)?;
                    }
                }
                continue;
            }
            _ => continue,
        };
        let has = |name: &str| attrs.iter().any(|attr| attr.path().is_ident(name));
        // One with a condition is for another generation than the headers are.
        if has("no_mangle") && !has("cfg") {
            let doc = Doc::of(&attrs).map_err(|e| format!("{name}: {e}"))?;
            found.insert(name, (declaration, doc));
        }
    }
    Ok(())
}

/// The text of an attribute `name = "text"`.
pub(crate) fn text_of(attr: &syn::Attribute, name: &str) -> Option<String> {
    let syn::Meta::NameValue(pair) = &attr.meta else { return None };
    match &pair.value {
        syn::Expr::Lit(syn::ExprLit { lit: syn::Lit::Str(text), .. })
            if pair.path.is_ident(name) =>
        {
            Some(text.value())
        }
        _ => None,
    }
}
