//! The real program, as a process that can be killed.

use std::{
    path::Path,
    process::Stdio,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use tokio::process::{Child, Command};

const EMAIL: &str = "sue@example.com";
const PASSWORD: &str = "correct horse battery";

/// A running one, with a supervisor who has signed in.
pub struct Server {
    child: Child,
    pub url: String,
    http: reqwest::Client,
    pub token: String,
}

impl Server {
    /// Starts the real program on this folder, and signs in.
    pub async fn start(url: &str, folder: &Path, vendors: &[(&str, String)]) -> Server {
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
            .env("TANDEM_LOST_AFTER_SECS", "15")
            .env("TANDEM_LIMIT_STANDARD", "1000000")
            .env("TANDEM_RECORD", "false")
            .env("TANDEM_LOG", "warn")
            .envs(vendors.iter().map(|(name, value)| (*name, value.as_str())))
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .expect("it starts");
        let http = reqwest::Client::new();
        let until = Instant::now() + Duration::from_secs(60);
        while !http.get(format!("{url}/readyz")).send().await.is_ok_and(|it| it.status() == 200) {
            assert!(Instant::now() < until, "it becomes ready");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let login = http
            .post(format!("{url}/api/v1/auth/login"))
            .json(&json!({"email": EMAIL, "password": PASSWORD}));
        let tokens: Value = login.send().await.expect("an answer").json().await.expect("JSON");
        let token = tokens["access_token"].as_str().expect("a token").to_owned();
        Server { child, url: url.to_owned(), http, token }
    }

    pub async fn get(&self, path: &str) -> Value {
        let request = self.http.get(format!("{}/api/v1{path}", self.url)).bearer_auth(&self.token);
        request.send().await.expect("an answer").json().await.expect("JSON")
    }

    pub async fn post(&self, path: &str, body: Value) -> Value {
        self.sent(self.http.post(format!("{}/api/v1{path}", self.url)).json(&body)).await
    }

    pub async fn delete(&self, path: &str) -> Value {
        self.sent(self.http.delete(format!("{}/api/v1{path}", self.url))).await
    }

    /// The answer, which must be one of success.
    async fn sent(&self, request: reqwest::RequestBuilder) -> Value {
        let answer = request.bearer_auth(&self.token).send().await.expect("an answer");
        let (status, path) = (answer.status(), answer.url().path().to_owned());
        let body: Value = answer.json().await.expect("JSON");
        assert!(status.is_success(), "{path}: {status} {body}");
        body
    }

    /// Kills it as SIGKILL does.
    pub async fn kill(mut self) {
        self.child.start_kill().expect("it is killed");
        self.child.wait().await.expect("it is gone");
    }
}
