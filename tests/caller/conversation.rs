//! What goes over one socket: the caller's pace, marks, clear, keys, barge-in, a bad line.

use serde_json::Value;
use tandem::caller::{ClosedBy, EndReason, Network, Note, Scenario, Stall, Step, Who, place};
use tokio::sync::mpsc;

use super::gateway::*;

const TALK: (&str, &str) = (
    "/answer",
    r#"<Connect><Stream url="ws://BASE/media"><Parameter name="token" value="a&amp;b"/></Stream></Connect>"#,
);

#[tokio::test]
async fn a_call_from_the_webhook_to_the_status_callback() {
    let gateway = Gateway::start(&[TALK, ("/status", "")], |mut peer| async move {
        peer.begin().await;
        peer.say(400).await;
        peer.mark("greeted").await;
        while !is_voice(&peer.until("media").await) {}
        while is_voice(&peer.until("media").await) {}
        peer.say(200).await;
        peer.drain().await;
    })
    .await;
    let (notes, mut happened) = mpsc::channel(1_000);
    let steps = vec![wait(), Step::Say(clip(300)), wait(), Step::HangUp];
    let call = call(&gateway.http("/answer?tenant=7"), steps)
        .notes(notes)
        .status_callback(gateway.http("/status").parse().unwrap());
    let outcome = place(call).await.unwrap();

    assert_eq!(outcome.end, EndReason::CallerHungUp);
    assert!(!outcome.step_failed(), "{:?}", outcome.steps);
    assert_eq!(outcome.violations, []);
    assert_eq!(outcome.closes[0].by, ClosedBy::Carrier);
    let who: Vec<Who> = outcome.turns.iter().map(|turn| turn.who).collect();
    assert_eq!(who, [Who::Agent, Who::Caller, Who::Agent]);
    let latency = outcome.responses[0].latency_ms.unwrap();
    assert!((0..2_150).contains(&latency), "{latency}");
    assert_eq!((outcome.marks.received, outcome.marks.played), (1, 1));
    assert_eq!(outcome.caller_mulaw.len(), outcome.agent_mulaw.len());
    assert_eq!(outcome.agent_mulaw.iter().filter(|byte| **byte == LOUD).count(), 600 * 8);
    assert_eq!(outcome.caller_mulaw.iter().filter(|byte| **byte == LOUD).count(), 300 * 8);
    let json = serde_json::to_value(&outcome).unwrap();
    assert_eq!(json["end"]["why"], "caller_hung_up");
    assert_eq!(json["steps"][0]["result"], "passed");

    let requests = gateway.requests();
    assert!(requests.iter().all(|request| request.signed));
    let answer = &requests[0];
    assert_eq!((answer.path.as_str(), answer.query.as_str()), ("/answer", "tenant=7"));
    assert_eq!(answer.form["CallSid"], outcome.call_sid);
    assert_eq!(answer.form["CallStatus"], "ringing");
    assert_eq!(answer.form["Direction"], "inbound");
    let status = requests.last().unwrap();
    assert_eq!(status.form["CallStatus"], "completed");
    assert_eq!(status.form["SequenceNumber"], "0");
    // The carrier counts from the answer until all is closed, and the outcome from the first request.
    let seconds: usize = status.form["CallDuration"].parse().unwrap();
    let whole = outcome.caller_mulaw.len().div_ceil(8_000);
    assert!((2..=whole + 2).contains(&seconds), "{seconds} of {whole}");
    assert!(chrono::DateTime::parse_from_rfc2822(&status.form["Timestamp"]).is_ok());

    let mut told = Vec::new();
    while let Ok(note) = happened.try_recv() {
        told.push(note);
    }
    assert_eq!(told, outcome.events);
    assert!(matches!(told.first().unwrap().note, Note::Requested { status: Some(200), .. }));

    assert_eq!(gateway.unsigned_upgrades(), 0);
    let socket = gateway.sockets().remove(0);
    assert_eq!(socket[1]["start"]["customParameters"]["token"], "a&b");
    assert_eq!(socket[1]["start"]["callSid"], outcome.call_sid);
    assert_eq!(socket.last().unwrap()["event"], "stop");
    in_order(&socket);
    let media: Vec<&Value> = socket.iter().filter(|message| message["event"] == "media").collect();
    assert_eq!(media.len() as u64, outcome.pace.frames);
    for pair in media.windows(2) {
        assert_eq!(count(pair[1], "timestamp"), count(pair[0], "timestamp") + 20);
    }
}

/// Every message but `connected` is numbered from 1, and every audio message too.
fn in_order(socket: &[Value]) {
    let numbered: Vec<u64> = socket[1..].iter().map(|one| count(one, "sequenceNumber")).collect();
    assert_eq!(numbered, (1..=numbered.len() as u64).collect::<Vec<_>>());
    let chunks = socket.iter().filter(|message| message["event"] == "media");
    let chunks: Vec<u64> = chunks.map(|one| count(one, "chunk")).collect();
    assert_eq!(chunks, (1..=chunks.len() as u64).collect::<Vec<_>>());
}

#[tokio::test]
async fn marks_return_when_played_or_cleared() {
    let gateway = Gateway::start(&[TALK], |mut peer| async move {
        peer.begin().await;
        peer.mark("nothing before").await;
        peer.say(300).await;
        peer.mark("first").await;
        peer.say(4_000).await;
        peer.mark("second").await;
        while peer.until("mark").await["mark"]["name"] != "first" {}
        peer.clear().await;
        peer.mark("acknowledged").await;
        while peer.until("mark").await["mark"]["name"] != "acknowledged" {}
        peer.close().await;
    })
    .await;
    let expect = Step::ExpectHangUp { within: ms(20_000) };
    let outcome = calls(&gateway.http("/answer"), vec![expect]).await;
    assert_eq!(outcome.end, EndReason::ServerHungUp);
    assert!(!outcome.step_failed());

    let socket = gateway.sockets().remove(0);
    let marks = socket.iter().filter(|message| message["event"] == "mark");
    let names: Vec<&str> = marks.map(|mark| mark["mark"]["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["nothing before", "first", "second", "acknowledged"]);
    let marks = outcome.marks;
    assert_eq!((marks.received, marks.played, marks.at_once, marks.cleared), (4, 3, 2, 1));
    let clear = outcome.clears[0];
    assert!((1_700..=4_000).contains(&clear.dropped_ms), "{clear:?}");
    assert_eq!(clear.marks, 1);
    // "first" went back when 300 ms had been played: so many frames had been sent by then.
    let before = socket.iter().take_while(|message| message["mark"]["name"] != "first");
    let frames = before.filter(|message| message["event"] == "media").count();
    assert!((13..=117).contains(&frames), "{frames}");
    assert!(outcome.turns[0].cut);
}

#[tokio::test]
async fn a_barge_in_is_measured_to_the_clear() {
    let gateway = Gateway::start(&[TALK], |mut peer| async move {
        peer.begin().await;
        peer.say(8_000).await;
        while !is_voice(&peer.until("media").await) {}
        peer.clear().await;
        peer.drain().await;
    })
    .await;
    let barge_in = Step::BargeIn { after: ms(400), say: clip(300), within: ms(20_000) };
    let outcome = calls(&gateway.http("/answer"), vec![barge_in, Step::HangUp]).await;
    assert!(!outcome.step_failed());
    let barge_in = outcome.barge_ins[0];
    let clear = barge_in.clear_after_ms.unwrap();
    // A frame is 20 ms old when it leaves.
    assert!((20..2_120).contains(&clear), "{barge_in:?}");
    assert!(barge_in.agent_heard_for_ms.abs_diff(clear) <= 20, "{barge_in:?}");
    let agent = outcome.turns.iter().find(|turn| turn.who == Who::Agent).unwrap();
    assert!(agent.cut);
    let began_after = barge_in.onset_ms - agent.from_ms;
    assert!((301..2_500).contains(&began_after), "{began_after}");
}

#[tokio::test]
async fn keys_are_pressed_and_the_other_side_hangs_up() {
    let gateway = Gateway::start(&[TALK], |mut peer| async move {
        peer.begin().await;
        let first = peer.until("dtmf").await;
        assert_eq!(first["dtmf"]["track"], "inbound_track");
        while peer.until("dtmf").await["dtmf"]["digit"] != "#" {}
        peer.close().await;
    })
    .await;
    let steps =
        vec![Step::Press("1#".to_owned()), Step::ExpectHangUp { within: ms(20_000) }, Step::HangUp];
    let outcome = calls(&gateway.http("/answer"), steps).await;
    assert_eq!(outcome.end, EndReason::ServerHungUp);
    assert!(!outcome.step_failed(), "{:?}", outcome.steps);
    assert_eq!(outcome.closes[0].by, ClosedBy::Server);
}

#[tokio::test]
async fn what_the_agent_had_queued_is_not_heard_after_a_close() {
    let gateway = Gateway::start(&[TALK], |mut peer| async move {
        peer.begin().await;
        peer.say(4_000).await;
        peer.mark("goodbye").await;
        for _ in 0..10 {
            peer.until("media").await;
        }
        peer.close().await;
    })
    .await;
    let outcome = calls(&gateway.http("/answer"), vec![wait()]).await;
    assert_eq!(outcome.marks.unanswered, 1);
    let cut_off = outcome.traffic.audio_bytes_cut_off / 8;
    assert!((1_600..=3_900).contains(&cut_off), "{cut_off}");
}

#[tokio::test]
async fn a_bad_line_loses_frames_and_stalls_but_keeps_the_order() {
    let gateway = Gateway::start(&[TALK], |mut peer| async move {
        peer.begin().await;
        peer.drain().await;
    })
    .await;
    let mut scenario = Scenario::new("bad line", vec![Step::Wait(ms(1_500)), Step::HangUp]);
    scenario.network = Network {
        jitter: ms(40),
        loss: 0.2,
        stalls: vec![Stall { at: ms(400), lasts: ms(300) }],
        seed: 3,
    };
    let token = secrecy::SecretString::from(TOKEN);
    let call = tandem::caller::Call::to(&gateway.ws("/media"), token, scenario)
        .unwrap()
        .parameter("a", "b");
    let outcome = place(call).await.unwrap();
    assert!(outcome.traffic.frames_lost > 5, "{:?}", outcome.traffic);
    let socket = gateway.sockets().remove(0);
    assert_eq!(socket[1]["start"]["customParameters"]["a"], "b");
    in_order(&socket);
    let media: Vec<&Value> = socket.iter().filter(|message| message["event"] == "media").collect();
    assert_eq!(media.len() as u64, outcome.pace.frames - outcome.traffic.frames_lost);
    let jumps = media.windows(2).filter(|pair| {
        let step = count(pair[1], "timestamp") - count(pair[0], "timestamp");
        assert_eq!(step % 20, 0);
        step > 20
    });
    assert!(jumps.count() > 3);
    assert_eq!(socket.last().unwrap()["event"], "stop");
}
