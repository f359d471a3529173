//! Running programs with a watchdog.

use std::io::Read;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

/// After so long a program hangs: many times what the slowest takes on a loaded machine.
const WATCHDOG: Duration = Duration::from_secs(300);

/// The same for programs in the full form that they have in `make verify` only.
const WATCHDOG_FULL: Duration = Duration::from_secs(1800);

/// A program that has run.
#[derive(Debug)]
pub struct Finished {
    /// How it ended.
    pub status: ExitStatus,
    /// What it wrote to standard output.
    pub stdout: String,
    /// What it wrote to standard error.
    pub stderr: String,
}

impl Finished {
    /// The signal that ended it.
    pub fn signal(&self) -> Option<i32> {
        self.status.signal()
    }
}

/// Runs to the end; panics if it cannot be run, or hangs.
pub fn output(command: &mut Command) -> Finished {
    let shown = shown(command);
    // A process group of its own, so that the watchdog ends its children too.
    let mut child = command
        .process_group(0)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|e| panic!("{shown}: {e}"));
    let stdout = drain(child.stdout.take().expect("it is piped"));
    let stderr = drain(child.stderr.take().expect("it is piped"));
    let group = child.id().to_string();
    let full = std::env::var_os("AIONOTIFY_FULL").is_some();
    let limit = if full { WATCHDOG_FULL } else { WATCHDOG };
    let (done, watched) = mpsc::channel::<()>();
    let watchdog = thread::spawn(move || {
        let hangs = watched.recv_timeout(limit) == Err(mpsc::RecvTimeoutError::Timeout);
        if hangs {
            // Its own tool rather than a binding: the harness needs no unsafe code for this.
            let _ = Command::new("kill").args(["-9", "--", &format!("-{group}")]).status();
        }
        hangs
    });
    let status = child.wait().unwrap_or_else(|e| panic!("{shown}: {e}"));
    drop(done);
    let hangs = watchdog.join().expect("the watchdog does not panic");
    let finished = Finished {
        status,
        stdout: stdout.join().expect("the reader does not panic"),
        stderr: stderr.join().expect("the reader does not panic"),
    };
    assert!(!hangs, "{shown} did not end within {limit:?}: {finished:#?}");
    finished
}

/// Runs to the end; panics, with all that was printed, unless the program succeeds.
pub fn succeed(command: &mut Command) -> Finished {
    let finished = output(command);
    assert!(
        finished.status.success(),
        "{}: {}\n--- stdout\n{}\n--- stderr\n{}",
        shown(command),
        finished.status,
        finished.stdout,
        finished.stderr
    );
    finished
}

/// The command as one would type it, without its environment.
fn shown(command: &Command) -> String {
    let words = [command.get_program()].into_iter().chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}

fn drain(mut pipe: impl Read + Send + 'static) -> thread::JoinHandle<String> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        let _ = pipe.read_to_end(&mut bytes);
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

/// The command that runs a compiled program: the program itself, or for a foreign architecture the
/// emulator named in `AIONOTIFY_RUNNER`.
pub fn program(path: &std::path::Path) -> Command {
    match std::env::var("AIONOTIFY_RUNNER") {
        Ok(runner) => {
            let mut words = runner.split_whitespace();
            let mut command = Command::new(words.next().expect("AIONOTIFY_RUNNER names a program"));
            command.args(words).arg(path);
            command
        }
        Err(_) => Command::new(path),
    }
}
