//! A client that does not read what it is sent cannot keep its connection beyond its sign-in, nor for
//! ever.

use std::time::{Duration, Instant};

use futures_util::{SinkExt, StreamExt};
use serde_json::json;
use tandem::domain::Role;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;

use super::{
    history::{a_call, saying},
    socket::{Socket, Stream, open},
};
use crate::stage::{Client, Engine, PASSWORD, Stage};

/// Less than a client is given that takes nothing.
const SOON: Duration = Duration::from_secs(30);
/// Fewer than the hub keeps, and much more than the kernel keeps for a connection.
const SAYINGS: usize = 4_000;

async fn sign_in(stage: &Stage, email: &str) -> Client {
    let mut client = stage.stranger();
    client.token = stage.app.log_in(email, PASSWORD, None).await.expect("signs in").access;
    client
}

/// A WebSocket that watches all calls.
async fn plain(stage: &Stage, client: &Client) -> Stream {
    let mut socket = Socket::of(stage, client).await;
    socket.subscribe(json!({"type": "all_calls", "interim": true})).await;
    socket.0
}

/// The same over Socket.IO.
async fn socket_io(stage: &Stage, client: &Client) -> Stream {
    let path = "/socket.io/?EIO=4&transport=websocket";
    let mut stream = open(stage, path, None).await.expect("it opens");
    let enter = format!("40/ws/calls,{}", json!({"token": client.token}));
    let subscribe = json!(["subscribe", {"type": "all_calls", "interim": true}]);
    let subscribe = format!("42/ws/calls,{subscribe}");
    // What is not understood is answered, after what came before.
    for (said, answer) in [
        (enter, "40/ws/calls,"),
        (subscribe, ""),
        ("42/ws/calls,[\"?\"]".to_owned(), "42/ws/calls,"),
    ] {
        stream.send(Message::text(said)).await.expect("sent");
        let is_answer = |text: &str| text.starts_with(answer);
        while !answer.is_empty() {
            let message = stream.next().await.expect("an answer").expect("a frame");
            if message.to_text().is_ok_and(is_answer) {
                break;
            }
        }
    }
    stream
}

async fn does_not_outlast_its_sign_in(
    connect: impl AsyncFn(&Stage, &Client) -> Stream,
    email: &str,
) {
    let limits = [("TANDEM_LIMIT_SOCKETS", "1")];
    let stage = Stage::open_with(Engine::Sqlite, &limits).await.expect("SQLite is built in");
    stage.app.add_user(stage.tenant, email, "Ann", Role::Agent, PASSWORD).await.expect("added");
    let client = sign_in(&stage, email).await;
    let call = a_call(&stage).await;
    let mut stuck = connect(&stage, &client).await;
    let text = "so it goes on and on and ".repeat(400);
    (0..SAYINGS).for_each(|_| saying(&stage, &call, &text));
    // It takes the server a moment to find that nothing is taken; signing in takes longer.
    let again = sign_in(&stage, email).await;
    assert_eq!(Socket::try_of(&stage, &again).await.err(), Some(429));
    let verified = stage.app.verify(&client.token, None).await.expect("it is good");
    stage.app.log_out(&verified.actor).await.expect("signs out");
    stage.app.clock.advance(chrono::TimeDelta::seconds(30));
    let began = Instant::now();
    let admitted = async {
        while Socket::try_of(&stage, &again).await.is_err() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(SOON, admitted).await.expect("its seat is free, though it has not read");
    // And it is at its end, once it has read what had been sent.
    let end = async { while let Some(Ok(_)) = stuck.next().await {} };
    timeout(SOON, end).await.expect("it is ended");
    println!("free and ended after {:?}", began.elapsed());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_websocket_that_is_not_read_ends_with_its_sign_in() {
    does_not_outlast_its_sign_in(plain, "a@example.com").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn socket_io_that_is_not_read_ends_with_its_sign_in() {
    does_not_outlast_its_sign_in(socket_io, "b@example.com").await;
}
