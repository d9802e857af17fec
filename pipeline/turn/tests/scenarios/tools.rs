//! Tools that the model calls in mid-conversation.

use turn::{Action, Engine, Event, FloorName, Message, Note, Script, ToolCall, ToolPolicy};

use crate::sim::{
    Setup, Sim, say, script, vendors,
    vendors::{Part, answer, tool},
};

const SLOTS: &str = "9:30 is free";

/// A caller asks; the model says that it will check, and looks it up.
fn looking_up(takes: Option<u64>) -> Sim {
    looking_up_with(script(), takes)
}

fn looking_up_with(script: Script, takes: Option<u64>) -> Sim {
    let mut call = Sim::new(Setup { script, ..Setup::default() });
    let mut parts = vec![Part::Wait(250)];
    parts.extend(vendors::words("Let me check that."));
    parts.extend([tool("one", "look_up"), Part::Done]);
    call.answers_with(parts);
    call.tools.answers.push_back(takes.map(|takes| (takes, SLOTS.to_owned())));
    call.says(1_000, "Is there a free slot?");
    call
}

fn agent(text: &str, tool_calls: &[&str]) -> Message {
    let calls = tool_calls.iter().map(|id| ToolCall {
        id: (*id).to_owned(),
        name: "look_up".to_owned(),
        arguments: serde_json::json!({}),
    });
    Message::Agent { text: text.to_owned(), tool_calls: calls.collect() }
}

fn answered(id: &str, content: &str) -> Message {
    Message::Tool { call_id: id.to_owned(), content: content.to_owned() }
}

fn caller(text: &str) -> Message {
    Message::Caller { text: text.to_owned() }
}

#[test]
fn a_tools_answer_is_what_the_model_goes_on_from() {
    let mut call = looking_up(Some(400));
    call.answers("Nine thirty is free.");
    call.run_until(12_000);
    assert_eq!(call.ear(), ["Let me check that.", "Nine thirty is free."]);
    assert_eq!(
        call.call.history(),
        [
            caller("Is there a free slot?"),
            agent("Let me check that.", &["one"]),
            answered("one", "9:30 is free"),
            agent("Nine thirty is free.", &[]),
        ]
    );
}

#[test]
fn a_slow_tool_is_bridged_by_a_filler() {
    let mut call = looking_up(Some(4_000));
    call.answers("Nine thirty is free.");
    call.run_until(14_000);
    assert_eq!(call.ear(), ["Let me check that.", "One moment, please.", "Nine thirty is free."]);
}

#[test]
fn a_tool_that_never_answers_has_failed_and_the_model_is_told() {
    let mut call = looking_up(None);
    call.answers("I cannot look that up just now.");
    call.run_until(20_000);
    assert_eq!(call.call.history()[2], answered("one", "Failed: no answer in time."));
    assert_eq!(call.ear().last().unwrap(), "I cannot look that up just now.");
}

#[test]
fn a_tool_that_allows_it_is_given_up_when_the_caller_goes_on() {
    let script = Script {
        tools: vec![ToolPolicy {
            name: "look_up".to_owned(),
            effects: false,
            cancel_on_barge_in: true,
            ..ToolPolicy::default()
        }],
        ..script()
    };
    let mut call = looking_up_with(script, Some(6_000));
    call.answers("I stop looking.");
    call.says(5_000, "Never mind, forget it.");
    call.run_until(16_000);
    assert_eq!(
        call.call.history(),
        [
            caller("Is there a free slot?"),
            agent("Let me check that.", &["one"]),
            answered("one", "Given up: the caller spoke before it answered."),
            caller("Never mind, forget it."),
            agent("I stop looking.", &[]),
        ]
    );
    assert!(!call.transcript().iter().any(|line| line.contains("9:30")));
}

#[test]
fn a_tool_that_may_have_effects_runs_on_and_its_answer_is_known_to_the_next_reply() {
    let mut call = looking_up(Some(6_000));
    call.answers("All right.");
    call.says(5_000, "Just a second, my dog is barking.");
    call.run_until(16_000);
    assert_eq!(
        call.call.history(),
        [
            caller("Is there a free slot?"),
            agent("Let me check that.", &["one"]),
            answered("one", SLOTS),
            caller("Just a second, my dog is barking."),
            agent("All right.", &[]),
        ]
    );
    let used = call.notes().filter(|(_, note)| matches!(note, Note::ToolUsed { .. })).count();
    assert_eq!(used, 1);
}

#[test]
fn a_tool_that_is_asked_for_again_while_it_runs_is_not_run_twice() {
    let mut call = looking_up(Some(8_000));
    call.answers_with(vec![Part::Wait(200), tool("two", "look_up"), Part::Done]);
    call.answers("Nine thirty is free.");
    call.says(5_000, "Is there a free slot or not?");
    call.run_until(20_000);
    let runs = call.orders_given().filter(|(_, order)| matches!(order, Action::RunTool { .. }));
    assert_eq!(runs.count(), 1);
    assert_eq!(call.ear().last().unwrap(), "Nine thirty is free.");
    let history = call.call.history();
    assert!(history.contains(&answered("one", SLOTS)) && history.contains(&answered("two", SLOTS)));
}

#[test]
fn a_tools_own_words_are_said_at_once_while_it_runs() {
    let script = Script {
        tools: vec![ToolPolicy {
            name: "look_up".to_owned(),
            filler: "I am looking in the calendar.".to_owned(),
            ..ToolPolicy::default()
        }],
        ..script()
    };
    let mut call = Sim::new(Setup { script, ..Setup::default() });
    call.answers_with(vec![Part::Wait(200), tool("one", "look_up"), Part::Done]);
    call.tools.answers.push_back(Some((2_500, SLOTS.to_owned())));
    call.answers("Nine thirty is free.");
    call.says(1_000, "Is there a free slot?");
    call.run_until(14_000);
    assert_eq!(call.ear(), ["I am looking in the calendar.", "Nine thirty is free."]);
}

#[test]
fn keys_that_the_model_sends_are_played_as_tones_and_the_other_end_has_the_word() {
    let mut call = Sim::listening();
    call.answers_with(vec![
        Part::Wait(200),
        vendors::tool_with("one", "send_dtmf", serde_json::json!({"keys": "12#x"})),
        Part::Done,
    ]);
    call.says(1_000, "For sales press one two and hash.");
    call.run_until(7_000);
    assert_eq!(call.ear(), ["(pressed 12#)"]);
    let asked = call.orders_given().filter(|(_, order)| matches!(order, Action::Ask { .. }));
    assert_eq!(asked.count(), 1, "what follows is said by the other end");
    assert_eq!(call.call.floor(), FloorName::Caller);
    assert!(call.call.history().contains(&answered("one", "Sent.")));
}

#[test]
fn what_is_ordered_while_a_tool_runs_stands_behind_its_answer() {
    let mut call = looking_up(Some(4_000));
    call.answers("Nine thirty is free.");
    let text = "Offer a discount.".to_owned();
    call.orders(4_800, "guide", turn::Command::Guide { text: text.clone() });
    call.orders(5_000, "say", say("This is the supervisor."));
    call.run_until(14_000);
    assert_eq!(
        call.call.history()[1..5],
        [
            agent("Let me check that.", &["one"]),
            answered("one", "9:30 is free"),
            Message::Guidance { text },
            agent("This is the supervisor.", &[]),
        ]
    );
}

#[test]
fn a_tool_called_twice_with_one_identifier_runs_once() {
    let mut call = Sim::listening();
    call.answers_with(vec![Part::Wait(250), tool("one", "book"), tool("one", "book"), Part::Done]);
    call.answers("It is booked.");
    call.says(1_000, "Book it.");
    call.run_until(8_000);
    let runs = call.orders_given().filter(|(_, action)| matches!(action, Action::RunTool { .. }));
    assert_eq!(runs.count(), 1);
    assert_eq!(call.ear(), ["It is booked."]);
}

#[test]
fn two_tools_are_both_awaited() {
    let mut call = Sim::listening();
    call.answers_with(vec![Part::Wait(250), tool("one", "a"), tool("two", "b"), Part::Done]);
    call.tools.answers.push_back(Some((1_000, "first".to_owned())));
    call.tools.answers.push_back(Some((200, "second".to_owned())));
    call.answers("Both are done.");
    call.says(1_000, "Do both.");
    call.run_until(9_000);
    assert_eq!(call.asks(Engine::Chosen), 2);
    assert_eq!(call.call.history()[2..4], [answered("one", "first"), answered("two", "second")]);
}

#[test]
fn a_model_that_breaks_off_after_it_called_a_tool_goes_on_from_its_answer() {
    let mut call = Sim::listening();
    call.answers_with(vec![Part::Wait(250), tool("one", "book"), Part::Fail]);
    call.answers("It is booked.");
    call.says(1_000, "Book it.");
    call.run_until(8_000);
    assert_eq!(call.ear(), ["It is booked."]);
    let runs = call.orders_given().filter(|(_, action)| matches!(action, Action::RunTool { .. }));
    assert_eq!(runs.count(), 1, "what may have had effects is not done again");
}

#[test]
fn a_model_that_calls_tools_without_end_is_stopped() {
    let mut call = Sim::listening();
    for round in 0..10 {
        let id = format!("round-{round}");
        call.answers_with(vec![Part::Wait(250), tool(&id, "look_up"), Part::Done]);
    }
    call.says(1_000, "Look it up.");
    call.run_until(15_000);
    assert_eq!(call.asks(Engine::Chosen), 5);
    assert!(call.ear().last().unwrap().starts_with("I'm sorry"));
}

#[test]
fn answers_of_tools_that_nobody_called_are_passed_over() {
    let mut call = looking_up(Some(2_000));
    call.at(
        4_000,
        Event::ToolAnswered {
            epoch: turn::Epoch(0),
            reply: turn::ReplyId(0),
            call_id: "other".to_owned(),
            content: "invented".to_owned(),
        },
    );
    call.run_until(12_000);
    assert!(!call.transcript().iter().any(|line| line.contains("invented")));
}

#[test]
fn a_long_history_never_begins_with_a_tools_answer() {
    let mut setup = Setup { script: script(), ..Default::default() };
    setup.policy.remembered = 3;
    let mut call = Sim::new(setup);
    for nth in 0..4 {
        let id = format!("call-{nth}");
        call.answers_with(vec![Part::Wait(250), tool(&id, "look_up"), Part::Done]);
        call.model.chosen.push_back(answer("There."));
        call.says(1_000 + 5_000 * nth, "And this one?");
    }
    for at in (0..21_000).step_by(100) {
        call.run_until(at);
        assert!(!matches!(call.call.history().first(), Some(Message::Tool { .. })));
    }
}
