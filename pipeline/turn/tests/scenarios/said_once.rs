//! What the caller says is written down once, however the recogniser comes to its words: late, in
//! pieces, in other wording, or twice.

use std::time::Duration;

use turn::{Event, Message, Moment};

use crate::sim::{ANSWER_AT, Setup, Sim, policy, say_now, script};

const LONG: &str = "We are open from eight to six on weekdays. On Saturday we close at one. Would you \
                    like to come in this week?";

/// A caller whose turn is taken on this guess: the last sound is at 3,600 ms, the turn is taken some
/// 900 ms after it, and the recogniser has yet to settle on its words.
fn taken_on(guess: &str) -> Sim {
    let mut call = Sim::listening();
    call.answers("For when?");
    call.answers("At eight, then.");
    call.answers("It is noted.");
    call.at(1_060, started(1_000));
    call.at(3_400, interim(guess));
    call.at(3_800, stopped(3_600));
    call
}

fn started(at: u64) -> Event {
    Event::SpeechStarted { at: Moment(at), echo: None }
}

fn stopped(at: u64) -> Event {
    Event::SpeechStopped { at: Moment(at), prosody: None }
}

fn interim(text: &str) -> Event {
    Event::Interim { text: text.to_owned() }
}

fn heard(text: &str) -> Event {
    Event::Heard { text: text.to_owned(), confidence: Some(0.9) }
}

/// All that is written down of the caller.
fn written(mut call: Sim) -> String {
    call.run_until(25_000);
    let history = call.call.history();
    let said = history.iter().filter_map(|message| match message {
        Message::Caller { text } => Some(text.as_str()),
        _ => None,
    });
    said.collect::<Vec<_>>().join(" ")
}

#[test]
fn a_guess_that_did_not_take_the_floor_and_is_settled_on_later() {
    let mut call = Sim::answering(LONG);
    call.answers("On Sunday we are closed.");
    let at = ANSWER_AT + 1_000;
    call.at(at + 60, started(at));
    call.at(at + 300, interim("Actually"));
    call.at(at + 460, stopped(at + 260));
    call.at(at + 1_500, heard("Actually."));
    call.run_until(at + 9_000);
    let told = call.transcript();
    assert!(told.contains(&"caller: Actually.".to_owned()), "{told:#?}");
}

#[test]
fn a_guess_that_did_not_take_the_floor_and_is_settled_on_with_what_follows_it() {
    let mut call = Sim::answering(LONG);
    call.answers("On Sunday we are closed.");
    let at = ANSWER_AT + 1_000;
    call.at(at + 60, started(at));
    call.at(at + 300, interim("Actually"));
    call.at(at + 460, stopped(at + 260));
    // The agent goes on at 1,160 ms; then the voice lasts, and takes the floor.
    call.at(at + 1_560, started(at + 1_500));
    call.at(at + 2_300, interim("Actually I meant"));
    call.at(at + 2_900, stopped(at + 2_700));
    call.at(at + 3_050, heard("Actually, I meant Sunday."));
    call.run_until(at + 9_000);
    let told = call.transcript();
    assert!(told.contains(&"caller: Actually, I meant Sunday.".to_owned()), "{told:#?}");
}

#[test]
fn words_that_did_not_take_the_floor_and_of_which_half_is_settled_on() {
    let mut policy = policy();
    policy.barge_in.min_words = 4;
    policy.barge_in.voice_for = Duration::from_millis(900);
    let mut call = Sim::new(Setup { script: script(), policy, ..Setup::default() });
    call.answers(LONG);
    call.answers("On Sunday we are closed.");
    call.says(1_000, "When are you open?");
    let at = ANSWER_AT + 1_000;
    call.at(at + 60, started(at));
    call.at(at + 400, heard("Well,"));
    call.at(at + 600, interim("actually"));
    call.at(at + 760, stopped(at + 560));
    call.at(at + 1_860, started(at + 1_800));
    call.at(at + 2_300, interim("actually I meant the Sunday of next week"));
    call.at(at + 3_900, stopped(at + 3_700));
    call.at(at + 4_050, heard("actually, I meant the Sunday of next week."));
    call.run_until(at + 10_000);
    let told = call.transcript();
    let said = "caller: Well, actually, I meant the Sunday of next week.".to_owned();
    assert!(told.contains(&said), "{told:#?}");
}

#[test]
fn a_guess_that_did_not_take_the_floor_and_is_cut_off_by_a_supervisor_when_it_goes_on() {
    let mut call = Sim::answering(LONG);
    let at = ANSWER_AT + 1_000;
    call.at(at + 60, started(at));
    call.at(at + 300, interim("Actually"));
    call.at(at + 460, stopped(at + 260));
    call.at(at + 1_360, started(at + 1_300));
    call.at(at + 1_600, interim("Actually I"));
    call.orders(at + 1_700, "say", say_now("This is the supervisor."));
    call.at(at + 2_000, interim("Actually I meant"));
    call.at(at + 2_900, stopped(at + 2_700));
    call.at(at + 3_050, heard("Actually, I meant Sunday."));
    call.run_until(at + 9_000);
    let told = call.transcript();
    assert!(told.contains(&"caller: Actually I".to_owned()), "{told:#?}");
    assert!(told.contains(&"caller: meant Sunday.".to_owned()), "{told:#?}");
}

#[test]
fn a_guess_that_is_settled_on_in_two_pieces() {
    let mut call = taken_on("I want a table for tomorrow");
    call.at(5_000, heard("I want a table"));
    call.at(5_400, heard("for tomorrow."));
    assert_eq!(written(call), "I want a table for tomorrow");
}

#[test]
fn a_guess_that_is_settled_on_in_pieces_of_which_the_last_says_more() {
    let mut call = taken_on("I want a table for tomorrow");
    call.at(5_000, heard("I want a table"));
    call.at(5_400, heard("for tomorrow at eight."));
    assert_eq!(written(call), "I want a table for tomorrow at eight.");
}

#[test]
fn a_guess_that_is_settled_on_in_other_words() {
    let mut call = taken_on("I want a table for tomorrow");
    call.at(5_000, heard("I'd like the table tomorrow, please."));
    assert_eq!(written(call), "I want a table for tomorrow please.");
}

#[test]
fn digits_that_are_settled_on_as_a_number() {
    let mut call = taken_on("five five five");
    call.at(6_200, heard("555"));
    assert_eq!(written(call), "five five five");
    let mut call = taken_on("five five five");
    call.at(6_200, heard("555-1234"));
    assert_eq!(written(call), "five five five 1234");
}

#[test]
fn a_guess_that_is_settled_on_late_by_the_recogniser_that_took_over() {
    let mut call = taken_on("I want a table for tomorrow");
    call.at(11_000, heard("I want a table for tomorrow."));
    assert_eq!(written(call), "I want a table for tomorrow");
}

#[test]
fn a_caller_who_goes_on_and_is_settled_on_all_at_once() {
    let mut call = taken_on("I want a table for tomorrow");
    call.at(5_360, started(5_300));
    call.at(6_300, stopped(6_100));
    call.at(6_500, heard("I want a table for tomorrow at eight."));
    assert_eq!(written(call), "I want a table for tomorrow at eight.");
}

#[test]
fn a_guess_that_goes_on_where_the_taken_one_ended() {
    let mut call = taken_on("I want a table for tomorrow");
    call.at(5_360, started(5_300));
    call.at(5_900, interim("I want a table for tomorrow at"));
    call.at(6_300, stopped(6_100));
    // The turn is taken on a guess once more.
    call.at(8_500, heard("I want a table for tomorrow at eight."));
    assert_eq!(written(call), "I want a table for tomorrow at eight.");
}

#[test]
fn two_turns_that_are_settled_on_when_both_were_taken() {
    let mut call = taken_on("I want a table for tomorrow");
    call.at(5_360, started(5_300));
    call.at(6_200, interim("at eight if you can"));
    call.at(6_300, stopped(6_100));
    call.at(8_000, heard("I want a table for tomorrow."));
    call.at(8_100, heard("At eight, if you can."));
    assert_eq!(written(call), "I want a table for tomorrow at eight if you can");
}

#[test]
fn a_guess_that_is_never_settled_on_does_not_swallow_the_next_answer() {
    let mut call = taken_on("I want to come on Tuesday");
    call.at(5_360, started(5_300));
    call.at(6_000, interim("on Tuesday"));
    call.at(6_300, stopped(6_100));
    call.at(6_500, heard("On Tuesday."));
    assert_eq!(written(call), "I want to come on Tuesday On Tuesday.");
}

#[test]
fn words_that_the_recogniser_says_twice() {
    let mut call = Sim::listening();
    call.answers("For when?");
    call.at(1_060, started(1_000));
    call.at(3_800, stopped(3_600));
    call.at(3_900, heard("I want a table."));
    call.at(3_950, heard("I want a table."));
    call.at(8_000, heard("I want a table."));
    assert_eq!(written(call), "I want a table.");
}

#[test]
fn a_digit_that_is_said_again_is_another_digit() {
    let mut call = Sim::listening();
    call.at(1_060, started(1_000));
    call.at(2_000, heard("five"));
    call.at(2_400, heard("five"));
    call.at(3_800, stopped(3_600));
    call.at(3_900, heard("six"));
    assert_eq!(written(call), "five five six");
}
