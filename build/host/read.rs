//! Reading the headers: bindgen has libclang lay the structs out for the target, and prints them
//! as Rust with their offsets.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use bindgen::callbacks::{DiscoveredItem, DiscoveredItemId, ParseCallbacks, SourceLocation};

use super::entries;
use super::pointers;
use super::quiet::quietly;
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

/// A function that the headers declare.
#[derive(Clone, Debug)]
pub(crate) struct Function {
    /// `FILE:LINE` of the declaration.
    pub(crate) place: String,
    /// What it returns, in C's words.
    pub(crate) returns: String,
    /// How many arguments it takes.
    pub(crate) arguments: usize,
}

/// The functions that the build asks for.
const FUNCTIONS: &str = "aio_co_reschedule_self|event_notifier_set_handler";

/// The name, for clang, of what includes the headers.
const INCLUDES: &str = "aionotify-includes.h";

/// What each source of a real tree starts with.
const FIRST: &str = "#if __has_include(\"qemu/osdep.h\")\n#include \"qemu/osdep.h\"\n#endif\n";

/// What the headers say.
pub(crate) struct Headers {
    pub(crate) context: Struct,
    pub(crate) notifier: Struct,
    /// Those of [`FUNCTIONS`] that are declared.
    pub(crate) functions: BTreeMap<String, Function>,
    /// Every file that was read.
    pub(crate) files: Vec<String>,
}

/// Reads the two structs, with the flags of each entry.
pub(crate) fn read(request: &Request) -> Result<Headers, String> {
    let includes = request.headers.iter().map(|name| format!("#include \"{name}\"\n"));
    let includes = pointers::assertion(request)? + FIRST + &includes.collect::<String>();
    let mut headers = read_with(&request.flags, &includes, request)?;
    for (source, flags) in &request.others {
        let other = read_with(flags, &includes, request);
        entries::compare(&headers, &other, source, request)?;
        headers.files.extend(other?.files);
    }
    Ok(headers)
}

fn read_with(flags: &[String], includes: &str, request: &Request) -> Result<Headers, String> {
    let seen = Rc::new(RefCell::new(Seen::default()));
    let builder = builder(includes, &request.target, flags)
        .allowlist_type("AioContext|EventNotifier")
        .allowlist_function(FUNCTIONS)
        .parse_callbacks(Box::new(Callbacks(seen.clone())));
    let bindings =
        quietly(|| builder.generate()).map_err(|e| unreadable(&e.to_string(), flags, request))?;
    let text = bindings.to_string();
    let file = syn::parse_file(&text).map_err(|e| format!("bindgen's output: {e}"))?;
    let seen = seen.borrow();
    seen.refuse_our_own()?;
    let found = |name| structure(name, &file, &text, &seen, request);
    Ok(Headers {
        context: found("AioContext")?,
        notifier: found("EventNotifier")?,
        functions: functions(&file, &seen, request),
        files: seen.files.clone(),
    })
}

/// What lays this text out for the target.
pub(super) fn builder(text: &str, target: &str, flags: &[String]) -> bindgen::Builder {
    bindgen::builder()
        .header_contents(INCLUDES, text)
        .clang_arg(format!("--target={}", clang_target(target)))
        .clang_args(flags)
        // Warnings are the program's own business, and bindgen would print them.
        .clang_arg("-w")
        .formatter(bindgen::Formatter::None)
        .generate_comments(false)
        .layout_tests(true)
        .use_core()
}

/// The message for what clang complains of.
fn unreadable(errors: &str, flags: &[String], request: &Request) -> String {
    let errors = errors.strip_prefix("clang diagnosed error: ").unwrap_or(errors);
    let first = errors.lines().find(|line| line.contains("error:")).unwrap_or(errors);
    if let Some(message) = pointers::refused(first, flags, request) {
        return message;
    }
    // Its place in what includes the headers is no file of the program's.
    let first = match first.split_once(&format!("{INCLUDES}:")) {
        Some((_, rest)) => rest.split_once(' ').map_or(rest, |(_, rest)| rest),
        None => first,
    };
    let found = first.split_whitespace().collect::<Vec<_>>().join(" ");
    let todo = match &request.compile_commands {
        Some((_, source)) => format!(
            "check that the tree is configured, and name in HOST_HEADER what {} includes, in its order",
            source.display()
        ),
        None => "give the program's own flags, best by HOST_COMPILE_COMMANDS, and in HOST_HEADER what \
                 its sources include, in their order"
            .to_owned(),
    };
    let headers = request.headers.join(" ");
    refusal(&headers, "the header", "one that clang can read", &found, &todo)
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

impl Seen {
    /// This project's headers, here or installed, say nothing of the program.
    fn refuse_our_own(&self) -> Result<(), String> {
        const MARK: &str = "Generated by `make headers` from the Rust sources.";
        const NAMES: &[&str] =
            &["aio", "event_notifier", "rfifolock", "thread", "thread-pool", "timer", "typedefs"];
        let ours = |file: &&String| {
            NAMES.iter().any(|name| file.ends_with(&format!("/{name}.h")))
                && std::fs::read_to_string(file).is_ok_and(|text| text.contains(MARK))
        };
        match self.files.iter().find(ours) {
            None => Ok(()),
            Some(file) => Err(refusal(
                file,
                "the header",
                "the program's own",
                "this library's",
                "give the program's flags, best by HOST_COMPILE_COMMANDS, without the library's -I",
            )),
        }
    }
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
        let (DiscoveredItem::Struct { final_name, .. }
        | DiscoveredItem::Function { final_name, .. }) = item
        else {
            return;
        };
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
    Ok(Struct { name, place: place(name, seen, request), size, fields })
}

/// The functions of bindgen's output.
fn functions(file: &syn::File, seen: &Seen, request: &Request) -> BTreeMap<String, Function> {
    let blocks = file.items.iter().filter_map(|item| match item {
        syn::Item::ForeignMod(block) => Some(&block.items),
        _ => None,
    });
    let functions = blocks.flatten().filter_map(|item| {
        let syn::ForeignItem::Fn(function) = item else { return None };
        let name = function.sig.ident.to_string();
        let returns = match &function.sig.output {
            syn::ReturnType::Default => "void".to_owned(),
            syn::ReturnType::Type(_, ty) => c_name(ty, file),
        };
        let arguments = function.sig.inputs.len();
        Some((name.clone(), Function { place: place(&name, seen, request), returns, arguments }))
    });
    functions.collect()
}

/// `FILE:LINE` of what has this name.
fn place(name: &str, seen: &Seen, request: &Request) -> String {
    seen.places.get(name).cloned().unwrap_or_else(|| request.headers.join(" "))
}

/// The figure that bindgen's layout test with this label compares with.
pub(super) fn figure(text: &str, label: &str) -> Option<usize> {
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
