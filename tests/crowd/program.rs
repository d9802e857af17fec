//! The program itself, as a process of its own, with somebody signed in.

use std::{
    path::Path,
    process::Stdio,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use tokio::process::{Child, Command};

const EMAIL: &str = "sue@example.com";
const PASSWORD: &str = "correct horse battery";
/// It is ready within so long, on a busy machine too.
const READY_WITHIN: Duration = Duration::from_secs(60);

/// A running `tandem serve`. Dropped, it is killed.
pub struct Program {
    #[allow(dead_code)]
    pub child: Child,
    pub url: String,
    pub token: String,
    http: reqwest::Client,
}

/// An address on this machine that is free now.
pub fn free_url() -> String {
    format!("http://127.0.0.1:{}", fixtures::ports::free())
}

impl Program {
    /// Starts it at this address with this data folder and these settings, and signs in.
    pub async fn start(url: &str, folder: &Path, settings: &[(&str, String)]) -> Program {
        let port = url.rsplit(':').next().expect("a port").to_owned();
        let child = Command::new(env!("CARGO_BIN_EXE_tandem"))
            .args(["serve"])
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("PORT", port)
            .env("TANDEM_BIND", "127.0.0.1")
            .env("PUBLIC_URL", url)
            .env("TANDEM_DATA_DIR", folder)
            .env("TANDEM_OWNER_EMAIL", EMAIL)
            .env("TANDEM_OWNER_PASSWORD", PASSWORD)
            .env("TANDEM_LIMIT_STANDARD", "1000000")
            .env("TANDEM_RECORD", "false")
            .env("TANDEM_LOG", "warn")
            .envs(settings.iter().map(|(name, value)| (*name, value.as_str())))
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .expect("it starts");
        let http = reqwest::Client::new();
        let until = Instant::now() + READY_WITHIN;
        while !http.get(format!("{url}/readyz")).send().await.is_ok_and(|it| it.status() == 200) {
            assert!(Instant::now() < until, "it becomes ready");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let login = http
            .post(format!("{url}/api/v1/auth/login"))
            .json(&json!({"email": EMAIL, "password": PASSWORD}));
        let tokens: Value = login.send().await.expect("an answer").json().await.expect("JSON");
        let token = tokens["access_token"].as_str().expect("a token").to_owned();
        Program { child, url: url.to_owned(), token, http }
    }

    /// What the API answers.
    #[allow(dead_code)]
    pub async fn get(&self, path: &str) -> Value {
        let request = self.http.get(format!("{}/api/v1{path}", self.url)).bearer_auth(&self.token);
        request.send().await.expect("an answer").json().await.expect("JSON")
    }
}
