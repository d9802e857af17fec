//! Whatever a vendor does, the caller hears something sensible soon, and the next turn is a turn like any
//! other.

use std::time::Duration;

use futures_util::future::join_all;
use vendors::played::{Failure, deepgram, openai};

use super::line::{Setup, agent_said, answered, say, went_well};

/// From the caller's last sound to the agent's first: 3 s, and what a busy machine adds.
const SENSIBLE_WITHIN_MS: i64 = 10_000;
/// So many calls at once leave each its time.
const AT_ONCE: usize = 4;

/// Every way to fail, told of the request whose pieces are words or slices of 100 ms.
fn failures() -> Vec<Failure> {
    vec![
        Failure::Refuse,
        Failure::Status(401),
        Failure::Status(500),
        Failure::TooMany { retry_after: "30".into() },
        Failure::CutAfter(0),
        Failure::CutAfter(4),
        Failure::EndAfter(4),
        Failure::StallAfter(0),
        Failure::StallAfter(4),
        Failure::MalformedAfter(2),
        Failure::ErrorAfter(2, "server_error".into()),
        Failure::SlowFirstByte(Duration::from_millis(2_500)),
        Failure::Garbage,
    ]
}

/// One call of two turns: what `setup` breaks is to be survived by both.
async fn survives(what: String, setup: Setup) {
    let line = setup.start().await;
    let outcome = line
        .call(vec![
            answered(),
            say("callers/hours"),
            answered(),
            say("callers/parking"),
            answered(),
        ])
        .await;
    went_well(&outcome);
    let notes = line.notes(&outcome.call_sid).await;
    for response in &outcome.responses {
        let latency = response.latency_ms.unwrap_or(i64::MAX);
        assert!(latency <= SENSIBLE_WITHIN_MS, "{what}: {response:?}\n{notes:#?}");
    }
    assert!(agent_said(&notes).len() >= 3, "{what}: {notes:#?}");
    line.stop().await;
}

fn heard_twice() -> deepgram::Script {
    deepgram::Script::new().hears("When are you open?").hears("Is there parking?")
}

fn answers() -> openai::Script {
    openai::Script::new()
        .reply("We are open from eight to six. Please come any day.")
        .reply("There is parking behind the house.")
}

#[tokio::test(flavor = "multi_thread")]
async fn the_model_may_fail_in_any_way() {
    for some in failures().chunks(AT_ONCE) {
        join_all(some.iter().map(|failure| {
            let setup = Setup {
                openai: answers().chat_fails(1, failure.clone()),
                deepgram: heard_twice(),
                ..Setup::default()
            };
            survives(format!("the model: {failure:?}"), setup)
        }))
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_voice_may_fail_in_any_way() {
    for some in failures().chunks(AT_ONCE) {
        join_all(some.iter().map(|failure| {
            // The greeting is the first request; the answer's sentences follow.
            let setup = Setup {
                openai: answers(),
                deepgram: heard_twice().speak_fails(2, failure.clone()),
                ..Setup::default()
            };
            survives(format!("the voice: {failure:?}"), setup)
        }))
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn model_and_voice_may_be_gone_together() {
    let gone = Setup {
        openai: answers().chat_always_fails(Failure::StallAfter(0)),
        deepgram: heard_twice().speak_always_fails(Failure::StallAfter(0)),
        ..Setup::default()
    };
    survives("all stall".into(), gone).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn hearing_may_break_off_and_come_back() {
    let breaks =
        [Failure::Refuse, Failure::CutAfter(3), Failure::Status(503), Failure::MalformedAfter(1)];
    join_all(breaks.into_iter().map(|failure| {
        let setup = Setup {
            openai: answers(),
            deepgram: heard_twice().listen_fails(1, failure.clone()),
            ..Setup::default()
        };
        survives(format!("hearing: {failure:?}"), setup)
    }))
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_who_cannot_be_heard_is_told_so() {
    for failure in [Failure::Status(401), Failure::StallAfter(0)] {
        let setup = Setup {
            openai: answers(),
            deepgram: deepgram::Script::new().listen_always_fails(failure.clone()),
            ..Setup::default()
        };
        let line = setup.start().await;
        let outcome = line.call(vec![say("callers/hours"), answered()]).await;
        let notes = line.notes(&outcome.call_sid).await;
        assert!(!agent_said(&notes).is_empty(), "{failure:?}: {notes:#?}");
        line.stop().await;
    }
}
