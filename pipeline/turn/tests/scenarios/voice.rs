//! Voices that fail.

use turn::{Action, Note, Voice};

use crate::sim::{ANSWER_AT, Setup, Sim, script, vendors::VoiceFault};

const HOURS: &str = "We are open from eight to six. On Saturday we close at one.";

fn spoken_by(faults: &[VoiceFault]) -> Sim {
    let mut setup = Setup { script: script(), ..Setup::default() };
    setup.voice.faults = faults.iter().copied().collect();
    let mut call = Sim::new(setup);
    call.answers(HOURS);
    call.says(1_000, "When are you open?");
    call
}

#[test]
fn where_the_voice_fails_the_spare_one_says_the_rest() {
    let mut call = spoken_by(&[VoiceFault::FailsAfter(1_000)]);
    call.run_until(11_000);
    assert_eq!(call.ear(), [HOURS]);
    let rest = call.orders_given().find_map(|(_, action)| match action {
        Action::Speak { text, voice: Voice::Spare, .. } => Some(text.clone()),
        _ => None,
    });
    assert_eq!(rest.as_deref(), Some("from eight to six."));
    call.assert_ear_agrees();
}

#[test]
fn where_the_voice_gives_nothing_the_spare_one_says_it_all() {
    let mut call = spoken_by(&[VoiceFault::FailsAfter(0)]);
    call.run_until(11_000);
    assert_eq!(call.ear(), [HOURS]);
}

#[test]
fn a_voice_that_says_neither_word_nor_failure_is_replaced() {
    let mut call = spoken_by(&[VoiceFault::Mute, VoiceFault::None]);
    call.run_until(16_000);
    let heard = call.ear();
    assert_eq!(heard.last().unwrap(), HOURS);
    let (from, _) = call.heard_from_to(HOURS);
    // 5 s after the filler, which bridges the wait.
    assert!(from < ANSWER_AT + 7_500, "{from}");
}

#[test]
fn where_both_voices_fail_the_call_goes_on_with_the_next_sentence() {
    let mut call =
        spoken_by(&[VoiceFault::FailsAfter(400), VoiceFault::None, VoiceFault::FailsAfter(0)]);
    call.run_until(12_000);
    let heard = call.ear();
    assert_eq!(heard[0], "We are On Saturday we close at one.");
    let said = call.notes().find_map(|(_, note)| match note {
        Note::AgentSaid { text, cut, .. } => Some((text.clone(), *cut)),
        _ => None,
    });
    assert_eq!(said, Some(("We are On Saturday we close at one.".to_owned(), true)));
}

#[test]
fn the_voices_own_word_times_make_the_cut_exact() {
    let mut setup = Setup { script: script(), ..Setup::default() };
    setup.voice.times_words = true;
    setup.voice.uneven = 60;
    let mut call = Sim::new(setup);
    call.answers(HOURS);
    call.says(1_000, "When are you open?");
    call.says(ANSWER_AT + 2_200, "Actually, on Sunday.");
    call.run_until(12_000);
    call.assert_ear_agrees();
}

#[test]
fn word_times_that_make_no_sense_are_passed_over() {
    let mut call = spoken_by(&[]);
    let words = vec![
        turn::WordAt { text_end: 9_000, end: 10 },
        turn::WordAt { text_end: 2, end: 1_600 },
        turn::WordAt { text_end: 1, end: 400 },
    ];
    let (epoch, utterance) = (turn::Epoch(0), turn::UtteranceId(0));
    call.at(3_050, turn::Event::WordsTimed { epoch, utterance, sentence: 0, words });
    call.says(ANSWER_AT + 1_000, "Actually, on Sunday.");
    call.run_until(12_000);
    call.assert_ear_agrees();
}
