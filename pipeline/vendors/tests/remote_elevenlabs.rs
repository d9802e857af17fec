//! The ElevenLabs adapter against a played server: what works, and every way in which it does not.

mod servers;

use std::{collections::BTreeMap, time::Duration};

use servers::*;
use vendors::{
    Problem, Tts as _, TtsEvent,
    elevenlabs::{Settings, Tts},
    played::{Failure, Pace, Voice, elevenlabs::*, nowhere},
};

fn tts(base_url: &str) -> Tts {
    Tts::new(Settings { base_url: base_url.into(), ..Settings::new(key()) }).unwrap()
}

#[tokio::test]
async fn a_sentence_comes_with_the_times_of_its_words() {
    let voice = Voice::tone(40);
    let server = Server::start(Script::new().voice(voice.clone())).await;
    let text = "Où est-ce? Your order — number 42 — ships today.";
    let spoken = spoken(tts(&server.base_url).speak(sentence(text))).await;
    assert!(spoken.done, "{:?}", spoken.error);
    assert_eq!(spoken.audio, voice.mulaw(&format!("{text} ")));

    // 40 ms a character, so each word's place in the text is its place in time.
    let mut begin = 0;
    for word in &spoken.words {
        let end_char = text[..word.text_end].chars().count() as u32;
        let spelled = text[begin..word.text_end].trim();
        let first_char = end_char - spelled.chars().count() as u32;
        assert!(word.from_ms.abs_diff(first_char * 40) <= 4, "{spelled}: {word:?}");
        assert!(word.to_ms.abs_diff(end_char * 40) <= 4, "{spelled}: {word:?}");
        begin = word.text_end;
    }
    assert_eq!(spoken.words.len(), text.split_whitespace().count());
    assert_eq!(spoken.words.last().unwrap().text_end, text.len());
}

#[tokio::test]
async fn the_request_says_what_is_wanted() {
    let server = Server::start(Script::new()).await;
    let settings = Settings {
        base_url: server.base_url.replace("http", "ws") + "/v1/",
        voice_settings: BTreeMap::from([("speed".into(), 1.1)]),
        ..Settings::new(key())
    };
    let mut request = sentence("Hi.");
    request.voice = Some("Voice7".into());
    let tts = Tts::new(settings).unwrap();
    let spoken = spoken(tts.speak(request)).await;
    assert!(spoken.done, "{:?}", spoken.error);
    let sent = &server.host.requests()[0];
    assert_eq!(sent.path, "/v1/text-to-speech/Voice7/multi-stream-input");
    assert_eq!(sent.headers["xi-api-key"], KEY);
    assert_eq!(
        sent.query,
        "model_id=eleven_flash_v2_5&output_format=ulaw_8000&auto_mode=true\
         &inactivity_timeout=180&language_code=en"
    );
    drop(tts);
    assert!(server.host.until_closed(PATIENCE).await, "a connection is left open");
    assert!(server.complaints().is_empty(), "{:?}", server.complaints());
}

#[tokio::test]
async fn a_voice_cannot_leave_its_place_in_the_path() {
    let mut request = sentence("Hi.");
    request.voice = Some("../../user".into());
    let spoken = spoken(tts(&nowhere()).speak(request)).await;
    assert!(matches!(spoken.error.unwrap().problem, Problem::Engine(_)));
}

#[tokio::test]
async fn it_fails_in_every_way_with_its_problem() {
    let fail = async |failure: Failure| {
        let within = deadlines(&failure);
        let server = Server::start(Script::new().speech_always_fails(failure)).await;
        let mut request = sentence("A sentence of more than three pieces, this one.");
        (request.first_audio_within, request.next_audio_within) = within;
        let spoken = spoken(tts(&server.base_url).speak(request)).await;
        assert!(server.host.until_closed(PATIENCE).await, "a connection is left open");
        let heard = !spoken.audio.is_empty();
        (heard, spoken.error.expect("it fails").problem)
    };
    assert!(matches!(fail(Failure::Refuse).await, (false, Problem::Unreachable(_))));
    assert!(matches!(fail(Failure::Status(401)).await, (false, Problem::Unauthorized { .. })));
    assert!(matches!(fail(Failure::Status(500)).await, (false, Problem::Status { .. })));
    let limited = Failure::TooMany { retry_after: "2".into() };
    assert!(matches!(fail(limited).await, (false, Problem::RateLimited { retry_after: Some(_) })));
    assert!(matches!(fail(Failure::Garbage).await, (false, Problem::Malformed(_))));
    assert!(matches!(fail(Failure::CutAfter(2)).await, (true, Problem::Cut(_))));
    assert!(matches!(fail(Failure::EndAfter(2)).await, (true, Problem::Cut(_))));
    assert!(matches!(fail(Failure::MalformedAfter(2)).await, (true, Problem::Malformed(_))));
    let key = Failure::ErrorAfter(0, "invalid_api_key".into());
    assert!(matches!(fail(key).await, (false, Problem::Unauthorized { .. })));
    let quota = Failure::ErrorAfter(2, "quota_exceeded".into());
    assert!(matches!(fail(quota).await, (true, Problem::Engine(_))));
    let (heard, problem) = fail(Failure::StallAfter(0)).await;
    assert!(!heard && matches!(problem, Problem::TimedOut { waited_for: "first audio", .. }));
    let (heard, problem) = fail(Failure::StallAfter(2)).await;
    assert!(heard && matches!(problem, Problem::TimedOut { waited_for: "next audio", .. }));
    let late = Failure::SlowFirstByte(Duration::from_secs(30));
    let (_, problem) = fail(late).await;
    assert!(matches!(problem, Problem::TimedOut { waited_for: "first audio", .. }), "{problem}");
    let spoken = spoken(tts(&nowhere()).speak(sentence("Hi."))).await;
    assert!(matches!(spoken.error.unwrap().problem, Problem::Unreachable(_)));
}

/// The first audio of a sentence.
async fn first_audio(stream: &mut vendors::TtsStream) {
    loop {
        match stream.events.recv().await {
            Some(TtsEvent::Audio(_)) => break,
            Some(TtsEvent::Words(_)) => {}
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn twenty_sentences_use_one_connection() {
    let voice = Voice::tone(10);
    let server = Server::start(Script::new().voice(voice.clone())).await;
    let tts = tts(&server.base_url);
    for n in 0..20 {
        let text = format!("Sentence number {n}.");
        let spoken = spoken(tts.speak(sentence(&text))).await;
        assert!(spoken.done, "{:?}", spoken.error);
        assert_eq!(spoken.audio, voice.mulaw(&format!("{text} ")));
    }
    assert_eq!((server.host.connections_ever(), server.sentences()), (1, 20));
    assert!(server.complaints().is_empty(), "{:?}", server.complaints());
    drop(tts);
    assert!(server.host.until_closed(PATIENCE).await, "a connection is left open");
}

#[tokio::test]
async fn sentences_at_the_same_time_have_connections_of_their_own() {
    let server = Server::start(Script::new()).await;
    let tts = tts(&server.base_url);
    let together = ["One.", "Two.", "Three."].map(|text| spoken(tts.speak(sentence(text))));
    for spoken in futures_util::future::join_all(together).await {
        assert!(spoken.done, "{:?}", spoken.error);
    }
    assert_eq!(server.host.connections_ever(), 3);
    assert!(spoken(tts.speak(sentence("Four."))).await.done);
    assert_eq!(server.host.connections_ever(), 3);
    // Another voice is another address.
    let mut request = sentence("Five.");
    request.voice = Some("Voice7".into());
    assert!(spoken(tts.speak(request)).await.done);
    assert_eq!(server.host.connections_ever(), 4);
}

#[tokio::test]
async fn a_sentence_that_is_given_up_ends_its_context_and_keeps_the_connection() {
    let pace = Pace { first: Duration::ZERO, between: Duration::from_millis(5) };
    let voice = Voice::tone(10);
    let server = Server::start(Script::new().pace(pace).voice(voice.clone())).await;
    let tts = tts(&server.base_url);
    let mut stream = tts.speak(sentence(&"On and on. ".repeat(50)));
    first_audio(&mut stream).await;
    drop(stream);
    // What still comes of the first is not taken for the second.
    let spoken = spoken(tts.speak(sentence("Something else."))).await;
    assert!(spoken.done, "{:?}", spoken.error);
    assert_eq!(spoken.audio, voice.mulaw("Something else. "));
    assert_eq!(server.host.connections_ever(), 1);
}

#[tokio::test]
async fn rapid_interruptions_never_open_more_contexts_than_the_vendor_allows() {
    let pace = Pace { first: Duration::ZERO, between: Duration::from_millis(2) };
    let script = Script::new().pace(pace).slow_to_close(Duration::from_millis(300));
    let server = Server::start(script).await;
    let tts = tts(&server.base_url);
    for _ in 0..12 {
        let mut stream = tts.speak(sentence(&"On and on. ".repeat(5)));
        first_audio(&mut stream).await;
        drop(stream);
    }
    assert!(server.complaints().is_empty(), "{:?}", server.complaints());
    assert!(spoken(tts.speak(sentence("At last."))).await.done);
    assert!(server.host.connections_ever() < 12, "{}", server.host.connections_ever());
}

#[tokio::test]
async fn a_connection_that_the_vendor_closed_meanwhile_costs_a_handshake_and_no_sentence() {
    let script = Script::new().idle_after(Duration::from_millis(30));
    let server = Server::start(script).await;
    let tts = tts(&server.base_url);
    assert!(spoken(tts.speak(sentence("One."))).await.done);
    assert!(server.host.until_closed(PATIENCE).await, "it was to close");
    assert!(spoken(tts.speak(sentence("Two."))).await.done);
    assert_eq!(server.host.connections_ever(), 2);

    // It breaks just as the next sentence is sent.
    let server = Server::start(Script::new().speech_fails(2, Failure::CutAfter(0))).await;
    let tts = Tts::new(Settings { base_url: server.base_url.clone(), ..Settings::new(key()) });
    let tts = tts.unwrap();
    assert!(spoken(tts.speak(sentence("One."))).await.done);
    let again = spoken(tts.speak(sentence("Two."))).await;
    assert!(again.done, "{:?}", again.error);
    assert_eq!((server.host.connections_ever(), server.sentences()), (2, 3));
}

#[tokio::test]
async fn a_connection_that_is_not_used_is_closed() {
    let server = Server::start(Script::new()).await;
    let settings = Settings {
        base_url: server.base_url.clone(),
        keep_warm: Duration::from_millis(20),
        ..Settings::new(key())
    };
    let tts = Tts::new(settings).unwrap();
    assert!(spoken(tts.speak(sentence("One."))).await.done);
    assert!(server.host.until_closed(PATIENCE).await, "a connection is left open");
}

#[tokio::test]
async fn dropping_the_stream_and_the_voice_closes_the_connection() {
    let pace = Pace { first: Duration::ZERO, between: Duration::from_millis(5) };
    let server = Server::start(Script::new().pace(pace)).await;
    let tts = tts(&server.base_url);
    let mut stream = tts.speak(sentence(&"On and on. ".repeat(50)));
    first_audio(&mut stream).await;
    drop((stream, tts));
    assert!(server.host.until_closed(PATIENCE).await, "a connection is left open");
}

#[tokio::test]
async fn check_reads_the_account() {
    let server = Server::start(Script::new()).await;
    let said = tts(&server.base_url).check().await.unwrap();
    assert_eq!(said, "the key is accepted; characters used: 12 of 10000");
    let refused = Server::start(Script::new().user_always_fails(Failure::Status(401))).await;
    let error = without_key(tts(&refused.base_url).check().await.unwrap_err());
    assert!(matches!(error.problem, Problem::Unauthorized { .. }), "{error}");
}
