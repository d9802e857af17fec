//! The contract's examples, sent by curl as its readers would. Where there is no curl, that is said;
//! `TANDEM_CLIENTS_REQUIRED` makes it a failure.

use reqwest::{Method, header::HeaderMap};
use serde_json::Value;
use tandem::domain::Role;
use tokio::process::Command;

use crate::{
    clients::absent,
    contract,
    live::history::{a_call, one_of_each},
    stage::{Engine, Stage, an_agent},
};

/// Who the contract's example of a login is.
const READER: (&str, &str) = ("user@example.com", "password");

/// What curl says of one request, held against the contract; none where there is no curl.
async fn curl(
    stage: &Stage,
    token: &str,
    (method, path): (&Method, &str),
    body: Option<&Value>,
) -> Option<(u16, Value)> {
    let mut curl = Command::new("curl");
    curl.args(["--silent", "--show-error", "--include", "--max-time", "60", "--request"]);
    curl.args([method.as_str(), &format!("{}{path}", stage.url)]);
    curl.args(["--header", &format!("Authorization: Bearer {token}")]);
    if let Some(body) = body {
        curl.args(["--header", "Content-Type: application/json", "--data", &body.to_string()]);
    }
    let output = match curl.kill_on_drop(true).output().await {
        Ok(output) => output,
        Err(error) => {
            absent(&format!("curl does not run ({error})"));
            return None;
        }
    };
    assert!(output.status.success(), "{path}: {}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8_lossy(&output.stdout);
    let (head, answer) = text.split_once("\r\n\r\n").expect("a head and a body");
    let mut lines = head.lines();
    let status = lines.next().and_then(|line| line.split(' ').nth(1));
    let status = status.and_then(|status| status.parse().ok()).expect("a status");
    let headers: HeaderMap = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.parse().expect("a name"), value.parse().expect("a value")))
        .collect();
    let answer = serde_json::from_str(answer).unwrap_or(Value::Null);
    contract::check(method, path, body, status, &headers, &answer);
    Some((status, answer))
}

/// The contract's operations that show a request: name, method, path, request.
fn examples() -> Vec<(String, Method, String, Value)> {
    let paths = contract::document()["paths"].as_object().expect("paths");
    let mut found = Vec::new();
    for (path, operations) in paths.iter().filter(|(path, _)| path.starts_with("/api/v1/")) {
        for (method, operation) in operations.as_object().expect("operations") {
            let shown = &operation["requestBody"]["content"]["application/json"]["example"];
            if !shown.is_null() {
                let method = method.to_uppercase().parse().expect("a method");
                let name = operation["operationId"].as_str().expect("a name");
                found.push((name.to_owned(), method, path.clone(), shown.clone()));
            }
        }
    }
    found
}

async fn told(engine: Engine) {
    // Nobody listens there: what the example's keys open is said, and it is nothing.
    let nobody =
        [("OPENAI_BASE_URL", "http://127.0.0.1:9/v1"), ("TWILIO_API_URL", "http://127.0.0.1:9")];
    let Some(stage) = Stage::open_with(engine, &nobody).await else { return };
    let owner = stage.client(Role::Owner).await;
    let (email, password) = READER;
    stage
        .app
        .add_user(stage.tenant, email, "A Reader", Role::Owner, password)
        .await
        .expect("a user");
    let call = a_call(&stage).await;
    one_of_each(&stage, &call).await;
    an_agent(&owner, "Ann").await;

    let mut seen = Vec::new();
    for (name, method, path, body) in examples() {
        let path = path.replace("{call_id}", &call.id.to_string());
        let said = curl(&stage, &owner.token, (&method, &path), Some(&body)).await;
        let Some((status, answer)) = said else { return };
        match name.as_str() {
            "login" => {
                assert_eq!((status, &answer["token_type"]), (200, &"bearer".into()), "{answer}");
                let token = answer["access_token"].as_str().expect("a token").to_owned();
                let me = curl(&stage, &token, (&Method::GET, "/api/v1/calls"), None).await;
                assert_eq!(me.map(|(status, _)| status), Some(200), "the token opens");
            }
            "forgot_password" => assert_eq!(status, 200, "{answer}"),
            "reset_password" => {
                assert_eq!(
                    (status, &answer["error"]["code"]),
                    (400, &"INVALID_RESET_TOKEN".into())
                );
            }
            "test_connection" => {
                assert_eq!((status, &answer["success"]), (200, &false.into()), "{answer}");
            }
            "complete_setup" => {
                assert_eq!(status, 200, "{answer}");
                assert_eq!(answer["business_config"]["name"], body["business_config"]["name"]);
            }
            "add_call_note" => assert_eq!(status, 201, "{answer}"),
            other => panic!("{other} shows a request that nobody sends here"),
        }
        seen.push(name);
    }
    assert_eq!(seen.len(), 6, "{seen:?}");

    // What needs no more than an address.
    let paths = contract::document()["paths"].as_object().expect("paths");
    let mut asked = 0;
    for path in paths.keys().filter(|path| path.starts_with("/api/v1/")) {
        let path = path.replace("{call_id}", &call.id.to_string());
        if path.contains('{') || contract::document()["paths"][path.as_str()]["get"].is_null() {
            continue;
        }
        let get = (&Method::GET, path.as_str());
        let Some((status, answer)) = curl(&stage, &owner.token, get, None).await else { return };
        assert!(status == 200 || status == 400, "{path}: {status} {answer}");
        let Some((status, _)) = curl(&stage, "forged", get, None).await else { return };
        assert_eq!(status, 401, "{path}");
        asked += 1;
    }
    assert!(asked >= 10, "{asked}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_contracts_examples_work_as_they_stand_on_sqlite() {
    told(Engine::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_contracts_examples_work_as_they_stand_on_postgresql() {
    told(Engine::Postgres).await;
}
