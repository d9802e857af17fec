//! Connections of Engine.IO, beneath Socket.IO: who does not say who they are, who says too much, who
//! takes nothing.

use std::{future::Future, time::Duration};

use futures_util::{SinkExt, StreamExt, future::join_all};
use reqwest::StatusCode;
use serde_json::{Value, json};
use tandem::domain::Role;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;

use super::socket::{SocketIo, Stream, open};
use crate::{
    stage::{Engine, Stage},
    told,
};

const CONNECT: &str = "/socket.io/?EIO=4&transport=websocket";
const POLL: &str = "/socket.io/?EIO=4&transport=polling";
/// Nothing takes longer.
const WITHIN: Duration = Duration::from_secs(30);

/// Whether the stream comes to its end by itself; pings are answered.
async fn ends(stream: &mut Stream) {
    let end = async {
        while let Some(Ok(message)) = stream.next().await {
            match message {
                Message::Close(_) => return,
                Message::Text(text) if text == "2" => {
                    let _ = stream.send(Message::text("3")).await;
                }
                _ => {}
            }
        }
    };
    timeout(WITHIN, end).await.expect("it is ended");
}

/// A client of long polling: its session, and what comes of each request.
struct Polling {
    url: String,
    http: reqwest::Client,
}

impl Polling {
    async fn open(stage: &Stage) -> Result<Polling, reqwest::Response> {
        Polling::open_with(reqwest::Client::new(), stage).await
    }

    async fn open_with(http: reqwest::Client, stage: &Stage) -> Result<Polling, reqwest::Response> {
        let answer = http.get(format!("{}{POLL}", stage.url)).send().await.expect("an answer");
        if answer.status() != StatusCode::OK {
            return Err(answer);
        }
        let opening = answer.text().await.expect("a text");
        let opening: Value = serde_json::from_str(&opening[1..]).expect("JSON");
        let sid = opening["sid"].as_str().expect("a session");
        Ok(Polling { url: format!("{}{POLL}&sid={sid}", stage.url), http })
    }

    async fn say(&self, text: &str) -> StatusCode {
        let request = self.http.post(&self.url).body(text.to_owned());
        request.send().await.expect("an answer").status()
    }

    async fn hear(&self) -> (StatusCode, String) {
        let answer = self.http.get(&self.url).send().await.expect("an answer");
        (answer.status(), answer.text().await.expect("a text"))
    }
}

/// Tries until it is so.
async fn eventually<T, F: Future<Output = Option<T>>>(attempt: impl Fn() -> F) -> T {
    let tries = async {
        loop {
            if let Some(found) = attempt().await {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(WITHIN, tries).await.expect("it is so in time")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_does_not_say_who_they_are_is_let_go_in_a_few_seconds() {
    let stage = Stage::open(Engine::Sqlite).await.expect("SQLite is built in");
    // Nothing is said at all.
    let mut mute = open(&stage, CONNECT, None).await.expect("it opens");
    // A namespace that takes those who prove themselves later.
    let mut later = open(&stage, CONNECT, None).await.expect("it opens");
    later.send(Message::text("40{}")).await.expect("sent");
    // A token that is not good, again and again.
    let mut forger = open(&stage, CONNECT, None).await.expect("it opens");
    for _ in 0..3 {
        forger.send(Message::text(r#"40/ws/calls,{"token":"a.b.c"}"#)).await.expect("sent");
    }
    let Ok(polling) = Polling::open(&stage).await else { panic!("it opens") };
    assert_eq!(polling.say("40{}").await, StatusCode::OK);
    let admitted = eventually(|| async {
        let (status, said) = polling.hear().await;
        (status == StatusCode::OK && said.contains("40{")).then_some(())
    });
    admitted.await;
    // Somebody who is known stays.
    let client = stage.client(Role::Viewer).await;
    let auth = json!({"token": client.token});
    let mut known = SocketIo::open(&stage, "/socket.io/", "/", auth).await.expect("in");

    tokio::join!(ends(&mut mute), ends(&mut later), ends(&mut forger));
    let farewell = eventually(|| async {
        let (status, said) = polling.hear().await;
        (status == StatusCode::BAD_REQUEST).then_some(said)
    });
    assert!(farewell.await.contains("Session ID unknown"));
    let refused = || async { (polling.say("40{}").await == StatusCode::BAD_REQUEST).then_some(()) };
    eventually(refused).await;
    known.settle().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn so_many_of_an_address_may_keep_it_to_themselves_who_they_are() {
    let stage = Stage::open(Engine::Sqlite).await.expect("SQLite is built in");
    let client = stage.client(Role::Viewer).await;
    let auth = json!({"token": client.token});
    // All at once: the first is let go in a few seconds.
    let http = reqwest::Client::new();
    let sockets = join_all((0..32).map(|_| open(&stage, CONNECT, None)));
    let polling = join_all((0..32).map(|_| Polling::open_with(http.clone(), &stage)));
    let (sockets, polling) = tokio::join!(sockets, polling);
    let mut unproven: Vec<Stream> =
        sockets.into_iter().map(|socket| socket.expect("it opens")).collect();
    assert!(polling.iter().all(Result::is_ok));
    let refused = Polling::open(&stage).await.err().expect("it is one too many");
    assert_eq!(refused.status(), StatusCode::TOO_MANY_REQUESTS);
    let wait: u64 = refused.headers()["retry-after"].to_str().expect("a text").parse().expect("s");
    assert!((1..=10).contains(&wait), "{wait}");
    assert!(refused.headers().contains_key("x-ratelimit-reset"));
    let told: Value = refused.json().await.expect("JSON");
    assert_eq!(told["error"]["code"], "RATE_LIMIT_EXCEEDED");
    assert_eq!(open(&stage, CONNECT, None).await.err(), Some(429));
    // One says who it is, and does not count any more.
    let mut proven = unproven.pop().expect("there are some");
    let enter = format!("40/ws/calls,{auth}");
    proven.send(Message::text(enter)).await.expect("sent");
    let _another = eventually(|| async { open(&stage, CONNECT, None).await.ok() }).await;
    // Those who have left do not count either.
    drop(unproven);
    let _in = eventually(|| async { open(&stage, CONNECT, None).await.ok() }).await;
}

told! {
    async fn whatever_is_said_at_once_is_answered(stage: &Stage) {
        const MESSAGES: usize = 10_000;
        let client = stage.client(Role::Viewer).await;
        let mut stream = open(stage, CONNECT, None).await.expect("it opens");
        let enter = format!("40/ws/calls,{}", json!({"token": client.token}));
        stream.send(Message::text(enter)).await.expect("sent");
        let (mut say, mut hear) = stream.split();
        let mut text = async || {
            let message = hear.next().await.expect("it goes on").expect("it goes well");
            message.into_text().expect("a text")
        };
        while !text().await.starts_with("40/ws/calls,") {}
        let saying = tokio::spawn(async move {
            for _ in 0..MESSAGES {
                let data = json!(["subscribe", {"type": "call", "call_id": uuid::Uuid::now_v7()}]);
                say.feed(Message::text(format!("42/ws/calls,{data}"))).await.expect("sent");
            }
            say.flush().await.expect("sent");
            say
        });
        let hearing = async {
            let mut answered = 0;
            while answered < MESSAGES {
                if let Some(event) = text().await.strip_prefix("42/ws/calls,") {
                    let event: Value = serde_json::from_str(event).expect("JSON");
                    assert_eq!(event[0], "error");
                    assert_eq!(event[1]["code"], "CALL_NOT_FOUND");
                    answered += 1;
                }
            }
        };
        timeout(Duration::from_secs(120), hearing).await.expect("each is answered");
        drop(saying.await.expect("all was said"));
    }
}
