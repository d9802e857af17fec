//! Speech: 24 kHz samples streamed, made into the carrier's mu-law.

use std::sync::Arc;

use bytes::Bytes;
use media::{g711, resample::Resampler};
use serde_json::json;
use tokio::sync::mpsc;

use super::{Core, Settings, VENDOR};
use crate::{
    BoxFuture, Problem, TtsEvent, TtsRequest, TtsStream, VendorError,
    http::{
        self, Deadline, Failure,
        audio::{Convert, relay},
    },
    speaking::speaking,
};

/// What `pcm` means to this vendor: 16-bit little-endian mono at this rate.
const RATE: u32 = 24_000;

/// Bytes of a sentence: five minutes.
const SENTENCE_LIMIT: usize = RATE as usize * 2 * 300;

/// A voice behind an OpenAI-compatible address.
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
        let settings = &self.settings;
        let mut body = json!({
            "model": settings.model,
            "voice": request.voice.as_deref().unwrap_or(&settings.voice),
            "input": request.text,
            "response_format": "pcm",
        });
        if let Some(style) = &settings.speaking_style {
            body["instructions"] = style.as_str().into();
        }
        let deadline = Deadline::within(request.first_audio_within, "first audio");
        let convert = Pcm::new()?;
        let sent = self.post("/audio/speech").json(&body);
        let response = http::send(sent, &deadline, &settings.api_key).await?;
        relay(response, convert, deadline, request.next_audio_within, SENTENCE_LIMIT, events).await
    }
}

/// 16-bit samples at [`RATE`], wherever the network cut them, to mu-law at 8 kHz.
struct Pcm {
    resampler: Resampler,
    /// The first half of a sample whose other half is still to come.
    half: Option<u8>,
    samples: Vec<i16>,
    narrow: Vec<i16>,
}

impl Pcm {
    fn new() -> Result<Self, Problem> {
        let resampler = Resampler::new(RATE, 8_000)
            .map_err(|error| Problem::Engine(format!("no resampler ({error})")))?;
        Ok(Pcm { resampler, half: None, samples: Vec::new(), narrow: Vec::new() })
    }

    fn take(&mut self) -> Bytes {
        let mut mulaw = Vec::with_capacity(self.narrow.len());
        g711::encode_into(&self.narrow, &mut mulaw);
        self.narrow.clear();
        mulaw.into()
    }
}

impl Convert for Pcm {
    fn push(&mut self, bytes: Bytes) -> Bytes {
        let mut rest = bytes.as_ref();
        self.samples.clear();
        if let Some(low) = self.half.take() {
            match rest.split_first() {
                Some((&high, after)) => {
                    self.samples.push(i16::from_le_bytes([low, high]));
                    rest = after;
                }
                None => self.half = Some(low),
            }
        }
        let pairs = rest.chunks_exact(2);
        if let [low] = pairs.remainder() {
            self.half = Some(*low);
        }
        self.samples.extend(pairs.map(|pair| i16::from_le_bytes([pair[0], pair[1]])));
        self.resampler.push(&self.samples, &mut self.narrow);
        self.take()
    }

    fn finish(&mut self) -> Bytes {
        self.resampler.flush(&mut self.narrow);
        self.take()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn convert(pieces: &[&[u8]]) -> Vec<u8> {
        let mut pcm = Pcm::new().unwrap();
        let mut out = Vec::new();
        for piece in pieces {
            out.extend_from_slice(&pcm.push(Bytes::copy_from_slice(piece)));
        }
        out.extend_from_slice(&pcm.finish());
        out
    }

    proptest! {
        #[test]
        fn where_the_network_cuts_makes_no_difference(
            cuts in proptest::collection::vec(0usize..9_600, 0..8),
        ) {
            let samples = (0..4_800).map(|n| ((f64::from(n) * 0.1).sin() * 8_000.0) as i16);
            let bytes: Vec<u8> = samples.flat_map(i16::to_le_bytes).collect();
            let mut cuts = cuts;
            cuts.extend([0, bytes.len()]);
            cuts.sort_unstable();
            let pieces: Vec<&[u8]> = cuts.windows(2).map(|pair| &bytes[pair[0]..pair[1]]).collect();
            let whole = convert(&[&bytes]);
            prop_assert_eq!(whole.len(), 1_600);
            prop_assert_eq!(convert(&pieces), whole);
        }
    }
}
