//! `headers ROOT`: writes the generated headers and manual pages below `ROOT`.

use std::path::PathBuf;
use std::process::ExitCode;
use std::{env, fs};

fn main() -> ExitCode {
    let root = PathBuf::from(env::args_os().nth(1).unwrap_or_else(|| ".".into()));
    match write(&root) {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("headers: {e}");
            ExitCode::FAILURE
        }
    }
}

fn write(root: &std::path::Path) -> Result<(), String> {
    for (name, text) in headers::generate(root)? {
        let path = root.join(name);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(|e| format!("{}: {e}", folder.display()))?;
        }
        fs::write(&path, text).map_err(|e| format!("{}: {e}", path.display()))?;
    }
    Ok(())
}
