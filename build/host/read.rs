//! Reading the headers: bindgen has libclang lay the structs out for the target, and prints them
//! as Rust with their offsets.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use bindgen::callbacks::{DiscoveredItem, DiscoveredItemId, ParseCallbacks, SourceLocation};

use super::refusal::refusal;
use super::request::Request;

/// A field, in C's words.
#[derive(Clone, Debug)]
pub(crate) struct Field {
    /// Its type, such as `uint32_t`, without the typedefs on the way.
    pub(crate) type_name: String,
    /// In bytes from the start of the struct.
    pub(crate) offset: usize,
}

/// A struct that the headers define.
#[derive(Clone, Debug)]
pub(crate) struct Struct {
    pub(crate) name: &'static str,
    /// `FILE:LINE` of the definition.
    pub(crate) place: String,
    pub(crate) size: usize,
    pub(crate) fields: BTreeMap<String, Field>,
}

/// What the headers say.
pub(crate) struct Headers {
    pub(crate) context: Struct,
    pub(crate) notifier: Struct,
    /// Every file that was read.
    pub(crate) files: Vec<String>,
}

/// Reads the two structs.
pub(crate) fn read(request: &Request) -> Result<Headers, String> {
    let seen = Rc::new(RefCell::new(Seen::default()));
    let includes = request.headers.iter().map(|name| format!("#include \"{name}\"\n"));
    let bindings = bindgen::builder()
        .header_contents("host.h", &includes.collect::<String>())
        .clang_arg(format!("--target={}", clang_target(&request.target)))
        .clang_args(&request.flags)
        .allowlist_type("AioContext|EventNotifier")
        .formatter(bindgen::Formatter::None)
        .generate_comments(false)
        .layout_tests(true)
        .use_core()
        .parse_callbacks(Box::new(Callbacks(seen.clone())))
        .generate()
        .map_err(|e| {
            let found = e.to_string().split_whitespace().collect::<Vec<_>>().join(" ");
            refusal(
                &request.headers.join(" "),
                "the header",
                "one that clang can read",
                &found,
                "give the program's own -I and -D in HOST_CFLAGS, and in HOST_HEADER what its \
                 sources include, in their order",
            )
        })?;
    let text = bindings.to_string();
    let file = syn::parse_file(&text).map_err(|e| format!("bindgen's output: {e}"))?;
    let seen = seen.borrow();
    let found = |name| structure(name, &file, &text, &seen, request);
    Ok(Headers {
        context: found("AioContext")?,
        notifier: found("EventNotifier")?,
        files: seen.files.clone(),
    })
}

/// Clang's name of a target; Rust's own differs for a few.
fn clang_target(rust: &str) -> String {
    match rust.split_once('-') {
        Some((arch, rest)) if arch.starts_with("riscv64") => format!("riscv64-{rest}"),
        _ => rust.to_owned(),
    }
}

/// What bindgen meets on the way.
#[derive(Default, Debug)]
struct Seen {
    places: BTreeMap<String, String>,
    files: Vec<String>,
}

#[derive(Debug)]
struct Callbacks(Rc<RefCell<Seen>>);

impl ParseCallbacks for Callbacks {
    fn include_file(&self, name: &str) {
        self.0.borrow_mut().files.push(name.to_owned());
    }

    fn new_item_found(
        &self,
        _id: DiscoveredItemId,
        item: DiscoveredItem,
        place: Option<&SourceLocation>,
    ) {
        let DiscoveredItem::Struct { final_name, .. } = item else { return };
        let Some(SourceLocation { line, file_name: Some(file), .. }) = place else { return };
        self.0.borrow_mut().places.insert(final_name, format!("{file}:{line}"));
    }
}

/// One struct of bindgen's output.
fn structure(
    name: &'static str,
    file: &syn::File,
    text: &str,
    seen: &Seen,
    request: &Request,
) -> Result<Struct, String> {
    let item = file.items.iter().find_map(|item| match item {
        syn::Item::Struct(item) if item.ident == name => Some(item),
        _ => None,
    });
    let size = figure(text, &format!("\"Size of {name}\""));
    let (Some(item), Some(size)) = (item, size) else {
        let found = if item.is_some() { "a declaration only" } else { "none" };
        return Err(refusal(
            &request.headers.join(" "),
            name,
            "the definition of the struct",
            found,
            "name the header that defines it in HOST_HEADER",
        ));
    };
    let mut fields = BTreeMap::new();
    for field in &item.fields {
        let field_name = field.ident.as_ref().map(ToString::to_string).unwrap_or_default();
        let label = format!("\"Offset of field: {name}::{field_name}\"");
        // Those without are bindgen's own: bit-fields, padding.
        if let Some(offset) = figure(text, &label) {
            let type_name = c_name(&field.ty, file);
            fields.insert(field_name, Field { type_name, offset });
        }
    }
    let place = seen.places.get(name).cloned().unwrap_or_else(|| request.headers.join(" "));
    Ok(Struct { name, place, size, fields })
}

/// The figure that bindgen's layout test with this label compares with.
fn figure(text: &str, label: &str) -> Option<usize> {
    let (_, rest) = text.split_once(label)?;
    let (_, rest) = rest.split_once("- ")?;
    let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().ok()
}

/// A type in C's words, through the typedefs to what it is.
fn c_name(ty: &syn::Type, file: &syn::File) -> String {
    match ty {
        syn::Type::Path(path) => {
            let name = path.path.segments.last().map(|last| last.ident.to_string());
            let name = name.unwrap_or_default();
            let alias = file.items.iter().find_map(|item| match item {
                syn::Item::Type(item) if item.ident == name => Some(&*item.ty),
                _ => None,
            });
            match alias {
                Some(behind) => c_name(behind, file),
                None => basic(&name).to_owned(),
            }
        }
        syn::Type::Ptr(pointer) => format!("{} *", c_name(&pointer.elem, file)),
        syn::Type::Array(array) => format!("array of {}", c_name(&array.elem, file)),
        _ => "another kind of type".to_owned(),
    }
}

/// C's name of what bindgen prints for its basic types; other names are C's already.
fn basic(name: &str) -> &str {
    match name {
        "u8" | "c_uchar" => "uint8_t",
        "i8" | "c_schar" => "int8_t",
        "c_char" => "char",
        "u16" | "c_ushort" => "uint16_t",
        "i16" | "c_short" => "int16_t",
        // `unsigned int` has 32 bits on every Unix system.
        "u32" | "c_uint" => "uint32_t",
        "i32" | "c_int" => "int",
        "u64" | "c_ulonglong" => "uint64_t",
        "i64" | "c_longlong" => "int64_t",
        "c_ulong" => "unsigned long",
        "c_long" => "long",
        other => other,
    }
}
