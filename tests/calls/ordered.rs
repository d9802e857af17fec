//! What supervisors order of calls at awkward moments.

use std::time::Duration;

use serde_json::{Value, json};
use tandem::{
    app::{Conflict, Error, Handover, Intervention, Outbound},
    caller::exchange::Phone,
    domain::{ConfigDraft, Progress},
    realtime::{Event, Kind},
};
use vendors::played::{deepgram, openai};

use super::{
    floor::{CALLER, Floor, SOON},
    line::{Setup, voice},
};

const ANN: &str = "+15005550200";

fn talkative() -> Setup {
    Setup {
        openai: openai::Script::new().reply("Let me look into that for you."),
        deepgram: deepgram::Script::new().hears("I want to talk about my bill."),
        ..Setup::default()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_is_paused_while_it_rings_begins_paused() {
    let mut floor = Floor::open(talkative()).await;
    floor.exchange.phone(CALLER, Phone::answers().after(Duration::from_millis(800)));
    let wanted = Outbound { to: CALLER.to_owned(), ..Outbound::default() };
    let call = floor.app.initiate_call(&floor.actor, wanted).await.expect("it is placed");
    let does = |what| floor.app.intervene(&floor.actor, call.id, what);
    does(Intervention::Pause).await.expect("it will be silent");
    let call_sid = call.call_sid.as_deref().expect("it has a name");
    let live = async {
        while floor.line.gateway.desk.registry.whose(call_sid).is_none() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(SOON, live).await.expect("it is answered");
    let quiet = tokio::time::timeout(Duration::from_secs(2), floor.greeted()).await;
    assert!(quiet.is_err(), "a paused agent says nothing");
    let does = |what| floor.app.intervene(&floor.actor, call.id, what);
    does(Intervention::Resume).await.expect("it speaks");
    floor.greeted().await;
    floor.line.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_supervisor_hands_over_though_the_agent_may_not() {
    let mut floor = Floor::open(talkative()).await;
    floor.exchange.phone(CALLER, Phone::answers());
    floor.exchange.phone(ANN, Phone::answers().presses(Duration::from_millis(100), "1"));
    floor.agent("Ann", ANN).await;
    let Value::Object(data) = json!({"escalation": {"enabled": false}}) else { unreachable!() };
    let draft = ConfigDraft { name: "Garage".into(), kind: "repair".into(), data, is_active: None };
    let config = floor.app.create_business_config(&floor.actor, draft).await.expect("it is kept");
    let (to, business) = (CALLER.to_owned(), Some(config.id));
    let wanted = Outbound { to, business, ..Outbound::default() };
    let call = floor.app.initiate_call(&floor.actor, wanted).await.expect("it is placed");
    floor.greeted().await;
    floor.escalate(call.id).await;
    floor.reaches(call.id, Progress::Bridged).await;
    floor.line.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_hands_over_a_call_that_waits_for_somebody_says_why() {
    let mut floor = Floor::open(talkative()).await;
    let Value::Object(data) = json!({"escalation": {"triggers": [
        {"type": "keyword", "keywords": ["bill"]},
    ]}}) else {
        unreachable!()
    };
    let draft = ConfigDraft { name: "Garage".into(), kind: "repair".into(), data, is_active: None };
    let config = floor.app.create_business_config(&floor.actor, draft).await.expect("it is kept");
    floor.exchange.phone(CALLER, Phone::answers());
    let (to, business) = (CALLER.to_owned(), Some(config.id));
    let wanted = Outbound { to, business, ..Outbound::default() };
    let call = floor.app.initiate_call(&floor.actor, wanted).await.expect("it is placed");
    floor.greeted().await;
    let leg = floor.exchange.leg_to(CALLER, SOON).await.expect("it was called");
    leg.say(&voice("callers/hours"));
    let triggered =
        |event: &Event| matches!(event.kind, Kind::EscalationTriggered(_)).then_some(());
    floor.until("the escalation", triggered).await;
    floor.exchange.phone(ANN, Phone::answers().presses(Duration::from_millis(100), "1"));
    let agent = floor.agent("Ann", ANN).await;
    let handover = Handover {
        agent: Some(agent),
        reason: Some("A regular customer".to_owned()),
        context_note: Some("Be kind".to_owned()),
    };
    let by_hand = floor.app.escalate_call(&floor.actor, call.id, handover).await;
    let bridged = floor.reaches(call.id, Progress::Bridged).await;
    match by_hand {
        Ok(_) => {
            assert_eq!(bridged.trigger_type, "manual");
            let details = &bridged.trigger_details;
            assert_eq!(details["reason"], "A regular customer");
            assert!(details.contains_key("value"), "the trigger's own: {details:?}");
            assert_eq!(bridged.context_data["context_note"], "Be kind");
        }
        // The wait was over by itself in this very moment.
        Err(error) => assert!(matches!(error, Error::Conflict(Conflict::AlreadyEscalated))),
    }
    floor.line.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_machine_says_is_made_in_the_voice_of_the_business_that_is_called() {
    let env = vec![("TANDEM_PHRASES", "true".to_owned())];
    let mut floor = Floor::open(Setup { env, ..talkative() }).await;
    let phrases = floor.line.gateway.engines().phrases.clone();
    phrases.prepared().await;
    let before = phrases.ready();
    let Value::Object(data) = json!({"voice": {"language": "ru-RU"}}) else { unreachable!() };
    let draft =
        ConfigDraft { name: "Гараж".into(), kind: "repair".into(), data, is_active: None };
    let config = floor.app.create_business_config(&floor.actor, draft).await.expect("it is kept");
    floor.exchange.phone(CALLER, Phone::answers());
    let (to, business) = (CALLER.to_owned(), Some(config.id));
    let wanted = Outbound { to, business, ..Outbound::default() };
    floor.app.initiate_call(&floor.actor, wanted).await.expect("it is placed");
    floor.greeted().await;
    // "One moment", "say it again" twice, two goodbyes with one end, and what is said into silence.
    let ready = async {
        while phrases.ready() < before + 11 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(SOON, ready).await.expect("they are made meanwhile");
    floor.line.stop().await;
}
