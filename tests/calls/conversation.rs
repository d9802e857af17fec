//! Calls in which all goes well.

use std::time::Duration;

use axum::{Json, Router, routing::post};
use serde_json::{Value, json};
use tandem::caller::Step;
use turn::Note;
use vendors::played::{deepgram, openai};

use super::line::{BUSINESS, Setup, agent_said, answered, caller_said, say, voice, went_well};

/// The words of the last thing that the user said in a chat request.
fn last_user(body: &Value) -> &str {
    let messages = body["messages"].as_array().expect("there are messages");
    let user = messages.iter().rev().find(|message| message["role"] == "user");
    user.and_then(|message| message["content"].as_str()).unwrap_or("")
}

fn last_role(body: &Value) -> &str {
    body["messages"]
        .as_array()
        .and_then(|all| all.last())
        .and_then(|m| m["role"].as_str())
        .unwrap_or("")
}

#[tokio::test(flavor = "multi_thread")]
async fn twenty_turns_with_tools_are_heard_and_answered_in_order() {
    // A function of the business, that counts what it was asked.
    let (asked, mut questions) = tokio::sync::mpsc::channel(64);
    let tool = Router::new().route(
        "/stock",
        post(move |Json(arguments): Json<Value>| async move {
            asked.send(arguments.clone()).await.expect("the test listens");
            Json(json!({"item": arguments["item"], "left": 3}))
        }),
    );
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let tool_url = format!("http://{}/stock", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, tool).await });

    let mut setup = Setup {
        business: format!(
            "{BUSINESS}\n[[tools]]\nname = \"stock\"\ndescription = \"How many are left.\"\nurl = \"{tool_url}\"\n"
        ),
        ..Setup::default()
    };
    let words: Vec<String> = (1..=20)
        .map(|turn| match turn % 5 {
            0 => format!("Check item {turn}."),
            _ => format!("This is turn {turn}."),
        })
        .collect();
    for text in &words {
        setup.deepgram = setup.deepgram.hears(text);
    }
    setup.openai = setup.openai.answering(|body| {
        let said = last_user(body);
        if last_role(body) == "tool" {
            return openai::Reply::text(&format!("Three left, {}", said.to_lowercase()));
        }
        match said.strip_prefix("Check item ") {
            Some(item) => openai::Reply::text("").call(
                &format!("call_{}", item.trim_end_matches('.')),
                "stock",
                json!({"item": item.trim_end_matches('.')}),
            ),
            None => openai::Reply::text(&format!("Right, {}", said.to_lowercase())),
        }
    });
    let line = setup.start().await;
    let mut steps = vec![answered()];
    for _ in 0..20 {
        steps.extend([say("callers/yes"), answered()]);
    }
    let outcome = line.call(steps).await;
    went_well(&outcome);
    let notes = line.notes(&outcome.call_sid).await;
    assert_eq!(caller_said(&notes), words);
    let said = agent_said(&notes);
    assert_eq!(said.len(), 21, "a greeting and twenty answers: {said:#?}");
    for (turn, answer) in (1..=20).zip(&said[1..]) {
        assert!(answer.contains(&format!(" {turn}.")), "turn {turn} was answered {answer:?}");
    }
    let mut items = Vec::new();
    while let Ok(question) = questions.try_recv() {
        items.push(question["item"].as_str().unwrap().to_owned());
    }
    assert_eq!(items, ["5", "10", "15", "20"], "each side effect once");
    // Every turn's time is accounted for.
    let waterfalls = notes.iter().filter(|note| matches!(note, Note::Answered { .. })).count();
    assert_eq!(waterfalls, 20);
    line.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_barge_in_stops_the_voice_and_the_context_keeps_the_heard_words() {
    let long = "One is the first of many numbers that will follow in this very long answer, two is \
                the second, three is the third, four is the fourth, five is the fifth of them.";
    let setup = Setup {
        openai: openai::Script::new().reply(long).reply("Fine."),
        deepgram: deepgram::Script::new()
            .hears("Count for me please.")
            .hears("Stop, that is enough."),
        ..Setup::default()
    };
    let line = setup.start().await;
    let outcome = line
        .call(vec![
            answered(),
            say("callers/hours"),
            Step::BargeIn {
                after: Duration::from_millis(2_000),
                say: voice("callers/bargein"),
                within: Duration::from_secs(10),
            },
            answered(),
        ])
        .await;
    went_well(&outcome);
    let barge_in = &outcome.barge_ins[0];
    assert!(barge_in.clear_after_ms.is_some_and(|ms| ms <= 2_000), "{barge_in:?}");
    let notes = line.notes(&outcome.call_sid).await;
    let cut = notes.iter().find_map(|note| match note {
        Note::AgentSaid { text, meant, cut: true, .. } => Some((text.clone(), meant.clone())),
        _ => None,
    });
    let (heard, meant) = cut.expect("the answer was cut");
    assert!(meant.starts_with(&heard) && heard.len() < meant.len(), "{heard:?} of {meant:?}");
    // What the model is told it said is what was heard, and nothing more.
    let last = line.openai.chats().pop().expect("it was asked");
    let messages = last["messages"].as_array().unwrap();
    let assistant: Vec<&str> = messages
        .iter()
        .filter(|message| message["role"] == "assistant")
        .filter_map(|message| message["content"].as_str())
        .collect();
    assert_eq!(assistant.last(), Some(&heard.as_str()));
    // What was heard of a tone of 60 ms a letter is told by its length: all of it takes nearly 10 s.
    let turn = outcome.turns.iter().find(|turn| turn.cut).expect("the caller heard it cut");
    assert!(turn.to_ms - turn.from_ms < 8_000, "{turn:?}");
    line.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_agent_ends_the_call_after_its_goodbye_was_heard() {
    let setup =
        Setup {
            openai: openai::Script::new().reply(
                openai::Reply::text("Thank you and goodbye.").call("c1", "end_call", json!({})),
            ),
            deepgram: deepgram::Script::new().hears("That is all, thank you."),
            ..Setup::default()
        };
    let line = setup.start().await;
    let outcome = line
        .call(vec![
            answered(),
            say("callers/thanks"),
            Step::ExpectHangUp { within: Duration::from_secs(10) },
        ])
        .await;
    went_well(&outcome);
    let said = agent_said(&line.notes(&outcome.call_sid).await);
    assert_eq!(said.last().map(String::as_str), Some("Thank you and goodbye."));
    assert_eq!(outcome.marks.unanswered, 0);
    line.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transfer_dials_the_person_after_the_stream() {
    let setup = Setup {
        openai: openai::Script::new().reply(openai::Reply::text("I will put you through.").call(
            "c1",
            "transfer",
            json!({"reason": "asked"}),
        )),
        deepgram: deepgram::Script::new().hears("Can I speak to a person?"),
        ..Setup::default()
    };
    let line = setup.start().await;
    let outcome = line
        .call(vec![
            answered(),
            say("callers/person"),
            Step::ExpectHangUp { within: Duration::from_secs(10) },
        ])
        .await;
    let verbs: Vec<String> =
        outcome.documents.iter().flat_map(|document| document.verbs.clone()).collect();
    assert!(verbs.iter().any(|verb| verb.starts_with("Dial")), "{verbs:?}");
    line.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_models_a_built_in_voice_and_word_matching_answer() {
    let setup = Setup {
        deepgram: deepgram::Script::new().hears("What are your opening hours on Friday?"),
        business: tandem::demo::BUSINESS.to_owned(),
        env: vec![
            ("TANDEM_LLM", "local".into()),
            ("TANDEM_TTS", "local".into()),
            ("TANDEM_MODELS_DIR", "no/such/folder".into()),
        ],
        ..Setup::default()
    };
    let line = setup.start().await;
    let outcome = line.call(vec![answered(), say("callers/hours"), answered()]).await;
    went_well(&outcome);
    let said = agent_said(&line.notes(&outcome.call_sid).await);
    assert!(said[1].contains("open Monday to Friday"), "{said:?}");
    assert!(line.openai.chats().is_empty() && line.deepgram.host.requests().len() <= 1);
    line.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_are_gathered_and_answered() {
    let setup = Setup {
        openai: openai::Script::new()
            .answering(|body| openai::Reply::text(&format!("You did this: {}", last_user(body)))),
        ..Setup::default()
    };
    let line = setup.start().await;
    let outcome = line.call(vec![answered(), Step::Press("42#".into()), answered()]).await;
    went_well(&outcome);
    let notes = line.notes(&outcome.call_sid).await;
    assert!(notes.contains(&Note::Pressed { keys: "42".into() }), "{notes:#?}");
    assert_eq!(agent_said(&notes).len(), 2);
    line.stop().await;
}
