//! Where two rules meet: what is true of each stays true of both.

use std::time::Duration;

use turn::{
    Action, Answerer, Command, Conversation, Effect, Event, FloorName, Message, Moment, Note,
    Script,
    policy::{PauseWhen, VoicemailThen},
};

use crate::sim::{
    ANSWER_AT, Setup, Sim, policy, say, script,
    vendors::{self, Part},
};

fn asks_for_pin() -> Sim {
    let mut call = Sim::listening();
    let mut parts = vec![Part::Wait(200)];
    parts.extend(vendors::words("Please enter your code."));
    let asked = serde_json::json!({"length": 4, "secret": true});
    parts.extend([vendors::tool_with("ask", "collect_keys", asked), Part::Done]);
    call.answers_with(parts);
    call.says(1_000, "I want my balance.");
    call
}

fn outbound(then: VoicemailThen) -> Sim {
    let mut policy = policy();
    policy.voicemail.then = then;
    policy.voicemail.message = "Please call us back.".to_owned();
    let greeting = "Hello, this is the dentist's office.".to_owned();
    let script = Script { outbound: true, greeting, ..script() };
    Sim::new(Setup { policy, script, ..Setup::default() })
}

#[test]
fn a_secret_entered_slowly_stays_one() {
    let mut call = asks_for_pin();
    call.answers("Thank you.");
    for (at, key) in [(7_000, '9'), (7_300, '8'), (9_500, '7'), (9_800, '6')] {
        call.at(at, Event::KeyPressed { key });
    }
    call.run_until(9_450);
    assert!(call.call.masks_key('7'));
    call.run_until(20_000);
    assert!(!format!("{:?}{:?}", call.transcript(), call.call.history()).contains("76"));
}

#[test]
fn a_hash_after_a_full_pin_belongs_to_it() {
    let mut call = asks_for_pin();
    call.answers("Thank you very much.");
    call.presses(7_000, "9876#");
    call.run_until(16_000);
    assert_eq!(call.ear(), ["Please enter your code.", "Thank you very much."]);
}

#[test]
fn amid_a_pin_nobody_is_between_turns() {
    let mut call = asks_for_pin();
    call.presses(7_000, "98");
    call.run_until(7_500);
    assert!(!call.call.is_between_turns());
}

#[test]
fn what_a_tool_repeats_of_a_secret_is_concealed() {
    let mut call = asks_for_pin();
    call.presses(7_000, "9876");
    call.run_until(9_000);
    assert_eq!(call.call.conceal("no account 9876"), "no account [[keys-1]]");
}

#[test]
fn a_secret_entered_slowly_is_concealed_as_a_whole() {
    let mut call = asks_for_pin();
    call.answers("Thank you.");
    for (at, key) in [(7_000, '9'), (7_300, '8'), (9_500, '7'), (9_800, '6')] {
        call.at(at, Event::KeyPressed { key });
    }
    call.run_until(20_000);
    let told = call.call.conceal("no account 9876");
    assert_eq!(told, "no account [[keys-1]][[keys-2]]");
    assert_eq!(call.call.reveal(&told.into()), "no account 9876");
}

/// What is written down of a caller whose turn was taken on a guess, and whose words are settled on later.
fn written_of(guess: &str, settled: &str) -> String {
    let mut call = Sim::listening();
    call.answers("For when?");
    call.answers("At eight, then.");
    call.at(1_060, Event::SpeechStarted { at: Moment(1_000), echo: None });
    call.at(3_400, Event::Interim { text: guess.to_owned() });
    call.at(3_800, Event::SpeechStopped { at: Moment(3_600), prosody: None });
    call.at(5_000, Event::Heard { text: settled.to_owned(), confidence: Some(0.9) });
    call.run_until(14_000);
    let history = call.call.history();
    let said = history.iter().filter_map(|message| match message {
        Message::Caller { text } => Some(text.as_str()),
        _ => None,
    });
    said.collect::<Vec<_>>().join(" ")
}

#[test]
fn final_words_beyond_the_guess_that_was_taken_are_not_lost_nor_said_twice() {
    let settled = "I want a table for tomorrow at eight.";
    assert_eq!(written_of("I want a table for tomorrow", settled), settled);
}

#[test]
fn a_guess_whose_last_word_was_cut_short_loses_nothing_that_follows_it() {
    let settled = "I want a table for tomorrow at eight.";
    let written = written_of("I want a table for tomorr", settled);
    assert_eq!(written, "I want a table for tomorr tomorrow at eight.");
}

#[test]
fn a_notice_is_heard_through_a_keyword() {
    let notice = "This call is recorded for training and quality.";
    let greeting = "Hello, this is the dentist.".to_owned();
    let script = Script { notice: notice.to_owned(), greeting, ..script() };
    let mut call = Sim::new(Setup { script, ..Setup::default() });
    call.says(900, "Hold on, stop.");
    call.run_until(14_000);
    assert_eq!(call.ear()[0], notice);
}

#[test]
fn a_supervisor_is_heard_in_a_pause_of_a_silent_agent() {
    let mut call = Sim::listening();
    call.orders(1_000, "p", Command::Pause);
    call.orders(2_000, "s", say("This is the supervisor."));
    call.run_until(14_000);
    assert_eq!(call.ear(), ["This is the supervisor."]);
    assert_eq!(call.call.floor(), FloorName::Paused);
}

#[test]
fn words_of_a_supervisor_that_were_sent_and_not_heard_are_said_after_the_caller() {
    let first = "We are open from eight to six.";
    let ends = {
        let mut alone = Sim::answering(first);
        alone.run_until(20_000);
        alone.heard_from_to(first).1
    };
    let mut call = Sim::answering(first);
    call.answers("Sure.");
    call.orders(ANSWER_AT + 100, "s", say("Please have your card ready."));
    call.says(ends - 100, "And what about the weekend?");
    call.run_until(30_000);
    assert!(call.ear().contains(&"Please have your card ready.".to_owned()), "{:?}", call.ear());
}

#[test]
fn a_resume_after_a_pause_that_is_not_true_yet_ends_it() {
    let mut policy = policy();
    policy.pause.when = PauseWhen::EndOfWord;
    let words = "We are open from eight to six on weekdays. On Saturday we close at one.";
    let mut call = Sim::new(Setup { script: script(), policy, ..Setup::default() });
    call.answers(words);
    call.says(1_000, "When are you open?");
    call.orders(ANSWER_AT + 1_010, "pause", Command::Pause);
    call.orders(ANSWER_AT + 1_012, "resume", Command::Resume);
    call.run_until(ANSWER_AT + 12_000);
    assert_eq!(call.answers_to("pause"), [Ok(Effect::Done)]);
    assert_eq!(call.answers_to("resume"), [Ok(Effect::Done)]);
    assert_eq!(call.ear()[0], words);
}

#[test]
fn a_tone_amid_a_talk_with_a_person_ends_nothing() {
    let mut call = outbound(VoicemailThen::HangUp);
    call.at(2_000, Event::AnsweredBy { by: Answerer::Human });
    call.says(4_000, "Yes, this is Anna.");
    call.at(30_000, Event::BeepHeard { at: Moment(29_900) });
    call.run_until(30_100);
    assert!(!call.is_over());
}

#[test]
fn a_transfer_ordered_while_a_beep_is_awaited_is_not_undone_by_it() {
    let mut call = outbound(VoicemailThen::Message);
    call.at(2_000, Event::AnsweredBy { by: Answerer::Machine });
    call.orders(4_000, "put", Command::Transfer { reason: "me".to_owned() });
    call.at(5_000, Event::BeepHeard { at: Moment(4_900) });
    call.run_to_end(20_000);
    assert_eq!(call.transcript().last().unwrap(), "ended: transferred, me");
}

#[test]
fn a_carriers_late_word_of_the_beep_does_not_begin_the_message_anew() {
    let mut call = outbound(VoicemailThen::Message);
    call.at(2_000, Event::AnsweredBy { by: Answerer::Machine });
    call.at(4_000, Event::BeepHeard { at: Moment(3_900) });
    call.at(4_800, Event::AnsweredBy { by: Answerer::MachineAfterBeep });
    call.run_to_end(20_000);
    let said = call.transcript().iter().filter(|line| line.contains("call us back")).count();
    assert_eq!(said, 1);
}

#[test]
fn the_shortest_patience_does_not_hang_the_machine() {
    let mut policy = policy();
    policy.patience.filler_after = Duration::ZERO;
    policy.patience.filler = String::new();
    let mut call = Conversation::new(policy, script(), Vec::new());
    call.handle(Event::Answered, Moment(0));
    call.handle(
        Event::Heard { text: "Book it please.".to_owned(), confidence: None },
        Moment(1_000),
    );
    call.handle(Event::Due, Moment(4_000));
    call.handle(Event::SpeechStarted { at: Moment(4_050), echo: None }, Moment(4_100));
    call.handle(Event::Due, Moment(4_200));
    assert!(call.deadline().is_some());
}

#[test]
fn a_tool_that_runs_when_the_call_is_left_is_written_down() {
    let mut call = Sim::listening();
    call.answers_with(vec![Part::Wait(200), vendors::tool("b1", "book"), Part::Done]);
    call.tools.answers.push_back(None);
    call.says(1_000, "Book me Tuesday please.");
    call.run_until(4_000);
    call.call.handle(Event::Interrupted, Moment(4_000));
    let told = std::iter::from_fn(|| call.call.next_action()).any(|order| {
        matches!(order, Action::Note(Note::ToolUsed { content, .. })
            if content.contains("not known"))
    });
    assert!(told);
}

#[test]
fn last_words_said_with_a_tool_are_the_last() {
    let mut call = Sim::listening();
    let mut parts = vec![Part::Wait(200)];
    parts.extend(vendors::words("It is noted. Goodbye."));
    parts.extend([vendors::tool("n", "note"), vendors::tool("e", "end_call"), Part::Done]);
    call.answers_with(parts);
    call.says(1_000, "That is all, thank you.");
    call.run_to_end(15_000);
    assert_eq!(call.ear(), ["It is noted. Goodbye."]);
}

#[test]
fn a_goodbye_that_a_supervisor_orders_too_is_final() {
    let mut call = Sim::listening();
    call.answers_with(vec![Part::Wait(200), vendors::tool("e", "end_call"), Part::Done]);
    call.says(1_000, "That is all, thank you.");
    call.orders(3_400, "end", Command::End { politely: true });
    call.says(3_500, "No wait, one more question please.");
    call.run_to_end(12_000);
    assert_eq!(call.answers_to("end"), [Ok(Effect::Done)]);
    assert_eq!(call.transcript().last().unwrap(), "ended: ordered");
}

#[test]
fn a_call_that_is_gone_on_with_is_as_people_left_it() {
    let resumed = Some("Sorry, go on.".to_owned());
    let overrides = Some("Be brief.".to_owned());
    let script = Script { resumed, overrides, paused: true, ..script() };
    let mut call = Sim::new(Setup { script, ..Setup::default() });
    call.answers("At eight.");
    call.says(1_000, "When do you open?");
    call.run_until(6_000);
    assert_eq!(call.call.floor(), FloorName::Paused);
    assert!(call.ear().is_empty());
    assert_eq!(call.call.instructions(), "Be brief.");
    call.orders(6_000, "resume", Command::Resume);
    call.run_until(10_000);
    assert_eq!(call.ear(), ["At eight."]);
}

#[test]
fn what_was_prepared_for_words_that_came_to_nothing_is_thrown_away() {
    let mut policy = policy();
    policy.speculation.allowed = true;
    let mut call = Sim::new(Setup { script: script(), policy, ..Setup::default() });
    call.at(1_060, Event::SpeechStarted { at: Moment(1_000), echo: None });
    call.at(1_900, Event::Interim { text: "hello".to_owned() });
    call.at(2_100, Event::SpeechStopped { at: Moment(1_900), prosody: None });
    call.at(2_110, Event::TurnEndSuggested { eager: true, at: None });
    call.at(2_150, Event::Heard { text: String::new(), confidence: None });
    call.run_until(4_000);
    assert_eq!(call.call.tally().speculations_wasted, 1);
    assert!(call.orders_given().any(|(_, order)| matches!(order, Action::Release)));
}
