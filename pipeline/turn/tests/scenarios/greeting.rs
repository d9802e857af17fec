//! How a call begins.

use turn::{Action, Event, FloorName, Message, Script};

use crate::sim::{Setup, Sim, script};

#[test]
fn the_greeting_is_heard_and_then_the_caller_is_listened_to() {
    let mut call = Sim::greeting("Good morning, this is Bright Dental. How can I help?");
    call.run_until(6_000);
    assert_eq!(call.ear(), ["Good morning, this is Bright Dental. How can I help?"]);
    assert_eq!(call.call.floor(), FloorName::Caller);
    call.assert_ear_agrees();
}

#[test]
fn without_a_greeting_the_caller_speaks_first() {
    let mut call = Sim::listening();
    call.run_until(5_000);
    assert!(call.ear().is_empty());
    assert_eq!(call.call.floor(), FloorName::Caller);
}

#[test]
fn nothing_is_said_before_the_stream_is_up() {
    let script = Script { greeting: "Hello.".to_owned(), ..script() };
    let mut call = Sim::ringing(Setup { script, ..Setup::default() });
    call.at(4_000, Event::Answered);
    call.run_until(3_900);
    assert_eq!(call.orders_given().count(), 0);
    call.run_until(6_000);
    assert_eq!(call.ear(), ["Hello."]);
}

#[test]
fn a_stream_that_comes_up_twice_greets_once() {
    let mut call = Sim::greeting("Hello.");
    call.at(2_500, Event::Answered);
    call.run_until(6_000);
    assert_eq!(call.ear(), ["Hello."]);
}

#[test]
fn a_caller_who_speaks_into_the_greeting_is_listened_to() {
    let mut call = Sim::greeting(
        "Good morning, this is Bright Dental, where we care for your teeth. How can I help?",
    );
    call.says(1_500, "I want to book an appointment.");
    call.answers("Certainly.");
    call.run_until(8_000);
    assert_eq!(
        call.transcript(),
        [
            "agent: Good morning, this…",
            "caller: I want to book an appointment.",
            "agent: Certainly.",
        ]
    );
    call.assert_ear_agrees();
}

#[test]
fn words_said_before_the_stream_was_up_are_answered() {
    let mut call = Sim::ringing(Setup { script: script(), ..Setup::default() });
    call.says(100, "Hello?");
    call.at(1_000, Event::Answered);
    call.answers("Hello.");
    call.run_until(5_000);
    assert_eq!(call.transcript(), ["caller: Hello?", "agent: Hello."]);
}

#[test]
fn a_resumed_session_does_not_greet_and_knows_what_was_said() {
    let before = vec![
        Message::Caller { text: "I would like an appointment.".to_owned() },
        Message::Agent { text: "On which day?".to_owned(), tool_calls: Vec::new() },
    ];
    let script = Script {
        greeting: "Good morning.".to_owned(),
        resumed: Some("Sorry, go on.".to_owned()),
        ..script()
    };
    let mut call = Sim::new(Setup { script, before: before.clone(), ..Setup::default() });
    call.says(3_000, "On Tuesday.");
    call.answers("Tuesday is fine.");
    call.run_until(7_000);
    assert_eq!(call.ear(), ["Sorry, go on.", "Tuesday is fine."]);
    assert_eq!(call.call.history()[..2], before);
}

#[test]
fn a_paused_call_that_is_answered_greets_when_it_is_resumed() {
    let script = Script { greeting: "Hello.".to_owned(), ..script() };
    let mut call = Sim::ringing(Setup { script, ..Setup::default() });
    call.orders(100, "pause", turn::Command::Pause);
    call.at(500, Event::Answered);
    call.orders(3_000, "resume", turn::Command::Resume);
    call.run_until(2_900);
    assert!(call.ear().is_empty());
    call.run_until(6_000);
    assert_eq!(call.ear(), ["Hello."]);
    assert_eq!(call.orders_given().filter(|(_, a)| matches!(a, Action::Release)).count(), 1);
}

#[test]
fn a_call_paused_and_resumed_before_it_is_answered_greets() {
    let script = Script { greeting: "Hello.".to_owned(), ..script() };
    let mut call = Sim::ringing(Setup { script, ..Setup::default() });
    call.orders(100, "pause", turn::Command::Pause);
    call.orders(200, "resume", turn::Command::Resume);
    call.at(500, Event::Answered);
    call.run_until(3_000);
    assert_eq!(call.ear(), ["Hello."]);
}
