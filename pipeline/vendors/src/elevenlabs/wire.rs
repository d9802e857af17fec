//! The messages of `multi-stream-input`, in the spellings that the vendor has used for them.

use std::collections::BTreeMap;

use reqwest::Url;
use serde::Deserialize;
use serde_json::{Value, json};

use super::Settings;
use crate::{Problem, http};

/// Seconds without input after which the vendor gives up a connection: the most that it allows.
const INACTIVITY_S: &str = "180";

/// Completes the address of `multi-stream-input`.
pub(super) fn query(url: &mut Url, settings: &Settings, language: Option<&str>) {
    let mut pairs = url.query_pairs_mut();
    pairs
        .append_pair("model_id", &settings.model)
        .append_pair("output_format", "ulaw_8000")
        .append_pair("auto_mode", "true")
        .append_pair("inactivity_timeout", INACTIVITY_S);
    // Only these models can be told the language; the others refuse.
    let told = ["eleven_flash_v2_5", "eleven_turbo_v2_5"].contains(&settings.model.as_str());
    if let Some(language) = language.filter(|_| told) {
        pairs.append_pair("language_code", language);
    }
}

/// The messages that say one sentence, in a context of its own: opening, text.
pub(super) fn sentence(
    context: &str,
    text: &str,
    voice_settings: &BTreeMap<String, f32>,
) -> [String; 2] {
    let mut opening = json!({"text": " ", "context_id": context});
    if !voice_settings.is_empty() {
        opening["voice_settings"] = json!(voice_settings);
    }
    // The space at its end tells the vendor that the last word is whole.
    let said = json!({"text": format!("{text} "), "context_id": context, "flush": true});
    [opening.to_string(), said.to_string()]
}

/// "No more text will come here": what was flushed is said to its end, or cut off where it was not.
pub(super) fn close_context(context: &str) -> String {
    json!({"context_id": context, "close_context": true}).to_string()
}

/// Any message of the vendor.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Incoming {
    /// base64.
    pub(super) audio: Option<String>,
    #[serde(rename = "isFinal", alias = "is_final")]
    pub(super) is_final: Option<bool>,
    #[serde(rename = "contextId", alias = "context_id")]
    pub(super) context: Option<String>,
    /// Of the text as it was sent. `normalizedAlignment` is of the text as it is read out, with
    /// numbers as words and foreign letters transcribed: it does not fit what was sent.
    pub(super) alignment: Option<Alignment>,
    pub(super) error: Option<Value>,
    pub(super) message: Option<String>,
    pub(super) code: Option<i64>,
}

/// When each character sounds, in ms of the audio in the same message.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Alignment {
    #[serde(alias = "characters")]
    chars: Vec<String>,
    #[serde(rename = "charStartTimesMs", alias = "char_start_times_ms")]
    starts_ms: Vec<f64>,
    #[serde(rename = "charDurationsMs", alias = "charsDurationsMs", alias = "char_durations_ms")]
    durations_ms: Vec<f64>,
    character_start_times_seconds: Vec<f64>,
    character_end_times_seconds: Vec<f64>,
}

/// One character (now and then several, as "...") and when it sounds.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Timed {
    pub(super) text: String,
    pub(super) from_ms: f64,
    pub(super) to_ms: f64,
}

impl Alignment {
    /// The characters with their times; nothing where the lists do not belong together.
    pub(super) fn timed(self) -> Vec<Timed> {
        let starts = match self.starts_ms.is_empty() {
            false => self.starts_ms,
            true => self.character_start_times_seconds.iter().map(|s| s * 1_000.0).collect(),
        };
        let ends: Vec<f64> = match self.durations_ms.is_empty() {
            false => starts.iter().zip(&self.durations_ms).map(|(from, ms)| from + ms).collect(),
            true => self.character_end_times_seconds.iter().map(|s| s * 1_000.0).collect(),
        };
        if starts.len() != self.chars.len() || ends.len() != self.chars.len() {
            return Vec::new();
        }
        let times = starts.into_iter().zip(ends);
        let timed = self.chars.into_iter().zip(times);
        timed.map(|(text, (from_ms, to_ms))| Timed { text, from_ms, to_ms }).collect()
    }
}

impl Incoming {
    /// The failure that this message tells of, if it does.
    pub(super) fn problem(&self, key: &secrecy::SecretString) -> Option<Problem> {
        let error = self.error.as_ref().filter(|error| !error.is_null());
        let failed = error.is_some() || (self.message.is_some() && self.code.is_some());
        if !failed {
            return None;
        }
        let kind = match error {
            Some(Value::String(kind)) => kind.clone(),
            Some(other) => http::message_in(other).unwrap_or_default(),
            None => String::new(),
        };
        let said = match &self.message {
            Some(message) if kind.is_empty() => message.clone(),
            Some(message) => format!("{kind}: {message}"),
            None => kind,
        };
        Some(problem_said(&http::scrub(&said, key)))
    }
}

/// The kind of failure that the vendor's words tell: in messages and closing reasons it gives
/// nothing else.
pub(super) fn problem_said(said: &str) -> Problem {
    let lower = said.to_ascii_lowercase();
    let tells = |words: &[&str]| words.iter().any(|word| lower.contains(word));
    if tells(&["api_key", "api key", "needs_authorization", "unauthorized", "not authenticated"]) {
        Problem::Unauthorized { status: 401 }
    } else if tells(&["quota", "payment", "free tier", "unusual_activity", "voice_id", "voice id"])
        || tells(&["invalid_input", "model_not_found", "unsupported"])
    {
        // Nothing that another try would mend.
        Problem::Engine(format!("refused ({said})"))
    } else if tells(&["rate_limit", "too_many", "too many", "concurrent", "system_busy", "busy"]) {
        Problem::RateLimited { retry_after: None }
    } else {
        Problem::Cut(said.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use secrecy::SecretString;

    use super::*;

    fn timed(json: &str) -> Vec<Timed> {
        serde_json::from_str::<Alignment>(json).unwrap().timed()
    }

    #[test]
    fn every_spelling_of_an_alignment_says_the_same() {
        let expected = [
            Timed { text: "a".into(), from_ms: 0.0, to_ms: 40.0 },
            Timed { text: "b".into(), from_ms: 40.0, to_ms: 100.0 },
        ];
        for spelling in [
            r#"{"chars":["a","b"],"charStartTimesMs":[0,40],"charDurationsMs":[40,60]}"#,
            r#"{"chars":["a","b"],"charStartTimesMs":[0,40],"charsDurationsMs":[40,60]}"#,
            r#"{"chars":["a","b"],"char_start_times_ms":[0,40],"char_durations_ms":[40,60]}"#,
            r#"{"characters":["a","b"],"character_start_times_seconds":[0,0.04],
                "character_end_times_seconds":[0.04,0.1]}"#,
        ] {
            assert_eq!(timed(spelling), expected, "{spelling}");
        }
        assert!(timed(r#"{"chars":["a"],"charStartTimesMs":[],"charDurationsMs":[]}"#).is_empty());
    }

    #[test]
    fn failures_are_told_apart_by_their_words() {
        let key = SecretString::from("secret-key");
        let problem = |json: &str| serde_json::from_str::<Incoming>(json).unwrap().problem(&key);
        assert!(matches!(
            problem(r#"{"message":"Invalid API key","error":"invalid_api_key","code":1008}"#),
            Some(Problem::Unauthorized { .. })
        ));
        assert!(matches!(
            problem(r#"{"message":"no credits","error":"quota_exceeded","code":1008}"#),
            Some(Problem::Engine(said)) if said.contains("no credits")
        ));
        assert!(matches!(
            problem(r#"{"error":"system_busy","message":"later"}"#),
            Some(Problem::RateLimited { .. })
        ));
        assert!(matches!(
            problem(r#"{"error":{"message":"odd secret-key"}}"#),
            Some(Problem::Cut(said)) if said == "odd [key]"
        ));
        assert!(problem(r#"{"audio":"","isFinal":null,"alignment":null}"#).is_none());
    }

    #[test]
    fn a_sentence_has_a_context_of_its_own() {
        let [opening, said] = sentence("s7", "Hello.", &BTreeMap::from([("speed".into(), 1.0)]));
        let read = |json: &str| serde_json::from_str::<Value>(json).unwrap();
        assert_eq!(
            read(&opening),
            json!({"text": " ", "context_id": "s7", "voice_settings": {"speed": 1.0}})
        );
        assert_eq!(read(&said), json!({"text": "Hello. ", "context_id": "s7", "flush": true}));
        assert_eq!(read(&close_context("s7")), json!({"context_id": "s7", "close_context": true}));
    }
}
