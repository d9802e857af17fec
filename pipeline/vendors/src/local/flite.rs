//! A voice that needs no files: flite's `kal`, a man, 8 kHz, diphones.
//!
//! It sounds like the machine that it is, but it is always there: where the models are not, and when
//! every other voice has failed. A sentence takes milliseconds, on a thread for blocking work; a few
//! at once at most, so that a crowd of calls cannot take all of these. Times of words are the lengths
//! that the engine itself gave their sounds.

use std::sync::{
    Arc, OnceLock,
    atomic::{AtomicBool, Ordering},
};

use bytes::Bytes;
use flite_rs::{
    Flow, Utterance, Voice, VoiceParams, language::Language, phoneset::SILENCE, pipeline,
    text::Token, voice,
};
use media::g711;
use tokio::{
    sync::{Semaphore, mpsc},
    time::Instant,
};

use super::{
    NAME,
    tts::{LONGEST_TEXT, PIECE, failed, stretch::stretches, within},
};
use crate::{
    BoxFuture, Problem, Tts, TtsEvent, TtsRequest, TtsStream, VendorError, WordTime, Work,
};

/// Samples a second.
const RATE: f32 = 8_000.0;

/// The voice speaks at about -18 dBFS RMS, with peaks near full scale; this brings it to about -20.
const GAIN: f32 = 0.8;

/// Up to here samples pass; beyond, they approach [`CEILING`].
const KNEE: f32 = 16_000.0;

/// -3 dBFS, of which mu-law makes no more.
const CEILING: f32 = 23_000.0;

/// Silence before the first sound, and after the last, in samples: 30 and 60 ms.
const LEAD: usize = 240;
const TAIL: usize = 480;

/// A sample this loud, -44 dBFS, is above the voice's own hiss.
const HEARD: i16 = 200;

/// Length of the rise and of the fall at the edges, in samples: 5 ms.
const EDGE: usize = 40;

/// Sentences that are made at once, whoever asks.
static AT_WORK: Semaphore = Semaphore::const_new(2);

/// The tables, parsed once for the process.
static KAL: OnceLock<Result<Kal, String>> = OnceLock::new();

/// The voice that is always there.
#[derive(Clone, Copy, Debug, Default)]
pub struct FliteVoice;

impl FliteVoice {
    /// The voice. Its tables are parsed at the first sentence, which takes some milliseconds.
    pub fn new() -> Self {
        FliteVoice
    }
}

impl Tts for FliteVoice {
    fn name(&self) -> &'static str {
        NAME
    }

    fn speak(&self, request: TtsRequest) -> TtsStream {
        let (sender, events) = mpsc::channel(64);
        let work = Work::spawn(async move {
            if let Err(problem) = say(&request, &sender).await {
                let _ = sender.send(TtsEvent::Failed(failed(problem))).await;
            }
        });
        TtsStream { events, work }
    }

    fn check(&self) -> BoxFuture<'_, Result<String, VendorError>> {
        Box::pin(async {
            blocking(|_| kal().map(|_| ())).await.map_err(failed)?;
            Ok("voice kal (flite), no files needed".to_owned())
        })
    }
}

/// Says a text sentence by sentence. Only what is made waits for the listener, never a thread.
async fn say(request: &TtsRequest, events: &mpsc::Sender<TtsEvent>) -> Result<(), Problem> {
    let text = &request.text;
    if text.len() > LONGEST_TEXT {
        return Err(Problem::Engine(format!(
            "the sentence has {} bytes, more than {LONGEST_TEXT}",
            text.len()
        )));
    }
    let (mut since, mut allowed, mut waited_for) =
        (Instant::now(), request.first_audio_within, "first audio");
    let mut spoken_samples = 0;
    let sentences = sentences(text);
    let last = sentences.len().saturating_sub(1);
    for (index, sentence) in sentences.into_iter().enumerate() {
        let edges = Edges { first: index == 0, last: index == last };
        let make = blocking(move |wanted| Ok(kal()?.speak(&sentence, edges, wanted)));
        let speech = within(since, allowed, waited_for, make).await?;
        let words = speech.words(spoken_samples);
        spoken_samples += speech.samples.len();
        // The first sound goes first: it is what the caller waits for.
        let mut pieces = speech.samples.chunks(PIECE).map(g711::encode_all).map(Bytes::from);
        let first = pieces.next().map(TtsEvent::Audio);
        let words = (!words.is_empty()).then_some(TtsEvent::Words(words));
        for event in first.into_iter().chain(words).chain(pieces.map(TtsEvent::Audio)) {
            if events.send(event).await.is_err() {
                return Ok(());
            }
        }
        (since, allowed, waited_for) = (Instant::now(), request.next_audio_within, "next audio");
    }
    let _ = events.send(TtsEvent::Done).await;
    Ok(())
}

/// Runs `work` on a thread for blocking work; it is told when its result is no longer wanted.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce(&Wanted) -> Result<T, Problem> + Send + 'static,
) -> Result<T, Problem> {
    let permit = AT_WORK.acquire().await.map_err(|error| Problem::Engine(error.to_string()))?;
    let wanted = Wanted(Arc::new(AtomicBool::new(true)));
    let until_dropped = Revoke(wanted.clone());
    let result = tokio::task::spawn_blocking(move || {
        let result = work(&wanted);
        drop(permit);
        result
    })
    .await;
    drop(until_dropped);
    result.unwrap_or_else(|_| Err(Problem::Engine("the voice panicked".into())))
}

#[derive(Clone)]
struct Wanted(Arc<AtomicBool>);

/// Tells the work that nobody waits for it any more.
struct Revoke(Wanted);

impl Drop for Revoke {
    fn drop(&mut self) {
        self.0.0.store(false, Ordering::Relaxed);
    }
}

/// What is analysed and spoken at once.
struct Sentence {
    tokens: Vec<Token>,
    /// For each token, where the stretch of the text that it belongs to ends, in bytes.
    text_ends: Vec<usize>,
}

/// The sentences of a text, as it is said.
fn sentences(text: &str) -> Vec<Sentence> {
    let (mut said, mut ends) = (String::new(), Vec::new());
    for stretch in stretches(text) {
        for letter in stretch.words.chars() {
            match letter {
                '“' | '”' => said.push('"'),
                '–' | '—' => said.push(','),
                '…' => said.push('.'),
                letter if letter.is_control() => said.push(' '),
                letter => said.push(letter),
            }
        }
        ends.push((said.len(), stretch.text_end));
        said.push(' ');
    }
    let (mut at, mut stretch) = (0, 0);
    flite_rs::text::sentences(&said)
        .map(|tokens| {
            let places = tokens.iter().map(|token| {
                at += token.whitespace.len();
                // A token never reaches over white space, so it lies in one stretch.
                while stretch + 1 < ends.len() && at >= ends[stretch].0 {
                    stretch += 1;
                }
                at += token.prepunctuation.len() + token.name.len() + token.punctuation.len();
                ends.get(stretch).map_or(text.len(), |(_, text_end)| *text_end)
            });
            let text_ends = places.collect();
            Sentence { tokens, text_ends }
        })
        .collect()
}

/// Which of its edges are those of the whole text.
#[derive(Clone, Copy)]
struct Edges {
    first: bool,
    last: bool,
}

/// One sentence, spoken.
struct Speech {
    samples: Vec<i16>,
    /// For each stretch of the text where it ends there, and its first and last sample.
    stretches: Vec<(usize, usize, usize)>,
}

impl Speech {
    /// The times of its words, given the samples before it.
    fn words(&self, before: usize) -> Vec<WordTime> {
        let ms = |sample: usize| {
            let sample = before + sample.min(self.samples.len());
            u32::try_from(sample as u64 * 1000 / RATE as u64).unwrap_or(u32::MAX)
        };
        self.stretches
            .iter()
            .map(|&(text_end, from, to)| WordTime { text_end, from_ms: ms(from), to_ms: ms(to) })
            .collect()
    }
}

/// The voice and what it knows of English.
struct Kal {
    language: Arc<Language>,
    voice: Voice,
    params: VoiceParams,
}

fn kal() -> Result<&'static Kal, Problem> {
    let parse = || {
        let language = flite_rs::Engine::try_new()?.language();
        let voice = Voice::parse(flite_rs::KAL_VOICE_DATA)?;
        let params = voice.params();
        Ok(Kal { language, voice, params })
    };
    let parsed = KAL.get_or_init(|| {
        parse().map_err(|error: flite_rs::data::DataError| format!("the voice is damaged: {error}"))
    });
    parsed.as_ref().map_err(|problem| Problem::Engine(problem.clone()))
}

impl Kal {
    fn speak(&self, sentence: &Sentence, edges: Edges, wanted: &Wanted) -> Speech {
        let plan = pipeline::analyse(&self.language, &sentence.tokens, &self.params);
        let mut stretches: Vec<(usize, usize, usize)> = Vec::new();
        for (token, &text_end) in plan.iter_relation("Token").zip(&sentence.text_ends) {
            let Some((from, to)) = sounds(&plan, token) else { continue };
            match stretches.last_mut() {
                Some(last) if last.0 == text_end => last.2 = to,
                _ => stretches.push((text_end, from, to)),
            }
        }
        let (Some(&(_, first, _)), Some(&(_, _, last))) = (stretches.first(), stretches.last())
        else {
            return Speech { samples: Vec::new(), stretches };
        };

        let mut samples = Vec::new();
        voice::synthesise_streaming(&self.voice, &plan, &self.params, &mut |period| {
            samples.extend(period.iter().map(|&sample| level(sample)));
            if wanted.0.load(Ordering::Relaxed) { Flow::Continue } else { Flow::Stop }
        });
        if edges.last {
            samples.truncate(last + TAIL);
            let length = samples.len();
            fade(samples[length - EDGE.min(length)..].iter_mut().rev());
        }
        if edges.first {
            // A stop consonant begins with its silence; a sibilant, faintly, at once.
            let planned = first.min(samples.len());
            let heard = samples[planned..].iter().position(|sample| sample.abs() > HEARD);
            let cut = (planned + heard.unwrap_or_default()).saturating_sub(LEAD);
            samples.drain(..cut);
            fade(samples.iter_mut());
            for (_, from, to) in &mut stretches {
                (*from, *to) = (from.saturating_sub(cut), to.saturating_sub(cut));
            }
        }
        Speech { samples, stretches }
    }
}

/// The first and the last sample of what a token says, if it says something.
fn sounds(plan: &Utterance, token: usize) -> Option<(usize, usize)> {
    let segments = |word| {
        let syllables = plan.item_as(word, "SylStructure").and_then(|word| plan.daughter(word));
        plan.iter_from(syllables).flat_map(|syllable| plan.iter_from(plan.daughter(syllable)))
    };
    let mut sounds = plan
        .iter_from(plan.daughter(token))
        .flat_map(segments)
        .filter_map(|segment| plan.item_as(segment, "Segment"))
        .filter(|segment| plan.name(*segment) != SILENCE);
    let first = sounds.next()?;
    let last = sounds.last().unwrap_or(first);
    let sample = |segment| (plan.feature_f32(segment, "end") * RATE) as usize;
    // A sound begins where the one before it ends.
    Some((plan.prev(first).map_or(0, sample), sample(last)))
}

fn level(sample: i16) -> i16 {
    let loud = f32::from(sample) * GAIN;
    let over = loud.abs() - KNEE;
    if over <= 0.0 {
        return loud as i16;
    }
    let room = CEILING - KNEE;
    (KNEE + room * (over / room).tanh()).copysign(loud) as i16
}

/// Lets the first of `samples` rise from silence.
fn fade<'a>(samples: impl Iterator<Item = &'a mut i16>) {
    for (n, sample) in samples.take(EDGE).enumerate() {
        *sample = (i32::from(*sample) * n as i32 / EDGE as i32) as i16;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole(text: &str) -> Vec<Speech> {
        let sentences = sentences(text);
        let last = sentences.len().saturating_sub(1);
        let wanted = Wanted(Arc::new(AtomicBool::new(true)));
        let speak = |(index, sentence): (usize, Sentence)| {
            kal().unwrap().speak(
                &sentence,
                Edges { first: index == 0, last: index == last },
                &wanted,
            )
        };
        sentences.into_iter().enumerate().map(speak).collect()
    }

    #[test]
    fn the_plan_of_sounds_is_where_the_sound_is() {
        // Between two sentences there is a pause; the plan must put the words on either side of it.
        let [first, second] = <[Speech; 2]>::try_from(whole("Stop. Go.")).ok().unwrap();
        let loudest = |samples: &[i16]| samples.iter().map(|s| s.unsigned_abs()).max().unwrap_or(0);
        let (_, from, to) = first.stretches[0];
        assert!(loudest(&first.samples[from..to]) > 5_000);
        assert!(
            loudest(&first.samples[to + 160..]) < 1_500,
            "{}",
            loudest(&first.samples[to + 160..])
        );
        let (text_end, from, to) = second.stretches[0];
        assert_eq!(text_end, 9);
        assert!(loudest(&second.samples[..from - 160]) < 1_500);
        assert!(loudest(&second.samples[from..to]) > 5_000);
    }

    #[test]
    fn silence_around_the_whole_is_short_and_fades() {
        let speech = whole("Hello there.").pop().unwrap();
        let (_, first, _) = speech.stretches[0];
        let (_, _, last) = speech.stretches[1];
        assert!(first <= LEAD, "{first}");
        assert!(speech.samples.len() - last <= TAIL);
        assert_eq!((speech.samples[0], speech.samples.last()), (0, Some(&0)));
    }

    #[test]
    fn work_that_nobody_wants_stops_early() {
        let sentence = sentences(&"and so on ".repeat(50)).pop().unwrap();
        let edges = Edges { first: true, last: true };
        let stopped = kal().unwrap().speak(&sentence, edges, &Wanted(Arc::default()));
        assert!(stopped.samples.len() < 1_000, "{}", stopped.samples.len());
        assert!(stopped.words(0).windows(2).all(|pair| pair[0].to_ms <= pair[1].from_ms));
    }

    #[test]
    fn no_sample_passes_the_ceiling() {
        assert!(level(i16::MAX) <= CEILING as i16 && level(i16::MIN) >= -(CEILING as i16));
        assert_eq!(level(1_000), 800);
    }
}
