//! The process in which a document is read, seen from both ends.
//!
//! The child gets one line of JSON (its [`Limits`]) and then the file on its standard input, lowers
//! its own limits, and answers in JSON on its standard output. Whatever else happens to it (a panic,
//! a signal, silence) is a [`BadDocument`] here.

use std::io::{Read, Write};
use std::path::Path;
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::{BadDocument, Extracted, Limits, extract};

/// How often a child that has said all it will say is asked whether it is gone.
const ASKED_EVERY: Duration = Duration::from_millis(5);

/// Reads a document in a process of its own: `exe` started with `arguments` is to call
/// [`child_main`]. Blocks until it answers or the deadline kills it.
///
/// The child inherits no environment, no file and no standard error, and yields to everything else on
/// the machine: calls are answered while documents are read.
///
/// # Errors
/// Why the document is refused; [`BadDocument::NoReader`] where the child cannot be started.
pub fn run_in_child(
    exe: &Path,
    arguments: &[&str],
    bytes: &[u8],
    limits: &Limits,
) -> Result<Extracted, BadDocument> {
    // What needs no child to be refused.
    if bytes.is_empty() {
        return Err(BadDocument::Empty);
    }
    if bytes.len() > limits.file {
        return Err(BadDocument::TooLarge { most: limits.file });
    }
    let ours = |what: &str| BadDocument::NoReader { what: what.to_owned() };
    let mut head = serde_json::to_vec(limits).map_err(|error| ours(&error.to_string()))?;
    head.push(b'\n');
    let started = Instant::now();
    let child = Command::new(exe)
        .args(arguments)
        .env_clear()
        // mimalloc reserves a gigabyte at once, which no limit set afterwards takes back.
        .env("MIMALLOC_ARENA_RESERVE", "64MiB")
        .current_dir("/")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|error| ours(&format!("the reader cannot be started: {error}")))?;
    let mut child = Ended(child);
    let (Some(mut to), Some(from)) = (child.0.stdin.take(), child.0.stdout.take()) else {
        return Err(ours("the reader has no pipes"));
    };
    // JSON at its worst writes six bytes for one, a character is at most four.
    let most_answer = limits.characters as u64 * 12 + (64 << 10);
    let (said, hear) = mpsc::channel();
    std::thread::scope(|threads| {
        threads.spawn(move || {
            // A child that dies early leaves a broken pipe: its answer, or its end, tells why.
            let _ = to.write_all(&head).and_then(|()| to.write_all(bytes));
        });
        threads.spawn(move || {
            let mut answer = Vec::new();
            let read = from.take(most_answer).read_to_end(&mut answer);
            let _ = said.send(read.map(|_| answer));
        });
        let answer = hear.recv_timeout(limits.deadline);
        let answer = match answer {
            Ok(Ok(answer)) => answer,
            Ok(Err(error)) => return Err(ours(&format!("the reader cannot be heard: {error}"))),
            // Returning kills the child, which ends both threads.
            Err(_) => return child.end(BadDocument::TooSlow),
        };
        match serde_json::from_slice(&answer) {
            Ok(answer) => answer,
            Err(_) => {
                let why = child.why(limits.deadline.saturating_sub(started.elapsed()));
                child.end(why)
            }
        }
    })
}

/// A child that does not outlive this.
struct Ended(Child);

impl Ended {
    /// Kills it, so that the threads on its pipes come to their end.
    fn end(&mut self, why: BadDocument) -> Result<Extracted, BadDocument> {
        let _ = self.0.kill();
        Err(why)
    }

    /// What the end of a child that did not answer says.
    fn why(&mut self, within: Duration) -> BadDocument {
        use std::os::unix::process::ExitStatusExt;
        let started = Instant::now();
        loop {
            match self.0.try_wait() {
                Ok(Some(status)) => {
                    let slow = [rustix::process::Signal::XCPU, rustix::process::Signal::KILL]
                        .map(rustix::process::Signal::as_raw);
                    return match status.signal() {
                        Some(signal) if slow.contains(&signal) => BadDocument::TooSlow,
                        _ => BadDocument::Crashed,
                    };
                }
                Ok(None) if started.elapsed() < within => std::thread::sleep(ASKED_EVERY),
                Ok(None) => return BadDocument::TooSlow,
                Err(error) => return BadDocument::NoReader { what: error.to_string() },
            }
        }
    }
}

impl Drop for Ended {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The child's end: reads limits and a file from standard input, lowers its own limits, answers on
/// standard output. The binary calls it first thing under a hidden subcommand, before any thread.
pub fn child_main() -> ExitCode {
    let answer = answer();
    let mut out = std::io::stdout().lock();
    let written = serde_json::to_writer(&mut out, &answer).is_ok() && out.flush().is_ok();
    if written { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn answer() -> Result<Extracted, BadDocument> {
    let ours = |what: String| BadDocument::NoReader { what };
    let mut input = Vec::new();
    // The limits are in the input: until they are known, what an upload may be at most.
    let most = 256 << 20;
    let read = std::io::stdin().lock().take(most).read_to_end(&mut input);
    read.map_err(|error| ours(format!("the reader hears nothing: {error}")))?;
    let at = input.iter().position(|byte| *byte == b'\n');
    let (head, rest) = input.split_at(at.ok_or_else(|| ours("no limits".into()))?);
    let limits: Limits = serde_json::from_slice(head).map_err(|error| ours(error.to_string()))?;
    confine(&limits).map_err(|error| ours(format!("the reader cannot be confined: {error}")))?;
    extract(&rest[1..], &limits)
}

/// Lowers this process's priority and limits: address space, processor time, no core file, no further files.
fn confine(limits: &Limits) -> rustix::io::Result<()> {
    let lower = |resource: Resource, to: u64| {
        let now = getrlimit(resource);
        let to = now.maximum.map_or(to, |most| most.min(to));
        setrlimit(resource, Rlimit { current: Some(to), maximum: Some(to) })
    };
    rustix::process::nice(19)?;
    lower(Resource::As, address_space().saturating_add(limits.memory))?;
    // At the soft limit SIGXCPU, which ends the process; at the hard one SIGKILL.
    let soft = limits.cpu_seconds.max(1);
    setrlimit(Resource::Cpu, Rlimit { current: Some(soft), maximum: Some(soft + 1) })?;
    lower(Resource::Core, 0)?;
    lower(Resource::Fsize, 0)?;
    // Those that are open stay so.
    lower(Resource::Nofile, 3)
}

/// What this process has mapped already: an allocator may reserve a great deal before it is asked.
fn address_space() -> u64 {
    let pages = std::fs::read_to_string("/proc/self/statm")
        .ok()
        .and_then(|line| line.split(' ').next()?.parse::<u64>().ok())
        .unwrap_or(0);
    pages.saturating_mul(rustix::param::page_size() as u64)
}
