//! Failover between real adapters and played servers.

mod servers;

use std::{sync::Arc, time::Duration};

use servers::*;
use vendors::{
    Llm, LlmEvent, Problem, Tts, deepgram, elevenlabs,
    failover::{FailoverLlm, FailoverTts, Policy},
    openai,
    played::{self, Failure, nowhere},
};

fn llm(base_url: &str) -> Arc<dyn Llm> {
    let settings = openai::Settings { base_url: base_url.into(), ..openai::Settings::chat(key()) };
    Arc::new(openai::Llm::new(settings).unwrap())
}

fn policy() -> Policy {
    Policy { opens_after: 2, cool_down: Duration::from_secs(3_600) }
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
    let pace = played::Pace { first: Duration::ZERO, between: Duration::from_millis(5) };
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
    let both: Vec<Arc<dyn Tts>> = vec![
        Arc::new(elevenlabs::Tts::new(first).unwrap()),
        Arc::new(deepgram::Tts::new(second).unwrap()),
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
