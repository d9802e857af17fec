//! Drawn requests against the running server, by the document that it gives of itself.

use std::process::{Command, Stdio};

use tandem::domain::Role;

use crate::stage::{Engine, Stage, an_agent};

/// The script's word for "schemathesis cannot be installed here".
const NOT_INSTALLED: i32 = 75;
/// Nothing takes so long; then the script is ended, and that is a failure.
const WITHIN_SECONDS: &str = "900";

/// One after the other: the script installs what it needs once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_server_does_what_its_document_says() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        if let Some(stage) = Stage::open(engine).await {
            held_against_its_document(&stage, engine).await;
        }
    }
}

async fn held_against_its_document(stage: &Stage, engine: Engine) {
    let owner = stage.client(Role::Owner).await;
    an_agent(&owner, "Ann").await;
    let (url, token) = (stage.url.clone(), owner.token.clone());
    let run = tokio::task::spawn_blocking(move || {
        Command::new("timeout")
            .args(["--kill-after=30", WITHIN_SECONDS])
            .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/clients/schemathesis.sh"))
            .args([url, token])
            .stdin(Stdio::null())
            .output()
    });
    let output = run.await.expect("it ran").expect("there is a shell");
    let told = String::from_utf8_lossy(&output.stdout);
    if output.status.code() == Some(NOT_INSTALLED) {
        let why = String::from_utf8_lossy(&output.stderr);
        assert!(std::env::var_os("SCHEMATHESIS_REQUIRED").is_none(), "{why}");
        println!("skipped: schemathesis cannot be installed here");
        return;
    }
    let why = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{engine:?}: {told}{why}");
}
