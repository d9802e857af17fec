//! The messages of a Realtime transcription session, as far as they matter here.
//!
//! In their general shape (`session.update` with the type `transcription`), as in the vendor's
//! reference of client and server events and its guides to realtime transcription and to voice
//! activity detection. The shape of the beta is refused by now.

use serde::Deserialize;
use serde_json::{Value, json};

use super::{super::base_language, TurnDetection};
use crate::{Problem, SttOptions, http};

/// "What was appended since the last commit is one utterance."
pub(super) const COMMIT: &str = r#"{"type":"input_audio_buffer.commit"}"#;

/// Silence by which the vendor ends an utterance, where it goes by silence.
const SILENCE_MS: u32 = 300;

/// What the vendor keeps from before the place where it hears speech begin.
const PREFIX_MS: u32 = 300;

/// Hints beyond these do harm.
const KEYWORDS_LIMIT: usize = 50;

/// "This is more audio": base64 of mu-law.
pub(super) fn append(mulaw: &[u8]) -> String {
    // Written by hand: nothing in it needs escaping, and it is sent 25 times a second.
    let mut message = String::with_capacity(50 + mulaw.len().div_ceil(3) * 4);
    message.push_str(r#"{"type":"input_audio_buffer.append","audio":""#);
    base64_simd::STANDARD.encode_append(mulaw, &mut message);
    message.push_str(r#""}"#);
    message
}

/// "This is how the session is to be."
pub(super) fn session(model: &str, detection: TurnDetection, options: &SttOptions) -> String {
    let turn_detection = match detection {
        TurnDetection::Own => Value::Null,
        TurnDetection::Silence => json!({
            "type": "server_vad",
            "prefix_padding_ms": PREFIX_MS,
            "silence_duration_ms": SILENCE_MS,
        }),
        TurnDetection::Semantic => json!({"type": "semantic_vad", "eagerness": "auto"}),
    };
    let mut transcription = json!({"model": model});
    let language = base_language(&options.language);
    let words = options.keywords.iter().map(|word| word.trim()).filter(|word| !word.is_empty());
    let words: Vec<&str> = words.take(KEYWORDS_LIMIT).collect();
    if model.starts_with("gpt-live-transcribe") || model.starts_with("gpt-transcribe") {
        // The latest models take lists of hints, and refuse the older fields.
        if let Some(language) = language {
            transcription["languages"] = json!([language]);
        }
        if !words.is_empty() {
            transcription["keywords"] = json!(words);
        }
    } else {
        if let Some(language) = language {
            transcription["language"] = json!(language);
        }
        // This one takes no hints of words.
        if !words.is_empty() && !model.starts_with("gpt-realtime-whisper") {
            transcription["prompt"] = json!(words.join(", "));
        }
    }
    let input = json!({
        "format": {"type": "audio/pcmu"},
        "transcription": transcription,
        "turn_detection": turn_detection,
    });
    let session = json!({"type": "transcription", "audio": {"input": input}});
    json!({"type": "session.update", "session": session}).to_string()
}

/// Any message of the vendor.
#[derive(Debug, Deserialize)]
#[serde(tag = "type")]
pub(super) enum Incoming {
    #[serde(rename = "session.created")]
    Created { session: Session },
    /// The session is as it was asked to be: audio may come.
    #[serde(rename = "session.updated")]
    Updated,
    /// Ms count the audio appended on this connection.
    #[serde(rename = "input_audio_buffer.speech_started")]
    SpeechStarted { item_id: String, audio_start_ms: u64 },
    #[serde(rename = "input_audio_buffer.speech_stopped")]
    SpeechStopped { item_id: String, audio_end_ms: u64 },
    /// An utterance is complete; its words come later, perhaps after those of the next one.
    #[serde(rename = "input_audio_buffer.committed")]
    Committed { item_id: String },
    #[serde(rename = "conversation.item.input_audio_transcription.delta")]
    Delta {
        item_id: String,
        #[serde(default)]
        delta: String,
    },
    #[serde(rename = "conversation.item.input_audio_transcription.completed")]
    Completed { item_id: String, transcript: String },
    #[serde(rename = "conversation.item.input_audio_transcription.failed")]
    Failed {
        #[serde(default)]
        item_id: String,
        #[serde(default)]
        error: Complaint,
    },
    #[serde(rename = "error")]
    Error {
        #[serde(default)]
        error: Complaint,
    },
    /// There are many others.
    #[serde(other)]
    Other,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Session {
    pub(super) id: Option<String>,
}

/// What went wrong.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Complaint {
    #[serde(rename = "type")]
    kind: Option<String>,
    code: Option<String>,
    message: Option<String>,
}

impl Complaint {
    /// A commit found nothing to commit: no harm.
    pub(super) fn is_empty_commit(&self) -> bool {
        self.code.as_deref() == Some("input_audio_buffer_commit_empty")
    }

    /// What it means for the connection; `ready`: the session was accepted before.
    pub(super) fn problem(&self, ready: bool, key: &secrecy::SecretString) -> Problem {
        let code = self.code.as_deref().or(self.kind.as_deref()).unwrap_or_default();
        let said = self.message.as_deref().unwrap_or("no reason given");
        let said = http::scrub(&format!("{code}: {said}"), key);
        match code {
            "invalid_api_key" | "authentication_error" => Problem::Unauthorized { status: 401 },
            "rate_limit_exceeded" => Problem::RateLimited { retry_after: None },
            "insufficient_quota" => Problem::Engine(format!("refused ({said})")),
            "session_expired" | "server_error" => Problem::Cut(said),
            // Nothing that another try would mend.
            _ if !ready => Problem::Engine(format!("its session was refused ({said})")),
            _ => Problem::Cut(said),
        }
    }

    /// Does it end the connection? Most say only that one message was not understood.
    pub(super) fn is_fatal(&self, ready: bool) -> bool {
        let code = self.code.as_deref().unwrap_or_default();
        let fatal = ["invalid_api_key", "rate_limit_exceeded", "insufficient_quota"];
        let gone = code == "session_expired" || self.kind.as_deref() == Some("server_error");
        !ready || gone || fatal.contains(&code)
    }
}

#[cfg(test)]
mod tests {
    use secrecy::SecretString;

    use super::*;

    fn options() -> SttOptions {
        SttOptions { language: "en-US".into(), keywords: vec!["Ada Lovelace".into(), " ".into()] }
    }

    #[test]
    fn audio_is_wrapped_as_json() {
        let message: Value = serde_json::from_str(&append(&[0xFF, 0x00, 0x7F, 0x80])).unwrap();
        assert_eq!(message, json!({"type": "input_audio_buffer.append", "audio": "/wB/gA=="}));
    }

    #[test]
    fn each_model_is_told_what_it_understands() {
        let input = |model: &str, detection| {
            let message: Value =
                serde_json::from_str(&session(model, detection, &options())).unwrap();
            assert_eq!(message["session"]["type"], "transcription");
            message["session"]["audio"]["input"].clone()
        };
        assert_eq!(
            input("gpt-live-transcribe", TurnDetection::Own),
            json!({
                "format": {"type": "audio/pcmu"},
                "transcription": {
                    "model": "gpt-live-transcribe", "languages": ["en"],
                    "keywords": ["Ada Lovelace"],
                },
                "turn_detection": null,
            })
        );
        assert_eq!(
            input("gpt-realtime-whisper", TurnDetection::Own)["transcription"],
            json!({"model": "gpt-realtime-whisper", "language": "en"})
        );
        let semantic = input("gpt-4o-transcribe", TurnDetection::Semantic);
        assert_eq!(semantic["transcription"]["prompt"], "Ada Lovelace");
        assert_eq!(semantic["turn_detection"]["type"], "semantic_vad");
        let silence = input("gpt-4o-mini-transcribe", TurnDetection::Silence);
        assert_eq!(silence["turn_detection"]["silence_duration_ms"], 300);
    }

    #[test]
    fn complaints_are_told_apart() {
        let key = SecretString::from("sk-secret");
        let complaint = |json: &str| serde_json::from_str::<Complaint>(json).unwrap();
        let wrong_key = complaint(
            r#"{"type":"invalid_request_error","code":"invalid_api_key","message":"sk-secret"}"#,
        );
        assert!(wrong_key.is_fatal(true));
        assert!(matches!(wrong_key.problem(false, &key), Problem::Unauthorized { .. }));

        let refused =
            complaint(r#"{"type":"invalid_request_error","message":"no sk-secret","code":null}"#);
        assert!(refused.is_fatal(false) && !refused.is_fatal(true));
        let problem = refused.problem(false, &key).to_string();
        assert!(problem.contains("no [key]") && !problem.contains("sk-secret"), "{problem}");

        let expired = complaint(r#"{"code":"session_expired","message":"60 minutes"}"#);
        assert!(expired.is_fatal(true) && expired.problem(true, &key).is_transient());
        assert!(complaint(r#"{"code":"input_audio_buffer_commit_empty"}"#).is_empty_commit());
    }

    #[test]
    fn messages_of_every_kind_are_read() {
        let read = |json: &str| serde_json::from_str::<Incoming>(json);
        let started = r#"{"type":"input_audio_buffer.speech_started","event_id":"e",
            "audio_start_ms":1000,"item_id":"i"}"#;
        assert!(matches!(
            read(started).unwrap(),
            Incoming::SpeechStarted { audio_start_ms: 1_000, .. }
        ));
        let completed = r#"{"type":"conversation.item.input_audio_transcription.completed",
            "event_id":"e","item_id":"i","content_index":0,"transcript":"Hi.",
            "usage":{"type":"duration","seconds":1}}"#;
        assert!(matches!(read(completed).unwrap(), Incoming::Completed { .. }));
        assert!(matches!(read(r#"{"type":"rate_limits.updated"}"#).unwrap(), Incoming::Other));
        assert!(read(r#"{"event_id":"e"}"#).is_err());
    }
}
