//! Who is let in, for how long, and how many.

use std::time::{Duration, Instant};

use chrono::TimeDelta;
use futures_util::StreamExt as _;
use serde_json::json;
use tandem::{
    domain::{Role, UserId},
    store::sql,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use super::{
    history::{a_call, told_line},
    socket::{Socket, SocketIo, open},
};
use crate::{
    stage::{Client, Engine, PASSWORD, Stage},
    told,
};

async fn user(stage: &Stage, email: &str) -> (UserId, Client) {
    let user = stage.app.add_user(stage.tenant, email, "Ann", Role::Agent, PASSWORD).await;
    let mut client = stage.stranger();
    client.token = stage.app.log_in(email, PASSWORD, None).await.expect("signs in").access;
    (user.expect("added").id, client)
}

/// Closed for want of a good token.
async fn closes_with_4401(mut socket: Socket) {
    assert_eq!(socket.next().await.expect_err("it is closed"), 4401);
}

told! {
    async fn a_good_token_opens_and_nothing_else(stage: &Stage) {
        let (_, client) = user(stage, "a@example.com").await;
        assert_eq!(open(stage, "/ws/calls", None).await.err(), Some(401));
        assert_eq!(open(stage, "/ws/calls?token=a.b.c", None).await.err(), Some(401));
        assert_eq!(open(stage, "/ws/calls?token=", None).await.err(), Some(401));
        assert_eq!(open(stage, "/ws/calls", Some("a.b.c")).await.err(), Some(401));
        assert!(open(stage, "/ws/calls", Some(&client.token)).await.is_ok());
        assert!(open(stage, &format!("/ws/calls?x=1&token={}", client.token), None).await.is_ok());
        // No WebSocket at all.
        let plain = client.get("/ws/calls").await;
        assert_eq!(plain.refused(426), "UPGRADE_REQUIRED");
        let refused = stage.stranger().get("/ws/calls").await;
        assert_eq!(refused.refused(401), "UNAUTHORIZED");
        assert_eq!(refused.headers["www-authenticate"], "Bearer");
    }

    async fn a_connection_ends_with_its_token(stage: &Stage) {
        let (_, client) = user(stage, "a@example.com").await;
        let socket = Socket::of(stage, &client).await;
        stage.app.clock.advance(TimeDelta::seconds(3_601));
        closes_with_4401(socket).await;
        assert_eq!(Socket::try_of(stage, &client).await.err(), Some(401));
    }

    async fn a_connection_ends_with_its_sign_in_and_its_user(stage: &Stage) {
        let (_, client) = user(stage, "a@example.com").await;
        let (_, other) = user(stage, "b@example.com").await;
        let (id, inactive) = user(stage, "c@example.com").await;
        let (left, stays, gone) = (
            Socket::of(stage, &client).await,
            Socket::of(stage, &other).await,
            Socket::of(stage, &inactive).await,
        );
        let verified = stage.app.verify(&client.token, None).await.expect("it is good");
        stage.app.log_out(&verified.actor).await.expect("signs out");
        let update = sql("UPDATE users SET is_active = $2 WHERE id = $1").bind(id).bind(false);
        stage.app.db.exec(update).await.expect("deactivated");
        stage.app.clock.advance(TimeDelta::seconds(30));
        closes_with_4401(left).await;
        closes_with_4401(gone).await;
        let mut stays = stays;
        assert!(stays.settle().await.is_empty());
    }

    async fn another_role_is_seen_within_half_a_minute(stage: &Stage) {
        let (id, client) = user(stage, "a@example.com").await;
        let call = a_call(stage).await;
        let mut socket = Socket::of(stage, &client).await;
        socket.subscribe(json!({"type": "all_calls"})).await;
        told_line(stage, &call, "seen").await;
        assert_eq!(socket.hear().await["data"]["interaction"]["text"], "seen");
        let update = sql("UPDATE users SET role = 'tech' WHERE id = $1").bind(id);
        stage.app.db.exec(update).await.expect("another role");
        stage.app.clock.advance(TimeDelta::seconds(31));
        // The ping of the same look tells that it has been.
        let ping = socket.0.next().await.expect("goes on").expect("a frame");
        assert!(ping.is_ping(), "{ping:?}");
        told_line(stage, &call, "not seen").await;
        assert!(socket.settle().await.is_empty());
    }

    async fn who_does_not_answer_pings_is_closed(stage: &Stage) {
        let (_, client) = user(stage, "a@example.com").await;
        // A client that answers by hand, or not at all.
        let address = stage.url.trim_start_matches("http://");
        let mut stream = TcpStream::connect(address).await.expect("connects");
        let request = format!(
            "GET /ws/calls?token={} HTTP/1.1\r\nHost: {address}\r\nConnection: Upgrade\r\n\
             Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
             Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
            client.token
        );
        stream.write_all(request.as_bytes()).await.expect("asks");
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.expect("an answer"));
        }
        assert!(head.starts_with(b"HTTP/1.1 101"), "{}", String::from_utf8_lossy(&head));
        let mut frame = [0; 2];
        for answered in [true, true, false] {
            stage.app.clock.advance(TimeDelta::seconds(30));
            stream.read_exact(&mut frame).await.expect("a ping");
            assert_eq!(frame, [0x89, 0x00], "an empty ping");
            if answered {
                // A masked empty pong.
                stream.write_all(&[0x8a, 0x80, 1, 2, 3, 4]).await.expect("a pong");
                // The server has read it once it has answered what came after: a masked "{".
                stream.write_all(&[0x81, 0x81, 0, 0, 0, 0, b'{']).await.expect("a frame");
                stream.read_exact(&mut frame).await.expect("an error");
                let mut rest = vec![0; usize::from(frame[1] & 0x7f)];
                stream.read_exact(&mut rest).await.expect("its text");
            }
        }
        stage.app.clock.advance(TimeDelta::seconds(30));
        stream.read_exact(&mut frame).await.expect("a farewell");
        assert_eq!(frame[0], 0x88, "closed");
        let mut code = [0; 2];
        stream.read_exact(&mut code).await.expect("a code");
        assert_eq!(u16::from_be_bytes(code), 1001);
    }

    async fn a_user_has_ten_connections_over_both_transports(stage: &Stage) {
        let (_, client) = user(stage, "a@example.com").await;
        let (_, other) = user(stage, "b@example.com").await;
        let mut sockets = Vec::new();
        for _ in 0..6 {
            sockets.push(Socket::of(stage, &client).await);
        }
        let mut channels = Vec::new();
        let auth = json!({"token": client.token});
        for namespace in ["/", "/ws/calls", "/", "/ws/calls"] {
            let channel = SocketIo::open(stage, "/socket.io/", namespace, auth.clone()).await;
            channels.push(channel.expect("the tenth is let in"));
        }
        assert_eq!(Socket::try_of(stage, &client).await.err(), Some(429));
        let eleventh = SocketIo::open(stage, "/socket.io/", "/", auth.clone()).await;
        let refused = eleventh.err().expect("it is one too many");
        assert!(refused.starts_with("RATE_LIMIT_EXCEEDED"), "{refused}");
        assert!(Socket::try_of(stage, &other).await.is_ok(), "another user's are their own");
        // One leaves, of either kind; there is room again as soon as that is noticed.
        drop(sockets.pop());
        let _again = eventually(|| Socket::try_of(stage, &client)).await;
        drop(channels.pop());
        let _again = eventually(|| Socket::try_of(stage, &client)).await;
        assert_eq!(Socket::try_of(stage, &client).await.err(), Some(429));
    }
}

/// Tries until it is let in.
async fn eventually<T, F: Future<Output = Result<T, u16>>>(attempt: impl Fn() -> F) -> T {
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(60) {
        match attempt().await {
            Ok(there) => return there,
            Err(429) => tokio::time::sleep(Duration::from_millis(10)).await,
            Err(other) => panic!("refused with {other}"),
        }
    }
    panic!("there was never room again");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn refused_upgrades_count_against_their_address() {
    let limits = [("TANDEM_LIMIT_PUBLIC", "3"), ("TANDEM_LIMIT_SOCKETS", "1")];
    let stage = Stage::open_with(Engine::Sqlite, &limits).await.expect("SQLite is built in");
    let (_, client) = user(&stage, "a@example.com").await;
    for status in [401, 401, 401, 429] {
        assert_eq!(open(&stage, "/ws/calls?token=x", None).await.err(), Some(status));
    }
    let _one = Socket::of(&stage, &client).await;
    assert_eq!(Socket::try_of(&stage, &client).await.err(), Some(429));
    // What is said of it over HTTP.
    let request = reqwest::Client::new()
        .get(format!("{}/ws/calls?token={}", stage.url, client.token))
        .header("connection", "Upgrade")
        .header("upgrade", "websocket")
        .header("sec-websocket-version", "13")
        .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==");
    let refused = request.send().await.expect("an answer");
    assert_eq!(refused.status().as_u16(), 429);
    let number = |name: &str| {
        let value = refused.headers()[name].to_str().expect("a text");
        value.parse::<i64>().expect("a number")
    };
    assert_eq!((number("x-ratelimit-limit"), number("x-ratelimit-remaining")), (1, 0));
    let wait = number("retry-after");
    assert!((1..=60).contains(&wait), "{wait}");
    let resets_in = number("x-ratelimit-reset") - stage.app.clock.now().timestamp();
    assert!((wait - 5..=wait).contains(&resets_in), "{resets_in}");
}
