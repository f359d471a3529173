//! The machine and the versions that a run was made with.

use std::fs;
use std::process::Command;

/// One line for each.
pub fn describe() -> Vec<String> {
    let cpu = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpu.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let mut lines = vec![
        format!(
            "{} CPUs, {}",
            crate::cpu::available().len(),
            model.map_or("model unknown", |(_, model)| model)
        ),
        format!("Linux {}", said("uname", &["-r"])),
        said("gcc", &["--version"]),
        said("rustc", &["--version"]),
    ];
    for library in ["libuv", "libevent", "glib-2.0"] {
        lines.push(format!("{library} {}", said("pkg-config", &["--modversion", library])));
    }
    lines.push(format!("libev {}", libev()));
    lines.push("mio and polling as in Cargo.lock".to_owned());
    lines
}

/// The first line that a program prints.
fn said(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output();
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
    text.ok().and_then(|text| text.lines().next().map(str::to_owned)).unwrap_or_default()
}

fn libev() -> String {
    extern "C" {
        fn ev_version_major() -> i32;
        fn ev_version_minor() -> i32;
    }
    // SAFETY: takes nothing and returns a constant.
    let major = unsafe { ev_version_major() };
    // SAFETY: as above.
    let minor = unsafe { ev_version_minor() };
    format!("{major}.{minor}")
}
