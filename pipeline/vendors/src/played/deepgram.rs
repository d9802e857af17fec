//! A server that speaks Deepgram's protocol: streaming recognition, speech, the list of projects.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use axum::{
    Json, Router,
    body::Bytes,
    extract::{
        ConnectInfo, RawQuery, State, WebSocketUpgrade,
        ws::{CloseFrame, Message, WebSocket},
    },
    http::{HeaderMap, header},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep_until};

use super::{
    Failure, Failures, Pace, Voice,
    ear::{Ear, Heard},
    host::{self, FLUSHED_AFTER, Host, Request, Shared, UnderWay, Wire},
};

/// Words at a place of one connection's audio.
#[derive(Clone, Debug)]
pub struct Said {
    /// Ms from the connection's first audio.
    pub from_ms: u64,
    pub to_ms: u64,
    pub text: String,
}

/// How the server behaves.
#[derive(Clone, Debug, Default)]
pub struct Script {
    pub(super) at: Vec<Said>,
    voiced: VecDeque<String>,
    listen: Failures,
    speak: Failures,
    latency: Duration,
    speak_pace: Pace,
    voice: Voice,
}

impl Script {
    /// Hears nothing.
    pub fn new() -> Self {
        Script::default()
    }

    /// Hears `text` between these places of each connection's audio, whatever that holds.
    pub fn hears_at(mut self, from_ms: u64, to_ms: u64, text: &str) -> Self {
        self.at.push(Said { from_ms, to_ms, text: text.into() });
        self
    }

    /// Hears `text` in the next stretch of loud audio, on whichever connection it comes. Once all
    /// texts are used up, loud audio holds no words.
    pub fn hears(mut self, text: &str) -> Self {
        self.voiced.push_back(text.into());
        self
    }

    /// Lets connection `number` (from 1) of `/v1/listen` fail. A piece is a message of results.
    pub fn listen_fails(mut self, number: usize, failure: Failure) -> Self {
        self.listen.at(number, failure);
        self
    }

    /// Lets every connection fail that has no failure of its own.
    pub fn listen_always_fails(mut self, failure: Failure) -> Self {
        self.listen.always(failure);
        self
    }

    /// Lets speech request `number` (from 1) fail. A piece is 100 ms of audio.
    pub fn speak_fails(mut self, number: usize, failure: Failure) -> Self {
        self.speak.at(number, failure);
        self
    }

    /// Lets every speech request fail that has no failure of its own.
    pub fn speak_always_fails(mut self, failure: Failure) -> Self {
        self.speak.always(failure);
        self
    }

    /// How long after the audio its results come.
    pub fn latency(mut self, latency: Duration) -> Self {
        self.latency = latency;
        self
    }

    /// How fast slices of 100 ms of speech come.
    pub fn speak_pace(mut self, pace: Pace) -> Self {
        self.speak_pace = pace;
        self
    }

    /// What speech sounds like.
    pub fn voice(mut self, voice: Voice) -> Self {
        self.voice = voice;
        self
    }
}

/// A running server. Stops when dropped.
#[derive(Clone)]
pub struct Server {
    /// For `DEEPGRAM_URL`, such as `http://127.0.0.1:40123`.
    pub base_url: String,
    /// Counts and requests.
    pub host: Host,
    vendor: Arc<Vendor>,
}

struct Vendor {
    script: Script,
    /// Texts that no final results have used yet.
    voiced: Mutex<VecDeque<String>>,
    controls: Mutex<Vec<String>>,
    received: Mutex<Vec<usize>>,
    shared: Arc<Shared>,
}

impl Server {
    /// Starts on a free port of loopback.
    pub async fn start(script: Script) -> Server {
        let shared = Shared::new();
        let vendor = Arc::new(Vendor {
            voiced: Mutex::new(script.voiced.clone()),
            controls: Mutex::default(),
            received: Mutex::default(),
            shared: Arc::clone(&shared),
            script,
        });
        let router = Router::new()
            .route("/v1/projects", get(projects))
            .route("/v1/listen", get(listen))
            .route("/v1/speak", post(speak))
            .with_state(Arc::clone(&vendor));
        let host = Host::start(router, shared).await;
        Server { base_url: host.url(), host, vendor }
    }

    /// The types of the control messages so far: `KeepAlive`, `Finalize`, `CloseStream`.
    pub fn controls(&self) -> Vec<String> {
        self.vendor.controls.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Bytes of audio received, per connection.
    pub fn received(&self) -> Vec<usize> {
        self.vendor.received.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Vendor {
    fn note(
        &self,
        path: &'static str,
        query: Option<String>,
        headers: &HeaderMap,
        body: Value,
    ) -> usize {
        let query = query.unwrap_or_default();
        let request = Request { path: path.into(), query, headers: host::headers(headers), body };
        self.shared.note(path, request)
    }

    fn next_text(&self) -> String {
        let voiced = self.voiced.lock().unwrap_or_else(PoisonError::into_inner);
        voiced.front().cloned().unwrap_or_default()
    }

    fn use_text(&self) {
        self.voiced.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
    }
}

fn error(status: u16) -> Value {
    json!({"err_code": "PLAYED", "err_msg": format!("played status {status}"), "request_id": "r"})
}

fn with_id(number: usize, mut answer: Response) -> Response {
    if let Ok(id) = format!("dg_{number}").parse() {
        answer.headers_mut().insert("dg-request-id", id);
    }
    answer
}

async fn projects(State(vendor): State<Arc<Vendor>>, headers: HeaderMap) -> Response {
    let number = vendor.note("/v1/projects", None, &headers, Value::Null);
    with_id(number, Json(json!({"projects": [{"project_id": "p", "name": "n"}]})).into_response())
}

async fn speak(
    State(vendor): State<Arc<Vendor>>,
    ConnectInfo(wire): ConnectInfo<Wire>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    Json(body): Json<Value>,
) -> Response {
    let number = vendor.note("/v1/speak", query, &headers, body.clone());
    let under_way = vendor.shared.under_way();
    let failure = vendor.script.speak.of(number);
    if let Some(refused) = host::refused(failure.as_ref(), &wire, error).await {
        return with_id(number, refused);
    }
    let text = body.get("text").and_then(Value::as_str).unwrap_or_default();
    let audio = vendor.script.voice.mulaw(text);
    let pieces = audio.chunks(800).map(Bytes::copy_from_slice).collect();
    let body = host::paced(pieces, vendor.script.speak_pace, failure, wire, under_way);
    with_id(number, ([(header::CONTENT_TYPE, "audio/mulaw")], body).into_response())
}

async fn listen(
    State(vendor): State<Arc<Vendor>>,
    ConnectInfo(wire): ConnectInfo<Wire>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    upgrade: WebSocketUpgrade,
) -> Response {
    let number = vendor.note("/v1/listen", query, &headers, Value::Null);
    let under_way = vendor.shared.under_way();
    let failure = vendor.script.listen.of(number);
    if let Some(refused) = host::refused(failure.as_ref(), &wire, error).await {
        return with_id(number, refused);
    }
    let connection = Connection::new(vendor, failure, under_way);
    with_id(number, upgrade.on_upgrade(|socket| connection.run(socket)))
}

/// One connection of `/v1/listen`.
struct Connection {
    vendor: Arc<Vendor>,
    failure: Option<Failure>,
    ear: Ear,
    /// What is to be sent, and when.
    due: VecDeque<(Instant, Value)>,
    /// Messages of results sent so far.
    pieces: usize,
    /// Which of the server's connections this is.
    index: usize,
    _under_way: UnderWay,
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.give_back();
    }
}

/// What becomes of the connection after a step.
enum Next {
    Go,
    /// Without a closing frame.
    Break,
    Close(u16, String),
}

impl Connection {
    fn new(vendor: Arc<Vendor>, failure: Option<Failure>, under_way: UnderWay) -> Self {
        let index = {
            let mut received = vendor.received.lock().unwrap_or_else(PoisonError::into_inner);
            received.push(0);
            received.len() - 1
        };
        let ear = Ear::new(&vendor.script.at);
        Connection {
            vendor,
            failure,
            ear,
            due: VecDeque::new(),
            pieces: 0,
            index,
            _under_way: under_way,
        }
    }

    async fn run(mut self, mut socket: WebSocket) {
        let mut closing = false;
        loop {
            if closing && self.due.is_empty() {
                break self.close(socket, 1000, "").await;
            }
            let due = self.due.front().map(|(at, _)| *at);
            let next = tokio::select! {
                () = async { sleep_until(due.unwrap_or_else(Instant::now)).await }, if due.is_some() => {
                    self.send_due(&mut socket).await
                }
                message = socket.recv() => match message {
                    Some(Ok(Message::Binary(mulaw))) => {
                        self.hear(&mulaw);
                        Next::Go
                    }
                    Some(Ok(Message::Text(text))) => {
                        closing |= self.obey(&text);
                        Next::Go
                    }
                    Some(Ok(Message::Close(_)) | Err(_)) | None => return,
                    Some(Ok(_)) => Next::Go,
                },
            };
            match next {
                Next::Go => {}
                Next::Break => {
                    tokio::time::sleep(FLUSHED_AFTER).await;
                    return;
                }
                Next::Close(code, reason) => break self.close(socket, code, &reason).await,
            }
        }
    }

    async fn close(self, mut socket: WebSocket, code: u16, reason: &str) {
        let frame = CloseFrame { code, reason: reason.into() };
        let _ = socket.send(Message::Close(Some(frame))).await;
        // Until the other side has said so too, or is gone.
        while let Some(Ok(_)) = socket.recv().await {}
    }

    fn hear(&mut self, mulaw: &[u8]) {
        {
            let mut all = self.vendor.received.lock().unwrap_or_else(PoisonError::into_inner);
            all[self.index] += mulaw.len();
        }
        let vendor = Arc::clone(&self.vendor);
        for heard in self.ear.hear(mulaw, || vendor.next_text()) {
            self.tell(&heard, false);
        }
    }

    /// Obeys a control message; true where it ends the conversation.
    fn obey(&mut self, text: &str) -> bool {
        let message: Value = serde_json::from_str(text).unwrap_or_default();
        let kind = message.get("type").and_then(Value::as_str).unwrap_or_default().to_owned();
        self.vendor.controls.lock().unwrap_or_else(PoisonError::into_inner).push(kind.clone());
        let vendor = Arc::clone(&self.vendor);
        match kind.as_str() {
            "Finalize" => {
                let heard = self.ear.finalize(|| vendor.next_text());
                self.tell(&heard, true);
                false
            }
            "CloseStream" => {
                let heard = self.ear.finalize(|| vendor.next_text());
                self.tell(&heard, false);
                let metadata = json!({
                    "type": "Metadata", "request_id": format!("dg_{}", self.index + 1),
                    "duration": self.ear.heard_ms() as f64 / 1_000.0, "channels": 1,
                });
                self.later(metadata);
                true
            }
            _ => false,
        }
    }

    fn tell(&mut self, heard: &Heard, from_finalize: bool) {
        let message = match heard {
            Heard::TurnEnd { last_word_end_ms } => json!({
                "type": "UtteranceEnd", "channel": [0, 1],
                "last_word_end": *last_word_end_ms as f64 / 1_000.0,
            }),
            Heard::Words { from_ms, to_ms, text, settled, pause } => {
                if *settled && !text.is_empty() && self.vendor.script.at.is_empty() {
                    self.vendor.use_text();
                }
                let confidence = if text.is_empty() { 0.0 } else { 0.98 };
                json!({
                    "type": "Results", "channel_index": [0, 1],
                    "start": *from_ms as f64 / 1_000.0,
                    "duration": (to_ms - from_ms) as f64 / 1_000.0,
                    "is_final": settled, "speech_final": pause, "from_finalize": from_finalize,
                    "channel": {"alternatives": [
                        {"transcript": text, "confidence": confidence, "words": []}
                    ]},
                    "metadata": {"request_id": format!("dg_{}", self.index + 1)},
                })
            }
        };
        self.later(message);
    }

    /// Words that were never sent are there for the next connection.
    fn give_back(&mut self) {
        if !self.vendor.script.at.is_empty() {
            return;
        }
        let mut voiced = self.vendor.voiced.lock().unwrap_or_else(PoisonError::into_inner);
        for (_, message) in self.due.drain(..).rev() {
            let text = message["channel"]["alternatives"][0]["transcript"].as_str();
            if let Some(text) = text.filter(|text| !text.is_empty() && message["is_final"] == true)
            {
                voiced.push_front(text.to_owned());
            }
        }
    }

    fn later(&mut self, message: Value) {
        self.due.push_back((Instant::now() + self.vendor.script.latency, message));
    }

    async fn send_due(&mut self, socket: &mut WebSocket) -> Next {
        if self.failure.as_ref().and_then(Failure::strikes_after) == Some(self.pieces) {
            match self.failure.take() {
                Some(Failure::CutAfter(_)) => return Next::Break,
                Some(Failure::EndAfter(_)) => {
                    return Next::Close(1011, "NET-0001: played end".into());
                }
                Some(Failure::MalformedAfter(_)) => {
                    let _ = socket.send(Message::text("{\"type\": \"Results\", ")).await;
                }
                Some(Failure::ErrorAfter(_, kind)) => {
                    let said = json!({"type": "Error", "variant": kind, "description": "played"});
                    let _ = socket.send(Message::text(said.to_string())).await;
                    return Next::Close(1008, kind);
                }
                stall => {
                    self.failure = stall;
                    // Silent, but it still reads.
                    self.give_back();
                    self.due.clear();
                    return Next::Go;
                }
            }
        }
        if let Some((_, message)) = self.due.pop_front() {
            self.pieces += usize::from(message["type"] == "Results");
            if socket.send(Message::text(message.to_string())).await.is_err() {
                return Next::Break;
            }
        }
        Next::Go
    }
}
