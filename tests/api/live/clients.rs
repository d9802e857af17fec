//! Clients as they are published: socket.io-client from npm, a browser's WebSocket. Where there is no
//! node or no Chromium, that is said; `TANDEM_CLIENTS_REQUIRED` makes it a failure.

use std::time::Duration;

use axum::{
    Router,
    extract::State,
    response::Html,
    routing::{get, post},
};
use serde_json::{Value, json};
use tandem::domain::Role;
use tokio::{net::TcpListener, process::Command, sync::mpsc, time::timeout};

use super::history::{a_call, one_of_each};
use crate::{
    clients::{absent, installed},
    told,
};

/// More than the scripts' own patience.
const WITHIN: Duration = Duration::from_secs(400);

/// Chromium's program, under any of its names.
fn chromium() -> Option<String> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    ["chromium", "chromium-browser", "google-chrome", "chrome"]
        .into_iter()
        .flat_map(|name| std::env::split_paths(&path).map(move |folder| folder.join(name)))
        .find(|program| program.is_file())
        .map(|program| program.display().to_string())
}

told! {
    async fn the_published_socket_io_client_hears_everything(stage: &Stage) {
        let Some(folder) = installed().await else { return };
        let client = stage.client(Role::Viewer).await;
        let call = a_call(stage).await;
        let told = one_of_each(stage, &call).await;
        let node = Command::new("node")
            .args(["socket-io.mjs", &stage.url, &client.token, &call.id.to_string()])
            .current_dir(folder)
            .kill_on_drop(true)
            .output();
        let output = timeout(WITHIN, node).await.expect("node ends").expect("node runs");
        let printed = String::from_utf8_lossy(&output.stdout);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{printed}\n{stderr}");
        let lines: Vec<Value> = printed
            .lines()
            .map(|line| serde_json::from_str(line).expect("JSON"))
            .collect();
        let events: Vec<Value> =
            told.iter().enumerate().map(|(place, name)| json!([name, place + 1])).collect();
        for name in [
            "auth on /", "auth on /ws/calls", "query on /ws/calls", "query, polling alone",
            "query, WebSocket alone", "header on /", "path /ws/calls",
        ] {
            let line = lines.iter().find(|line| line["name"] == name);
            assert_eq!(line, Some(&json!({"name": name, "events": events})), "{name}");
        }
        for name in ["no token on /ws/calls", "a forged token"] {
            let line = lines.iter().find(|line| line["name"] == name).expect("it is told");
            let refused = line["refused"].as_str().expect("it is refused");
            assert!(refused.starts_with("UNAUTHORIZED"), "{line}");
        }
        assert!(lines.iter().any(|line| line["name"] == "one connection, two namespaces"));
    }

    async fn a_browser_hears_a_call_to_its_end(stage: &Stage) {
        let Some(program) = chromium() else { return absent("Chromium is not installed") };
        let client = stage.client(Role::Viewer).await;
        let call = a_call(stage).await;
        let told = one_of_each(stage, &call).await;
        let (heard, mut hearing) = mpsc::channel::<Value>(4);
        let page = Router::new()
            .route("/", get(|| async { Html(include_str!("../../clients/browser.html")) }))
            .route("/heard", post(|State(heard): State<mpsc::Sender<Value>>, body: String| async move {
                let told = serde_json::from_str(&body).expect("JSON");
                let _ = heard.send(told).await;
            }))
            .with_state(heard);
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("one");
        tokio::spawn(async move { axum::serve(listener, page).await });
        let profile = tempfile::tempdir().expect("a folder");
        let server = stage.url.replace("http", "ws");
        let browser = Command::new(program)
            .args(["--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run"])
            .args(["--disable-dev-shm-usage", "--disable-background-networking"])
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .arg(format!(
                "http://{address}/?server={server}&token={}&call={}", client.token, call.id
            ))
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::null())
            .kill_on_drop(true)
            .spawn();
        let mut browser = browser.expect("Chromium runs");
        let answer = timeout(WITHIN, hearing.recv()).await.expect("in time").expect("an answer");
        let heard = answer["heard"].as_array().unwrap_or_else(|| panic!("{answer}"));
        for (place, name) in told.iter().enumerate() {
            assert_eq!((&heard[place][0], &heard[place][1]), (&json!(name), &json!(place + 1)));
        }
        assert_eq!(heard[2][2], "I want <b>this</b>; DROP TABLE calls; спасибо 🎉");
        let _ = browser.kill().await;
    }
}
