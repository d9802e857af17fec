//! The local recogniser on recorded people, as a call would hear them: mu-law in frames of 20 ms, with
//! the local voice activity saying when they speak.

use std::time::{Duration, Instant};

use bytes::Bytes;
use fixtures::spelling::{errors, words};
use media::{
    g711,
    vad::{Detector, Policy, VadEvent},
};
use vendors::{
    SttEvent, SttInput, SttOptions,
    local::{
        Local, LocalOptions,
        models::{self, Models, Part},
        vad::SileroVad,
    },
};

/// Errors between what was said and what was heard, and how many words were said.
fn word_errors(said: &str, heard: &str) -> (usize, usize) {
    let (said, heard) = (words(said), words(heard));
    (errors(&said, &heard), said.len())
}

struct Heard {
    text: String,
    empty_finals: usize,
}

/// Plays a recording to recogniser and VAD, as fast as they take it.
async fn listen(local: &Local, vad: &mut Detector<SileroVad>, mulaw: &[u8]) -> Heard {
    let mut stream =
        local.stt().listen(SttOptions { language: "en-US".into(), keywords: Vec::new() });
    vad.reset();
    let mut all = vec![g711::SILENCE; 4_000];
    all.extend_from_slice(mulaw);
    all.extend_from_slice(&[g711::SILENCE; 8_000]);

    let mut heard = Heard { text: String::new(), empty_finals: 0 };
    let mut take = |event: SttEvent| match event {
        SttEvent::Interim { .. } => {}
        SttEvent::Final { text, .. } => {
            heard.empty_finals += usize::from(text.is_empty());
            heard.text = format!("{} {text}", heard.text).trim().to_owned();
        }
        other => panic!("{other:?}"),
    };
    let mut verdicts = Vec::new();
    for (index, frame) in all.chunks(160).enumerate() {
        let at_ms = index as u64 * 20;
        let piece = Bytes::copy_from_slice(frame);
        stream.input.send(SttInput::Audio { at_ms, mulaw: piece }).await.unwrap();
        vad.push(&g711::decode_all(frame), &mut verdicts);
        for event in verdicts.drain(..) {
            let input = match event {
                VadEvent::Started { at_ms, .. } => SttInput::SpeechStarted { at_ms },
                VadEvent::Stopped { at_ms, .. } => SttInput::SpeechStopped { at_ms },
            };
            stream.input.send(input).await.unwrap();
        }
        while let Ok(event) = stream.events.try_recv() {
            take(event);
        }
    }
    assert!(!vad.is_speaking(), "the VAD did not notice the end");
    drop(stream.input);
    while let Some(event) = stream.events.recv().await {
        take(event);
    }
    heard
}

fn open() -> Option<(Local, Detector<SileroVad>)> {
    let dir = models::for_tests()?;
    let local = Local::open_parts(&dir, &LocalOptions::default(), &[Part::Stt]);
    let vad = SileroVad::open(&Models::locate(dir)).expect("the model loads");
    Some((local.expect("the models load"), Detector::new(vad, Policy::default())))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn recorded_people_are_understood() {
    let Some((local, mut vad)) = open() else { return };
    for (set, most) in [("asterisk", 0.08), ("librivox", 0.08), ("pocketsphinx", 0.10)] {
        let (mut errors, mut count, mut audio) = (0, 0, Duration::ZERO);
        let began = Instant::now();
        for recording in fixtures::set(set) {
            let heard = listen(&local, &mut vad, &recording.mulaw()).await;
            let (wrong, said) = word_errors(&recording.transcript, &heard.text);
            if wrong > 0 {
                println!("{}: {wrong} of {said}", recording.name);
                println!("  {}\n  {}", recording.transcript, heard.text);
            }
            (errors, count) = (errors + wrong, count + said);
            audio += Duration::from_millis(recording.duration_ms());
        }
        let rate = errors as f64 / count as f64;
        let (percent, took) = (rate * 100.0, began.elapsed());
        println!(
            "{set}: {errors} of {count} words wrong, {percent:.1} %; {audio:.1?} of audio in {took:.1?}"
        );
        assert!(rate <= most, "{set}: {percent:.1} % of the words are wrong");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_speech_has_no_words() {
    let Some((local, mut vad)) = open() else { return };
    let noise = fixtures::recording("callers/noise");
    let heard = listen(&local, &mut vad, &noise.mulaw()).await;
    println!("noise: {:?}, {} without words", heard.text, heard.empty_finals);
    assert_eq!(heard.text, "");
}
