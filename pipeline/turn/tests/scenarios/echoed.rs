//! The agent's own voice coming back from a loudspeaker.

use turn::{Event, Moment, Note};

use crate::sim::{ANSWER_AT, Sim};

const LONG: &str = "We are open from eight to six on weekdays. On Saturday we close at one. On \
                    Sunday we are closed, but in an emergency you can call our colleagues.";

fn voice(call: &mut Sim, from: u64, to: u64, echo: Option<f32>) {
    call.at(from + 60, Event::SpeechStarted { at: Moment(from), echo });
    call.at(to + 200, Event::SpeechStopped { at: Moment(to), prosody: None });
}

#[test]
fn a_voice_that_sounds_like_the_agents_own_does_not_stop_it() {
    let mut call = Sim::answering(LONG);
    voice(&mut call, ANSWER_AT + 500, ANSWER_AT + 3_500, Some(0.95));
    let words = "open from eight to six on weekdays".to_owned();
    call.at(ANSWER_AT + 3_000, Event::Interim { text: words.clone() });
    call.at(ANSWER_AT + 3_900, Event::Heard { text: words, confidence: None });
    call.run_until(ANSWER_AT + 24_000);
    assert_eq!(call.ear()[0], LONG);
    assert_eq!(call.clears(), 0);
    assert!(!call.transcript().iter().any(|line| line.contains("caller: open")));
    assert!(call.notes().any(|(_, note)| matches!(note, Note::Echo { .. })));
}

#[test]
fn a_caller_who_speaks_over_the_echo_takes_the_floor() {
    let mut call = Sim::answering(LONG);
    call.answers("As you like.");
    voice(&mut call, ANSWER_AT + 500, ANSWER_AT + 4_000, Some(0.95));
    call.at(ANSWER_AT + 2_000, Event::EchoJudged { echo: 0.2 });
    let words = "I only want to know about Monday.".to_owned();
    call.at(ANSWER_AT + 4_300, Event::Heard { text: words.clone(), confidence: None });
    call.run_until(ANSWER_AT + 9_000);
    let stopped = call.ordered_at(|order| matches!(order, turn::Action::Clear { .. }));
    assert_eq!(stopped, ANSWER_AT + 2_000);
    assert!(call.transcript().contains(&format!("caller: {words}")));
    call.assert_ear_agrees();
}

#[test]
fn words_that_are_not_the_agents_take_the_floor_however_they_sound() {
    let mut call = Sim::answering(LONG);
    call.answers("As you like.");
    voice(&mut call, ANSWER_AT + 500, ANSWER_AT + 4_000, Some(0.9));
    let words = "Please put me through to somebody else.".to_owned();
    call.at(ANSWER_AT + 3_000, Event::Interim { text: "Please put me through".to_owned() });
    call.at(ANSWER_AT + 4_300, Event::Heard { text: words.clone(), confidence: None });
    call.run_until(ANSWER_AT + 9_000);
    assert!(call.transcript().contains(&format!("caller: {words}")));
}

#[test]
fn the_agents_own_words_give_the_floor_back_where_the_sound_was_not_measured() {
    let mut call = Sim::answering(LONG);
    voice(&mut call, ANSWER_AT + 900, ANSWER_AT + 1_150, None);
    let words = "we are open".to_owned();
    call.at(ANSWER_AT + 1_450, Event::Heard { text: words, confidence: None });
    call.run_until(ANSWER_AT + 24_000);
    assert_eq!(call.ear()[0], LONG);
    assert_eq!(call.call.tally().echoes, 1);
    assert_eq!(call.call.tally().interruptions, 0);
}

#[test]
fn a_caller_who_repeats_what_the_agent_had_said_is_answered() {
    let mut call = Sim::answering("You come on Tuesday at nine thirty.");
    call.answers("Yes.");
    // After the agent, who has finished.
    call.says(ANSWER_AT + 4_000, "On Tuesday at nine thirty.");
    call.run_until(ANSWER_AT + 9_000);
    assert!(call.transcript().contains(&"caller: On Tuesday at nine thirty.".to_owned()));
    assert_eq!(call.ear().last().unwrap(), "Yes.");
}

#[test]
fn a_caller_who_says_the_agents_words_with_another_voice_is_heard() {
    let mut call = Sim::answering(LONG);
    call.answers("Yes, exactly.");
    voice(&mut call, ANSWER_AT + 1_500, ANSWER_AT + 3_400, Some(0.1));
    let words = "From eight to six on weekdays?".to_owned();
    call.at(ANSWER_AT + 3_700, Event::Heard { text: words.clone(), confidence: None });
    call.run_until(ANSWER_AT + 9_000);
    assert!(call.transcript().contains(&format!("caller: {words}")));
}
