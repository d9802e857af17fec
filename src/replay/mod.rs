//! `tandem replay`: a recorded call through the conversation machine again.
//!
//! A call's journal holds what the machine was told and what it ordered. Told the same again it must
//! order the same, to the byte ([`exact`]); told the same under other settings it shows what those
//! would have changed ([`compare`]). Nothing is spoken and nobody is called: this reads files and
//! prints.

pub mod compare;
pub mod exact;
mod line;
pub mod recorded;
pub mod settings;
mod show;
pub mod simulated;
mod timeline;
pub mod turns;

use std::{
    fs::File,
    io::{self, BufReader, Write},
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::Args;
use serde::Serialize;

use self::{
    compare::{Call, Comparison},
    exact::{Verdict, replay},
    recorded::Recorder,
    settings::{BadSetting, Settings},
    timeline::Timeline,
};
use crate::live::journal::read::{BadJournal, Reader};

/// Runs recorded calls through the conversation machine again.
///
/// Without --set: shows the call's timeline and checks that the machine orders what it did. With
/// --set: shows what those settings would have changed.
///
/// Exits with 0 if all is exact, 1 if anything is not, 2 if a journal or a setting cannot be used.
#[derive(Args, Clone, Debug)]
pub struct ReplayArgs {
    /// A call's identifier, a journal, or a folder of journals.
    pub call: String,

    /// Where calls' journals are: in its folder `journal`.
    #[arg(long, value_name = "DIR")]
    pub data_dir: Option<PathBuf>,

    /// Another setting, as in turn.end_of_turn.even=800 or script.greeting=Hello; may be
    /// repeated. NAME:PATH=VALUE makes several groups, each compared by itself.
    #[arg(long = "set", value_name = "PATH=VALUE")]
    pub settings: Vec<String>,

    /// Prints one JSON object a call, and with --set on a folder one more with the sums.
    #[arg(long)]
    pub json: bool,
}

/// Why nothing could be replayed.
#[derive(Debug, thiserror::Error)]
pub enum NotReplayed {
    #[error("there is no journal of {call}: neither a file, nor a folder, nor {path}")]
    NoCall { call: String, path: PathBuf },
    #[error("{path} holds no journals (*.jsonl)")]
    NoJournals { path: PathBuf },
    #[error("{path} could not be read")]
    Unreadable { path: PathBuf, source: io::Error },
    #[error("{path}: {source}")]
    Journal { path: PathBuf, source: BadJournal },
    #[error(transparent)]
    Setting(#[from] BadSetting),
    #[error("what was found could not be written")]
    Output(#[source] io::Error),
}

/// What is said of one journal, for machines.
#[derive(Debug, Serialize)]
struct Report<'a> {
    journal: &'a Path,
    #[serde(flatten)]
    verdict: &'a Verdict,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    comparisons: Vec<Call>,
}

/// What is said of many calls, for machines.
#[derive(Debug, Serialize)]
struct Totals<'a> {
    journals: u64,
    exact: u64,
    different: u64,
    unusable: u64,
    #[serde(skip_serializing_if = "<[Comparison]>::is_empty")]
    comparisons: &'a [Comparison],
}

/// Replays, and prints to standard output. `data_dir` is asked for where a call is given by its
/// identifier and no folder with it.
pub fn run(args: &ReplayArgs, data_dir: impl FnOnce() -> PathBuf) -> ExitCode {
    let mut out = io::BufWriter::new(io::stdout().lock());
    match replay_all(args, data_dir, &mut out).and_then(|code| {
        out.flush().map_err(NotReplayed::Output)?;
        Ok(code)
    }) {
        Ok(code) => ExitCode::from(code),
        // Whoever read it has seen enough.
        Err(NotReplayed::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => {
            ExitCode::SUCCESS
        }
        Err(error) => {
            say(&error);
            ExitCode::from(2)
        }
    }
}

fn say(error: &NotReplayed) {
    eprintln!("tandem: {error}");
    // A malformed line's reason is in its sentence already.
    let cause = match error {
        NotReplayed::Journal { source: BadJournal::Unreadable { source, .. }, .. }
        | NotReplayed::Unreadable { source, .. }
        | NotReplayed::Output(source) => Some(source),
        _ => None,
    };
    if let Some(cause) = cause {
        eprintln!("  because: {cause}");
    }
}

/// Replays what is asked for and writes what is found. Answers the exit code.
///
/// # Errors
/// [`NotReplayed`]. Of several journals one that cannot be used is told and passed over.
pub fn replay_all(
    args: &ReplayArgs,
    data_dir: impl FnOnce() -> PathBuf,
    out: &mut impl Write,
) -> Result<u8, NotReplayed> {
    let settings = settings::parse(&args.settings)?;
    let (journals, many) = find(args, data_dir)?;
    let mut totals = Totals { journals: 0, exact: 0, different: 0, unusable: 0, comparisons: &[] };
    let mut sums: Vec<Comparison> = vec![Comparison::default(); settings.len()];
    for path in &journals {
        totals.journals += 1;
        let done = match settings.is_empty() {
            true => check(path, args.json, many, out).map(|verdict| (verdict, Vec::new())),
            false => contrast(path, &settings, args.json, many, out),
        };
        match done {
            Ok((verdict, calls)) => {
                totals.exact += u64::from(verdict.exact);
                totals.different += u64::from(!verdict.exact);
                for (sum, call) in sums.iter_mut().zip(&calls) {
                    sum.add(call);
                }
            }
            // A setting that one call does not know, none does.
            Err(error @ (NotReplayed::Setting(_) | NotReplayed::Output(_))) => return Err(error),
            Err(error) if many => {
                totals.unusable += 1;
                say(&error);
            }
            Err(error) => return Err(error),
        }
    }
    sums.iter_mut().for_each(Comparison::settle);
    totals.comparisons = &sums;
    if many {
        conclude(&totals, &settings, args.json, out).map_err(NotReplayed::Output)?;
    }
    Ok(match (totals.unusable, totals.different) {
        (0, 0) => 0,
        (0, _) => 1,
        _ => 2,
    })
}

/// The journals that are meant, and whether they are many by kind.
fn find(
    args: &ReplayArgs,
    data_dir: impl FnOnce() -> PathBuf,
) -> Result<(Vec<PathBuf>, bool), NotReplayed> {
    let given = PathBuf::from(&args.call);
    if given.is_dir() {
        let unreadable = |source| NotReplayed::Unreadable { path: given.clone(), source };
        let mut journals = Vec::new();
        for entry in std::fs::read_dir(&given).map_err(unreadable)? {
            let path = entry.map_err(unreadable)?.path();
            if path.extension().is_some_and(|extension| extension == "jsonl") && path.is_file() {
                journals.push(path);
            }
        }
        if journals.is_empty() {
            return Err(NotReplayed::NoJournals { path: given });
        }
        journals.sort();
        return Ok((journals, true));
    }
    if given.is_file() {
        return Ok((vec![given], false));
    }
    let folder = args.data_dir.clone().unwrap_or_else(data_dir);
    let path = folder.join("journal").join(format!("{}.jsonl", args.call));
    // An identifier names a file of the folder and nothing outside it.
    let is_name = !args.call.contains(['/', '\\']);
    if is_name && path.is_file() {
        Ok((vec![path], false))
    } else {
        Err(NotReplayed::NoCall { call: args.call.clone(), path })
    }
}

fn open(path: &Path) -> Result<Reader<BufReader<File>>, NotReplayed> {
    let unreadable = |source| NotReplayed::Unreadable { path: path.to_owned(), source };
    let input = BufReader::with_capacity(1 << 16, File::open(path).map_err(unreadable)?);
    Reader::new(input).map_err(|source| NotReplayed::Journal { path: path.to_owned(), source })
}

/// Checks that a journal's machine does the same again. One alone is shown with its timeline.
fn check(
    path: &Path,
    json: bool,
    many: bool,
    out: &mut impl Write,
) -> Result<Verdict, NotReplayed> {
    let mut reader = open(path)?;
    let bad = |source| NotReplayed::Journal { path: path.to_owned(), source };
    let verdict = match json || many {
        true => replay(&mut reader, &mut ()).map_err(bad)?,
        false => replay(&mut reader, &mut Timeline::to(&mut *out)).map_err(bad)?,
    };
    if json {
        let report = Report { journal: path, verdict: &verdict, comparisons: Vec::new() };
        write_json(out, &report)?;
    } else {
        let shown = match many {
            true => write!(out, "{}: ", path.display()),
            false => Ok(()),
        };
        shown.and_then(|()| show::verdict(out, &verdict)).map_err(NotReplayed::Output)?;
    }
    Ok(verdict)
}

/// Holds other settings against a call.
fn contrast(
    path: &Path,
    settings: &[Settings],
    json: bool,
    many: bool,
    out: &mut impl Write,
) -> Result<(Verdict, Vec<Comparison>), NotReplayed> {
    let mut reader = open(path)?;
    let mut recorder = Recorder::default();
    let verdict = replay(&mut reader, &mut recorder)
        .map_err(|source| NotReplayed::Journal { path: path.to_owned(), source })?;
    let sessions = recorder.finish();
    let mut calls = Vec::new();
    for settings in settings {
        calls.push(compare::compare(&sessions, settings)?);
    }
    let sums = calls.iter().map(|call| call.sums.clone()).collect();
    if json {
        write_json(out, &Report { journal: path, verdict: &verdict, comparisons: calls })?;
    } else if !many {
        show::verdict(out, &verdict).map_err(NotReplayed::Output)?;
        for (settings, call) in settings.iter().zip(&calls) {
            show::call(out, settings, call).map_err(NotReplayed::Output)?;
        }
    }
    Ok((verdict, sums))
}

/// What is said of all journals of a folder.
fn conclude(
    totals: &Totals<'_>,
    settings: &[Settings],
    json: bool,
    out: &mut impl Write,
) -> io::Result<()> {
    if json {
        serde_json::to_writer(&mut *out, totals)?;
        return writeln!(out);
    }
    let Totals { journals, exact, different, unusable, comparisons } = totals;
    writeln!(
        out,
        "{journals} journals: {exact} exact, {different} different, {unusable} not usable."
    )?;
    for (settings, sums) in settings.iter().zip(*comparisons) {
        show::comparison(out, settings, sums)?;
    }
    Ok(())
}

fn write_json(out: &mut impl Write, what: &impl Serialize) -> Result<(), NotReplayed> {
    serde_json::to_writer(&mut *out, what)
        .map_err(io::Error::from)
        .and_then(|()| writeln!(out))
        .map_err(NotReplayed::Output)
}
