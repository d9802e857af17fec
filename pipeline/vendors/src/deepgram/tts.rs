//! The Aura voices: mu-law asked for, mu-law passed on.

use std::sync::Arc;

use serde_json::json;
use tokio::sync::mpsc;

use super::{Core, Settings, VENDOR};
use crate::{
    BoxFuture, TtsEvent, TtsRequest, TtsStream, VendorError,
    http::{
        self, Deadline, Failure,
        audio::{AsItIs, relay},
    },
    speaking::speaking,
};

/// Bytes of a sentence: five minutes.
const SENTENCE_LIMIT: usize = 8_000 * 300;

/// Deepgram's voices.
pub struct Tts(Arc<Core>);

impl Tts {
    /// An adapter with a connection pool of its own. Connects to nothing yet.
    ///
    /// # Errors
    /// The base URL or the key cannot be one.
    pub fn new(settings: Settings) -> Result<Self, VendorError> {
        Core::new(settings).map(Tts)
    }
}

impl crate::Tts for Tts {
    fn name(&self) -> &'static str {
        VENDOR
    }

    fn speak(&self, request: TtsRequest) -> TtsStream {
        let core = Arc::clone(&self.0);
        speaking(
            VENDOR,
            request,
            |request, events| async move { core.speak(&request, &events).await },
        )
    }

    fn check(&self) -> BoxFuture<'_, Result<String, VendorError>> {
        Box::pin(self.0.check())
    }
}

impl Core {
    async fn speak(
        &self,
        request: &TtsRequest,
        events: &mpsc::Sender<TtsEvent>,
    ) -> Result<(), Failure> {
        let mut url = self.address.http("/v1/speak");
        url.query_pairs_mut()
            .append_pair("model", request.voice.as_deref().unwrap_or(&self.settings.voice))
            .append_pair("encoding", "mulaw")
            .append_pair("sample_rate", "8000")
            .append_pair("container", "none");
        let deadline = Deadline::within(request.first_audio_within, "first audio");
        let sent = self.authorized(self.client.post(url)).json(&json!({"text": request.text}));
        let response = http::send(sent, &deadline, &self.settings.api_key).await?;
        relay(response, AsItIs, deadline, request.next_audio_within, SENTENCE_LIMIT, events).await
    }
}
