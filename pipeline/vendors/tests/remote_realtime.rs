//! Transcription over OpenAI's Realtime API against a played server: whoever finds the ends of
//! utterances, what becomes of them when the connection is lost, and every way in which it can fail.

mod servers;

use std::time::Duration;

use bytes::Bytes;
use serde_json::json;
use servers::*;
use vendors::{
    Problem, Stt as _, SttEvent, SttInput, SttOptions, SttStream, VendorError,
    openai::{Settings, Stt, TurnDetection},
    played::{Failure, Lexicon, nowhere, realtime::*},
};

fn live(base_url: &str) -> Settings {
    Settings {
        base_url: base_url.into(),
        model: "gpt-live-transcribe".into(),
        ..Settings::transcription(key())
    }
}

/// A vendor that finds the ends of utterances itself, and is waited for.
fn finding(detection: TurnDetection, base_url: &str) -> Settings {
    Settings {
        model: "gpt-4o-transcribe".into(),
        realtime: Some(detection),
        commit_within: PATIENCE,
        ..live(base_url)
    }
}

fn listen(settings: Settings) -> SttStream {
    let options = SttOptions { language: "en-US".into(), keywords: vec!["Ada Lovelace".into()] };
    Stt::new(settings).unwrap().listen(options)
}

/// A caller, as the carrier's frames and the call's VAD tell of one.
struct Caller<'a> {
    stream: &'a SttStream,
    lexicon: &'a Lexicon,
    at_ms: u64,
}

impl<'a> Caller<'a> {
    fn new(stream: &'a SttStream, lexicon: &'a Lexicon, at_ms: u64) -> Self {
        Caller { stream, lexicon, at_ms }
    }

    async fn frames(&mut self, mulaw: &[u8]) {
        for frame in mulaw.chunks(160) {
            let mulaw = Bytes::copy_from_slice(frame);
            send(self.stream, SttInput::Audio { at_ms: self.at_ms, mulaw }).await;
            self.at_ms += 20;
        }
    }

    async fn quiet(&mut self, ms: u64) {
        self.frames(&vec![0xFF; ms as usize * 8]).await;
    }

    /// A sentence; the VAD knows late that it began, and that it is over.
    async fn say(&mut self, text: &str) {
        let mulaw = self.lexicon.say(text);
        let from_ms = self.at_ms;
        self.frames(&mulaw[..960]).await;
        send(self.stream, SttInput::SpeechStarted { at_ms: from_ms }).await;
        self.frames(&mulaw[960..]).await;
        let to_ms = self.at_ms - 40;
        self.quiet(160).await;
        send(self.stream, SttInput::SpeechStopped { at_ms: to_ms }).await;
    }
}

#[derive(Debug, Default)]
struct Told {
    finals: Vec<String>,
    interims: Vec<String>,
    over: Vec<u64>,
    lost: Vec<VendorError>,
    recovered: usize,
}

impl Told {
    fn words(&self) -> String {
        self.finals.join(" ")
    }
}

async fn until(stream: &mut SttStream, last: impl Fn(&SttEvent) -> bool) -> Told {
    let mut told = Told::default();
    let mut up_to = 0;
    loop {
        let event = next(stream).await.expect("it goes on");
        let done = last(&event);
        match event {
            SttEvent::Interim { text, from_ms, to_ms } => {
                assert!(from_ms <= to_ms, "{from_ms}..{to_ms}");
                told.interims.push(text);
            }
            SttEvent::Final { text, from_ms, to_ms, .. } => {
                assert!(from_ms <= to_ms && to_ms >= up_to, "{from_ms}..{to_ms} after {up_to}");
                up_to = to_ms;
                if !text.is_empty() {
                    told.finals.push(text);
                }
            }
            SttEvent::EndOfTurn { at_ms, .. } => told.over.push(at_ms),
            SttEvent::EagerEndOfTurn { .. } | SttEvent::TurnResumed => panic!("{event:?}"),
            SttEvent::Reconnecting(error) => told.lost.push(without_key(error)),
            SttEvent::Recovered => told.recovered += 1,
            SttEvent::Failed(error) => panic!("{error}"),
        }
        if done {
            return told;
        }
    }
}

/// Up to final words that end so.
async fn until_words(stream: &mut SttStream, end: &str) -> Told {
    let last =
        |event: &SttEvent| matches!(event, SttEvent::Final { text, .. } if text.ends_with(end));
    until(stream, last).await
}

async fn failure(stream: &mut SttStream) -> VendorError {
    loop {
        match next(stream).await.expect("a failure comes") {
            SttEvent::Failed(error) => return without_key(error),
            SttEvent::Reconnecting(_) => {}
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn words_come_while_they_are_spoken_and_the_calls_own_vad_ends_them() {
    let lexicon = Lexicon::of("good morning to you");
    let server = Server::start(Script::new(&lexicon).key(KEY)).await;
    let mut stream = listen(live(&server.base_url));
    let mut caller = Caller::new(&stream, &lexicon, 50_000);
    caller.quiet(1_000).await;
    caller.say("good morning to you").await;
    let told = until_words(&mut stream, "you").await;
    assert_eq!(told.interims[0], "good");
    assert_eq!(told.interims.last().unwrap(), "good morning to you");
    assert_eq!(told.words(), "good morning to you");
    assert!(told.over.is_empty(), "its silence is no belief about the turn");

    let request = &server.host.requests()[0];
    assert_eq!(
        (request.path.as_str(), request.query.as_str()),
        ("/v1/realtime", "intent=transcription")
    );
    assert_eq!(request.headers["authorization"], format!("Bearer {KEY}"));
    assert_eq!(server.sessions()[0]["audio"]["input"]["turn_detection"], json!(null));
    // The silence before is not sent, but for what a VAD notices late.
    let received = server.received()[0] as u64 / 8;
    assert!((1_100..=1_500).contains(&received), "{received} ms");
    assert!(server.complaints().is_empty(), "{:?}", server.complaints());
}

#[tokio::test]
async fn places_are_those_of_the_call() {
    let lexicon = Lexicon::of("one two");
    let server = Server::start(Script::new(&lexicon)).await;
    let mut stream = listen(live(&server.base_url));
    let mut caller = Caller::new(&stream, &lexicon, 10_000);
    caller.say("one").await;
    caller.quiet(5_000).await;
    until_words(&mut stream, "one").await;
    let mut caller = Caller::new(&stream, &lexicon, 15_400);
    caller.say("two").await;
    loop {
        if let Some(SttEvent::Final { text, from_ms, to_ms, .. }) = next(&mut stream).await {
            assert_eq!((text.as_str(), from_ms, to_ms), ("two", 15_400, 15_800));
            break;
        }
    }
}

#[tokio::test]
async fn the_vendors_judgement_is_the_end_of_the_turn() {
    let lexicon = Lexicon::of("book a table");
    let server = Server::start(Script::new(&lexicon)).await;
    let mut stream = listen(finding(TurnDetection::Semantic, &server.base_url));
    let mut caller = Caller::new(&stream, &lexicon, 8_000);
    caller.quiet(500).await;
    caller.say("book a table").await;
    caller.quiet(600).await;
    let told = until_words(&mut stream, "table").await;
    // 720 ms of words, the last 40 quiet, and 400 ms by which the vendor was sure.
    assert_eq!((told.over.as_slice(), server.commits()), ([9_580].as_slice(), 0));
    let detection = &server.sessions()[0]["audio"]["input"]["turn_detection"];
    assert_eq!(detection["type"], "semantic_vad");
    assert!(server.complaints().is_empty(), "{:?}", server.complaints());
}

#[tokio::test]
async fn a_judgement_that_does_not_come_is_not_waited_for() {
    let lexicon = Lexicon::of("well, then");
    let server = Server::start(Script::new(&lexicon)).await;
    let mut stream = listen(Settings {
        commit_within: SOON,
        ..finding(TurnDetection::Semantic, &server.base_url)
    });
    let mut caller = Caller::new(&stream, &lexicon, 0);
    caller.say("well,").await;
    let told = until_words(&mut stream, "well,").await;
    assert_eq!((told.over.len(), server.commits()), (0, 1));
    let mut caller = Caller::new(&stream, &lexicon, 400);
    caller.say("then").await;
    caller.quiet(300).await;
    assert_eq!(until_words(&mut stream, "then").await.finals, ["then"]);
}

#[tokio::test]
async fn the_vendors_silence_is_no_end_of_a_turn() {
    let lexicon = Lexicon::of("yes please");
    let server = Server::start(Script::new(&lexicon)).await;
    let mut stream = listen(finding(TurnDetection::Silence, &server.base_url));
    let mut caller = Caller::new(&stream, &lexicon, 0);
    caller.say("yes please").await;
    caller.quiet(400).await;
    let told = until_words(&mut stream, "please").await;
    assert!(told.over.is_empty() && told.words() == "yes please", "{told:?}");
    assert_eq!(server.sessions()[0]["audio"]["input"]["turn_detection"]["type"], "server_vad");
}

#[tokio::test]
async fn transcripts_that_overtake_each_other_are_put_in_order() {
    let lexicon = Lexicon::of("first second");
    let server = Server::start(Script::new(&lexicon).reversed()).await;
    let mut stream = listen(live(&server.base_url));
    let mut caller = Caller::new(&stream, &lexicon, 0);
    caller.say("first").await;
    until(&mut stream, |event| matches!(event, SttEvent::Interim { .. })).await;
    let mut caller = Caller::new(&stream, &lexicon, 1_000);
    caller.say("second").await;
    assert_eq!(until_words(&mut stream, "second").await.finals, ["first", "second"]);
}

#[tokio::test]
async fn speech_without_words_is_told_as_such() {
    let lexicon = Lexicon::of("hello");
    for settings in [live as fn(&str) -> Settings, |url| Settings {
        commit_within: SOON,
        ..finding(TurnDetection::Semantic, url)
    }] {
        let server = Server::start(Script::new(&lexicon)).await;
        let mut stream = listen(settings(&server.base_url));
        let mut caller = Caller::new(&stream, &lexicon, 1_000);
        send(&stream, SttInput::SpeechStarted { at_ms: 1_000 }).await;
        caller.quiet(400).await;
        send(&stream, SttInput::SpeechStopped { at_ms: 1_200 }).await;
        let event = next(&mut stream).await;
        assert!(
            matches!(&event, Some(SttEvent::Final { text, from_ms: 1_000, to_ms: 1_200, .. }) if text.is_empty()),
            "{event:?}"
        );
    }
}

#[tokio::test]
async fn a_blip_that_is_too_short_to_commit_is_told_as_such() {
    let lexicon = Lexicon::of("hello");
    let server = Server::start(Script::new(&lexicon)).await;
    let mut stream = listen(live(&server.base_url));
    send(&stream, SttInput::SpeechStarted { at_ms: 0 }).await;
    Caller::new(&stream, &lexicon, 0).quiet(60).await;
    send(&stream, SttInput::SpeechStopped { at_ms: 60 }).await;
    let event = next(&mut stream).await;
    assert!(matches!(&event, Some(SttEvent::Final { text, .. }) if text.is_empty()), "{event:?}");
}

#[tokio::test]
async fn a_connection_lost_at_any_moment_costs_no_word_and_doubles_none() {
    let text = "one two three four five six";
    let lexicon = Lexicon::of(text);
    let settings: [fn(&str) -> Settings; 2] = [live, |url| finding(TurnDetection::Semantic, url)];
    let mut calls = Vec::new();
    for settings in settings {
        for at in 0..10 {
            for fault in [Failure::CutAfter(at), Failure::EndAfter(at), Failure::MalformedAfter(at)]
            {
                let (lexicon, fault) = (&lexicon, fault.clone());
                calls.push(async move {
                    let script = Script::new(lexicon).session_fails(1, fault.clone());
                    let server = Server::start(script).await;
                    let mut stream = listen(settings(&server.base_url));
                    let mut caller = Caller::new(&stream, lexicon, 30_000);
                    caller.say("one two three").await;
                    caller.quiet(500).await;
                    caller.say("four five six").await;
                    caller.quiet(500).await;
                    let told = until_words(&mut stream, "six").await;
                    assert_eq!(told.words(), text, "{fault:?}: {told:?}");
                    assert_eq!(told.lost.len(), told.recovered, "{fault:?}");
                    assert!(server.complaints().is_empty(), "{:?}", server.complaints());
                });
            }
        }
    }
    futures_util::future::join_all(calls).await;
}

#[tokio::test]
async fn an_utterance_that_could_not_be_transcribed_is_sent_again() {
    let lexicon = Lexicon::of("say again");
    let server = Server::start(Script::new(&lexicon).transcript_fails(1)).await;
    let mut stream = listen(live(&server.base_url));
    Caller::new(&stream, &lexicon, 0).say("say again").await;
    let told = until_words(&mut stream, "again").await;
    assert_eq!((told.words().as_str(), told.lost.len()), ("say again", 1));
}

#[tokio::test]
async fn audio_that_waited_is_not_sent_faster_than_the_vendor_hears() {
    // The played vendor loses what comes faster than four times as fast as it is spoken.
    let lexicon = Lexicon::of("a b c d e f g h i j");
    let late = Failure::SlowFirstByte(Duration::from_millis(50));
    let server = Server::start(Script::new(&lexicon).session_fails(1, late)).await;
    let mut stream = listen(live(&server.base_url));
    Caller::new(&stream, &lexicon, 0).say("a b c d e f g h i j").await;
    assert_eq!(until_words(&mut stream, "j").await.words(), "a b c d e f g h i j");
    assert!(server.complaints().is_empty(), "{:?}", server.complaints());
}

#[tokio::test]
async fn a_mute_or_babbling_vendor_is_left_for_a_new_connection() {
    let lexicon = Lexicon::of("still here");
    let script = Script::new(&lexicon).session_fails(1, Failure::StallAfter(1));
    let server = Server::start(script).await;
    let patient = Settings { transcribe_within: LATE, ..live(&server.base_url) };
    let mut stream = listen(patient);
    Caller::new(&stream, &lexicon, 0).say("still here").await;
    let told = until(&mut stream, |event| matches!(event, SttEvent::Reconnecting(_))).await;
    assert!(
        matches!(told.lost[0].problem, Problem::TimedOut { waited_for: "transcript", .. }),
        "{:?}",
        told.lost
    );
    assert_eq!(until_words(&mut stream, "here").await.words(), "still here");

    let server = Server::start(Script::new(&lexicon).huge_after(1)).await;
    let mut stream = listen(live(&server.base_url));
    Caller::new(&stream, &lexicon, 0).say("still here").await;
    let told = until_words(&mut stream, "here").await;
    assert!(matches!(told.lost[0].problem, Problem::Malformed(_)), "{:?}", told.lost);
    assert_eq!(told.words(), "still here");
}

#[tokio::test]
async fn an_error_about_one_message_is_borne_and_an_expired_session_made_again() {
    let lexicon = Lexicon::of("on we go");
    for (kind, lost) in [("invalid_value", 0), ("session_expired", 1)] {
        let script =
            Script::new(&lexicon).session_fails(1, Failure::ErrorAfter(2, kind.to_owned()));
        let server = Server::start(script).await;
        let mut stream = listen(live(&server.base_url));
        Caller::new(&stream, &lexicon, 0).say("on we go").await;
        let told = until_words(&mut stream, "go").await;
        assert_eq!((told.words().as_str(), told.lost.len()), ("on we go", lost), "{kind}");
    }
}

#[tokio::test]
async fn a_wrong_key_or_session_is_the_end_at_once() {
    let lexicon = Lexicon::of("hello");
    let server = Server::start(Script::new(&lexicon).key("another")).await;
    let error = failure(&mut listen(live(&server.base_url))).await;
    assert!(matches!(error.problem, Problem::Unauthorized { .. }), "{error}");
    assert!(error.to_string().contains("check the vendor's API key"), "{error}");
    assert_eq!(server.host.requests().len(), 1);

    let server = Server::start(Script::new(&lexicon)).await;
    let settings = Settings {
        model: "gpt-of-tomorrow".into(),
        ..finding(TurnDetection::Semantic, &server.base_url)
    };
    let error = failure(&mut listen(settings)).await;
    assert!(error.to_string().contains("The model gpt-of-tomorrow is unknown"), "{error}");
    assert_eq!(error.request_id.as_deref(), Some("sess_1"));

    let server =
        Server::start(Script::new(&lexicon).session_always_fails(Failure::Status(401))).await;
    let error = failure(&mut listen(live(&server.base_url))).await;
    assert!(matches!(error.problem, Problem::Unauthorized { status: 401 }), "{error}");
}

#[test]
fn a_model_that_finds_no_turns_is_not_asked_to() {
    let settings = Settings { realtime: Some(TurnDetection::Semantic), ..live("http://localhost") };
    let error = Stt::new(settings).err().unwrap().to_string();
    assert!(error.contains("gpt-live-transcribe finds no ends of turns"), "{error}");
}

#[tokio::test]
async fn a_refused_or_strange_connection_is_tried_again() {
    let lexicon = Lexicon::of("at last");
    let short = Failure::TooMany { retry_after: "0".into() };
    for fault in [Failure::Refuse, Failure::Status(503), Failure::Garbage, short] {
        let script = Script::new(&lexicon).session_fails(1, fault.clone());
        let server = Server::start(script).await;
        let mut stream = listen(live(&server.base_url));
        Caller::new(&stream, &lexicon, 0).say("at last").await;
        let told = until_words(&mut stream, "last").await;
        assert_eq!((told.words().as_str(), told.recovered), ("at last", 1), "{fault:?}");
    }
    let event = next(&mut listen(live(&nowhere()))).await;
    assert!(
        matches!(&event, Some(SttEvent::Reconnecting(error)) if matches!(error.problem, Problem::Unreachable(_))),
        "{event:?}"
    );
}

#[tokio::test]
async fn hanging_up_yields_the_last_words_and_closes_in_good_order() {
    let lexicon = Lexicon::of("good bye");
    for settings in [live as fn(&str) -> Settings, |url| finding(TurnDetection::Semantic, url)] {
        let server = Server::start(Script::new(&lexicon)).await;
        let mut stream = listen(settings(&server.base_url));
        let mulaw = lexicon.say("good bye");
        send(&stream, SttInput::SpeechStarted { at_ms: 0 }).await;
        Caller::new(&stream, &lexicon, 0).frames(&mulaw).await;
        let (closed, _) = tokio::sync::mpsc::channel(1);
        stream.input = closed;
        assert_eq!(until_words(&mut stream, "bye").await.words(), "good bye");
        while let Some(event) = next(&mut stream).await {
            assert!(!matches!(event, SttEvent::Failed(_)), "{event:?}");
        }
        assert!(server.host.until_closed(PATIENCE).await, "a connection is left open");
    }
}

#[tokio::test]
async fn dropping_the_stream_closes_the_connection() {
    let lexicon = Lexicon::of("hello");
    let server = Server::start(Script::new(&lexicon)).await;
    let stream = listen(live(&server.base_url));
    assert!(server.host.until_busy(PATIENCE).await);
    drop(stream);
    assert!(server.host.until_closed(PATIENCE).await, "a connection is left open");
}
