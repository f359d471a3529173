//! Libraries for programs that have an AioContext of their own: built from the program's headers,
//! run with its loop, refused where they do not fit; and what a loop does with the wrong library.

use std::env;

use capi_tests::{elf, output, program, Host, HostLibrary, Program};

/// The C programs, and what the library says of itself.
fn runs(library: &HostLibrary, target: &str) {
    assert!(library.run_suite() >= 3);
    says(library, target);
}

/// What the library says of itself, in the program and in the file.
fn says(library: &HostLibrary, target: &str) {
    let checked = library.check_layout(&[]);
    assert!(checked.status.success(), "{}", checked.stderr);
    assert_eq!(checked.stdout, format!("{target}\n"));
    let bytes = std::fs::read(library.shared()).expect("it is installed");
    let note = [b"aionotify\0\0\0", target.as_bytes(), b"\0"].concat();
    assert!(bytes.windows(note.len()).any(|part| part == note), "no note that says {target}");
}

/// What the library is for, with the offsets of the tested machine; elsewhere the C compiler's own,
/// by the check of the layout, have to do.
fn target(library: &HostLibrary, x86_64: &str, aarch64: &str) -> String {
    match &*machine() {
        "x86_64" => x86_64.to_owned(),
        "aarch64" => aarch64.to_owned(),
        _ => library.check_layout(&["-DELSEWHERE"]).stdout.trim().to_owned(),
    }
}

/// The architecture of the tested machine.
fn machine() -> String {
    let target = env::var("AIONOTIFY_TARGET").unwrap_or_else(|_| env::consts::ARCH.to_owned());
    target.split('-').next().unwrap_or_default().to_owned()
}

#[test]
fn the_reference_layout() {
    let library = Host::new("loop-2.4", &[], "2.4").library("aionotify-reference");
    runs(
        &library,
        &target(
            &library,
            "qemu-2.4 notify_me@236 notified@292 notifier@296",
            "qemu-2.4 notify_me@244 notified@308 notifier@312",
        ),
    );
}

#[test]
fn a_debug_mutex_and_another_field_of_a_build_option() {
    let options = ["-DCONFIG_DEBUG_MUTEX", "-DCONFIG_LINUX_AIO"];
    let library = Host::new("loop-2.4", &options, "2.4").library("aionotify-debug");
    runs(
        &library,
        &target(
            &library,
            "qemu-2.4 notify_me@264 notified@340 notifier@344",
            "qemu-2.4 notify_me@272 notified@356 notifier@360",
        ),
    );
}

#[test]
fn an_event_notifier_of_12_bytes() {
    let library = Host::new("loop-2.4", &["-DHAVE_INITIALIZED"], "2.4").library("aionotify-12");
    runs(
        &library,
        &target(
            &library,
            "qemu-2.4 notify_me@236 notified@292 notifier@296",
            "qemu-2.4 notify_me@244 notified@308 notifier@312",
        ),
    );
    let exports = elf::exports(&library.shared());
    assert!(exports.contains("event_notifier_set_handler"));
    assert!(!exports.contains("event_notifier_get_wfd"));
}

#[test]
fn the_later_generation() {
    let library = Host::new("loop-5.2", &[], "5.2").library("aionotify-mine");
    runs(
        &library,
        &target(
            &library,
            "qemu-5.2 notify_me@152 notified@208 notifier@212",
            "qemu-5.2 notify_me@160 notified@224 notifier@228",
        ),
    );
    let exports = elf::exports(&library.shared());
    assert!(exports.contains("event_notifier_get_wfd"));
    assert!(!exports.contains("event_notifier_set_handler"));
}

#[test]
fn the_later_generation_with_build_options() {
    let options = ["-DCONFIG_DEBUG_MUTEX", "-DCONFIG_LINUX_IO_URING"];
    let library = Host::new("loop-5.2", &options, "5.2").library("aionotify-uring");
    says(
        &library,
        &target(
            &library,
            "qemu-5.2 notify_me@168 notified@240 notifier@244",
            "qemu-5.2 notify_me@176 notified@256 notifier@260",
        ),
    );
}

/// What `make check HOST_CFLAGS=...` runs.
#[test]
#[ignore = "for the headers that make check HOST_CFLAGS=... names"]
fn the_given_headers() {
    let host = Host::given().expect("make check has been given HOST_CFLAGS");
    let library = HostLibrary::given(host);
    let programs = library.run_suite();
    let checked = library.check_layout(&[]);
    assert!(checked.status.success(), "{}", checked.stderr);
    println!("{programs} programs, built for {}", checked.stdout.trim());
}

#[test]
fn has_its_own_name_and_no_headers_of_the_reference() {
    let library = Host::new("unmarked", &[], "2.4").library("aionotify-24");
    assert_eq!(elf::soname(&library.shared()), ["libaionotify-24.so.0"]);
    let files = library.files();
    for file in [
        "include/aionotify-24/aionotify/target.h",
        "lib/libaionotify-24.a",
        "lib/libaionotify-24.so.0",
        "lib/pkgconfig/aionotify-24.pc",
    ] {
        assert!(files.iter().any(|name| name == file), "no {file} in {files:?}");
    }
    assert!(!files.iter().any(|name| name.ends_with("block/aio.h")), "{files:?}");
}

/// A program that was compiled with another layout aborts, and says both numbers.
#[test]
fn another_layout_is_noticed_at_start_up() {
    let library = Host::new("unmarked", &[], "5.2").library("aionotify-52");
    let other = |tree, options: &[&str]| {
        let finished = library.under(Host::new(tree, options, "")).check_layout(options);
        assert_eq!(finished.signal(), Some(6), "{finished:?}");
        finished.stderr
    };
    let target = "qemu-5.2 notify_me@96 notified@100 notifier@104";
    let stderr = other("loop-5.2", &["-DCONFIG_DEBUG_MUTEX"]);
    let in_program = match &*machine() {
        "x86_64" => "168 in the program, ",
        "aarch64" => "176 in the program, ",
        _ => "",
    };
    let line = stderr.lines().next().expect("a line");
    let start = "aionotify: AIONOTIFY_CHECK_LAYOUT: offset of AioContext.notify_me: ";
    assert!(line.starts_with(&format!("{start}{in_program}")), "{line}");
    assert!(line.ends_with(&format!(", 96 in the library, which is for {target}")), "{line}");
    assert!(other("loop-2.4", &[]).contains("offset of AioContext.notify_me"));
}

/// Offsets alone do not show it.
#[test]
fn another_size_of_event_notifier_is_noticed_at_start_up() {
    let library = Host::new("loop-2.4", &["-DHAVE_INITIALIZED"], "2.4").library("aionotify-12");
    let finished = library.under(Host::new("loop-2.4", &[], "")).check_layout(&["-DPLANTED"]);
    assert_eq!(finished.signal(), Some(6), "{finished:?}");
    let words = "size of EventNotifier: 8 in the program, 12 in the library";
    assert!(finished.stderr.contains(words), "{}", finished.stderr);
}

/// How a loop of a generation (`LOOP`) fares with a library.
fn fares(generation_of_loop: &str, library: &HostLibrary) -> String {
    let flag = format!("-DLOOP={generation_of_loop}");
    let built = Program::new("generations").named(&format!("generations-{generation_of_loop}"));
    let built = built.flags(&["-D_GNU_SOURCE", &flag]).build_for(library);
    let finished = output(&mut program(&built));
    assert!(finished.status.success(), "{finished:?}");
    finished.stdout
}

#[test]
fn each_loop_needs_the_library_of_its_generation() {
    let library = |generation, name| Host::new("unmarked", &[], generation).library(name);
    let (reference, later) = (library("2.4", "aionotify-24"), library("5.2", "aionotify-52"));
    assert_eq!(fares("24", &reference), "0 lost, 0 idle turns\n");
    assert_eq!(fares("52", &later), "0 lost, 0 idle turns\n");
    // Notified while it chose its timeout, with nothing set: it would sleep for ever.
    assert_eq!(fares("52", &reference), "100 lost, 0 idle turns\n");
    // Nobody empties the event: it never sleeps again.
    assert_eq!(fares("24", &later), "0 lost, 100 idle turns\n");
}

/// The build says the same as `make host-report`, whose tests have every mistake.
#[test]
fn a_build_for_headers_that_do_not_fit_stops() {
    for (host, message) in [
        (Host::new("loop-5.2", &[], "2.4"), "AioContext.bh_list: expected no such field with"),
        (Host::new("loop-5.2", &[], ""), "GENERATION: expected 2.4"),
        (Host::new("loop-2.4", &["-Dnotify_me=another"], "2.4"), "AioContext.notify_me: expected"),
    ] {
        let (finished, _) = host.install("aionotify-refused");
        assert!(!finished.status.success());
        let log = finished.stderr.matches("aio-notify: cannot build for").count();
        assert_eq!(log, 1, "{}", finished.stderr);
        assert!(finished.stderr.contains(message), "{}", finished.stderr);
    }
}

/// Whoever asks for another layout in the wrong way must not get the reference's.
#[test]
fn a_request_that_cannot_be_met_stops_the_build() {
    for (variable, value, features, message) in [
        ("AIONOTIFY_HOST_CFLAGS", "-I.", "", "needs the feature host-headers"),
        ("AIONOTIFY_GENERATION", "5.2", "", "needs the feature host-headers"),
        ("AIONOTIFY_GENERATION", "5.2", "host-headers", "GENERATION=5.2 is given without"),
        ("AIONOTIFY_HOST_HEADER", "a.h", "host-headers", "HOST_HEADER is given without"),
    ] {
        let mut cargo =
            std::process::Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        cargo
            .current_dir(capi_tests::root())
            .args(["build", "--offline", "--release", "-p", "aionotify"])
            .args(["--features", features])
            .env("CARGO_TARGET_DIR", capi_tests::scratch("host-target"))
            .env_remove("AIONOTIFY_HOST_CFLAGS")
            .env(variable, value);
        let finished = output(&mut cargo);
        assert!(!finished.status.success(), "{variable}={value}");
        assert!(finished.stderr.contains(message), "{}", finished.stderr);
    }
}
