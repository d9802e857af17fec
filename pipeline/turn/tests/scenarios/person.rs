//! People who take over, and pauses that wait for the end of a word.

use std::time::Duration;

use turn::{
    Answerer, Command, Effect, EndReason, Event, FloorName, Message, Moment, Policy, Refusal,
    Script, policy::PauseWhen,
};

use crate::sim::{ANSWER_AT, Setup, Sim, policy, script};

const LONG: &str = "We are open from eight to six on weekdays. On Saturday we close at one. On \
                    Sunday we are closed, but in an emergency you can call our colleagues.";

fn pausing_at_words(words: &str) -> Sim {
    let mut policy = policy();
    policy.pause.when = PauseWhen::EndOfWord;
    let mut call = Sim::new(Setup { script: script(), policy, ..Setup::default() });
    call.answers(words);
    call.says(1_000, "When are you open?");
    call
}

#[test]
fn a_pause_at_the_end_of_a_word_is_answered_when_it_is_true_and_cuts_no_word() {
    let mut call = pausing_at_words(LONG);
    let asked = ANSWER_AT + 1_010;
    call.orders(asked, "pause", Command::Pause);
    call.orders(asked + 6_000, "resume", Command::Resume);
    call.run_until(asked + 5_000);
    assert_eq!(call.answers_to("pause"), [Ok(Effect::Done)]);
    let answered =
        call.ordered_at(|order| matches!(order, turn::Action::Answer { id, .. } if id == "pause"));
    assert!((asked + 1..asked + 1_200).contains(&answered), "{answered}");
    let heard = call.ear().last().unwrap().clone();
    assert!(LONG.starts_with(&heard), "{heard:?}");
    assert_eq!(call.call.floor(), FloorName::Paused);
    call.run_until(asked + 20_000);
    assert_eq!(call.ear(), [LONG]);
}

#[test]
fn a_pause_at_the_end_of_a_word_that_is_asked_for_twice_is_one() {
    let mut call = pausing_at_words(LONG);
    call.orders(ANSWER_AT + 1_000, "pause", Command::Pause);
    call.orders(ANSWER_AT + 1_001, "again", Command::Pause);
    call.run_until(ANSWER_AT + 5_000);
    assert_eq!(call.answers_to("pause"), [Ok(Effect::Done)]);
    assert_eq!(call.answers_to("again"), [Ok(Effect::AlreadySo)]);
}

#[test]
fn a_pause_that_is_ordered_again_before_it_is_true_is_answered_when_it_is() {
    let mut call = pausing_at_words(LONG);
    let asked = ANSWER_AT + 1_010;
    call.orders(asked, "pause", Command::Pause);
    call.orders(asked + 1, "pause", Command::Pause);
    call.run_until(asked + 1);
    assert_eq!(call.answers_to("pause"), []);
    call.run_until(asked + 5_000);
    assert_eq!(call.answers_to("pause"), [Ok(Effect::Done), Ok(Effect::AlreadySo)]);
}

#[test]
fn a_pause_at_the_end_of_a_word_raced_by_a_hang_up_is_refused() {
    let mut call = pausing_at_words(LONG);
    call.orders(ANSWER_AT + 1_000, "pause", Command::Pause);
    call.at(ANSWER_AT + 1_005, Event::CallerLeft);
    call.run_to_end(ANSWER_AT + 2_000);
    assert_eq!(call.answers_to("pause"), [Err(Refusal::Ended)]);
}

#[test]
fn a_hold_phrase_is_heard_and_the_agent_goes_on_from_the_words_that_were() {
    let mut policy = policy();
    policy.pause.phrase = "Please hold the line.".to_owned();
    let mut call = Sim::new(Setup { script: script(), policy, ..Setup::default() });
    call.answers(LONG);
    call.answers("As I was saying, on Saturday we close at one.");
    call.says(1_000, "When are you open?");
    call.orders(ANSWER_AT + 2_000, "pause", Command::Pause);
    call.orders(ANSWER_AT + 8_000, "resume", Command::Resume);
    call.run_until(ANSWER_AT + 20_000);
    let ear = call.ear();
    assert!(LONG.starts_with(&ear[0]) && ear[0] != LONG, "{ear:?}");
    assert_eq!(
        ear[1..],
        ["Please hold the line.", "As I was saying, on Saturday we close at one."]
    );
}

#[test]
fn a_person_takes_over_and_the_agent_knows_what_was_said_and_does_not_greet() {
    let mut call = Sim::answering(LONG);
    call.answers("So, Tuesday at nine.");
    let at = ANSWER_AT + 1_500;
    call.orders(at, "take", Command::TakeOver);
    let (from, to) = (Moment(at + 500), Moment(at + 2_500));
    let said = "Hello, this is Maria. Shall we say Tuesday?".to_owned();
    call.at(at + 2_600, Event::PersonSaid { text: said.clone(), from, to });
    call.says(at + 3_000, "Tuesday is fine.");
    call.run_until(at + 6_000);
    assert_eq!(call.call.floor(), FloorName::Person);
    assert_eq!(call.ear().len(), 1, "the agent is silent: {:?}", call.ear());
    call.orders(at + 6_000, "back", Command::HandBack);
    call.run_until(at + 12_000);
    assert_eq!(call.answers_to("take"), [Ok(Effect::Done)]);
    assert_eq!(call.answers_to("back"), [Ok(Effect::Done)]);
    assert_eq!(call.ear()[1..], ["So, Tuesday at nine."]);
    let history = call.call.history();
    let told = Message::Guidance { text: format!("Your colleague said to the caller: {said}") };
    let place = history.iter().position(|one| *one == told).expect("what the person said");
    assert_eq!(history[place + 1], Message::Caller { text: "Tuesday is fine.".to_owned() });
    assert!(call.transcript().contains(&format!("person: {said}")));
}

#[test]
fn after_a_person_whom_nobody_has_answered_the_agent_listens() {
    let mut call = Sim::answering(LONG);
    let at = ANSWER_AT + 1_500;
    call.orders(at, "take", Command::TakeOver);
    let (from, to) = (Moment(at + 500), Moment(at + 2_500));
    call.at(at + 2_600, Event::PersonSaid { text: "Goodbye then.".to_owned(), from, to });
    call.orders(at + 4_000, "back", Command::HandBack);
    call.run_until(at + 6_000);
    assert_eq!(call.ear().len(), 1);
    assert_eq!(call.call.floor(), FloorName::Caller);
}

#[test]
fn what_is_ordered_while_a_person_speaks_has_its_true_effect() {
    let mut call = Sim::answering(LONG);
    let at = ANSWER_AT + 1_500;
    call.orders(at, "take", Command::TakeOver);
    call.orders(at + 100, "again", Command::TakeOver);
    call.orders(at + 200, "pause", Command::Pause);
    call.orders(at + 300, "resume", Command::Resume);
    call.orders(at + 400, "end", Command::End { politely: false });
    call.run_to_end(at + 1_000);
    assert_eq!(call.answers_to("again"), [Ok(Effect::AlreadySo)]);
    assert_eq!(call.answers_to("pause"), [Ok(Effect::AlreadySo)]);
    assert_eq!(call.answers_to("resume"), [Err(Refusal::TakenOver)]);
    assert_eq!(call.answers_to("end"), [Ok(Effect::Done)]);
    let ended =
        |order: &turn::Action| matches!(order, turn::Action::HangUp { why: EndReason::Ordered });
    assert_eq!(call.ordered_at(ended), at + 400);
}

#[test]
fn a_person_is_not_cut_off_by_the_longest_call_or_by_what_answers() {
    let policy = Policy { longest_call: Duration::from_secs(20), ..policy() };
    let script = Script { outbound: true, ..script() };
    let mut call = Sim::new(Setup { script, policy, ..Setup::default() });
    call.orders(3_000, "take", Command::TakeOver);
    call.at(30_000, Event::AnsweredBy { by: Answerer::Fax });
    call.at(40_000, Event::HearingFailed);
    call.run_until(200_000);
    assert_eq!(call.call.floor(), FloorName::Person);
    call.orders(200_000, "back", Command::HandBack);
    call.run_to_end(280_000);
    assert_eq!(call.answers_to("back"), [Ok(Effect::Done)]);
    // Who cannot hear does not take a call back.
    let told = call.transcript();
    assert_eq!(told.last().unwrap(), "ended: transferred, the agent cannot hear", "{told:#?}");
}

#[test]
fn a_call_that_has_lasted_too_long_ends_once_it_is_handed_back() {
    let policy = Policy { longest_call: Duration::from_secs(20), ..policy() };
    let mut call = Sim::new(Setup { script: script(), policy, ..Setup::default() });
    call.orders(3_000, "take", Command::TakeOver);
    call.orders(135_000, "back", Command::HandBack);
    call.run_to_end(170_000);
    assert_eq!(call.transcript().last().unwrap(), "ended: too long");
}

#[test]
fn nobody_hands_back_what_was_not_taken() {
    let mut call = Sim::answering(LONG);
    call.orders(ANSWER_AT + 1_000, "back", Command::HandBack);
    call.run_until(ANSWER_AT + 19_000);
    assert_eq!(call.answers_to("back"), [Ok(Effect::AlreadySo)]);
    assert_eq!(call.ear(), [LONG]);
}
