//! OpenAI, and everything that speaks its protocol: chat, speech and transcription over HTTP, and
//! transcription over the Realtime API's WebSocket.
//!
//! The requests are written here by hand rather than through the `async-openai` crate: that drops
//! the answer's headers, so neither the request's identifier nor `Retry-After` would reach the
//! operator; it repeats refused requests by itself, asleep for as long as the vendor likes; and it
//! reports a stream that breaks off like one that ends.
//!
//! The Realtime API's conversations are not spoken here.

mod chunk;
mod history;
mod llm;
mod realtime;
mod reply;
mod segment;
mod sse;
mod stt;
mod tts;

use std::{sync::Arc, time::Duration};

use reqwest::{Client, RequestBuilder, header::AUTHORIZATION};
use secrecy::SecretString;
use serde_json::Value;

pub use self::{llm::Llm, realtime::TurnDetection, stt::Stt, tts::Tts};
use crate::{
    Problem, VendorError,
    address::Address,
    http::{self, Deadline, Failure},
    socket::Sockets,
};

/// The adapters' name.
const VENDOR: &str = "openai";

/// The vendor's own address.
pub const PUBLIC_URL: &str = "https://api.openai.com/v1";

/// The vendor's own host, where its newest rules hold; compatible servers keep the older ones.
const PUBLIC_HOST: &str = "api.openai.com";

/// The model that answers, unless set: quick, and able to call functions. Its predecessors
/// (`gpt-4o-mini`, `gpt-4.1-mini`) are withdrawn on 2027-01-14.
pub const CHAT_MODEL: &str = "gpt-6-luna";

/// The model that speaks, unless set. The vendor withdraws it on 2027-01-06 and names no other for
/// this endpoint; compatible servers have their own.
pub const SPEECH_MODEL: &str = "gpt-4o-mini-tts";

/// The model that transcribes, unless set.
pub const TRANSCRIPTION_MODEL: &str = "gpt-transcribe";

/// Time allowed for `check`.
const CHECK_WITHIN: Duration = Duration::from_secs(5);

/// How OpenAI, or a server like it, is reached and what is asked of it.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where: [`PUBLIC_URL`] unless set. Without a path, `/v1` is added.
    pub base_url: String,
    /// The key; may be empty for a server that wants none.
    pub api_key: SecretString,
    /// The model, of the kind that the adapter needs; each has its default in this module.
    pub model: String,
    /// [`Tts`]: the voice, `coral` unless set.
    pub voice: String,
    /// [`Tts`]: how to speak ("calm, friendly"); nothing is said of it unless set.
    pub speaking_style: Option<String>,
    /// [`Llm`]: how freely words are chosen, 0 to 2; the model's own default unless set. Models
    /// that reason refuse it.
    pub temperature: Option<f32>,
    /// [`Llm`]: how long the model may reason before it speaks, as the vendor spells it. Unless
    /// set, the vendor's newer models are told `none`: a caller would hear the silence, and
    /// function calls are refused otherwise.
    pub reasoning_effort: Option<String>,
    /// [`Stt`]: time allowed for one transcription, 6 s unless set.
    pub transcribe_within: Duration,
    /// [`Stt`]: how much more speech must have come for another guess at what is being said. Off
    /// unless set: each guess is paid for like an answer.
    pub interim_every: Option<Duration>,
    /// [`Stt`]: transcribe over the Realtime API, with the ends of utterances found so. Unless set,
    /// each utterance is one request, but for the models that only the Realtime API has.
    pub realtime: Option<TurnDetection>,
    /// [`Stt`] over the Realtime API: how long the vendor may look for the end of an utterance that
    /// the call's VAD heard end, 700 ms unless set; then its words are asked for. Longer leaves more
    /// to the vendor's judgement, and the caller waits.
    pub commit_within: Duration,
}

impl Settings {
    /// The defaults for [`Llm`], with this key.
    pub fn chat(api_key: SecretString) -> Self {
        Settings {
            base_url: PUBLIC_URL.into(),
            api_key,
            model: CHAT_MODEL.into(),
            voice: "coral".into(),
            speaking_style: None,
            temperature: None,
            reasoning_effort: None,
            transcribe_within: Duration::from_secs(6),
            interim_every: None,
            realtime: None,
            commit_within: Duration::from_millis(700),
        }
    }

    /// The defaults for [`Tts`], with this key.
    pub fn speech(api_key: SecretString) -> Self {
        Settings { model: SPEECH_MODEL.into(), ..Settings::chat(api_key) }
    }

    /// The defaults for [`Stt`], with this key.
    pub fn transcription(api_key: SecretString) -> Self {
        Settings { model: TRANSCRIPTION_MODEL.into(), ..Settings::chat(api_key) }
    }
}

/// What the three adapters have in common.
struct Core {
    settings: Settings,
    address: Address,
    authorization: Option<reqwest::header::HeaderValue>,
    client: Client,
    sockets: Sockets,
}

impl Core {
    fn new(settings: Settings) -> Result<Arc<Self>, VendorError> {
        let wrong = |said| Failure::from(Problem::Engine(said)).of(VENDOR, "start");
        let mut address = Address::parse(&settings.base_url).map_err(wrong)?;
        for endpoint in
            ["/chat/completions", "/audio/speech", "/audio/transcriptions", "/models", "/realtime"]
        {
            address = address.without_suffix(endpoint);
        }
        let address = address.or_path("/v1");
        let key = secrecy::ExposeSecret::expose_secret(&settings.api_key);
        let authorization = match key.trim().is_empty() {
            true => None,
            false => Some(http::secret_header("Bearer ", &settings.api_key).map_err(wrong)?),
        };
        let client = http::client(VENDOR)?;
        let sockets = Sockets::default();
        Ok(Arc::new(Core { settings, address, authorization, client, sockets }))
    }

    fn post(&self, path: &str) -> RequestBuilder {
        self.authorized(self.client.post(self.address.http(path)))
    }

    fn authorized(&self, request: RequestBuilder) -> RequestBuilder {
        match &self.authorization {
            Some(value) => request.header(AUTHORIZATION, value.clone()),
            None => request,
        }
    }

    /// Asks for the list of models: costs nothing, and shows whether the key is accepted and for
    /// how long the model will be there.
    async fn check(&self) -> Result<String, VendorError> {
        let failed = |failure: Failure| failure.of(VENDOR, "list its models");
        let deadline = Deadline::within(CHECK_WITHIN, "list of models");
        let request = self.authorized(self.client.get(self.address.http("/models")));
        let response =
            http::send(request, &deadline, &self.settings.api_key).await.map_err(failed)?;
        let request_id = http::request_id(response.headers());
        let body = deadline
            .bound(http::body_of(response, 4 * 1024 * 1024))
            .await
            .and_then(|body| body)
            .map_err(|problem| failed(Failure::from(problem).in_request(&request_id)))?;
        let list: Value = serde_json::from_slice(&body).map_err(|error| {
            let problem = Problem::Malformed(format!("the list of models: {error}"));
            failed(Failure::from(problem).in_request(&request_id))
        })?;
        Ok(describe(&list, &self.settings.model))
    }
}

/// What a list of models says about the one that is to be used.
fn describe(list: &Value, model: &str) -> String {
    let models = list.get("data").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let ours = models.iter().find(|entry| entry.get("id").and_then(Value::as_str) == Some(model));
    match ours {
        Some(entry) => match entry.get("shutdown_date").and_then(Value::as_str) {
            Some(date) => format!("the key is accepted; {model} is there until {date}"),
            None => format!("the key is accepted; {model} is there"),
        },
        None => format!("the key is accepted; {model} is not among its {} models", models.len()),
    }
}

/// The language without its region: `en` of `en-US`; nothing of an empty one.
fn base_language(tag: &str) -> Option<String> {
    let base = tag.split(['-', '_']).next()?.trim().to_ascii_lowercase();
    (!base.is_empty()).then_some(base)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_list_of_models_tells_of_an_end() {
        let list = json!({"data": [{"id": "a"}, {"id": "b", "shutdown_date": "2027-01-06"}]});
        assert_eq!(describe(&list, "a"), "the key is accepted; a is there");
        assert_eq!(describe(&list, "b"), "the key is accepted; b is there until 2027-01-06");
        assert_eq!(describe(&list, "c"), "the key is accepted; c is not among its 2 models");
        assert_eq!(describe(&json!([]), "c"), "the key is accepted; c is not among its 0 models");
    }

    #[test]
    fn settings_do_not_show_the_key() {
        let shown = format!("{:?}", Settings::chat(SecretString::from("sk-secret")));
        assert!(!shown.contains("sk-secret"), "{shown}");
    }

    #[test]
    fn a_broken_address_or_key_is_told_at_the_start() {
        let mut settings = Settings::chat(SecretString::from("k"));
        settings.base_url = "localhost".into();
        let error = Core::new(settings.clone()).err().unwrap().to_string();
        assert!(error.starts_with("openai could not start: its URL"), "{error}");

        settings.base_url = PUBLIC_URL.into();
        settings.api_key = SecretString::from("two\nlines");
        assert!(Core::new(settings).is_err());
    }
}
