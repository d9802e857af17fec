//! The local recogniser on recorded people, as a call would hear them: mu-law in frames of 20 ms, with
//! the local voice activity saying when they speak.

use std::time::{Duration, Instant};

use bytes::Bytes;
use media::vad::{Policy, VadEvent};
use vendors::{
    SttEvent, SttInput, SttOptions,
    local::{Local, LocalOptions, models},
};

/// Errors between what was said and what was heard, and how many words were said.
fn word_errors(said: &str, heard: &str) -> (usize, usize) {
    let (said, heard) = (words(said), words(heard));
    let mut row: Vec<usize> = (0..=heard.len()).collect();
    for (i, a) in said.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, b) in heard.iter().enumerate() {
            let changed = diagonal + usize::from(a != b);
            diagonal = row[j + 1];
            row[j + 1] = changed.min(row[j] + 1).min(diagonal + 1);
        }
    }
    (row[heard.len()], said.len())
}

fn words(text: &str) -> Vec<String> {
    let digits = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"];
    let plain: String = text
        .to_lowercase()
        .replace('-', " ")
        .chars()
        .filter(|c| c.is_alphanumeric() || c.is_whitespace())
        .collect();
    plain
        .split_whitespace()
        .map(|word| match word.parse::<usize>() {
            Ok(digit) if digit < 10 => digits[digit].to_owned(),
            _ => word.to_owned(),
        })
        .collect()
}

struct Heard {
    text: String,
    interims: usize,
    /// From the VAD's word that speech is over to the last words.
    settled_after: Option<Duration>,
}

/// Plays a recording to recogniser and VAD; as fast as they take it, or in real time.
async fn listen(local: &Local, recording: &fixtures::Recording, real_time: bool) -> Heard {
    let (stt, vad) = (local.stt(), local.vad());
    let mut stream = stt.listen(SttOptions { language: "en-US".into(), keywords: Vec::new() });
    let mut voice = vad.open(Policy::default());
    let silence = [media::g711::SILENCE; 160];
    let frames = recording.frames();
    let lead = std::iter::repeat_n(silence, 25);
    let tail = std::iter::repeat_n(silence, 50);
    let all: Vec<[u8; 160]> = lead.chain(frames).chain(tail).collect();
    let started = Instant::now();
    let (mut starts, mut stops) = (0, 0);
    let mut stopped_at = None;
    let mut heard = Heard { text: String::new(), interims: 0, settled_after: None };
    let mut take = |event: SttEvent, stopped_at: Option<Instant>| match event {
        SttEvent::Interim { .. } => heard.interims += 1,
        SttEvent::Final { text, .. } => {
            heard.text = format!("{} {text}", heard.text);
            heard.settled_after = stopped_at.map(|at| at.elapsed());
        }
        other => panic!("{other:?}"),
    };
    let mut finals_due = 0;
    for (index, frame) in all.iter().enumerate() {
        let at_ms = index as u64 * 20;
        if real_time {
            let due = started + Duration::from_millis(at_ms);
            tokio::time::sleep(due.saturating_duration_since(Instant::now())).await;
        }
        let mulaw = Bytes::copy_from_slice(frame);
        stream.input.send(SttInput::Audio { at_ms, mulaw: mulaw.clone() }).await.unwrap();
        voice.input.send((index as u64 * 160, mulaw)).await.unwrap();
        if !real_time {
            // The VAD's verdict belongs to this moment of the call.
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        while let Ok(event) = voice.events.try_recv() {
            match event {
                VadEvent::Started { at_ms, .. } => {
                    starts += 1;
                    stream.input.send(SttInput::SpeechStarted { at_ms }).await.unwrap();
                }
                VadEvent::Stopped { at_ms, .. } => {
                    stops += 1;
                    finals_due += 1;
                    stopped_at = Some(Instant::now());
                    stream.input.send(SttInput::SpeechStopped { at_ms }).await.unwrap();
                }
            }
        }
        while let Ok(event) = stream.events.try_recv() {
            finals_due -= i32::from(matches!(event, SttEvent::Final { .. }));
            take(event, stopped_at);
        }
    }
    assert_eq!(starts, stops, "{}: the VAD did not notice the end", recording.name);
    drop(stream.input);
    while let Some(event) = stream.events.recv().await {
        take(event, stopped_at);
    }
    let _ = finals_due;
    heard
}

fn open() -> Option<Local> {
    let dir = models::for_tests()?;
    Some(Local::open(dir, LocalOptions::default()).expect("the models load"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn recorded_people_are_understood() {
    let Some(local) = open() else { return };
    for set in ["asterisk", "librivox", "pocketsphinx"] {
        let (mut errors, mut count, mut audio) = (0, 0, Duration::ZERO);
        let began = Instant::now();
        for recording in fixtures::set(set) {
            let heard = listen(&local, &recording, false).await;
            let (wrong, said) = word_errors(&recording.transcript, &heard.text);
            if wrong > 0 {
                println!("{}: {wrong} of {said}\n  {}\n {}", recording.name, recording.transcript, heard.text);
            }
            (errors, count) = (errors + wrong, count + said);
            audio += Duration::from_millis(recording.duration_ms());
        }
        let rate = errors as f64 / count as f64;
        println!("{set}: {errors} of {count} words wrong, {:.1} %, {audio:?} of audio in {:?}", rate * 100.0, began.elapsed());
        if set != "pocketsphinx" {
            assert!(rate <= 0.08, "{set}: {:.1} % of the words are wrong", rate * 100.0);
        }
    }
}
