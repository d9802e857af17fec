//! When the caller's turn is over: by the words, by the silence, by what the agent had asked.

use turn::{
    Action, Engine, Event, Moment, Note,
    endpoint::{Completeness, Evidence},
};

use crate::sim::{SUREST, Setup, Sim, caller, caller::Hearing, policy, script};

/// How long after the caller's last sound the model was asked, ms.
fn waited(call: &Sim, last_sound: u64) -> u64 {
    call.ordered_at(|action| matches!(action, Action::Ask { .. })) - last_sound
}

/// How long these words are waited for where nothing else is known, ms.
fn wait(text: &str) -> u64 {
    Evidence::of_words(text, None).wait(&policy().end_of_turn).as_millis() as u64
}

fn decision(call: &Sim) -> Completeness {
    call.notes()
        .find_map(|(_, note)| match note {
            Note::TurnDecided { decision, .. } => Some(decision.evidence.words),
            _ => None,
        })
        .expect("a turn was decided")
}

#[test]
fn a_finished_sentence_ends_the_turn_soon() {
    let mut call = Sim::listening();
    let end = call.says(1_000, "I would like to book an appointment.");
    call.run_until(8_000);
    assert_eq!(waited(&call, end), SUREST);
}

#[test]
fn words_without_an_end_are_waited_for_longer() {
    let mut call = Sim::listening();
    let end = call.says(1_000, "next Tuesday");
    call.run_until(8_000);
    assert_eq!(waited(&call, end), wait("next Tuesday"));
    assert!(waited(&call, end) >= SUREST);
    assert_eq!(decision(&call), Completeness::Open);
}

#[test]
fn a_caller_who_is_looking_for_words_is_given_time() {
    let mut call = Sim::listening();
    let end = call.says(1_000, "My tooth hurts and");
    call.run_until(8_000);
    assert_eq!(waited(&call, end), wait("My tooth hurts and"));
    assert!(waited(&call, end) >= 2 * SUREST);
}

#[test]
fn a_caller_who_goes_on_after_a_pause_is_one_turn() {
    let mut call = Sim::listening();
    let end = call.says(1_000, "My tooth hurts and");
    call.says(end + 900, "I need to see someone.");
    call.run_until(9_000);
    assert_eq!(call.asks(Engine::Chosen), 1);
    assert_eq!(call.transcript()[0], "caller: My tooth hurts and I need to see someone.");
}

#[test]
fn yes_to_a_yes_or_no_question_is_a_whole_answer() {
    let mut call = Sim::greeting("Is this about an appointment?");
    let end = call.says(4_000, "Yeah");
    call.run_until(8_000);
    assert_eq!(decision(&call), Completeness::Answer);
    assert_eq!(waited(&call, end), SUREST);
}

#[test]
fn half_a_telephone_number_is_not_the_end() {
    let mut call = Sim::greeting("What is your phone number?");
    let end = call.says(3_500, "five five five");
    call.says(end + 1_300, "one two three four");
    call.run_until(10_000);
    assert_eq!(call.asks(Engine::Chosen), 1);
    assert_eq!(call.transcript()[1], "caller: five five five one two three four");
}

#[test]
fn a_recogniser_that_is_late_is_waited_for() {
    let hearing = Hearing { settled: 800, ..Hearing::default() };
    let mut call = Sim::new(Setup { script: script(), hearing, ..Setup::default() });
    let end = call.says(1_000, "I would like to book an appointment.");
    call.run_until(8_000);
    // The guess has no full stop, the settled words have one, and by then the wait is over.
    assert_eq!(waited(&call, end), 800);
    assert_eq!(call.transcript()[0], "caller: I would like to book an appointment.");
}

#[test]
fn a_recogniser_that_never_settles_is_taken_at_its_guess() {
    let hearing = Hearing { finals: false, ..Hearing::default() };
    let mut call = Sim::new(Setup { script: script(), hearing, ..Setup::default() });
    let end = call.says(1_000, "I would like to book an appointment.");
    call.run_until(8_000);
    assert_eq!(waited(&call, end), 901);
    assert_eq!(call.transcript()[0], "caller: I would like to book an appointment");
}

#[test]
fn words_settled_on_after_they_were_taken_are_not_answered_again() {
    let hearing = Hearing { settled: 1_400, ..Hearing::default() };
    let mut call = Sim::new(Setup { script: script(), hearing, ..Setup::default() });
    call.says(1_000, "I would like to book an appointment.");
    call.run_until(8_000);
    assert_eq!(call.asks(Engine::Chosen), 1);
    assert_eq!(call.transcript(), ["caller: I would like to book an appointment", "agent: I see."]);
}

#[test]
fn words_that_the_recogniser_says_twice_are_one_turn() {
    let mut call = Sim::listening();
    let end = call.says(1_000, "I would like to book an appointment.");
    let text = "I would like to book an appointment.".to_owned();
    call.at(end + 900, Event::Heard { text, confidence: None });
    call.run_until(8_000);
    assert_eq!(call.asks(Engine::Chosen), 1);
}

#[test]
fn the_same_words_said_again_are_a_turn_of_their_own() {
    let mut call = Sim::listening();
    call.answers("Which day?");
    call.answers("Which one?");
    let end = call.says(1_000, "Tuesday.");
    call.says(end + 2_800, "Tuesday.");
    call.run_until(9_000);
    assert_eq!(
        call.transcript(),
        ["caller: Tuesday.", "agent: Which day?", "caller: Tuesday.", "agent: Which one?"]
    );
}

#[test]
fn the_vendors_own_end_of_turn_is_believed_unless_words_dangle() {
    let mut call = Sim::listening();
    let end = call.says(1_000, "next Tuesday");
    call.at(end + 380, Event::TurnEndSuggested { eager: false, at: None });
    call.run_until(8_000);
    assert_eq!(waited(&call, end), 380);

    let mut call = Sim::listening();
    let end = call.says(1_000, "My tooth hurts and");
    call.at(end + 380, Event::TurnEndSuggested { eager: false, at: None });
    call.run_until(8_000);
    assert_eq!(waited(&call, end), wait("My tooth hurts and"));
}

#[test]
fn the_vendors_word_on_a_pause_that_is_over_does_not_count_for_the_next() {
    // The caller pauses for 400 ms. The vendor's word comes 300 ms after they have gone on.
    let waits_where = |suggested: bool, listened_to: Option<u64>| {
        let mut call = Sim::listening();
        let pause = call.says(1_000, "Next Tuesday");
        let end = call.says(pause + 400, "or a day later");
        if suggested {
            let at = listened_to.map(|after| Moment(pause + after));
            call.at(pause + 700, Event::TurnEndSuggested { eager: false, at });
        }
        call.run_until(10_000);
        waited(&call, end)
    };
    let unsuggested = waits_where(false, None);
    assert_eq!(waits_where(true, Some(300)), unsuggested);
    assert!(waits_where(true, Some(600)) < unsuggested, "what it has heard since counts");
    assert!(waits_where(true, None) < unsuggested, "who does not say where is believed");
}

#[test]
fn words_without_a_voice_are_a_turn_all_the_same() {
    let mut call = Sim::listening();
    call.at(2_000, Event::Heard { text: "Hello?".to_owned(), confidence: None });
    call.run_until(6_000);
    assert_eq!(call.transcript(), ["caller: Hello?", "agent: I see."]);
}

#[test]
fn a_cough_while_nobody_speaks_is_no_turn() {
    let mut call = Sim::listening();
    call.coughs(1_000, 200);
    call.run_until(5_000);
    assert_eq!(call.asks(Engine::Chosen), 0);
    assert_eq!(call.transcript(), ["()"]);
}

#[test]
fn a_caller_of_whom_no_words_come_is_asked_again() {
    let mut call = Sim::listening();
    call.at(1_060, Event::SpeechStarted { at: Moment(1_000), echo: None });
    call.at(2_200, Event::SpeechStopped { at: Moment(2_000), prosody: None });
    call.run_until(10_000);
    assert_eq!(call.ear(), ["Sorry, I didn't catch that. Could you say it again?"]);
}

#[test]
fn noise_without_end_does_not_keep_the_agent_silent_for_ever() {
    let mut call = Sim::listening();
    call.at(1_000, Event::SpeechStarted { at: Moment(1_000), echo: None });
    call.run_until(25_000);
    assert_eq!(call.ear(), ["Sorry, I didn't catch that. Could you say it again?"]);
}

#[test]
fn a_long_story_is_not_taken_for_noise() {
    let mut call = Sim::listening();
    let story = "and then we went to the market and bought some bread and milk ".repeat(8);
    let end = call.says(1_000, &format!("{story}and that was it."));
    assert!(end > 25_000, "longer than noise may last");
    call.run_until(end + 3_000);
    assert_eq!(call.asks(Engine::Chosen), 1);
    assert_eq!(caller::takes(&story), end - 1_000 - caller::takes("and that was it."));
}
