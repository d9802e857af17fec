//! A caller who says nothing.

use crate::sim::{ANSWER_AT, Sim, vendors};

const PROMPT: &str = "Are you still there?";

#[test]
fn a_silent_caller_is_asked_twice_and_then_told_goodbye() {
    let mut call = Sim::greeting("Hello.");
    call.run_to_end(60_000);
    assert_eq!(
        call.ear(),
        ["Hello.", PROMPT, PROMPT, "I can't hear you, so I will hang up now. Goodbye."]
    );
    assert_eq!(call.transcript().last().unwrap(), "ended: the caller was silent");
    let (_, greeted) = call.heard_from_to("Hello.");
    let (asked, _) = call.heard_from_to(PROMPT);
    assert!((8_000..8_500).contains(&(asked - greeted)), "{asked} - {greeted}");
}

#[test]
fn a_caller_who_answers_the_prompt_is_asked_anew_from_the_start() {
    let mut call = Sim::listening();
    call.says(10_500, "Yes, I am.");
    call.run_until(40_000);
    let prompts = call.ear().iter().filter(|words| *words == PROMPT).count();
    assert_eq!(prompts, 3, "one before the caller spoke, two after: {:?}", call.ear());
}

#[test]
fn nobody_is_asked_while_the_agent_speaks() {
    let long = "This is a long story about teeth. ".repeat(12);
    let mut call = Sim::answering(long.trim());
    call.run_until(ANSWER_AT + 25_000);
    let prompts = call.ear().iter().filter(|words| *words == PROMPT).count();
    assert_eq!(prompts, 0);
    assert_eq!(call.ear().len(), 1);
}

#[test]
fn nobody_is_asked_while_they_speak() {
    let mut call = Sim::listening();
    call.says(6_000, &"and then ".repeat(20));
    call.run_until(16_000);
    assert!(call.ear().is_empty());
}

#[test]
fn nobody_is_asked_while_an_answer_is_awaited() {
    let mut call = Sim::listening();
    call.answers_with(vec![vendors::tool("one", "look_up"), vendors::Part::Done]);
    call.tools.answers.push_back(Some((9_000, "found".to_owned())));
    call.says(1_000, "Can you look that up?");
    call.run_until(11_000);
    assert!(!call.ear().iter().any(|words| words == PROMPT), "{:?}", call.ear());
}

#[test]
fn a_caller_who_speaks_into_the_last_goodbye_keeps_the_call() {
    let mut call = Sim::listening();
    call.says(30_500, "Wait, I am here.");
    call.answers("Good.");
    call.run_until(35_000);
    assert!(!call.is_over());
    assert_eq!(call.ear().last().unwrap(), "Good.");
}
