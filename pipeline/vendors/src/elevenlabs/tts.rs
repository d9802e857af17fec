//! Sentences over connections that are kept: text in, mu-law and the times of words out.

use std::sync::Arc;

use reqwest::header::HeaderName;
use tokio::sync::mpsc;

use super::{Core, KEY_HEADER, Settings, VENDOR, align::Aligner, line::Lease, wire};
use crate::{
    BoxFuture, Problem, TtsEvent, TtsRequest, TtsStream, VendorError,
    http::{Deadline, Failure},
    speaking::speaking,
};

/// Bytes of a sentence: five minutes.
const SENTENCE_LIMIT: usize = 8_000 * 300;

/// Why a sentence was not said to its end.
struct Said {
    /// Was anything of it heard?
    heard: bool,
    failure: Failure,
}

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
        let mut url = self.address.ws(&format!("/v1/text-to-speech/{voice}/multi-stream-input"));
        let language = request.language.split(['-', '_']).next().filter(|base| !base.is_empty());
        wire::query(&mut url, settings, language);

        let deadline = Deadline::within(request.first_audio_within, "first audio");
        if let Some(warm) = self.lines.take(url.as_str()) {
            match self.say(request, events, warm, deadline).await {
                // It was closed while nobody looked: nothing is lost, and a new one may stand.
                Err(Said { heard: false, failure }) if failure.problem.is_transient() => {}
                said => return said.map_err(|said| said.failure),
            }
        }
        let header = (HeaderName::from_static(KEY_HEADER), self.key.clone());
        let open = self.sockets.open(url.clone(), header, &deadline, &settings.api_key).await?;
        let new = self.lines.begin(url.as_str(), open, settings.api_key.clone());
        self.say(request, events, new, deadline).await.map_err(|said| said.failure)
    }

    /// Says the sentence on this connection.
    async fn say(
        &self,
        request: &TtsRequest,
        events: &mpsc::Sender<TtsEvent>,
        mut lease: Lease,
        mut deadline: Deadline,
    ) -> Result<(), Said> {
        let mut heard = lease.say(&request.text, &self.settings.voice_settings).await;
        let mut taken = 0;
        let outcome = async {
            let mut aligner = Aligner::new(&request.text);
            loop {
                let message = match deadline.bound(heard.recv()).await? {
                    Some(heard) => heard?,
                    None => return Err(Problem::Cut("the connection is gone".into())),
                };
                // Words before their audio: who plays it then knows where they end.
                let words = match message.alignment {
                    Some(alignment) => aligner.push(&alignment.timed()),
                    None => Vec::new(),
                };
                if !words.is_empty() && events.send(TtsEvent::Words(words)).await.is_err() {
                    return Ok(false);
                }
                if let Some(audio) = message.audio.filter(|audio| !audio.is_empty()) {
                    let audio =
                        base64_simd::STANDARD.decode_to_vec(audio.as_bytes()).map_err(|error| {
                            Problem::Malformed(format!("audio that is not base64: {error}"))
                        })?;
                    taken += audio.len();
                    if taken > SENTENCE_LIMIT {
                        let said =
                            format!("more than {SENTENCE_LIMIT} bytes of audio for one sentence");
                        return Err(Problem::Malformed(said));
                    }
                    if !audio.is_empty()
                        && events.send(TtsEvent::Audio(audio.into())).await.is_err()
                    {
                        return Ok(false);
                    }
                }
                if message.is_final == Some(true) {
                    return Ok(true);
                }
                if taken > 0 {
                    deadline = Deadline::within(request.next_audio_within, "next audio");
                }
            }
        }
        .await;
        let problem = match outcome {
            Ok(true) if taken > 0 => {
                drop(lease);
                let _ = events.send(TtsEvent::Done).await;
                return Ok(());
            }
            // Nobody listens any more.
            Ok(false) => return Ok(()),
            Ok(true) => Problem::Malformed("no audio at all".into()),
            Err(problem) => problem,
        };
        let failure = lease.failed(problem);
        lease.spoil();
        Err(Said { heard: taken > 0, failure })
    }
}
