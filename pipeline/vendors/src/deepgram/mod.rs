//! Deepgram: streaming recognition over a WebSocket, and the Aura voices over HTTP.
//!
//! Both speak the carrier's mu-law, so audio passes through untouched. Recognition has two protocols:
//! that of the Nova models, and that of Flux, which finds the ends of turns itself; the model's name
//! decides.

mod flux;
mod stt;
mod tts;
mod wire;

use std::{sync::Arc, time::Duration};

use reqwest::{
    Client, RequestBuilder,
    header::{AUTHORIZATION, HeaderValue},
};
use secrecy::SecretString;
use serde_json::Value;

pub use self::{stt::Stt, tts::Tts};
use crate::{
    Problem, VendorError,
    address::Address,
    http::{self, Deadline, Failure},
    socket::Sockets,
};

/// The adapters' name.
const VENDOR: &str = "deepgram";

/// The vendor's own address.
pub const PUBLIC_URL: &str = "https://api.deepgram.com";

/// Time allowed for `check`.
const CHECK_WITHIN: Duration = Duration::from_secs(5);

/// How Deepgram, or a server like it, is reached and what is asked of it.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where: scheme `https`, `http`, `wss` or `ws`; from `/v1` or `/v2` on the path is ignored.
    pub base_url: String,
    pub api_key: SecretString,
    /// [`Stt`]: the model, `nova-3` unless set. `flux-general-en` and `flux-general-multi` judge the
    /// end of the caller's turn themselves.
    pub model: String,
    /// [`Stt`] with Flux: how sure it must be that the turn is over, 0.5 to 1, 0.7 unless set. Less is
    /// quicker, and cuts in.
    pub end_of_turn: f32,
    /// [`Stt`] with Flux: how sure it must be to say that the turn is likely over, 0.3 to 0.9 and not
    /// above `end_of_turn`, 0.5 unless set; none: it never says so. Less prepares more replies that
    /// are thrown away.
    pub eager_end_of_turn: Option<f32>,
    /// [`Stt`] with Flux: silence that ends the turn however unsure it is, 500 ms to 60 s, 5 s unless
    /// set.
    pub turn_timeout: Duration,
    /// [`Stt`]: silence after which the vendor believes that the caller has finished, 300 ms unless
    /// set. Shorter is quicker, and cuts sentences in two.
    pub endpointing: Duration,
    /// [`Stt`]: a gap between words after which it believes so even in noise, 1 s unless set. The
    /// vendor takes no less.
    pub utterance_end: Duration,
    /// [`Stt`]: time allowed to connect, 3 s unless set.
    pub connect_within: Duration,
    /// [`Stt`]: how long the vendor may say nothing to audio before the connection counts as dead,
    /// 10 s unless set. It usually says something every second, even of silence.
    pub answer_within: Duration,
    /// [`Stt`]: how long it may take to settle on the words after the VAD heard the caller stop,
    /// 1.5 s unless set. Then an utterance without any word is told as such.
    pub settle_within: Duration,
    /// [`Stt`]: how often the connection is kept alive while no audio comes, 5 s unless set. The
    /// vendor closes after 10 s.
    pub keep_alive_every: Duration,
    /// [`Tts`]: the voice, which is a model here; `aura-2-thalia-en` unless set.
    pub voice: String,
}

impl Settings {
    /// The defaults, with this key.
    pub fn new(api_key: SecretString) -> Self {
        Settings {
            base_url: PUBLIC_URL.into(),
            api_key,
            model: "nova-3".into(),
            end_of_turn: 0.7,
            eager_end_of_turn: Some(0.5),
            turn_timeout: Duration::from_secs(5),
            endpointing: Duration::from_millis(300),
            utterance_end: Duration::from_secs(1),
            connect_within: Duration::from_secs(3),
            answer_within: Duration::from_secs(10),
            settle_within: Duration::from_millis(1_500),
            keep_alive_every: Duration::from_secs(5),
            voice: "aura-2-thalia-en".into(),
        }
    }
}

impl Settings {
    /// What the vendor would refuse, said before a caller is on the line.
    fn check(&self) -> Result<(), String> {
        if !flux::speaks(&self.model) {
            return Ok(());
        }
        if !(0.5..=1.0).contains(&self.end_of_turn) {
            return Err(format!("its end of turn is {}, not from 0.5 to 1", self.end_of_turn));
        }
        match self.eager_end_of_turn {
            Some(eager) if !(0.3..=0.9).contains(&eager) => {
                Err(format!("its eager end of turn is {eager}, not from 0.3 to 0.9"))
            }
            Some(eager) if eager > self.end_of_turn => {
                Err(format!("its eager end of turn, {eager}, is above its end of turn"))
            }
            Some(_) | None => Ok(()),
        }
    }
}

/// What the two adapters have in common.
struct Core {
    settings: Settings,
    address: Address,
    authorization: HeaderValue,
    client: Client,
    sockets: Sockets,
}

impl Core {
    fn new(settings: Settings) -> Result<Arc<Self>, VendorError> {
        let wrong = |said| Failure::from(Problem::Engine(said)).of(VENDOR, "start");
        settings.check().map_err(wrong)?;
        let address = Address::parse(&settings.base_url).map_err(wrong)?;
        let address = address.before_segment("v1").before_segment("v2");
        let authorization = http::secret_header("Token ", &settings.api_key).map_err(wrong)?;
        let client = http::client(VENDOR)?;
        Ok(Arc::new(Core { settings, address, authorization, client, sockets: Sockets::default() }))
    }

    fn authorized(&self, request: RequestBuilder) -> RequestBuilder {
        request.header(AUTHORIZATION, self.authorization.clone())
    }

    /// Asks for the account's projects: costs nothing, and shows whether the key is accepted.
    async fn check(&self) -> Result<String, VendorError> {
        let failed = |failure: Failure| failure.of(VENDOR, "list its projects");
        let deadline = Deadline::within(CHECK_WITHIN, "list of projects");
        let request = self.authorized(self.client.get(self.address.http("/v1/projects")));
        let response =
            http::send(request, &deadline, &self.settings.api_key).await.map_err(failed)?;
        let request_id = http::request_id(response.headers());
        let body = deadline
            .bound(http::body_of(response, 1024 * 1024))
            .await
            .and_then(|body| body)
            .map_err(|problem| failed(Failure::from(problem).in_request(&request_id)))?;
        let list: Value = serde_json::from_slice(&body).map_err(|error| {
            let problem = Problem::Malformed(format!("the list of projects: {error}"));
            failed(Failure::from(problem).in_request(&request_id))
        })?;
        let count = list.get("projects").and_then(Value::as_array).map_or(0, Vec::len);
        Ok(format!("the key is accepted; projects: {count}"))
    }
}
