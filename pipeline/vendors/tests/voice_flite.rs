//! The voice that needs no files: at a fit level, without clicks or long silences, its words timed,
//! within its limits.

use std::time::Duration;

use media::g711;
use vendors::{
    Problem, Tts, TtsEvent, TtsRequest, TtsStream, VendorError, WordTime, local::FliteVoice,
};

fn request(text: &str, within: Duration) -> TtsRequest {
    TtsRequest {
        text: text.into(),
        voice: None,
        language: "en-US".into(),
        first_audio_within: within,
        next_audio_within: within,
    }
}

#[derive(Default)]
struct Said {
    pieces: Vec<Vec<u8>>,
    words: Vec<WordTime>,
}

impl Said {
    fn samples(&self) -> Vec<i16> {
        g711::decode_all(&self.pieces.concat())
    }
}

async fn all(mut stream: TtsStream) -> Result<Said, VendorError> {
    let mut said = Said::default();
    while let Some(event) = stream.events.recv().await {
        match event {
            TtsEvent::Audio(piece) => said.pieces.push(piece.to_vec()),
            TtsEvent::Words(words) => said.words.extend(words),
            TtsEvent::Done => return Ok(said),
            TtsEvent::Failed(error) => return Err(error),
        }
    }
    panic!("the stream ended without a last word")
}

async fn say(text: &str) -> Said {
    all(FliteVoice::new().speak(request(text, Duration::from_secs(20)))).await.unwrap()
}

/// Levels of stretches of 10 ms, in dB below full scale.
fn levels(samples: &[i16]) -> Vec<f64> {
    let square = |sample: &i16| (f64::from(*sample) / 32768.0).powi(2);
    let level = |part: &[i16]| {
        10.0 * (part.iter().map(square).sum::<f64>() / part.len() as f64 + 1e-9).log10()
    };
    samples.chunks_exact(80).map(level).collect()
}

const TEXTS: [&str; 3] = [
    "Sorry, please hold the line while I find someone to help you.",
    "We are open from nine until six. On Sunday we are closed!",
    "Your appointment is on 3/14/2026 at 8:30 am, and costs $95.",
];

#[tokio::test]
async fn it_speaks_at_a_level_fit_for_a_call() {
    for text in TEXTS {
        let said = say(text).await;
        assert!(said.pieces.iter().all(|piece| !piece.is_empty() && piece.len() <= 1_600));
        let samples = said.samples();
        // -3 dBFS.
        assert!(samples.iter().all(|sample| sample.unsigned_abs() <= 23_198), "{text}");
        let levels = levels(&samples);
        let loudest = levels.iter().copied().fold(f64::MIN, f64::max);
        let speech: Vec<f64> = levels
            .iter()
            .filter(|level| **level > loudest - 25.0)
            .map(|level| 10_f64.powf(level / 10.0))
            .collect();
        let level = 10.0 * (speech.iter().sum::<f64>() / speech.len() as f64).log10();
        assert!((-23.0..-17.0).contains(&level), "{text}: {level:.1} dBFS");
    }
}

#[tokio::test]
async fn it_begins_and_ends_in_a_short_silence_without_a_click() {
    for text in TEXTS {
        let samples = say(text).await.samples();
        let (first, last) = (samples[..8].iter(), samples[samples.len() - 8..].iter());
        assert!(first.chain(last).all(|sample| sample.abs() < 300), "{text}");
        let levels = levels(&samples);
        let quiet = |level: &&f64| **level < -50.0;
        assert!(levels.iter().take_while(quiet).count() <= 4, "{text}: {levels:.0?}");
        assert!(levels.iter().rev().take_while(quiet).count() <= 9, "{text}: {levels:.0?}");
    }
}

#[tokio::test]
async fn each_stretch_of_the_text_is_timed() {
    for text in TEXTS {
        let said = say(text).await;
        let spaces = text.match_indices(' ').map(|(at, _)| at).chain([text.len()]);
        let ends: Vec<usize> = said.words.iter().map(|word| word.text_end).collect();
        assert_eq!(ends, spaces.collect::<Vec<_>>(), "{text}");
        let samples = said.samples();
        let levels = levels(&samples);
        for pair in said.words.windows(2) {
            assert!(pair[0].to_ms <= pair[1].from_ms, "{text}: {pair:?}");
        }
        for word in &said.words {
            assert!(word.from_ms < word.to_ms && word.to_ms as usize <= samples.len() / 8);
            let heard =
                &levels[word.from_ms as usize / 10..(word.to_ms as usize / 10).min(levels.len())];
            let loudest = heard.iter().copied().fold(f64::MIN, f64::max);
            assert!(loudest > -32.0, "{text}: nothing is heard in {word:?}: {loudest}");
        }
    }
}

/// The same words with and without figures sound the same.
#[tokio::test]
async fn figures_are_said_in_words() {
    for (figures, words) in [
        ("It costs $95.", "It costs ninety-five dollars."),
        ("Call 555-0142.", "Call five five five, zero one four two."),
        ("Come at 8:30.", "Come at eight thirty."),
        ("Dr. Lee", "doctor Lee"),
    ] {
        assert_eq!(say(figures).await.samples(), say(words).await.samples(), "{figures}");
    }
}

#[tokio::test]
async fn what_has_no_sound_is_done_at_once() {
    for text in ["", "  ", " … ", "👋", "東京", "\u{0}\u{7}"] {
        let said = say(text).await;
        assert!(said.pieces.is_empty() && said.words.is_empty(), "{text:?}");
    }
}

#[tokio::test]
async fn many_at_once_are_all_served() {
    let alone = say(TEXTS[0]).await.samples();
    let many = (0..20).map(|_| tokio::spawn(say(TEXTS[0])));
    for one in many.collect::<Vec<_>>() {
        assert_eq!(one.await.unwrap().samples(), alone);
    }
}

#[tokio::test]
async fn time_and_length_are_limited() {
    let long = "This sentence goes on without an end ".repeat(200);
    let voice = FliteVoice::new();
    let late = all(voice.speak(request(&long, Duration::ZERO))).await.err().unwrap();
    assert!(matches!(late.problem, Problem::TimedOut { waited_for: "first audio", .. }), "{late}");
    let endless = all(voice.speak(request(&long.repeat(10), Duration::from_secs(20)))).await;
    let endless = endless.err().unwrap();
    assert!(matches!(endless.problem, Problem::Engine(_)), "{endless}");
    assert_eq!(endless.vendor, voice.name());
}

/// Nobody listens to these, and the voice is free for the next all the same.
#[tokio::test]
async fn abandoned_sentences_hold_nothing_up() {
    let voice = FliteVoice::new();
    let long = TEXTS[0].repeat(100);
    let stalled: Vec<TtsStream> =
        (0..4).map(|_| voice.speak(request(&long, Duration::from_secs(20)))).collect();
    drop(voice.speak(request(&long, Duration::from_secs(20))));
    assert!(!say(TEXTS[1]).await.pieces.is_empty());
    drop(stalled);
}
