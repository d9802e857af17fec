//! Recognition that changes engines in mid-call, between real adapters and played servers: no word is
//! lost, none is said twice.

mod servers;

use std::{sync::Arc, time::Duration};

use servers::*;
use vendors::{
    Stt as _, SttEvent, SttInput, SttOptions, SttStream, deepgram,
    failover::{Endurance, FailoverStt, Member, Policy, breaker, breaker::State},
    openai,
    played::{self, Failure, deepgram::Script, nowhere},
};

fn deepgram_at(base_url: &str) -> Member<dyn vendors::Stt> {
    let settings =
        deepgram::Settings { base_url: base_url.into(), ..deepgram::Settings::new(key()) };
    Member::new("deepgram", Arc::new(deepgram::Stt::new(settings).unwrap()))
}

fn openai_at(base_url: &str) -> Member<dyn vendors::Stt> {
    let base_url = base_url.into();
    let settings = openai::Settings { base_url, ..openai::Settings::transcription(key()) };
    Member::new("openai", Arc::new(openai::Stt::new(settings).unwrap()))
}

/// As short as a healthy engine is sure to keep, which loses no connection; breakers open at the first
/// failure, for good.
fn line(engines: Vec<Member<dyn vendors::Stt>>) -> FailoverStt {
    let reconnect_within = Duration::ZERO;
    let endurance = Endurance { settle_within: LATE, reconnect_within, ..Endurance::default() };
    with_endurance(engines, endurance)
}

fn with_endurance(engines: Vec<Member<dyn vendors::Stt>>, endurance: Endurance) -> FailoverStt {
    let breaker = breaker::Policy { opens_after: 1, cool_down: Duration::from_secs(3_600) };
    let policy = Policy { breaker, ..Policy::default() };
    FailoverStt::new(engines, policy, endurance).unwrap()
}

fn listen(line: &FailoverStt) -> SttStream {
    line.listen(SttOptions { language: "en-US".into(), keywords: Vec::new() })
}

/// What was heard until final words that end with `last`: words with their places, and the rest.
struct Heard {
    words: Vec<(String, u64, u64)>,
    lost: usize,
    back: usize,
}

async fn until_heard(stream: &mut SttStream, last: &str) -> Heard {
    let mut heard = Heard { words: Vec::new(), lost: 0, back: 0 };
    loop {
        match next_settled(stream).await {
            Some(SttEvent::Final { text, from_ms, to_ms, .. }) => {
                let complete = text.ends_with(last);
                if !text.is_empty() {
                    heard.words.push((text, from_ms, to_ms));
                }
                if complete {
                    return heard;
                }
            }
            Some(SttEvent::Reconnecting(error)) => {
                without_key(error);
                heard.lost += 1;
            }
            Some(SttEvent::Recovered) => heard.back += 1,
            Some(SttEvent::Failed(error)) => panic!("{error}"),
            Some(_) => {}
            None => panic!("it ended"),
        }
    }
}

fn texts(heard: &Heard) -> Vec<&str> {
    heard.words.iter().map(|(text, ..)| text.as_str()).collect()
}

/// Speech of a second and a half, then a pause, as the VAD would tell it.
async fn say(stream: &SttStream, from_ms: u64) {
    send_audio(stream, from_ms, from_ms + 200, false).await;
    send_audio(stream, from_ms + 200, from_ms + 500, true).await;
    send(stream, SttInput::SpeechStarted { at_ms: from_ms + 200 }).await;
    send_audio(stream, from_ms + 500, from_ms + 1_700, true).await;
    send_audio(stream, from_ms + 1_700, from_ms + 2_100, false).await;
    send(stream, SttInput::SpeechStopped { at_ms: from_ms + 1_700 }).await;
}

#[tokio::test]
async fn the_first_sentence_is_heard_although_the_first_engine_cannot() {
    let failures = [
        Failure::Refuse,
        Failure::Status(401),
        Failure::Status(500),
        Failure::Garbage,
        Failure::StallAfter(0),
        Failure::CutAfter(0),
        Failure::ErrorAfter(0, "NET-0000".into()),
        Failure::SlowFirstByte(PATIENCE),
    ];
    for failure in failures {
        let script = Script::new().hears("never told").listen_always_fails(failure.clone());
        let broken = played::deepgram::Server::start(script).await;
        let script = Script::new().hears("good morning").hears("and goodbye");
        let sound = played::deepgram::Server::start(script).await;
        let line = line(vec![deepgram_at(&broken.base_url), deepgram_at(&sound.base_url)]);
        let mut stream = listen(&line);
        say(&stream, 0).await;
        let heard = until_heard(&mut stream, "good morning").await;
        assert_eq!(texts(&heard), ["good morning"], "{failure:?}");
        let (_, from_ms, to_ms) = heard.words[0];
        assert!(
            from_ms <= 200 && (1_700..=2_100).contains(&to_ms),
            "{failure:?}: {heard_at:?}",
            heard_at = (from_ms, to_ms)
        );
        assert_eq!(heard.lost, 1, "{failure:?}: hearing was lost once");
        say(&stream, 2_100).await;
        assert_eq!(texts(&until_heard(&mut stream, "goodbye").await), ["and goodbye"]);
        assert_eq!(line.standing()[0].breaker, State::Open, "{failure:?}");
        // Another call does not even try it.
        let before = line.standing()[0].requests;
        let mut other = listen(&line);
        say(&other, 0).await;
        drop(next(&mut other).await);
        assert_eq!(line.standing()[0].requests, before, "{failure:?}");
    }
}

#[tokio::test]
async fn an_engine_that_dies_in_mid_sentence_costs_no_word_and_none_comes_twice() {
    // What pieces of results have come when it dies: in the first guesses, amid them, near the end.
    for pieces in [2, 3, 4] {
        let script = Script::new()
            .hears("we would like a table")
            .hears("for the four of us tonight")
            .listen_fails(1, Failure::CutAfter(pieces + 3))
            .listen_always_fails(Failure::Refuse);
        let first = played::deepgram::Server::start(script).await;
        let script = Script::new().hears("for the four of us tonight");
        let second = played::deepgram::Server::start(script).await;
        let line = line(vec![deepgram_at(&first.base_url), deepgram_at(&second.base_url)]);
        let mut stream = listen(&line);
        say(&stream, 0).await;
        let heard = until_heard(&mut stream, "table").await;
        let settled = heard.words[0].2;
        say(&stream, 2_100).await;
        let heard = until_heard(&mut stream, "tonight").await;
        assert_eq!(texts(&heard), ["for the four of us tonight"], "after {pieces} pieces");
        let (_, from_ms, to_ms) = heard.words[0];
        assert!(from_ms >= settled && to_ms >= 3_800, "{from_ms}..{to_ms} after {settled}");
        // Told again is what was not final, and no more.
        let told = second.received()[0] as u64 / 8;
        assert!(told <= 4_200 - settled, "{told} ms of {}", 4_200 - settled);
        assert_eq!(heard.lost, 1);
    }
}

#[tokio::test]
async fn an_engine_that_hears_whole_utterances_takes_over_in_mid_sentence() {
    let script = Script::new()
        .hears("tell me about your garden")
        .listen_fails(1, Failure::CutAfter(2))
        .listen_always_fails(Failure::Status(500));
    let first = played::deepgram::Server::start(script).await;
    let script = played::openai::Script::new().transcript("tell me about your garden");
    let second = played::openai::Server::start(script).await;
    let line = line(vec![deepgram_at(&first.base_url), openai_at(&second.base_url)]);
    let mut stream = listen(&line);
    send_audio(&stream, 0, 300, false).await;
    send_audio(&stream, 300, 900, true).await;
    send(&stream, SttInput::SpeechStarted { at_ms: 300 }).await;
    // The engine is cut off while the caller speaks; the one that takes over learns that he does.
    assert!(matches!(next_settled(&mut stream).await, Some(SttEvent::Reconnecting(_))));
    assert!(matches!(next_settled(&mut stream).await, Some(SttEvent::Recovered)));
    send_audio(&stream, 900, 2_000, true).await;
    send_audio(&stream, 2_000, 2_400, false).await;
    send(&stream, SttInput::SpeechStopped { at_ms: 2_000 }).await;
    let heard = until_heard(&mut stream, "garden").await;
    assert_eq!(texts(&heard), ["tell me about your garden"]);
    // The file holds the whole utterance: 1.7 s and what stands before and after it.
    let file = second.host.requests()[0].body["file"].as_u64().unwrap() / 16;
    assert!((1_800..=2_400).contains(&file), "{file} ms");
}

#[tokio::test]
async fn an_engine_that_owes_words_is_left_for_another() {
    let script = Script::new().hears("never told").listen_always_fails(Failure::StallAfter(1));
    let stalled = played::deepgram::Server::start(script).await;
    let sound = played::deepgram::Server::start(Script::new().hears("is anybody there")).await;
    let endurance =
        Endurance { settle_within: LATE, reconnect_within: PATIENCE, ..Endurance::default() };
    let both = vec![deepgram_at(&stalled.base_url), deepgram_at(&sound.base_url)];
    let line = with_endurance(both, endurance);
    let mut stream = listen(&line);
    say(&stream, 0).await;
    let heard = until_heard(&mut stream, "there").await;
    assert_eq!(texts(&heard), ["is anybody there"]);
    assert_eq!((heard.lost, line.standing()[0].failures), (1, 1));
}

#[tokio::test]
async fn an_engine_that_falls_silent_while_the_caller_speaks_is_left_without_blame() {
    let script = Script::new().hears("never told").listen_always_fails(Failure::StallAfter(1));
    let stalled = played::deepgram::Server::start(script).await;
    let sound = played::deepgram::Server::start(Script::new().hears("a long story")).await;
    let endurance = Endurance { silent_for: LATE, ..Endurance::default() };
    let both = vec![deepgram_at(&stalled.base_url), deepgram_at(&sound.base_url)];
    let line = with_endurance(both, endurance);
    let mut stream = listen(&line);
    send(&stream, SttInput::SpeechStarted { at_ms: 0 }).await;
    send_audio(&stream, 0, 1_500, true).await;
    // One guess, and then nothing of a voice that goes on.
    assert!(matches!(next(&mut stream).await, Some(SttEvent::Interim { .. })));
    assert!(matches!(next_settled(&mut stream).await, Some(SttEvent::Reconnecting(_))));
    send_audio(&stream, 1_500, 2_000, false).await;
    send(&stream, SttInput::SpeechStopped { at_ms: 1_500 }).await;
    assert_eq!(texts(&until_heard(&mut stream, "story").await), ["a long story"]);
    let standing = line.standing();
    assert_eq!((standing[0].failures, standing[0].breaker), (0, State::Closed));
    assert_eq!(standing[1].failovers, 1);
}

#[tokio::test]
async fn an_engine_that_mends_itself_in_time_is_kept() {
    let script = Script::new().hears("one two three").listen_fails(1, Failure::CutAfter(1));
    let first = played::deepgram::Server::start(script).await;
    let second = played::deepgram::Server::start(Script::new()).await;
    let both = vec![deepgram_at(&first.base_url), deepgram_at(&second.base_url)];
    let line = with_endurance(both, Endurance::default());
    let mut stream = listen(&line);
    say(&stream, 0).await;
    let heard = until_heard(&mut stream, "three").await;
    assert_eq!((texts(&heard), heard.lost, heard.back), (vec!["one two three"], 1, 1));
    assert_eq!((line.standing()[0].failures, line.standing()[1].requests), (0, 0));
}

#[tokio::test]
async fn hearing_has_failed_only_when_all_engines_have() {
    let refuses = || Script::new().listen_always_fails(Failure::Status(401));
    let first = played::deepgram::Server::start(refuses()).await;
    let second = played::deepgram::Server::start(refuses()).await;
    let line = line(vec![deepgram_at(&first.base_url), deepgram_at(&second.base_url)]);
    for calls in 1..3 {
        let mut stream = listen(&line);
        say(&stream, 0).await;
        assert!(matches!(next(&mut stream).await, Some(SttEvent::Reconnecting(_))));
        let failed = next(&mut stream).await;
        assert!(matches!(failed, Some(SttEvent::Failed(_))), "{failed:?}");
        assert!(next(&mut stream).await.is_none());
        // The breakers of both are open: a call that cannot go on otherwise tries all the same.
        let tries = |server: &played::deepgram::Server| server.host.requests().len();
        assert_eq!((tries(&first), tries(&second)), (calls, calls));
    }
    let line = self::line(vec![deepgram_at(&nowhere())]);
    assert!(line.check().await.is_err());
}

#[tokio::test]
async fn hanging_up_yields_the_last_words_and_ends_the_engines_work() {
    let broken =
        played::deepgram::Server::start(Script::new().listen_always_fails(Failure::Status(401)))
            .await;
    let sound = played::deepgram::Server::start(Script::new().hears("good bye")).await;
    let line = line(vec![deepgram_at(&broken.base_url), deepgram_at(&sound.base_url)]);
    let SttStream { input, events, work } = listen(&line);
    let mut stream = SttStream { input, events, work };
    send_audio(&stream, 0, 1_000, true).await;
    assert!(matches!(next(&mut stream).await, Some(SttEvent::Reconnecting(_))));
    let (closed, _) = tokio::sync::mpsc::channel(1);
    stream.input = closed;
    assert_eq!(texts(&until_heard(&mut stream, "bye").await), ["good bye"]);
    while let Some(event) = next(&mut stream).await {
        assert!(!matches!(event, SttEvent::Failed(_)), "{event:?}");
    }
    assert!(sound.host.until_quiet(PATIENCE).await);
    assert!(line.check().await.unwrap().contains("deepgram: the key is accepted"));
}
