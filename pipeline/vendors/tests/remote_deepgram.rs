//! The Deepgram adapters against a played server: what works, and every way in which it does not.

mod servers;

use std::time::Duration;

use servers::*;
use vendors::{
    Problem, Stt as _, SttEvent, SttInput, SttOptions, SttStream, Tts as _,
    deepgram::{self, Settings},
    played::{Failure, deepgram::*, nowhere},
};

fn settings(base_url: &str) -> Settings {
    Settings { base_url: base_url.into(), ..Settings::new(key()) }
}

fn listen(settings: Settings) -> SttStream {
    let options = SttOptions { language: "en-US".into(), keywords: vec!["Ada Lovelace".into()] };
    deepgram::Stt::new(settings).unwrap().listen(options)
}

/// A second of quiet, a second of speech, 400 ms of quiet, as the VAD would tell it.
async fn say(stream: &SttStream, from_ms: u64) {
    send_audio(stream, from_ms, from_ms + 1_000, false).await;
    send(stream, SttInput::SpeechStarted { at_ms: from_ms + 1_000 }).await;
    send_audio(stream, from_ms + 1_000, from_ms + 2_000, true).await;
    send_audio(stream, from_ms + 2_000, from_ms + 2_400, false).await;
    send(stream, SttInput::SpeechStopped { at_ms: from_ms + 2_000 }).await;
}

/// The next final words that are not empty.
async fn words(stream: &mut SttStream) -> (String, u64, u64) {
    loop {
        match next_settled(stream).await {
            Some(SttEvent::Final { text, from_ms, to_ms, .. }) if !text.is_empty() => {
                return (text, from_ms, to_ms);
            }
            Some(SttEvent::Failed(error)) => panic!("{error}"),
            Some(_) => {}
            None => panic!("it ended without words"),
        }
    }
}

#[tokio::test]
async fn guesses_then_words_then_the_end_of_the_turn() {
    let server = Server::start(Script::new().hears("good morning")).await;
    let mut stream = listen(settings(&server.base_url));
    say(&stream, 50_000).await;

    let Some(SttEvent::Interim { text, to_ms, .. }) = next(&mut stream).await else {
        panic!("no guess")
    };
    assert_eq!(text, "good");
    assert!((51_000..52_000).contains(&to_ms), "{to_ms}");
    let Some(SttEvent::Final { text, from_ms, to_ms, confidence }) =
        next_settled(&mut stream).await
    else {
        panic!("no words")
    };
    assert_eq!((text.as_str(), confidence), ("good morning", Some(0.98)));
    assert!(from_ms <= 51_000 && (52_000..=52_400).contains(&to_ms), "{from_ms}..{to_ms}");
    let end = next_settled(&mut stream).await;
    assert!(
        matches!(end, Some(SttEvent::EagerEndOfTurn { at_ms, confidence: None }) if at_ms == to_ms),
        "{end:?}"
    );

    let request = &server.host.requests()[0];
    assert_eq!(request.headers["authorization"], format!("Token {KEY}"));
    assert!(request.query.contains("encoding=mulaw&sample_rate=8000"), "{}", request.query);
    assert!(request.query.ends_with("language=en-US&keyterm=Ada%20Lovelace"), "{}", request.query);
    assert_eq!(server.controls(), ["Finalize"]);
}

#[tokio::test]
async fn every_spelling_of_the_address_works() {
    let server = Server::start(Script::new().hears("yes")).await;
    let host = server.base_url.trim_start_matches("http://");
    for base in
        [format!("ws://{host}"), format!("ws://{host}/v1/listen"), format!("http://{host}/")]
    {
        let stream = listen(settings(&base));
        send_audio(&stream, 0, 100, false).await;
        assert!(server.host.until_busy(PATIENCE).await, "{base}");
        drop(stream);
        assert!(server.host.until_quiet(PATIENCE).await, "{base}");
    }
}

#[tokio::test]
async fn speech_without_words_is_told_as_such() {
    let server = Server::start(Script::new()).await;
    let mut stream = listen(settings(&server.base_url));
    say(&stream, 0).await;
    let event = next_settled(&mut stream).await;
    assert!(
        matches!(&event, Some(SttEvent::Final { text, from_ms: 1_000, to_ms: 2_000, .. }) if text.is_empty()),
        "{event:?}"
    );
}

#[tokio::test]
async fn a_vendor_that_never_settles_on_nothing_is_not_waited_for() {
    let script = Script::new().listen_always_fails(Failure::StallAfter(0));
    let server = Server::start(script).await;
    let mut stream = listen(Settings { settle_within: SOON, ..settings(&server.base_url) });
    say(&stream, 0).await;
    let event = next_settled(&mut stream).await;
    assert!(matches!(&event, Some(SttEvent::Final { text, .. }) if text.is_empty()), "{event:?}");
}

#[tokio::test]
async fn hanging_up_yields_the_last_words_and_closes_in_good_order() {
    let server = Server::start(Script::new().hears("good bye")).await;
    let SttStream { input, events, work } = listen(settings(&server.base_url));
    let mut stream = SttStream { input, events, work };
    send_audio(&stream, 0, 1_000, true).await;
    let (closed, _) = tokio::sync::mpsc::channel(1);
    stream.input = closed;
    assert_eq!(words(&mut stream).await.0, "good bye");
    while let Some(event) = next(&mut stream).await {
        assert!(!matches!(event, SttEvent::Failed(_) | SttEvent::Reconnecting(_)), "{event:?}");
    }
    assert_eq!(server.controls(), ["CloseStream"]);
    assert!(server.host.until_closed(PATIENCE).await, "a connection is left open");
}

#[tokio::test]
async fn a_silent_line_is_kept_alive() {
    let server = Server::start(Script::new()).await;
    let stream = listen(Settings {
        keep_alive_every: Duration::from_millis(10),
        ..settings(&server.base_url)
    });
    let kept = async {
        while server.controls().len() < 3 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(PATIENCE, kept).await.expect("it is kept alive");
    assert!(server.controls().iter().all(|control| control == "KeepAlive"));
    drop(stream);
    assert!(server.host.until_closed(PATIENCE).await, "a connection is left open");
}

#[tokio::test]
async fn a_connection_lost_in_mid_word_costs_no_words_and_repeats_none() {
    let faults = [
        Failure::CutAfter(5),
        Failure::EndAfter(5),
        Failure::MalformedAfter(5),
        Failure::ErrorAfter(5, "NET-0000".into()),
    ];
    for fault in faults {
        let script =
            Script::new().hears("first one").hears("second one").listen_fails(1, fault.clone());
        let server = Server::start(script).await;
        let mut stream = listen(settings(&server.base_url));
        // Pieces: silence, three guesses, the first words; then it breaks.
        say(&stream, 0).await;
        let (text, _, settled) = words(&mut stream).await;
        assert_eq!(text, "first one", "{fault:?}");
        say(&stream, 2_400).await;
        let mut lost = false;
        let mut recovered = false;
        let (from_ms, to_ms) = loop {
            match next_settled(&mut stream).await {
                Some(SttEvent::Reconnecting(error)) => {
                    assert_eq!(error.request_id.as_deref(), Some("dg_1"), "{fault:?}");
                    lost = true;
                }
                Some(SttEvent::Recovered) => recovered = true,
                Some(SttEvent::Final { text, from_ms, to_ms, .. }) if !text.is_empty() => {
                    assert_eq!(text, "second one", "{fault:?}");
                    break (from_ms, to_ms);
                }
                Some(SttEvent::Failed(error)) => panic!("{fault:?}: {error}"),
                Some(_) => {}
                None => panic!("{fault:?}: it ended"),
            }
        };
        assert!(lost && recovered, "{fault:?}");
        assert!(from_ms >= settled && (4_400..=4_800).contains(&to_ms), "{from_ms}..{to_ms}");
        // The second connection was told all that the first had not settled, and little more.
        let received = server.received();
        assert!((2_400 * 8..=3_400 * 8).contains(&received[1]), "{fault:?}: {received:?}");
    }
}

#[tokio::test]
async fn audio_sent_before_the_connection_stands_is_not_lost() {
    let late = Failure::SlowFirstByte(Duration::from_millis(100));
    let server = Server::start(Script::new().hears("early bird").listen_fails(1, late)).await;
    let mut stream = listen(settings(&server.base_url));
    say(&stream, 7_000).await;
    let (text, _, to_ms) = words(&mut stream).await;
    assert_eq!(text, "early bird");
    assert!((9_000..=9_400).contains(&to_ms), "{to_ms}");
}

#[tokio::test]
async fn a_vendor_that_falls_silent_is_left_for_a_new_connection() {
    let script = Script::new().hears("still here").listen_fails(1, Failure::StallAfter(1));
    let server = Server::start(script).await;
    let mut stream = listen(Settings { answer_within: LATE, ..settings(&server.base_url) });
    say(&stream, 0).await;
    let Some(SttEvent::Reconnecting(error)) = next_settled(&mut stream).await else {
        panic!("the stall was not noticed")
    };
    assert!(matches!(error.problem, Problem::TimedOut { waited_for: "answer to audio", .. }));
    assert!(matches!(next_settled(&mut stream).await, Some(SttEvent::Recovered)));
    assert_eq!(words(&mut stream).await.0, "still here");
}

#[tokio::test]
async fn a_refused_key_or_request_is_the_end_at_once() {
    for (failure, unauthorized) in
        [(Failure::Status(401), true), (Failure::Status(403), true), (Failure::Status(400), false)]
    {
        let server = Server::start(Script::new().listen_always_fails(failure)).await;
        let mut stream = listen(settings(&server.base_url));
        let Some(SttEvent::Failed(error)) = next(&mut stream).await else { panic!("no failure") };
        let error = without_key(error);
        assert_eq!(matches!(error.problem, Problem::Unauthorized { .. }), unauthorized, "{error}");
        assert_eq!(error.request_id.as_deref(), Some("dg_1"));
        assert!(next(&mut stream).await.is_none());
        assert_eq!(server.host.requests().len(), 1);
    }
    let limited = Failure::TooMany { retry_after: "60".into() };
    let server = Server::start(Script::new().listen_always_fails(limited)).await;
    let failed = next(&mut listen(settings(&server.base_url))).await;
    assert!(
        matches!(&failed, Some(SttEvent::Failed(error)) if matches!(error.problem, Problem::RateLimited { .. })),
        "{failed:?}"
    );
}

#[tokio::test]
async fn a_refused_or_strange_connection_is_tried_again() {
    let short = Failure::TooMany { retry_after: "0".into() };
    for failure in [Failure::Refuse, Failure::Status(503), Failure::Garbage, short] {
        let script = Script::new().hears("at last").listen_fails(1, failure.clone());
        let server = Server::start(script).await;
        let mut stream = listen(settings(&server.base_url));
        say(&stream, 0).await;
        let event = next(&mut stream).await;
        assert!(matches!(event, Some(SttEvent::Reconnecting(_))), "{failure:?}: {event:?}");
        assert!(matches!(next(&mut stream).await, Some(SttEvent::Recovered)), "{failure:?}");
        assert_eq!(words(&mut stream).await.0, "at last", "{failure:?}");
    }
}

#[tokio::test]
async fn nobody_there_is_told_and_a_slow_handshake_has_a_deadline() {
    let event = next(&mut listen(settings(&nowhere()))).await;
    assert!(
        matches!(&event, Some(SttEvent::Reconnecting(error)) if matches!(error.problem, Problem::Unreachable(_))),
        "{event:?}"
    );
    let late = Failure::SlowFirstByte(Duration::from_secs(30));
    let server = Server::start(Script::new().listen_always_fails(late)).await;
    let event =
        next(&mut listen(Settings { connect_within: SOON, ..settings(&server.base_url) })).await;
    assert!(
        matches!(&event, Some(SttEvent::Reconnecting(error))
            if matches!(error.problem, Problem::TimedOut { waited_for: "connection", after } if after == SOON)),
        "{event:?}"
    );
}

#[tokio::test]
async fn dropping_the_stream_closes_the_connection() {
    let server = Server::start(Script::new()).await;
    for _ in 0..5 {
        let stream = listen(settings(&server.base_url));
        send_audio(&stream, 0, 200, false).await;
        assert!(server.host.until_busy(PATIENCE).await);
        drop(stream);
        assert!(server.host.until_closed(PATIENCE).await, "a connection is left open");
    }
    let SttStream { input, events, work } = listen(settings(&server.base_url));
    assert!(server.host.until_busy(PATIENCE).await);
    drop(events);
    assert!(server.host.until_closed(PATIENCE).await, "nobody listens, but it goes on");
    drop((input, work));
}

#[tokio::test]
async fn check_asks_for_the_projects() {
    let server = Server::start(Script::new()).await;
    let stt = deepgram::Stt::new(settings(&server.base_url)).unwrap();
    assert_eq!(stt.check().await.unwrap(), "the key is accepted; projects: 1");
    assert_eq!(server.host.requests()[0].path, "/v1/projects");
}

#[tokio::test]
async fn speech_passes_through_untouched() {
    let voice = vendors::played::Voice::tone(20);
    let server = Server::start(Script::new().voice(voice.clone())).await;
    let tts = deepgram::Tts::new(settings(&server.base_url)).unwrap();
    let text = "Your order ships today.";
    let spoken = spoken(tts.speak(sentence(text))).await;
    assert!(spoken.done, "{:?}", spoken.error);
    assert_eq!(spoken.audio, voice.mulaw(text));
    let request = &server.host.requests()[0];
    assert_eq!(
        request.query,
        "model=aura-2-thalia-en&encoding=mulaw&sample_rate=8000&container=none"
    );
    assert_eq!(request.body, serde_json::json!({"text": text}));
}

#[tokio::test]
async fn what_holds_no_words_is_not_asked_for() {
    let tts = deepgram::Tts::new(settings(&nowhere())).unwrap();
    for text in ["", " ", "…", "?!"] {
        let spoken = spoken(tts.speak(sentence(text))).await;
        assert!(spoken.done && spoken.audio.is_empty(), "{text}: {:?}", spoken.error);
    }
}

#[tokio::test]
async fn speech_fails_in_every_way_with_its_problem() {
    let fail = async |failure: Failure| {
        let within = deadlines(&failure);
        let server = Server::start(Script::new().speak_always_fails(failure)).await;
        let tts = deepgram::Tts::new(settings(&server.base_url)).unwrap();
        let mut request = sentence("A sentence of some length.");
        (request.first_audio_within, request.next_audio_within) = within;
        let spoken = spoken(tts.speak(request)).await;
        assert!(server.host.until_quiet(PATIENCE).await);
        let heard = !spoken.audio.is_empty();
        (heard, spoken.error.expect("it fails").problem)
    };
    assert!(matches!(fail(Failure::Refuse).await, (false, Problem::Unreachable(_))));
    assert!(matches!(fail(Failure::Status(401)).await, (false, Problem::Unauthorized { .. })));
    assert!(matches!(fail(Failure::Status(413)).await, (false, Problem::Status { .. })));
    assert!(matches!(fail(Failure::CutAfter(2)).await, (true, Problem::Cut(_))));
    assert!(matches!(fail(Failure::Garbage).await, (false, Problem::Malformed(_))));
    let (heard, problem) = fail(Failure::StallAfter(2)).await;
    assert!(heard && matches!(problem, Problem::TimedOut { waited_for: "next audio", .. }));
}
