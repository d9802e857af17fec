//! Conferences over REST: found, joined by being called, held, muted, coached, spoken in, left, ended.

use tandem::caller::exchange::Leg;
use tandem::carrier::conferences::ConferenceStatus;
use tandem::carrier::options::Callback;
use tandem::carrier::participants::{Change, NewParticipant, Room, Whom};
use twiml::verb::{Beep, RoomEvent};

use super::gateway::clip;
use super::line::*;

const DOCUMENTS: &[(&str, &str)] = &[
    (
        "/answer",
        r#"<Dial action="/after"><Conference beep="false" waitUrl="/wait" statusCallback="/room"
           statusCallbackEvent="start end join leave mute hold modify announcement"
           >a room</Conference></Dial>"#,
    ),
    ("/wait", "<Say>Please wait.</Say><Pause/>"),
    ("/after", "<Say>After.</Say><Hangup/>"),
    ("/hush", "<Say>Recorded for you.</Say>"),
    ("/room", ""),
];

fn named() -> Room {
    Room::Named("a room".to_owned())
}

fn begun(leg: &Leg) -> bool {
    leg.connections().first().is_some_and(|connection| connection.begun.is_some())
}

async fn heard(leg: &Leg, more_than: usize) {
    leg.until("a voice", SOON, |leg| voice_ms(&leg.heard()) > more_than).await.unwrap();
}

#[tokio::test]
async fn a_room_is_led_over_rest() {
    let line = Line::start(DOCUMENTS).await;
    let client = &line.client;
    assert_eq!(client.find_conference("a room").await.unwrap(), None);
    let caller = line.caller();
    caller.until("the wait", SOON, |leg| !leg.was_told().is_empty()).await.unwrap();
    assert_eq!(caller.was_told()[0], "Please wait.");
    let room = client.find_conference("a room").await.unwrap().unwrap();
    assert_eq!(room.status, ConferenceStatus::Init);

    let guest = NewParticipant::new(AGENT, OURS).label("guest").beep(Beep::Never);
    let added = client.add_participant(&named(), &guest).await.unwrap();
    assert_eq!((&added.conference_sid, added.label.as_deref()), (&room.sid, Some("guest")));
    let guest = line.exchange.leg(added.call_sid.as_str()).unwrap();
    guest.until("the room", SOON, begun).await.unwrap();
    let room = client.fetch_conference(&room.sid).await.unwrap();
    assert_eq!(room.status, ConferenceStatus::InProgress);
    assert_eq!(client.participants(&room.sid).await.unwrap().len(), 2);

    let whom = Whom::Label("guest".to_owned());
    let mute = Change::default().muted(true);
    assert!(client.change_participant(&room.sid, &whom, &mute).await.unwrap().muted);
    let before = voice_ms(&caller.heard());
    guest.say(&clip(200));
    guest.until("it was said", SOON, |leg| voice_ms(&leg.said()) >= 200).await.unwrap();
    client.change_participant(&room.sid, &whom, &Change::default().muted(false)).await.unwrap();
    assert_eq!(voice_ms(&caller.heard()), before, "the muted are not heard");
    guest.say(&clip(200));
    heard(&caller, before + 100).await;

    let hold = Change::default().hold(true);
    assert!(client.change_participant(&room.sid, &whom, &hold).await.unwrap().hold);
    let before = voice_ms(&guest.heard());
    caller.say(&clip(200));
    caller.until("it was said", SOON, |leg| voice_ms(&leg.said()) >= 200).await.unwrap();
    let announce = Change::default().hold(false).announce(line.gateway.http("/hush"));
    client.change_participant(&room.sid, &(&added.call_sid).into(), &announce).await.unwrap();
    assert_eq!(voice_ms(&guest.heard()), before, "the held hear nobody");
    guest.until("the announcement", SOON, |leg| leg.was_told().len() == 1).await.unwrap();
    assert_eq!(guest.was_told(), ["Recorded for you."]);

    let third =
        NewParticipant::new("+15005550300", OURS).coaches(&added.call_sid).beep(Beep::Never);
    let third = client.add_participant(&Room::from(&room.sid), &third).await.unwrap();
    assert!(third.coaching);
    let coach = line.exchange.leg(third.call_sid.as_str()).unwrap();
    coach.until("the room", SOON, begun).await.unwrap();
    let (before, others) = (voice_ms(&guest.heard()), voice_ms(&caller.heard()));
    // The announcement, 170 ms, may be over some of it.
    coach.say(&clip(600));
    heard(&guest, before + 350).await;
    assert_eq!(voice_ms(&caller.heard()), others, "only one hears a coach");
    let free = Change::default().coaching(None);
    let freed = client.change_participant(&room.sid, &(&third.call_sid).into(), &free).await;
    assert!(!freed.unwrap().coaching);

    client.remove_participant(&room.sid, &whom).await.unwrap();
    client.remove_participant(&room.sid, &whom).await.unwrap();
    assert_eq!(guest.ended(SOON).await, Ok("completed"));
    let error = client.fetch_participant(&room.sid, &whom).await.unwrap_err();
    assert!(error.is_not_found());
    let over = client.end_conference(&room.sid).await.unwrap();
    assert_eq!(over.status, ConferenceStatus::Completed);
    assert_eq!(over.reason_conference_ended.as_deref(), Some("conference-ended-via-api"));
    assert_eq!(caller.ended(SOON).await, Ok("completed"));
    assert_eq!(caller.was_told().last().unwrap(), "After.");
    assert_eq!(client.find_conference("a room").await.unwrap(), None);
    // The room's events went where its first participant wanted them.
    let told = line.asked("/room", 14).await;
    let events = fields(&told, "StatusCallbackEvent");
    for event in
        ["participant-mute", "participant-unmute", "participant-hold", "participant-unhold"]
            .into_iter()
            .chain(["announcement-end", "participant-modify", "conference-end"])
    {
        assert_eq!(events.iter().filter(|told| *told == event).count(), 1, "{event}: {events:?}");
    }
}

#[tokio::test]
async fn who_waits_for_the_start_hears_music_and_is_told_of_twice() {
    let line = Line::start(DOCUMENTS).await;
    line.exchange.tell_conferences(tandem::caller::Delivery::Twice);
    let to = line.gateway.http("/room");
    let events = [RoomEvent::Join, RoomEvent::Start];
    let waits = NewParticipant::new(AGENT, OURS)
        .beep(Beep::Never)
        .waits_for_start()
        .room_events(Callback::new(to, events));
    let room = Room::Named("later".to_owned());
    let first = line.client.add_participant(&room, &waits).await.unwrap();
    let first = line.exchange.leg(first.call_sid.as_str()).unwrap();
    let sounds = |leg: &Leg| leg.heard().iter().filter(|byte| **byte != 0xFF).count() > 4_000;
    first.until("music", SOON, sounds).await.unwrap();
    let starts = NewParticipant::new("+15005550300", OURS).ends_on_exit().beep(Beep::Never);
    let second = line.client.add_participant(&room, &starts).await.unwrap();
    first.until("the start", SOON, begun).await.unwrap();
    line.client.end_call(&second.call_sid).await.unwrap();
    assert_eq!(first.ended(SOON).await, Ok("completed"));
    let told = line.asked("/room", 6).await;
    assert_eq!(fields(&told, "SequenceNumber"), ["1", "1", "2", "2", "3", "3"]);
}
