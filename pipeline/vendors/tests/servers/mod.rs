//! What the tests of remote adapters share: requests with short deadlines, and all that came.

#![allow(dead_code, reason = "each test binary uses its part")]

use std::time::Duration;

use bytes::Bytes;
use secrecy::SecretString;
use tokio::time::timeout;
use vendors::{
    LlmEvent, LlmRequest, LlmStream, Message, SttEvent, SttInput, SttStream, TtsEvent, TtsRequest,
    TtsStream, VendorError, WordTime, played::Failure,
};

/// What no test should need; reached, it fails.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// A deadline that a stalled server runs into.
pub const SOON: Duration = Duration::from_millis(80);

/// The same where a healthy server has to keep it as well, on a busy machine too. Below the adapters' own
/// deadlines of 1.5 s: none of those is to come first.
pub const LATE: Duration = Duration::from_millis(1_000);

/// The key of every test: it must never come out again.
pub const KEY: &str = "sk-test-0123456789";

pub fn key() -> SecretString {
    SecretString::from(KEY)
}

/// A question with deadlines that a healthy server keeps.
pub fn question(text: &str) -> LlmRequest {
    LlmRequest {
        instructions: "Be brief.".into(),
        history: vec![Message::Caller { text: text.into() }],
        tools: Vec::new(),
        max_tokens: None,
        model: None,
        temperature: None,
        stand_in: None,
        first_token_within: PATIENCE,
        next_token_within: PATIENCE,
    }
}

/// A sentence with deadlines that a healthy server keeps.
pub fn sentence(text: &str) -> TtsRequest {
    TtsRequest {
        text: text.into(),
        voice: None,
        language: "en-US".into(),
        first_audio_within: PATIENCE,
        next_audio_within: PATIENCE,
    }
}

/// Deadlines for the first piece and for the next: short where this failure has to run into them,
/// and elsewhere none that a busy machine could miss.
pub fn deadlines(failure: &Failure) -> (Duration, Duration) {
    match failure {
        Failure::SlowFirstByte(_) | Failure::StallAfter(0) => (SOON, PATIENCE),
        Failure::StallAfter(_) => (PATIENCE, SOON),
        _ => (PATIENCE, PATIENCE),
    }
}

/// All of a reply: its words, the other events, how it failed if it did.
pub struct Answered {
    pub text: String,
    pub rest: Vec<LlmEvent>,
    pub error: Option<VendorError>,
}

pub async fn answered(mut stream: LlmStream) -> Answered {
    let mut answered = Answered { text: String::new(), rest: Vec::new(), error: None };
    while let Some(event) = timeout(PATIENCE, stream.events.recv()).await.expect("a stream ends") {
        assert!(answered.error.is_none(), "something came after the failure");
        match event {
            LlmEvent::Text(text) => answered.text.push_str(&text),
            LlmEvent::Failed(error) => answered.error = Some(without_key(error)),
            other => answered.rest.push(other),
        }
    }
    answered
}

/// All of a sentence.
#[derive(Debug)]
pub struct Spoken {
    pub audio: Vec<u8>,
    pub words: Vec<WordTime>,
    pub done: bool,
    pub error: Option<VendorError>,
}

pub async fn spoken(mut stream: TtsStream) -> Spoken {
    let mut spoken = Spoken { audio: Vec::new(), words: Vec::new(), done: false, error: None };
    while let Some(event) = timeout(PATIENCE, stream.events.recv()).await.expect("a stream ends") {
        assert!(spoken.error.is_none() && !spoken.done, "something came after the end");
        match event {
            TtsEvent::Audio(audio) => spoken.audio.extend_from_slice(&audio),
            TtsEvent::Words(words) => spoken.words.extend(words),
            TtsEvent::Done => spoken.done = true,
            TtsEvent::Failed(error) => spoken.error = Some(without_key(error)),
        }
    }
    spoken
}

/// The next event of a recognition.
pub async fn next(stream: &mut SttStream) -> Option<SttEvent> {
    timeout(PATIENCE, stream.events.recv()).await.expect("an event or the end comes")
}

/// The next event that is not a guess.
pub async fn next_settled(stream: &mut SttStream) -> Option<SttEvent> {
    loop {
        match next(stream).await {
            Some(SttEvent::Interim { .. }) => {}
            other => return other,
        }
    }
}

/// Sends a second of audio, loud or quiet, as frames.
pub async fn send_audio(stream: &SttStream, from_ms: u64, to_ms: u64, loud: bool) {
    let byte = if loud { media::g711::encode(6_000) } else { media::g711::SILENCE };
    for at_ms in (from_ms..to_ms).step_by(20) {
        let mulaw = Bytes::from(vec![byte; 160]);
        let sent = stream.input.send(SttInput::Audio { at_ms, mulaw });
        timeout(PATIENCE, sent).await.expect("audio is taken").expect("the stream runs");
    }
}

pub async fn send(stream: &SttStream, input: SttInput) {
    timeout(PATIENCE, stream.input.send(input)).await.expect("taken").expect("the stream runs");
}

/// The error, after a look that it gives no key away.
pub fn without_key(error: VendorError) -> VendorError {
    let shown = format!("{error} {error:?}");
    assert!(!shown.contains(KEY), "{shown}");
    error
}
