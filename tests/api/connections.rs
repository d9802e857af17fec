//! `/api/v1/config/test-connection`, against vendors that are played.

use std::collections::HashMap;

use axum::{
    Json, Router,
    extract::{Path, Query},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Redirect, Response},
    routing::get,
};
use serde_json::{Value, json};
use tandem::domain::Role;

use crate::stage::{Client, Engine, Stage};

const PATH: &str = "/api/v1/config/test-connection";
const GOOD: &str = "AC00000000000000000000000000000001";
const CLOSED: &str = "AC00000000000000000000000000000002";
/// `AC…1:right` and `AC…2:right`.
const RIGHT: [&str; 2] = [
    "Basic QUMwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMTpyaWdodA==",
    "Basic QUMwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMjpyaWdodA==",
];

fn authorization(headers: &HeaderMap) -> &str {
    headers.get("authorization").and_then(|value| value.to_str().ok()).unwrap_or_default()
}

async fn models(headers: HeaderMap) -> Response {
    match authorization(&headers) {
        "Bearer sk-right" => Json(json!({"data": [{"id": "gpt-4o-mini"}]})).into_response(),
        "Bearer sk-poor" => {
            let error = json!({"error": {"code": "insufficient_quota"}});
            (StatusCode::TOO_MANY_REQUESTS, Json(error)).into_response()
        }
        "Bearer sk-elsewhere" => Redirect::temporary("/v1/stolen").into_response(),
        _ => (StatusCode::UNAUTHORIZED, Json(json!({"error": {}}))).into_response(),
    }
}

async fn account(Path(account): Path<String>, headers: HeaderMap) -> Response {
    if !RIGHT.contains(&authorization(&headers)) {
        let refusal = json!({"code": 20003, "message": "Authenticate"});
        return (StatusCode::UNAUTHORIZED, Json(refusal)).into_response();
    }
    let status = if account.starts_with(CLOSED) { "closed" } else { "active" };
    let sid = account.trim_end_matches(".json");
    Json(json!({"sid": sid, "status": status, "auth_token": "right"})).into_response()
}

async fn numbers(Query(query): Query<HashMap<String, String>>, headers: HeaderMap) -> Response {
    if !RIGHT.contains(&authorization(&headers)) {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    // As the carrier: parts match, too.
    let owned = "+14155550123";
    let wanted = query.get("PhoneNumber").map(String::as_str).unwrap_or_default();
    let found = if owned.contains(wanted) {
        json!([{"sid": "PN00000000000000000000000000000001", "phone_number": owned}])
    } else {
        json!([])
    };
    Json(json!({"incoming_phone_numbers": found})).into_response()
}

/// A control plane that asks played vendors.
async fn stage() -> Stage {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let router = Router::new()
        .route("/v1/models", get(models))
        .route("/v1/stolen", get(|| async { Json(json!({"data": []})) }))
        .route("/2010-04-01/Accounts/{account}", get(account))
        .route("/2010-04-01/Accounts/{account}/IncomingPhoneNumbers.json", get(numbers));
    tokio::spawn(async move { axum::serve(listener, router).await });
    let openai = format!("{url}/v1");
    let settings = [("OPENAI_BASE_URL", openai.as_str()), ("TWILIO_API_URL", url.as_str())];
    Stage::open_with(Engine::Sqlite, &settings).await.expect("SQLite is built in")
}

async fn asked(client: &Client, credentials: Value) -> Value {
    client.post(PATH, credentials).await.ok(200).clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn vendors_are_really_asked_and_told_of_in_words() {
    let stage = stage().await;
    let client = stage.client(Role::Agent).await;
    let missing = json!({"connected": false, "error": "Credentials not provided"});
    let none = asked(&client, json!({})).await;
    assert_eq!(none, json!({"openai": missing, "twilio": missing, "success": true}));

    let fine = json!({"connected": true, "error": null});
    let twilio = |token: &str, number: &str| {
        json!({
            "twilio_account_sid": GOOD, "twilio_auth_token": token, "twilio_phone_number": number,
        })
    };
    let mut both = twilio("right", "+1 415 555-0123");
    both["openai_api_key"] = json!("sk-right");
    let answer = asked(&client, both).await;
    assert_eq!(answer, json!({"openai": fine, "twilio": fine, "success": true}));

    for (credentials, vendor, words) in [
        (json!({"openai_api_key": "sk-wrong-key"}), "openai", "OpenAI does not accept this key"),
        (json!({"openai_api_key": "sk-poor"}), "openai", "The OpenAI account has no credit left"),
        (
            json!({"openai_api_key": "two\nlines"}),
            "openai",
            "The key holds characters that no key has",
        ),
        // Credentials do not follow a redirect.
        (json!({"openai_api_key": "sk-elsewhere"}), "openai", "OpenAI answers with HTTP 307"),
        (
            twilio("wrong-token", ""),
            "twilio",
            "Twilio does not accept this account SID and auth token",
        ),
        (twilio("right", "+14155550199"), "twilio", "The Twilio account has no such phone number"),
        (twilio("right", "+1415555012"), "twilio", "The Twilio account has no such phone number"),
        (
            json!({"twilio_account_sid": CLOSED, "twilio_auth_token": "right"}),
            "twilio",
            "The Twilio account is closed",
        ),
        (
            json!({"twilio_account_sid": "../../x", "twilio_auth_token": "right"}),
            "twilio",
            "An account SID is AC and 32 hexadecimal digits",
        ),
        (json!({"twilio_account_sid": GOOD}), "twilio", "Credentials not provided"),
    ] {
        let answer = asked(&client, credentials.clone()).await;
        let told = json!({"connected": false, "error": words});
        assert_eq!(answer[vendor], told, "{credentials}");
        assert_eq!(answer["success"], false, "{credentials}");
    }
    for wrong in [
        json!({"openai_api_key": null}),
        json!({"openai_api_key": 7}),
        json!({"twilio_phone_number": "call me"}),
    ] {
        assert_eq!(client.post(PATH, wrong).await.refused(400), "VALIDATION_ERROR");
    }
    for role in [Role::Viewer, Role::Tech] {
        assert_eq!(stage.client(role).await.post(PATH, json!(7)).await.refused(403), "FORBIDDEN");
    }
}

#[tokio::test]
async fn vendors_that_are_away_are_told_of() {
    // Nobody listens there.
    let url = format!("http://127.0.0.1:{}", fixtures::ports::free());
    let settings = [("OPENAI_BASE_URL", url.as_str()), ("TWILIO_API_URL", url.as_str())];
    let stage = Stage::open_with(Engine::Sqlite, &settings).await.expect("SQLite is built in");
    let client = stage.client(Role::Owner).await;
    let credentials = json!({
        "openai_api_key": "sk-x", "twilio_account_sid": GOOD, "twilio_auth_token": "y",
    });
    let answer = asked(&client, credentials).await;
    assert_eq!(answer["openai"]["error"], "OpenAI cannot be reached from this server");
    assert_eq!(answer["twilio"]["error"], "Twilio cannot be reached from this server");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_organisation_has_a_number_by_showing_the_account_that_has_it() {
    let stage = stage().await;
    let other = stage.client_of(stage.other_tenant().await, Role::Owner).await;
    let setup = |account: &str, number: &str| {
        json!({
            "business_config": {"name": "Garage", "type": "t", "config_data": {}},
            "api_config": {
                "twilio_account_sid": account, "twilio_auth_token": "right",
                "twilio_phone_number": number,
            },
        })
    };
    let path = "/api/v1/setup/complete";
    for wrong in [setup(GOOD, "+14155550124"), setup(CLOSED, "+14155550123")] {
        assert_eq!(other.post(path, wrong).await.refused(400), "VALIDATION_ERROR");
    }
    other.post(path, setup(GOOD, "+14155550123")).await.ok(200);
}
