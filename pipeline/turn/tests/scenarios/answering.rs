//! From the caller's words to the agent's.

use turn::{Action, Engine, FloorName, Message, Note};

use crate::sim::{ANSWER_AT, Sim, vendors, vendors::Part};

const HOURS: &str = "We are open from eight to six. On Saturday we close at one.";

#[test]
fn a_reply_is_spoken_sentence_by_sentence_while_it_is_made() {
    let mut call = Sim::answering(HOURS);
    call.run_until(12_000);
    let spoken = |wanted: &str| {
        call.ordered_at(|action| matches!(action, Action::Speak { text, .. } if text == wanted))
    };
    let done = call
        .journal()
        .into_iter()
        .find(|(event, _)| matches!(event, turn::Event::ReplyDone { .. }))
        .expect("the reply was done")
        .1
        .0;
    assert!(spoken("We are open from eight to six.") < done);
    assert_eq!(spoken("On Saturday we close at one."), done);
    assert_eq!(call.ear(), [HOURS]);
    call.assert_ear_agrees();
    assert_eq!(call.call.floor(), FloorName::Caller);
}

#[test]
fn the_answer_sounds_soon_and_its_waterfall_names_the_slowest_stage() {
    let mut call = Sim::answering(HOURS);
    call.run_until(12_000);
    let waterfall = call
        .notes()
        .find_map(|(_, note)| match note {
            Note::Answered { waterfall, .. } => Some(waterfall.clone()),
            _ => None,
        })
        .expect("it was answered");
    let (from, _) = call.heard_from_to(HOURS);
    assert!(from < ANSWER_AT, "{from}");
    assert!(waterfall.first_heard.is_some_and(|at| at.0.abs_diff(from) <= 60));
    // 500 ms of silence are waited for; the rest is quicker.
    assert_eq!(waterfall.culprit(), Some("llm"));
    let names: Vec<&str> = waterfall.stages().into_iter().map(|(name, ..)| name).collect();
    assert_eq!(names, ["vad", "stt", "turn", "llm", "sentence", "tts", "send", "carrier"]);
}

#[test]
fn the_model_is_told_both_sides_of_the_conversation() {
    let mut call = Sim::answering(HOURS);
    call.says(9_000, "Thank you.");
    call.run_until(12_000);
    assert_eq!(
        call.call.history()[..3],
        [
            Message::Caller { text: "When are you open?".to_owned() },
            Message::Agent { text: HOURS.to_owned(), tool_calls: Vec::new() },
            Message::Caller { text: "Thank you.".to_owned() },
        ]
    );
}

#[test]
fn what_cannot_be_spoken_is_not() {
    let mut call = Sim::answering("**Yes**, of course! 😀");
    call.run_until(8_000);
    assert_eq!(call.ear(), ["Yes, of course!"]);
    call.assert_ear_agrees();
}

#[test]
fn a_caller_who_goes_on_while_an_answer_is_made_gets_one_answer_to_all_of_it() {
    let mut call = Sim::listening();
    let mut slow = vec![Part::Wait(1_000)];
    slow.extend(vendors::answer("This is overtaken."));
    call.answers_with(slow);
    call.answers("Tuesday at nine.");
    let end = call.says(1_000, "I need an appointment.");
    call.says(end + 900, "On Tuesday if you can.");
    call.run_until(10_000);
    assert_eq!(call.ear(), ["Tuesday at nine."]);
    assert_eq!(
        call.call.history()[0],
        Message::Caller { text: "I need an appointment. On Tuesday if you can.".to_owned() }
    );
}

#[test]
fn a_cough_while_an_answer_is_made_changes_nothing() {
    let mut call = Sim::listening();
    let mut slow = vec![Part::Wait(300)];
    slow.extend(vendors::answer(HOURS));
    call.answers_with(slow);
    let end = call.says(1_000, "When are you open?");
    call.coughs(end + 550, 150);
    call.run_until(14_000);
    assert_eq!(call.asks(Engine::Chosen), 1);
    assert_eq!(call.ear(), [HOURS]);
}

#[test]
fn a_noise_that_stops_the_answer_before_its_first_word_does_not_lose_it() {
    let mut call = Sim::listening();
    let mut slow = vec![Part::Wait(3_000)];
    slow.extend(vendors::answer("This is overtaken."));
    call.answers_with(slow);
    call.answers(HOURS);
    let end = call.says(1_000, "When are you open?");
    call.coughs(end + 700, 800);
    call.run_until(14_000);
    assert_eq!(call.asks(Engine::Chosen), 2, "the noise took the floor, then the model goes on");
    assert_eq!(call.ear(), [HOURS]);
}

#[test]
fn words_noticed_too_late_for_the_voice_still_interrupt() {
    let mut call = Sim::answering(&HOURS.repeat(3));
    let text = "No, on Sunday".to_owned();
    call.at(ANSWER_AT + 1_500, turn::Event::Heard { text, confidence: None });
    call.answers("On Sunday we are closed.");
    call.run_until(12_000);
    assert_eq!(
        call.transcript()[2..],
        ["caller: No, on Sunday", "agent: On Sunday we are closed."]
    );
}
