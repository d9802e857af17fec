//! Clients as others publish them, from npm.

use std::{path::Path, time::Duration};

use tokio::{process::Command, sync::OnceCell, time::timeout};

/// npm may take so long.
const WITHIN: Duration = Duration::from_secs(400);

/// Is it needed all the same? Then its absence is a failure.
pub fn absent(what: &str) {
    let required = std::env::var_os("TANDEM_CLIENTS_REQUIRED").is_some();
    assert!(!required, "{what}, and clients are required");
    eprintln!("{what}: this client's story is not told");
}

/// A folder with the scripts beside this file and what they need, installed from the lock file once a
/// run; none where that is not possible.
pub async fn installed() -> Option<&'static Path> {
    static INSTALLED: OnceCell<Option<&'static Path>> = OnceCell::const_new();
    let install = || async {
        let scripts = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients");
        // Each of the programs that need it has its own: they may run at once.
        let folder = format!("clients-{}", env!("CARGO_CRATE_NAME"));
        let folder: &'static Path =
            Box::leak(Path::new(env!("CARGO_TARGET_TMPDIR")).join(folder).into_boxed_path());
        std::fs::create_dir_all(folder).expect("a folder");
        for file in ["package.json", "package-lock.json", "socket-io.mjs", "webhooks.mjs"] {
            std::fs::copy(scripts.join(file), folder.join(file)).expect("a copy");
        }
        let npm = Command::new("npm")
            .args(["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline"])
            .current_dir(folder)
            .kill_on_drop(true)
            .output();
        let Ok(ran) = timeout(WITHIN, npm).await else {
            absent("npm ci takes too long");
            return None;
        };
        match ran {
            Ok(output) if output.status.success() => Some(folder),
            Ok(output) => {
                absent(&format!("npm ci failed: {}", String::from_utf8_lossy(&output.stderr)));
                None
            }
            Err(error) => {
                absent(&format!("npm is not installed ({error})"));
                None
            }
        }
    };
    *INSTALLED.get_or_init(install).await
}
