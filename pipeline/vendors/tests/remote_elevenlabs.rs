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
    let spoken = spoken(Tts::new(settings).unwrap().speak(request)).await;
    assert!(spoken.done, "{:?}", spoken.error);
    let sent = &server.host.requests()[0];
    assert_eq!(sent.path, "/v1/text-to-speech/Voice7/stream-input");
    assert_eq!(sent.headers["xi-api-key"], KEY);
    assert_eq!(
        sent.query,
        "model_id=eleven_flash_v2_5&output_format=ulaw_8000&auto_mode=true\
         &inactivity_timeout=60&language_code=en"
    );
    assert!(server.host.until_closed(PATIENCE).await, "a connection is left open");
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

#[tokio::test]
async fn dropping_the_stream_closes_the_connection() {
    let pace = Pace { first: Duration::ZERO, between: Duration::from_millis(5) };
    let server = Server::start(Script::new().pace(pace)).await;
    let tts = tts(&server.base_url);
    let mut stream = tts.speak(sentence(&"On and on. ".repeat(50)));
    loop {
        match stream.events.recv().await {
            Some(TtsEvent::Audio(_)) => break,
            Some(_) => {}
            None => panic!("no audio"),
        }
    }
    drop(stream);
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
