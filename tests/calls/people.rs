//! People in the loop: calls that are made, escalated to a person, and written down, with a carrier
//! that carries out TwiML and REST orders against us.

use std::time::Duration;

use tandem::{
    app::{Intervention, Outbound},
    caller::exchange::{Leg, Phone},
    domain::{CallId, EscalationStatus, Progress, Speaker, State},
    realtime::Kind,
};
use vendors::played::{deepgram, openai};

use super::{
    floor::{CALLER, Floor, OURS, SOON},
    line::{Setup, voice},
};

const ANN: &str = "+15005550200";
const BERT: &str = "+15005550201";

fn talkative() -> Setup {
    Setup {
        openai: openai::Script::new()
            .reply("Let me look into that for you.")
            .reply("I am still looking, one moment please.")
            .reply("We are open from nine to five on all weekdays."),
        deepgram: deepgram::Script::new()
            .hears("I want to talk about my bill.")
            .hears("Hello, this is the billing department.")
            .hears("Thank you very much."),
        ..Setup::default()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_language_model_judges_a_call_that_is_over_by_what_was_heard() {
    let script = openai::Script::new().answering(|body| {
        let system = body["messages"][0]["content"].as_str().unwrap_or_default();
        openai::Reply::text(match system {
            judge if judge.starts_with("You judge the quality") => {
                r#"{"sentiment": 0.5, "compliance": 1, "accuracy": 0, "professionalism": 1, "findings": [
                    {"part": "accuracy", "issue": "It said that it would look, and did not.",
                     "interaction": 2, "quote": "look into that"}]}"#
            }
            sum if sum.starts_with("You sum up") => r#"{"summary": "A bill was asked about."}"#,
            _ => "Let me look into that for you.",
        })
    });
    let env = vec![("TANDEM_JUDGE", "true".to_owned())];
    let mut floor = Floor::open(Setup { openai: script, env, ..talkative() }).await;
    let caller = floor.caller();
    let id = floor.started().await;
    floor.greeted().await;
    caller.say(&voice("callers/hours"));
    floor.greeted().await;
    caller.hang_up();
    let score = floor
        .until("the score", |event| match &event.kind {
            Kind::QaScored(score) => Some((**score).clone()),
            _ => None,
        })
        .await;
    assert_eq!(score.review_notes.as_deref(), Some("Scored by rules and by a language model."));
    let issue = "It said that it would look, and did not.".to_owned();
    assert!(score.flagged_issues.contains(&issue), "{score:?}");
    let call = floor.app.call(&floor.actor, id).await.expect("it is there");
    assert_eq!(call.summary.as_deref(), Some("A bill was asked about."));
    floor.line.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_is_written_down_as_it_is_heard_and_scored_when_it_is_over() {
    let mut floor = Floor::open(talkative()).await;
    let caller = floor.caller();
    let id = floor.started().await;
    floor.greeted().await;
    caller.say(&voice("callers/hours"));
    let line = floor
        .until("the caller's words", |event| match &event.kind {
            Kind::InteractionAdded(line) if line.speaker == Speaker::Customer => {
                Some((line.text.clone(), event.sequence))
            }
            _ => None,
        })
        .await;
    assert_eq!(line.0, "I want to talk about my bill.");
    floor.greeted().await;
    caller.hang_up();
    floor.ended().await;
    let score = floor
        .until("the score", |event| match &event.kind {
            Kind::QaScored(score) => Some(score.overall),
            _ => None,
        })
        .await;
    assert!((0.0..=1.0).contains(&score));
    let call = floor.app.call(&floor.actor, id).await.expect("it is there");
    assert_eq!(call.state, State::Completed);
    assert_eq!((call.from_number.as_str(), call.to_number.as_str()), (CALLER, OURS));
    assert!(call.ended_at.is_some() && call.answered_at.is_some());
    assert!(call.summary.is_some_and(|summary| !summary.is_empty()));
    floor.line.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_is_handed_to_a_person_who_hears_why_and_the_transcript_goes_on() {
    let mut floor = Floor::open(talkative()).await;
    floor.exchange.phone(ANN, Phone::answers().presses(Duration::from_millis(100), "1"));
    floor.agent("Ann", ANN).await;
    let caller = floor.caller();
    let id = floor.started().await;
    floor.greeted().await;
    caller.say(&voice("callers/hours"));
    floor.greeted().await;
    let escalation = floor.escalate(id).await;
    assert_eq!(escalation.agent.as_ref().map(|(_, name)| name.as_str()), Some("Ann"));
    assert!(floor.app.call(&floor.actor, id).await.expect("there").is_escalated());

    let ann = floor.exchange.leg_to(ANN, SOON).await.expect("her telephone rings");
    let bridged = floor.reaches(id, Progress::Bridged).await;
    assert_eq!(bridged.status, EscalationStatus::InProgress);
    assert!(bridged.accepted_at.is_some());
    assert!(ann.was_told()[0].contains("Wants to speak with billing"), "{:?}", ann.was_told());

    let connected = |leg: &Leg| leg.connections().iter().any(|one| one.begun.is_some());
    ann.until("the conference", SOON, connected).await.unwrap();
    ann.say(&voice("callers/hours"));
    floor
        .until("the colleague's words", |event| match &event.kind {
            Kind::InteractionAdded(line) if line.speaker == Speaker::Agent => {
                assert_eq!(line.text, "Hello, this is the billing department.");
                Some(())
            }
            _ => None,
        })
        .await;
    caller.say(&voice("callers/hours"));
    floor
        .until("the caller's words", |event| match &event.kind {
            Kind::InteractionAdded(line) if line.speaker == Speaker::Customer => Some(()),
            _ => None,
        })
        .await;

    ann.hang_up();
    assert_eq!(caller.ended(SOON).await, Ok("completed"));
    floor.ended().await;
    let over = floor.escalation(id).await;
    assert_eq!(over.status, EscalationStatus::Completed);
    assert!(over.completed_at.is_some());
    let call = floor.app.call(&floor.actor, id).await.expect("it is there");
    assert_eq!(call.state, State::Completed);
    assert_eq!(call.agent.map(|(_, name)| name).as_deref(), Some("Ann"));
    floor.line.stop().await;
}

/// Nobody came, and the agent goes on with the caller.
async fn the_agent_goes_on(mut floor: Floor, caller: &Leg, id: CallId, wanted: Progress) {
    let over = floor.reaches(id, wanted).await;
    assert_eq!(over.status, EscalationStatus::Cancelled);
    let call = floor.app.call(&floor.actor, id).await.expect("it is there");
    assert_eq!((call.state, call.is_escalated()), (State::InProgress, false));
    caller.say(&voice("callers/hours"));
    floor
        .until("the caller's words", |event| match &event.kind {
            Kind::InteractionAdded(line) if line.speaker == Speaker::Customer => Some(()),
            _ => None,
        })
        .await;
    floor.greeted().await;
    caller.hang_up();
    floor.ended().await;
    floor.line.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_does_not_come_leaves_the_agent_with_the_caller() {
    for (phone, wanted) in [
        (Phone::busy(), Progress::Declined),
        (Phone::fails(), Progress::Failed),
        (Phone::refused(400, 21_217), Progress::Failed),
        (Phone::answers().presses(Duration::from_millis(50), "2"), Progress::Declined),
        (Phone::answers().hangs_up_after(Duration::from_millis(300)), Progress::Declined),
    ] {
        let mut floor = Floor::open(talkative()).await;
        floor.exchange.phone(ANN, phone);
        floor.agent("Ann", ANN).await;
        let caller = floor.caller();
        let id = floor.started().await;
        floor.greeted().await;
        floor.escalate(id).await;
        the_agent_goes_on(floor, &caller, id, wanted).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn when_the_first_is_busy_the_next_is_called() {
    let mut floor = Floor::open(talkative()).await;
    floor.exchange.phone(ANN, Phone::busy());
    floor.exchange.phone(BERT, Phone::answers().presses(Duration::from_millis(100), "1"));
    floor.agent("Ann", ANN).await;
    floor.agent("Bert", BERT).await;
    let caller = floor.caller();
    let id = floor.started().await;
    floor.greeted().await;
    floor.escalate(id).await;
    let bridged = floor.reaches(id, Progress::Bridged).await;
    assert_eq!(bridged.agent.map(|(_, name)| name).as_deref(), Some("Bert"));
    caller.hang_up();
    floor.ended().await;
    assert_eq!(floor.escalation(id).await.status, EscalationStatus::Completed);
    floor.line.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_who_leaves_while_it_rings_is_not_handed_over() {
    let mut floor = Floor::open(talkative()).await;
    let rings = Phone::answers().after(Duration::from_secs(120));
    floor.exchange.phone(ANN, rings.presses(Duration::from_millis(50), "1"));
    floor.agent("Ann", ANN).await;
    let caller = floor.caller();
    let id = floor.started().await;
    floor.greeted().await;
    floor.escalate(id).await;
    let ann = floor.exchange.leg_to(ANN, SOON).await.expect("her telephone rings");
    caller.hang_up();
    floor.ended().await;
    // Her telephone does not go on ringing.
    assert_eq!(ann.ended(SOON).await, Ok("canceled"));
    assert!(ann.was_told().is_empty() && ann.connections().is_empty());
    floor.line.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_we_make_is_followed_to_its_end() {
    let mut floor = Floor::open(talkative()).await;
    floor.exchange.phone(CALLER, Phone::answers());
    let wanted = Outbound { to: CALLER.to_owned(), ..Outbound::default() };
    let call = floor.app.initiate_call(&floor.actor, wanted.clone()).await.expect("it is placed");
    assert!(call.call_sid.is_some());
    floor.greeted().await;
    let ended = floor.app.end_call(&floor.actor, call.id, None, Some("Done.".into())).await;
    let ended = ended.expect("it ends");
    assert_eq!(ended.state, State::Completed);
    assert!(ended.ended_at.is_some());
    let leg = floor.exchange.leg_to(CALLER, SOON).await.expect("it was called");
    assert_eq!(leg.ended(SOON).await, Ok("completed"));
    let again = floor.app.end_call(&floor.actor, call.id, None, None).await.expect("no effect");
    assert_eq!(again.ended_at, ended.ended_at);

    floor.exchange.phone(BERT, Phone::busy());
    let busy = Outbound { to: BERT.to_owned(), ..wanted };
    let call = floor.app.initiate_call(&floor.actor, busy).await.expect("it is placed");
    let over = async {
        loop {
            let call = floor.app.call(&floor.actor, call.id).await.expect("it is there");
            if call.state.is_over() {
                return call.state;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    assert_eq!(tokio::time::timeout(SOON, over).await, Ok(State::Busy));
    floor.line.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_intervention_that_succeeded_has_taken_effect() {
    let mut floor = Floor::open(talkative()).await;
    let caller = floor.caller();
    let id = floor.started().await;
    floor.greeted().await;
    let does = |what| floor.app.intervene(&floor.actor, id, what);
    does(Intervention::Pause).await.expect("it is silent");
    caller.say(&voice("callers/hours"));
    let quiet = tokio::time::timeout(Duration::from_secs(3), floor.greeted()).await;
    assert!(quiet.is_err(), "a paused agent says nothing");
    let does = |what| floor.app.intervene(&floor.actor, id, what);
    does(Intervention::Message("Offer a discount.".into())).await.expect("it is told");
    does(Intervention::Override("Be brief.".into())).await.expect("it is so");
    does(Intervention::Resume).await.expect("it speaks");
    floor.greeted().await;
    let asked = floor.line.openai.chats().pop().expect("it was asked").to_string();
    assert!(asked.contains("Offer a discount.") && asked.contains("Be brief."), "{asked}");
    caller.hang_up();
    floor.ended().await;
    let late = floor.app.intervene(&floor.actor, id, Intervention::Pause).await;
    assert!(matches!(late, Err(tandem::app::Error::CallEnded(_))), "{late:?}");
    floor.line.stop().await;
}
