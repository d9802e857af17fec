//! A server that speaks Deepgram's protocol for Flux: turns over a WebSocket.
//!
//! As strict as the vendor: it refuses parameters that it does not know, text that is no message of
//! this protocol (`KeepAlive` and `Finalize` are of the other one), and clients that fall silent.
//! What is said is in the audio ([`Lexicon`]); a word that ends in a comma makes the turn go on for
//! as long as the caller lets it.

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
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
    routing::get,
};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep_until};

use super::{
    Failure, Failures,
    host::{self, FLUSHED_AFTER, Host, Request, Shared, UnderWay, Wire},
    lexicon::{FRAME_MS, Lexicon, Reader, Sound, Word},
};

/// How often the turn is told while nothing changes, ms of audio.
const UPDATE_EVERY_MS: u64 = 240;
/// Quiet after which the turn is likely over, and after which it is.
const EAGER_AFTER_MS: u64 = 160;
const OVER_AFTER_MS: u64 = 320;

/// How the server behaves.
#[derive(Clone, Debug)]
pub struct Script {
    lexicon: Lexicon,
    listen: Failures,
    latency: Duration,
    idle_after: Duration,
    timed_words: bool,
    huge_after: Option<usize>,
    key: Option<String>,
}

impl Script {
    /// Understands these words.
    pub fn new(lexicon: &Lexicon) -> Self {
        Script {
            lexicon: lexicon.clone(),
            listen: Failures::default(),
            latency: Duration::ZERO,
            idle_after: Duration::from_secs(60),
            timed_words: false,
            huge_after: None,
            key: None,
        }
    }

    /// Accepts only this key.
    pub fn key(mut self, key: &str) -> Self {
        self.key = Some(key.into());
        self
    }

    /// Lets connection `number` (from 1) fail. A piece is a message of a turn that holds words.
    pub fn listen_fails(mut self, number: usize, failure: Failure) -> Self {
        self.listen.at(number, failure);
        self
    }

    /// Lets every connection fail that has no failure of its own.
    pub fn listen_always_fails(mut self, failure: Failure) -> Self {
        self.listen.always(failure);
        self
    }

    /// How long after the audio its messages come.
    pub fn latency(mut self, latency: Duration) -> Self {
        self.latency = latency;
        self
    }

    /// Closes a connection on which nothing comes for so long, not even a ping; 60 s unless set.
    pub fn idle_after(mut self, idle_after: Duration) -> Self {
        self.idle_after = idle_after;
        self
    }

    /// Says of each word when it was spoken, as newer versions do.
    pub fn timed_words(mut self) -> Self {
        self.timed_words = true;
        self
    }

    /// Sends a message of 3 MiB after this many pieces of the first connection.
    pub fn huge_after(mut self, pieces: usize) -> Self {
        self.huge_after = Some(pieces);
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
    seen: Mutex<Seen>,
    shared: Arc<Shared>,
}

/// What came, per connection or in order.
#[derive(Clone, Debug, Default)]
struct Seen {
    received: Vec<usize>,
    controls: Vec<String>,
    pings: usize,
    complaints: Vec<String>,
}

impl Server {
    /// Starts on a free port of loopback.
    pub async fn start(script: Script) -> Server {
        let shared = Shared::new();
        let vendor =
            Arc::new(Vendor { script, seen: Mutex::default(), shared: Arc::clone(&shared) });
        let router = Router::new()
            .route("/v1/projects", get(projects))
            .route("/v2/listen", get(listen))
            .with_state(Arc::clone(&vendor));
        let host = Host::start(router, shared).await;
        Server { base_url: host.url(), host, vendor }
    }

    /// Bytes of audio received, per connection.
    pub fn received(&self) -> Vec<usize> {
        self.vendor.seen().received.clone()
    }

    /// The types of the control messages so far.
    pub fn controls(&self) -> Vec<String> {
        self.vendor.seen().controls.clone()
    }

    /// Pings so far.
    pub fn pings(&self) -> usize {
        self.vendor.seen().pings
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

    fn accepts(&self, headers: &HeaderMap) -> bool {
        let value = headers.get("authorization").and_then(|value| value.to_str().ok());
        let key = value.and_then(|value| {
            value.strip_prefix("Token ").or_else(|| value.strip_prefix("Bearer "))
        });
        match (&self.script.key, key) {
            (Some(right), Some(key)) => key == right,
            (None, Some(key)) => !key.is_empty(),
            (_, None) => false,
        }
    }
}

fn error(status: u16) -> Value {
    refusal("PLAYED", &format!("played status {status}"))
}

fn refusal(code: &str, said: &str) -> Value {
    json!({"err_code": code, "err_msg": said, "request_id": "r"})
}

fn with_id(number: usize, mut answer: Response) -> Response {
    if let Ok(id) = format!("flux_{number}").parse() {
        answer.headers_mut().insert("dg-request-id", id);
    }
    answer
}

async fn projects(State(vendor): State<Arc<Vendor>>, headers: HeaderMap) -> Response {
    match vendor.accepts(&headers) {
        true => Json(json!({"projects": [{"project_id": "p", "name": "n"}]})).into_response(),
        false => (StatusCode::UNAUTHORIZED, Json(error(401))).into_response(),
    }
}

async fn listen(
    State(vendor): State<Arc<Vendor>>,
    ConnectInfo(wire): ConnectInfo<Wire>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    upgrade: WebSocketUpgrade,
) -> Response {
    let query = query.unwrap_or_default();
    let request = Request {
        path: "/v2/listen".into(),
        query: query.clone(),
        headers: host::headers(&headers),
        body: Value::Null,
    };
    let number = vendor.shared.note("/v2/listen", request);
    let under_way = vendor.shared.under_way();
    if !vendor.accepts(&headers) {
        let said = refusal("INVALID_AUTH", "Invalid credentials.");
        return with_id(number, (StatusCode::UNAUTHORIZED, Json(said)).into_response());
    }
    let wanted = match Wanted::read(&query) {
        Ok(wanted) => wanted,
        Err(said) => {
            vendor.seen().complaints.push(said.clone());
            let said = refusal("INVALID_QUERY_PARAMETER", &said);
            return with_id(number, (StatusCode::BAD_REQUEST, Json(said)).into_response());
        }
    };
    let failure = vendor.script.listen.of(number);
    if let Some(refused) = host::refused(failure.as_ref(), &wire, error).await {
        return with_id(number, refused);
    }
    let connection = Connection::new(vendor, wanted, failure, number, under_way);
    with_id(number, upgrade.on_upgrade(|socket| connection.run(socket)))
}

/// What the query asks for.
#[derive(Debug)]
struct Wanted {
    eager: bool,
    timeout_ms: u64,
}

impl Wanted {
    fn read(query: &str) -> Result<Self, String> {
        let mut wanted = Wanted { eager: false, timeout_ms: 5_000 };
        let (mut model, mut encoding, mut rate) = (None, None, None);
        let (mut sure, mut eager) = (0.7, None);
        for pair in query.split('&') {
            let (name, value) = pair.split_once('=').ok_or_else(|| format!("{pair} is no pair"))?;
            let within = |from: f64, to: f64| {
                let number = value.parse::<f64>().ok().filter(|n| (from..=to).contains(n));
                number.ok_or_else(|| format!("{name} is {value}, not from {from} to {to}"))
            };
            match name {
                "model" => model = Some(value),
                "encoding" => encoding = Some(value),
                "sample_rate" => rate = Some(value),
                "eot_threshold" => sure = within(0.5, 1.0)?,
                "eager_eot_threshold" => eager = Some(within(0.3, 0.9)?),
                "eot_timeout_ms" => wanted.timeout_ms = within(500.0, 60_000.0)? as u64,
                "keyterm" if !value.is_empty() => {}
                "language_hint" if model == Some("flux-general-multi") && !value.is_empty() => {}
                _ => return Err(format!("{name} is not a parameter here")),
            }
        }
        if !matches!(model, Some("flux-general-en" | "flux-general-multi")) {
            return Err("model is not one of Flux".into());
        }
        if (encoding, rate) != (Some("mulaw"), Some("8000")) {
            return Err("the audio's format is not told".into());
        }
        if eager.is_some_and(|eager| eager > sure) {
            return Err("eager_eot_threshold is above eot_threshold".into());
        }
        wanted.eager = eager.is_some();
        Ok(wanted)
    }
}

/// What becomes of the connection after a step.
enum Next {
    Go,
    /// Without a closing frame.
    Break,
    Close(u16, String),
}

/// One connection.
struct Connection {
    vendor: Arc<Vendor>,
    wanted: Wanted,
    failure: Option<Failure>,
    reader: Reader,
    turn: Turn,
    turn_index: u64,
    /// Audio understood so far, and when the turn was told last.
    at_ms: u64,
    told_ms: u64,
    sequence: u64,
    /// What is to be sent, and when.
    due: VecDeque<(Instant, Value)>,
    /// Messages with words sent so far.
    pieces: usize,
    /// It says nothing any more.
    stalled: bool,
    number: usize,
    index: usize,
    _under_way: UnderWay,
}

#[derive(Default)]
struct Turn {
    from_ms: u64,
    words: Vec<Word>,
    /// The end of the last sound.
    loud_ms: u64,
    /// The end is likely.
    eager: bool,
}

impl Turn {
    fn text(&self) -> String {
        let words: Vec<&str> = self.words.iter().map(|word| word.text.as_str()).collect();
        words.join(" ")
    }

    /// Must more follow?
    fn is_open(&self) -> bool {
        self.words.last().is_some_and(|word| word.text.ends_with(','))
    }
}

impl Connection {
    fn new(
        vendor: Arc<Vendor>,
        wanted: Wanted,
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
        Connection {
            vendor,
            wanted,
            failure,
            reader,
            turn: Turn::default(),
            turn_index: 0,
            at_ms: 0,
            told_ms: 0,
            sequence: 0,
            due: VecDeque::new(),
            pieces: 0,
            stalled: false,
            number,
            index,
            _under_way: under_way,
        }
    }

    async fn run(mut self, mut socket: WebSocket) {
        self.later(json!({"type": "Connected"}));
        let idle_after = self.vendor.script.idle_after;
        let mut idle_at = Instant::now() + idle_after;
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
                message = socket.recv() => {
                    idle_at = Instant::now() + idle_after;
                    match message {
                        Some(Ok(Message::Binary(mulaw))) => {
                            self.hear(&mulaw);
                            Next::Go
                        }
                        Some(Ok(Message::Text(text))) => {
                            closing |= self.obey(&text);
                            Next::Go
                        }
                        Some(Ok(Message::Ping(_))) => {
                            self.vendor.seen().pings += 1;
                            Next::Go
                        }
                        Some(Ok(Message::Close(_)) | Err(_)) | None => return,
                        Some(Ok(Message::Pong(_))) => Next::Go,
                    }
                }
                () = sleep_until(idle_at) => {
                    self.vendor.seen().complaints.push("nothing came".into());
                    Next::Close(1011, "NET-0001: nothing came within the timeout".into())
                }
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
        self.vendor.seen().received[self.index] += mulaw.len();
        for (now_ms, sound) in self.reader.hear(mulaw) {
            self.frame(now_ms, sound);
        }
    }

    fn frame(&mut self, now_ms: u64, sound: Sound) {
        self.at_ms = now_ms;
        let begun = !self.turn.words.is_empty();
        match sound {
            Sound::Word(word) => {
                if self.turn.eager {
                    self.turn.eager = false;
                    self.tell("TurnResumed", 0.2);
                }
                self.turn.words.push(word);
                self.turn.loud_ms = now_ms;
                if !begun {
                    self.tell("StartOfTurn", 0.1);
                }
            }
            Sound::Longer => {
                self.turn.loud_ms = now_ms;
                if let Some(word) = self.turn.words.last_mut() {
                    word.to_ms = now_ms;
                }
            }
            Sound::Voice => {}
            Sound::Quiet if begun => self.quiet(now_ms - self.turn.loud_ms),
            Sound::Quiet => {}
        }
        if now_ms - self.told_ms >= UPDATE_EVERY_MS {
            self.tell("Update", 0.05);
        }
    }

    fn quiet(&mut self, quiet_ms: u64) {
        let open = self.turn.is_open();
        if quiet_ms == EAGER_AFTER_MS && self.wanted.eager && !open {
            self.turn.eager = true;
            self.tell("EagerEndOfTurn", 0.55);
        }
        let over_after = if open { self.wanted.timeout_ms } else { OVER_AFTER_MS };
        if quiet_ms >= over_after {
            self.tell("EndOfTurn", 0.9);
            self.turn_index += 1;
            self.turn = Turn { from_ms: self.at_ms, ..Turn::default() };
        }
    }

    /// Obeys a control message; true where it ends the conversation.
    fn obey(&mut self, text: &str) -> bool {
        let kind = serde_json::from_str::<Value>(text)
            .ok()
            .and_then(|message| message.get("type")?.as_str().map(str::to_owned));
        self.vendor.seen().controls.push(kind.clone().unwrap_or_default());
        if kind.as_deref() == Some("CloseStream") {
            if !self.turn.words.is_empty() {
                self.tell("EndOfTurn", 0.9);
            }
        } else {
            let said = format!("not a message of this protocol: {text}");
            self.vendor.seen().complaints.push(said.clone());
            let code = "UNPARSABLE_CLIENT_MESSAGE";
            self.later(json!({"type": "Error", "code": code, "description": said}));
        }
        true
    }

    fn tell(&mut self, event: &str, confidence: f32) {
        self.told_ms = self.at_ms;
        let seconds = |ms: u64| ms as f64 / 1_000.0;
        let timed = self.vendor.script.timed_words;
        let words: Vec<Value> = self
            .turn
            .words
            .iter()
            .map(|word| match timed {
                true => json!({
                    "word": word.text, "confidence": 0.98,
                    "start": seconds(word.from_ms), "end": seconds(word.to_ms),
                }),
                false => json!({"word": word.text, "confidence": 0.98}),
            })
            .collect();
        self.later(json!({
            "type": "TurnInfo", "event": event, "turn_index": self.turn_index,
            "audio_window_start": seconds(self.turn.from_ms),
            "audio_window_end": seconds(self.told_ms),
            "transcript": self.turn.text(), "words": words,
            "end_of_turn_confidence": confidence,
        }));
    }

    fn later(&mut self, mut message: Value) {
        message["request_id"] = json!(format!("flux_{}", self.number));
        message["sequence_id"] = json!(self.sequence);
        self.sequence += 1;
        self.due.push_back((Instant::now() + self.vendor.script.latency, message));
    }

    async fn send_due(&mut self, socket: &mut WebSocket) -> Next {
        let wordy = self.due.front().is_some_and(|(_, message)| {
            message["transcript"].as_str().is_some_and(|words| !words.is_empty())
        });
        if self.stalled {
            // It still reads, and answers pings.
            self.due.clear();
            return Next::Go;
        }
        let strikes = self.failure.as_ref().and_then(Failure::strikes_after);
        if strikes == Some(self.pieces) && (wordy || self.pieces == 0) {
            match self.failure.take() {
                Some(Failure::CutAfter(_)) => return Next::Break,
                Some(Failure::EndAfter(_)) => {
                    return Next::Close(1011, "NET-0001: played end".into());
                }
                Some(Failure::MalformedAfter(_)) => {
                    let _ = socket.send(Message::text("{\"type\": \"TurnInfo\", ")).await;
                }
                Some(Failure::ErrorAfter(_, kind)) => {
                    let said = json!({
                        "type": "Error", "code": kind, "description": "played", "sequence_id": 9,
                    });
                    let _ = socket.send(Message::text(said.to_string())).await;
                    return Next::Close(1008, kind);
                }
                _ => {
                    self.stalled = true;
                    return Next::Go;
                }
            }
        }
        if self.number == 1 && wordy && self.vendor.script.huge_after == Some(self.pieces) {
            let huge = "x".repeat(3 * 1024 * 1024);
            let _ = socket.send(Message::text(huge)).await;
        }
        if let Some((_, message)) = self.due.pop_front() {
            self.pieces += usize::from(wordy);
            if socket.send(Message::text(message.to_string())).await.is_err() {
                return Next::Break;
            }
        }
        Next::Go
    }
}

const _: () = assert!(EAGER_AFTER_MS.is_multiple_of(FRAME_MS), "it is met by a whole frame");
