//! Sounds of which it is measured how much was voiced: coughs, noise and whispers are not.

use turn::{Contest, Event, Moment, Note};

use crate::sim::{ANSWER_AT, Sim};

const LONG: &str = "We are open from eight to six on weekdays. On Saturday we close at one. On \
                    Sunday we are closed, but in an emergency you can call our colleagues.";
const AT: u64 = ANSWER_AT + 2_000;

/// A sound of which so much was voiced, and what the STT makes of it.
fn sound(call: &mut Sim, from: u64, to: u64, voiced_ms: u32, words: &str, sure: f32) {
    call.at(from + 60, Event::SpeechStarted { at: Moment(from), echo: None });
    call.at(from + 60, Event::VoiceMeasured { voiced_ms: 0 });
    call.at(to.min(from + 600), Event::VoiceMeasured { voiced_ms });
    call.at(to + 180, Event::SpeechStopped { at: Moment(to), prosody: None });
    let heard = Event::Heard { text: words.to_owned(), confidence: Some(sure) };
    call.at(to + 260, heard);
}

#[test]
fn words_made_of_a_cough_do_not_take_the_floor() {
    for (words, sure) in [("You", 0.9), ("Thank you.", 0.9), ("Thank you so much.", 0.3)] {
        let mut call = Sim::answering(LONG);
        sound(&mut call, AT, AT + 300, 60, words, sure);
        call.run_until(20_000);
        assert_eq!(call.ear(), [LONG], "{words}");
        assert_eq!(call.clears(), 1, "{words}");
    }
}

#[test]
fn sentences_made_of_a_hum_do_not_take_the_floor_unless_they_are_sure() {
    for (sure, taken) in [(0.35, false), (0.9, true)] {
        let mut call = Sim::answering(LONG);
        call.answers("As you like.");
        call.at(AT + 380, Event::Interim { text: "You do".to_owned() });
        sound(&mut call, AT, AT + 320, 300, "You do.", sure);
        call.run_until(18_000);
        let said = call.transcript().contains(&"caller: You do.".to_owned());
        assert_eq!(said, taken, "{sure}");
        assert_eq!(call.ear() == [LONG], !taken, "{sure}");
    }
}

#[test]
fn a_voiced_word_and_a_whisper_that_is_understood_take_it() {
    for (voiced_ms, words) in [(140, "Monday."), (0, "Could you whisper?")] {
        let mut call = Sim::answering(LONG);
        call.answers("As you like.");
        sound(&mut call, AT, AT + 400, voiced_ms, words, 0.9);
        call.run_until(14_000);
        assert!(call.transcript().contains(&format!("caller: {words}")), "{words}");
    }
}

#[test]
fn the_agent_goes_on_through_noise_that_lasts() {
    let mut call = Sim::answering(LONG);
    sound(&mut call, AT, AT + 4_000, 0, "", 0.0);
    call.run_until(20_000);
    assert_eq!(call.ear(), [LONG]);
    let resumed = call.notes().find_map(|(at, note)| match note {
        Note::Contested { outcome: Contest::Noise, .. } => Some(at),
        _ => None,
    });
    assert_eq!(resumed.map(|at| at - AT), Some(500), "when `voice_for` has passed");
}

#[test]
fn who_speaks_through_the_noise_stops_the_agent_again() {
    let mut call = Sim::answering(LONG);
    call.answers("As you like.");
    sound(&mut call, AT, AT + 4_000, 0, "Only about Monday, please.", 0.9);
    call.at(AT + 2_500, Event::VoiceMeasured { voiced_ms: 140 });
    call.run_until(18_000);
    assert_eq!(call.clears(), 2);
    assert!(call.transcript().contains(&"caller: Only about Monday, please.".to_owned()));
    call.assert_ear_agrees();
}

#[test]
fn a_word_that_did_not_take_the_floor_belongs_to_what_follows_it() {
    let mut call = Sim::answering(LONG);
    call.answers("On Monday at nine.");
    sound(&mut call, AT, AT + 300, 200, "Monday,", 0.3);
    sound(&mut call, AT + 900, AT + 2_000, 400, "I would like Monday.", 0.9);
    call.run_until(18_000);
    assert!(call.transcript().contains(&"caller: Monday, I would like Monday.".to_owned()));
}

#[test]
fn yes_belongs_to_the_please_that_follows_it() {
    let mut call = Sim::answering(LONG);
    call.answers("On Monday at nine.");
    sound(&mut call, AT, AT + 300, 200, "Yes,", 0.9);
    sound(&mut call, AT + 500, AT + 900, 300, "please.", 0.9);
    call.run_until(18_000);
    assert!(call.transcript().contains(&"caller: Yes, please.".to_owned()));
}

#[test]
fn a_cough_does_not() {
    let mut call = Sim::answering(LONG);
    call.answers("On Monday at nine.");
    sound(&mut call, AT, AT + 300, 40, "But", 0.9);
    sound(&mut call, AT + 900, AT + 2_000, 400, "I would like Monday.", 0.9);
    call.run_until(18_000);
    assert!(call.transcript().contains(&"caller: I would like Monday.".to_owned()));
}
