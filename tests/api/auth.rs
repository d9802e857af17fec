//! Signing in.

use chrono::TimeDelta;
use serde_json::json;
use tandem::domain::Role;

use crate::{
    stage::{Engine, PASSWORD, Stage},
    told,
};

told! {
    async fn tokens_open_and_refresh_rotates(stage: &Stage) {
        let email = "Ann@Example.com";
        stage.app.add_user(stage.tenant, email, "Ann", Role::Viewer, PASSWORD).await.expect("added");
        let stranger = stage.stranger();
        let login = json!({"email": "ann@example.com", "password": PASSWORD});
        let tokens = stranger.post("/api/v1/auth/login", login).await;
        let tokens = tokens.ok(200);
        let mut ann = stage.stranger();
        ann.token = tokens["access_token"].as_str().expect("a token").to_owned();
        ann.get("/api/v1/agents").await.ok(200);

        let old = tokens["refresh_token"].clone();
        let fresh = stranger.post("/api/v1/auth/refresh", json!({"refresh_token": old})).await;
        fresh.ok(200);
        let again = stranger.post("/api/v1/auth/refresh", json!({"refresh_token": old})).await;
        assert_eq!(again.refused(401), "UNAUTHORIZED", "an old refresh token is spent");

        // A refresh token in an access token's place, a forged one, none.
        for token in [fresh.json["refresh_token"].as_str().expect("one"), "a.b.c", ""] {
            ann.token = token.to_owned();
            assert_eq!(ann.get("/api/v1/agents").await.refused(401), "UNAUTHORIZED");
        }
        // The right one, too late.
        ann.token = fresh.json["access_token"].as_str().expect("a token").to_owned();
        ann.get("/api/v1/agents").await.ok(200);
        stage.app.clock.advance(TimeDelta::seconds(3_601));
        assert_eq!(ann.get("/api/v1/agents").await.refused(401), "UNAUTHORIZED");
    }

    async fn a_wrong_password_and_an_unknown_address_answer_the_same(stage: &Stage) {
        stage.app.add_user(stage.tenant, "b@example.com", "B", Role::Owner, PASSWORD).await.expect("added");
        let stranger = stage.stranger();
        let mut answers = Vec::new();
        for email in ["b@example.com", "nobody@example.com"] {
            let login = json!({"email": email, "password": "wrong horse"});
            let answer = stranger.post("/api/v1/auth/login", login).await;
            answer.refused(401);
            answers.push(answer.json);
        }
        assert_eq!(answers[0], answers[1]);
        // After ten wrong ones even the right one has to wait.
        for _ in 0..9 {
            let login = json!({"email": "b@example.com", "password": "wrong horse"});
            stranger.post("/api/v1/auth/login", login).await.refused(401);
        }
        let login = json!({"email": "b@example.com", "password": PASSWORD});
        let answer = stranger.post("/api/v1/auth/login", login).await;
        assert_eq!(answer.refused(429), "RATE_LIMIT_EXCEEDED");
        assert!(answer.headers.contains_key("retry-after"));
    }

    async fn a_lost_password_is_reset_once_and_ends_all_sign_ins(stage: &Stage) {
        let user = stage.app.add_user(stage.tenant, "c@example.com", "C", Role::Agent, PASSWORD).await;
        let user = user.expect("added");
        let before = stage.app.log_in("c@example.com", PASSWORD, None).await.expect("signs in");
        let (of, token) = stage.app.make_reset("C@example.com").await.expect("made").expect("known");
        assert_eq!(of, user);
        assert!(stage.app.make_reset("nobody@example.com").await.expect("made").is_none());
        let stranger = stage.stranger();
        let short = json!({"token": token, "new_password": "short"});
        stranger.post("/api/v1/auth/reset-password", short).await.refused(400);
        let reset = json!({"token": token, "new_password": "another password"});
        stranger.post("/api/v1/auth/reset-password", reset.clone()).await.ok(200);
        let again = stranger.post("/api/v1/auth/reset-password", reset).await;
        assert_eq!(again.refused(400), "INVALID_RESET_TOKEN");
        let mut client = stage.stranger();
        client.token = before.access;
        client.get("/api/v1/agents").await.refused(401);
        let login = json!({"email": "c@example.com", "password": "another password"});
        stranger.post("/api/v1/auth/login", login).await.ok(200);

        let (_, late) = stage.app.make_reset("c@example.com").await.expect("made").expect("known");
        stage.app.clock.advance(TimeDelta::minutes(61));
        let reset = json!({"token": late, "new_password": "yet another one"});
        let answer = stranger.post("/api/v1/auth/reset-password", reset).await;
        assert_eq!(answer.refused(400), "INVALID_RESET_TOKEN");
    }
}

#[tokio::test]
async fn requests_are_limited_by_user_and_by_address() {
    let limits = [("TANDEM_LIMIT_STANDARD", "3"), ("TANDEM_LIMIT_PUBLIC", "4")];
    let stage = Stage::open_with(Engine::Sqlite, &limits).await.expect("SQLite is built in");
    let (ann, bert) = (stage.client(Role::Viewer).await, stage.client(Role::Viewer).await);
    for left in ["2", "1", "0"] {
        let answer = ann.get("/api/v1/agents").await;
        answer.ok(200);
        assert_eq!(answer.headers["x-ratelimit-remaining"], left);
        assert_eq!(answer.headers["x-ratelimit-limit"], "3");
    }
    let answer = ann.get("/api/v1/agents").await;
    assert_eq!(answer.refused(429), "RATE_LIMIT_EXCEEDED");
    let wait: i64 = answer.headers["retry-after"].to_str().expect("text").parse().expect("seconds");
    assert!((1..=60).contains(&wait));
    bert.get("/api/v1/agents").await.ok(200);
    stage.app.clock.advance(TimeDelta::seconds(60));
    ann.get("/api/v1/agents").await.ok(200);

    let stranger = stage.stranger();
    for _ in 0..4 {
        stranger.get("/api/v1/agents").await.refused(401);
    }
    stranger.get("/api/v1/agents").await.refused(429);
}

#[tokio::test]
async fn pages_of_named_origins_may_ask_and_others_may_not() {
    let settings = [("TANDEM_ORIGINS", "https://desk.example.com")];
    let stage = Stage::open_with(Engine::Sqlite, &settings).await.expect("SQLite is built in");
    let http = reqwest::Client::new();
    let asks = |origin: &'static str, method| {
        let url = format!("{}/api/v1/agents", stage.url);
        http.request(method, url)
            .header("origin", origin)
            .header("access-control-request-method", "POST")
            .send()
    };
    let preflight = asks("https://desk.example.com", reqwest::Method::OPTIONS).await.expect("one");
    assert_eq!(preflight.status(), 204);
    assert_eq!(preflight.headers()["access-control-allow-origin"], "https://desk.example.com");
    let allowed = preflight.headers()["access-control-allow-headers"].to_str().expect("text");
    assert!(allowed.contains("authorization"), "{allowed}");
    let other = asks("https://evil.example.com", reqwest::Method::OPTIONS).await.expect("one");
    assert!(!other.headers().contains_key("access-control-allow-origin"));
    let read = asks("https://desk.example.com", reqwest::Method::GET).await.expect("one");
    assert_eq!(read.status(), 401);
    assert!(read.headers().contains_key("access-control-allow-origin"));
}
