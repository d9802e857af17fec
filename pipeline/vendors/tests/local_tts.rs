//! The local voices: what they say is understood by the local recogniser, at a fit level, in time.

use std::time::{Duration, Instant};

use bytes::Bytes;
use media::g711;
use vendors::{
    SttEvent, SttInput, SttOptions, Tts, TtsEvent, TtsRequest, WordTime,
    local::{
        FliteVoice, Local, LocalOptions,
        models::{self, Part},
    },
};

struct Spoken {
    mulaw: Vec<u8>,
    words: Vec<WordTime>,
    first_audio: Duration,
    all: Duration,
}

async fn speak(voice: &dyn Tts, text: &str) -> Spoken {
    let began = Instant::now();
    let mut stream = voice.speak(TtsRequest {
        text: text.into(),
        voice: None,
        language: "en-US".into(),
        first_audio_within: Duration::from_secs(20),
        next_audio_within: Duration::from_secs(20),
    });
    let mut spoken = Spoken {
        mulaw: Vec::new(),
        words: Vec::new(),
        first_audio: Duration::ZERO,
        all: Duration::ZERO,
    };
    while let Some(event) = stream.events.recv().await {
        match event {
            TtsEvent::Audio(piece) => {
                if spoken.mulaw.is_empty() {
                    spoken.first_audio = began.elapsed();
                }
                spoken.mulaw.extend_from_slice(&piece);
            }
            TtsEvent::Words(words) => spoken.words.extend(words),
            TtsEvent::Done => {
                spoken.all = began.elapsed();
                return spoken;
            }
            TtsEvent::Failed(error) => panic!("{error}"),
        }
    }
    panic!("{text:?} ended without a word");
}

/// What the recogniser makes of it.
async fn understand(local: &Local, mulaw: &[u8]) -> String {
    let mut stream = local.stt().listen(SttOptions::default());
    let pause = Bytes::from_static(&[g711::SILENCE; 4_000]);
    let end_ms = 500 + mulaw.len() as u64 / 8;
    let audio = |at_ms, mulaw| SttInput::Audio { at_ms, mulaw };
    for input in [
        audio(0, pause.clone()),
        SttInput::SpeechStarted { at_ms: 500 },
        audio(500, Bytes::copy_from_slice(mulaw)),
        audio(end_ms, pause),
        SttInput::SpeechStopped { at_ms: end_ms },
    ] {
        stream.input.send(input).await.unwrap();
    }
    drop(stream.input);
    let mut text = String::new();
    while let Some(event) = stream.events.recv().await {
        if let SttEvent::Final { text: words, .. } = event {
            text = format!("{text} {words}");
        }
    }
    text.trim().to_owned()
}

fn plain(text: &str) -> String {
    let kept = text.to_lowercase().replace('-', " ");
    let kept: String = kept.chars().filter(|c| c.is_alphanumeric() || *c == ' ').collect();
    kept.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The level of a piece, in dB below full scale.
fn dbfs(mulaw: &[u8]) -> f64 {
    let square = |byte: &u8| (f64::from(g711::decode(*byte)) / 32768.0).powi(2);
    10.0 * (mulaw.iter().map(square).sum::<f64>() / mulaw.len().max(1) as f64).log10()
}

/// The level of what is speech: of the frames within 25 dB of the loudest.
fn speech_level(mulaw: &[u8]) -> f64 {
    let frames: Vec<&[u8]> = mulaw.chunks_exact(160).collect();
    let loudest = frames.iter().map(|frame| dbfs(frame)).fold(f64::MIN, f64::max);
    let speech: Vec<u8> = frames
        .iter()
        .filter(|f| dbfs(f) > loudest - 25.0)
        .flat_map(|f| f.iter().copied())
        .collect();
    dbfs(&speech)
}

const SENTENCES: [&str; 8] = [
    "Yes, we do.",
    "Thank you for calling Riverside Dental.",
    "We are open Monday to Friday from eight in the morning until six in the evening.",
    "On Saturday we are open from nine until one, and on Sunday we are closed.",
    "A cleaning with an examination is ninety-five dollars, and the first visit takes about an hour.",
    "Parking is free in the garage behind the building, and there is a bus stop across the street.",
    "Could you tell me your name and a phone number, please?",
    "I am not sure about that, but I can put you through to a person.",
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_voice_is_understood() {
    let Some(dir) = models::for_tests() else { return };
    let parts = [Part::Stt, Part::Tts];
    let local = Local::open_parts(dir, &LocalOptions::default(), &parts).expect("the models load");
    let voice = local.tts();
    let mut wrong = 0;
    for text in SENTENCES {
        let spoken = speak(&*voice, text).await;
        let heard = understand(&local, &spoken.mulaw).await;
        wrong += usize::from(plain(&heard) != plain(text));
        let seconds = spoken.mulaw.len() as f64 / 8_000.0;
        println!(
            "{seconds:.1} s, {:.1} dBFS, first audio {:.0?}, all {:.0?}: {heard}",
            speech_level(&spoken.mulaw),
            spoken.first_audio,
            spoken.all
        );

        assert!((-24.0..-16.0).contains(&speech_level(&spoken.mulaw)));
        let peak = spoken.mulaw.iter().map(|byte| g711::decode(*byte).unsigned_abs()).max();
        assert!(peak < Some(26_000), "{peak:?}");
        // Edges without a click: the first and last samples are near silence.
        for edge in [&spoken.mulaw[..4], &spoken.mulaw[spoken.mulaw.len() - 4..]] {
            assert!(edge.iter().all(|byte| g711::decode(*byte).abs() < 400));
        }
        check_words(text, &spoken);
    }
    assert!(wrong <= 1, "{wrong} of {} sentences were misunderstood", SENTENCES.len());
}

/// Every word is timed, in order, within the audio.
fn check_words(text: &str, spoken: &Spoken) {
    let ends: Vec<usize> = spoken.words.iter().map(|word| word.text_end).collect();
    let expected: Vec<usize> =
        text.match_indices(' ').map(|(at, _)| at).chain([text.len()]).collect();
    assert_eq!(ends, expected, "{text}");
    let audio_ms = spoken.mulaw.len() as u32 / 8;
    for pair in spoken.words.windows(2) {
        assert!(pair[0].to_ms <= pair[1].from_ms, "{text}: {pair:?}");
    }
    assert!(spoken.words.iter().all(|word| word.from_ms < word.to_ms && word.to_ms <= audio_ms));
}

/// Cut where the times say that a word ends, the audio holds the words up to there and no more.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn word_times_are_true() {
    let Some(dir) = models::for_tests() else { return };
    let parts = [Part::Stt, Part::Tts];
    let local = Local::open_parts(dir, &LocalOptions::default(), &parts).expect("the models load");
    let text = "On Saturday we are open from nine until one, and on Sunday we are closed all day.";
    let spoken = speak(&*local.tts(), text).await;
    let (mut off, mut cuts) = (0_i64, 0);
    for word in spoken.words.iter().skip(2).step_by(3) {
        let heard = understand(&local, &spoken.mulaw[..word.to_ms as usize * 8]).await;
        let (said, heard) = (plain(&text[..word.text_end]), plain(&heard));
        let difference = heard.split(' ').count() as i64 - said.split(' ').count() as i64;
        println!("{difference:+} {said} | {heard}");
        off += difference.abs();
        cuts += 1;
    }
    assert!(off <= cuts / 2, "{off} words off in {cuts} cuts");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn odd_texts_are_spoken_or_pass_silently() {
    let Some(dir) = models::for_tests() else { return };
    let local =
        Local::open_parts(dir, &LocalOptions::default(), &[Part::Tts]).expect("the models load");
    let voice = local.tts();
    for silent in ["", "   ", "…", "👋 !!", "\u{0}\u{7}"] {
        assert!(speak(&*voice, silent).await.mulaw.is_empty(), "{silent:?}");
    }
    for odd in [
        "Kubernetes, Twilio and Anthropic.",
        "Zürich — naïve café, Łódź 東京 Москва!",
        "$1,234,567.89 on 12/31/2027 at 11:59pm (EST), +1 (617) 555-0142 ext. 5",
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        "[link](/fəˈnoʊ/) <b>bold</b> `code` {x} \\ | ~",
        "I'd've thought he's 'OK'... \"right\"?",
    ] {
        let spoken = speak(&*voice, odd).await;
        println!("{:.1} s: {odd}", spoken.mulaw.len() as f64 / 8_000.0);
        assert!(spoken.mulaw.len() > 2_000, "{odd:?}");
    }
    let long = "We are open from nine to five and this goes on and on without a stop ".repeat(40);
    let spoken = speak(&*voice, &long).await;
    println!(
        "long: {:.1} s in {:.0?}, first {:.0?}",
        spoken.mulaw.len() as f64 / 8e3,
        spoken.all,
        spoken.first_audio
    );
    assert!(spoken.mulaw.len() > 8_000 * 60);
}

#[tokio::test]
async fn the_voice_without_models_speaks() {
    let voice = FliteVoice::new();
    let spoken =
        speak(&voice, "Sorry, please hold the line while I find someone to help you.").await;
    let seconds = spoken.mulaw.len() as f64 / 8_000.0;
    println!(
        "flite: {seconds:.1} s, {:.1} dBFS, first audio {:.0?}, all {:.0?}",
        speech_level(&spoken.mulaw),
        spoken.first_audio,
        spoken.all
    );
    assert!((2.0..8.0).contains(&seconds));
    assert!((-24.0..-14.0).contains(&speech_level(&spoken.mulaw)));
    assert!(speak(&voice, " … ").await.mulaw.is_empty());
    println!("{}", voice.check().await.expect("it is always there"));
}

/// A listener who leaves ends the work: the stream's task and its blocking thread.
#[tokio::test]
async fn a_dropped_stream_ends() {
    let voice = FliteVoice::new();
    let mut stream = voice.speak(TtsRequest {
        text: "This sentence is abandoned. ".repeat(100),
        voice: None,
        language: "en-US".into(),
        first_audio_within: Duration::from_secs(5),
        next_audio_within: Duration::from_secs(5),
    });
    assert!(matches!(stream.events.recv().await, Some(TtsEvent::Audio(_))));
    drop(stream);
}
