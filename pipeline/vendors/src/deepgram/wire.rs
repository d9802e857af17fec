//! The messages of `/v1/listen`, as far as they matter here, and the query that opens it.

use reqwest::Url;
use serde::Deserialize;

use super::Settings;
use crate::SttOptions;

/// "Settle on the words now."
pub(super) const FINALIZE: &str = r#"{"type":"Finalize"}"#;
/// "I am still here."
pub(super) const KEEP_ALIVE: &str = r#"{"type":"KeepAlive"}"#;
/// "No more audio will come: say the rest and close."
pub(super) const CLOSE_STREAM: &str = r#"{"type":"CloseStream"}"#;

/// Hints beyond these are refused or do harm.
const KEYWORDS_LIMIT: usize = 50;

/// Any message of the vendor: one flat shape, because it has more kinds than are used here.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Incoming {
    #[serde(rename = "type")]
    pub(super) kind: String,

    // Results
    pub(super) is_final: bool,
    pub(super) speech_final: bool,
    pub(super) from_finalize: bool,
    /// Seconds of the audio sent on this connection.
    pub(super) start: f64,
    pub(super) duration: f64,
    /// An object in `Results`; a list of numbers in other kinds.
    channel: Option<Channel>,

    // UtteranceEnd; negative where there was no word.
    pub(super) last_word_end: Option<f64>,

    // Metadata
    pub(super) request_id: Option<String>,

    // Error, in either of its spellings
    description: Option<String>,
    message: Option<String>,
    pub(super) err_msg: Option<String>,
    variant: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Channel {
    Heard { alternatives: Vec<Alternative> },
    Other(serde::de::IgnoredAny),
}

#[derive(Debug, Deserialize)]
pub(super) struct Alternative {
    #[serde(default)]
    pub(super) transcript: String,
    pub(super) confidence: Option<f32>,
}

impl Incoming {
    /// What was most likely said.
    pub(super) fn best(&self) -> Option<&Alternative> {
        match &self.channel {
            Some(Channel::Heard { alternatives }) => alternatives.first(),
            Some(Channel::Other(_)) | None => None,
        }
    }

    /// What went wrong, in a message that says so.
    pub(super) fn complaint(&self) -> String {
        let said = [&self.description, &self.message, &self.err_msg].into_iter().flatten().next();
        let said = said.map_or("no reason given", String::as_str);
        match &self.variant {
            Some(variant) => format!("{variant}: {said}"),
            None => said.to_owned(),
        }
    }
}

/// Completes the address of `/v1/listen`.
pub(super) fn query(url: &mut Url, settings: &Settings, options: &SttOptions) {
    {
        let mut pairs = url.query_pairs_mut();
        pairs
            .append_pair("encoding", "mulaw")
            .append_pair("sample_rate", "8000")
            .append_pair("channels", "1")
            .append_pair("model", &settings.model)
            .append_pair("interim_results", "true")
            .append_pair("punctuate", "true")
            .append_pair("smart_format", "true")
            .append_pair("endpointing", &settings.endpointing.as_millis().to_string())
            .append_pair("utterance_end_ms", &settings.utterance_end.as_millis().to_string())
            .append_pair("vad_events", "true");
        if !options.language.is_empty() {
            pairs.append_pair("language", &options.language);
        }
        // The older models know hints by another name.
        let hint = if settings.model.starts_with("nova-3") { "keyterm" } else { "keywords" };
        let keywords = options.keywords.iter().map(|word| word.trim());
        for keyword in keywords.filter(|word| !word.is_empty()).take(KEYWORDS_LIMIT) {
            pairs.append_pair(hint, keyword);
        }
    }
    // Forms write a space as a plus; here only %20 is surely understood.
    let spaced = url.query().map(|query| query.replace('+', "%20"));
    url.set_query(spaced.as_deref());
}

#[cfg(test)]
mod tests {
    use secrecy::SecretString;

    use super::*;

    #[test]
    fn the_query_asks_for_everything_by_name() {
        let mut url = Url::parse("wss://h/v1/listen").unwrap();
        let keywords = vec!["Ada Lovelace".into(), " ".into(), "C++".into()];
        let options = SttOptions { language: "en-US".into(), keywords };
        query(&mut url, &Settings::new(SecretString::from("k")), &options);
        assert_eq!(
            url.query().unwrap(),
            "encoding=mulaw&sample_rate=8000&channels=1&model=nova-3&interim_results=true\
             &punctuate=true&smart_format=true&endpointing=300&utterance_end_ms=1000\
             &vad_events=true&language=en-US&keyterm=Ada%20Lovelace&keyterm=C%2B%2B"
        );
    }

    #[test]
    fn messages_of_every_kind_are_read() {
        let results = r#"{"type":"Results","channel_index":[0,1],"duration":1.5,"start":2.0,
            "is_final":true,"speech_final":false,"from_finalize":true,
            "channel":{"alternatives":[{"transcript":"hi","confidence":0.9,"words":[]}]},
            "metadata":{"request_id":"r"}}"#;
        let results: Incoming = serde_json::from_str(results).unwrap();
        let best = results.best().unwrap();
        assert_eq!((best.transcript.as_str(), best.confidence), ("hi", Some(0.9)));
        assert!(results.is_final && results.from_finalize && !results.speech_final);

        let started = r#"{"type":"SpeechStarted","channel":[0],"timestamp":9.5}"#;
        assert!(serde_json::from_str::<Incoming>(started).unwrap().best().is_none());

        let end = r#"{"type":"UtteranceEnd","channel":[0,1],"last_word_end":-1}"#;
        let end: Incoming = serde_json::from_str(end).unwrap();
        assert_eq!(end.last_word_end, Some(-1.0));

        let error = r#"{"type":"Error","variant":"DATA","description":"bad","message":"m"}"#;
        let error: Incoming = serde_json::from_str(error).unwrap();
        assert_eq!(error.complaint(), "DATA: bad");
    }
}
