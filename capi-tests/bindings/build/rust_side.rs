//! What the sources declare for C: found by parsing them, so that nothing can be left out of a list.

use std::path::Path;

use crate::{files, read};

/// An item, and the path of the module that it is in.
pub(crate) struct Found<T> {
    /// Such as `aio_notify::abi::aio`.
    pub(crate) module: String,
    /// The item.
    pub(crate) item: T,
}

impl<T> Found<T> {
    /// The item's own path, given its name.
    pub(crate) fn path(&self, name: &syn::Ident) -> String {
        format!("{}::{name}", self.module)
    }
}

/// The public C items of `src/abi` and `src/capi`.
#[derive(Default)]
pub(crate) struct Declarations {
    /// Structs.
    pub(crate) structs: Vec<Found<syn::ItemStruct>>,
    /// Enums.
    pub(crate) enums: Vec<Found<syn::ItemEnum>>,
    /// Constants, macros in C.
    pub(crate) constants: Vec<Found<syn::ItemConst>>,
    /// Callback types.
    pub(crate) aliases: Vec<Found<syn::ItemType>>,
    /// Functions of libaionotify.
    pub(crate) provided: Vec<Found<syn::Signature>>,
    /// What only libaiocontext exports.
    pub(crate) of_loop: Vec<headers::Function>,
    /// What each component of libaiocontext imports of the others.
    pub(crate) imported: Vec<headers::Import>,
}

impl Declarations {
    /// Those of the sources under `root`.
    pub(crate) fn of(root: &Path) -> Self {
        let mut all = Self::default();
        for parent in ["abi", "capi"] {
            for path in files(&root.join("src").join(parent)) {
                let file = syn::parse_file(&read(&path))
                    .unwrap_or_else(|e| panic!("{}: {e}", path.display()));
                let stem = path.file_stem().expect("a source has a name").to_string_lossy();
                let module = match &*stem {
                    "mod" => format!("aio_notify::{parent}"),
                    name => format!("aio_notify::{parent}::{name}"),
                };
                for item in file.items {
                    all.add(&module, item);
                }
            }
        }
        let exports = headers::functions(root).unwrap_or_else(|e| panic!("{e}"));
        all.of_loop = exports.into_iter().filter(|export| !export.is_of_notifier()).collect();
        all.imported = headers::imports(root).unwrap_or_else(|e| panic!("{e}"));
        all
    }

    fn add(&mut self, module: &str, item: syn::Item) {
        let module = module.to_owned();
        match item {
            syn::Item::Struct(item) if public(&item.vis) => {
                self.structs.push(Found { module, item });
            }
            syn::Item::Enum(item) if public(&item.vis) => self.enums.push(Found { module, item }),
            syn::Item::Const(item) if public(&item.vis) => {
                self.constants.push(Found { module, item });
            }
            syn::Item::Type(item) if public(&item.vis) => {
                self.aliases.push(Found { module, item });
            }
            // One with a condition is for another generation than the headers are.
            syn::Item::Fn(item) if item.attrs.iter().any(|attr| attr.path().is_ident("cfg")) => {}
            syn::Item::Fn(item) if public(&item.vis) && item.sig.abi.is_some() => {
                self.provided.push(Found { module, item: item.sig });
            }
            _ => {}
        }
    }
}

/// Whether C code only holds pointers to the struct.
pub(crate) fn is_opaque(item: &syn::ItemStruct) -> bool {
    item.fields.iter().any(|field| field.ident.as_ref().is_some_and(|name| name == "_opaque"))
}

/// Whether an item or a member can be seen from outside.
pub(crate) fn public(visibility: &syn::Visibility) -> bool {
    matches!(visibility, syn::Visibility::Public(_))
}
