//! A gateway for tests: fixed TwiML under paths, a conversation written in the test, and a record
//! of all that came in.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::http::{HeaderMap, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use base64_simd::STANDARD;
use futures_util::future::BoxFuture;
use secrecy::SecretString;
use serde_json::{Value, json};
use tandem::caller::{Call, Clip, Outcome, Scenario, Step, Wait, place};
use twiml::{Form, Validator};

pub const TOKEN: &str = "a token for tests";

/// A loud mu-law byte: +7932.
pub const LOUD: u8 = 0xA0;

/// One request that came in over HTTP.
#[derive(Clone, Debug)]
pub struct Request {
    pub method: Method,
    pub path: String,
    pub query: String,
    pub form: BTreeMap<String, String>,
    pub signed: bool,
}

type Talk = Arc<dyn Fn(Peer) -> BoxFuture<'static, ()> + Send + Sync>;

struct Inside {
    base: String,
    documents: BTreeMap<String, String>,
    talk: Talk,
    requests: Mutex<Vec<Request>>,
    /// Of each socket in the order of opening, what came on it.
    sockets: Mutex<Vec<Vec<Value>>>,
    unsigned_upgrades: Mutex<usize>,
}

#[derive(Clone)]
pub struct Gateway(Arc<Inside>);

impl Gateway {
    /// Answers these paths with these documents, where `BASE` is the gateway's `host:port`, and
    /// talks so on every socket.
    pub async fn start<F, R>(documents: &[(&str, &str)], talk: F) -> Self
    where
        F: Fn(Peer) -> R + Send + Sync + 'static,
        R: Future<Output = ()> + Send + 'static,
    {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = listener.local_addr().unwrap().to_string();
        let document = |(path, text): &(&str, &str)| {
            let text = text.replace("BASE", &base);
            ((*path).to_owned(), format!("<Response>{text}</Response>"))
        };
        let inside = Arc::new(Inside {
            documents: documents.iter().map(document).collect(),
            talk: Arc::new(move |peer| Box::pin(talk(peer))),
            requests: Mutex::default(),
            sockets: Mutex::default(),
            unsigned_upgrades: Mutex::default(),
            base,
        });
        let app = Router::new().fallback(any(webhook)).route("/media", any(media));
        let app = app.route("/media/{*rest}", any(media)).with_state(Arc::clone(&inside));
        tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self(inside)
    }

    pub fn http(&self, path: &str) -> String {
        format!("http://{}{path}", self.0.base)
    }

    pub fn ws(&self, path: &str) -> String {
        format!("ws://{}{path}", self.0.base)
    }

    pub fn requests(&self) -> Vec<Request> {
        self.0.requests.lock().unwrap().clone()
    }

    /// What came on each socket.
    pub fn sockets(&self) -> Vec<Vec<Value>> {
        self.0.sockets.lock().unwrap().clone()
    }

    pub fn unsigned_upgrades(&self) -> usize {
        *self.0.unsigned_upgrades.lock().unwrap()
    }
}

fn validator() -> Validator {
    Validator::new([&SecretString::from(TOKEN)])
}

fn signature(headers: &HeaderMap) -> Option<&str> {
    headers.get(twiml::signature::HEADER).and_then(|value| value.to_str().ok())
}

async fn webhook(
    State(inside): State<Arc<Inside>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let url = format!("http://{}{}", inside.base, uri.path_and_query().unwrap());
    let form = Form::parse(&body).unwrap();
    let checked = if method == Method::POST {
        validator().validate_form(&url, &form, signature(&headers))
    } else {
        validator().validate_get(&url, signature(&headers))
    };
    let fields = form.iter().map(|(name, value)| (name.to_owned(), value.to_owned()));
    inside.requests.lock().unwrap().push(Request {
        method,
        path: uri.path().to_owned(),
        query: uri.query().unwrap_or_default().to_owned(),
        form: fields.collect(),
        signed: checked.is_ok(),
    });
    if checked.is_err() {
        return StatusCode::FORBIDDEN.into_response();
    }
    // A document may be for one answer only: `/keys#2`.
    let answered = form.get("Digits").map(|keys| format!("{}#{keys}", uri.path()));
    let document = answered.and_then(|path| inside.documents.get(&path));
    match document.or_else(|| inside.documents.get(uri.path())) {
        Some(text) => ([(header::CONTENT_TYPE, "text/xml")], text.clone()).into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

async fn media(
    State(inside): State<Arc<Inside>>,
    uri: Uri,
    headers: HeaderMap,
    upgrade: WebSocketUpgrade,
) -> Response {
    assert!(!headers.contains_key(header::SEC_WEBSOCKET_EXTENSIONS));
    let url = format!("ws://{}{}", inside.base, uri.path_and_query().unwrap());
    if validator().validate_upgrade(&url, signature(&headers)).is_err() {
        *inside.unsigned_upgrades.lock().unwrap() += 1;
    }
    upgrade.on_upgrade(move |socket| async move {
        let number = {
            let mut sockets = inside.sockets.lock().unwrap();
            sockets.push(Vec::new());
            sockets.len() - 1
        };
        let talk = Arc::clone(&inside.talk);
        talk(Peer { socket, inside, number, sid: String::new() }).await;
    })
}

/// The gateway's end of one socket.
pub struct Peer {
    socket: WebSocket,
    inside: Arc<Inside>,
    number: usize,
    pub sid: String,
}

impl Peer {
    /// The next message, or nothing at the socket's end.
    pub async fn next(&mut self) -> Option<Value> {
        loop {
            match self.socket.recv().await {
                Some(Ok(Message::Text(text))) => {
                    let value: Value = serde_json::from_str(&text).unwrap();
                    self.inside.sockets.lock().unwrap()[self.number].push(value.clone());
                    return Some(value);
                }
                Some(Ok(Message::Close(_)) | Err(_)) | None => return None,
                Some(Ok(_)) => {}
            }
        }
    }

    /// Reads on until a message of this kind; panics if the socket ends before.
    pub async fn until(&mut self, event: &str) -> Value {
        loop {
            let message = self.next().await.expect("the socket ended");
            if message["event"] == event {
                return message;
            }
        }
    }

    /// Reads `connected` and `start`.
    pub async fn begin(&mut self) -> Value {
        assert_eq!(self.next().await.unwrap()["event"], "connected");
        let start = self.next().await.unwrap();
        self.sid = start["streamSid"].as_str().unwrap().to_owned();
        start
    }

    /// Reads to the socket's end.
    pub async fn drain(&mut self) {
        while self.next().await.is_some() {}
    }

    /// Sends so much loud audio at once.
    pub async fn say(&mut self, ms: usize) {
        let payload = STANDARD.encode_to_string(vec![LOUD; ms * 8]);
        self.send(json!({"event": "media", "media": {"payload": payload}})).await;
    }

    pub async fn mark(&mut self, name: &str) {
        self.send(json!({"event": "mark", "mark": {"name": name}})).await;
    }

    pub async fn clear(&mut self) {
        self.send(json!({"event": "clear"})).await;
    }

    async fn send(&mut self, mut message: Value) {
        message["streamSid"] = json!(self.sid);
        self.raw(message.to_string()).await;
    }

    pub async fn raw(&mut self, text: String) {
        // A peer that has hung up meanwhile is the test's to notice.
        let _ = self.socket.send(Message::text(text)).await;
    }

    pub async fn binary(&mut self) {
        let _ = self.socket.send(Message::binary(vec![1, 2, 3])).await;
    }

    /// Closes as the protocol wants.
    pub async fn close(mut self) {
        let _ = self.socket.send(Message::Close(None)).await;
        self.drain().await;
    }
}

/// Whether a `media` message holds anything but silence.
pub fn is_voice(message: &Value) -> bool {
    let payload = message["media"]["payload"].as_str().unwrap();
    let mulaw = STANDARD.decode_to_vec(payload).unwrap();
    mulaw.iter().any(|byte| *byte != 0xFF)
}

pub fn count(message: &Value, key: &str) -> u64 {
    let field = if key == "sequenceNumber" { &message[key] } else { &message["media"][key] };
    field.as_str().unwrap_or_else(|| panic!("{key} is not a string")).parse().unwrap()
}

/// So much loud audio for the caller to say.
pub fn clip(ms: usize) -> Arc<Clip> {
    Clip::from_mulaw("clip", vec![LOUD; ms * 8]).unwrap()
}

/// Waits for the agent, with a short silence: tests are not to last.
pub fn wait() -> Step {
    Step::WaitForAgent(Wait { silence: ms(200), within: ms(20_000) })
}

pub fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

pub fn call(target: &str, steps: Vec<Step>) -> Call {
    let mut scenario = Scenario::new("test", steps);
    scenario.at_most = ms(60_000);
    Call::to(target, SecretString::from(TOKEN), scenario).unwrap()
}

pub async fn calls(target: &str, steps: Vec<Step>) -> Outcome {
    place(call(target, steps)).await.unwrap()
}
