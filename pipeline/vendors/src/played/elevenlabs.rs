//! A server that speaks ElevenLabs' protocol: speech over a WebSocket of many contexts, and the
//! account.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use axum::{
    Json, Router,
    extract::{
        ConnectInfo, Path, RawQuery, State, WebSocketUpgrade,
        ws::{CloseFrame, Message, WebSocket},
    },
    http::HeaderMap,
    response::{IntoResponse, Response},
    routing::get,
};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep_until};

use super::{
    Failure, Failures, Pace, Voice,
    host::{self, FLUSHED_AFTER, Host, Request, Shared, UnderWay, Wire},
};

/// Characters whose audio comes in one message.
const CHARS: usize = 12;

/// How the server behaves.
#[derive(Clone, Debug, Default)]
pub struct Script {
    speech: Failures,
    user: Failures,
    pace: Pace,
    voice: Voice,
    idle_after: Option<Duration>,
    slow_to_close: Duration,
}

impl Script {
    /// Speaks in a tone, as fast as possible.
    pub fn new() -> Self {
        Script::default()
    }

    /// Lets sentence `number` (from 1) fail, or connection `number` where the failure comes before
    /// any answer. A piece is the audio of some 12 characters.
    pub fn speech_fails(mut self, number: usize, failure: Failure) -> Self {
        self.speech.at(number, failure);
        self
    }

    /// Lets every sentence fail that has no failure of its own.
    pub fn speech_always_fails(mut self, failure: Failure) -> Self {
        self.speech.always(failure);
        self
    }

    /// Lets every request for the account fail.
    pub fn user_always_fails(mut self, failure: Failure) -> Self {
        self.user.always(failure);
        self
    }

    /// How fast pieces come.
    pub fn pace(mut self, pace: Pace) -> Self {
        self.pace = pace;
        self
    }

    /// Closes a connection on which nothing is asked for so long.
    pub fn idle_after(mut self, idle_after: Duration) -> Self {
        self.idle_after = Some(idle_after);
        self
    }

    /// How long a context that was closed still counts.
    pub fn slow_to_close(mut self, slow: Duration) -> Self {
        self.slow_to_close = slow;
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
    /// For `ELEVENLABS_URL`, such as `http://127.0.0.1:40123`.
    pub base_url: String,
    /// Counts and requests.
    pub host: Host,
    vendor: Arc<Vendor>,
}

struct Vendor {
    script: Script,
    seen: Mutex<Seen>,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Seen {
    sentences: usize,
    closed: usize,
    complaints: Vec<String>,
}

impl Server {
    /// Starts on a free port of loopback.
    pub async fn start(script: Script) -> Server {
        let shared = Shared::new();
        let vendor =
            Arc::new(Vendor { script, seen: Mutex::default(), shared: Arc::clone(&shared) });
        let router = Router::new()
            .route("/v1/user", get(user))
            .route("/v1/text-to-speech/{voice}/multi-stream-input", get(stream_input))
            .with_state(Arc::clone(&vendor));
        let host = Host::start(router, shared).await;
        Server { base_url: host.url(), host, vendor }
    }

    /// Sentences that were begun.
    pub fn sentences(&self) -> usize {
        self.vendor.seen().sentences
    }

    /// Contexts that were closed before all of them was said.
    pub fn cut_short(&self) -> usize {
        self.vendor.seen().closed
    }

    /// What the client did that the protocol does not allow.
    pub fn complaints(&self) -> Vec<String> {
        self.vendor.seen().complaints.clone()
    }
}

impl Vendor {
    fn seen(&self) -> std::sync::MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn error(status: u16) -> Value {
    json!({"detail": {"status": "played", "message": format!("played status {status}")}})
}

async fn user(
    State(vendor): State<Arc<Vendor>>,
    ConnectInfo(wire): ConnectInfo<Wire>,
    headers: HeaderMap,
) -> Response {
    let headers = host::headers(&headers);
    let request =
        Request { path: "/v1/user".into(), query: String::new(), headers, body: Value::Null };
    let number = vendor.shared.note("/v1/user", request);
    let failure = vendor.script.user.of(number);
    if let Some(refused) = host::refused(failure.as_ref(), &wire, error).await {
        return refused;
    }
    Json(json!({"subscription": {"character_count": 12, "character_limit": 10_000}}))
        .into_response()
}

async fn stream_input(
    State(vendor): State<Arc<Vendor>>,
    ConnectInfo(wire): ConnectInfo<Wire>,
    Path(voice): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    upgrade: WebSocketUpgrade,
) -> Response {
    let request = Request {
        path: format!("/v1/text-to-speech/{voice}/multi-stream-input"),
        query: query.unwrap_or_default(),
        headers: host::headers(&headers),
        body: Value::Null,
    };
    let number = vendor.shared.note("multi-stream-input", request);
    let under_way = vendor.shared.under_way();
    let failure = vendor.script.speech.of(number);
    if let Some(refused) = host::refused(failure.as_ref(), &wire, error).await {
        return refused;
    }
    upgrade.on_upgrade(move |socket| Connection::new(vendor, under_way).run(socket))
}

/// Contexts that one connection may have.
const MOST_CONTEXTS: usize = 5;

/// One connection.
struct Connection {
    vendor: Arc<Vendor>,
    contexts: Vec<Context>,
    idle_at: Option<Instant>,
    _under_way: UnderWay,
}

/// What is said independently of the others.
struct Context {
    id: String,
    text: String,
    failure: Option<Failure>,
    /// Pieces that are not sent yet, and how many are.
    pieces: VecDeque<Value>,
    sent: usize,
    next_at: Instant,
    flushed: bool,
    /// No more text will come; since when.
    closed_at: Option<Instant>,
    stalled: bool,
}

/// What becomes of the connection after a step.
enum Next {
    Go,
    /// Without a closing frame.
    Break,
    Close(u16, String),
}

impl Connection {
    fn new(vendor: Arc<Vendor>, under_way: UnderWay) -> Self {
        let idle_at = vendor.script.idle_after.map(|after| Instant::now() + after);
        Connection { vendor, contexts: Vec::new(), idle_at, _under_way: under_way }
    }

    async fn run(mut self, mut socket: WebSocket) {
        loop {
            let due = self.contexts.iter().filter_map(|context| self.due(context)).min();
            let idle_at = self.idle_at;
            let next = tokio::select! {
                () = async { sleep_until(due.unwrap_or_else(Instant::now)).await }, if due.is_some() => {
                    self.send_due(&mut socket).await
                }
                message = socket.recv() => match message {
                    Some(Ok(Message::Text(text))) => {
                        self.idle_at =
                            self.vendor.script.idle_after.map(|after| Instant::now() + after);
                        self.obey(&text)
                    }
                    Some(Ok(Message::Close(_)) | Err(_)) | None => return,
                    Some(Ok(_)) => Next::Go,
                },
                () = async { sleep_until(idle_at.unwrap_or_else(Instant::now)).await }, if idle_at.is_some() => {
                    Next::Close(1008, "input_timeout_exceeded".into())
                }
            };
            match next {
                Next::Go => {}
                Next::Break => {
                    tokio::time::sleep(FLUSHED_AFTER).await;
                    return;
                }
                Next::Close(code, reason) => return close(socket, code, &reason).await,
            }
        }
    }

    /// When something of the context is to be sent.
    fn due(&self, context: &Context) -> Option<Instant> {
        if context.stalled || !context.flushed {
            return None;
        }
        match (context.pieces.is_empty(), context.closed_at) {
            (false, _) => Some(context.next_at),
            (true, Some(at)) => Some(at + self.vendor.script.slow_to_close),
            (true, None) => None,
        }
    }

    fn complain(&self, said: &str) -> Next {
        self.vendor.seen().complaints.push(said.to_owned());
        Next::Close(1008, said.to_owned())
    }

    fn obey(&mut self, text: &str) -> Next {
        let message: Value = serde_json::from_str(text).unwrap_or_default();
        if message["close_socket"] == true {
            return Next::Close(1000, String::new());
        }
        let Some(id) = message["context_id"].as_str() else {
            return self.complain("invalid_message: a message of no context");
        };
        let known = self.contexts.iter().position(|context| context.id == id);
        if message["close_context"] == true {
            if let Some(place) = known {
                let context = &mut self.contexts[place];
                context.closed_at = Some(Instant::now());
                if !context.pieces.is_empty() && context.sent == 0 {
                    // Closed before it began: it stays silent.
                    context.pieces.clear();
                }
                if !context.pieces.is_empty() {
                    self.vendor.seen().closed += 1;
                }
                self.contexts[place].flushed = true;
            }
            return Next::Go;
        }
        let place = match known {
            Some(place) => place,
            None if self.contexts.len() == MOST_CONTEXTS => {
                return self.complain("max_active_conversations: too many contexts (5)");
            }
            None if message["text"] != " " => {
                return self.complain("invalid_message: a context begins with a space");
            }
            None => {
                let sentences = {
                    let mut seen = self.vendor.seen();
                    seen.sentences += 1;
                    seen.sentences
                };
                let failure = self.vendor.script.speech.of(sentences);
                self.contexts.push(Context {
                    id: id.to_owned(),
                    text: String::new(),
                    failure: failure.filter(|failure| failure.strikes_after().is_some()),
                    pieces: VecDeque::new(),
                    sent: 0,
                    next_at: Instant::now(),
                    flushed: false,
                    closed_at: None,
                    stalled: false,
                });
                self.contexts.len() - 1
            }
        };
        let context = &mut self.contexts[place];
        context.text.push_str(message["text"].as_str().unwrap_or_default());
        if message["flush"] == true {
            let text = std::mem::take(&mut context.text);
            context.pieces.extend(pieces(text.trim_start(), &self.vendor.script.voice));
            context.next_at = Instant::now() + self.vendor.script.pace.first;
            context.flushed = true;
        }
        Next::Go
    }

    async fn send_due(&mut self, socket: &mut WebSocket) -> Next {
        let now = Instant::now();
        let due = |context: &Context| self.due(context).is_some_and(|at| at <= now);
        let Some(place) = self.contexts.iter().position(due) else { return Next::Go };
        let between = self.vendor.script.pace.between;
        let context = &mut self.contexts[place];
        let strike = context.failure.as_ref().and_then(Failure::strikes_after);
        if strike == Some(context.sent) {
            match context.failure.take() {
                Some(Failure::CutAfter(_)) => return Next::Break,
                Some(Failure::EndAfter(_)) => return Next::Close(1000, String::new()),
                Some(Failure::MalformedAfter(_)) => {
                    let _ = socket.send(Message::text("{\"audio\": ")).await;
                }
                Some(Failure::ErrorAfter(_, kind)) => {
                    let said = json!({"message": "played error", "error": kind, "code": 1008});
                    let _ = socket.send(Message::text(said.to_string())).await;
                    return Next::Close(1008, kind);
                }
                _ => {
                    context.stalled = true;
                    return Next::Go;
                }
            }
        }
        let message = match context.pieces.pop_front() {
            Some(mut piece) => {
                context.sent += 1;
                context.next_at = now + between;
                piece["contextId"] = json!(context.id);
                piece
            }
            None => {
                let last = json!({"isFinal": true, "contextId": context.id});
                self.contexts.remove(place);
                last
            }
        };
        match socket.send(Message::text(message.to_string())).await {
            Ok(()) => Next::Go,
            Err(_) => Next::Break,
        }
    }
}

async fn close(mut socket: WebSocket, code: u16, reason: &str) {
    let frame = CloseFrame { code, reason: reason.into() };
    let _ = socket.send(Message::Close(Some(frame))).await;
    while let Some(Ok(_)) = socket.recv().await {}
}

/// The sentence's audio, some characters a message, each with its times from the message's start.
fn pieces(text: &str, voice: &Voice) -> Vec<Value> {
    let audio = voice.mulaw(text);
    let chars: Vec<String> = text.chars().map(String::from).collect();
    let place = |char: usize| audio.len() * char / chars.len().max(1);
    let mut pieces = Vec::new();
    for (n, some) in chars.chunks(CHARS).enumerate() {
        let first = n * CHARS;
        let slice = &audio[place(first)..place(first + some.len())];
        let start = |char: usize| (place(first + char) - place(first)) / 8;
        let starts: Vec<usize> = (0..some.len()).map(start).collect();
        let durations: Vec<usize> =
            (0..some.len()).map(|char| start(char + 1) - start(char)).collect();
        let alignment = json!({
            "chars": some, "charStartTimesMs": starts, "charDurationsMs": durations,
        });
        pieces.push(json!({
            "audio": base64_simd::STANDARD.encode_to_string(slice),
            "alignment": alignment, "normalizedAlignment": alignment,
        }));
    }
    pieces
}
