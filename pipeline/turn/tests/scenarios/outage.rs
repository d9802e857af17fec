//! Hearing is lost for a while: what the caller says then is heard late.

use turn::{Event, Moment};

use crate::sim::{Setup, Sim, policy, script};

const LOST: u64 = 900;
/// The caller speaks from 1,000 ms until then.
const SAID: u64 = 3_600;

fn call_without_hearing(mut call: Sim) -> Sim {
    call.answers("At eight, then.");
    call.at(LOST, Event::HearingLost);
    call.at(1_060, Event::SpeechStarted { at: Moment(1_000), echo: None });
    call.at(SAID + 200, Event::SpeechStopped { at: Moment(SAID), prosody: None });
    call
}

fn comes_back(call: &mut Sim, at: u64, text: &str) {
    call.at(at, Event::HearingBack);
    call.at(at + 300, Event::Heard { text: text.to_owned(), confidence: Some(0.9) });
}

#[test]
fn nobody_is_asked_to_repeat_what_is_heard_late() {
    let mut call = call_without_hearing(Sim::listening());
    comes_back(&mut call, 8_000, "A table at eight, please.");
    call.run_until(14_000);
    assert_eq!(
        call.transcript(),
        [
            "agent: One moment, please.",
            "caller: A table at eight, please.",
            "agent: At eight, then."
        ]
    );
}

#[test]
fn a_yes_that_comes_late_amid_the_filler_is_an_answer() {
    let mut call = call_without_hearing(Sim::listening());
    comes_back(&mut call, SAID + 2_300, "Yes.");
    call.run_until(14_000);
    let told = call.transcript();
    assert!(told.contains(&"caller: Yes.".to_owned()), "{told:#?}");
    assert!(!told.iter().any(|line| line.starts_with('(')), "{told:#?}");
}

#[test]
fn a_cough_amid_the_filler_does_not_end_the_wait() {
    let mut call = call_without_hearing(Sim::listening());
    call.coughs(SAID + 2_600, 150);
    comes_back(&mut call, 9_000, "A table at eight, please.");
    call.run_until(14_000);
    let told = call.transcript();
    assert_eq!(
        told[told.len() - 2..],
        ["caller: A table at eight, please.", "agent: At eight, then."]
    );
}

#[test]
fn without_a_filler_they_are_waited_for_in_silence() {
    let mut policy = policy();
    policy.patience.filler = String::new();
    let sim = Sim::new(Setup { script: script(), policy, ..Setup::default() });
    let mut call = call_without_hearing(sim);
    comes_back(&mut call, 8_000, "A table at eight, please.");
    call.run_until(14_000);
    assert_eq!(call.transcript(), ["caller: A table at eight, please.", "agent: At eight, then."]);
}

#[test]
fn a_caller_whose_words_never_come_is_asked_in_the_end() {
    let mut call = call_without_hearing(Sim::listening());
    call.run_until(16_000);
    let asked = turn::Policy::default().patience.unheard;
    let told = call.transcript();
    assert_eq!(told.len(), 2, "{told:#?}");
    assert_eq!(told[1], format!("agent: {asked}"));
    assert!(call.heard_from_to(&asked).0.abs_diff(SAID + 6_000) < 400);
}

#[test]
fn where_hearing_is_back_and_no_words_come_they_are_waited_for_no_longer() {
    let mut call = call_without_hearing(Sim::listening());
    call.at(SAID + 2_500, Event::HearingBack);
    call.run_until(14_000);
    let asked = turn::Policy::default().patience.unheard;
    assert!(call.heard_from_to(&asked).0.abs_diff(SAID + 4_500) < 400);
}
