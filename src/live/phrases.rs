//! The machine's own phrases, made into speech beforehand.
//!
//! What the machine says by itself is known when the process starts: the greeting, "one moment,
//! please", apologies, goodbyes. [`Phrases`] is the chosen voice with these kept: exactly such a
//! sentence is there at once, whole, and also while the voice is down. Everything else goes to the
//! voices as ever, so no sentence is ever put together from two of them.
//!
//! Only the preferred engine makes phrases, in the business's voice: another one's would sound unlike
//! the rest of the call. What it cannot make now is tried again until it can.
//!
//! Businesses of the control plane are known when they are called: what the machine says in any call is
//! made in their voice and language during the first one.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use bytes::{Bytes, BytesMut};
use spoken::Spoken;
use tokio::sync::{mpsc, watch};
use turn::{Policy, Script, sentence::Sentences};
use vendors::{
    BoxFuture, Problem, Tts, TtsEvent, TtsRequest, TtsStream, VendorError, WordTime, Work,
    failover::FailoverTts,
};

/// Phrases that are kept at most.
const MOST_PHRASES: usize = 512;
/// Of one business's file.
const MOST_OF_ONE: usize = 64;
/// Bytes of audio that are kept at most: 70 minutes.
const MOST_BYTES: usize = 32 * 1024 * 1024;
/// Time allowed for a phrase's first audio, and between one piece and the next. Nobody waits for it.
const PATIENCE: Duration = Duration::from_secs(10);
/// Waits before what could not be made is tried again: the first, and the longest.
const FIRST_WAIT: Duration = Duration::from_secs(1);
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// What makes one phrase sound unlike another.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Key {
    /// As it is said.
    text: String,
    voice: Option<String>,
    language: String,
}

/// A phrase as it sounds.
#[derive(Debug)]
struct Clip {
    mulaw: Bytes,
    words: Vec<WordTime>,
}

/// The chosen voice, with phrases that are ready beforehand.
pub struct Phrases {
    voice: Arc<FailoverTts>,
    kept: Mutex<HashMap<Key, Arc<Clip>>>,
    /// Being made for a call's business.
    making: Mutex<HashSet<Key>>,
    /// Is all made that is to be made?
    complete: watch::Sender<bool>,
}

impl Phrases {
    /// This voice, with nothing ready.
    pub fn of(voice: Arc<FailoverTts>) -> Self {
        let (kept, making) = Default::default();
        Phrases { voice, kept, making, complete: watch::Sender::new(false) }
    }

    /// Makes these sentences ready, one after the other, and what fails again later. Ends when all are
    /// ready or the rest can never be; drop it to stop.
    pub async fn prepare(&self, sentences: Vec<String>, voice: Option<String>, language: String) {
        let mut missing = keys(&sentences, voice, language);
        let mut wait = FIRST_WAIT;
        while !missing.is_empty() {
            let mut failed = Vec::new();
            for key in missing {
                match self.make(&key).await {
                    Ok(clip) => self.keep(key, clip),
                    Err(error) if is_for_good(&error.problem) => {
                        tracing::warn!(%error, "a phrase will not be ready beforehand");
                    }
                    Err(error) => {
                        tracing::debug!(%error, "a phrase is not ready yet");
                        failed.push(key);
                    }
                }
            }
            missing = failed;
            if !missing.is_empty() {
                tracing::info!(missing = missing.len(), "phrases are made once the voice is back");
                tokio::time::sleep(wait).await;
                wait = (wait * 2).min(LONGEST_WAIT);
            }
        }
        self.complete.send_replace(true);
    }

    /// Makes those of these sentences ready that are not, in the background; what fails is tried again when
    /// the next call asks for it.
    pub fn learn(self: &Arc<Self>, sentences: &[String], voice: Option<String>, language: String) {
        let mut missing = keys(sentences, voice, language);
        {
            let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
            let mut making = self.making();
            missing.retain(|key| !kept.contains_key(key) && kept.len() < MOST_PHRASES);
            missing.retain(|key| making.insert(key.clone()));
        }
        if missing.is_empty() {
            return;
        }
        let phrases = Arc::clone(self);
        tokio::spawn(async move {
            for key in missing {
                let made = phrases.make(&key).await;
                phrases.making().remove(&key);
                match made {
                    Ok(clip) => phrases.keep(key, clip),
                    Err(error) => tracing::debug!(%error, "a phrase is not ready yet"),
                }
            }
        });
    }

    fn making(&self) -> MutexGuard<'_, HashSet<Key>> {
        self.making.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Until [`Phrases::prepare`] has made all that can be made.
    pub async fn prepared(&self) {
        // The sender is in `self`: it is not gone while this waits.
        let _ = self.complete.subscribe().wait_for(|complete| *complete).await;
    }

    /// How many phrases are ready.
    pub fn ready(&self) -> usize {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    async fn make(&self, key: &Key) -> Result<Clip, VendorError> {
        let Some(preferred) = self.voice.members().next() else {
            return Err(failed("no voice", "make a phrase"));
        };
        let mut stream = preferred.engine.speak(TtsRequest {
            text: key.text.clone(),
            voice: key.voice.clone(),
            language: key.language.clone(),
            first_audio_within: PATIENCE,
            next_audio_within: PATIENCE,
        });
        let (mut mulaw, mut words) = (BytesMut::new(), Vec::new());
        while let Some(event) = stream.events.recv().await {
            match event {
                TtsEvent::Audio(piece) if mulaw.len() + piece.len() > MOST_BYTES => {
                    return Err(failed(preferred.name, "end a phrase"));
                }
                TtsEvent::Audio(piece) => mulaw.extend_from_slice(&piece),
                TtsEvent::Words(more) => words.extend(more),
                TtsEvent::Done => return Ok(Clip { mulaw: mulaw.freeze(), words }),
                TtsEvent::Failed(error) => return Err(error),
            }
        }
        Err(failed(preferred.name, "end a phrase"))
    }

    fn keep(&self, key: Key, clip: Clip) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let bytes: usize = kept.values().map(|clip| clip.mulaw.len()).sum();
        if kept.len() < MOST_PHRASES && bytes + clip.mulaw.len() <= MOST_BYTES {
            kept.insert(key, Arc::new(clip));
        } else {
            tracing::warn!("there is no room for another phrase");
        }
    }

    fn find(&self, request: &TtsRequest) -> Option<Arc<Clip>> {
        let key = Key {
            text: request.text.clone(),
            voice: request.voice.clone(),
            language: request.language.clone(),
        };
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).get(&key).map(Arc::clone)
    }
}

impl Tts for Phrases {
    fn name(&self) -> &'static str {
        self.voice.name()
    }

    fn speak(&self, request: TtsRequest) -> TtsStream {
        let Some(clip) = self.find(&request) else { return self.voice.speak(request) };
        metrics::counter!("tandem_phrases_ready_total").increment(1);
        let said = [
            TtsEvent::Audio(clip.mulaw.clone()),
            TtsEvent::Words(clip.words.clone()),
            TtsEvent::Done,
        ];
        let (sender, events) = mpsc::channel(said.len());
        for event in said {
            // There is room for all of them.
            let _ = sender.try_send(event);
        }
        TtsStream { events, work: Work::spawn(std::future::ready(())) }
    }

    fn check(&self) -> BoxFuture<'_, Result<String, VendorError>> {
        self.voice.check()
    }
}

/// How these are found, as `live::voice` hands them on: by the words that are said.
fn keys(sentences: &[String], voice: Option<String>, language: String) -> Vec<Key> {
    let said = sentences.iter().map(|text| Spoken::of(text, &language).text);
    let key = |text| Key { text, voice: voice.clone(), language: language.clone() };
    said.filter(|text| !text.is_empty()).map(key).collect()
}

/// What the machine says by itself, sentence by sentence, what is most urgent first.
pub fn sentences(policy: &Policy, script: &Script) -> Vec<String> {
    let Policy { patience, idle, pause, voicemail, .. } = policy;
    let phrases = [&script.notice, &script.greeting, &patience.filler]
        .into_iter()
        .chain([&patience.unheard, &patience.apology, &patience.give_up, &patience.deaf])
        .chain(script.resumed.as_ref())
        .chain([&idle.prompt, &idle.goodbye, &script.goodbye, &script.transfer])
        .chain([&pause.phrase, &voicemail.message])
        .chain(script.tools.iter().map(|tool| &tool.filler));
    let mut all: Vec<String> = Vec::new();
    for phrase in phrases {
        let mut cut = Sentences::default();
        let mut sentences = cut.push(phrase);
        sentences.extend(cut.finish());
        for sentence in sentences {
            if all.len() < MOST_OF_ONE && !all.contains(&sentence) {
                all.push(sentence);
            }
        }
    }
    all
}

/// Would the same phrase fail again and again?
fn is_for_good(problem: &Problem) -> bool {
    match problem {
        Problem::Unauthorized { .. } => true,
        Problem::Status { status, .. } => (400..500).contains(status) && *status != 402,
        _ => false,
    }
}

fn failed(vendor: &'static str, attempt: &'static str) -> VendorError {
    let problem = Problem::Cut("the voice stopped".to_owned());
    VendorError { vendor, attempt, problem, request_id: None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn phrases_are_cut_as_the_machine_cuts_them_and_come_once() {
        let script = Script {
            greeting: "Hello! We open at 8 a.m. on weekdays.".into(),
            goodbye: "Goodbye.".into(),
            ..Script::default()
        };
        let mut policy = Policy::default();
        policy.idle.goodbye = "Goodbye.".into();
        let all = sentences(&policy, &script);
        assert_eq!(all[..2], ["Hello!", "We open at 8 a.m. on weekdays."]);
        assert_eq!(all.iter().filter(|sentence| *sentence == "Goodbye.").count(), 1);
        assert!(all.contains(&"One moment, please.".to_owned()));
    }

    #[test]
    fn there_is_an_end_to_phrases() {
        let greeting = (0..200).map(|n| format!("Sentence {n} is short. ")).collect();
        let script = Script { greeting, ..Script::default() };
        assert_eq!(sentences(&Policy::default(), &script).len(), MOST_OF_ONE);
    }
}
