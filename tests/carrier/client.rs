//! The client against the exchange: making calls, recordings, numbers, credentials; what is asked again.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::StreamExt;
use tandem::caller::Fault;
use tandem::caller::exchange::Phone;
use tandem::carrier::Error;
use tandem::carrier::new_call::{Instructions, NewCall};
use tandem::carrier::options::{Callback, Recorded};
use tandem::carrier::recordings::{FileKind, Recorder};
use tokio::net::TcpListener;
use twiml::form::{CallStatus, RecordingState};
use twiml::verb::{RecordingProgress, Tones};
use twiml::{Document, PhoneNumber, Response};

use super::gateway::clip;
use super::line::*;
use super::{client_of, orders_of};

fn to_agent(line: &Line) -> NewCall {
    NewCall::new(AGENT, OURS, Instructions::at(line.gateway.http("/agent")))
}

const WAITS: &[(&str, &str)] = &[("/agent", "<Pause length=\"60\"/>"), ("/recorded", "")];

#[tokio::test]
async fn a_call_is_made_taken_back_and_ended() {
    let line = Line::start(WAITS).await;
    line.exchange.phone(AGENT, Phone::no_answer());
    let rings = line.client.create_call(&to_agent(&line)).await.unwrap();
    assert!(matches!(rings.status, CallStatus::Queued | CallStatus::Ringing), "{rings:?}");
    let back = line.client.cancel_call(&rings.sid).await.unwrap();
    assert_eq!(back.status, CallStatus::Canceled);
    line.exchange.phone(AGENT, Phone::answers());
    let talks = to_agent(&line).send_digits(Tones::new("w12").unwrap());
    let talks = line.client.create_call(&talks).await.unwrap();
    let leg = line.exchange.leg(talks.sid.as_str()).unwrap();
    leg.until("an answer", SOON, |leg| leg.status() == "in-progress").await.unwrap();
    assert!(line.client.cancel_call(&talks.sid).await.unwrap_err().is_not_in_progress());
    line.client.end_call(&talks.sid).await.unwrap();
    let over = line.client.fetch_call(&talks.sid).await.unwrap();
    assert_eq!(over.status, CallStatus::Completed);
    assert!(over.duration >= Some(1), "{:?}", over.duration);
    let document: Document = Response::new().say("Inline.").hangup();
    let inline = NewCall::new(AGENT, OURS, Instructions::inline(&document).unwrap());
    let inline = line.client.create_call(&inline).await.unwrap();
    let leg = line.exchange.leg(inline.sid.as_str()).unwrap();
    leg.ended(SOON).await.unwrap();
    assert_eq!(leg.was_told(), ["Inline."]);
}

#[tokio::test]
async fn what_cannot_be_called_is_refused_with_the_carriers_number_and_no_telephone_number() {
    let line = Line::start(WAITS).await;
    line.exchange.own_number(OURS);
    line.exchange.phone("+15005550404", Phone::refused(400, 21217));
    let at = || Instructions::at(line.gateway.http("/agent"));
    for (to, from, code) in
        [("+15005550404", OURS, 21217), ("12", OURS, 21211), (AGENT, "+15005550999", 21210)]
    {
        let error = line.client.create_call(&NewCall::new(to, from, at())).await.unwrap_err();
        assert_eq!(error.code(), Some(code));
        assert!(!error.is_retryable() && !error.to_string().contains("5005550"), "{error}");
    }
    assert_eq!(line.exchange.legs().len(), 0);
    let owned = line.client.owned_number(&PhoneNumber::new(OURS)).await.unwrap().unwrap();
    assert!(owned.capabilities.voice && owned.voice_url.is_none());
    assert!(!format!("{owned:?}").contains(OURS));
    // The carrier matches parts of numbers; a part is not the number.
    assert_eq!(line.client.owned_number(&PhoneNumber::new("+1500")).await.unwrap(), None);
    assert_eq!(line.client.owned_number(&PhoneNumber::new(AGENT)).await.unwrap(), None);
}

#[tokio::test]
async fn credentials_are_tested_with_the_account() {
    let line = Line::start(WAITS).await;
    let account = line.client.account().await.unwrap();
    assert!(account.is_active());
    assert_eq!(
        (account.sid.as_str(), account.kind.as_deref()),
        (tandem::caller::ACCOUNT_SID, Some("Full"))
    );
    let stranger = client_of(&line.exchange.base_url(), "not the token");
    let error = stranger.account().await.unwrap_err();
    assert!(error.are_credentials_wrong() && error.code() == Some(20003));
    let busy = Fault::Refuse { status: 429, code: Some(20429), retry_after: None };
    line.exchange.fail_looks([Some(busy), Some(Fault::refuse(503, 0)), Some(Fault::BreakOff)]);
    assert!(line.client.account().await.unwrap().is_active(), "looking is repeated");
}

#[tokio::test]
async fn a_call_that_may_have_been_made_is_not_made_again() {
    let line = Line::start(WAITS).await;
    let busy = Fault::Refuse { status: 429, code: Some(20429), retry_after: None };
    let down = Fault::Refuse { status: 503, code: None, retry_after: None };
    for (fault, legs) in [(busy, 0), (down, 0), (Fault::BreakOff, 0), (Fault::DoneUnsaid, 1)] {
        let before = orders_of(&line.exchange.asked());
        line.exchange.fail_orders([Some(fault.clone())]);
        let error = line.client.create_call(&to_agent(&line)).await.unwrap_err();
        assert!(error.is_retryable(), "{error}");
        assert_eq!(orders_of(&line.exchange.asked()), before + 1, "{fault:?}");
        assert_eq!(line.exchange.legs().len(), legs);
    }
    // What is the same done twice is repeated: ending that call.
    let rings = line.exchange.legs().remove(0);
    rings.until("an answer", SOON, |leg| leg.status() == "in-progress").await.unwrap();
    line.exchange.fail_orders([Some(Fault::BreakOff), Some(Fault::DoneUnsaid)]);
    line.client.end_call(&sid(&rings)).await.unwrap();
    assert_eq!(rings.status(), "completed");
}

#[tokio::test]
async fn a_call_whose_order_was_never_sent_is_ordered_again() {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    // Whoever connects is hung up on before TLS is agreed on, so that nothing can have been sent.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}", listener.local_addr().unwrap());
    let connected = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&connected);
    tokio::spawn(async move {
        while let Ok((connection, _)) = listener.accept().await {
            counted.fetch_add(1, Ordering::Relaxed);
            drop(connection);
        }
    });
    let client = client_of(&url, "0123456789abcdef");
    let call = NewCall::new(AGENT, OURS, Instructions::at("https://a.example/agent"));
    let error = client.create_call(&call).await.unwrap_err();
    assert!(matches!(error, Error::Unreached { sent: false, .. }), "{error:?}");
    assert_eq!(connected.load(Ordering::Relaxed), 4);
}

#[tokio::test]
async fn a_call_is_recorded_downloaded_and_the_recording_deleted() {
    let line = Line::start(WAITS).await;
    let client = &line.client;
    let made = client.create_call(&to_agent(&line)).await.unwrap();
    let leg = line.exchange.leg(made.sid.as_str()).unwrap();
    leg.until("an answer", SOON, |leg| leg.status() == "in-progress").await.unwrap();
    let events = [RecordingProgress::InProgress, RecordingProgress::Completed];
    let told = Callback::new(line.gateway.http("/recorded"), events);
    let how = Recorded { dual: true, told: Some(told), ..Recorded::default() };
    let begun = client.start_recording(&made.sid, &how).await.unwrap();
    assert_eq!((begun.status, begun.channels), (RecordingState::InProgress, Some(2)));
    let early = client.download_recording(&begun.sid, FileKind::Wav).await.err().unwrap();
    assert!(early.is_not_found());

    let said = |ms: usize| move |leg: &tandem::caller::exchange::Leg| voice_ms(&leg.said()) >= ms;
    let change = async |order| client.change_recording(&made.sid, &begun.sid, order).await.unwrap();
    leg.say(&clip(200));
    leg.until("it was said", SOON, said(200)).await.unwrap();
    let paused = change(Recorder::Pause { silence: false }).await;
    assert_eq!(paused.status.as_str(), "paused");
    leg.say(&clip(200));
    leg.until("it was said", SOON, said(400)).await.unwrap();
    change(Recorder::GoOn).await;
    leg.say(&clip(100));
    leg.until("it was said", SOON, said(500)).await.unwrap();
    assert_eq!(change(Recorder::Stop).await.status, RecordingState::Completed);

    let of_call = client.recordings(&made.sid).await.unwrap();
    assert_eq!(of_call, [client.fetch_recording(&begun.sid).await.unwrap()]);
    let mut pieces = client.download_recording(&begun.sid, FileKind::Wav).await.unwrap();
    let mut file = Vec::new();
    while let Some(piece) = pieces.next().await {
        file.extend_from_slice(&piece.unwrap());
    }
    let reader = hound::WavReader::new(&file[..]).unwrap();
    assert_eq!((reader.spec().channels, reader.spec().sample_rate), (2, 8_000));
    let loud = reader.into_samples::<i16>().step_by(2).filter(|s| *s.as_ref().unwrap() > 5_000);
    let loud = loud.count() / 8;
    // What was said while it was paused is not in it, but for frames on either side.
    assert!((260..=340).contains(&loud), "{loud}");
    let told = line.asked("/recorded", 2).await;
    assert_eq!(fields(&told, "RecordingStatus"), ["in-progress", "completed"]);
    assert_eq!(fields(&told, "CallSid"), [made.sid.as_str(), made.sid.as_str()]);

    client.delete_recording(&begun.sid).await.unwrap();
    client.delete_recording(&begun.sid).await.unwrap();
    assert!(client.fetch_recording(&begun.sid).await.unwrap_err().is_not_found());
}
