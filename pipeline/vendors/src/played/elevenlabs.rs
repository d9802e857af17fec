//! A server that speaks ElevenLabs' protocol: speech over a WebSocket, and the account.

use std::sync::Arc;

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
}

impl Script {
    /// Speaks in a tone, as fast as possible.
    pub fn new() -> Self {
        Script::default()
    }

    /// Lets sentence `number` (from 1) fail. A piece is the audio of some 12 characters.
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
}

struct Vendor {
    script: Script,
    shared: Arc<Shared>,
}

impl Server {
    /// Starts on a free port of loopback.
    pub async fn start(script: Script) -> Server {
        let shared = Shared::new();
        let vendor = Arc::new(Vendor { script, shared: Arc::clone(&shared) });
        let router = Router::new()
            .route("/v1/user", get(user))
            .route("/v1/text-to-speech/{voice}/stream-input", get(stream_input))
            .with_state(vendor);
        let host = Host::start(router, shared).await;
        Server { base_url: host.url(), host }
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
        path: format!("/v1/text-to-speech/{voice}/stream-input"),
        query: query.unwrap_or_default(),
        headers: host::headers(&headers),
        body: Value::Null,
    };
    let number = vendor.shared.note("stream-input", request);
    let under_way = vendor.shared.under_way();
    let failure = vendor.script.speech.of(number);
    if let Some(refused) = host::refused(failure.as_ref(), &wire, error).await {
        return refused;
    }
    upgrade.on_upgrade(move |socket| speak(vendor, failure, under_way, socket))
}

async fn speak(
    vendor: Arc<Vendor>,
    failure: Option<Failure>,
    _under_way: UnderWay,
    mut socket: WebSocket,
) {
    let mut text = String::new();
    while let Some(Ok(message)) = socket.recv().await {
        let Message::Text(message) = message else { continue };
        let message: Value = serde_json::from_str(&message).unwrap_or_default();
        match message.get("text").and_then(Value::as_str) {
            Some("") => break,
            Some(more) => text.push_str(more),
            None => {}
        }
    }
    let strike = failure.as_ref().and_then(Failure::strikes_after);
    let pieces = pieces(text.trim_start(), &vendor.script.voice);
    for (at, piece) in pieces.iter().map(Some).chain([None]).enumerate() {
        if strike == Some(at) {
            match &failure {
                Some(Failure::CutAfter(_)) => {
                    tokio::time::sleep(FLUSHED_AFTER).await;
                    return;
                }
                Some(Failure::EndAfter(_)) => return close(socket, 1000, "").await,
                Some(Failure::MalformedAfter(_)) => {
                    let _ = socket.send(Message::text("{\"audio\": ")).await;
                }
                Some(Failure::ErrorAfter(_, kind)) => {
                    let said = json!({"message": "played error", "error": kind, "code": 1008});
                    let _ = socket.send(Message::text(said.to_string())).await;
                    return close(socket, 1008, kind).await;
                }
                Some(Failure::StallAfter(_)) => {
                    while let Some(Ok(_)) = socket.recv().await {}
                    return;
                }
                _ => {}
            }
        }
        let last = json!({"audio": null, "isFinal": true, "alignment": null});
        if piece.is_some() {
            vendor.script.pace.before(at).await;
        }
        let message = piece.unwrap_or(&last).to_string();
        if socket.send(Message::text(message)).await.is_err() {
            return;
        }
    }
    close(socket, 1000, "").await;
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
            "isFinal": null, "alignment": alignment, "normalizedAlignment": alignment,
        }));
    }
    pieces
}
