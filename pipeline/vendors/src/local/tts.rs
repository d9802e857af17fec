//! Speech by the local voice: hibari's "heart", an American woman, at 24 kHz.
//!
//! A sentence is made into words (`stretch`), these into phonemes and clauses (`phonemes`), and each
//! clause into a wave (`hibari`, `vocoder`); the first is short, so that sound begins early. Times
//! of words are the network's own plan of what it speaks, to the frame of 12.5 ms.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use media::{g711, resample::Resampler};
use tokio::{sync::mpsc, time::Instant};

use super::{
    NAME,
    engine::{Engine, Urgency},
};
use crate::{
    BoxFuture, Problem, Tts, TtsEvent, TtsRequest, TtsStream, VendorError, WordTime, Work,
};

mod hibari;
mod level;
mod phonemes;
pub(super) mod stretch;
mod vocoder;

pub(crate) use hibari::Hibari;
pub(crate) use phonemes::Phonemes;

/// The longest text that is spoken at once, in bytes; minutes of speech.
pub(crate) const LONGEST_TEXT: usize = 8_000;

/// Audio is handed over in pieces of this many bytes: 100 ms.
pub(crate) const PIECE: usize = 800;

/// The local voice.
#[derive(Clone)]
pub struct Voice {
    pub(super) engine: Arc<Engine>,
    /// `None` where the voice was not loaded.
    pub(super) phonemes: Option<Arc<Phonemes>>,
}

impl Tts for Voice {
    fn name(&self) -> &'static str {
        NAME
    }

    fn speak(&self, request: TtsRequest) -> TtsStream {
        let (sender, events) = mpsc::channel(64);
        let voice = self.clone();
        let work = Work::spawn(async move {
            if let Err(problem) = voice.say(&request, &sender).await {
                let _ = sender.send(TtsEvent::Failed(failed(problem))).await;
            }
        });
        TtsStream { events, work }
    }

    fn check(&self) -> BoxFuture<'_, Result<String, VendorError>> {
        Box::pin(async move {
            let clauses = self.clauses("Ready.".to_owned()).await.map_err(failed)?;
            if clauses.is_empty() {
                return Err(failed(Problem::Engine("it found nothing to say".into())));
            }
            Ok(format!("voice heart (hibari 0.2.1) on {} threads", self.engine.threads()))
        })
    }
}

pub(crate) fn failed(problem: Problem) -> VendorError {
    VendorError { vendor: NAME, attempt: "speak", problem, request_id: None }
}

impl Voice {
    async fn clauses(&self, text: String) -> Result<Vec<phonemes::Clause>, Problem> {
        let not_loaded = || Problem::Engine("the local voice is not loaded".into());
        let phonemes = self.phonemes.clone().ok_or_else(not_loaded)?;
        let clauses = self
            .engine
            .run(Urgency::FirstSound, move |_, _| phonemes.clauses(&stretch::stretches(&text)))
            .await;
        clauses.map_err(|error| Problem::Engine(error.to_string()))?.map_err(Problem::Engine)
    }

    async fn say(
        &self,
        request: &TtsRequest,
        events: &mpsc::Sender<TtsEvent>,
    ) -> Result<(), Problem> {
        let text = &request.text;
        if text.len() > LONGEST_TEXT {
            return Err(Problem::Engine(format!(
                "the sentence has {} bytes, more than {LONGEST_TEXT}",
                text.len()
            )));
        }
        let asked = Instant::now();
        let clauses =
            within(asked, request.first_audio_within, "first audio", self.clauses(text.clone()))
                .await?;
        let mut output = Output::new()?;
        let (mut since, mut allowed, mut waited_for) =
            (asked, request.first_audio_within, "first audio");
        let mut urgency = Urgency::FirstSound;
        for clause in clauses {
            let ends: Vec<usize> = clause.words.iter().map(|word| word.text_end).collect();
            let speech = self.engine.run(urgency, move |bench, _| {
                let voice = bench.voice.as_mut().ok_or_else(|| "no voice is loaded".to_owned())?;
                voice.speak(&clause).map_err(|error| error.to_string())
            });
            let speech = async { speech.await.map_err(|error| Problem::Engine(error.to_string())) };
            let mut speech = within(since, allowed, waited_for, speech)
                .await?
                .map_err(|problem| Problem::Engine(format!("the voice failed ({problem})")))?;
            level::level(&mut speech.samples);
            let words = output.words(&ends, &speech.words);
            if !words.is_empty() && events.send(TtsEvent::Words(words)).await.is_err() {
                return Ok(());
            }
            output.push(&speech.samples);
            for piece in output.pieces() {
                if events.send(TtsEvent::Audio(piece)).await.is_err() {
                    return Ok(());
                }
            }
            (since, allowed, waited_for) =
                (Instant::now(), request.next_audio_within, "next audio");
            urgency = Urgency::MoreSound;
        }
        output.finish();
        for piece in output.pieces() {
            if events.send(TtsEvent::Audio(piece)).await.is_err() {
                return Ok(());
            }
        }
        let _ = events.send(TtsEvent::Done).await;
        Ok(())
    }
}

pub(super) async fn within<T>(
    since: Instant,
    allowed: Duration,
    waited_for: &'static str,
    work: impl Future<Output = Result<T, Problem>>,
) -> Result<T, Problem> {
    let deadline = since.checked_add(allowed).unwrap_or_else(|| since + Duration::from_secs(3600));
    tokio::time::timeout_at(deadline, work)
        .await
        .unwrap_or(Err(Problem::TimedOut { waited_for, after: allowed }))
}

/// A sentence's wave on its way to the carrier's format.
struct Output {
    resampler: Resampler,
    narrow: Vec<i16>,
    /// Samples of the voice so far.
    spoken: usize,
    /// Where the text's last timed word ended.
    told: usize,
}

impl Output {
    fn new() -> Result<Self, Problem> {
        let resampler = Resampler::new(vocoder::RATE, 8_000)
            .map_err(|error| Problem::Engine(error.to_string()))?;
        Ok(Output { resampler, narrow: Vec::new(), spoken: 0, told: 0 })
    }

    /// The times of a clause's words, which begins where the last ended.
    fn words(&mut self, ends: &[usize], places: &[(usize, usize)]) -> Vec<WordTime> {
        let ms = |sample: usize| {
            let sample = (self.spoken + sample) as u64;
            u32::try_from(sample * 1000 / u64::from(vocoder::RATE)).unwrap_or(u32::MAX)
        };
        let words: Vec<WordTime> = ends
            .iter()
            .zip(places)
            // A word cut in two is told once.
            .filter(|(end, _)| **end > self.told)
            .map(|(&text_end, &(from, to))| WordTime { text_end, from_ms: ms(from), to_ms: ms(to) })
            .collect();
        self.told = words.last().map_or(self.told, |word| word.text_end);
        words
    }

    fn push(&mut self, samples: &[f32]) {
        self.spoken += samples.len();
        self.resampler.push(samples, &mut self.narrow);
    }

    fn finish(&mut self) {
        self.resampler.flush(&mut self.narrow);
    }

    fn pieces(&mut self) -> Vec<Bytes> {
        let pieces = self.narrow.chunks(PIECE).map(|piece| g711::encode_all(piece).into());
        let pieces = pieces.collect();
        self.narrow.clear();
        pieces
    }
}
