//! One WebSocket per sentence: text in, mu-law and the times of words out.

use std::{sync::Arc, time::Duration};

use futures_util::{SinkExt, StreamExt};
use reqwest::header::HeaderName;
use tokio::sync::mpsc;
use tokio_tungstenite::tungstenite::Message;

use super::{
    Core, KEY_HEADER, Settings, VENDOR,
    align::Aligner,
    wire::{self, Incoming},
};
use crate::{
    BoxFuture, Problem, TtsEvent, TtsRequest, TtsStream, VendorError,
    http::{Deadline, Failure},
    socket::{Received, close_reason, receive},
    speaking::speaking,
};

/// Bytes of a sentence: five minutes.
const SENTENCE_LIMIT: usize = 8_000 * 300;

/// Time given to the vendor to close after the last piece.
const CLOSE_WITHIN: Duration = Duration::from_millis(500);

/// ElevenLabs' voices.
pub struct Tts(Arc<Core>);

impl Tts {
    /// An adapter. Connects to nothing yet.
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
        let settings = &self.settings;
        let voice = request.voice.as_deref().unwrap_or(&settings.voice);
        // It becomes part of a path.
        if voice.is_empty() || !voice.chars().all(|c| c.is_ascii_alphanumeric()) {
            let problem = "the voice is not an identifier of letters and digits";
            return Err(Problem::Engine(problem.into()).into());
        }
        let mut url = self.address.ws(&format!("/v1/text-to-speech/{voice}/stream-input"));
        let language = request.language.split(['-', '_']).next().filter(|base| !base.is_empty());
        wire::query(&mut url, settings, language);

        let mut deadline = Deadline::within(request.first_audio_within, "first audio");
        let header = (HeaderName::from_static(KEY_HEADER), self.key.clone());
        let open = self.sockets.open(url, header, &deadline, &settings.api_key).await?;
        let (mut sink, mut stream) = open.socket.split();
        let request_id = open.request_id;
        let failed = |problem: Problem| Failure::from(problem).in_request(&request_id);

        let sending = async {
            for message in wire::sentence(&request.text, &settings.voice_settings) {
                sink.feed(Message::text(message)).await?;
            }
            sink.flush().await
        };
        // A refusal may have come before all was sent; the vendor's own words, read below, say more
        // than the broken connection.
        if deadline.bound(sending).await.map_err(&failed)?.is_err() {
            tracing::debug!(vendor = VENDOR, "closed while the sentence was being sent");
        }

        let mut aligner = Aligner::new(&request.text);
        let mut taken = 0;
        loop {
            let text = match deadline.bound(receive(&mut stream)).await.map_err(&failed)? {
                Received::Text(text) => text,
                Received::Broken(problem) => return Err(failed(problem)),
                Received::Closed(frame) => {
                    let said = close_reason(&frame, &settings.api_key);
                    return Err(failed(wire::problem_said(&said)));
                }
            };
            let message: Incoming = serde_json::from_str(&text).map_err(|error| {
                failed(Problem::Malformed(format!("a message that is none: {error}")))
            })?;
            if let Some(problem) = message.problem(&settings.api_key) {
                return Err(failed(problem));
            }
            // Words before their audio: who plays it then knows where they end.
            let words = match message.alignment {
                Some(alignment) => aligner.push(&alignment.timed()),
                None => Vec::new(),
            };
            if !words.is_empty() && events.send(TtsEvent::Words(words)).await.is_err() {
                return Ok(());
            }
            if let Some(audio) = message.audio.filter(|audio| !audio.is_empty()) {
                let audio =
                    base64_simd::STANDARD.decode_to_vec(audio.as_bytes()).map_err(|error| {
                        failed(Problem::Malformed(format!("audio that is not base64: {error}")))
                    })?;
                taken += audio.len();
                if taken > SENTENCE_LIMIT {
                    let said =
                        format!("more than {SENTENCE_LIMIT} bytes of audio for one sentence");
                    return Err(failed(Problem::Malformed(said)));
                }
                if !audio.is_empty() && events.send(TtsEvent::Audio(audio.into())).await.is_err() {
                    return Ok(());
                }
            }
            if message.is_final == Some(true) {
                break;
            }
            if taken > 0 {
                deadline = Deadline::within(request.next_audio_within, "next audio");
            }
        }
        if taken == 0 {
            return Err(failed(Problem::Malformed("no audio at all".into())));
        }
        let _ = events.send(TtsEvent::Done).await;
        // A closing handshake lets the vendor count this as an end, not as a loss.
        let goodbye = Deadline::within(CLOSE_WITHIN, "end of the connection");
        let _ = goodbye.bound(async { sink.close().await }).await;
        let closing = async { while let Received::Text(_) = receive(&mut stream).await {} };
        let _ = goodbye.bound(closing).await;
        Ok(())
    }
}
