//! Transcription of each utterance once the VAD says that it is over; or, where that is asked for,
//! over the Realtime API.
//!
//! One request runs at a time and in order. What the vendor cannot take now is kept and tried
//! again, so a short outage costs time, not words.

use std::{collections::VecDeque, future::pending, pin::Pin, sync::Arc, time::Duration};

use bytes::Bytes;
use media::g711;
use reqwest::multipart::{Form, Part};
use serde::Deserialize;
use tokio::sync::mpsc;

use super::{
    Core, Settings, VENDOR, base_language,
    realtime::{Realtime, TurnDetection, is_only_realtime},
    segment::{Segment, Segmenter},
};
use crate::{
    BoxFuture, Problem, SttEvent, SttInput, SttOptions, SttStream, VendorError, Work,
    http::{self, Deadline, Failure},
    recognition,
};

/// Utterances that wait for their turn; beyond that the vendor is minutes behind and the oldest go.
const QUEUE_LIMIT: usize = 8;

/// Failures in a row after which it is over.
const TRIES: u32 = 3;

/// The longest wait between two tries; a vendor that asks for more is given up for this utterance.
const LONGEST_WAIT: Duration = Duration::from_secs(3);

/// Vendors refuse audio shorter than a tenth of a second.
const SHORTEST_MS: usize = 200;

/// A recogniser behind an OpenAI-compatible address.
pub struct Stt(Arc<Core>);

impl Stt {
    /// An adapter with a connection pool of its own. Connects to nothing yet.
    ///
    /// # Errors
    /// The base URL or the key cannot be one, or the model does not do what is asked of it.
    pub fn new(settings: Settings) -> Result<Self, VendorError> {
        let vendors = [TurnDetection::Silence, TurnDetection::Semantic];
        if is_only_realtime(&settings.model)
            && settings.realtime.is_some_and(|detection| vendors.contains(&detection))
        {
            let said = format!("its model {} finds no ends of turns itself", settings.model);
            return Err(Failure::from(Problem::Engine(said)).of(VENDOR, "start"));
        }
        Core::new(settings).map(Stt)
    }

    /// How the Realtime API is used, if it is.
    fn realtime(&self) -> Option<TurnDetection> {
        let settings = &self.0.settings;
        settings.realtime.or(is_only_realtime(&settings.model).then_some(TurnDetection::Own))
    }
}

impl crate::Stt for Stt {
    fn name(&self) -> &'static str {
        VENDOR
    }

    fn listen(&self, options: SttOptions) -> SttStream {
        if let Some(detection) = self.realtime() {
            return recognition::listen(Realtime::new(Arc::clone(&self.0), detection, options));
        }
        let (input, inputs) = mpsc::channel(256);
        let (sender, events) = mpsc::channel(64);
        let core = Arc::clone(&self.0);
        let work = Work::spawn(async move {
            let closed = sender.clone();
            tokio::select! {
                _ = Listening::new(core, options, sender).run(inputs) => {}
                () = closed.closed() => {}
            }
        });
        SttStream { input, events, work }
    }

    fn check(&self) -> BoxFuture<'_, Result<String, VendorError>> {
        Box::pin(self.0.check())
    }
}

/// Nobody listens to the events any more.
struct Gone;

type Transcribing = Pin<Box<dyn Future<Output = Result<String, Failure>> + Send>>;

/// What runs now.
struct Running {
    segment: Segment,
    /// Only a guess: its failure does not matter.
    interim: bool,
    outcome: Transcribing,
}

/// One call's recognition.
struct Listening {
    core: Arc<Core>,
    options: SttOptions,
    events: mpsc::Sender<SttEvent>,
    segmenter: Segmenter,
    waiting: VecDeque<Segment>,
    running: Option<Running>,
    /// Failures since the last success.
    failures: u32,
    /// How long to wait before the next try.
    wait: Duration,
    /// Where the last guess ended.
    guessed_ms: u64,
}

impl Listening {
    fn new(core: Arc<Core>, options: SttOptions, events: mpsc::Sender<SttEvent>) -> Self {
        Listening {
            core,
            options,
            events,
            segmenter: Segmenter::default(),
            waiting: VecDeque::new(),
            running: None,
            failures: 0,
            wait: Duration::ZERO,
            guessed_ms: 0,
        }
    }

    async fn run(mut self, mut inputs: mpsc::Receiver<SttInput>) -> Result<(), Gone> {
        let mut open = true;
        while open || self.running.is_some() {
            tokio::select! {
                input = inputs.recv(), if open => match input {
                    Some(input) => self.hear(input),
                    None => {
                        open = false;
                        let end = self.segmenter.end_ms();
                        let last = self.segmenter.stopped(end);
                        self.enqueue(last);
                    }
                },
                outcome = outcome_of(&mut self.running) => {
                    if let Some(Running { segment, interim, .. }) = self.running.take()
                        && !self.settle(segment, interim, outcome).await?
                    {
                        return Ok(());
                    }
                }
            }
            self.begin_next();
        }
        Ok(())
    }

    fn hear(&mut self, input: SttInput) {
        let cut = match input {
            SttInput::Audio { at_ms, mulaw } => self.segmenter.audio(at_ms, &mulaw),
            SttInput::SpeechStarted { at_ms } => {
                self.segmenter.started(at_ms);
                self.guessed_ms = at_ms;
                None
            }
            SttInput::SpeechStopped { at_ms } => self.segmenter.stopped(at_ms),
        };
        self.enqueue(cut);
    }

    fn enqueue(&mut self, cut: Option<Segment>) {
        let Some(cut) = cut else { return };
        if self.waiting.len() == QUEUE_LIMIT {
            tracing::warn!(
                vendor = VENDOR,
                "transcription is too far behind: an utterance is lost"
            );
            self.waiting.pop_front();
        }
        self.waiting.push_back(cut);
        // The answer is wanted now, not another guess.
        if self.running.as_ref().is_some_and(|running| running.interim) {
            self.running = None;
        }
    }

    fn begin_next(&mut self) {
        if self.running.is_some() {
            return;
        }
        if let Some(segment) = self.waiting.pop_front() {
            self.begin(segment, false);
        } else if let Some(every) = self.core.settings.interim_every
            && self.failures == 0
            && self.segmenter.end_ms() >= self.guessed_ms + every.as_millis() as u64
            && let Some(segment) = self.segmenter.so_far()
        {
            self.guessed_ms = segment.to_ms;
            self.begin(segment, true);
        }
    }

    fn begin(&mut self, segment: Segment, interim: bool) {
        let core = Arc::clone(&self.core);
        let options = self.options.clone();
        let file = wav(&segment.mulaw);
        let wait = std::mem::take(&mut self.wait);
        let outcome = Box::pin(async move {
            tokio::time::sleep(wait).await;
            core.transcribe(file, &options).await
        });
        self.running = Some(Running { segment, interim, outcome });
    }

    /// Tells what came of a request; false when it is over.
    async fn settle(
        &mut self,
        segment: Segment,
        interim: bool,
        outcome: Result<String, Failure>,
    ) -> Result<bool, Gone> {
        let Segment { from_ms, to_ms, .. } = segment;
        match outcome {
            Ok(text) if interim => {
                if !text.is_empty() {
                    self.tell(SttEvent::Interim { text, from_ms, to_ms }).await?;
                }
            }
            Ok(text) => {
                if std::mem::take(&mut self.failures) > 0 {
                    self.tell(SttEvent::Recovered).await?;
                }
                self.tell(SttEvent::Final { text, from_ms, to_ms, confidence: None }).await?;
            }
            Err(failure) if interim => {
                tracing::debug!(vendor = VENDOR, problem = %failure.problem, "no guess");
            }
            Err(failure) => {
                self.failures += 1;
                let error = failure.of(VENDOR, "transcribe");
                if matches!(error.problem, Problem::Unauthorized { .. }) || self.failures == TRIES {
                    self.tell(SttEvent::Failed(error)).await?;
                    return Ok(false);
                }
                if let Some(wait) = wait_after(&error.problem, self.failures) {
                    self.wait = wait;
                    self.waiting.push_front(segment);
                }
                if self.failures == 1 {
                    self.tell(SttEvent::Reconnecting(error)).await?;
                }
            }
        }
        Ok(true)
    }

    async fn tell(&mut self, event: SttEvent) -> Result<(), Gone> {
        self.events.send(event).await.map_err(|_| Gone)
    }
}

/// How long until the same utterance is worth another try; none where it is not.
fn wait_after(problem: &Problem, failures: u32) -> Option<Duration> {
    match problem {
        Problem::RateLimited { retry_after: Some(wait) } => {
            (*wait <= LONGEST_WAIT).then_some(*wait)
        }
        // The first time at once: most often it was a connection gone stale.
        problem if problem.is_transient() => {
            Some(Duration::from_millis(400) * failures.saturating_sub(1))
        }
        _ => None,
    }
}

async fn outcome_of(running: &mut Option<Running>) -> Result<String, Failure> {
    match running {
        Some(running) => running.outcome.as_mut().await,
        None => pending().await,
    }
}

#[derive(Deserialize)]
struct Transcript {
    text: String,
}

impl Core {
    async fn transcribe(&self, file: Bytes, options: &SttOptions) -> Result<String, Failure> {
        let deadline = Deadline::within(self.settings.transcribe_within, "transcript");
        let file = Part::stream(file)
            .file_name("utterance.wav")
            .mime_str("audio/wav")
            .map_err(|error| Problem::Engine(error.to_string()))?;
        let mut form = Form::new().part("file", file).text("model", self.settings.model.clone());
        let language = base_language(&options.language);
        // This vendor's latest model takes lists of hints and refuses the older fields.
        if self.settings.model.starts_with("gpt-transcribe") {
            for keyword in &options.keywords {
                form = form.text("keywords[]", keyword.clone());
            }
            if let Some(language) = language {
                form = form.text("languages[]", language);
            }
        } else {
            form = form.text("response_format", "json");
            if let Some(language) = language {
                form = form.text("language", language);
            }
            if !options.keywords.is_empty() {
                form = form.text("prompt", options.keywords.join(", "));
            }
        }
        let request = self.post("/audio/transcriptions").multipart(form);
        let response = http::send(request, &deadline, &self.settings.api_key).await?;
        let request_id = http::request_id(response.headers());
        let failed = |problem: Problem| Failure::from(problem).in_request(&request_id);
        let body = deadline
            .bound(http::body_of(response, 256 * 1024))
            .await
            .and_then(|body| body)
            .map_err(&failed)?;
        let transcript: Transcript = serde_json::from_slice(&body)
            .map_err(|error| failed(Problem::Malformed(format!("a transcript: {error}"))))?;
        Ok(transcript.text.trim().to_owned())
    }
}

/// A WAV file of 8 kHz 16-bit samples: of all servers of this kind, none reads mu-law surely.
fn wav(mulaw: &[u8]) -> Bytes {
    let samples = mulaw.len().max(SHORTEST_MS * 8);
    let bytes = samples as u32 * 2;
    let mut file = Vec::with_capacity(44 + bytes as usize);
    file.extend_from_slice(b"RIFF");
    file.extend_from_slice(&(36 + bytes).to_le_bytes());
    file.extend_from_slice(b"WAVEfmt ");
    // The format: 16 bytes, PCM, one channel, rate, bytes a second, bytes a sample, bits.
    file.extend_from_slice(&16u32.to_le_bytes());
    file.extend_from_slice(&[1, 0, 1, 0]);
    file.extend_from_slice(&8_000u32.to_le_bytes());
    file.extend_from_slice(&16_000u32.to_le_bytes());
    file.extend_from_slice(&[2, 0, 16, 0]);
    file.extend_from_slice(b"data");
    file.extend_from_slice(&bytes.to_le_bytes());
    for &byte in mulaw {
        file.extend_from_slice(&g711::decode(byte).to_le_bytes());
    }
    file.resize(44 + bytes as usize, 0);
    file.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_says_what_it_holds() {
        let file = wav(&[g711::encode(1_000); 4_000]);
        assert_eq!(file.len(), 44 + 8_000);
        assert_eq!(&file[..4], b"RIFF");
        assert_eq!(u32::from_le_bytes(file[4..8].try_into().unwrap()), 36 + 8_000);
        assert_eq!(u32::from_le_bytes(file[24..28].try_into().unwrap()), 8_000);
        let sample = i16::from_le_bytes(file[44..46].try_into().unwrap());
        assert!((sample - 1_000).abs() < 40, "{sample}");
    }

    #[test]
    fn a_blip_is_long_enough_for_the_vendor() {
        assert_eq!(wav(&[0xFF; 80]).len(), 44 + SHORTEST_MS * 16);
    }

    #[test]
    fn a_vendor_that_asks_for_long_patience_is_not_waited_for() {
        let limited = |secs| Problem::RateLimited { retry_after: Some(Duration::from_secs(secs)) };
        assert_eq!(wait_after(&limited(2), 1), Some(Duration::from_secs(2)));
        assert_eq!(wait_after(&limited(30), 1), None);
        assert_eq!(wait_after(&Problem::Cut(String::new()), 1), Some(Duration::ZERO));
        let refused = Problem::Status { status: 400, detail: String::new() };
        assert_eq!(wait_after(&refused, 1), None);
    }
}
