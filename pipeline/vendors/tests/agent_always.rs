//! What holds for every history whatsoever: the local agent says something, ends its reply, calls
//! only what it was offered, and does not panic.

mod agent_support;

use agent_support::{agent, caller, guidance, reply, request, said, telephone, tool};
use proptest::prelude::*;
use serde_json::json;
use vendors::{Message, ToolCall};

/// Words that lead somewhere, and some that do not.
fn utterance() -> impl Strategy<Value = String> {
    let known = prop::sample::select(vec![
        "I would like to book an appointment.",
        "My name is Daniel Carter",
        "Next Tuesday at three",
        "Yes",
        "No",
        "No, at four",
        "never mind",
        "Can I speak to a person?",
        "leave a message",
        "Is there parking and do you take insurance?",
        "what about children",
        "goodbye",
        "repeat that",
        "thank you",
        "(pressed 1)",
        "(pressed",
        "four one five five five five oh one one one",
        "Friday",
        "the time",
        "",
        " ",
        "?",
    ]);
    prop_oneof![
        6 => known.prop_map(str::to_owned),
        1 => "\\PC{0,60}",
        1 => prop::collection::vec("[a-z0-9'.:,?!-]{1,9}", 0..12).prop_map(|words| words.join(" ")),
    ]
}

fn message() -> impl Strategy<Value = Message> {
    let questions = prop::sample::select(vec![
        "May I have your name, please?",
        "What day and time would suit you?",
        "I have Daniel Carter, Friday at nine. Is that right?",
        "And at what time?",
        "And on which day?",
        "What should I change?",
        "Would you like to leave a message?",
        "Do you mean parking, or insurance?",
        "Is there anything else I can help you with?",
        "I'm sorry, I did not catch that. May I",
    ]);
    let arguments = prop_oneof![Just(json!({"name": "Ada"})), Just(json!(null)), Just(json!([1]))];
    prop_oneof![
        5 => utterance().prop_map(|text| caller(&text)),
        3 => (questions, 0usize..60).prop_map(|(text, cut)| {
            said(&text.chars().take(cut).collect::<String>())
        }),
        1 => "\\PC{0,40}".prop_map(|text| said(&text)),
        1 => arguments.prop_map(|arguments| Message::Agent {
            text: String::new(),
            tool_calls: vec![ToolCall {
                id: "a".into(),
                name: "book_appointment".into(),
                arguments,
            }],
        }),
        1 => "\\PC{0,30}".prop_map(|content| Message::Tool { call_id: "a".into(), content }),
        1 => prop_oneof![
            "(say|tell|offer|ask|remind|mention|let) ?(them|the caller)? ?\\PC{0,20}",
            "\\PC{0,20}"
        ]
        .prop_map(|text| guidance(&text)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn every_reply_says_something_and_ends(
        history in prop::collection::vec(message(), 0..16),
        offered in 0usize..3,
    ) {
        thread_local! {
            static AGENT: vendors::local::agent::Agent = agent();
        }
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .expect("a runtime");
        let mut tools = if offered > 0 { telephone() } else { Vec::new() };
        if offered > 1 {
            tools.push(tool("book_appointment"));
        }
        let agent = AGENT.with(Clone::clone);
        let asked = request(history.clone(), tools.clone());
        let whole = runtime.block_on(reply(&agent, asked.clone()));
        prop_assert!(whole.ended);
        prop_assert!(!whole.text.trim().is_empty());
        prop_assert!(whole.calls.iter().all(|call| tools.iter().any(|t| t.name == call.name)));
        prop_assert!(whole.calls.len() <= 1);
        // The same history gets the same reply.
        let again = runtime.block_on(reply(&agent, asked));
        prop_assert_eq!((whole.text, whole.calls), (again.text, again.calls));
    }

    /// A conversation in which the agent's own words are cut anywhere.
    #[test]
    fn conversations_with_barge_ins_go_on(
        turns in prop::collection::vec((utterance(), 0usize..30), 1..12),
    ) {
        thread_local! {
            static AGENT: vendors::local::agent::Agent = agent();
        }
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .expect("a runtime");
        let agent = AGENT.with(Clone::clone);
        let mut history = Vec::new();
        for (words, cut) in turns {
            history.push(caller(&words));
            let whole = runtime.block_on(reply(&agent, request(history.clone(), telephone())));
            prop_assert!(whole.ended && !whole.text.trim().is_empty());
            let heard: Vec<&str> = whole.text.split(' ').take(cut).collect();
            if !heard.is_empty() {
                history.push(said(&heard.join(" ")));
            }
        }
    }
}
