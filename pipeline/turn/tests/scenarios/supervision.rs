//! People who listen in, and what they order.

use turn::{Action, Command, Effect, Engine, FloorName, Message, Refusal, UtteranceId};

use crate::sim::{
    ANSWER_AT, Setup, Sim, say, say_now, script, vendors,
    vendors::{Part, answer},
};

const LONG: &str = "We are open from eight to six on weekdays. On Saturday we close at one. On \
                    Sunday we are closed, but in an emergency you can call our colleagues.";
const WORDS: &str = "This is the supervisor speaking.";

#[test]
fn words_for_now_cut_the_agent_short() {
    let mut call = Sim::answering(LONG);
    call.orders(ANSWER_AT + 1_000, "now", say_now(WORDS));
    call.run_until(10_000);
    assert_eq!(call.transcript()[1..], ["agent: We are open…", &format!("agent: {WORDS}")]);
    assert_eq!(call.answers_to("now"), [Ok(Effect::Done)]);
    call.assert_ear_agrees();
}

#[test]
fn words_for_later_follow_what_the_agent_is_saying() {
    let mut call = Sim::answering(LONG);
    call.orders(ANSWER_AT + 1_000, "after", say(WORDS));
    call.run_until(20_000);
    assert_eq!(call.ear(), [LONG, WORDS]);
    assert_eq!(call.answers_to("after"), [Ok(Effect::Queued { utterance: UtteranceId(1) })]);
}

#[test]
fn words_for_later_come_between_sentences_of_an_answer_still_being_made() {
    let mut call = Sim::listening();
    let mut parts = vec![Part::Wait(250)];
    parts.extend(vendors::words("We are open from eight to six. "));
    parts.push(Part::Wait(1_000));
    parts.extend(vendors::words("On Saturday we close at one."));
    parts.push(Part::Done);
    call.answers_with(parts);
    call.says(1_000, "When are you open?");
    call.orders(3_400, "after", say(WORDS));
    call.run_until(12_000);
    assert_eq!(
        call.ear(),
        ["We are open from eight to six.", WORDS, "On Saturday we close at one."]
    );
}

#[test]
fn words_over_a_speaking_caller_wait_for_the_end_of_the_turn() {
    let mut call = Sim::listening();
    call.answers("All right.");
    call.orders(2_000, "say", say(WORDS));
    call.says(1_000, "I would like to book an appointment for Tuesday.");
    call.run_until(12_000);
    assert_eq!(
        call.transcript(),
        [
            "caller: I would like to book an appointment for Tuesday.",
            &format!("agent: {WORDS}"),
            "agent: All right.",
        ]
    );
}

#[test]
fn words_that_wait_their_turn_outlive_an_interruption() {
    let mut call = Sim::answering(LONG);
    call.answers("All right.");
    call.orders(ANSWER_AT + 1_000, "after", say(WORDS));
    call.says(ANSWER_AT + 2_000, "Thank you, that is enough.");
    call.run_until(14_000);
    assert_eq!(call.ear()[1..], [WORDS.to_owned(), "All right.".to_owned()]);
    call.assert_ear_agrees();
}

#[test]
fn there_must_be_something_to_say() {
    let mut call = Sim::listening();
    call.orders(1_000, "empty", say(" ** "));
    call.orders(1_100, "guide", Command::Guide { text: "  ".to_owned() });
    call.orders(1_200, "override", Command::Override { instructions: String::new() });
    call.run_until(2_000);
    for id in ["empty", "guide", "override"] {
        assert_eq!(call.answers_to(id), [Err(Refusal::Empty)]);
    }
}

#[test]
fn guidance_reaches_the_model_and_not_the_caller() {
    let mut call = Sim::listening();
    let text = "Offer a discount.".to_owned();
    call.orders(500, "guide", Command::Guide { text: text.clone() });
    call.says(1_000, "How much is it?");
    call.run_until(6_000);
    assert_eq!(call.call.history()[0], Message::Guidance { text });
    assert_eq!(call.ear(), ["I see."]);
}

#[test]
fn guidance_while_the_model_thinks_has_it_asked_anew() {
    let mut call = Sim::listening();
    let mut slow = vec![Part::Wait(1_000)];
    slow.extend(answer("Ninety."));
    call.answers_with(slow);
    call.answers("Eighty.");
    let end = call.says(1_000, "How much is it?");
    let text = "Offer a discount.".to_owned();
    call.orders(end + 700, "guide", Command::Guide { text });
    call.run_until(7_000);
    assert_eq!(call.asks(Engine::Chosen), 2);
    assert_eq!(call.ear(), ["Eighty."]);
}

#[test]
fn instructions_are_overridden_and_restored() {
    let mut call = Sim::listening();
    let instructions = "Be brief.".to_owned();
    call.orders(500, "over", Command::Override { instructions });
    call.run_until(600);
    assert_eq!(call.call.instructions(), "Be brief.");
    call.orders(700, "back", Command::Restore);
    call.orders(800, "again", Command::Restore);
    call.run_until(900);
    assert_eq!(call.call.instructions(), "You answer for a dentist.");
    assert_eq!(call.answers_to("again"), [Ok(Effect::AlreadySo)]);
}

#[test]
fn a_pause_silences_the_agent_and_resuming_goes_on_where_it_stopped() {
    let mut call = Sim::answering(LONG);
    call.orders(ANSWER_AT + 1_000, "pause", Command::Pause);
    call.orders(ANSWER_AT + 9_000, "resume", Command::Resume);
    call.run_until(ANSWER_AT + 8_900);
    assert_eq!(call.call.floor(), FloorName::Paused);
    assert_eq!(call.ear(), ["We are open"]);
    call.run_until(25_000);
    assert_eq!(call.ear(), [LONG]);
    assert_eq!(call.asks(Engine::Chosen), 1);
    call.assert_ear_agrees();
}

#[test]
fn a_pause_while_the_model_thinks_keeps_its_answer_back() {
    let mut call = Sim::listening();
    call.answers("From eight to six.");
    call.orders(2_700, "pause", Command::Pause);
    call.orders(8_000, "resume", Command::Resume);
    call.says(1_000, "When are you open?");
    call.run_until(7_900);
    assert!(call.ear().is_empty());
    call.run_until(12_000);
    assert_eq!(call.ear(), ["From eight to six."]);
    assert_eq!(call.asks(Engine::Chosen), 1);
}

#[test]
fn a_model_that_fell_silent_in_a_pause_is_replaced_after_it() {
    let mut call = Sim::listening();
    call.answers_with(Vec::new());
    call.model.spare.push_back(answer("From eight to six."));
    call.orders(2_700, "pause", Command::Pause);
    call.orders(20_000, "resume", Command::Resume);
    call.says(1_000, "When are you open?");
    call.run_until(30_000);
    assert_eq!(call.ear().last().unwrap(), "From eight to six.");
}

#[test]
fn a_caller_who_talks_in_a_pause_is_answered_after_it() {
    let mut call = Sim::answering(LONG);
    call.answers("Yes, also on Tuesdays.");
    call.orders(ANSWER_AT + 1_000, "pause", Command::Pause);
    call.says(ANSWER_AT + 3_000, "Are you open on Tuesdays?");
    call.orders(ANSWER_AT + 9_000, "resume", Command::Resume);
    call.run_until(ANSWER_AT + 8_900);
    assert_eq!(call.asks(Engine::Chosen), 1);
    call.run_until(18_000);
    assert_eq!(
        call.transcript(),
        [
            "caller: When are you open?",
            "caller: Are you open on Tuesdays?",
            "agent: We are open…",
            "agent: Yes, also on Tuesdays.",
        ]
    );
}

#[test]
fn a_caller_who_is_speaking_when_the_pause_ends_is_heard_out() {
    let mut call = Sim::answering(LONG);
    call.answers("Yes, also on Tuesdays.");
    call.orders(ANSWER_AT + 1_000, "pause", Command::Pause);
    call.says(ANSWER_AT + 3_000, "Are you open on Tuesdays?");
    call.orders(ANSWER_AT + 4_000, "resume", Command::Resume);
    call.run_until(14_000);
    assert_eq!(call.ear()[1..], ["Yes, also on Tuesdays."]);
    assert_eq!(call.asks(Engine::Chosen), 2);
}

#[test]
fn a_cough_as_the_pause_ends_does_not_lose_the_agents_words() {
    let mut call = Sim::answering(LONG);
    call.orders(ANSWER_AT + 1_000, "pause", Command::Pause);
    call.coughs(ANSWER_AT + 3_900, 200);
    call.orders(ANSWER_AT + 4_000, "resume", Command::Resume);
    call.run_until(22_000);
    assert_eq!(call.ear()[0], LONG);
}

#[test]
fn a_pause_raced_by_a_barge_in_is_silent_and_then_answers() {
    let mut call = Sim::answering(LONG);
    call.answers("On Sunday we are closed.");
    call.says(ANSWER_AT + 1_000, "Actually, I meant Sunday.");
    call.orders(ANSWER_AT + 1_100, "pause", Command::Pause);
    call.orders(ANSWER_AT + 6_000, "resume", Command::Resume);
    call.run_until(ANSWER_AT + 5_900);
    assert_eq!(call.asks(Engine::Chosen), 1);
    call.run_until(16_000);
    assert_eq!(call.ear()[1..], ["On Sunday we are closed."]);
}

#[test]
fn in_a_pause_the_supervisor_is_heard_and_the_agent_is_not() {
    let mut call = Sim::answering(LONG);
    call.orders(ANSWER_AT + 1_000, "pause", Command::Pause);
    call.orders(ANSWER_AT + 2_000, "first", say(WORDS));
    call.orders(ANSWER_AT + 2_500, "second", say("Please hold the line."));
    call.run_until(ANSWER_AT + 20_000);
    assert_eq!(call.ear(), ["We are open", WORDS, "Please hold the line."]);
    assert!(matches!(call.answers_to("second")[..], [Ok(Effect::Queued { .. })]));
    assert_eq!(call.call.floor(), FloorName::Paused);
}

#[test]
fn pausing_and_resuming_twice_is_once() {
    let mut call = Sim::listening();
    call.orders(1_000, "a", Command::Pause);
    call.orders(1_100, "b", Command::Pause);
    call.orders(2_000, "c", Command::Resume);
    call.orders(2_100, "d", Command::Resume);
    call.run_until(3_000);
    assert_eq!(call.answers_to("b"), [Ok(Effect::AlreadySo)]);
    assert_eq!(call.answers_to("d"), [Ok(Effect::AlreadySo)]);
}

#[test]
fn one_command_that_comes_twice_is_done_once() {
    let mut call = Sim::listening();
    call.orders(1_000, "same", say(WORDS));
    call.orders(1_200, "same", say(WORDS));
    call.run_until(8_000);
    assert_eq!(call.ear(), [WORDS]);
    assert_eq!(call.answers_to("same"), [Ok(Effect::Done), Ok(Effect::AlreadySo)]);
}

#[test]
fn a_command_that_ended_the_call_is_known_when_it_comes_again() {
    let mut call = Sim::listening();
    call.orders(1_000, "end", Command::End { politely: false });
    call.orders(1_200, "end", Command::End { politely: false });
    call.run_until(3_000);
    assert_eq!(call.answers_to("end"), [Ok(Effect::Done), Ok(Effect::AlreadySo)]);
}

#[test]
fn who_orders_a_transfer_knows_where_to_though_the_agent_does_not() {
    let mut setup = Setup { script: script(), ..Setup::default() };
    setup.script.can_transfer = false;
    let mut call = Sim::new(setup);
    call.orders(1_000, "put", Command::Transfer { reason: "asked".to_owned() });
    call.run_to_end(12_000);
    assert_eq!(call.answers_to("put"), [Ok(Effect::Done)]);
    assert_eq!(call.transcript().last().unwrap(), "ended: transferred, asked");
}

#[test]
fn a_transfer_tells_the_caller_and_then_lets_go() {
    let mut call = Sim::answering(LONG);
    let at = ANSWER_AT + 1_000;
    call.orders(at, "put", Command::Transfer { reason: "asked".to_owned() });
    call.run_to_end(12_000);
    assert_eq!(call.ear()[1..], ["I will put you through now."]);
    assert_eq!(call.transcript().last().unwrap(), "ended: transferred, asked");
}

#[test]
fn a_caller_who_speaks_into_a_transfer_is_put_through_all_the_same() {
    let mut call = Sim::listening();
    call.orders(1_000, "put", Command::Transfer { reason: "asked".to_owned() });
    call.says(1_800, "Wait, one more thing.");
    call.run_to_end(8_000);
    assert_eq!(call.ear(), ["I will put you through now."]);
}

#[test]
fn an_ending_call_takes_no_other_orders() {
    let mut call = Sim::listening();
    call.orders(1_000, "end", Command::End { politely: true });
    call.orders(1_500, "put", Command::Transfer { reason: "late".to_owned() });
    call.orders(1_600, "pause", Command::Pause);
    call.orders(1_700, "say", say_now(WORDS));
    call.run_to_end(8_000);
    for id in ["put", "pause", "say"] {
        assert_eq!(call.answers_to(id), [Err(Refusal::Ending)], "{id}");
    }
    assert_eq!(call.ear(), ["Thank you for calling. Goodbye."]);
}

#[test]
fn a_supervisor_may_keep_a_caller_whom_the_agent_is_letting_go() {
    let mut call = Sim::listening();
    let mut parts = vec![Part::Wait(250)];
    parts.extend(vendors::words("You are welcome. Goodbye and have a very nice day."));
    parts.extend([vendors::tool("end", "end_call"), Part::Done]);
    call.answers_with(parts);
    call.says(1_000, "Thank you.");
    call.orders(3_500, "say", say_now(WORDS));
    call.run_until(9_000);
    assert!(!call.is_over());
    assert_eq!(call.ear().last().unwrap(), WORDS);
}

#[test]
fn an_end_at_once_says_nothing_more() {
    let mut call = Sim::answering(LONG);
    call.orders(ANSWER_AT + 1_000, "end", Command::End { politely: false });
    call.run_until(8_000);
    assert!(call.is_over());
    assert_eq!(call.transcript()[1..], ["agent: We are open…", "ended: ordered"]);
    let last = call.all_orders().pop();
    assert!(matches!(last, Some(Action::HangUp { .. })), "nothing follows the hang-up: {last:?}");
}

#[test]
fn an_end_ordered_before_the_answer_needs_no_words() {
    let mut call = Sim::ringing(Setup { script: script(), ..Setup::default() });
    call.orders(500, "end", Command::End { politely: true });
    call.run_to_end(600);
    assert!(call.ear().is_empty());
}

#[test]
fn a_pause_that_ends_amid_a_supervisors_words_is_answered_after_them() {
    let mut call = Sim::listening();
    call.answers("Yes, also on Tuesdays.");
    call.orders(500, "pause", Command::Pause);
    call.says(1_000, "Are you open on Tuesdays?");
    call.orders(5_000, "say", say(WORDS));
    call.orders(6_000, "resume", Command::Resume);
    call.run_until(14_000);
    assert_eq!(call.ear(), [WORDS, "Yes, also on Tuesdays."]);
}
