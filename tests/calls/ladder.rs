//! The deadline ladder on the vendors' side: another engine, two at once, phrases ready beforehand.
//! Whatever is down, the caller hears something sensible, and nothing twice.

use std::time::Duration;

use futures_util::future::join_all;
use tandem::caller::{Outcome, Step, Wait};
use turn::{Note, Purpose};
use vendors::{
    failover::breaker::State,
    played::{self, Failure, Pace, Voice},
};

use super::line::{Line, Setup, agent_said, answered, caller_said, say, went_well};

/// The loudness of the second server's voice, far above the first one's.
const LOUD: i16 = 24_000;

fn heard_twice() -> played::deepgram::Script {
    played::deepgram::Script::new().hears("When are you open?").hears("Is there parking?")
}

fn answers(mark: &str) -> played::openai::Script {
    let pace = Pace { first: Duration::from_millis(80), between: Duration::from_millis(5) };
    played::openai::Script::new()
        .chat_pace(pace)
        .reply(format!("{mark}: we are open from eight to six.").as_str())
        .reply(format!("{mark}: there is parking behind the house.").as_str())
}

fn two_turns() -> Vec<Step> {
    vec![answered(), say("callers/hours"), answered(), say("callers/parking"), answered()]
}

/// A second server that speaks OpenAI's protocol, and what names it.
async fn second(script: played::openai::Script) -> (played::openai::Server, Vec<Setting>) {
    let server = played::openai::Server::start(script).await;
    let env = vec![
        ("OPENAI2_BASE_URL", server.base_url.clone()),
        ("TANDEM_LLM", "openai,openai2".into()),
        ("TANDEM_HEDGE", "0".into()),
    ];
    (server, env)
}

type Setting = (&'static str, String);

async fn metrics(line: &Line) -> String {
    let metrics = reqwest::get(format!("{}/metrics", line.url)).await.expect("it answers");
    metrics.text().await.expect("it is text")
}

fn replies(notes: &[Note]) -> Vec<String> {
    let replies = notes.iter().filter_map(|note| match note {
        Note::AgentSaid { purpose: Purpose::Reply, text, .. } => Some(text.clone()),
        _ => None,
    });
    replies.collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn another_model_answers_and_the_first_is_preferred_again_when_it_is_back() {
    let (server, env) = second(answers("Second")).await;
    let setup = Setup {
        openai: answers("First").chat_fails(1, Failure::Status(500)),
        deepgram: heard_twice(),
        env,
        ..Setup::default()
    };
    let line = setup.start().await;
    let outcome = line.call(two_turns()).await;
    went_well(&outcome);
    let notes = line.notes(&outcome.call_sid).await;
    let said = replies(&notes);
    assert_eq!(said[0], "Second: we are open from eight to six.", "{notes:#?}");
    assert!(said[1].starts_with("First: "), "{notes:#?}");
    assert_eq!(server.chats().len(), 1);
    let ready = reqwest::get(format!("{}/readyz", line.url)).await.unwrap().text().await.unwrap();
    assert!(ready.starts_with("ready\n") && ready.contains("llm openai2: closed"), "{ready}");
    let metrics = metrics(&line).await;
    let failovers = r#"tandem_engine_failovers_total{part="llm",engine="openai2"}"#;
    assert!(metrics.contains(failovers), "{metrics}");
    line.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_that_stalls_costs_its_share_of_the_time_and_then_nothing() {
    let (_server, env) = second(answers("Second")).await;
    let setup = Setup {
        openai: answers("First").chat_always_fails(Failure::StallAfter(0)),
        deepgram: heard_twice(),
        env,
        ..Setup::default()
    };
    let line = setup.start().await;
    // Longer than between the filler and what follows it.
    let replied = || {
        let (silence, within) = (Duration::from_millis(2_500), Duration::from_secs(15));
        Step::WaitForAgent(Wait { silence, within })
    };
    let turns =
        vec![answered(), say("callers/hours"), replied(), say("callers/parking"), replied()];
    let outcome = line.call(turns).await;
    went_well(&outcome);
    let notes = line.notes(&outcome.call_sid).await;
    // Filler first; then the second model, before the machine would have asked its spare one.
    assert!(agent_said(&notes).contains(&"One moment, please.".to_owned()), "{notes:#?}");
    let said = replies(&notes);
    assert!(said.len() == 2 && said.iter().all(|text| text.starts_with("Second: ")), "{notes:#?}");
    line.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_late_model_is_raced_by_the_second_and_only_one_is_heard() {
    let (server, mut env) = second(answers("Second")).await;
    env.push(("TANDEM_HEDGE", "1".into()));
    let setup = Setup {
        openai: answers("First").chat_always_fails(Failure::SlowFirstByte(Duration::from_secs(9))),
        deepgram: heard_twice(),
        env,
        ..Setup::default()
    };
    let line = setup.start().await;
    let outcome = line.call(two_turns()).await;
    went_well(&outcome);
    let notes = line.notes(&outcome.call_sid).await;
    let said = replies(&notes);
    assert!(said.len() == 2 && said.iter().all(|text| text.starts_with("Second: ")), "{notes:#?}");
    assert_eq!(server.chats().len(), 2);
    let standing = line.gateway.engines().standing();
    let won = standing.iter().find(|(part, of)| *part == "llm" && of.name == "openai2").unwrap();
    assert_eq!((won.1.hedges_won, won.1.failovers), (2, 0), "{standing:#?}");
    line.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn recognition_that_dies_in_mid_sentence_loses_no_word_and_says_none_twice() {
    let dying =
        heard_twice().listen_fails(1, Failure::CutAfter(4)).listen_always_fails(Failure::Refuse);
    let script = played::openai::Script::new()
        .transcript("When are you open?")
        .transcript("Is there parking?");
    let server = played::openai::Server::start(script).await;
    let setup = Setup {
        openai: answers("First"),
        deepgram: dying,
        env: vec![
            ("OPENAI2_BASE_URL", server.base_url.clone()),
            ("TANDEM_STT", "deepgram,openai2".into()),
        ],
        ..Setup::default()
    };
    let line = setup.start().await;
    let outcome = line.call(two_turns()).await;
    went_well(&outcome);
    let notes = line.notes(&outcome.call_sid).await;
    assert_eq!(caller_said(&notes), ["When are you open?", "Is there parking?"], "{notes:#?}");
    assert_eq!(replies(&notes).len(), 2, "{notes:#?}");
    line.stop().await;
}

/// A gateway whose phrases are ready and whose voice then goes down.
async fn with_phrases(then: Failure, env: Vec<Setting>) -> (Line, usize) {
    let env = [vec![("TANDEM_PHRASES", "true".into())], env].concat();
    let whole = Setup { env: env.clone(), ..Setup::default() }.start().await;
    whole.gateway.engines().phrases.prepared().await;
    let phrases = whole.gateway.engines().phrases.ready();
    assert_eq!(whole.deepgram.host.requests().len(), phrases, "each is asked for once");
    whole.stop().await;
    // The same requests go well again (an answer that is not late at all), and all after them fail.
    let mut deepgram = heard_twice().voice(Voice::tone(30)).speak_always_fails(then);
    for number in 1..=phrases {
        deepgram = deepgram.speak_fails(number, Failure::SlowFirstByte(Duration::ZERO));
    }
    let setup = Setup {
        openai: answers("First").chat_always_fails(Failure::StallAfter(0)),
        deepgram,
        env,
        ..Setup::default()
    };
    let line = setup.start().await;
    line.gateway.engines().phrases.prepared().await;
    (line, phrases)
}

fn first_sound(outcome: &Outcome, response: usize) -> i64 {
    outcome.responses[response].latency_ms.expect("it was answered")
}

async fn are_said_at_once(failure: Failure) {
    let (line, phrases) = with_phrases(failure.clone(), Vec::new()).await;
    let outcome = line.call(two_turns()).await;
    went_well(&outcome);
    let notes = line.notes(&outcome.call_sid).await;
    let said = agent_said(&notes);
    assert_eq!(said[0], "Hello, how can I help?", "{failure:?}: {notes:#?}");
    // The model is gone too: the filler comes by its policy, 1.2 s after the decision, and what a busy
    // machine adds.
    let filler = notes.iter().find_map(|note| match note {
        Note::AgentSaid { purpose: Purpose::Filler, from, .. } => Some(from.0),
        _ => None,
    });
    let asked = notes.iter().find_map(|note| match note {
        Note::CallerSaid { to, .. } => Some(to.0),
        _ => None,
    });
    let waited = filler.expect("there was a filler") - asked.expect("the caller was heard");
    assert!(waited <= 8_000, "{failure:?}: the filler came after {waited} ms\n{notes:#?}");
    assert!(first_sound(&outcome, 0) <= 10_000, "{failure:?}: {:?}", outcome.responses);
    // What is not a phrase was asked of the voice, and said by the spare one.
    assert!(line.deepgram.host.requests().len() > phrases);
    assert!(replies(&notes).iter().all(|text| !text.is_empty()));
    line.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn phrases_are_said_at_once_while_the_voice_is_down() {
    let failures = [Failure::Refuse, Failure::StallAfter(0)];
    join_all(failures.map(are_said_at_once)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_phrase_that_could_not_be_made_is_made_once_the_voice_is_back() {
    let deepgram =
        heard_twice().speak_fails(1, Failure::Status(503)).speak_fails(2, Failure::CutAfter(1));
    let env = vec![("TANDEM_PHRASES", "true".into())];
    let line = Setup { deepgram, env, ..Setup::default() }.start().await;
    line.gateway.engines().phrases.prepared().await;
    let phrases = line.gateway.engines().phrases.ready();
    // The two that failed were asked for twice.
    let asked = line.deepgram.host.requests();
    assert_eq!(asked.len(), phrases + 2);
    let outcome = line.call(vec![answered()]).await;
    went_well(&outcome);
    assert_eq!(
        line.deepgram.host.requests().iter().filter(|r| r.path == "/v1/speak").count(),
        phrases + 2
    );
    let notes = line.notes(&outcome.call_sid).await;
    assert_eq!(agent_said(&notes), ["Hello, how can I help?"]);
    line.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sentence_is_said_by_one_voice_however_the_other_fails() {
    let loud = played::openai::Script::new().voice(Voice::new(|text| vec![LOUD; text.len() * 960]));
    let server = played::openai::Server::start(loud).await;
    let failures = [
        Failure::Status(503),
        Failure::StallAfter(0),
        Failure::SlowFirstByte(Duration::from_secs(5)),
    ];
    join_all(failures.map(async |failure| {
        let env = vec![
            ("OPENAI2_BASE_URL", server.base_url.clone()),
            ("TANDEM_TTS", "deepgram,openai2".into()),
        ];
        let deepgram = heard_twice().speak_always_fails(failure.clone());
        let line =
            Setup { openai: answers("First"), deepgram, env, ..Setup::default() }.start().await;
        let outcome = line.call(vec![answered()]).await;
        went_well(&outcome);
        let notes = line.notes(&outcome.call_sid).await;
        assert_eq!(agent_said(&notes), ["Hello, how can I help?"], "{failure:?}");
        let trouble = notes.iter().any(|note| matches!(note, Note::Trouble { .. }));
        assert!(!trouble, "{failure:?}: the conversation need not know: {notes:#?}");
        line.stop().await;
    }))
    .await;
    assert_eq!(server.speeches().len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_engine_that_is_out_is_told_to_whoever_asks() {
    let (_server, env) = second(answers("Second")).await;
    let setup = Setup {
        openai: answers("First").chat_always_fails(Failure::Status(401)),
        deepgram: heard_twice(),
        env,
        ..Setup::default()
    };
    let line = setup.start().await;
    went_well(&line.call(vec![answered(), say("callers/hours"), answered()]).await);
    let standing = line.gateway.engines().standing();
    let state = |name| standing.iter().find(|(part, of)| *part == "llm" && of.name == name);
    assert_eq!(state("openai").unwrap().1.breaker, State::Open);
    assert_eq!(state("openai2").unwrap().1.breaker, State::Closed);
    let ready = reqwest::get(format!("{}/readyz", line.url)).await.unwrap();
    assert!(ready.status().is_success(), "a call survives an engine that is out");
    assert!(ready.text().await.unwrap().contains("llm openai: open"));
    let checked = line.gateway.engines().check().await;
    assert!(checked.iter().any(|(_, name, outcome)| *name == "openai2" && outcome.is_ok()));
    line.stop().await;
}
