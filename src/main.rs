//! The command line.

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::{Parser, Subcommand};
use tandem::{
    caller, check,
    config::{self, Config},
    database, demo, models, replay, serve, telemetry, users,
};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// A telephony media gateway with a real-time AI voice pipeline.
///
/// Twilio connects a call's audio to it; it listens, answers with a voice, and yields when the caller
/// barges in. Without any vendor's key all of that runs on this machine.
#[derive(Parser)]
#[command(version, propagate_version = true)]
struct Tandem {
    #[command(subcommand)]
    command: Command,

    /// The settings file (TOML). The environment wins over it.
    #[arg(long, global = true, value_name = "FILE", env = "TANDEM_CONFIG")]
    config: Option<PathBuf>,

    /// Logs as JSON lines, for machines. What is logged: TANDEM_LOG, as in "info,tandem=debug".
    #[arg(long, global = true)]
    log_json: bool,
}

#[derive(Subcommand)]
enum Command {
    /// Runs the gateway.
    Serve(serve::ServeArgs),
    /// Plays a whole conversation on this machine: a caller with questions, a barge-in, an
    /// appointment; prints the transcript and where the time of each answer went.
    Demo(demo::DemoArgs),
    /// Plays the carrier's side of one call towards any gateway.
    Call(Box<caller::CallArgs>),
    /// Runs recorded calls through the conversation machine again: what happened, whether it would
    /// again, and what other settings would have changed.
    Replay(replay::ReplayArgs),
    /// Who may sign in: adds, lists and lets back in users.
    User(users::UserArgs),
    /// Brings the database's schema up to date.
    Migrate(database::MigrateArgs),
    /// Copies the SQLite database into a file, also while the server runs.
    Backup(database::BackupArgs),
    /// Says what is configured and whether it can be reached.
    Check(check::CheckArgs),
    /// The local speech models: what they are, and fetching them.
    Models(models::ModelsArgs),
}

fn main() -> ExitCode {
    // Before all else, and before any thread: this process reads one document for another one of the
    // same program, within limits that it sets itself.
    if std::env::args_os().nth(1).is_some_and(|argument| argument == tandem::app::READER_ARGUMENT) {
        return documents::extract::child_main();
    }
    let tandem = Tandem::parse();
    rustls::crypto::aws_lc_rs::default_provider()
        .install_default()
        .expect("no other provider was installed before");
    let quiet =
        !matches!(tandem.command, Command::Serve(_) | Command::Replay(_) | Command::Check(_));
    let filter = std::env::var("TANDEM_LOG").ok();
    let filter = filter.as_deref().or(quiet.then_some("error"));
    telemetry::log_to_stderr(tandem.log_json, filter);

    if let Command::Replay(args) = &tandem.command {
        return replay::run(args, || data_dir(tandem.config.as_deref()));
    }

    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return failed(&error),
    };
    runtime.block_on(async {
        if let Command::Call(args) = tandem.command {
            return caller::run(*args).await;
        }
        let env = |name: &str| std::env::var(name).ok();
        let config = match Config::load(tandem.config.as_deref(), &env) {
            Ok(config) => config,
            Err(error) => return failed(&error),
        };
        let done = match tandem.command {
            Command::Serve(args) => serve::run(args, config).await,
            Command::Demo(args) => demo::run(args, config).await,
            Command::User(args) => users::run(args, config).await,
            Command::Migrate(args) => database::migrate(args, config).await,
            Command::Backup(args) => database::backup(args, config).await,
            Command::Check(args) => check::run(args, config).await,
            Command::Models(args) => models::run(args, config).await,
            Command::Call(_) | Command::Replay(_) => {
                unreachable!("run above, without settings")
            }
        };
        done.unwrap_or_else(|error| failed(error.as_ref()))
    })
}

/// Where calls' journals are. Other settings may be missing: nothing but files is read.
fn data_dir(config: Option<&Path>) -> PathBuf {
    let env = |name: &str| std::env::var(name).ok();
    let by_itself = || env("TANDEM_DATA_DIR").filter(|value| !value.is_empty()).map(Into::into);
    let configured = Config::load(config, &env).map(|config| config.data_dir);
    configured.ok().or_else(by_itself).unwrap_or_else(|| config::default_data_dir(&env))
}

/// Says what went wrong, with its causes.
fn failed(error: &dyn std::error::Error) -> ExitCode {
    eprintln!("tandem: {error}");
    let mut cause = error.source();
    while let Some(error) = cause {
        eprintln!("  because: {error}");
        cause = error.source();
    }
    ExitCode::FAILURE
}
