//! The edges of handing a caller to a person: nobody is free, somebody is gone again, the agent itself
//! wants a person, a supervisor parts the two.

use std::time::Duration;

use serde_json::json;
use tandem::{
    caller::exchange::{Leg, Phone},
    domain::{EscalationStatus, Progress, Speaker, State},
    realtime::{Event, Kind},
};
use vendors::played::{deepgram, openai};

use super::{
    floor::{Floor, SOON},
    line::{Setup, voice},
};

const ANN: &str = "+15005550200";

/// An agent on the telephone that puts callers through; the operator's file names nobody.
fn puts_through() -> Setup {
    Setup {
        openai: openai::Script::new()
            .reply(openai::Reply::text("I will put you through.").call(
                "c1",
                "transfer",
                json!({"reason": "wants a person"}),
            ))
            .reply("Is there anything else?")
            .reply("We are open from nine to five."),
        deepgram: deepgram::Script::new()
            .hears("I want to talk to a person.")
            .hears("When do you open?")
            .hears("Thank you very much."),
        business: "name = \"Testing\"\ngreeting = \"Hello, how can I help?\"\n".to_owned(),
        ..Setup::default()
    }
}

/// What the agent says of its colleagues.
async fn told_of_colleagues(floor: &mut Floor) -> String {
    floor
        .until("what becomes of it", |event| match &event.kind {
            Kind::InteractionAdded(line) if line.speaker == Speaker::Ai => {
                line.text.contains("colleague").then(|| line.text.clone())
            }
            _ => None,
        })
        .await
}

#[tokio::test(flavor = "multi_thread")]
async fn whom_the_agent_puts_through_meets_a_person_of_the_control_plane() {
    let mut floor = Floor::open(puts_through()).await;
    floor.exchange.phone(ANN, Phone::answers().presses(Duration::from_millis(100), "1"));
    floor.agent("Ann", ANN).await;
    let caller = floor.caller();
    let id = floor.started().await;
    floor.greeted().await;
    caller.say(&voice("callers/hours"));
    let triggered =
        |event: &Event| matches!(event.kind, Kind::EscalationTriggered(_)).then_some(());
    floor.until("the escalation", triggered).await;
    let bridged = floor.reaches(id, Progress::Bridged).await;
    assert_eq!(bridged.trigger_type, "asked_for_person");
    caller.hang_up();
    floor.ended().await;
    assert_eq!(floor.escalation(id).await.status, EscalationStatus::Completed);
    floor.line.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_cannot_be_put_through_is_told_so_and_fetched_when_somebody_is_free() {
    let mut tries = 0;
    let (mut floor, caller, id) = loop {
        let mut floor = Floor::open(puts_through()).await;
        let caller = floor.caller();
        let id = floor.started().await;
        floor.greeted().await;
        caller.say(&voice("callers/hours"));
        let words = told_of_colleagues(&mut floor).await;
        if words.contains("none of my colleagues") {
            break (floor, caller, id);
        }
        // Of a store that is slow it was not known in time.
        tries += 1;
        assert!(tries < 3, "{words}");
        caller.hang_up();
        floor.ended().await;
        floor.line.stop().await;
    };
    let waits = floor.escalation(id).await;
    assert_eq!((waits.status, waits.agent), (EscalationStatus::Pending, None));
    floor.exchange.phone(ANN, Phone::answers().presses(Duration::from_millis(100), "1"));
    floor.agent("Ann", ANN).await;
    let bridged = floor.reaches(id, Progress::Bridged).await;
    assert_eq!(bridged.agent.map(|(_, name)| name).as_deref(), Some("Ann"));
    caller.hang_up();
    floor.ended().await;
    floor.line.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_whose_person_is_gone_before_they_meet_goes_back_to_the_agent() {
    let mut floor = Floor::open(puts_through()).await;
    // The key is pressed, and the receiver put down.
    let fickle = Phone::answers().presses(Duration::from_millis(50), "1");
    floor.exchange.phone(ANN, fickle.hangs_up_after(Duration::from_millis(120)));
    floor.agent("Ann", ANN).await;
    let caller = floor.caller();
    let id = floor.started().await;
    floor.greeted().await;
    floor.escalate(id).await;
    let ann = floor.exchange.leg_to(ANN, SOON).await.expect("her telephone rings");
    ann.ended(SOON).await.expect("she is gone");
    caller.say(&voice("callers/hours"));
    floor.greeted().await;
    let call = floor.app.call(&floor.actor, id).await.expect("it is there");
    assert_eq!(call.state, State::InProgress);
    caller.hang_up();
    floor.ended().await;
    floor.line.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_supervisor_ends_a_call_that_two_people_talk_on() {
    let mut floor = Floor::open(puts_through()).await;
    floor.exchange.phone(ANN, Phone::answers().presses(Duration::from_millis(100), "1"));
    floor.agent("Ann", ANN).await;
    let caller = floor.caller();
    let id = floor.started().await;
    floor.greeted().await;
    floor.escalate(id).await;
    floor.reaches(id, Progress::Bridged).await;
    let ann = floor.exchange.leg_to(ANN, SOON).await.expect("her telephone rang");
    let met = |leg: &Leg| leg.connections().iter().any(|one| one.begun.is_some());
    ann.until("the conference", SOON, met).await.expect("they meet");
    let over = floor.app.end_call(&floor.actor, id, None, None).await.expect("it ends");
    assert_eq!(over.state, State::Completed);
    assert_eq!(caller.ended(SOON).await, Ok("completed"));
    assert_eq!(ann.ended(SOON).await, Ok("completed"));
    floor.line.stop().await;
}
