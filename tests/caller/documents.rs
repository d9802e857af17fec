//! What the carrier does with TwiML: what follows a stream, forks, redirects, endings.

use axum::http::Method;
use tandem::caller::{CallError, ClosedBy, EndReason, Note, Step, place};

use super::gateway::*;

/// Reads a little, then closes.
async fn short(mut peer: Peer) {
    peer.begin().await;
    peer.until("media").await;
    peer.close().await;
}

#[tokio::test]
async fn a_stream_that_ends_is_followed_by_its_action_and_a_new_stream() {
    let documents = [
        (
            "/answer",
            r#"<Connect action="/resume" method="GET"><Stream url="/media"/></Connect><Hangup/>"#,
        ),
        (
            "/resume",
            r#"<Connect><Stream url="ws://BASE/media/again"/></Connect><Say>Bye &amp; bye</Say>
               <Redirect>/last</Redirect>"#,
        ),
        ("/last", "<Hangup/>"),
    ];
    let gateway = Gateway::start(&documents, short).await;
    let outcome =
        calls(&gateway.http("/answer"), vec![Step::ExpectHangUp { within: ms(3_000) }]).await;
    assert_eq!(outcome.end, EndReason::ServerHungUp);
    assert_eq!(outcome.violations, []);
    assert_eq!(outcome.stream_sids.len(), 2);
    assert_ne!(outcome.stream_sids[0], outcome.stream_sids[1]);
    let purposes: Vec<_> =
        outcome.documents.iter().map(|document| (document.purpose, document.status)).collect();
    assert_eq!(purposes, [("answer", Some(200)), ("action", Some(200)), ("redirect", Some(200))]);
    assert_eq!(outcome.documents[1].verbs, ["Connect/Stream", "Say", "Redirect"]);
    assert!(outcome.events.iter().any(|event| {
        matches!(&event.note, Note::Reached { verb } if verb == "Say: Bye & bye")
    }));

    let sockets = gateway.sockets();
    let sid = |at: usize| sockets[at][1]["start"]["streamSid"].as_str().unwrap().to_owned();
    assert_eq!([sid(0), sid(1)], outcome.stream_sids[..]);
    assert_eq!(sockets[0][1]["start"]["callSid"], sockets[1][1]["start"]["callSid"]);
    let requests = gateway.requests();
    assert!(requests.iter().all(|request| request.signed), "{requests:?}");
    assert_eq!(requests[1].method, Method::GET);
    assert!(requests[1].query.contains("CallStatus=in-progress"));
    assert_eq!(gateway.unsigned_upgrades(), 0);
}

#[tokio::test]
async fn an_outbound_call_says_who_is_called() {
    let gateway = Gateway::start(&[("/answer", "<Hangup/>")], short).await;
    let call = call(&gateway.http("/answer"), vec![Step::HangUp])
        .placed_by_gateway(Some("lead 1"), Some("42"))
        .numbers("+15005550001", "+15005550099");
    let outcome = place(call).await.unwrap();
    assert_eq!(outcome.end, EndReason::ServerHungUp);
    let answer = gateway.requests().remove(0);
    assert!(answer.signed);
    assert_eq!(answer.query, "leadId=lead+1&callId=42");
    assert_eq!(answer.form["Direction"], "outbound-api");
    assert_eq!(answer.form["CallStatus"], "in-progress");
    assert_eq!(answer.form["AnsweredBy"], "human");
    assert_eq!(answer.form["To"], "+15005550099");
}

#[tokio::test]
async fn a_fork_listens_while_the_document_goes_on() {
    let documents = [
        (
            "/answer",
            r#"<Start><Stream name="ear" url="/media/fork" statusCallback="http://BASE/stream"/></Start>
               <Pause length="1"/><Stop><Stream name="ear"/></Stop><Dial><Number>5</Number></Dial>"#,
        ),
        ("/stream", ""),
    ];
    let gateway = Gateway::start(&documents, |mut peer| async move {
        peer.begin().await;
        peer.drain().await;
    })
    .await;
    let outcome = calls(&gateway.http("/answer"), vec![Step::Say(clip(200))]).await;
    // The caller had said all by then, and hung up before the pause was over.
    assert_eq!(outcome.end, EndReason::CallerHungUp);
    let wait = vec![Step::Say(clip(200)), Step::ExpectHangUp { within: ms(3_000) }];
    let outcome = calls(&gateway.http("/answer"), wait).await;
    assert_eq!(outcome.end, EndReason::Transferred { verb: "Dial/Number".to_owned() });
    assert!(!outcome.step_failed(), "{:?}", outcome.steps);
    assert_eq!(outcome.closes[0].by, ClosedBy::Carrier);
    let socket = gateway.sockets().remove(1);
    assert!(socket.iter().filter(|message| message["event"] == "media").any(is_voice));
    assert_eq!(socket.last().unwrap()["event"], "stop");
    let requests = gateway.requests();
    let told = requests.iter().filter(|request| request.form.contains_key("StreamEvent"));
    let told: Vec<&str> = told.map(|request| request.form["StreamEvent"].as_str()).collect();
    let both = ["stream-started", "stream-stopped"];
    assert_eq!(told, both.repeat(2));
}

#[tokio::test]
async fn a_rejected_call_has_no_stream() {
    let gateway = Gateway::start(&[("/answer", "<Reject/>")], short).await;
    let outcome = calls(&gateway.http("/answer"), vec![wait(), Step::HangUp]).await;
    assert_eq!(outcome.end, EndReason::Rejected);
    assert_eq!(outcome.stream_sids.len(), 0);
    let passed: Vec<bool> = outcome.steps.iter().map(|step| step.passed()).collect();
    assert_eq!(passed, [false, true]);
}

#[tokio::test]
async fn documents_that_only_lead_to_documents_end_the_call() {
    let gateway = Gateway::start(&[("/answer", "<Redirect>/answer</Redirect>")], short).await;
    let outcome = calls(&gateway.http("/answer"), vec![Step::HangUp]).await;
    assert_eq!(outcome.end, EndReason::ApplicationError { code: 11215 });
    assert_eq!(gateway.requests().len(), 11);
}

#[tokio::test]
async fn a_socket_that_cannot_be_opened_is_followed_by_the_next_verb() {
    let document =
        r#"<Connect><Stream url="ws://BASE/nowhere"/></Connect><Redirect>/sorry</Redirect>"#;
    let gateway = Gateway::start(&[("/answer", document), ("/sorry", "<Hangup/>")], short).await;
    let outcome = calls(&gateway.http("/answer"), vec![Step::HangUp]).await;
    assert_eq!(outcome.end, EndReason::ServerHungUp);
    assert_eq!(outcome.violations[0].code, 31920);
    assert_eq!(outcome.documents.len(), 2);
}

#[tokio::test]
async fn a_call_that_does_not_come_about_says_why() {
    let gateway = Gateway::start(&[("/answer", "<Hangup/>")], short).await;
    let wrong = secrecy::SecretString::from("another token");
    let scenario = tandem::caller::Scenario::new("test", vec![Step::HangUp]);
    let to = |url: &str| tandem::caller::Call::to(url, wrong.clone(), scenario.clone()).unwrap();
    let error = place(to(&gateway.http("/answer"))).await.unwrap_err();
    assert!(matches!(error, CallError::Refused { status: 403, .. }), "{error}");
    assert!(error.to_string().contains("auth token"));

    let port = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let error = place(to(&format!("http://{port}/answer"))).await.unwrap_err();
    assert!(matches!(&error, CallError::Answer(no) if no.code == 11205), "{error:?}");
    let error = place(to(&format!("ws://{port}/media"))).await.unwrap_err();
    assert!(matches!(&error, CallError::Socket(no) if no.code == 31902), "{error:?}");
    assert!(tandem::caller::Call::to("ftp://a/b", wrong.clone(), scenario.clone()).is_err());
}

#[tokio::test]
async fn the_caller_can_be_stopped_and_has_a_limit() {
    let document = r#"<Connect><Stream url="/media"/></Connect>"#;
    let gateway = Gateway::start(&[("/answer", document)], |mut peer| async move {
        peer.begin().await;
        peer.drain().await;
    })
    .await;
    let stop = tokio_util::sync::CancellationToken::new();
    let (notes, mut happened) = tokio::sync::mpsc::channel::<tandem::caller::CallNote>(100);
    let stopping = stop.clone();
    tokio::spawn(async move {
        while let Some(note) = happened.recv().await {
            if matches!(note.note, Note::StreamOpened { .. }) {
                stopping.cancel();
            }
        }
    });
    let stopped = call(&gateway.http("/answer"), vec![Step::Wait(ms(60_000))]).notes(notes);
    let outcome = place(stopped.stop_on(stop)).await.unwrap();
    assert_eq!(outcome.end, EndReason::Stopped);
    assert_eq!(gateway.sockets()[0].last().unwrap()["event"], "stop");

    let mut scenario = tandem::caller::Scenario::new("test", vec![Step::Wait(ms(60_000))]);
    scenario.at_most = ms(200);
    let token = secrecy::SecretString::from(TOKEN);
    let call = tandem::caller::Call::to(&gateway.http("/answer"), token, scenario).unwrap();
    let outcome = place(call).await.unwrap();
    assert_eq!(outcome.end, EndReason::TimeLimit);
    assert!(outcome.step_failed());
}
