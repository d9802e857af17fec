//! `tandem migrate` and `tandem backup`: the database itself.

use std::{error::Error, path::PathBuf, process::ExitCode, time::Instant};

use clap::Args;
use serde_json::json;

use crate::{
    config::{Config, Control},
    live::journal::private_folder,
    store::{Db, backend},
};

/// Brings the database's schema up to date, and says which it is. `tandem serve` does the same when it
/// starts; run it beforehand where that is a step of its own. Several may run it at once.
#[derive(Args, Clone, Debug)]
pub struct MigrateArgs {
    /// Prints what was found as JSON.
    #[arg(long)]
    json: bool,
}

/// Copies the SQLite database into a new file, consistent as of now, while the server may run. For
/// PostgreSQL use its own pg_dump. Recordings and journals are files: copy them as they are.
#[derive(Args, Clone, Debug)]
pub struct BackupArgs {
    /// The new file. One that is there is left as it is, and that is an error.
    file: PathBuf,
    /// Prints what was done as JSON.
    #[arg(long)]
    json: bool,
}

/// `tandem migrate`.
///
/// # Errors
/// The database cannot be opened; a migration failed; a newer release made it.
pub async fn migrate(args: MigrateArgs, config: Config) -> Result<ExitCode, Box<dyn Error>> {
    private_folder(&config.data_dir)
        .map_err(|error| format!("the data folder {}: {error}", config.data_dir.display()))?;
    let db = Db::open(&config.control.database_url).await?;
    let version = db.migrate().await?.version;
    let engine = db.engine();
    db.close().await;
    if args.json {
        println!("{}", json!({"engine": engine, "version": version}));
    } else {
        println!("the {engine} database has version {version} of the schema");
    }
    Ok(ExitCode::SUCCESS)
}

/// `tandem backup`.
///
/// # Errors
/// There is no database; the file is there already; the disk refused.
pub async fn backup(args: BackupArgs, config: Config) -> Result<ExitCode, Box<dyn Error>> {
    let url = &config.control.database_url;
    if let Some(file) = backend::file_of(url).filter(|file| !file.exists()) {
        return Err(format!("there is no database at {}", file.display()).into());
    }
    let began = Instant::now();
    let db = Db::open(url).await?;
    let done = db.backup(&args.file).await;
    db.close().await;
    done?;
    let (file, bytes) = (args.file.display().to_string(), std::fs::metadata(&args.file)?.len());
    if args.json {
        println!("{}", json!({"file": file, "bytes": bytes}));
    } else {
        println!("{file}: {bytes} bytes, in {} ms", began.elapsed().as_millis());
    }
    Ok(ExitCode::SUCCESS)
}

/// Is the database there, and does it answer?
///
/// # Errors
/// It does not.
pub async fn check(control: &Control) -> Result<String, Box<dyn Error>> {
    if let Some(file) = backend::file_of(&control.database_url).filter(|file| !file.exists()) {
        return Ok(format!("not made yet: {} is made at the first start", file.display()));
    }
    let began = Instant::now();
    let db = Db::open(&control.database_url).await?;
    let version = db.schema_version().await;
    let engine = db.engine();
    db.close().await;
    let took = began.elapsed().as_millis();
    Ok(match version? {
        None => format!("{engine} answers ({took} ms), empty: `tandem migrate` makes the schema"),
        Some(version) => format!("{engine} answers ({took} ms), version {version} of the schema"),
    })
}
