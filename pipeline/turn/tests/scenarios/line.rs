//! Carriers: what marks prove, what they do not, and what is done without them.

use turn::{Action, Event, Generation, MarkId, Note};

use crate::sim::{ANSWER_AT, Setup, Sim, line::LineSetup, script};

const HOURS: &str = "We are open from eight to six. On Saturday we close at one.";

fn on_a_line(line: LineSetup) -> Sim {
    let mut call = Sim::new(Setup { script: script(), line, ..Setup::default() });
    call.answers(HOURS);
    call.says(1_000, "When are you open?");
    call
}

#[test]
fn audio_runs_only_so_far_ahead_of_what_was_heard() {
    let mut call = Sim::answering(HOURS);
    let mut most = 0;
    for at in (0..9_000).step_by(10) {
        call.run_until(at);
        most = most.max(call.call.ledger().ahead(turn::Moment(at)).as_millis());
    }
    assert!((400..=500).contains(&most), "{most}");
}

#[test]
fn the_carrier_is_told_to_clear_only_when_it_has_something() {
    let mut call = Sim::listening();
    // Over an answer that is awaited, and over silence.
    let end = call.says(1_000, "When are you open?");
    call.says(end + 700, "On Sunday, I mean.");
    call.coughs(12_000, 200);
    call.orders(13_000, "pause", turn::Command::Pause);
    call.run_until(14_000);
    assert_eq!(call.clears(), 0);
}

#[test]
fn marks_that_come_back_after_a_clear_prove_nothing() {
    let mut setup = Setup { script: script(), ..Setup::default() };
    setup.line.back = 300;
    let mut call = Sim::new(setup);
    call.answers(HOURS);
    call.says(1_000, "When are you open?");
    call.says(ANSWER_AT + 1_000, "Actually, on Sunday.");
    call.run_until(12_000);
    call.assert_ear_agrees();
    let late = call.journal().into_iter().filter(|(event, _)| {
        matches!(event, Event::MarkReturned { generation, .. } if *generation == Generation(0))
    });
    let cleared = call.ordered_at(|action| matches!(action, Action::Clear { .. }));
    assert!(late.filter(|(_, at)| at.0 > cleared).count() >= 2);
}

#[test]
fn marks_that_nobody_sent_prove_nothing() {
    let mut call = Sim::answering(HOURS);
    for mark in 100..110 {
        let (generation, mark) = (Generation(0), MarkId(mark));
        call.at(ANSWER_AT + 300, Event::MarkReturned { generation, mark });
    }
    call.says(ANSWER_AT + 1_000, "Actually, on Sunday.");
    call.run_until(12_000);
    call.assert_ear_agrees();
}

#[test]
fn marks_returned_twice_count_once() {
    let mut call = on_a_line(LineSetup { marks_doubled: 1_000, ..LineSetup::default() });
    call.run_until(10_000);
    assert_eq!(call.ear()[0], HOURS);
    call.assert_ear_agrees();
}

#[test]
fn some_lost_marks_do_not_show() {
    let mut call = on_a_line(LineSetup { marks_lost: 300, ..LineSetup::default() });
    call.run_until(10_000);
    assert_eq!(call.stretches_of(HOURS).len(), 2, "two sentences, each without a gap");
}

#[test]
fn a_carrier_that_returns_no_marks_is_fed_by_the_clock() {
    let mut call = on_a_line(LineSetup { marks_lost: 1_000, ..LineSetup::default() });
    call.answers("Fine.");
    call.says(11_000, "Thank you.");
    call.run_until(10_500);
    assert_eq!(call.call.floor(), turn::FloorName::Caller);
    call.run_until(16_000);
    assert_eq!(call.ear(), [HOURS, "Fine."]);
    let (from, to) = call.heard_from_to(HOURS);
    // Its length is 4.4 s. Once it waits for marks in vain; never again.
    assert!(to - from < 6_500, "{from} to {to}");
    assert!(call.stretches_of(HOURS).len() <= 4);
}

#[test]
fn jitter_on_the_line_does_not_garble_what_is_written_down() {
    let line = LineSetup { there: 60, back: 60, jitter: 60, ..LineSetup::default() };
    let mut call = on_a_line(line);
    call.says(ANSWER_AT + 1_500, "Actually, on Sunday.");
    call.run_until(12_000);
    call.assert_ear_agrees();
}

#[test]
fn a_slow_voice_that_starves_the_line_is_still_heard_in_full() {
    let mut setup = Setup { script: script(), ..Setup::default() };
    setup.voice.speed = 60;
    let mut call = Sim::new(setup);
    call.answers(HOURS);
    call.says(1_000, "When are you open?");
    call.run_until(18_000);
    assert_eq!(call.ear()[0], HOURS);
    let said = call.notes().any(|(_, note)| matches!(note, Note::AgentSaid { cut: false, .. }));
    assert!(said);
}

#[test]
fn every_sample_that_was_heard_is_told_once_for_the_recording() {
    let mut call = Sim::answering(HOURS);
    call.coughs(ANSWER_AT + 1_200, 150);
    call.run_until(12_000);
    let told = call.call.take_heard();
    let mut next = std::collections::BTreeMap::new();
    for stretch in &told {
        let from = next.entry((stretch.utterance, stretch.sentence)).or_insert(0);
        assert_eq!(stretch.from, *from, "{told:#?}");
        *from += stretch.samples;
    }
    assert!(told.windows(2).all(|two| two[0].at <= two[1].at), "{told:#?}");
    assert!(call.call.take_heard().is_empty());
}
