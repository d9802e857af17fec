//! ElevenLabs: speech over a WebSocket, with the time of every character.
//!
//! The carrier's mu-law is asked for, so audio passes through untouched. Recognition is not offered
//! here.

mod align;
mod line;
mod tts;
mod wire;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use reqwest::{Client, header::HeaderValue};
use secrecy::SecretString;
use serde_json::Value;

use self::line::Lines;
pub use self::tts::Tts;
use crate::{
    Problem, VendorError,
    address::Address,
    http::{self, Deadline, Failure},
    socket::Sockets,
};

/// The adapter's name.
const VENDOR: &str = "elevenlabs";

/// The header that carries the key.
const KEY_HEADER: &str = "xi-api-key";

/// The vendor's own address.
pub const PUBLIC_URL: &str = "https://api.elevenlabs.io";

/// Time allowed for `check`.
const CHECK_WITHIN: Duration = Duration::from_secs(5);

/// How ElevenLabs, or a server like it, is reached and what is asked of it.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where: scheme `https`, `http`, `wss` or `ws`; from `/v1` on the path is ignored.
    pub base_url: String,
    pub api_key: SecretString,
    /// The model, `eleven_flash_v2_5` unless set: the quickest.
    pub model: String,
    /// The identifier of the voice, of letters and digits; `JBFqnCBsd6RMkjVDRZzb` unless set.
    pub voice: String,
    /// How to speak: `stability`, `similarity_boost`, `style` (0 to 1) and `speed` (0.7 to 1.2).
    /// The voice's own settings unless set.
    pub voice_settings: BTreeMap<String, f32>,
    /// How long a connection is kept for the next sentence, 60 s unless set, at most 170 s. A sentence
    /// that finds one saves its handshakes, some 100 to 300 ms.
    pub keep_warm: Duration,
}

impl Settings {
    /// The defaults, with this key.
    pub fn new(api_key: SecretString) -> Self {
        Settings {
            base_url: PUBLIC_URL.into(),
            api_key,
            model: "eleven_flash_v2_5".into(),
            voice: "JBFqnCBsd6RMkjVDRZzb".into(),
            voice_settings: BTreeMap::new(),
            keep_warm: Duration::from_secs(60),
        }
    }
}

/// What the adapter keeps.
struct Core {
    settings: Settings,
    address: Address,
    key: HeaderValue,
    client: Client,
    sockets: Sockets,
    lines: Arc<Lines>,
}

/// The vendor closes connections that were not used for 180 s.
const WARMEST: Duration = Duration::from_secs(170);

impl Core {
    fn new(settings: Settings) -> Result<Arc<Self>, VendorError> {
        let wrong = |said| Failure::from(Problem::Engine(said)).of(VENDOR, "start");
        let address = Address::parse(&settings.base_url).map_err(wrong)?.before_segment("v1");
        let key = http::secret_header("", &settings.api_key).map_err(wrong)?;
        let client = http::client(VENDOR)?;
        let lines = Arc::new(Lines::new(settings.keep_warm.min(WARMEST)));
        let sockets = Sockets::default();
        Ok(Arc::new(Core { settings, address, key, client, sockets, lines }))
    }

    /// Asks for the account: costs nothing, and shows whether the key is accepted.
    async fn check(&self) -> Result<String, VendorError> {
        let failed = |failure: Failure| failure.of(VENDOR, "read its account");
        let deadline = Deadline::within(CHECK_WITHIN, "account");
        let request =
            self.client.get(self.address.http("/v1/user")).header(KEY_HEADER, self.key.clone());
        let response = deadline
            .bound(request.send())
            .await
            .and_then(|sent| sent.map_err(|error| http::problem_of(&error)))
            .map_err(|problem| failed(problem.into()))?;
        let request_id = http::request_id(response.headers());
        let (status, headers) = (response.status(), response.headers().clone());
        let fail = |problem: Problem| failed(Failure::from(problem).in_request(&request_id));
        let body = deadline
            .bound(http::body_of(response, 256 * 1024))
            .await
            .and_then(|body| body)
            .map_err(&fail)?;
        if !status.is_success() {
            // A key made for speech alone is known here, and may not read the account.
            return match body.windows(19).any(|window| window == b"missing_permissions") {
                true => Ok("the key is accepted; it may not read the account".into()),
                false => Err(fail(http::refusal(status, &headers, &body, &self.settings.api_key))),
            };
        }
        let account: Value = serde_json::from_slice(&body)
            .map_err(|error| fail(Problem::Malformed(format!("the account: {error}"))))?;
        let number = |name: &str| account.get("subscription")?.get(name)?.as_u64();
        Ok(match (number("character_count"), number("character_limit")) {
            (Some(used), Some(limit)) => {
                format!("the key is accepted; characters used: {used} of {limit}")
            }
            _ => "the key is accepted".into(),
        })
    }
}
