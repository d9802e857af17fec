//! Promise: hundreds of calls on a core. What one second of a call costs, in and out, without vendors
//! and sockets. `cargo bench --bench frame`.

use std::time::Duration;

use divan::{Bencher, counter::ItemsCount};
use media::{
    frame::Timeline,
    g711,
    stream::{Inbound, Writer, carrier::Messages, parse},
    vad::{Detector, Policy, WebRtcMode, WebRtcVad},
};
use tandem::live::playout::Playout;
use turn::{Conversation, Epoch, Event, Moment, Script, UtteranceId};

fn main() {
    divan::main();
}

/// From the carrier's messages to the VAD's verdict: 50 messages.
#[divan::bench]
fn hear_one_second(bencher: Bencher) {
    let mut carrier = Messages::new("AC1", "CA1", "MZ1");
    let speech = fixtures::recording("callers/hours").mulaw();
    let messages: Vec<String> = speech
        .chunks(160)
        .take(50)
        .enumerate()
        .map(|(place, frame)| carrier.media(frame, place as u64 * 20))
        .collect();
    bencher.counter(ItemsCount::new(50_usize)).bench_local(|| {
        let mut timeline = Timeline::new();
        let mut detector =
            Detector::new(WebRtcVad::new(WebRtcMode::VeryAggressive), Policy::default());
        let (mut bytes, mut samples, mut events) = (Vec::new(), Vec::new(), Vec::new());
        for message in &messages {
            let Ok(Inbound::Media(media)) = parse(message) else { unreachable!("it is media") };
            bytes.clear();
            media.decode_into(&mut bytes).expect("it is base64");
            timeline.place(media.timestamp_ms, bytes.len());
            samples.clear();
            g711::decode_into(&bytes, &mut samples);
            detector.push(&samples, &mut events);
        }
        events.len()
    });
}

/// From a sentence's audio to the carrier's messages, with the ledger kept: one second.
#[divan::bench]
fn speak_one_second(bencher: Bencher) {
    let writer = Writer::new("MZ1");
    let audio = vec![0x55; 8_000];
    bencher.bench_local(|| {
        let mut call = Conversation::new(
            turn::Policy::default(),
            Script { greeting: "This lasts for a second.".into(), ..Script::default() },
            Vec::new(),
        );
        call.handle(Event::Answered, Moment(0));
        let mut playout = Playout::new(Duration::from_millis(400));
        let (epoch, utterance, sentence) = (Epoch(0), UtteranceId(0), 0);
        playout.reserve(epoch, utterance, sentence, false);
        playout.push(utterance, sentence, &audio);
        playout.complete(utterance, sentence);
        call.handle(Event::AudioReady { epoch, utterance, sentence, samples: 8_000 }, Moment(1));
        call.handle(
            Event::AudioComplete { epoch, utterance, sentence, voiced: (0, 8_000) },
            Moment(1),
        );
        let (mut bytes, mut marks) = (0, Vec::new());
        for now in (0..1_200).step_by(20).map(Moment) {
            while let Some(piece) = playout.next(call.ledger().ahead(now)) {
                bytes += writer.media(piece.mulaw).len();
                marks.extend(piece.mark);
                let (samples, mark) = (piece.mulaw.len() as u32, piece.mark);
                call.handle(Event::Sent { utterance, sentence, samples, mark }, now);
            }
            let generation = call.ledger().generation();
            for mark in marks.drain(..) {
                call.handle(Event::MarkReturned { generation, mark }, now);
            }
        }
        bytes
    });
}
