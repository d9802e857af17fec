//! A server that speaks OpenAI's protocol for transcription over the Realtime API.
//!
//! As strict as the vendor, in what has been seen of it: every handshake succeeds, and a wrong key or
//! address is told by an error and a closing code; audio before the session is set up is lost, and so
//! is audio sent faster than four times as fast as it is spoken; models that find no turns refuse to
//! be asked. What is said is in the audio ([`Lexicon`]); after a word that ends in a comma, whoever
//! judges by what was said waits longer.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use axum::{
    Json, Router,
    extract::{
        ConnectInfo, RawQuery, State, WebSocketUpgrade,
        ws::{CloseFrame, Message, WebSocket},
    },
    http::HeaderMap,
    response::{IntoResponse, Response},
    routing::get,
};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep_until};

use super::{
    Failure, Failures, Lexicon,
    host::{self, FLUSHED_AFTER, Host, Request, Shared, UnderWay, Wire},
    lexicon::{Reader, Sound},
};

/// Quiet after which speech is over: by what was said, and where more must follow.
const OVER_AFTER_MS: u64 = 400;
const OPEN_AFTER_MS: u64 = 4_000;

/// The vendor refuses to commit less.
const SHORTEST_MS: u64 = 100;

/// Faster than so many times as fast as it is spoken, audio is lost; beyond this much to begin with.
const FASTEST: u64 = 4;
const BURST_MS: u64 = 400;

/// How the server behaves.
#[derive(Clone, Debug)]
pub struct Script {
    lexicon: Lexicon,
    sessions: Failures,
    latency: Duration,
    transcript_fails: Option<usize>,
    reversed: bool,
    huge_after: Option<usize>,
    key: Option<String>,
}

impl Script {
    /// Understands these words.
    pub fn new(lexicon: &Lexicon) -> Self {
        Script {
            lexicon: lexicon.clone(),
            sessions: Failures::default(),
            latency: Duration::ZERO,
            transcript_fails: None,
            reversed: false,
            huge_after: None,
            key: None,
        }
    }

    /// Accepts only this key.
    pub fn key(mut self, key: &str) -> Self {
        self.key = Some(key.into());
        self
    }

    /// Lets session `number` (from 1) fail. A piece is a message about audio or its words.
    pub fn session_fails(mut self, number: usize, failure: Failure) -> Self {
        self.sessions.at(number, failure);
        self
    }

    /// Lets every session fail that has no failure of its own.
    pub fn session_always_fails(mut self, failure: Failure) -> Self {
        self.sessions.always(failure);
        self
    }

    /// Cannot transcribe utterance `number` (from 1, over all sessions).
    pub fn transcript_fails(mut self, number: usize) -> Self {
        self.transcript_fails = Some(number);
        self
    }

    /// Completes the first two utterances of a session in the wrong order, as the vendor may.
    pub fn reversed(mut self) -> Self {
        self.reversed = true;
        self
    }

    /// How long after the audio its messages come.
    pub fn latency(mut self, latency: Duration) -> Self {
        self.latency = latency;
        self
    }

    /// Sends a message of 3 MiB after this many pieces of the first session.
    pub fn huge_after(mut self, pieces: usize) -> Self {
        self.huge_after = Some(pieces);
        self
    }
}

/// A running server. Stops when dropped.
#[derive(Clone)]
pub struct Server {
    /// For `OPENAI_BASE_URL`, such as `http://127.0.0.1:40123/v1`.
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
    sessions: Vec<Value>,
    received: Vec<usize>,
    commits: usize,
    items: usize,
    complaints: Vec<String>,
}

impl Server {
    /// Starts on a free port of loopback.
    pub async fn start(script: Script) -> Server {
        let shared = Shared::new();
        let vendor =
            Arc::new(Vendor { script, seen: Mutex::default(), shared: Arc::clone(&shared) });
        let router = Router::new()
            .route("/v1/models", get(models))
            .route("/v1/realtime", get(realtime))
            .with_state(Arc::clone(&vendor));
        let host = Host::start(router, shared).await;
        Server { base_url: format!("{}/v1", host.url()), host, vendor }
    }

    /// The sessions as they were asked for.
    pub fn sessions(&self) -> Vec<Value> {
        self.vendor.seen().sessions.clone()
    }

    /// Bytes of audio received, per session.
    pub fn received(&self) -> Vec<usize> {
        self.vendor.seen().received.clone()
    }

    /// Commits that the client made.
    pub fn commits(&self) -> usize {
        self.vendor.seen().commits
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

    /// What is wrong with the handshake: code, message, closing code.
    fn objection(&self, query: &str, headers: &HeaderMap) -> Option<(&'static str, String, u16)> {
        let value = headers.get("authorization").and_then(|value| value.to_str().ok());
        let key = value.and_then(|value| value.strip_prefix("Bearer "));
        let accepted = match (&self.script.key, key) {
            (Some(right), Some(key)) => key == right,
            (None, _) => true,
            (Some(_), None) => false,
        };
        if !accepted {
            return Some(("invalid_api_key", "Incorrect API key provided.".into(), 3000));
        }
        if headers.contains_key("openai-beta") {
            return Some(("beta_api_shape_disabled", "The beta shape is gone.".into(), 4000));
        }
        (query != "intent=transcription")
            .then(|| ("invalid_model", format!("{query} asks for no transcription."), 4000))
    }
}

async fn models() -> Response {
    Json(json!({"object": "list", "data": [{"id": "gpt-4o-transcribe"}]})).into_response()
}

async fn realtime(
    State(vendor): State<Arc<Vendor>>,
    ConnectInfo(wire): ConnectInfo<Wire>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    upgrade: WebSocketUpgrade,
) -> Response {
    let query = query.unwrap_or_default();
    let objection = vendor.objection(&query, &headers);
    let headers = host::headers(&headers);
    let request = Request { path: "/v1/realtime".into(), query, headers, body: Value::Null };
    let number = vendor.shared.note("/v1/realtime", request);
    let under_way = vendor.shared.under_way();
    let failure = vendor.script.sessions.of(number);
    let error = |status| json!({"error": {"message": format!("played status {status}")}});
    if let Some(refused) = host::refused(failure.as_ref(), &wire, error).await {
        return refused;
    }
    let session = Session::new(vendor, failure, number, under_way);
    upgrade.on_upgrade(|socket| session.run(socket, objection))
}

/// What becomes of the session after a step.
enum Next {
    Go,
    /// Without a closing frame.
    Break,
    Close(u16, String),
}

/// Who finds the ends of utterances.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Detection {
    Client,
    Silence(u64),
    Semantic,
}

/// One connection.
struct Session {
    vendor: Arc<Vendor>,
    failure: Option<Failure>,
    /// Once it is set up: who finds the ends, whether words come while they are spoken, since when.
    set_up: Option<(Detection, bool, Instant)>,
    reader: Reader,
    received_ms: u64,
    uncommitted_ms: u64,
    item: Item,
    items: usize,
    /// A transcript that the next one overtakes.
    held: Option<Value>,
    /// What is to be sent, and when.
    due: VecDeque<(Instant, Value)>,
    pieces: usize,
    stalled: bool,
    number: usize,
    index: usize,
    _under_way: UnderWay,
}

/// The utterance that is being heard.
#[derive(Default)]
struct Item {
    words: Vec<String>,
    started: bool,
    /// The end of the last sound.
    loud_ms: u64,
}

impl Session {
    fn new(
        vendor: Arc<Vendor>,
        failure: Option<Failure>,
        number: usize,
        under_way: UnderWay,
    ) -> Self {
        let index = {
            let mut seen = vendor.seen();
            seen.received.push(0);
            seen.received.len() - 1
        };
        let reader = Reader::new(&vendor.script.lexicon);
        Session {
            vendor,
            failure,
            set_up: None,
            reader,
            received_ms: 0,
            uncommitted_ms: 0,
            item: Item::default(),
            items: 0,
            held: None,
            due: VecDeque::new(),
            pieces: 0,
            stalled: false,
            number,
            index,
            _under_way: under_way,
        }
    }

    async fn run(mut self, mut socket: WebSocket, objection: Option<(&'static str, String, u16)>) {
        if let Some((code, said, closing)) = objection {
            self.vendor.seen().complaints.push(said.clone());
            let error = self.error(code, &said).to_string();
            let _ = socket.send(Message::text(error)).await;
            return self.close(socket, closing, code).await;
        }
        let id = format!("sess_{}", self.number);
        let session = json!({"id": id, "object": "realtime.session", "type": "transcription"});
        self.later(json!({"type": "session.created", "session": session}));
        loop {
            let due = self.due.front().map(|(at, _)| *at);
            let next = tokio::select! {
                () = async { sleep_until(due.unwrap_or_else(Instant::now)).await }, if due.is_some() => {
                    self.send_due(&mut socket).await
                }
                message = socket.recv() => match message {
                    Some(Ok(Message::Text(text))) => self.obey(&text),
                    Some(Ok(Message::Binary(_))) => {
                        self.complain("invalid_request_error", "Binary messages mean nothing.");
                        Next::Close(4000, "invalid_request_error".into())
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
        while let Some(Ok(_)) = socket.recv().await {}
    }

    fn error(&self, code: &str, said: &str) -> Value {
        let error = json!({
            "type": "invalid_request_error", "code": code, "message": said, "param": null,
        });
        json!({"type": "error", "event_id": "event_e", "error": error})
    }

    fn complain(&mut self, code: &str, said: &str) {
        self.vendor.seen().complaints.push(said.to_owned());
        let error = self.error(code, said);
        self.later(error);
    }

    fn obey(&mut self, text: &str) -> Next {
        let message: Value = serde_json::from_str(text).unwrap_or_default();
        match message["type"].as_str() {
            Some("session.update") => self.set_up(&message["session"]),
            Some("input_audio_buffer.append") => match message["audio"].as_str() {
                Some(audio) => match base64_simd::STANDARD.decode_to_vec(audio) {
                    Ok(mulaw) => self.hear(&mulaw),
                    Err(_) => self.complain("invalid_value", "Audio that is not base64."),
                },
                None => self.complain("missing_required_parameter", "No audio."),
            },
            Some("input_audio_buffer.commit") => self.client_commits(),
            _ => self.complain("invalid_value", &format!("{text} is no message here.")),
        }
        Next::Go
    }

    fn set_up(&mut self, session: &Value) {
        self.vendor.seen().sessions.push(session.clone());
        let input = &session["audio"]["input"];
        let model = input["transcription"]["model"].as_str().unwrap_or_default();
        let streaming = ["gpt-live-transcribe", "gpt-realtime-whisper"].contains(&model);
        let known = streaming || ["gpt-4o-transcribe", "gpt-4o-mini-transcribe"].contains(&model);
        let detection = match input["turn_detection"]["type"].as_str() {
            None => Some(Detection::Client),
            Some("server_vad") => {
                let silence = input["turn_detection"]["silence_duration_ms"].as_u64();
                Some(Detection::Silence(silence.unwrap_or(500)))
            }
            Some("semantic_vad") => Some(Detection::Semantic),
            Some(_) => None,
        };
        let hints = &input["transcription"];
        let wrong = if session["type"] != "transcription" {
            Some("The session's type is missing.".to_owned())
        } else if input["format"] != json!({"type": "audio/pcmu"}) {
            Some(format!("Invalid format {}.", input["format"]))
        } else if !known {
            Some(format!("The model {model} is unknown."))
        } else if streaming && detection != Some(Detection::Client) {
            Some("Turn detection is not supported for this transcription model.".into())
        } else if model == "gpt-live-transcribe" && !hints["prompt"].is_null() {
            Some("Unknown parameter: prompt.".into())
        } else if model != "gpt-live-transcribe" && !hints["keywords"].is_null() {
            Some("Unknown parameter: keywords.".into())
        } else {
            None
        };
        match (detection, wrong) {
            (Some(detection), None) => {
                self.set_up = Some((detection, streaming, Instant::now()));
                self.later(json!({"type": "session.updated", "session": session}));
            }
            (_, wrong) => {
                let said = wrong.unwrap_or_else(|| "Unknown turn detection.".into());
                self.complain("invalid_value", &said);
            }
        }
    }

    fn hear(&mut self, mulaw: &[u8]) {
        let Some((detection, streaming, since)) = self.set_up else {
            self.vendor.seen().complaints.push("audio before the session was set up".into());
            return;
        };
        let ms = mulaw.len() as u64 / 8;
        let spoken_ms = since.elapsed().as_millis() as u64;
        if self.received_ms + ms > spoken_ms * FASTEST + BURST_MS {
            self.vendor.seen().complaints.push("audio that came too fast was lost".into());
            return;
        }
        self.received_ms += ms;
        self.uncommitted_ms += ms;
        self.vendor.seen().received[self.index] += mulaw.len();
        for (now_ms, sound) in self.reader.hear(mulaw) {
            self.frame(now_ms, &sound, detection, streaming);
        }
    }

    fn frame(&mut self, now_ms: u64, sound: &Sound, detection: Detection, streaming: bool) {
        let item_id = self.item_id();
        let finds = detection != Detection::Client;
        match sound {
            Sound::Quiet => {
                let open = self.item.words.last().is_some_and(|word| word.ends_with(','));
                let over_after = match detection {
                    Detection::Client => return,
                    Detection::Silence(silence_ms) => silence_ms,
                    Detection::Semantic if open => OPEN_AFTER_MS,
                    Detection::Semantic => OVER_AFTER_MS,
                };
                if self.item.started && now_ms - self.item.loud_ms >= over_after {
                    self.later(json!({
                        "type": "input_audio_buffer.speech_stopped",
                        "audio_end_ms": now_ms, "item_id": item_id,
                    }));
                    self.commit();
                }
                return;
            }
            Sound::Word(word) => {
                self.item.words.push(word.text.clone());
                if streaming {
                    let delta = match self.item.words.len() {
                        1 => word.text.clone(),
                        _ => format!(" {}", word.text),
                    };
                    self.tell_delta(&item_id, &delta);
                }
            }
            Sound::Voice | Sound::Longer => {}
        }
        self.item.loud_ms = now_ms;
        if finds && !self.item.started {
            self.item.started = true;
            self.later(json!({
                "type": "input_audio_buffer.speech_started",
                "audio_start_ms": now_ms.saturating_sub(300), "item_id": item_id,
            }));
        }
    }

    fn item_id(&self) -> String {
        format!("item_{}_{}", self.number, self.items + 1)
    }

    fn client_commits(&mut self) {
        self.vendor.seen().commits += 1;
        if self.uncommitted_ms < SHORTEST_MS {
            let said = format!(
                "Error committing input audio buffer: buffer too small. Expected at least 100ms \
                 of audio, but buffer only has {}.00ms of audio.",
                self.uncommitted_ms
            );
            let error = self.error("input_audio_buffer_commit_empty", &said);
            return self.later(error);
        }
        self.commit();
    }

    fn commit(&mut self) {
        let item_id = self.item_id();
        self.items += 1;
        self.uncommitted_ms = 0;
        let words = std::mem::take(&mut self.item).words;
        self.later(json!({
            "type": "input_audio_buffer.committed",
            "item_id": item_id, "previous_item_id": null,
        }));
        let item = json!({"id": item_id, "type": "message", "role": "user"});
        self.later(json!({"type": "conversation.item.added", "item": item}));
        let number = {
            let mut seen = self.vendor.seen();
            seen.items += 1;
            seen.items
        };
        if self.vendor.script.transcript_fails == Some(number) {
            let error = json!({"type": "server_error", "message": "played", "code": null});
            return self.later(json!({
                "type": "conversation.item.input_audio_transcription.failed",
                "item_id": item_id, "content_index": 0, "error": error,
            }));
        }
        if self.set_up.is_some_and(|(_, streaming, _)| !streaming) {
            for word in &words {
                self.tell_delta(&item_id, &format!("{word} "));
            }
        }
        let completed = json!({
            "type": "conversation.item.input_audio_transcription.completed",
            "item_id": item_id, "content_index": 0, "transcript": words.join(" "),
            "usage": {"type": "duration", "seconds": 1},
        });
        match self.held.take() {
            None if self.vendor.script.reversed && self.items == 1 => self.held = Some(completed),
            held => {
                self.later(completed);
                if let Some(held) = held {
                    self.later(held);
                }
            }
        }
    }

    fn tell_delta(&mut self, item_id: &str, delta: &str) {
        self.later(json!({
            "type": "conversation.item.input_audio_transcription.delta",
            "item_id": item_id, "content_index": 0, "delta": delta,
        }));
    }

    fn later(&mut self, mut message: Value) {
        message["event_id"] = json!("event_1");
        self.due.push_back((Instant::now() + self.vendor.script.latency, message));
    }

    async fn send_due(&mut self, socket: &mut WebSocket) -> Next {
        if self.stalled {
            // It still reads, and answers pings.
            self.due.clear();
            return Next::Go;
        }
        let about_audio = self.due.front().is_some_and(|(_, message)| {
            message["type"].as_str().is_some_and(|kind| kind.contains("input_audio"))
        });
        let strikes = self.failure.as_ref().and_then(Failure::strikes_after);
        if strikes == Some(self.pieces) && (about_audio || self.pieces == 0) {
            match self.failure.take() {
                Some(Failure::CutAfter(_)) => return Next::Break,
                Some(Failure::EndAfter(_)) => return Next::Close(1001, "played end".into()),
                Some(Failure::MalformedAfter(_)) => {
                    let _ = socket.send(Message::text("{\"type\": \"session.upd")).await;
                }
                Some(Failure::ErrorAfter(_, kind)) => {
                    let error = self.error(&kind, "played").to_string();
                    let _ = socket.send(Message::text(error)).await;
                }
                _ => {
                    self.stalled = true;
                    return Next::Go;
                }
            }
        }
        if self.number == 1 && about_audio && self.vendor.script.huge_after == Some(self.pieces) {
            let huge = "x".repeat(3 * 1024 * 1024);
            let _ = socket.send(Message::text(huge)).await;
        }
        if let Some((_, message)) = self.due.pop_front() {
            self.pieces += usize::from(about_audio);
            if socket.send(Message::text(message.to_string())).await.is_err() {
                return Next::Break;
            }
        }
        Next::Go
    }
}
