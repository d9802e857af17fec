//! A call outlives its socket: when the stream breaks, the carrier asks how to go on.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use media::stream::carrier::Messages;
use secrecy::SecretString;
use tandem::caller::Step;
use tokio_tungstenite::{
    connect_async,
    tungstenite::{Message, client::IntoClientRequest},
};
use twiml::{Form, Signer};
use vendors::played::deepgram;

use super::line::{AUTH_TOKEN, Line, PATIENCE, Setup, answered, say};

fn signer() -> Signer {
    Signer::new(&SecretString::from(AUTH_TOKEN))
}

/// Posts a signed webhook and answers the document.
async fn post(line: &Line, path: &str, fields: &[(&str, &str)]) -> String {
    let url = format!("{}{path}", line.url);
    let form: Form = fields.iter().map(|(name, value)| (*name, *value)).collect();
    let request = reqwest::Client::new()
        .post(&url)
        .header("content-type", "application/x-www-form-urlencoded")
        .header("X-Twilio-Signature", signer().sign_form(&url, &form))
        .body(form.encode());
    let response = request.send().await.expect("the gateway answers");
    assert_eq!(response.status(), 200);
    response.text().await.expect("it is text")
}

/// The token that a document hands to the stream.
fn token(document: &str) -> String {
    let (_, value) = document.split_once("name=\"token\" value=\"").expect("there is a token");
    value.split('"').next().expect("it ends").to_owned()
}

/// Connects a stream with the document's token and stays until the agent speaks.
async fn connected(line: &Line, call_sid: &str, stream_sid: &str, document: &str) {
    let url = line.gateway.media_url();
    let mut request = url.into_client_request().unwrap();
    let signature = signer().sign_upgrade(url);
    request.headers_mut().insert("X-Twilio-Signature", signature.parse().unwrap());
    let (mut socket, _) = connect_async(request).await.expect("the upgrade is accepted");
    let mut carrier = Messages::new("AC1", call_sid, stream_sid);
    let token = token(document);
    let start = carrier.start([("token", token.as_str())]);
    socket.send(Message::text(start)).await.unwrap();
    while let Some(Ok(message)) = socket.next().await {
        if message.to_text().is_ok_and(|text| text.contains("\"media\"")) {
            // Dropped here without a close: the connection breaks.
            return;
        }
    }
    panic!("the socket was closed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_stream_is_gone_on_with_and_an_ended_call_is_hung_up() {
    let line = Setup {
        deepgram: deepgram::Script::new().hears("Goodbye then."),
        openai: vendors::played::openai::Script::new().reply(
            vendors::played::openai::Reply::text("Goodbye.").call(
                "1",
                "end_call",
                serde_json::json!({}),
            ),
        ),
        ..Setup::default()
    }
    .start()
    .await;
    let fields = [("CallSid", "CA77"), ("CallStatus", "in-progress"), ("From", "+15005550006")];
    let answer = post(&line, "/webhooks/twilio/answer?leadId=l%201&callId=c1", &fields).await;
    assert!(answer.contains("/webhooks/twilio/resume?leadId=l+1&amp;callId=c1"), "{answer}");
    connected(&line, "CA77", "MZ77a", &answer).await;
    line.until_idle().await;

    let resumed = post(&line, "/webhooks/twilio/resume", &fields).await;
    assert_ne!(token(&resumed), token(&answer));
    connected(&line, "CA77", "MZ77b", &resumed).await;
    line.until_idle().await;
    let journal = std::fs::read_to_string(line.gateway.journals.path("CA77")).unwrap();
    let opening = |words: &str| journal.matches(&format!("\"text\":\"{words}")).count();
    assert_eq!(opening("Hello, how can I help?"), 1, "it greets once");
    assert_eq!(opening("Sorry, we were cut off."), 1, "then it says what happened");
    let headers = journal.lines().filter(|line| line.starts_with("{\"call_sid\"")).count();
    assert_eq!(headers, 2, "both sessions are in one journal");

    // The call itself is over: nothing goes on.
    let over = [("CallSid", "CA77"), ("CallStatus", "completed")];
    let document = post(&line, "/webhooks/twilio/resume", &over).await;
    assert!(document.contains("<Hangup/>") && !document.contains("<Stream"), "{document}");

    // A call that the agent ended is hung up, whoever asks.
    let outcome = line
        .call(vec![
            answered(),
            say("callers/thanks"),
            Step::ExpectHangUp { within: Duration::from_secs(10) },
        ])
        .await;
    let fields = [("CallSid", outcome.call_sid.as_str()), ("CallStatus", "in-progress")];
    let document = post(&line, "/webhooks/twilio/resume", &fields).await;
    assert!(document.contains("<Hangup/>"), "{document}");
    line.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn past_capacity_a_caller_is_told_that_the_line_is_busy() {
    let line =
        Setup { env: vec![("TANDEM_MOST_CALLS", "0".into())], ..Setup::default() }.start().await;
    let ringing = [("CallSid", "CA1"), ("CallStatus", "ringing")];
    let document = post(&line, "/webhooks/twilio/answer", &ringing).await;
    assert!(document.contains("<Reject reason=\"busy\"/>"), "{document}");
    let ready = reqwest::get(format!("{}/readyz", line.url)).await.unwrap();
    assert_eq!(ready.status(), 503);
    line.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_process_is_behind_a_caller_is_told_that_the_line_is_busy() {
    let line = Setup::default().start().await;
    let client = reqwest::Client::new();
    let ask = |path: &str| client.get(format!("{}{path}", line.url)).send();
    let ringing = [("CallSid", "CA1"), ("CallStatus", "ringing")];
    // The process measures, too, and may find meanwhile that it keeps up.
    let woke = |late| line.gateway.lag.woke(tokio::time::Instant::now(), late);
    woke(Duration::from_millis(300));
    assert_eq!(ask("/readyz").await.unwrap().status(), 200, "a hiccup");
    woke(Duration::from_secs(3));
    let document = post(&line, "/webhooks/twilio/answer", &ringing).await;
    assert!(document.contains("<Reject reason=\"busy\"/>"), "{document}");
    woke(Duration::from_secs(3));
    let behind = ask("/readyz").await.unwrap();
    assert_eq!(behind.status(), 503);
    assert!(behind.text().await.unwrap().starts_with("behind"));
    let measured = async {
        let metrics = async || ask("/metrics").await.unwrap().text().await.unwrap();
        while !metrics().await.contains("tandem_loop_lag_seconds ") {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(PATIENCE, measured).await.expect("it is measured");
    line.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_terminal_status_ends_the_session() {
    let line = Setup::default().start().await;
    let fields = [("CallSid", "CA5"), ("CallStatus", "in-progress")];
    let answer = post(&line, "/webhooks/twilio/answer", &fields).await;
    let url = line.gateway.media_url();
    let mut request = url.into_client_request().unwrap();
    let signature = signer().sign_upgrade(url);
    request.headers_mut().insert("X-Twilio-Signature", signature.parse().unwrap());
    let (mut socket, _) = connect_async(request).await.unwrap();
    let mut carrier = Messages::new("AC1", "CA5", "MZ5");
    let token = token(&answer);
    socket.send(Message::text(carrier.start([("token", token.as_str())]))).await.unwrap();
    assert!(matches!(socket.next().await, Some(Ok(Message::Text(_)))));
    let over = [("CallSid", "CA5"), ("CallStatus", "completed"), ("SequenceNumber", "3")];
    for _ in 0..2 {
        post(&line, "/webhooks/twilio/status", &over).await;
    }
    while let Some(Ok(message)) = socket.next().await {
        if let Message::Close(_) = message {
            break;
        }
    }
    line.until_idle().await;
    assert_eq!(line.gateway.desk.registry.count(), 0);
    line.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_drain_leaves_calls_to_be_gone_on_with_and_does_not_wait_for_idle_requests() {
    let line = Setup::default().start().await;
    // A request that is never completed.
    let address = line.url.trim_start_matches("http://").to_owned();
    let mut unfinished = tokio::net::TcpStream::connect(address).await.unwrap();
    tokio::io::AsyncWriteExt::write_all(&mut unfinished, b"POST /webhooks/twilio/answer HTT")
        .await
        .unwrap();
    let call = line.prepared(vec![Step::ExpectHangUp { within: Duration::from_secs(20) }]);
    let (notes, mut heard) = tokio::sync::mpsc::channel(256);
    let call = tandem::caller::place(call.notes(notes));
    let drain = async {
        while let Some(note) = heard.recv().await {
            if let tandem::caller::Note::AgentSpeaks = note.note {
                break;
            }
        }
        let journals = line.gateway.journals.clone();
        (journals, line.stop().await)
    };
    let (outcome, (journals, _folder)) = tokio::join!(call, drain);
    let outcome = outcome.expect("the call came about");
    let verbs: Vec<String> =
        outcome.documents.iter().flat_map(|document| document.verbs.clone()).collect();
    assert!(verbs.iter().any(|verb| verb.starts_with("Redirect")), "{verbs:?}");
    // The greeting was heard to its end first, and that is written down.
    let notes = super::line::notes_in(&journals.path(&outcome.call_sid));
    assert_eq!(super::line::agent_said(&notes), ["Hello, how can I help?"]);
    assert!(!notes.iter().any(|note| matches!(note, turn::Note::Ended { .. })), "{notes:#?}");
    drop(unfinished);
}
