//! `host-report TARGET`: prints what the library would take from a program's headers, which the
//! environment names as for the build (`make host-report`). Exit status 1 if a build would refuse
//! them.

#[allow(dead_code, reason = "the build script uses the rest")]
#[path = "../../../build/host/mod.rs"]
mod host;

use std::process::ExitCode;

use host::{check, evidence, Request};

fn main() -> ExitCode {
    let target = std::env::args().nth(1).unwrap_or_default();
    match report(&target) {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            eprintln!("aio-notify: cannot build for {target}: {reason}");
            ExitCode::FAILURE
        }
    }
}

fn report(target: &str) -> Result<(), String> {
    let Some(request) = Request::from_env(target)? else {
        return Err("HOST_CFLAGS: expected the compiler's flags of the program, found none; set \
                    HOST_CFLAGS=\"-I...\""
            .to_owned());
    };
    println!("target:     {target}");
    let headers = host::read(&request)?;
    for found in [&headers.context, &headers.notifier] {
        println!("{}: {} bytes, {}", found.name, found.size, found.place);
        for name in ["notify_me", "notified", "notifier", "rfd", "wfd", "initialized"] {
            if let Some(field) = found.fields.get(name) {
                println!("    {:4} {name}: {}", field.offset, field.type_name);
            }
        }
    }
    println!("generation: {}", evidence(&headers.context));
    let layout = check(&headers, request.generation)?;
    println!("fits:       {}", layout.target());
    Ok(())
}
