//! How calls end, by either side, and that they do.

use std::time::Duration;

use turn::{Action, Command, Effect, EndReason, Event, FloorName, Policy, Refusal};

use crate::sim::{
    ANSWER_AT, Setup, Sim,
    line::LineSetup,
    policy, say, script, vendors,
    vendors::{Part, VoiceFault},
};

/// The model says goodbye and ends the call.
fn goodbye() -> Vec<Part> {
    let mut parts = vec![Part::Wait(250)];
    parts.extend(vendors::words("You are welcome. Goodbye."));
    parts.push(vendors::tool("end", "end_call"));
    parts.push(Part::Done);
    parts
}

fn hung_up_at(call: &Sim) -> u64 {
    call.ordered_at(|action| matches!(action, Action::HangUp { .. }))
}

#[test]
fn a_goodbye_is_heard_to_its_last_sample_before_the_hang_up() {
    let mut call = Sim::listening();
    call.answers_with(goodbye());
    call.says(1_000, "Thank you, that is all.");
    call.run_to_end(15_000);
    assert_eq!(call.ear(), ["You are welcome. Goodbye."]);
    let (_, last) = call.heard_from_to("You are welcome. Goodbye.");
    assert!(hung_up_at(&call) >= last);
    assert!(hung_up_at(&call) <= last + 100, "and no later than that is known");
    assert_eq!(call.transcript().last().unwrap(), "ended: the agent ended");
}

#[test]
fn a_model_that_ends_without_a_word_has_the_script_say_goodbye() {
    let mut call = Sim::listening();
    call.answers_with(vec![Part::Wait(250), vendors::tool("end", "end_call"), Part::Done]);
    call.says(1_000, "Thank you, that is all.");
    call.run_to_end(15_000);
    assert_eq!(call.ear(), ["Thank you for calling. Goodbye."]);
}

#[test]
fn a_goodbye_with_a_dead_voice_still_hangs_up() {
    let mut setup = Setup { script: script(), ..Setup::default() };
    setup.voice.faults = [VoiceFault::Mute; 8].into();
    let mut call = Sim::new(setup);
    call.answers_with(goodbye());
    call.says(1_000, "Thank you, that is all.");
    call.run_to_end(15_000);
    assert!(call.ear().is_empty());
    assert!(hung_up_at(&call) < 14_000);
}

#[test]
fn a_goodbye_with_a_carrier_that_returns_no_marks_still_hangs_up_after_it() {
    let mut setup = Setup { script: script(), ..Setup::default() };
    setup.line.marks_lost = 1_000;
    let mut call = Sim::new(setup);
    call.answers_with(goodbye());
    call.says(1_000, "Thank you, that is all.");
    call.run_to_end(15_000);
    assert_eq!(call.ear(), ["You are welcome. Goodbye."]);
}

#[test]
fn a_caller_who_speaks_into_the_goodbye_keeps_the_call() {
    let mut call = Sim::listening();
    call.answers_with(goodbye());
    call.answers("On Saturday we close at one.");
    let end = call.says(1_000, "Thank you, that is all.");
    call.says(end + 2_000, "Oh, and when do you close on Saturday?");
    call.run_until(15_000);
    assert!(!call.is_over());
    assert_eq!(call.ear().last().unwrap(), "On Saturday we close at one.");
}

#[test]
fn a_cough_in_the_goodbye_does_not_stop_the_end() {
    let mut call = Sim::listening();
    call.answers_with(goodbye());
    let end = call.says(1_000, "Thank you, that is all.");
    call.coughs(end + 2_000, 150);
    call.run_to_end(15_000);
    assert_eq!(call.ear(), ["You are welcome. Goodbye."]);
}

#[test]
fn a_caller_who_hangs_up_in_mid_word_is_written_down_as_far_as_known() {
    let mut call = Sim::answering("We are open from eight to six.");
    call.says(ANSWER_AT + 1_000, "No I");
    call.at(ANSWER_AT + 1_540, Event::CallerLeft);
    call.run_until(20_000);
    assert_eq!(
        call.transcript(),
        [
            "caller: When are you open?",
            "agent: We are open from…",
            "caller: No",
            "ended: the caller left",
        ]
    );
    assert_eq!(call.call.floor(), FloorName::Ended);
    assert_eq!(call.call.deadline(), None);
}

#[test]
fn after_the_end_nothing_happens_any_more() {
    let mut call = Sim::answering("We are open from eight to six.");
    call.at(4_000, Event::CallerLeft);
    call.says(5_000, "Hello?");
    call.presses(6_000, "1");
    call.orders(7_000, "late", say("Hello."));
    call.run_until(30_000);
    assert_eq!(hung_up_at(&call), 4_000);
    assert_eq!(call.answers_to("late"), [Err(Refusal::Ended)]);
}

#[test]
fn a_call_ends_politely_when_it_has_lasted_longest() {
    let policy = Policy { longest_call: Duration::from_secs(20), ..policy() };
    let mut call = Sim::new(Setup { script: script(), policy, ..Setup::default() });
    call.answers(&"This takes a while. ".repeat(30));
    call.says(1_000, "Tell me a story.");
    call.run_to_end(30_000);
    assert_eq!(call.ear().last().unwrap(), "Thank you for calling. Goodbye.");
    assert_eq!(call.transcript().last().unwrap(), "ended: too long");
    assert!(hung_up_at(&call) < 25_000);
}

#[test]
fn a_caller_who_talks_on_cannot_hold_up_the_longest_call() {
    let policy = Policy { longest_call: Duration::from_secs(10), ..policy() };
    let mut call = Sim::new(Setup { script: script(), policy, ..Setup::default() });
    call.says(8_000, &"and then and then ".repeat(20));
    call.run_to_end(20_000);
    assert_eq!(call.transcript().last().unwrap(), "ended: too long");
}

#[test]
fn without_hearing_the_caller_is_put_through_or_told() {
    let mut call = Sim::listening();
    call.at(2_000, Event::HearingFailed);
    call.at(2_100, Event::HearingFailed);
    call.run_to_end(15_000);
    assert_eq!(call.ear(), ["I will put you through now."]);
    assert_eq!(call.transcript().last().unwrap(), "ended: transferred, the agent cannot hear");

    let mut setup = Setup { script: script(), ..Setup::default() };
    setup.script.can_transfer = false;
    let mut call = Sim::new(setup);
    call.at(2_000, Event::HearingFailed);
    call.run_to_end(15_000);
    assert_eq!(
        call.ear(),
        ["I'm sorry, I cannot hear you at the moment. Please call again later."]
    );
    let why = EndReason::HearingFailed;
    assert!(call.all_orders().contains(&Action::HangUp { why }));
}

#[test]
fn the_model_may_put_the_caller_through() {
    let mut call = Sim::listening();
    let reason = serde_json::json!({ "reason": "billing" });
    let (id, name) = ("put".to_owned(), "transfer".to_owned());
    call.answers_with(vec![
        Part::Wait(250),
        Part::Tool { id, name, arguments: reason },
        Part::Done,
    ]);
    call.says(1_000, "Can I talk to a person?");
    call.run_to_end(15_000);
    assert_eq!(call.ear(), ["I will put you through now."]);
    assert_eq!(call.transcript().last().unwrap(), "ended: transferred, billing");
}

#[test]
fn a_hang_up_raced_by_a_transfer_is_one_end_and_both_are_answered() {
    for (first, second) in [(0, 1), (1, 0)] {
        let mut call = Sim::answering("We are open from eight to six.");
        let orders = [
            ("end", Command::End { politely: true }),
            ("transfer", Command::Transfer { reason: "asked".to_owned() }),
        ];
        let (id, order) = orders[first].clone();
        call.orders(ANSWER_AT + 500, id, order);
        let (other, order) = orders[second].clone();
        call.orders(ANSWER_AT + 500, other, order);
        call.run_to_end(30_000);
        assert_eq!(call.answers_to(id), [Ok(Effect::Done)]);
        assert_eq!(call.answers_to(other), [Err(Refusal::Ending)]);
        let ends =
            call.orders_given().filter(|(_, order)| matches!(order, Action::HangUp { .. })).count();
        assert_eq!(ends, 1);
    }
}

#[test]
fn a_call_whose_audio_was_cleared_still_ends() {
    // The caller takes the floor amid the goodbye, says goodbye, and the marks of what was cleared
    // come back late.
    let line = LineSetup { marks_late: (1_500, 1_000), ..LineSetup::default() };
    let mut call = Sim::new(Setup { script: script(), line, ..Setup::default() });
    call.answers("Then I wish you a very nice day and hope to see you soon.");
    call.answers_with(goodbye());
    call.says(1_000, "That is all.");
    call.says(ANSWER_AT + 1_500, "Thank you, bye.");
    call.run_to_end(30_000);
    assert_eq!(call.transcript().last().unwrap(), "ended: the agent ended");
}
