//! Answers that are late, broken or missing.

use turn::{Action, Engine, Message, Purpose};

use crate::sim::{
    Sim, vendors,
    vendors::{Part, answer},
};

const FILLER: &str = "One moment, please.";
const APOLOGY: &str = "I'm sorry, I can't answer that just now. Could you say it once more?";
const HOURS: &str = "We are open from eight to six. On Saturday we close at one.";

/// A caller who asks; the model answers step by step.
fn asking(parts: Vec<Part>) -> Sim {
    let mut call = Sim::listening();
    call.answers_with(parts);
    call.says(1_000, "When are you open?");
    call
}

fn late(by: u64, text: &str) -> Vec<Part> {
    let mut parts = vec![Part::Wait(by)];
    parts.extend(answer(text));
    parts
}

#[test]
fn a_late_answer_is_bridged_by_a_filler() {
    let mut call = asking(late(2_000, HOURS));
    call.run_until(12_000);
    assert_eq!(call.ear(), [FILLER, HOURS]);
    assert_eq!(call.purposes(), [Purpose::Filler, Purpose::Reply]);
    // The model is told what it answered, not what filled its silence.
    assert_eq!(call.call.history().len(), 2);
}

#[test]
fn a_quick_answer_needs_no_filler() {
    let mut call = asking(answer(HOURS));
    call.run_until(12_000);
    assert_eq!(call.ear(), [HOURS]);
}

#[test]
fn a_filler_goes_before_the_reply_even_if_its_words_came_first() {
    let mut call = asking(answer(HOURS));
    call.voice.setup.faults.push_back(vendors::VoiceFault::Late(1_500));
    call.run_until(12_000);
    assert_eq!(call.ear(), [FILLER, HOURS]);
}

#[test]
fn the_filler_is_not_said_twice_for_one_answer() {
    let mut call = asking(late(3_600, HOURS));
    call.run_until(14_000);
    assert_eq!(call.ear(), [FILLER, HOURS]);
}

#[test]
fn when_no_answer_comes_the_spare_engine_is_asked() {
    let mut call = asking(Vec::new());
    call.model.spare.push_back(answer("We are open from eight."));
    call.run_until(12_000);
    assert_eq!(call.ear(), [FILLER, "We are open from eight."]);
    let decided = call.ordered_at(|action| matches!(action, Action::Ask { .. }));
    let spare =
        call.ordered_at(|action| matches!(action, Action::Ask { engine: Engine::Spare, .. }));
    assert_eq!(spare - decided, 4_000);
}

#[test]
fn what_the_first_engine_says_too_late_is_dropped() {
    let mut call = asking(late(5_000, HOURS));
    call.model.spare.push_back(answer("We are open from eight."));
    call.run_until(14_000);
    assert_eq!(call.ear(), [FILLER, "We are open from eight."]);
}

#[test]
fn a_model_that_fails_at_once_is_replaced_at_once() {
    let mut call = asking(vec![Part::Wait(100), Part::Fail]);
    call.model.spare.push_back(answer("We are open from eight."));
    call.run_until(9_000);
    assert_eq!(call.ear(), ["We are open from eight."]);
}

#[test]
fn when_no_engine_answers_that_is_owned_up_to() {
    let mut call = asking(Vec::new());
    call.model.spare.push_back(Vec::new());
    call.run_until(18_000);
    assert_eq!(call.ear(), [FILLER, APOLOGY]);
    assert_eq!(call.call.floor(), turn::FloorName::Caller);
}

#[test]
fn an_empty_answer_is_none() {
    let mut call = asking(vec![Part::Wait(200), Part::Text(" ** ".to_owned()), Part::Done]);
    call.model.spare.push_back(vec![Part::Wait(100), Part::Done]);
    call.run_until(12_000);
    assert_eq!(call.ear(), [APOLOGY]);
}

#[test]
fn an_answer_cut_in_mid_sentence_goes_on_without_repeating() {
    let mut parts = vec![Part::Wait(250)];
    parts.extend(vendors::words("We are open from eight to six. On Satur"));
    parts.push(Part::Fail);
    let mut call = asking(parts);
    call.answers("On Saturday we close at one.");
    call.run_until(12_000);
    assert_eq!(call.ear(), ["We are open from eight to six.", "On Saturday we close at one."]);
    assert_eq!(call.asks(Engine::Chosen), 2);
    // What it was told to go on is forgotten when it has.
    assert!(!call.call.history().iter().any(|one| matches!(one, Message::Guidance { .. })));
}

#[test]
fn an_answer_that_falls_silent_in_mid_sentence_goes_on_too() {
    let mut parts = vec![Part::Wait(250)];
    parts.extend(vendors::words("We are open from eight to six. On Satur"));
    let mut call = asking(parts);
    call.answers("On Saturday we close at one.");
    call.run_until(16_000);
    let heard = call.ear();
    assert_eq!(heard.first().unwrap(), "We are open from eight to six.");
    assert_eq!(heard.last().unwrap(), "On Saturday we close at one.");
}

#[test]
fn an_answer_that_breaks_twice_ends_in_an_apology() {
    let mut parts = vec![Part::Wait(250)];
    parts.extend(vendors::words("We are open from eight to six. On Satur"));
    parts.push(Part::Fail);
    let mut call = asking(parts.clone());
    call.answers_with(parts);
    call.run_until(20_000);
    assert_eq!(call.ear().last().unwrap(), APOLOGY);
    assert_eq!(call.asks(Engine::Chosen), 2);
}

#[test]
fn a_caller_who_speaks_into_the_filler_is_listened_to() {
    let mut call = asking(late(3_000, "This is overtaken."));
    call.answers("On Sunday we are closed.");
    call.says(4_500, "On Sunday, I mean.");
    call.run_until(12_000);
    assert_eq!(call.ear().last().unwrap(), "On Sunday we are closed.");
    assert!(!call.ear().iter().any(|words| words.contains("overtaken")));
}

#[test]
fn after_apologies_in_a_row_a_person_is_to_help() {
    let mut call = Sim::listening();
    for _ in 0..4 {
        call.answers_with(vec![Part::Fail]);
        call.model.spare.push_back(vec![Part::Fail]);
    }
    for nth in 0..3 {
        call.says(1_000 + nth * 10_000, "When are you open?");
    }
    call.run_to_end(60_000);
    let apologies =
        call.purposes().into_iter().filter(|purpose| *purpose == Purpose::Apology).count();
    assert_eq!(apologies, 2);
    assert_eq!(call.transcript().last().unwrap(), "ended: transferred, the agent cannot answer");
}

#[test]
fn where_there_is_no_person_the_caller_is_told_to_call_again() {
    let script = turn::Script { can_transfer: false, ..crate::sim::script() };
    let mut call = Sim::new(crate::sim::Setup { script, ..Default::default() });
    for _ in 0..4 {
        call.answers_with(vec![Part::Fail]);
        call.model.spare.push_back(vec![Part::Fail]);
    }
    for nth in 0..3 {
        call.says(1_000 + nth * 10_000, "When are you open?");
    }
    call.run_to_end(60_000);
    assert!(call.ear().last().unwrap().ends_with("Please call again later."));
    assert_eq!(call.transcript().last().unwrap(), "ended: the agent failed");
}

#[test]
fn an_answer_that_was_heard_forgives_earlier_apologies() {
    let mut call = Sim::listening();
    for answered in [false, false, true, false, false] {
        if answered {
            call.answers("At eight.");
        } else {
            call.answers_with(vec![Part::Fail]);
            call.model.spare.push_back(vec![Part::Fail]);
        }
    }
    for nth in 0..5 {
        call.says(1_000 + nth * 10_000, "When are you open?");
    }
    call.run_until(52_000);
    assert!(!call.is_over());
}
