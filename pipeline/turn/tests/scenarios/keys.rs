//! Keys pressed on the telephone.

use turn::{Action, Engine, Message};

use crate::sim::{ANSWER_AT, Sim};

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
