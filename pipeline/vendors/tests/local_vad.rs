//! Voice activity by the local network: finds recorded speech, alone and for many calls together.

use bytes::Bytes;
use media::{
    g711,
    vad::{Detector, Policy, VadEvent},
};
use vendors::local::{
    Local, LocalOptions,
    models::{self, Models},
    vad::{SileroVad, VadStream},
};

/// A recording with a second of silence before and after it.
fn call(name: &str) -> Vec<u8> {
    let mut mulaw = vec![g711::SILENCE; 8_000];
    mulaw.extend(fixtures::recording(name).mulaw());
    mulaw.extend([g711::SILENCE; 8_000]);
    mulaw
}

fn alone(vad: SileroVad, mulaw: &[u8]) -> Vec<VadEvent> {
    let mut events = Vec::new();
    let mut detector = Detector::new(vad, Policy::default());
    for frame in mulaw.chunks(160) {
        detector.push(&g711::decode_all(frame), &mut events);
    }
    events
}

async fn by_stream(mut stream: VadStream, mulaw: &[u8]) -> Vec<VadEvent> {
    let mut events = Vec::new();
    for (index, frame) in mulaw.chunks(160).enumerate() {
        let piece = (index as u64 * 160, Bytes::copy_from_slice(frame));
        stream.input.send(piece).await.unwrap();
        while let Ok(event) = stream.events.try_recv() {
            events.push(event);
        }
    }
    // The last stop is still to come, or has come.
    while !matches!(events.last(), Some(VadEvent::Stopped { at_ms, .. }) if *at_ms > 1_500) {
        events.push(stream.events.recv().await.expect("the thread lives"));
    }
    events
}

#[test]
fn recorded_speech_is_found_and_noise_is_not() {
    let Some(dir) = models::for_tests() else { return };
    let models = Models::locate(dir);
    for set in ["librivox", "asterisk", "callers"] {
        for recording in fixtures::set(set) {
            let mulaw = call(&recording.name);
            let events = alone(SileroVad::open(&models).unwrap(), &mulaw);
            let name = &recording.name;
            if recording.transcript.is_empty() {
                println!("{name}: {events:?}");
                continue;
            }
            let Some(VadEvent::Started { at_ms, decided_ms, .. }) = events.first() else {
                panic!("{name}: no speech was found: {events:?}");
            };
            let Some(VadEvent::Stopped { at_ms: end, .. }) = events.last() else {
                panic!("{name}: no end was found: {events:?}");
            };
            let length = recording.duration_ms();
            assert!((900..1_700).contains(at_ms), "{name}: began at {at_ms}");
            assert!(decided_ms - at_ms <= 200, "{name}: noticed after {} ms", decided_ms - at_ms);
            assert!((1_000 + length - 900..1_000 + length + 300).contains(end), "{name}: {end}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_calls_together_are_judged_as_each_alone() {
    let Some(dir) = models::for_tests() else { return };
    let local = Local::open_parts(&dir, &LocalOptions { threads: Some(1) }, &[]).unwrap();
    let models = Models::locate(&dir);
    let names = ["callers/hours", "librivox/dashwood-0880", "callers/book", "callers/insurance"];
    let calls = names.iter().cycle().take(12).map(|name| {
        let (stream, mulaw) = (local.vad().open(Policy::default()), call(name));
        async move { by_stream(stream, &mulaw).await }
    });
    let together = futures_util::future::join_all(calls).await;
    for (index, events) in together.iter().enumerate() {
        let name = names[index % names.len()];
        let expected = alone(SileroVad::open(&models).unwrap(), &call(name));
        assert_eq!(*events, expected, "{name}");
    }
}
