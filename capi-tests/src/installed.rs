//! The installed tree that is tested, and the folders around it.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use crate::run::succeed;

/// The top of the workspace.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the tests are a folder of the workspace")
}

/// Where the library is installed: `AIONOTIFY_PREFIX`, as `make check` sets it, else a tree that
/// this test program installs.
pub fn prefix() -> &'static Path {
    static PREFIX: OnceLock<PathBuf> = OnceLock::new();
    PREFIX.get_or_init(|| match env::var_os("AIONOTIFY_PREFIX") {
        Some(prefix) => prefix.into(),
        None => {
            let prefix = scratch("installed");
            let mut make = Command::new("make");
            make.current_dir(root())
                .arg("install-private")
                .arg(format!("PRIVATE={}", prefix.display()));
            succeed(&mut make);
            prefix
        }
    })
}

/// A folder for files of this test program, beside cargo's own.
pub fn scratch(name: &str) -> PathBuf {
    let program = env::current_exe().expect("a running program has a path");
    let target = program.ancestors().nth(2).expect("cargo builds tests in a folder's deps");
    // `deps/NAME-HASH`: the name alone, so that rebuilding does not leave old folders behind.
    let name_and_hash = program.file_stem().expect("a program's path has a name").to_string_lossy();
    let own = name_and_hash.rsplit_once('-').map_or(&*name_and_hash, |(name, _)| name);
    let folder = target.join("capi-tests").join(own).join(name);
    fs::create_dir_all(&folder).expect("cargo's folder can be written");
    folder
}

/// What `pkg-config ARGS aionotify` prints, as words.
pub fn pkg_config(args: &[&str]) -> Vec<String> {
    pkg_config_below(prefix(), args)
}

/// The same, of what is installed below another prefix.
pub fn pkg_config_below(prefix: &Path, args: &[&str]) -> Vec<String> {
    let mut command =
        Command::new(env::var_os("PKG_CONFIG").unwrap_or_else(|| "pkg-config".into()));
    command.env("PKG_CONFIG_PATH", prefix.join("lib/pkgconfig")).args(args);
    // The package, unless the arguments have one.
    if args.iter().all(|arg| arg.starts_with('-')) {
        command.arg("aionotify");
    }
    succeed(&mut command).stdout.split_whitespace().map(str::to_owned).collect()
}
