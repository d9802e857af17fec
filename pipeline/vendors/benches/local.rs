//! Promise: local speech is a small part of a core. What the engines cost in memory, and in processor
//! time for a second of audio. `cargo bench -p vendors --bench local`, on Linux.

use std::time::{Duration, Instant};

use bytes::Bytes;
use vendors::{
    SttEvent, SttInput, SttOptions, TtsEvent, TtsRequest,
    local::{Local, LocalOptions, models},
};

/// Processor time of this process, in steps of 10 ms.
fn processor_time() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    let ticks: u64 = fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap();
    Duration::from_millis(ticks * 10)
}

fn resident_mb() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() / 1024
}

async fn transcribe(local: &Local, mulaw: &[u8]) {
    let mut stream = local.stt().listen(SttOptions::default());
    let end_ms = mulaw.len() as u64 / 8;
    let audio = SttInput::Audio { at_ms: 0, mulaw: Bytes::copy_from_slice(mulaw) };
    for input in
        [SttInput::SpeechStarted { at_ms: 0 }, audio, SttInput::SpeechStopped { at_ms: end_ms }]
    {
        stream.input.send(input).await.unwrap();
    }
    drop(stream.input);
    while let Some(event) = stream.events.recv().await {
        assert!(!matches!(event, SttEvent::Failed(_)), "{event:?}");
    }
}

async fn speak(local: &Local, text: &str) -> f64 {
    let mut stream = local.tts().speak(TtsRequest {
        text: text.into(),
        voice: None,
        language: "en-US".into(),
        first_audio_within: Duration::from_secs(20),
        next_audio_within: Duration::from_secs(20),
    });
    let mut bytes = 0;
    while let Some(event) = stream.events.recv().await {
        match event {
            TtsEvent::Audio(piece) => bytes += piece.len(),
            TtsEvent::Failed(error) => panic!("{error}"),
            TtsEvent::Words(_) | TtsEvent::Done => {}
        }
    }
    bytes as f64 / 8_000.0
}

fn main() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime can be made");
    runtime.block_on(what_speech_costs());
}

async fn what_speech_costs() {
    let Some(dir) = models::for_tests() else { return };
    let (began, before) = (Instant::now(), resident_mb());
    let local = Local::open(dir, LocalOptions::default()).unwrap();
    println!("opened in {:.0?}, {} MB more", began.elapsed(), resident_mb() - before);

    let recordings = fixtures::set("librivox");
    let seconds: f64 = recordings.iter().map(|r| r.duration_ms() as f64 / 1e3).sum();
    transcribe(&local, &recordings[0].mulaw()).await;
    let from = processor_time();
    for recording in &recordings {
        transcribe(&local, &recording.mulaw()).await;
    }
    let spent = (processor_time() - from).as_secs_f64();
    println!("STT: {:.3} of a core for {seconds:.1} s of audio", spent / seconds);

    speak(&local, "Hello.").await;
    let (from, mut spoken) = (processor_time(), 0.0);
    for _ in 0..5 {
        spoken += speak(&local, "We are open Monday to Friday from eight until six.").await;
        spoken += speak(
            &local,
            "Parking is free behind the building, and there is a bus stop across the street.",
        )
        .await;
    }
    let spent = (processor_time() - from).as_secs_f64();
    println!("TTS: {:.3} of a core for {spoken:.1} s of audio", spent / spoken);

    let sentences: Vec<String> =
        (0..100).map(|n| format!("Do you have parking for {n} cars?")).collect();
    let from = processor_time();
    let vectors = local.embedder().vectors(sentences).await.unwrap();
    assert_eq!(vectors[0].len(), 384);
    println!("embeddings: {:.1} ms each", (processor_time() - from).as_secs_f64() * 10.0);
    println!("{} MB resident in the end", resident_mb());
}
