//! Calls on this machine's own speech: what the caller hears is what is written down.

use std::time::Duration;

use fixtures::spelling::{errors, words};
use media::g711;
use secrecy::SecretString;
use tandem::{
    caller::{self, Call},
    config::Config,
    demo,
    domain::Business,
    gateway::Gateway,
    live::journal::Entry,
    telemetry,
};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use turn::{Action, Note, Purpose};
use vendors::{
    Stt, SttEvent, SttInput, SttOptions, SttStream,
    local::{Local, LocalOptions, models},
};

/// What a recogniser makes of a stretch of audio.
async fn recognise(stt: &dyn Stt, mulaw: &[u8]) -> String {
    let options = SttOptions { language: "en-US".into(), keywords: vec![] };
    let SttStream { input, mut events, work: _work } = stt.listen(options);
    let silence = [g711::SILENCE; 4_000];
    let audio: Vec<u8> = [&silence[..], mulaw, &silence[..]].concat();
    let from = 400;
    input.send(SttInput::SpeechStarted { at_ms: from }).await.expect("it listens");
    for (place, frame) in audio.chunks(160).enumerate() {
        let (at_ms, mulaw) = (place as u64 * 20, bytes::Bytes::copy_from_slice(frame));
        input.send(SttInput::Audio { at_ms, mulaw }).await.expect("it listens");
    }
    let at_ms = (4_000 + mulaw.len() as u64) / 8 + 100;
    input.send(SttInput::SpeechStopped { at_ms }).await.expect("it listens");
    // Nothing more is to be heard: it says the rest, and ends.
    drop(input);
    let mut text = String::new();
    let told = async {
        while let Some(event) = events.recv().await {
            if let SttEvent::Final { text: part, .. } = event {
                text.push_str(&part);
                text.push(' ');
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(60), told).await.expect("it comes to its end");
    text
}

/// The right channel of a recording, as mu-law.
fn agent_side(path: &std::path::Path) -> Vec<u8> {
    let mut reader = hound::WavReader::open(path).expect("there is a recording");
    assert_eq!((reader.spec().channels, reader.spec().sample_rate), (2, 8_000));
    let samples: Vec<i16> = reader.samples().map(|sample| sample.expect("it is whole")).collect();
    samples.chunks(2).map(|pair| g711::encode(pair[1])).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_demos_recording_holds_what_the_transcript_says_was_heard() {
    let Some(models) = models::for_tests() else { return };
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let folder = tempfile::tempdir().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let env = |name: &str| match name {
        "PUBLIC_URL" => Some(url.clone()),
        "TANDEM_DATA_DIR" => Some(folder.path().display().to_string()),
        "TANDEM_MODELS_DIR" => Some(models.display().to_string()),
        _ => None,
    };
    let config = Config::load(None, &env).unwrap();
    let business = Business::parse(demo::BUSINESS).unwrap();
    let token = SecretString::from("secret");
    let gateway = Gateway::open(config, business, &token, telemetry::metrics()).unwrap();
    let stop = CancellationToken::new();
    let served = tokio::spawn(gateway.clone().serve(listener, stop.clone()));
    let answer = format!("{url}/webhooks/twilio/answer");
    let call = Call::to(&answer, token, demo::conversation().unwrap()).unwrap();
    let outcome = caller::place(call).await.expect("the call comes about");
    stop.cancel();
    served.await.unwrap().unwrap();
    assert!(!outcome.step_failed() && outcome.violations.is_empty(), "{:#?}", outcome.steps);

    let journal = std::fs::read_to_string(gateway.journals.path(&outcome.call_sid)).unwrap();
    let said: Vec<(String, bool, u64, u64)> = journal
        .lines()
        .filter_map(|line| match serde_json::from_str(line) {
            Ok(Entry::Action {
                action: Action::Note(Note::AgentSaid { text, cut, from, to, purpose, .. }),
                ..
            }) if purpose != Purpose::Filler => Some((text, cut, from.0, to.0)),
            _ => None,
        })
        .collect();
    assert!(said.iter().any(|(_, cut, ..)| *cut), "the caller barged in: {said:#?}");
    assert!(said.len() >= 8, "a conversation of many turns: {said:#?}");

    let audio = agent_side(&gateway.recording(&outcome.call_sid, &outcome.stream_sids[0]));
    let local = Local::open(&models, LocalOptions { threads: None }).unwrap();
    let stt = local.stt();
    let (mut wrong, mut all) = (0, 0);
    for (text, cut, from, to) in &said {
        let place = |ms: u64| (ms as usize * 8).min(audio.len());
        let heard = recognise(&*stt, &audio[place(from.saturating_sub(60))..place(to + 60)]).await;
        let (meant, heard) = (words(text), words(&heard));
        let off = errors(&meant, &heard);
        println!(
            "{off} of {} words off{}: {meant:?} / {heard:?}",
            meant.len(),
            if *cut { " (cut)" } else { "" }
        );
        if *cut {
            // Where it was cut the recogniser may hear half a word, or not.
            assert!(meant.len().abs_diff(heard.len()) <= 1, "{meant:?} / {heard:?}");
        }
        wrong += off;
        all += meant.len();
    }
    assert!(wrong * 100 <= all * 8, "{wrong} of {all} words differ");
}
