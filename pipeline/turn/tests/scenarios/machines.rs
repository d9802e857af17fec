//! Calls that we make, and who or what answers them.

use std::time::Duration;

use turn::{Action, Answerer, Event, Moment, Policy, Script, policy::VoicemailThen};

use crate::sim::{Setup, Sim, policy, script};

const GREETING: &str = "Hello, this is the dentist's office.";
const MESSAGE: &str = "This is the dentist's office. Please call us back about your appointment.";
const MACHINE: &str = "You have reached Anna. Please leave a message after the tone.";

fn calling(then: VoicemailThen) -> Sim {
    let mut policy = policy();
    policy.voicemail.then = then;
    policy.voicemail.message = MESSAGE.to_owned();
    calling_with(policy)
}

fn calling_with(policy: Policy) -> Sim {
    let script = Script { outbound: true, greeting: GREETING.to_owned(), ..script() };
    Sim::new(Setup { policy, script, ..Setup::default() })
}

fn starts(call: &Sim, words: &str) -> u64 {
    call.heard_from_to(words).0
}

#[test]
fn a_voicemail_known_by_its_words_gets_the_message_after_its_beep_to_the_last_sample() {
    let mut call = calling(VoicemailThen::Message);
    let end = call.says(300, MACHINE);
    call.at(end + 1_500, Event::BeepHeard { at: Moment(end + 1_400) });
    call.run_to_end(30_000);
    assert!(starts(&call, MESSAGE) >= end + 1_500);
    assert_eq!(call.ear().last().unwrap(), MESSAGE);
    let told = call.transcript();
    assert!(told.contains(&"Machine by words".to_owned()), "{told:#?}");
    assert_eq!(told.last().unwrap(), "ended: left a message");
}

#[test]
fn a_voicemail_that_is_not_to_be_talked_to_is_hung_up_on() {
    let mut call = calling(VoicemailThen::HangUp);
    call.at(2_000, Event::AnsweredBy { by: Answerer::Machine });
    call.run_to_end(2_100);
    assert_eq!(call.transcript().last().unwrap(), "ended: a voicemail");
}

#[test]
fn a_carriers_late_word_that_the_machine_is_silent_starts_the_message() {
    let mut call = calling(VoicemailThen::Message);
    call.at(2_500, Event::AnsweredBy { by: Answerer::Machine });
    call.at(9_000, Event::AnsweredBy { by: Answerer::MachineSilent });
    call.run_to_end(30_000);
    assert!(starts(&call, MESSAGE) >= 9_000);
    assert_eq!(call.transcript().last().unwrap(), "ended: left a message");
}

#[test]
fn without_a_beep_the_message_is_left_all_the_same_after_a_while() {
    let mut policy = policy();
    policy.voicemail.then = VoicemailThen::Message;
    policy.voicemail.message = MESSAGE.to_owned();
    policy.voicemail.beep_within = Duration::from_secs(8);
    let mut call = calling_with(policy);
    call.at(2_000, Event::AnsweredBy { by: Answerer::Machine });
    call.run_to_end(30_000);
    let from = starts(&call, MESSAGE);
    assert!((10_000..11_000).contains(&from), "{from}");
}

#[test]
fn a_beep_amid_the_message_has_it_said_anew_once() {
    let mut call = calling(VoicemailThen::Message);
    call.at(2_000, Event::AnsweredBy { by: Answerer::MachineSilent });
    call.at(4_000, Event::BeepHeard { at: Moment(3_900) });
    call.at(5_000, Event::BeepHeard { at: Moment(4_900) });
    call.run_to_end(30_000);
    let told = call.transcript();
    assert!(told[2].starts_with("agent: This is") && told[2].ends_with('…'), "{told:#?}");
    assert_eq!(told[3..], [format!("agent: {MESSAGE}"), "ended: left a message".to_owned()]);
    assert_eq!(call.ear().last().unwrap(), MESSAGE);
}

#[test]
fn what_a_machine_says_is_not_answered() {
    let mut call = calling(VoicemailThen::Message);
    let end = call.says(300, MACHINE);
    call.says(end + 700, "If you want to be called back, press one.");
    call.at(end + 6_000, Event::BeepHeard { at: Moment(end + 5_900) });
    call.run_to_end(40_000);
    assert!(!call.orders_given().any(|(_, order)| matches!(order, Action::Ask { .. })));
}

#[test]
fn a_fax_is_hung_up_on() {
    let mut call = calling(VoicemailThen::Message);
    call.at(3_000, Event::AnsweredBy { by: Answerer::Fax });
    call.run_to_end(3_100);
    assert_eq!(call.transcript().last().unwrap(), "ended: a fax");
}

#[test]
fn a_person_is_talked_to() {
    let mut call = calling(VoicemailThen::HangUp);
    call.answers("I am calling about your appointment.");
    call.at(2_000, Event::AnsweredBy { by: Answerer::Human });
    call.says(4_000, "Yes, this is Anna.");
    call.run_until(10_000);
    assert_eq!(call.ear().last().unwrap(), "I am calling about your appointment.");
}

#[test]
fn who_calls_us_and_speaks_of_voicemail_is_no_machine() {
    let mut call = Sim::listening();
    call.answers("Certainly.");
    call.says(1_000, "Can I leave a message for the doctor?");
    call.run_until(8_000);
    assert_eq!(call.ear(), ["Certainly."]);
}

#[test]
fn a_machine_may_be_talked_to_as_to_anybody() {
    let mut call = calling(VoicemailThen::Ignore);
    call.answers("I see.");
    call.says(4_500, MACHINE);
    call.run_until(14_000);
    assert_eq!(call.ear().last().unwrap(), "I see.");
    assert!(call.transcript().contains(&"Machine by words".to_owned()));
}

#[test]
fn a_call_that_is_gone_on_with_is_not_taken_for_a_machine_anew() {
    let mut policy = policy();
    policy.voicemail.then = VoicemailThen::Message;
    policy.voicemail.message = MESSAGE.to_owned();
    let resumed = Some("Sorry, go on.".to_owned());
    let script = Script { outbound: true, resumed, ..script() };
    let mut call = Sim::new(Setup { policy, script, ..Setup::default() });
    call.at(100, Event::AnsweredBy { by: Answerer::Machine });
    let end = call.says(2_000, "Can I leave a message for the doctor?");
    call.at(end + 300, Event::BeepHeard { at: Moment(end + 200) });
    call.run_until(end + 20_000);
    assert!(!call.ear().contains(&MESSAGE.to_owned()), "{:?}", call.ear());
}
