//! Failover between real adapters and played servers.

mod servers;

use std::{sync::Arc, time::Duration};

use servers::*;
use vendors::{
    Llm, LlmEvent, Problem, Tts, deepgram, elevenlabs,
    failover::{FailoverLlm, FailoverTts, Member, Policy, breaker, breaker::State, hedge},
    openai,
    played::{self, Failure, Pace, nowhere},
};

fn llm(base_url: &str) -> Member<dyn Llm> {
    let settings = openai::Settings { base_url: base_url.into(), ..openai::Settings::chat(key()) };
    Member::new("openai", Arc::new(openai::Llm::new(settings).unwrap()))
}

/// Two failures open the breaker for good; nothing is hedged.
fn policy() -> Policy {
    let breaker = breaker::Policy { opens_after: 2, cool_down: Duration::from_secs(3_600) };
    Policy { breaker, hedge: hedge::Policy { share: 0.0, ..hedge::Policy::default() } }
}

/// Hedged after `floor` at the soonest and `cap` at the latest.
fn hedged(share: f64, floor: Duration, cap: Duration) -> Policy {
    Policy { hedge: hedge::Policy { share, floor, cap }, ..policy() }
}

#[tokio::test]
async fn the_second_model_answers_when_the_first_cannot() {
    let failures = [
        Failure::Refuse,
        Failure::Status(401),
        Failure::Status(500),
        Failure::TooMany { retry_after: "9".into() },
        Failure::StallAfter(0),
        Failure::Garbage,
        Failure::MalformedAfter(0),
    ];
    for failure in failures {
        let script = played::openai::Script::new().chat_always_fails(failure.clone());
        let broken = played::openai::Server::start(script).await;
        let sound = played::openai::Server::start(played::openai::Script::new()).await;
        let both = vec![llm(&broken.base_url), llm(&sound.base_url)];
        let line = FailoverLlm::new(both, policy()).unwrap();
        let mut request = question("Well?");
        (request.first_token_within, request.next_token_within) = deadlines(&failure);
        let answered = answered(line.answer(request)).await;
        assert_eq!(answered.text, "Yes.", "{failure:?}");
        assert!(answered.error.is_none(), "{failure:?}");
    }
}

#[tokio::test]
async fn what_was_begun_is_not_begun_again() {
    let script = played::openai::Script::new().reply("one two").chat_fails(1, Failure::CutAfter(2));
    let broken = played::openai::Server::start(script).await;
    let sound = played::openai::Server::start(played::openai::Script::new()).await;
    let both = vec![llm(&broken.base_url), llm(&sound.base_url)];
    let line = FailoverLlm::new(both, policy()).unwrap();
    let answered = answered(line.answer(question("Well?"))).await;
    assert_eq!(answered.text, "one ");
    assert!(matches!(answered.error.unwrap().problem, Problem::Cut(_)));
    assert!(sound.chats().is_empty());
}

#[tokio::test]
async fn an_engine_that_is_down_is_soon_left_alone() {
    let script = played::openai::Script::new().chat_always_fails(Failure::Status(500));
    let broken = played::openai::Server::start(script).await;
    let sound = played::openai::Server::start(played::openai::Script::new()).await;
    let both = vec![llm(&broken.base_url), llm(&sound.base_url)];
    let line = FailoverLlm::new(both, policy()).unwrap();
    for _ in 0..6 {
        assert_eq!(answered(line.answer(question("Well?"))).await.text, "Yes.");
    }
    assert_eq!((broken.chats().len(), sound.chats().len()), (2, 6));
}

#[tokio::test]
async fn when_all_are_down_the_last_failure_is_told_and_the_first_is_asked_again() {
    let line = FailoverLlm::new(vec![llm(&nowhere()), llm(&nowhere())], policy()).unwrap();
    for _ in 0..4 {
        let answered = answered(line.answer(question("Well?"))).await;
        assert!(matches!(answered.error.unwrap().problem, Problem::Unreachable(_)));
    }
    assert!(line.check().await.is_err());
    assert!(FailoverLlm::new(Vec::new(), policy()).is_none());
}

#[tokio::test]
async fn a_barge_in_ends_the_work_of_the_engine_behind() {
    let pace = Pace { first: Duration::ZERO, between: Duration::from_millis(5) };
    let endless = "word ".repeat(2_000);
    let script = played::openai::Script::new().reply(endless.as_str()).chat_pace(pace);
    let server = played::openai::Server::start(script).await;
    let line = FailoverLlm::new(vec![llm(&server.base_url)], policy()).unwrap();
    let mut stream = line.answer(question("Well?"));
    assert!(matches!(stream.events.recv().await, Some(LlmEvent::Text(_))));
    drop(stream);
    assert!(server.host.until_quiet(PATIENCE).await, "the vendor still talks to nobody");
}

#[tokio::test]
async fn the_second_voice_speaks_with_its_own_name() {
    let script = played::elevenlabs::Script::new().speech_always_fails(Failure::Status(500));
    let broken = played::elevenlabs::Server::start(script).await;
    let sound = played::deepgram::Server::start(played::deepgram::Script::new()).await;
    let first = elevenlabs::Settings {
        base_url: broken.base_url.clone(),
        ..elevenlabs::Settings::new(key())
    };
    let second =
        deepgram::Settings { base_url: sound.base_url.clone(), ..deepgram::Settings::new(key()) };
    let both: Vec<Member<dyn Tts>> = vec![
        Member::new("elevenlabs", Arc::new(elevenlabs::Tts::new(first).unwrap())),
        Member::new("deepgram", Arc::new(deepgram::Tts::new(second).unwrap())),
    ];
    let line = FailoverTts::new(both, policy()).unwrap();
    let mut request = sentence("Good morning.");
    request.voice = Some("Voice7".into());
    let spoken = spoken(line.speak(request)).await;
    assert!(spoken.done && !spoken.audio.is_empty(), "{:?}", spoken.error);
    assert!(broken.host.requests()[0].path.contains("Voice7"));
    assert!(sound.host.requests()[0].query.starts_with("model=aura-2-thalia-en&"));
    let said = line.check().await.unwrap();
    assert!(said.contains("deepgram: the key is accepted"), "{said}");
}

#[tokio::test]
async fn an_engine_that_cuts_every_answer_short_is_left_alone_too() {
    let script = played::openai::Script::new()
        .reply("one two three")
        .chat_always_fails(Failure::CutAfter(2));
    let broken = played::openai::Server::start(script).await;
    let sound = played::openai::Server::start(played::openai::Script::new()).await;
    let line =
        FailoverLlm::new(vec![llm(&broken.base_url), llm(&sound.base_url)], policy()).unwrap();
    let mut answers = Vec::new();
    for _ in 0..4 {
        answers.push(answered(line.answer(question("Well?"))).await.text);
    }
    assert_eq!(answers, ["one ", "one ", "Yes.", "Yes."]);
    assert_eq!(line.standing()[0].breaker, State::Open);
}

#[tokio::test]
async fn an_engine_that_is_back_is_found_by_one_probe_and_preferred_again() {
    let script = played::openai::Script::new()
        .reply("I am back.")
        .chat_fails(1, Failure::Status(500))
        .chat_fails(2, Failure::Refuse)
        .chat_fails(3, Failure::Status(503));
    let first = played::openai::Server::start(script).await;
    let second = played::openai::Server::start(played::openai::Script::new()).await;
    // No time has to pass before a probe.
    let breaker = breaker::Policy { opens_after: 2, cool_down: Duration::ZERO };
    let both = vec![llm(&first.base_url), llm(&second.base_url)];
    let line = FailoverLlm::new(both, Policy { breaker, ..policy() }).unwrap();
    let mut answers = Vec::new();
    let mut breakers = Vec::new();
    for _ in 0..5 {
        answers.push(answered(line.answer(question("Well?"))).await.text);
        breakers.push(line.standing()[0].breaker);
    }
    assert_eq!(answers, ["Yes.", "Yes.", "Yes.", "I am back.", "I am back."]);
    let half = State::HalfOpen;
    assert_eq!(breakers, [State::Closed, half, half, State::Closed, State::Closed]);
    let standing = line.standing();
    assert_eq!((standing[0].requests, standing[0].failures), (5, 3));
    assert_eq!((standing[1].requests, standing[1].failovers), (3, 3));
}

#[tokio::test]
async fn one_that_stalls_leaves_the_next_enough_of_the_time() {
    let stalled = played::openai::Script::new().chat_always_fails(Failure::StallAfter(0));
    let broken = played::openai::Server::start(stalled).await;
    let sound = played::openai::Server::start(played::openai::Script::new()).await;
    let both = vec![llm(&broken.base_url), llm(&sound.base_url)];
    let line = FailoverLlm::new(both, policy()).unwrap();
    let mut request = question("Well?");
    // The whole line has this long; the first engine must not use it up.
    request.first_token_within = Duration::from_millis(2_000);
    let answered = answered(line.answer(request)).await;
    assert_eq!(answered.text, "Yes.", "{:?}", answered.error);
    assert_eq!(line.standing()[0].failures, 1);
}

#[tokio::test]
async fn a_late_engine_is_hedged_and_the_quicker_one_is_heard_alone() {
    let late = Failure::SlowFirstByte(PATIENCE);
    let script = played::openai::Script::new().reply("Late.").chat_always_fails(late);
    let slow = played::openai::Server::start(script).await;
    let quick = played::openai::Server::start(played::openai::Script::new().reply("Quick.")).await;
    let both = vec![llm(&slow.base_url), llm(&quick.base_url)];
    let line = FailoverLlm::new(both, hedged(1.0, SOON, SOON)).unwrap();
    let answered = answered(line.answer(question("Well?"))).await;
    assert_eq!((answered.text.as_str(), answered.rest.len()), ("Quick.", 1), "{:?}", answered.rest);
    assert!(slow.host.until_quiet(PATIENCE).await, "nobody waits for the late one any more");
    let standing = line.standing();
    assert_eq!((standing[1].hedges, standing[1].hedges_won, standing[1].failovers), (1, 1, 0));
    assert_eq!(standing[0].failures, 0, "it was late, which is no failure by itself");
}

#[tokio::test]
async fn a_hedge_that_is_slower_is_dropped_unheard() {
    let pace = |ms| Pace { first: Duration::from_millis(ms), between: Duration::ZERO };
    let script = played::openai::Script::new().reply("First.").chat_pace(pace(200));
    let first = played::openai::Server::start(script).await;
    let never = Failure::SlowFirstByte(PATIENCE);
    let script = played::openai::Script::new().reply("Second.").chat_always_fails(never);
    let second = played::openai::Server::start(script).await;
    let both = vec![llm(&first.base_url), llm(&second.base_url)];
    let at_once = Duration::from_millis(1);
    let line = FailoverLlm::new(both, hedged(1.0, at_once, at_once)).unwrap();
    let answered = answered(line.answer(question("Well?"))).await;
    assert_eq!((answered.text.as_str(), answered.rest.len()), ("First.", 1));
    let standing = line.standing();
    assert_eq!((standing[1].hedges, standing[1].hedges_won), (1, 0));
    assert_eq!((standing[0].breaker, standing[0].failures), (State::Closed, 0));
    assert!(second.host.until_quiet(PATIENCE).await, "the hedge was given up");
}

#[tokio::test]
async fn hedges_are_rationed_and_never_stand_ins() {
    let script =
        || played::openai::Script::new().chat_pace(Pace { first: SOON, between: Duration::ZERO });
    let first = played::openai::Server::start(script()).await;
    let second = played::openai::Server::start(script()).await;
    let at_once = Duration::from_millis(1);
    let both = || vec![llm(&first.base_url), llm(&second.base_url)];
    let line = FailoverLlm::new(both(), hedged(0.1, at_once, at_once)).unwrap();
    for _ in 0..20 {
        answered(line.answer(question("Well?"))).await;
    }
    // One is there from the beginning, and each request earns a tenth.
    assert_eq!(line.standing()[1].hedges, 3);

    let mut stand_in = both();
    stand_in[1].hedges = false;
    let line = FailoverLlm::new(stand_in, hedged(1.0, at_once, at_once)).unwrap();
    answered(line.answer(question("Well?"))).await;
    assert_eq!((line.standing()[1].requests, line.standing()[1].hedges), (0, 0));
}

#[tokio::test]
async fn an_engine_that_always_loses_the_race_is_left_alone() {
    let script = played::openai::Script::new().chat_always_fails(Failure::StallAfter(0));
    let stalled = played::openai::Server::start(script).await;
    let sound = played::openai::Server::start(played::openai::Script::new()).await;
    let both = vec![llm(&stalled.base_url), llm(&sound.base_url)];
    let line = FailoverLlm::new(both, hedged(1.0, SOON, SOON)).unwrap();
    for _ in 0..4 {
        assert_eq!(answered(line.answer(question("Well?"))).await.text, "Yes.");
    }
    assert_eq!((stalled.chats().len(), sound.chats().len()), (2, 4));
    assert_eq!(line.standing()[0].breaker, State::Open);
}

#[tokio::test]
async fn two_voices_never_say_one_sentence() {
    // Two tones, told apart by their loudness.
    let voice = |level: i16| played::Voice::new(move |text| vec![level; text.len() * 960]);
    let stalls = [
        (Failure::StallAfter(0), 12_000),
        (Failure::StallAfter(3), 3_000),
        (Failure::CutAfter(2), 3_000),
        (Failure::SlowFirstByte(PATIENCE), 12_000),
    ];
    for (failure, heard) in stalls {
        let script = played::openai::Script::new().voice(voice(3_000));
        let first =
            played::openai::Server::start(script.speech_always_fails(failure.clone())).await;
        let script = played::openai::Script::new().voice(voice(12_000));
        let second = played::openai::Server::start(script).await;
        let tts = |base_url: &str| {
            let base_url = base_url.into();
            let settings = openai::Settings { base_url, ..openai::Settings::speech(key()) };
            Member::<dyn Tts>::new("openai", Arc::new(openai::Tts::new(settings).unwrap()))
        };
        let both = vec![tts(&first.base_url), tts(&second.base_url)];
        let line = FailoverTts::new(both, hedged(1.0, LATE, LATE)).unwrap();
        let mut request = sentence("Good morning, how can I help?");
        if let Failure::StallAfter(3) = failure {
            request.next_audio_within = LATE;
        }
        let spoken = spoken(line.speak(request)).await;
        let samples = media::g711::decode_all(&spoken.audio);
        let off = samples.iter().skip(200).filter(|sample| (**sample - heard).abs() > 1_500);
        // The resampler rings at the first and the last samples.
        assert!(off.count() < 100, "{failure:?}: two voices, or the wrong one");
        assert_eq!(spoken.done, heard == 12_000, "{failure:?}: {:?}", spoken.error);
    }
}
