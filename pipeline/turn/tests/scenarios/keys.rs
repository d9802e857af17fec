//! Keys pressed on the telephone.

use turn::{Action, Engine, Message, Note};

use crate::sim::{
    ANSWER_AT, Setup, Sim, policy, script,
    vendors::{self, Part},
};

#[test]
fn a_hash_ends_the_keys_at_once() {
    let mut call = Sim::listening();
    call.presses(1_000, "123#");
    call.answers("Thank you.");
    call.run_until(5_000);
    assert_eq!(call.transcript(), ["keys: 123", "agent: Thank you."]);
    assert_eq!(call.ordered_at(|action| matches!(action, Action::Ask { .. })), 1_900);
    assert_eq!(call.call.history()[0], Message::Caller { text: "(pressed 123)".to_owned() });
}

#[test]
fn without_a_hash_the_keys_end_after_a_while() {
    let mut call = Sim::listening();
    call.presses(1_000, "12");
    call.run_until(8_000);
    assert_eq!(call.ordered_at(|action| matches!(action, Action::Ask { .. })), 1_300 + 2_000);
    assert_eq!(call.transcript()[0], "keys: 12");
}

#[test]
fn a_key_interrupts_the_agent_at_once() {
    let mut call = Sim::answering("For the clinic press one. For the shop press two. For us wait.");
    call.presses(ANSWER_AT + 1_000, "1#");
    call.answers("The clinic.");
    call.run_until(10_000);
    let cut = call.ordered_at(|action| matches!(action, Action::Abandon { .. }));
    assert_eq!(cut, ANSWER_AT + 1_000);
    assert_eq!(call.transcript()[2..], ["keys: 1", "agent: The clinic."]);
    call.assert_ear_agrees();
}

#[test]
fn a_key_pressed_while_an_answer_is_made_is_answered_with_it() {
    let mut call = Sim::listening();
    call.answers("This is overtaken.");
    call.answers("Number five, then.");
    let end = call.says(1_000, "Which one is it?");
    call.presses(end + 600, "5#");
    call.run_until(8_000);
    assert_eq!(call.ear(), ["Number five, then."]);
    assert_eq!(call.asks(Engine::Chosen), 2);
}

#[test]
fn a_hash_alone_is_a_key_and_is_answered() {
    let mut call = Sim::answering("Press hash to go on, or wait for the next free agent.");
    call.presses(ANSWER_AT + 1_000, "#");
    call.answers("Going on.");
    call.run_until(8_000);
    assert_eq!(call.transcript()[2..], ["keys: #", "agent: Going on."]);
}

#[test]
fn what_is_no_key_is_passed_over() {
    let mut call = Sim::listening();
    for (at, key) in [(1_000, 'x'), (1_100, '\n'), (1_200, 'é')] {
        call.at(at, turn::Event::KeyPressed { key });
    }
    call.run_until(6_000);
    assert!(call.transcript().is_empty());
}

#[test]
fn words_and_keys_together_are_one_turn() {
    let mut call = Sim::listening();
    let end = call.says(1_000, "My number is");
    call.presses(end + 200, "42#");
    call.run_until(8_000);
    assert_eq!(call.asks(Engine::Chosen), 1);
    let text = "My number is (pressed 42)".to_owned();
    assert_eq!(call.call.history()[0], Message::Caller { text });
}

/// The model asks for keys with these arguments; the caller presses these.
fn asked_for(arguments: serde_json::Value, keys: &str) -> Sim {
    let mut call = Sim::listening();
    let mut parts = vec![Part::Wait(200)];
    parts.extend(vendors::words("Please enter your code."));
    parts.extend([vendors::tool_with("ask", "collect_keys", arguments), Part::Done]);
    call.answers_with(parts);
    call.says(1_000, "I want my balance.");
    call.presses(7_000, keys);
    call
}

#[test]
fn keys_that_the_model_asked_for_are_complete_at_their_length() {
    let mut call = asked_for(serde_json::json!({"length": 4}), "1234");
    call.answers("Thank you.");
    call.run_until(12_000);
    assert_eq!(call.ear(), ["Please enter your code.", "Thank you."]);
    let pressed = call.ordered_at(|order| matches!(order, Action::Note(Note::Pressed { .. })));
    assert_eq!(pressed, 7_900);
}

#[test]
fn keys_may_end_with_another_key_than_hash() {
    let mut call = asked_for(serde_json::json!({"terminator": "*"}), "12#*");
    call.run_until(12_000);
    assert!(call.transcript().contains(&"keys: 12#".to_owned()), "{:#?}", call.transcript());
}

#[test]
fn secret_keys_reach_tools_and_nobody_else() {
    let mut call = asked_for(serde_json::json!({"length": 4, "secret": true}), "9876");
    let paid = serde_json::json!({"pin": "[[keys-1]]", "note": ["pin [[keys-1]]"]});
    call.answers_with(vec![
        Part::Wait(200),
        vendors::tool_with("pay", "pay", paid.clone()),
        Part::Done,
    ]);
    call.answers("It is paid.");
    call.run_until(14_000);
    assert_eq!(call.ear().last().unwrap(), "It is paid.");
    // The journal's keys are the session's to mask; all else is in the orders and the history.
    let orders = format!("{:?}{:?}", call.all_orders(), call.call.history());
    assert!(!orders.contains("9876") && orders.contains("••••"), "{orders}");
    let revealed = serde_json::json!({"pin": "9876", "note": ["pin 9876"]});
    assert_eq!(call.call.reveal(&paid), revealed);
}

#[test]
fn keys_are_masked_only_while_they_are_secret() {
    let mut call = asked_for(serde_json::json!({"length": 2, "secret": true}), "12");
    call.run_until(6_500);
    assert!(call.call.masks_key('5') && !call.call.masks_key('#'), "the terminator is no secret");
    call.run_until(12_000);
    assert!(!call.call.masks_key('5'));
}

#[test]
fn where_keys_do_not_interrupt_they_are_answered_after_the_agent() {
    let mut policy = policy();
    policy.keys.barge_in = false;
    let mut call = Sim::new(Setup { policy, script: script(), ..Setup::default() });
    call.answers("For the clinic press one.");
    call.answers("The clinic.");
    call.says(1_000, "Hello?");
    call.presses(3_600, "1");
    call.run_until(14_000);
    assert_eq!(call.ear(), ["For the clinic press one.", "The clinic."]);
    assert_eq!(call.clears(), 0);
}
