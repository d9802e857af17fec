//! What is known at each pause of a turn: by the real detectors, recogniser and model, once.
//!
//! All of it is kept in `target/end_of_turn`, because it takes minutes; a change of a recording or of
//! [`VERSION`] makes it anew.

use std::{fs, path::PathBuf, time::Duration};

use bytes::Bytes;
use media::{
    g711,
    prosody::Prosody,
    vad::{Detector, Policy, Vad, VadEvent, WebRtcMode, WebRtcVad},
};
use serde::{Deserialize, Serialize};
use turn::endpoint;
use vendors::{
    SttEvent, SttInput, SttOptions,
    local::{Local, LocalOptions, models::Models, vad::SileroVad},
};

use crate::recordings::{Turn, hash};

/// Grows when what is kept would come out differently.
const VERSION: u32 = 2;
/// The words' delay is measured at the pauses of every so many turns.
const TIMED: u64 = 8;
/// A frame, in real time.
const FRAME: Duration = Duration::from_millis(20);
/// Silence after which the model is asked a second time, ms.
pub const AGAIN_MS: u64 = 600;

/// A silence of the caller's, as the VAD found it. Times are ms from the turn's beginning.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Pause {
    /// The last sound, and when the VAD was sure of it.
    pub at_ms: u64,
    pub known_ms: u64,
    /// When the VAD was sure that the caller went on. `None`: this is the turn's end.
    pub until_ms: Option<u64>,
    /// The turn's words so far.
    pub text: String,
    pub prosody: endpoint::Prosody,
    /// The model's probability that the turn is over, asked when the VAD was sure.
    pub model: Option<f32>,
    /// The same asked once more after [`AGAIN_MS`].
    pub model_again: Option<f32>,
    /// When the recogniser had settled on the words, ms after the VAD was sure, where that was measured:
    /// in real time, on this machine.
    pub words_after_ms: Option<u64>,
}

/// One turn's pauses, the last of which is its end.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Heard {
    pub ends_ms: u64,
    pub pauses: Vec<Pause>,
}

/// The pauses of `turn`: kept ones, or found now.
pub async fn heard(turn: &Turn, engines: &Engines) -> Option<Heard> {
    let key = hash(&turn.mulaw) ^ u64::from(VERSION);
    let name = turn.name.replace('/', "-");
    let path = folder().join(format!("{name}-{key:016x}-{}.json", engines.name()));
    if let Ok(text) = fs::read_to_string(&path)
        && let Ok(heard) = serde_json::from_str(&text)
    {
        return heard;
    }
    let heard = engines.hear(turn).await;
    let text = serde_json::to_string(&heard).expect("numbers and words are JSON");
    fs::create_dir_all(folder()).expect("the target folder can be written");
    fs::write(&path, text).expect("the target folder can be written");
    heard
}

fn folder() -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
    target
        .unwrap_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("target"))
        .join("end_of_turn")
}

/// What hears.
pub struct Engines {
    models: Models,
    local: Local,
    silero: bool,
}

impl Engines {
    pub fn open(silero: bool) -> Result<Self, vendors::local::LocalError> {
        let models = Models::by_environment();
        let local = Local::open(models.dir(), LocalOptions { threads: Some(1) })?;
        Ok(Engines { models, local, silero })
    }

    fn name(&self) -> &'static str {
        if self.silero { "silero" } else { "webrtc" }
    }

    async fn hear(&self, turn: &Turn) -> Option<Heard> {
        let vad: Box<dyn Vad> = if self.silero {
            Box::new(SileroVad::open(&self.models).expect("the models are there"))
        } else {
            Box::new(WebRtcVad::new(WebRtcMode::VeryAggressive))
        };
        let mut detector = Detector::new(vad, Policy::default());
        let mut prosody = Prosody::new();
        let mut stt =
            self.local.stt().listen(SttOptions { language: "en-US".into(), keywords: Vec::new() });
        let (mut events, mut pauses, mut stretches) = (Vec::new(), Vec::<Pause>::new(), 0);
        let (mut began, mut first) = (0, None);
        let timed = hash(turn.name.as_bytes()).is_multiple_of(TIMED);
        let mut words = Vec::new();
        // Where a pause is gone through in real time: when it began.
        let mut pace: Option<tokio::time::Instant> = None;
        for (index, frame) in turn.mulaw.chunks(160).enumerate() {
            let samples = g711::decode_all(frame);
            let at_ms = index as u64 * 20;
            let silent = detector.is_speaking() && detector.silence_ms() > 0;
            if timed && silent {
                let next = pace.map_or_else(tokio::time::Instant::now, |last| last + FRAME);
                pace = Some(next);
                tokio::time::sleep_until(next).await;
            } else {
                pace = None;
            }
            prosody.push(&samples);
            let input = SttInput::Audio { at_ms, mulaw: Bytes::copy_from_slice(frame) };
            stt.input.send(input).await.ok()?;
            detector.push(&samples, &mut events);
            for event in events.drain(..) {
                match event {
                    VadEvent::Started { at_ms, from_ms, decided_ms } => {
                        began = at_ms;
                        first.get_or_insert(from_ms);
                        if let Some(pause) = pauses.last_mut() {
                            pause.until_ms = Some(decided_ms);
                        }
                        stt.input.send(SttInput::SpeechStarted { at_ms: from_ms }).await.ok()?;
                    }
                    VadEvent::Stopped { at_ms, decided_ms } => {
                        stretches += 1;
                        stt.input.send(SttInput::SpeechStopped { at_ms }).await.ok()?;
                        let words_after_ms = if timed {
                            let since = tokio::time::Instant::now();
                            words.extend(next_words(&mut stt.events).await);
                            Some(since.elapsed().as_millis() as u64)
                        } else {
                            None
                        };
                        let model = self.score(turn, first?, decided_ms).await;
                        pauses.push(Pause {
                            at_ms,
                            known_ms: decided_ms,
                            until_ms: None,
                            text: String::new(),
                            prosody: for_turn(prosody.ending(began, at_ms)),
                            model,
                            model_again: None,
                            words_after_ms,
                        });
                    }
                }
            }
        }
        drop(stt.input);
        // A turn of a few seconds is one piece of words for each stretch.
        while words.len() < stretches
            && let Some(settled) = next_words(&mut stt.events).await
        {
            words.push(settled);
        }
        for pause in &mut pauses {
            let so_far = words.iter().filter(|(from_ms, _)| *from_ms < pause.at_ms);
            let so_far: Vec<&str> = so_far.map(|(_, text)| text.trim()).collect();
            pause.text = so_far.join(" ").trim().to_owned();
            let lasts = pause.until_ms.is_none_or(|until| until > pause.at_ms + AGAIN_MS);
            if lasts {
                pause.model_again = self.score(turn, first?, pause.at_ms + AGAIN_MS).await;
            }
        }
        // A turn of which the detector or the recogniser heard nothing is no turn to end.
        let usable = pauses.last().is_some_and(|last| !last.text.is_empty());
        usable.then_some(Heard { ends_ms: turn.ends_ms, pauses })
    }

    async fn score(&self, turn: &Turn, from_ms: u64, to_ms: u64) -> Option<f32> {
        let place = |ms: u64| (ms as usize * 8).min(turn.mulaw.len());
        let audio = turn.mulaw[place(from_ms)..place(to_ms)].to_vec();
        self.local.turn()?.judge(audio).await.ok()
    }
}

/// The words that are settled on next, and from where on.
async fn next_words(events: &mut tokio::sync::mpsc::Receiver<SttEvent>) -> Option<(u64, String)> {
    while let Some(event) = events.recv().await {
        if let SttEvent::Final { text, from_ms, .. } = event {
            return Some((from_ms, text));
        }
    }
    None
}

fn for_turn(ending: media::prosody::Ending) -> endpoint::Prosody {
    endpoint::Prosody {
        pitch: ending.pitch,
        slope: ending.slope,
        level: ending.level,
        held_ms: ending.held_ms,
        spoken_ms: ending.spoken_ms,
    }
}
