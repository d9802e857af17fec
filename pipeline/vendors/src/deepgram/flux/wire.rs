//! The messages of `/v2/listen`, as far as they matter here, and the query that opens it.
//!
//! As in the vendor's reference "Turn-based Audio (Flux)" and its guides to the state machine, the
//! end-of-turn parameters and the connection.

use reqwest::Url;
use serde::Deserialize;

use crate::{SttOptions, deepgram::Settings};

/// "No more audio will come: say the rest and close."
pub(super) const CLOSE_STREAM: &str = r#"{"type":"CloseStream"}"#;

/// Hints beyond these do harm.
const KEYWORDS_LIMIT: usize = 50;

/// Any message of the vendor.
#[derive(Debug, Deserialize)]
#[serde(tag = "type")]
pub(super) enum Incoming {
    /// The first message: audio may come.
    Connected {
        #[serde(default)]
        request_id: Option<String>,
    },
    TurnInfo(TurnInfo),
    /// It is over.
    Error {
        #[serde(default)]
        code: String,
        #[serde(default)]
        description: String,
    },
    /// Others may come one day.
    #[serde(other)]
    Other,
}

/// The present turn. It is told anew about four times for each second of audio, in silence too.
#[derive(Debug, Deserialize)]
pub(super) struct TurnInfo {
    pub(super) event: TurnEvent,
    /// Grows after each end of a turn.
    #[serde(default)]
    pub(super) turn_index: u64,
    /// Seconds of the audio sent on this connection.
    #[serde(default)]
    pub(super) audio_window_start: f64,
    /// The audio has been understood up to here.
    pub(super) audio_window_end: f64,
    /// All words of the turn so far; they may still change.
    pub(super) transcript: String,
    #[serde(default)]
    pub(super) words: Vec<Word>,
    #[serde(default)]
    pub(super) end_of_turn_confidence: Option<f32>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub(super) enum TurnEvent {
    StartOfTurn,
    Update,
    EagerEndOfTurn,
    TurnResumed,
    EndOfTurn,
    #[serde(other)]
    Other,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Word {
    pub(super) confidence: Option<f32>,
    /// Seconds, in newer versions.
    pub(super) start: Option<f64>,
    pub(super) end: Option<f64>,
}

/// Completes the address of `/v2/listen`. The vendor refuses what it does not know.
pub(super) fn query(url: &mut Url, settings: &Settings, options: &SttOptions) {
    {
        let mut pairs = url.query_pairs_mut();
        pairs
            .append_pair("model", &settings.model)
            .append_pair("encoding", "mulaw")
            .append_pair("sample_rate", "8000")
            .append_pair("eot_threshold", &settings.end_of_turn.to_string())
            .append_pair("eot_timeout_ms", &settings.turn_timeout.as_millis().to_string());
        if let Some(eager) = settings.eager_end_of_turn {
            pairs.append_pair("eager_eot_threshold", &eager.to_string());
        }
        // Only the model of many languages can be told one; the English one refuses.
        let language = options.language.split(['-', '_']).next().unwrap_or_default();
        if settings.model.contains("multi") && !language.is_empty() {
            pairs.append_pair("language_hint", &language.to_ascii_lowercase());
        }
        let keywords = options.keywords.iter().map(|word| word.trim());
        for keyword in keywords.filter(|word| !word.is_empty()).take(KEYWORDS_LIMIT) {
            pairs.append_pair("keyterm", keyword);
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
        let options = |language: &str| SttOptions {
            language: language.into(),
            keywords: vec!["Ada Lovelace".into(), " ".into()],
        };
        let mut settings =
            Settings { model: "flux-general-en".into(), ..Settings::new(SecretString::from("k")) };
        let mut url = Url::parse("wss://h/v2/listen").unwrap();
        query(&mut url, &settings, &options("en-US"));
        assert_eq!(
            url.query().unwrap(),
            "model=flux-general-en&encoding=mulaw&sample_rate=8000&eot_threshold=0.7\
             &eot_timeout_ms=5000&eager_eot_threshold=0.5&keyterm=Ada%20Lovelace"
        );
        settings.model = "flux-general-multi".into();
        settings.eager_end_of_turn = None;
        let mut url = Url::parse("wss://h/v2/listen").unwrap();
        query(&mut url, &settings, &options("es-MX"));
        assert_eq!(
            url.query().unwrap(),
            "model=flux-general-multi&encoding=mulaw&sample_rate=8000&eot_threshold=0.7\
             &eot_timeout_ms=5000&language_hint=es&keyterm=Ada%20Lovelace"
        );
    }

    #[test]
    fn messages_of_every_kind_are_read() {
        let turn = r#"{"type":"TurnInfo","request_id":"r","sequence_id":11,"event":"EndOfTurn",
            "turn_index":0,"audio_window_start":0.0,"audio_window_end":1.5,"transcript":"Hi there",
            "words":[{"word":"Hi","confidence":0.9},
                {"word":"there","confidence":0.8,"start":0.5,"end":0.75}],
            "end_of_turn_confidence":0.83}"#;
        let Incoming::TurnInfo(turn) = serde_json::from_str(turn).unwrap() else { panic!() };
        assert_eq!(turn.event, TurnEvent::EndOfTurn);
        assert_eq!((turn.words[0].start, turn.words[1].end), (None, Some(0.75)));
        assert_eq!(turn.end_of_turn_confidence, Some(0.83));

        let read = |json: &str| serde_json::from_str::<Incoming>(json);
        let connected = r#"{"type":"Connected","request_id":"r","sequence_id":0}"#;
        assert!(matches!(read(connected).unwrap(), Incoming::Connected { request_id: Some(_) }));
        let error = r#"{"type":"Error","sequence_id":3,"code":"X","description":"bad"}"#;
        assert!(matches!(read(error).unwrap(), Incoming::Error { .. }));
        let new = r#"{"type":"ConfigureSuccess","thresholds":{}}"#;
        assert!(matches!(read(new).unwrap(), Incoming::Other));
        assert!(read(r#"{"request_id":"r"}"#).is_err());
        assert!(read(r#"{"type":"TurnInfo","event":"Update"}"#).is_err());
    }
}
