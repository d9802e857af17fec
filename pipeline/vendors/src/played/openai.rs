//! A server that speaks OpenAI's protocol: chat, speech, transcription, the list of models.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
};

use axum::{
    Json, Router,
    body::Bytes,
    extract::{ConnectInfo, DefaultBodyLimit, Multipart, State},
    http::{HeaderMap, header},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use serde_json::{Value, json};

use super::{
    Failure, Failures, Pace, Voice,
    host::{self, Host, Request, Shared, Wire},
};

/// What the model says to one request.
#[derive(Clone, Debug, Default)]
pub struct Reply {
    /// Said piece by piece, a word each.
    pub text: String,
    /// Called after that: identifier, name, arguments.
    pub calls: Vec<(String, String, Value)>,
    /// Ended by the token limit.
    pub truncated: bool,
}

impl Reply {
    /// Only words.
    pub fn text(text: &str) -> Self {
        Reply { text: text.into(), ..Reply::default() }
    }

    /// Adds a call to a function.
    pub fn call(mut self, id: &str, name: &str, arguments: Value) -> Self {
        self.calls.push((id.into(), name.into(), arguments));
        self
    }
}

impl From<&str> for Reply {
    fn from(text: &str) -> Self {
        Reply::text(text)
    }
}

type Answer = Arc<dyn Fn(&Value) -> Reply + Send + Sync>;

/// How the server behaves. Replies and transcripts are used up in order; when they are, the last
/// one is repeated.
#[derive(Clone, Default)]
pub struct Script {
    replies: VecDeque<Reply>,
    answer: Option<Answer>,
    transcripts: VecDeque<String>,
    chat: Failures,
    speech: Failures,
    transcription: Failures,
    chat_pace: Pace,
    speech_pace: Pace,
    voice: Voice,
}

impl Script {
    /// Answers all with "Yes." and hears nothing.
    pub fn new() -> Self {
        Script::default()
    }

    /// Adds what the model says to the next chat request.
    pub fn reply(mut self, reply: impl Into<Reply>) -> Self {
        self.replies.push_back(reply.into());
        self
    }

    /// Lets `answer` decide on each reply, from the request's body, instead of a list.
    pub fn answering(mut self, answer: impl Fn(&Value) -> Reply + Send + Sync + 'static) -> Self {
        self.answer = Some(Arc::new(answer));
        self
    }

    /// Adds what the next transcription hears.
    pub fn transcript(mut self, text: &str) -> Self {
        self.transcripts.push_back(text.into());
        self
    }

    /// Lets chat request `number` (from 1) fail.
    pub fn chat_fails(mut self, number: usize, failure: Failure) -> Self {
        self.chat.at(number, failure);
        self
    }

    /// Lets every chat request fail that has no failure of its own.
    pub fn chat_always_fails(mut self, failure: Failure) -> Self {
        self.chat.always(failure);
        self
    }

    /// Lets speech request `number` (from 1) fail. A piece is 100 ms of audio.
    pub fn speech_fails(mut self, number: usize, failure: Failure) -> Self {
        self.speech.at(number, failure);
        self
    }

    /// Lets every speech request fail that has no failure of its own.
    pub fn speech_always_fails(mut self, failure: Failure) -> Self {
        self.speech.always(failure);
        self
    }

    /// Lets transcription request `number` (from 1) fail.
    pub fn transcription_fails(mut self, number: usize, failure: Failure) -> Self {
        self.transcription.at(number, failure);
        self
    }

    /// Lets every transcription request fail that has no failure of its own.
    pub fn transcription_always_fails(mut self, failure: Failure) -> Self {
        self.transcription.always(failure);
        self
    }

    /// How fast tokens come.
    pub fn chat_pace(mut self, pace: Pace) -> Self {
        self.chat_pace = pace;
        self
    }

    /// How fast slices of 100 ms of speech come; transcripts take its `first`.
    pub fn speech_pace(mut self, pace: Pace) -> Self {
        self.speech_pace = pace;
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
    /// For `OPENAI_BASE_URL`, such as `http://127.0.0.1:40123/v1`.
    pub base_url: String,
    /// Counts and requests.
    pub host: Host,
}

impl Server {
    /// Starts on a free port of loopback.
    pub async fn start(script: Script) -> Server {
        let shared = Shared::new();
        let vendor = Arc::new(Vendor {
            replies: Mutex::new(script.replies.clone()),
            transcripts: Mutex::new(script.transcripts.clone()),
            shared: Arc::clone(&shared),
            script,
        });
        let router = Router::new()
            .route("/v1/models", get(models))
            .route("/v1/chat/completions", post(chat))
            .route("/v1/audio/speech", post(speech))
            .route("/v1/audio/transcriptions", post(transcriptions))
            .layer(DefaultBodyLimit::max(32 * 1024 * 1024))
            .with_state(vendor);
        let host = Host::start(router, shared).await;
        Server { base_url: format!("{}/v1", host.url()), host }
    }

    /// The bodies of all chat requests so far.
    pub fn chats(&self) -> Vec<Value> {
        self.bodies("/v1/chat/completions")
    }

    /// The bodies of all speech requests so far.
    pub fn speeches(&self) -> Vec<Value> {
        self.bodies("/v1/audio/speech")
    }

    fn bodies(&self, path: &str) -> Vec<Value> {
        let requests = self.host.requests().into_iter();
        requests.filter(|request| request.path == path).map(|request| request.body).collect()
    }
}

struct Vendor {
    script: Script,
    replies: Mutex<VecDeque<Reply>>,
    transcripts: Mutex<VecDeque<String>>,
    shared: Arc<Shared>,
}

/// The next of a list, whose last is never used up.
fn next<T: Clone>(list: &Mutex<VecDeque<T>>) -> Option<T> {
    let mut list = list.lock().unwrap_or_else(PoisonError::into_inner);
    if list.len() > 1 { list.pop_front() } else { list.front().cloned() }
}

fn error(status: u16) -> Value {
    let kind = if status == 401 { "invalid_request_error" } else { "server_error" };
    json!({"error": {"message": format!("played status {status}"), "type": kind, "code": null}})
}

impl Vendor {
    fn note(&self, path: &'static str, headers: &HeaderMap, body: Value) -> usize {
        let query = String::new();
        let request = Request { path: path.into(), query, headers: host::headers(headers), body };
        self.shared.note(path, request)
    }
}

async fn models(State(vendor): State<Arc<Vendor>>, headers: HeaderMap) -> Response {
    vendor.note("/v1/models", &headers, Value::Null);
    let models = json!({"object": "list", "data": [{"id": "played", "object": "model"}]});
    with_id(1, Json(models).into_response())
}

fn with_id(number: usize, mut answer: Response) -> Response {
    if let Ok(id) = format!("req_{number}").parse() {
        answer.headers_mut().insert("x-request-id", id);
    }
    answer
}

async fn chat(
    State(vendor): State<Arc<Vendor>>,
    ConnectInfo(wire): ConnectInfo<Wire>,
    headers: HeaderMap,
    Json(body): Json<Value>,
) -> Response {
    let number = vendor.note("/v1/chat/completions", &headers, body.clone());
    let under_way = vendor.shared.under_way();
    let failure = vendor.script.chat.of(number);
    if let Some(refused) = host::refused(failure.as_ref(), &wire, error).await {
        return with_id(number, refused);
    }
    let reply = match &vendor.script.answer {
        Some(answer) => answer(&body),
        None => next(&vendor.replies).unwrap_or_else(|| Reply::text("Yes.")),
    };
    let mut pieces: Vec<Bytes> = tokens(&reply).into_iter().map(|chunk| event(&chunk)).collect();
    if let Some(Failure::MalformedAfter(n)) = &failure {
        pieces.insert((*n).min(pieces.len()), "data: {\"choices\": [{\"delta\": \n\n".into());
    }
    if let Some(Failure::ErrorAfter(n, kind)) = &failure {
        let said = json!({"error": {"message": "played error", "type": kind, "code": kind}});
        pieces.insert((*n).min(pieces.len()), event(&said));
    }
    if !matches!(failure, Some(Failure::EndAfter(_))) {
        pieces.push("data: [DONE]\n\n".into());
    }
    let body = host::paced(pieces, vendor.script.chat_pace, failure, wire, under_way);
    let answer = ([(header::CONTENT_TYPE, "text/event-stream; charset=utf-8")], body);
    with_id(number, answer.into_response())
}

/// The reply as the vendor cuts it: words with the space before them, then the calls with their
/// arguments in two halves, interleaved, then the reason why it ended.
fn tokens(reply: &Reply) -> Vec<Value> {
    let chunk = |delta: Value, reason: Value| {
        json!({
            "id": "chatcmpl-played", "object": "chat.completion.chunk", "created": 1,
            "model": "played", "choices": [{"index": 0, "delta": delta, "finish_reason": reason}],
        })
    };
    let mut chunks = vec![chunk(json!({"role": "assistant", "content": ""}), Value::Null)];
    let words = reply.text.split_inclusive(' ');
    chunks.extend(words.map(|word| chunk(json!({"content": word}), Value::Null)));
    let arguments: Vec<String> =
        reply.calls.iter().map(|(_, _, arguments)| arguments.to_string()).collect();
    // JSON text is cut at a character's border.
    let half = |text: &str| (text.len() / 2..=text.len()).find(|&at| text.is_char_boundary(at));
    for (index, (id, name, _)) in reply.calls.iter().enumerate() {
        let begun = &arguments[index][..half(&arguments[index]).unwrap_or_default()];
        let function = json!({"name": name, "arguments": begun});
        let call = json!({"index": index, "id": id, "type": "function", "function": function});
        chunks.push(chunk(json!({"tool_calls": [call]}), Value::Null));
    }
    for (index, arguments) in arguments.iter().enumerate() {
        let rest = &arguments[half(arguments).unwrap_or_default()..];
        let call = json!({"index": index, "function": {"arguments": rest}});
        chunks.push(chunk(json!({"tool_calls": [call]}), Value::Null));
    }
    let reason = match (reply.truncated, reply.calls.is_empty()) {
        (true, _) => "length",
        (false, true) => "stop",
        (false, false) => "tool_calls",
    };
    chunks.push(chunk(json!({}), json!(reason)));
    chunks
}

fn event(data: &Value) -> Bytes {
    format!("data: {data}\n\n").into()
}

async fn speech(
    State(vendor): State<Arc<Vendor>>,
    ConnectInfo(wire): ConnectInfo<Wire>,
    headers: HeaderMap,
    Json(body): Json<Value>,
) -> Response {
    let number = vendor.note("/v1/audio/speech", &headers, body.clone());
    let under_way = vendor.shared.under_way();
    let failure = vendor.script.speech.of(number);
    if let Some(refused) = host::refused(failure.as_ref(), &wire, error).await {
        return with_id(number, refused);
    }
    let text = body.get("input").and_then(Value::as_str).unwrap_or_default();
    let samples = vendor.script.voice.samples(text);
    let bytes: Vec<u8> = samples.into_iter().flat_map(i16::to_le_bytes).collect();
    // 100 ms less one byte: samples are cut in two, as a network does.
    let pieces = bytes.chunks(4_799).map(Bytes::copy_from_slice).collect();
    let body = host::paced(pieces, vendor.script.speech_pace, failure, wire, under_way);
    with_id(number, ([(header::CONTENT_TYPE, "audio/pcm")], body).into_response())
}

async fn transcriptions(
    State(vendor): State<Arc<Vendor>>,
    ConnectInfo(wire): ConnectInfo<Wire>,
    headers: HeaderMap,
    mut form: Multipart,
) -> Response {
    let under_way = vendor.shared.under_way();
    let mut fields = serde_json::Map::new();
    while let Ok(Some(field)) = form.next_field().await {
        let name = field.name().unwrap_or_default().to_owned();
        let file = field.file_name().is_some();
        let Ok(bytes) = field.bytes().await else { break };
        let value = match file {
            true => json!(bytes.len()),
            false => json!(String::from_utf8_lossy(&bytes)),
        };
        match (fields.get_mut(&name), name.ends_with("[]")) {
            (Some(Value::Array(list)), _) => list.push(value),
            (_, true) => drop(fields.insert(name, json!([value]))),
            (_, false) => drop(fields.insert(name, value)),
        }
    }
    let number = vendor.note("/v1/audio/transcriptions", &headers, Value::Object(fields));
    let failure = vendor.script.transcription.of(number);
    if let Some(refused) = host::refused(failure.as_ref(), &wire, error).await {
        return with_id(number, refused);
    }
    let text = next(&vendor.transcripts).unwrap_or_default();
    let mut pieces = vec![Bytes::from(json!({"text": text}).to_string())];
    if matches!(failure, Some(Failure::MalformedAfter(_) | Failure::ErrorAfter(..))) {
        pieces = vec!["{\"text\": ".into()];
    }
    let body = host::paced(pieces, vendor.script.speech_pace, failure, wire, under_way);
    with_id(number, ([(header::CONTENT_TYPE, "application/json")], body).into_response())
}
