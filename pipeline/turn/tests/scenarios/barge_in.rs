//! Both speak: who yields, and that no word is lost or said twice.

use turn::{Action, Engine, Event, Message, Moment, Note, Script, policy::Onset};

use crate::sim::{ANSWER_AT, Setup, Sim, line::PER_MS, policy, script, vendors};

const LONG: &str = "We are open from eight to six on weekdays. On Saturday we close at one. On \
                    Sunday we are closed, but in an emergency you can call our colleagues.";

/// The whole answer was heard, in one piece or in two that meet.
fn assert_nothing_lost(call: &Sim, words: &str) {
    let mut heard_to = std::collections::BTreeMap::new();
    for (sentence, from, to) in call.stretches_of(words) {
        let until = heard_to.entry(sentence).or_insert(0);
        assert!(from <= *until, "samples {until} to {from} of sentence {sentence} were lost");
        let again = *until - from;
        assert!(again <= 80 * PER_MS, "{again} samples of sentence {sentence} came twice");
        *until = to;
    }
}

#[test]
fn an_interruption_cuts_the_agent_to_the_words_that_were_heard() {
    let mut call = Sim::answering(LONG);
    call.says(ANSWER_AT + 2_000, "Actually, I meant Sunday.");
    call.answers("On Sunday we are closed.");
    call.run_until(14_000);
    assert_eq!(
        call.transcript(),
        [
            "caller: When are you open?",
            "agent: We are open from eight to six…",
            "caller: Actually, I meant Sunday.",
            "agent: On Sunday we are closed.",
        ]
    );
    call.assert_ear_agrees();
    assert_eq!(
        call.call.history()[1],
        Message::Agent { text: "We are open from eight to six".to_owned(), tool_calls: Vec::new() }
    );
}

#[test]
fn the_agent_stops_at_the_first_sound() {
    let mut call = Sim::answering(LONG);
    let onset = ANSWER_AT + 2_000;
    call.says(onset, "Actually, I meant Sunday.");
    call.run_until(14_000);
    let clear = call.ordered_at(|action| matches!(action, Action::Clear { .. }));
    assert_eq!(clear - onset, 60, "as soon as the VAD knows");
    let (_, last) = call.heard_from_to(LONG);
    assert!(last <= clear + 30, "{last}");
}

#[test]
fn a_cough_is_waited_for_and_the_agent_goes_on_from_the_first_unheard_sample() {
    let mut call = Sim::answering(LONG);
    call.coughs(ANSWER_AT + 2_000, 150);
    call.run_until(20_000);
    assert_eq!(call.ear(), [LONG]);
    assert_eq!(call.clears(), 1);
    assert_eq!(call.asks(Engine::Chosen), 1);
    assert_nothing_lost(&call, LONG);
    call.assert_ear_agrees();
}

#[test]
fn many_coughs_lose_nothing() {
    let mut call = Sim::answering(LONG);
    for nth in 0..6 {
        call.coughs(ANSWER_AT + 500 + nth * 1_900, 150);
    }
    call.run_until(22_000);
    assert_eq!(call.ear(), [LONG]);
    assert_nothing_lost(&call, LONG);
}

#[test]
fn a_sound_of_listening_is_noted_and_not_answered() {
    let mut call = Sim::answering(LONG);
    call.says(ANSWER_AT + 2_000, "Mm-hm.");
    call.run_until(20_000);
    assert_eq!(call.asks(Engine::Chosen), 1);
    assert_eq!(
        call.transcript(),
        ["caller: When are you open?", "(Mm-hm.)", &format!("agent: {LONG}")]
    );
    assert_nothing_lost(&call, LONG);
}

#[test]
fn a_sound_of_listening_whose_words_are_late_is_not_answered_after_the_agent() {
    let mut call = Sim::answering(LONG);
    let at = ANSWER_AT + 2_000;
    call.at(at + 60, Event::SpeechStarted { at: Moment(at), echo: None });
    call.at(at + 400, Event::SpeechStopped { at: Moment(at + 200), prosody: None });
    call.at(at + 1_500, Event::Heard { text: "Yeah.".to_owned(), confidence: None });
    call.run_until(25_000);
    assert_eq!(call.asks(Engine::Chosen), 1);
    assert_eq!(call.ear()[0], LONG);
}

#[test]
fn yes_to_what_the_agent_just_asked_is_an_answer() {
    let mut call = Sim::answering(
        "We have Tuesday at nine. Would you like that? If not, I can look for another day for you.",
    );
    call.answers("Then I book it.");
    call.says(ANSWER_AT + 3_600, "Yes.");
    call.run_until(14_000);
    assert_eq!(
        call.transcript()[1..],
        [
            "agent: We have Tuesday at nine. Would you like that?…",
            "caller: Yes.",
            "agent: Then I book it.",
        ]
    );
}

#[test]
fn yes_to_a_statement_is_a_nod() {
    let mut call = Sim::answering(LONG);
    call.says(ANSWER_AT + 2_000, "Yes.");
    call.run_until(20_000);
    assert_eq!(call.asks(Engine::Chosen), 1);
    assert_eq!(call.ear(), [LONG]);
}

#[test]
fn an_interruption_before_the_first_word_leaves_no_trace_of_the_answer() {
    let mut call = Sim::answering(LONG);
    call.answers("On Sunday we are closed.");
    // The answer is ordered at about 2,950 ms and sounds from 3,150 ms on.
    call.says(2_960, "Actually, I meant Sunday.");
    call.run_until(14_000);
    assert_eq!(
        call.transcript(),
        [
            "caller: When are you open?",
            "caller: Actually, I meant Sunday.",
            "agent: On Sunday we are closed.",
        ]
    );
    call.assert_ear_agrees();
    assert!(matches!(&call.call.history()[0], Message::Caller { text }
            if text == "When are you open? Actually, I meant Sunday."));
}

#[test]
fn a_voice_that_lasts_takes_the_floor_before_its_words_are_known() {
    let mut setup = Setup { script: script(), ..Setup::default() };
    setup.hearing.interims = false;
    let mut call = Sim::new(setup);
    call.answers(LONG);
    call.says(1_000, "When are you open?");
    let onset = ANSWER_AT + 2_000;
    call.says(onset, "Actually, I meant Sunday, not the weekdays.");
    call.run_until(14_000);
    let abandoned = call.ordered_at(|action| matches!(action, Action::Abandon { .. }));
    assert_eq!(abandoned - onset, 500);
}

#[test]
fn a_long_noise_stops_the_agent_and_the_model_goes_on_from_there() {
    let mut call = Sim::answering(LONG);
    call.answers("As I said, on Saturday we close at one.");
    call.coughs(ANSWER_AT + 2_000, 900);
    call.run_until(14_000);
    assert_eq!(call.ear().len(), 2);
    assert_eq!(call.ear()[1], "As I said, on Saturday we close at one.");
    call.assert_ear_agrees();
}

#[test]
fn the_advice_after_a_noise_is_for_one_answer_only() {
    let mut call = Sim::answering(LONG);
    call.coughs(ANSWER_AT + 2_000, 900);
    call.says(10_000, "Thank you.");
    call.run_until(16_000);
    let guided = call.call.history().iter().any(|one| matches!(one, Message::Guidance { .. }));
    assert!(!guided, "{:#?}", call.call.history());
}

#[test]
fn where_interruption_is_not_allowed_the_agent_ends_and_then_answers() {
    let mut policy = policy();
    policy.barge_in.allowed = false;
    let mut call = Sim::new(Setup { script: script(), policy, ..Setup::default() });
    call.answers("This call is recorded. You may object to that.");
    call.answers("As you wish.");
    call.says(1_000, "Hello?");
    call.says(4_000, "I object.");
    call.run_until(12_000);
    assert_eq!(
        call.transcript(),
        [
            "caller: Hello?",
            "agent: This call is recorded. You may object to that.",
            "caller: I object.",
            "agent: As you wish.",
        ]
    );
    assert_eq!(call.clears(), 0);
}

#[test]
fn where_two_words_are_wanted_one_does_not_interrupt() {
    let mut policy = policy();
    policy.barge_in.min_words = 2;
    let mut call = Sim::new(Setup { script: script(), policy, ..Setup::default() });
    call.answers(LONG);
    call.says(1_000, "When are you open?");
    call.says(ANSWER_AT + 2_000, "Sunday.");
    call.run_until(20_000);
    assert_eq!(call.ear(), [LONG]);
}

#[test]
fn an_interruption_while_the_last_word_fades_loses_nothing() {
    let mut call = Sim::answering("We are open from eight to six.");
    call.answers("Fine.");
    call.run_until(ANSWER_AT + 200);
    let (from, _) = call.heard_from_to("We are open from eight to six.");
    // 2.4 s of audio: its last sounds are out when the caller begins.
    call.says(from + 2_350, "And on Saturday?");
    call.run_until(12_000);
    assert_eq!(
        call.transcript()[1..],
        ["agent: We are open from eight to six.", "caller: And on Saturday?", "agent: Fine."]
    );
}

#[test]
fn what_the_caller_says_is_told_while_they_speak() {
    let mut call = Sim::answering(LONG);
    call.says(ANSWER_AT + 2_000, "Actually, I meant Sunday.");
    call.run_until(14_000);
    let told = call.notes().filter(|(_, note)| matches!(note, Note::CallerSaying { .. })).count();
    assert!(told >= 6, "{told}");
}

#[test]
fn a_caller_who_interrupts_again_and_again_always_gets_the_floor() {
    let mut call = Sim::listening();
    for _ in 0..4 {
        call.model.chosen.push_back(vendors::answer(LONG));
    }
    for nth in 0..4 {
        call.says(1_000 + nth * 4_500, "No, wait, please.");
    }
    call.run_until(30_000);
    assert_eq!(call.asks(Engine::Chosen), 4);
    call.assert_ear_agrees();
}

#[test]
fn a_keyword_takes_the_floor_where_nothing_else_does() {
    let mut policy = policy();
    policy.barge_in.allowed = false;
    let mut call = Sim::new(Setup { script: script(), policy, ..Setup::default() });
    call.answers(LONG);
    call.answers("Yes?");
    call.says(1_000, "When are you open?");
    call.says(ANSWER_AT + 1_000, "I think so.");
    call.says(ANSWER_AT + 4_000, "Please stop.");
    call.run_until(ANSWER_AT + 10_000);
    assert_eq!(call.clears(), 1);
    assert_eq!(call.ear().last().unwrap(), "Yes?");
    call.assert_ear_agrees();
}

#[test]
fn a_notice_is_heard_to_its_end_and_what_was_said_into_it_is_answered() {
    let notice = "This call is recorded for training.";
    let script = Script {
        notice: notice.to_owned(),
        greeting: "What can I do for you?".to_owned(),
        ..script()
    };
    let mut call = Sim::new(Setup { script, ..Setup::default() });
    call.answers("At nine.");
    call.says(600, "When do you open tomorrow?");
    call.run_until(14_000);
    assert_eq!(call.ear()[0], notice);
    assert_eq!(call.ear().last().unwrap(), "At nine.");
    let told = call.transcript();
    assert!(told.contains(&"caller: When do you open tomorrow?".to_owned()), "{told:#?}");
}

#[test]
fn words_of_a_supervisor_that_must_be_heard_are() {
    let words = "By law I have to tell you that this offer ends today.";
    let mut call = Sim::listening();
    let say = turn::Command::Say { text: words.to_owned(), now: true, protected: true };
    call.orders(1_000, "say", say);
    call.says(2_000, "Yes, yes, I know.");
    call.run_until(12_000);
    assert_eq!(call.ear()[0], words);
    assert_eq!(call.clears(), 0);
}

#[test]
fn an_agent_that_ducks_is_heard_on_through_a_cough() {
    let mut policy = policy();
    policy.barge_in.onset = Onset::Duck;
    let mut call = Sim::new(Setup { script: script(), policy, ..Setup::default() });
    call.answers(LONG);
    call.says(1_000, "When are you open?");
    call.coughs(ANSWER_AT + 2_000, 150);
    call.run_until(ANSWER_AT + 18_000);
    assert_eq!(call.ear(), [LONG]);
    let gains: Vec<i32> = call
        .orders_given()
        .filter_map(|(_, order)| match order {
            Action::Gain { db } => Some(*db),
            _ => None,
        })
        .collect();
    assert_eq!(gains, [-15, 0]);
    assert_nothing_lost(&call, LONG);
    let (from, to) = call.heard_from_to(LONG);
    let mut plain = Sim::answering(LONG);
    plain.run_until(ANSWER_AT + 18_000);
    let (quiet_from, quiet_to) = plain.heard_from_to(LONG);
    assert!((to - from).abs_diff(quiet_to - quiet_from) <= 100, "it never stopped");
}

#[test]
fn who_speaks_over_an_agent_that_ducks_takes_the_floor() {
    let mut policy = policy();
    policy.barge_in.onset = Onset::Duck;
    let mut call = Sim::new(Setup { script: script(), policy, ..Setup::default() });
    call.answers(LONG);
    call.answers("On Sunday we are closed.");
    call.says(1_000, "When are you open?");
    call.says(ANSWER_AT + 2_000, "Actually, I meant Sunday.");
    call.run_until(ANSWER_AT + 10_000);
    assert_eq!(call.ear().last().unwrap(), "On Sunday we are closed.");
    call.assert_ear_agrees();
}

#[test]
fn how_often_both_spoke_at_once_is_counted() {
    let mut call = Sim::answering(LONG);
    call.coughs(ANSWER_AT + 1_000, 120);
    call.says(ANSWER_AT + 4_000, "Actually, I meant Sunday.");
    call.at(ANSWER_AT + 12_000, Event::CallerLeft);
    call.run_to_end(ANSWER_AT + 13_000);
    let tally = call.call.tally();
    assert_eq!((tally.false_stops, tally.interruptions), (1, 1));
    assert!((60..300).contains(&tally.overlap_ms), "{tally:?}");
    assert!(
        call.notes()
            .any(|(_, note)| matches!(note, Note::Tallied { tally: told } if *told == tally))
    );
}

#[test]
fn one_word_that_the_recogniser_makes_of_a_cough_does_not_take_the_floor() {
    let mut call = Sim::answering(LONG);
    let at = ANSWER_AT + 2_000;
    call.at(at + 60, Event::SpeechStarted { at: Moment(at), echo: None });
    call.at(at + 250, Event::Interim { text: "You".to_owned() });
    call.at(at + 450, Event::SpeechStopped { at: Moment(at + 250), prosody: None });
    call.at(at + 600, Event::Heard { text: "You".to_owned(), confidence: Some(0.3) });
    call.run_until(ANSWER_AT + 20_000);
    assert_eq!(call.ear()[0], LONG);
    assert_nothing_lost(&call, LONG);
}

#[test]
fn one_word_that_it_is_sure_of_does() {
    let mut call = Sim::answering(LONG);
    call.answers("On Sunday we are closed.");
    let at = ANSWER_AT + 2_000;
    call.at(at + 60, Event::SpeechStarted { at: Moment(at), echo: None });
    call.at(at + 450, Event::SpeechStopped { at: Moment(at + 250), prosody: None });
    call.at(at + 600, Event::Heard { text: "Sunday?".to_owned(), confidence: Some(0.9) });
    call.run_until(ANSWER_AT + 20_000);
    assert_eq!(call.ear()[1], "On Sunday we are closed.");
}
