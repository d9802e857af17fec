//! The Flux adapter against a played server: turns, what becomes of them when the connection is lost,
//! and every way in which it can fail.

mod servers;

use std::time::Duration;

use bytes::Bytes;
use servers::*;
use vendors::{
    Problem, Stt as _, SttEvent, SttInput, SttOptions, SttStream, VendorError,
    deepgram::{self, Settings},
    played::{Failure, Lexicon, flux::*, nowhere},
};

fn settings(base_url: &str) -> Settings {
    Settings { base_url: base_url.into(), model: "flux-general-en".into(), ..Settings::new(key()) }
}

fn listen(settings: Settings) -> SttStream {
    let options = SttOptions { language: "en-US".into(), keywords: vec!["Ada Lovelace".into()] };
    deepgram::Stt::new(settings).unwrap().listen(options)
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

    /// Without what the VAD says of it.
    async fn utter(&mut self, text: &str) {
        let mulaw = self.lexicon.say(text);
        self.frames(&mulaw).await;
    }

    /// A sentence, which the VAD knows to be over after 200 ms of quiet.
    async fn say(&mut self, text: &str) {
        send(self.stream, SttInput::SpeechStarted { at_ms: self.at_ms }).await;
        self.utter(text).await;
        let to_ms = self.at_ms - 40;
        self.quiet(160).await;
        send(self.stream, SttInput::SpeechStopped { at_ms: to_ms }).await;
    }
}

/// What was told, up to the event that `last` knows.
#[derive(Debug, Default)]
struct Told {
    finals: Vec<String>,
    interims: Vec<String>,
    /// The turn's events, in order.
    turns: Vec<&'static str>,
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
                assert!(from_ms <= to_ms && to_ms >= up_to, "{from_ms}..{to_ms} after {up_to}");
                told.interims.push(text);
            }
            SttEvent::Final { text, from_ms, to_ms, .. } => {
                assert!(from_ms <= to_ms && to_ms >= up_to, "{from_ms}..{to_ms} after {up_to}");
                up_to = to_ms;
                if !text.is_empty() {
                    told.finals.push(text);
                }
            }
            SttEvent::EagerEndOfTurn { .. } => told.turns.push("eager"),
            SttEvent::EndOfTurn { .. } => told.turns.push("over"),
            SttEvent::TurnResumed => told.turns.push("resumed"),
            SttEvent::Reconnecting(error) => told.lost.push(without_key(error)),
            SttEvent::Recovered => told.recovered += 1,
            SttEvent::Failed(error) => panic!("{error}"),
        }
        if done {
            return told;
        }
    }
}

async fn until_over(stream: &mut SttStream) -> Told {
    until(stream, |event| matches!(event, SttEvent::EndOfTurn { .. })).await
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
async fn guesses_a_likely_end_the_words_and_the_end() {
    let lexicon = Lexicon::of("good morning to you");
    let server = Server::start(Script::new(&lexicon).key(KEY)).await;
    let mut stream = listen(settings(&server.base_url));
    let mut caller = Caller::new(&stream, &lexicon, 50_000);
    caller.quiet(1_000).await;
    caller.utter("good morning to you").await;
    caller.quiet(600).await;

    let Some(SttEvent::Interim { text, .. }) = next(&mut stream).await else { panic!("no guess") };
    assert_eq!(text, "good");
    let mut guess = String::new();
    let eager = loop {
        match next(&mut stream).await {
            Some(SttEvent::Interim { text, .. }) => guess = text,
            other => break other,
        }
    };
    assert_eq!(guess, "good morning to you");
    assert!(
        matches!(eager, Some(SttEvent::EagerEndOfTurn { at_ms: 52_080, confidence: Some(c) }) if c < 0.6),
        "{eager:?}"
    );
    let Some(SttEvent::Final { text, from_ms, to_ms, confidence }) = next(&mut stream).await else {
        panic!("no words")
    };
    assert_eq!((text.as_str(), confidence), ("good morning to you", Some(0.98)));
    assert!(from_ms <= 51_000 && (51_920..=52_240).contains(&to_ms), "{from_ms}..{to_ms}");
    let over = next(&mut stream).await;
    assert!(
        matches!(over, Some(SttEvent::EndOfTurn { at_ms: 52_240, confidence: Some(c) }) if c > 0.8),
        "{over:?}"
    );

    let request = &server.host.requests()[0];
    assert_eq!(request.path, "/v2/listen");
    assert_eq!(request.headers["authorization"], format!("Token {KEY}"));
    assert_eq!(
        request.query,
        "model=flux-general-en&encoding=mulaw&sample_rate=8000&eot_threshold=0.7\
         &eot_timeout_ms=5000&eager_eot_threshold=0.5&keyterm=Ada%20Lovelace"
    );
    assert!(server.complaints().is_empty(), "{:?}", server.complaints());
}

#[tokio::test]
async fn times_of_words_are_used_where_they_are_told() {
    let lexicon = Lexicon::of("at noon");
    let server = Server::start(Script::new(&lexicon).timed_words()).await;
    let mut stream = listen(settings(&server.base_url));
    let mut caller = Caller::new(&stream, &lexicon, 9_000);
    caller.quiet(500).await;
    caller.utter("at noon").await;
    caller.quiet(600).await;
    loop {
        if let Some(SttEvent::Final { text, from_ms, to_ms, .. }) = next(&mut stream).await {
            assert_eq!((text.as_str(), from_ms, to_ms), ("at noon", 9_500, 9_940));
            break;
        }
    }
}

#[tokio::test]
async fn a_caller_who_goes_on_takes_the_likely_end_back() {
    let lexicon = Lexicon::of("book a table for two please");
    let server = Server::start(Script::new(&lexicon)).await;
    let mut stream = listen(settings(&server.base_url));
    let mut caller = Caller::new(&stream, &lexicon, 0);
    caller.utter("book a table").await;
    caller.quiet(160).await;
    caller.utter("for two please").await;
    caller.quiet(500).await;
    let told = until_over(&mut stream).await;
    assert_eq!(told.turns, ["eager", "resumed", "eager", "over"]);
    assert_eq!(told.words(), "book a table for two please");
}

#[tokio::test]
async fn without_a_threshold_for_it_no_end_is_only_likely() {
    let lexicon = Lexicon::of("yes");
    let server = Server::start(Script::new(&lexicon)).await;
    let mut stream = listen(Settings { eager_end_of_turn: None, ..settings(&server.base_url) });
    let mut caller = Caller::new(&stream, &lexicon, 0);
    caller.say("yes").await;
    caller.quiet(500).await;
    assert_eq!(until_over(&mut stream).await.turns, ["over"]);
    assert!(!server.host.requests()[0].query.contains("eager"));
}

#[tokio::test]
async fn in_a_pause_that_the_vendor_waits_out_the_words_are_settled_once() {
    // The conversation may answer in such a pause, on words that no end of turn has settled.
    let lexicon = Lexicon::of("my number is, well, four five");
    let server = Server::start(Script::new(&lexicon)).await;
    let mut stream = listen(settings(&server.base_url));
    let mut caller = Caller::new(&stream, &lexicon, 20_000);
    caller.quiet(300).await;
    caller.say("my number is,").await;
    caller.quiet(1_500).await;
    let told = until(&mut stream, |event| matches!(event, SttEvent::Final { .. })).await;
    assert_eq!(told.finals, ["my number is,"]);

    let mut caller = Caller::new(&stream, &lexicon, 22_680);
    caller.say("well,").await;
    caller.quiet(1_000).await;
    let at_ms = caller.at_ms;
    let told = until(&mut stream, |event| matches!(event, SttEvent::Final { .. })).await;
    assert_eq!(told.finals, ["well,"]);
    let mut caller = Caller::new(&stream, &lexicon, at_ms);
    caller.say("four five").await;
    caller.quiet(600).await;
    let told = until_over(&mut stream).await;
    assert_eq!(told.finals, ["four five"]);
    assert_eq!(told.turns, ["eager", "over"]);
    assert!(!told.interims.iter().any(|words| words.contains("number")), "{:?}", told.interims);
}

#[tokio::test]
async fn the_same_guess_is_told_once() {
    let lexicon = Lexicon::of("so,");
    let server = Server::start(Script::new(&lexicon)).await;
    let mut stream = listen(settings(&server.base_url));
    let mut caller = Caller::new(&stream, &lexicon, 0);
    caller.utter("so,").await;
    caller.quiet(6_000).await;
    let told = until_over(&mut stream).await;
    assert_eq!((told.interims.len(), told.words().as_str()), (1, "so,"));
}

#[tokio::test]
async fn speech_without_words_is_told_as_such() {
    let lexicon = Lexicon::of("hello");
    let server = Server::start(Script::new(&lexicon)).await;
    let mut stream = listen(settings(&server.base_url));
    let mut caller = Caller::new(&stream, &lexicon, 1_000);
    send(&stream, SttInput::SpeechStarted { at_ms: 1_000 }).await;
    caller.frames(&[media::g711::encode(700); 1_600]).await;
    caller.quiet(200).await;
    send(&stream, SttInput::SpeechStopped { at_ms: 1_200 }).await;
    caller.quiet(1_500).await;
    let event = next(&mut stream).await;
    assert!(
        matches!(&event, Some(SttEvent::Final { text, from_ms: 1_000, to_ms: 1_200, .. }) if text.is_empty()),
        "{event:?}"
    );
    caller = Caller::new(&stream, &lexicon, 2_900);
    caller.say("hello").await;
    caller.quiet(500).await;
    assert_eq!(until_over(&mut stream).await.finals, ["hello"]);
}

#[tokio::test]
async fn a_connection_lost_at_any_moment_of_a_turn_costs_no_word_and_doubles_none() {
    let text = "one two three four, five six seven";
    let lexicon = Lexicon::of(text);
    let mut calls = Vec::new();
    for at in 0..14 {
        for fault in [
            Failure::CutAfter(at),
            Failure::EndAfter(at),
            Failure::MalformedAfter(at),
            Failure::ErrorAfter(at, "INTERNAL_SERVER_ERROR".into()),
        ] {
            let lexicon = &lexicon;
            calls.push(async move {
                let script = Script::new(lexicon).listen_fails(1, fault.clone());
                let server = Server::start(script).await;
                let mut stream = listen(settings(&server.base_url));
                let mut caller = Caller::new(&stream, lexicon, 30_000);
                caller.quiet(1_000).await;
                caller.say("one two three four,").await;
                caller.quiet(700).await;
                caller.say("five six seven").await;
                caller.quiet(700).await;
                let told = until_over(&mut stream).await;
                assert_eq!(told.words(), text, "{fault:?}: {told:?}");
                assert_eq!(told.lost.len(), told.recovered, "{fault:?}");
                if !told.lost.is_empty() {
                    assert_eq!(told.lost[0].request_id.as_deref(), Some("flux_1"), "{fault:?}");
                }
                assert!(server.complaints().is_empty(), "{:?}", server.complaints());
            });
        }
    }
    futures_util::future::join_all(calls).await;
}

#[tokio::test]
async fn what_is_settled_is_not_told_to_a_new_connection() {
    let lexicon = Lexicon::of("first, second");
    let script = Script::new(&lexicon).listen_fails(1, Failure::CutAfter(6));
    let server = Server::start(script).await;
    let mut stream = listen(settings(&server.base_url));
    let mut caller = Caller::new(&stream, &lexicon, 0);
    caller.quiet(2_000).await;
    caller.say("first,").await;
    caller.quiet(2_000).await;
    let told = until(&mut stream, |event| matches!(event, SttEvent::Recovered)).await;
    assert_eq!(told.finals, ["first,"]);
    // Of five seconds, what follows the settled word.
    let received = server.received();
    assert!(received[1] <= 2_300 * 8, "{received:?}");
    let mut caller = Caller::new(&stream, &lexicon, 4_400);
    caller.say("second").await;
    caller.quiet(500).await;
    assert_eq!(until_over(&mut stream).await.finals, ["second"]);
}

#[tokio::test]
async fn audio_sent_before_the_connection_stands_is_not_lost() {
    let lexicon = Lexicon::of("early bird");
    let late = Failure::SlowFirstByte(Duration::from_millis(100));
    let server = Server::start(Script::new(&lexicon).listen_fails(1, late)).await;
    let mut stream = listen(settings(&server.base_url));
    let mut caller = Caller::new(&stream, &lexicon, 7_000);
    caller.say("early bird").await;
    caller.quiet(500).await;
    assert_eq!(until_over(&mut stream).await.words(), "early bird");
}

#[tokio::test]
async fn a_slow_vendor_is_waited_for() {
    let lexicon = Lexicon::of("slow but sure");
    let server = Server::start(Script::new(&lexicon).latency(Duration::from_millis(400))).await;
    let mut stream =
        listen(Settings { settle_within: Duration::from_secs(2), ..settings(&server.base_url) });
    let mut caller = Caller::new(&stream, &lexicon, 0);
    caller.say("slow but sure").await;
    caller.quiet(500).await;
    let told = until_over(&mut stream).await;
    assert_eq!((told.words().as_str(), told.lost.len()), ("slow but sure", 0));
}

#[tokio::test]
async fn a_vendor_that_falls_silent_is_left_for_a_new_connection() {
    let lexicon = Lexicon::of("still here");
    let script = Script::new(&lexicon).listen_fails(1, Failure::StallAfter(1));
    let server = Server::start(script).await;
    let mut stream = listen(Settings { answer_within: LATE, ..settings(&server.base_url) });
    let mut caller = Caller::new(&stream, &lexicon, 0);
    caller.utter("still here").await;
    let at_ms = caller.at_ms;
    let guessed = until(&mut stream, |event| matches!(event, SttEvent::Interim { .. })).await;
    assert_eq!(guessed.interims, ["still"]);
    Caller::new(&stream, &lexicon, at_ms).quiet(500).await;
    let told = until_over(&mut stream).await;
    assert!(
        matches!(told.lost[0].problem, Problem::TimedOut { waited_for: "answer to audio", .. }),
        "{:?}",
        told.lost
    );
    assert_eq!((told.words().as_str(), told.recovered), ("still here", 1));
}

#[tokio::test]
async fn a_vendor_that_owes_final_words_is_left_sooner() {
    let lexicon = Lexicon::of("still here");
    let script = Script::new(&lexicon).listen_fails(1, Failure::StallAfter(1));
    let server = Server::start(script).await;
    let mut stream = listen(Settings { settle_within: LATE, ..settings(&server.base_url) });
    let mut caller = Caller::new(&stream, &lexicon, 0);
    caller.utter("still here").await;
    let at_ms = caller.at_ms;
    let guessed = until(&mut stream, |event| matches!(event, SttEvent::Interim { .. })).await;
    assert_eq!(guessed.interims, ["still"]);
    send(&stream, SttInput::SpeechStarted { at_ms: 0 }).await;
    Caller::new(&stream, &lexicon, at_ms).quiet(500).await;
    send(&stream, SttInput::SpeechStopped { at_ms: 440 }).await;
    let told = until_over(&mut stream).await;
    assert!(
        matches!(told.lost[0].problem, Problem::TimedOut { waited_for: "final words", .. }),
        "{:?}",
        told.lost
    );
    assert_eq!(told.words(), "still here");
}

#[tokio::test]
async fn a_huge_message_ends_the_connection_and_not_the_call() {
    let lexicon = Lexicon::of("not too much");
    let server = Server::start(Script::new(&lexicon).huge_after(2)).await;
    let mut stream = listen(settings(&server.base_url));
    let mut caller = Caller::new(&stream, &lexicon, 0);
    caller.say("not too much").await;
    caller.quiet(500).await;
    let told = until_over(&mut stream).await;
    assert!(matches!(told.lost[0].problem, Problem::Malformed(_)), "{:?}", told.lost);
    assert_eq!(told.words(), "not too much");
}

#[tokio::test]
async fn a_silent_line_is_kept_alive_by_pings_alone() {
    let lexicon = Lexicon::of("hello");
    let script = Script::new(&lexicon).idle_after(Duration::from_millis(500));
    let server = Server::start(script).await;
    let mut stream = listen(Settings {
        keep_alive_every: Duration::from_millis(20),
        ..settings(&server.base_url)
    });
    let kept = async {
        while server.pings() < 50 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(PATIENCE, kept).await.expect("it is kept alive");
    assert!(server.controls().is_empty(), "{:?}", server.controls());
    let mut caller = Caller::new(&stream, &lexicon, 60_000);
    caller.say("hello").await;
    caller.quiet(500).await;
    assert_eq!(until_over(&mut stream).await.lost.len(), 0);
}

#[tokio::test]
async fn a_line_that_was_left_to_fall_silent_is_made_again() {
    let lexicon = Lexicon::of("hello");
    let script = Script::new(&lexicon).idle_after(Duration::from_millis(50));
    let server = Server::start(script).await;
    let mut stream = listen(settings(&server.base_url));
    let told = until(&mut stream, |event| matches!(event, SttEvent::Recovered)).await;
    assert!(told.lost[0].to_string().contains("NET-0001"), "{:?}", told.lost);
}

#[tokio::test]
async fn hanging_up_yields_the_last_words_and_closes_in_good_order() {
    let lexicon = Lexicon::of("good bye");
    let server = Server::start(Script::new(&lexicon)).await;
    let mut stream = listen(settings(&server.base_url));
    Caller::new(&stream, &lexicon, 0).utter("good bye").await;
    let (closed, _) = tokio::sync::mpsc::channel(1);
    stream.input = closed;
    assert_eq!(until_over(&mut stream).await.words(), "good bye");
    assert!(next(&mut stream).await.is_none());
    assert_eq!(server.controls(), ["CloseStream"]);
    assert!(server.host.until_closed(PATIENCE).await, "a connection is left open");
}

#[tokio::test]
async fn hanging_up_on_a_mute_vendor_keeps_its_guess() {
    let lexicon = Lexicon::of("last words");
    let script = Script::new(&lexicon).listen_fails(1, Failure::StallAfter(2));
    let server = Server::start(script).await;
    let mut stream = listen(settings(&server.base_url));
    Caller::new(&stream, &lexicon, 0).utter("last words").await;
    let guessed = until(
        &mut stream,
        |event| matches!(event, SttEvent::Interim { text, .. } if text == "last words"),
    );
    assert!(guessed.await.finals.is_empty());
    let (closed, _) = tokio::sync::mpsc::channel(1);
    stream.input = closed;
    let event = next(&mut stream).await;
    assert!(
        matches!(&event, Some(SttEvent::Final { text, .. }) if text == "last words"),
        "{event:?}"
    );
    assert!(next(&mut stream).await.is_none());
}

#[tokio::test]
async fn a_refused_key_or_parameter_is_the_end_at_once() {
    let lexicon = Lexicon::of("hello");
    let server = Server::start(Script::new(&lexicon).key("another")).await;
    let error = failure(&mut listen(settings(&server.base_url))).await;
    assert!(matches!(error.problem, Problem::Unauthorized { status: 401 }), "{error}");
    assert!(error.to_string().contains("check the vendor's API key"), "{error}");
    assert_eq!(server.host.requests().len(), 1);

    let model = Settings { model: "flux-of-tomorrow".into(), ..settings(&server.base_url) };
    let server = Server::start(Script::new(&lexicon)).await;
    let error = failure(&mut listen(Settings { base_url: server.base_url.clone(), ..model })).await;
    assert!(error.to_string().contains("model is not one of Flux"), "{error}");

    for failing in [Failure::Status(403), Failure::Status(400)] {
        let server = Server::start(Script::new(&lexicon).listen_always_fails(failing)).await;
        failure(&mut listen(settings(&server.base_url))).await;
        assert_eq!(server.host.requests().len(), 1);
    }
}

#[test]
fn thresholds_that_the_vendor_would_refuse_are_told_at_the_start() {
    let wrong = |end_of_turn, eager_end_of_turn| {
        let settings = Settings { end_of_turn, eager_end_of_turn, ..settings("http://localhost") };
        deepgram::Stt::new(settings).err().map(|error| error.to_string())
    };
    assert_eq!(wrong(0.8, Some(0.6)), None);
    assert_eq!(wrong(1.0, None), None);
    assert!(wrong(0.2, None).unwrap().contains("end of turn is 0.2"));
    assert!(wrong(0.7, Some(0.1)).unwrap().contains("eager end of turn is 0.1"));
    assert!(wrong(0.5, Some(0.6)).unwrap().contains("above its end of turn"));
    assert!(wrong(f32::NAN, None).is_some());
}

#[tokio::test]
async fn a_refused_or_strange_connection_is_tried_again() {
    let lexicon = Lexicon::of("at last");
    let short = Failure::TooMany { retry_after: "0".into() };
    for fault in [Failure::Refuse, Failure::Status(503), Failure::Garbage, short] {
        let script = Script::new(&lexicon).listen_fails(1, fault.clone());
        let server = Server::start(script).await;
        let mut stream = listen(settings(&server.base_url));
        let mut caller = Caller::new(&stream, &lexicon, 0);
        caller.say("at last").await;
        caller.quiet(500).await;
        let told = until_over(&mut stream).await;
        assert_eq!((told.words().as_str(), told.recovered), ("at last", 1), "{fault:?}");
    }
    let event = next(&mut listen(settings(&nowhere()))).await;
    assert!(
        matches!(&event, Some(SttEvent::Reconnecting(error)) if matches!(error.problem, Problem::Unreachable(_))),
        "{event:?}"
    );
}

#[tokio::test]
async fn a_vendor_that_never_gets_ready_has_a_deadline() {
    let lexicon = Lexicon::of("hello");
    let script = Script::new(&lexicon).listen_always_fails(Failure::StallAfter(0));
    let server = Server::start(script).await;
    let mut stream = listen(Settings { connect_within: SOON, ..settings(&server.base_url) });
    let event = next(&mut stream).await;
    assert!(
        matches!(&event, Some(SttEvent::Reconnecting(error))
            if matches!(error.problem, Problem::TimedOut { waited_for: "readiness", .. })),
        "{event:?}"
    );
}

#[tokio::test]
async fn every_spelling_of_the_address_works_and_dropping_closes() {
    let lexicon = Lexicon::of("hello");
    let server = Server::start(Script::new(&lexicon)).await;
    let host = server.base_url.trim_start_matches("http://");
    for base in [
        format!("ws://{host}"),
        format!("ws://{host}/v2/listen"),
        format!("http://{host}/v1/listen"),
    ] {
        let stream = listen(settings(&base));
        Caller::new(&stream, &lexicon, 0).quiet(100).await;
        assert!(server.host.until_busy(PATIENCE).await, "{base}");
        drop(stream);
        assert!(server.host.until_closed(PATIENCE).await, "{base}: a connection is left open");
    }
    let stt = deepgram::Stt::new(settings(&server.base_url)).unwrap();
    assert_eq!(stt.check().await.unwrap(), "the key is accepted; projects: 1");
}
