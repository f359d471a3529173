//! Asks bindgen and ctest what the C compiler makes of the headers, and writes it down as Rust
//! for the tests.
//!
//! Everything is done twice: with the headers as they are, and with a copy that has a planted
//! member, which the tests must notice.

mod by_ctest;
mod layout;
mod rust_side;
mod signatures;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

/// The headers, and what a compiler needs to be told to read them.
struct Headers {
    /// The folder of `block` and `qemu`.
    include: PathBuf,
    /// Flags for GLib's headers.
    glib: Vec<String>,
}

impl Headers {
    /// The names under which C sources include them.
    fn names(&self) -> Vec<String> {
        let mut names = Vec::new();
        for folder in ["aionotify", "block", "qemu"] {
            for file in files(&self.include.join(folder)) {
                let name = file.file_name().expect("a file has a name").to_string_lossy();
                names.push(format!("{folder}/{name}"));
            }
        }
        names
    }

    /// A bindgen builder that has read the flags and includes all headers.
    fn bindgen(&self) -> bindgen::Builder {
        let includes = self.names().into_iter().map(|name| format!("#include \"{name}\"\n"));
        bindgen::builder()
            .header_contents("all.h", &includes.collect::<String>())
            .clang_arg(format!("-I{}", self.include.display()))
            .clang_args(&self.glib)
            .allowlist_file(".*/(aionotify|block|qemu)/[^/]+[.]h")
            .default_enum_style(bindgen::EnumVariation::Consts)
            .formatter(bindgen::Formatter::None)
            .generate_comments(false)
            .layout_tests(false)
            .use_core()
    }

    /// A copy with another member in the middle of `AioContext`.
    fn planted(&self, copy: PathBuf) -> Self {
        for name in self.names() {
            let mut text = read(&self.include.join(&name));
            if name == "block/aio.h" {
                let member = "    uint32_t notify_me;\n";
                assert_eq!(text.matches(member).count(), 1, "block/aio.h has notify_me once");
                text = text.replace(member, &format!("    int planted;\n{member}"));
            }
            write(&copy.join(name), &text);
        }
        Self { include: copy, glib: self.glib.clone() }
    }
}

fn main() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    for input in ["abi", "libaiocontext", "include", "src/abi", "src/capi"] {
        println!("cargo:rerun-if-changed={}", root.join(input).display());
    }
    println!("cargo:rerun-if-changed=build");
    println!("cargo:rerun-if-env-changed=PKG_CONFIG");
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo names a folder for the output"));

    let rust = rust_side::Declarations::of(&root);
    let headers = Headers { include: root.join("include"), glib: glib() };
    let planted = headers.planted(out.join("include"));

    layout::write(&rust, &headers, &out.join("layout"));
    layout::write(&rust, &planted, &out.join("planted_layout"));
    signatures::write(&rust, &headers, &out);
    by_ctest::write(&rust, &headers, &out, "ctest");
    by_ctest::write(&rust, &planted, &out, "planted");
}

/// The include flags of GLib.
fn glib() -> Vec<String> {
    let tool = env::var_os("PKG_CONFIG").unwrap_or_else(|| "pkg-config".into());
    let output = Command::new(tool)
        .args(["--cflags", "glib-2.0"])
        .output()
        .expect("there is pkg-config: run scripts/setup check");
    assert!(output.status.success(), "pkg-config has no glib-2.0: run scripts/setup check");
    String::from_utf8_lossy(&output.stdout).split_whitespace().map(str::to_owned).collect()
}

/// The files of a folder, by name.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    let mut paths: Vec<_> = entries.map(|entry| entry.expect("a readable folder").path()).collect();
    paths.retain(|path| path.is_file());
    paths.sort();
    paths
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

fn write(path: &Path, text: &str) {
    let folder = path.parent().expect("a file is in a folder");
    fs::create_dir_all(folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    fs::write(path, text).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
}
