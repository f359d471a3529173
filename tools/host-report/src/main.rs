//! `host-report TARGET`: prints what the library would take from a program's headers, which the
//! environment names as for the build (`make host-report`). Exit status 1 if a build would refuse
//! them. With `--flags` it prints the compiler's flags alone, as words for a shell.

#[allow(dead_code, reason = "the build script uses the rest")]
#[path = "../../../build/host/mod.rs"]
mod host;
// As for the build script, which `host` shares it with.
#[allow(dead_code, reason = "the report does not name the symbol")]
#[path = "../../../build/layout_symbol.rs"]
mod layout_symbol;

use std::process::ExitCode;

use host::{check, set_handler_is_the_librarys, Evidence, Request};

fn main() -> ExitCode {
    let target = std::env::args().nth(1).unwrap_or_default();
    let flags_only = std::env::args().nth(2).is_some_and(|option| option == "--flags");
    match if flags_only { flags(&target) } else { report(&target) } {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            eprintln!("aio-notify: cannot build for {target}: {reason}");
            ExitCode::FAILURE
        }
    }
}

fn request(target: &str) -> Result<Request, String> {
    Request::from_env(target)?.ok_or_else(|| {
        "HOST_COMPILE_COMMANDS: expected the compiler's flags of the program, found none; set it \
         to the tree's compile_commands.json, or HOST_CFLAGS=\"-I...\""
            .to_owned()
    })
}

fn flags(target: &str) -> Result<(), String> {
    let flags = request(target)?.flags;
    let line = shlex::try_join(flags.iter().map(String::as_str));
    println!("{}", line.map_err(|e| format!("the compiler's flags: {e}"))?);
    Ok(())
}

fn report(target: &str) -> Result<(), String> {
    let request = request(target)?;
    println!("target:     {target}");
    if let Some((file, source)) = &request.compile_commands {
        println!("flags:      {}, of {}", file.display(), source.display());
    }
    if request.flags_from.contains(" and ") {
        println!("            and HOST_CFLAGS, behind them");
    }
    for (source, _) in &request.others {
        println!(
            "            checked with those of another entry as well, of {}",
            source.display()
        );
    }
    let headers = host::read(&request)?;
    for found in [&headers.context, &headers.notifier] {
        println!("{}: {} bytes, {}", found.name, found.size, found.place);
        for name in ["notify_me", "notified", "notifier", "rfd", "wfd", "initialized"] {
            if let Some(field) = found.fields.get(name) {
                println!("    {:4} {name}: {}", field.offset, field.type_name);
            }
        }
    }
    for (name, function) in &headers.functions {
        print!(
            "{name}: returns {}, takes {}, {}",
            function.returns, function.arguments, function.place
        );
        match (&**name, set_handler_is_the_librarys(&headers)) {
            ("event_notifier_set_handler", true) => println!("; the library's"),
            ("event_notifier_set_handler", false) => println!("; stays the tree's own"),
            _ => println!(),
        }
    }
    println!("generation: {}", Evidence::of(&headers).words(request.generation));
    let layout = check(&headers, &request)?;
    println!("fits:       {}", layout.target());
    Ok(())
}
