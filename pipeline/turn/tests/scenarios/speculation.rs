//! Replies prepared before the caller's turn is over for sure.

use turn::{Action, Command, Event, Message, Note, Policy};

use crate::sim::{
    Setup, Sim, policy, script, vendors,
    vendors::{Part, tool},
};

const ASKED: &str = "When are you open?";
const ANSWER: &str = "We are open from eight to six.";

/// A caller may speak first, and replies are prepared.
fn listening() -> Sim {
    listening_with(speculating())
}

fn speculating() -> Policy {
    let mut policy = policy();
    policy.speculation.allowed = true;
    policy
}

fn listening_with(policy: Policy) -> Sim {
    Sim::new(Setup { policy, script: script(), ..Setup::default() })
}

fn speculated(call: &Sim) -> Vec<bool> {
    call.notes()
        .filter_map(|(_, note)| match note {
            Note::Speculated { used, .. } => Some(*used),
            _ => None,
        })
        .collect()
}

fn first_heard(call: &Sim) -> u64 {
    call.heard_from_to(ANSWER).0
}

#[test]
fn a_reply_is_prepared_while_the_silence_is_still_being_weighed() {
    let mut early = listening();
    early.answers(ANSWER);
    early.says(1_000, ASKED);
    early.run_until(8_000);
    let mut late = listening_with(policy());
    late.answers(ANSWER);
    late.says(1_000, ASKED);
    late.run_until(8_000);

    assert_eq!(speculated(&early), [true]);
    assert_eq!(early.transcript(), late.transcript());
    assert_eq!(early.call.history(), late.call.history());
    let gained = first_heard(&late) - first_heard(&early);
    assert!(gained >= 120, "{gained} ms");
    early.assert_ear_agrees();
}

#[test]
fn nothing_of_a_prepared_reply_is_heard_before_the_turn_is_over() {
    let mut call = listening();
    call.answers_with({
        // At once, and the voice is as quick.
        let mut parts = vendors::words(ANSWER);
        parts.push(Part::Done);
        parts
    });
    call.says(1_000, ASKED);
    call.run_until(8_000);
    let decided = call.ordered_at(|order| matches!(order, Action::Note(Note::TurnDecided { .. })));
    assert!(first_heard(&call) >= decided);
}

#[test]
fn a_caller_who_goes_on_leaves_no_trace_of_what_was_prepared() {
    let mut call = listening();
    call.answers("This is never heard.");
    call.answers(ANSWER);
    let end = call.says(1_000, "I have a question.");
    // The VAD hears them before the deadline, after the words were settled on.
    call.says(end + 400, ASKED);
    call.run_until(12_000);
    assert_eq!(
        call.transcript()[..2],
        [format!("caller: I have a question. {ASKED}"), format!("agent: {ANSWER}")]
    );
    assert_eq!(call.ear(), [ANSWER]);
    assert_eq!(speculated(&call), [false, true]);
    assert_eq!(call.call.history().len(), 2);
    assert_eq!(call.call.tally().speculations_wasted, 1);
}

#[test]
fn a_tool_that_a_prepared_reply_asks_for_is_not_called_before_the_turn_is_over() {
    let mut call = listening();
    call.answers_with(vec![tool("one", "book"), Part::Done]);
    call.answers("It is booked.");
    call.says(1_000, "Please book it.");
    call.run_until(10_000);
    let ran = call.ordered_at(|order| matches!(order, Action::RunTool { .. }));
    let decided = call.ordered_at(|order| matches!(order, Action::Note(Note::TurnDecided { .. })));
    assert!(ran >= decided, "{ran} {decided}");
    assert_eq!(call.ear(), ["It is booked."]);
}

#[test]
fn a_tool_of_a_reply_that_is_thrown_away_is_never_called() {
    let mut call = listening();
    call.answers_with(vec![tool("one", "book"), Part::Done]);
    call.answers("Tuesday, then.");
    let end = call.says(1_000, "Please book it.");
    call.at(end + 360, Event::TurnEndSuggested { eager: true, at: None });
    call.says(end + 400, "No, not Monday, Tuesday.");
    call.run_until(12_000);
    assert!(!call.orders_given().any(|(_, order)| matches!(order, Action::RunTool { .. })));
    assert_eq!(call.ear(), ["Tuesday, then."]);
}

#[test]
fn words_that_change_are_answered_anew() {
    let mut call = listening();
    call.answers("To the words that were wrong.");
    call.answers(ANSWER);
    call.at(1_060, Event::SpeechStarted { at: turn::Moment(1_000), echo: None });
    call.at(1_700, Event::Interim { text: "Are you a pen?".to_owned() });
    call.at(2_200, Event::SpeechStopped { at: turn::Moment(2_000), prosody: None });
    call.at(2_250, Event::TurnEndSuggested { eager: true, at: None });
    call.at(2_350, Event::Heard { text: "Are you open?".to_owned(), confidence: None });
    call.run_until(9_000);
    assert_eq!(call.ear(), [ANSWER]);
    assert_eq!(call.transcript()[0], "caller: Are you open?");
}

#[test]
fn a_vendors_likely_end_prepares_and_its_word_that_the_caller_goes_on_takes_it_back() {
    let mut call = listening();
    call.answers("Thrown away.");
    call.answers(ANSWER);
    call.at(1_060, Event::SpeechStarted { at: turn::Moment(1_000), echo: None });
    call.at(1_700, Event::Interim { text: "When are".to_owned() });
    call.at(2_200, Event::SpeechStopped { at: turn::Moment(2_000), prosody: None });
    call.at(2_250, Event::TurnEndSuggested { eager: true, at: None });
    call.at(2_400, Event::TurnResumed);
    call.at(2_450, Event::SpeechStarted { at: turn::Moment(2_400), echo: None });
    call.at(3_400, Event::SpeechStopped { at: turn::Moment(3_200), prosody: None });
    call.at(3_500, Event::Heard { text: "When are you open?".to_owned(), confidence: None });
    call.run_until(9_000);
    assert_eq!(call.ear(), [ANSWER]);
    assert!(!speculated(&call)[0]);
}

#[test]
fn what_a_supervisor_says_meanwhile_is_known_to_the_answer() {
    let mut call = listening();
    call.answers("Without the guidance.");
    call.answers(ANSWER);
    let end = call.says(1_000, ASKED);
    let guide = Command::Guide { text: "Be brief.".to_owned() };
    call.orders(end + 420, "guide", guide);
    call.run_until(9_000);
    assert_eq!(call.ear(), [ANSWER]);
    let guided = Message::Guidance { text: "Be brief.".to_owned() };
    assert!(call.call.history().contains(&guided));
}

#[test]
fn a_prepared_reply_whose_voice_or_model_fails_costs_nothing() {
    let mut call = listening();
    call.answers_with(vec![Part::Fail]);
    call.answers(ANSWER);
    call.says(1_000, ASKED);
    call.run_until(9_000);
    assert_eq!(call.ear(), [ANSWER]);
    assert!(!call.notes().any(|(_, note)| matches!(note, Note::Trouble { .. })));
}

#[test]
fn a_caller_who_keeps_pausing_is_prepared_for_a_bounded_number_of_times() {
    let mut policy = speculating();
    policy.speculation.per_turn = 2;
    let mut call = listening_with(policy);
    let mut at = 1_000;
    for _ in 0..5 {
        at = call.says(at, "Then it was very late.") + 420;
    }
    call.run_until(at + 9_000);
    assert_eq!(speculated(&call).len(), 2);
}
