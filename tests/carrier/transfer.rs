//! A caller is put through to a person, warm: whisper, acceptance, a conference that is listened to.

use std::sync::Arc;

use tandem::caller::Note;
use tandem::caller::exchange::{Leg, Phone};
use tandem::carrier::new_call::{Instructions, NewCall};
use tandem::carrier::options::Callback;
use tokio::sync::Notify;
use twiml::verb::CallProgress;

use super::gateway::{Peer, clip, is_voice, ms};
use super::line::*;

const WHISPER: &str = "A caller is waiting. Press 1 to accept.";

const DOCUMENTS: &[(&str, &str)] = &[
    ("/answer", r#"<Connect action="/resume"><Stream url="/media"/></Connect>"#),
    (
        "/resume",
        r#"<Start><Stream name="ear" url="/media/ear" track="both_tracks"/></Start>
           <Dial action="/transferred"><Conference startConferenceOnEnter="false" beep="false"
           endConferenceOnExit="true" participantLabel="caller" statusCallback="/room"
           statusCallbackEvent="start end join leave">call_1</Conference></Dial>"#,
    ),
    (
        "/agent-answer",
        r#"<Gather numDigits="1" timeout="1" action="/agent-accept">
           <Say>A caller is waiting. Press 1 to accept.</Say></Gather><Hangup/>"#,
    ),
    (
        "/agent-accept#1",
        r#"<Dial><Conference endConferenceOnExit="true" beep="onEnter"
           participantLabel="agent">call_1</Conference></Dial>"#,
    ),
    ("/agent-accept", "<Hangup/>"),
    ("/transferred", "<Hangup/>"),
    ("/status", ""),
    ("/room", ""),
];

/// The first socket is closed when the test says so; what comes later is read to its end.
async fn line() -> (Line, Arc<Notify>) {
    let through = Arc::new(Notify::new());
    let told = Arc::clone(&through);
    let line = Line::talking(DOCUMENTS, move |mut peer: Peer| {
        let told = Arc::clone(&told);
        async move {
            let start = peer.begin().await;
            if start["start"]["tracks"].as_array().unwrap().len() == 1 {
                tokio::select! {
                    () = told.notified() => peer.close().await,
                    () = peer.drain() => {}
                }
            } else {
                peer.drain().await;
            }
        }
    })
    .await;
    (line, through)
}

fn agent(line: &Line) -> NewCall {
    let events = [
        CallProgress::Initiated,
        CallProgress::Ringing,
        CallProgress::Answered,
        CallProgress::Completed,
    ];
    NewCall::new(AGENT, OURS, Instructions::at(line.gateway.http("/agent-answer")))
        .status(Callback::new(line.gateway.http("/status"), events))
        .rings_for(1)
        .unwrap()
}

fn is_connected(leg: &Leg) -> bool {
    leg.connections().first().is_some_and(|connection| connection.begun.is_some())
}

#[tokio::test]
async fn a_caller_is_put_through_to_somebody_who_accepts() {
    let (line, through) = line().await;
    line.exchange.phone(AGENT, Phone::answers().after(ms(50)).presses(ms(100), "1"));
    let caller = line.caller();
    let talks =
        |leg: &Leg| leg.history().iter().any(|note| matches!(note.note, Note::StreamOpened { .. }));
    caller.until("its stream", SOON, talks).await.unwrap();

    let made = line.client.create_call(&agent(&line)).await.unwrap();
    let agent = line.exchange.leg(made.sid.as_str()).unwrap();
    through.notify_one();
    caller.until("the conference", SOON, is_connected).await.unwrap();
    agent.until("the conference", SOON, is_connected).await.unwrap();
    assert_eq!(agent.was_told(), [WHISPER]);
    assert_eq!(agent.connections()[0].with, caller.connections()[0].with);
    assert_eq!(agent.connections()[0].room.as_deref(), Some("call_1"));
    assert_eq!(line.requests("/agent-accept")[0].form["Digits"], "1");

    // The beep of the joining, 120 ms, is over some of what is said first.
    caller.say(&clip(300));
    agent.until("the caller", SOON, |leg| voice_ms(&leg.heard()) >= 140).await.unwrap();
    agent.say(&clip(300));
    caller.until("the agent", SOON, |leg| voice_ms(&leg.heard()) >= 280).await.unwrap();
    assert!(voice_ms(&agent.heard()) <= 300, "nobody hears themselves");

    agent.hang_up();
    assert_eq!(agent.ended(SOON).await, Ok("completed"));
    assert_eq!(caller.ended(SOON).await, Ok("completed"));
    let after = line.requests("/transferred");
    assert_eq!(after[0].form["DialCallStatus"], "answered");
    let why = |leg: &Leg| leg.connections()[0].until.unwrap().1;
    assert_eq!(why(&agent), "participant_hung_up");
    assert_eq!(why(&caller), "moderator_ended_conference");

    let sockets = line.gateway.sockets();
    let ear = &sockets[1];
    assert_eq!(ear[1]["start"]["tracks"].as_array().unwrap().len(), 2);
    let voiced = |track: &str| {
        let media = ear.iter().filter(|message| message["media"]["track"] == track);
        media.filter(|message| is_voice(message)).count()
    };
    let frames = 300 / 20;
    assert!((frames..=frames + 1).contains(&voiced("inbound")), "{}", voiced("inbound"));
    // The agent's voice, and the beep at their joining.
    assert!(voiced("outbound") >= frames, "{}", voiced("outbound"));
    assert_eq!(ear.last().unwrap()["event"], "stop");

    let room = line.asked("/room", 6).await;
    let mut events = fields(&room, "StatusCallbackEvent");
    assert_eq!(events.pop().unwrap(), "conference-end");
    assert_eq!(events[..3], ["participant-join", "participant-join", "conference-start"]);
    assert_eq!(events[3..], ["participant-leave", "participant-leave"]);
    assert_eq!(room[3].form["ReasonParticipantLeft"], "participant_hung_up");
    assert_eq!(room[3].form["ParticipantLabel"], "agent");
    let numbers = fields(&room, "SequenceNumber");
    assert_eq!(numbers, ["1", "2", "3", "4", "5", "6"]);

    let status = line.asked("/status", 4).await;
    let words = ["initiated", "ringing", "in-progress", "completed"];
    assert_eq!(fields(&status, "CallStatus"), words);
    assert_eq!(fields(&status, "SequenceNumber"), ["0", "1", "2", "3"]);
    assert_eq!(status[0].form["Direction"], "outbound-api");
}

#[tokio::test]
async fn an_agent_who_cannot_or_will_not_is_told_of_by_their_status() {
    let (line, _) = line().await;
    for (phone, status, sip) in [
        (Phone::busy().after(ms(20)), "busy", "486"),
        (Phone::declines().after(ms(100)), "busy", "603"),
        (Phone::no_answer(), "no-answer", ""),
        (Phone::answers().after(ms(5_000)), "no-answer", ""),
        (Phone::fails(), "failed", "404"),
        // These are reached, and come to nothing.
        (Phone::answers().presses(ms(50), "2"), "completed", ""),
        (Phone::answers().hangs_up_after(ms(100)), "completed", ""),
        (Phone::answers(), "completed", ""),
    ] {
        line.exchange.phone(AGENT, phone);
        let before = line.requests("/status").len();
        let made = line.client.create_call(&agent(&line)).await.unwrap();
        let leg = line.exchange.leg(made.sid.as_str()).unwrap();
        assert_eq!(leg.ended(SOON).await, Ok(status));
        assert_eq!(leg.connections(), []);
        let told = if status == "completed" { 4 } else { 3 };
        let all = line.asked("/status", before + told).await;
        let last = all.last().unwrap();
        assert_eq!(last.form["CallStatus"], status);
        assert_eq!(last.form.get("SipResponseCode").map_or("", String::as_str), sip);
        let fetched = line.client.fetch_call(&made.sid).await.unwrap();
        assert_eq!(fetched.status.as_str(), status);
    }
    // Of all of these, only one pressed a key.
    assert_eq!(fields(&line.requests("/agent-accept"), "Digits"), ["2"]);
}

#[tokio::test]
async fn a_caller_who_hangs_up_ends_the_room_for_the_agent() {
    let (line, through) = line().await;
    through.notify_one();
    line.exchange.phone(AGENT, Phone::answers().presses(ms(20), "1"));
    let caller = line.caller();
    let made = line.client.create_call(&agent(&line)).await.unwrap();
    let agent = line.exchange.leg(made.sid.as_str()).unwrap();
    agent.until("the conference", SOON, is_connected).await.unwrap();
    caller.hang_up();
    assert_eq!(agent.ended(SOON).await, Ok("completed"));
    assert_eq!(line.requests("/transferred").len(), 0, "nobody is left to be asked for");
}
