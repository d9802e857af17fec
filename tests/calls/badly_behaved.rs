//! What a carrier, or somebody who poses as one, may do wrong on the socket and at the webhooks: a
//! clean close or a tolerated event, and no effect on other calls.

use std::time::{Duration, Instant};

use futures_util::{SinkExt, StreamExt};
use media::stream::carrier::Messages;
use secrecy::SecretString;
use serde_json::json;
use tandem::live::registry::Expected;
use tokio::net::TcpStream;
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, connect_async,
    tungstenite::{Message, client::IntoClientRequest, protocol::frame::coding::CloseCode},
};
use twiml::{Form, Signer};

use super::line::{AUTH_TOKEN, Line, PATIENCE, Setup, answered, say, went_well};

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

fn signer() -> Signer {
    Signer::new(&SecretString::from(AUTH_TOKEN))
}

async fn socket(line: &Line) -> Socket {
    let mut request = line.gateway.media_url().into_client_request().unwrap();
    let signature = signer().sign_upgrade(line.gateway.media_url());
    request.headers_mut().insert("X-Twilio-Signature", signature.parse().unwrap());
    connect_async(request).await.expect("a signed upgrade is accepted").0
}

fn expected(call_sid: &str) -> Expected {
    Expected {
        call_sid: call_sid.into(),
        lead_id: None,
        call_id: None,
        resumed: false,
        outbound: false,
        listens: false,
        origin: None,
        back: None,
    }
}

fn messages(call_sid: &str) -> Messages {
    Messages::new("AC1", call_sid, &format!("MZ{}", &call_sid[2..]))
}

/// Sends these and answers the code with which the server closes.
async fn closes(line: &Line, sent: Vec<Message>) -> Option<CloseCode> {
    let mut socket = socket(line).await;
    for message in sent {
        if socket.send(message).await.is_err() {
            break;
        }
    }
    close_code(&mut socket).await
}

async fn close_code(socket: &mut Socket) -> Option<CloseCode> {
    let closed = async {
        while let Some(message) = socket.next().await {
            match message {
                Ok(Message::Close(frame)) => return frame.map(|frame| frame.code),
                Ok(_) => {}
                Err(_) => return None,
            }
        }
        None
    };
    tokio::time::timeout(PATIENCE, closed).await.expect("the socket is closed in time")
}

#[tokio::test(flavor = "multi_thread")]
async fn before_the_session_anything_odd_closes_the_socket() {
    let line = Setup::default().start().await;
    let start = |token: &str| messages("CA1").start([("token", token)]);
    let text = |text: String| Message::text(text);
    let connected = || text(messages("CA1").connected());
    let cases: Vec<(&str, Vec<Message>)> = vec![
        ("not JSON", vec![text("hello".into())]),
        ("an empty message", vec![text(String::new())]),
        ("binary", vec![Message::binary(vec![0; 160])]),
        ("ten megabytes", vec![text("x".repeat(10 * 1024 * 1024))]),
        ("media before start", vec![connected(), text(messages("CA1").media(&[0xFF; 160], 0))]),
        ("a stop before start", vec![connected(), text(messages("CA1").stop())]),
        ("no token", vec![connected(), text(messages("CA1").start([("other", "x")]))]),
        ("an unknown token", vec![connected(), text(start("unknown"))]),
        (
            "a start without a call",
            vec![text(json!({"event": "start", "start": {"streamSid": "MZ1"}}).to_string())],
        ),
        ("a chatter of unknown events", vec![text(json!({"event": "x"}).to_string()); 20]),
    ];
    for (what, sent) in cases {
        let code = closes(&line, sent).await;
        assert_ne!(code, Some(CloseCode::Normal), "{what}");
        assert_ne!(code, Some(CloseCode::Error), "{what}");
    }
    assert_eq!(line.gateway.desk.registry.count(), 0);
    line.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_socket_without_start_is_closed_after_five_seconds() {
    let line = Setup::default().start().await;
    let began = Instant::now();
    let code = closes(&line, vec![Message::text(messages("CA1").connected())]).await;
    assert_eq!(code, Some(CloseCode::Policy));
    // A busy machine may add to them.
    let seconds = Duration::from_secs(4)..Duration::from_secs(20);
    assert!(seconds.contains(&began.elapsed()), "{:?}", began.elapsed());
    line.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_opens_one_socket_of_its_own_call() {
    let line = Setup::default().start().await;
    let token = line.gateway.desk.registry.expect(expected("CA1"));
    // Shown for another call it is used up.
    let stolen = messages("CA2").start([("token", token.as_str())]);
    assert_eq!(closes(&line, vec![Message::text(stolen)]).await, Some(CloseCode::Policy));
    let start = messages("CA1").start([("token", token.as_str())]);
    assert_eq!(closes(&line, vec![Message::text(start)]).await, Some(CloseCode::Policy));

    let token = line.gateway.desk.registry.expect(expected("CA3"));
    let start = messages("CA3").start([("token", token.as_str())]);
    let mut first = socket(&line).await;
    first.send(Message::text(start.clone())).await.unwrap();
    // It speaks: the session runs.
    assert!(matches!(first.next().await, Some(Ok(Message::Text(_)))));
    assert_eq!(closes(&line, vec![Message::text(start)]).await, Some(CloseCode::Policy));
    // A new token of the same call: the older socket gives way, as its connection may be dead.
    let again = line.gateway.desk.registry.expect(expected("CA3"));
    let start = messages("CA3").start([("token", again.as_str())]);
    let mut second = socket(&line).await;
    second.send(Message::text(start)).await.unwrap();
    assert!(matches!(second.next().await, Some(Ok(Message::Text(_)))));
    assert_eq!(close_code(&mut first).await, Some(CloseCode::Normal));
    assert_eq!(line.gateway.desk.registry.count(), 1);
    drop(first);
    drop(second);
    line.until_idle().await;
    assert_eq!(line.gateway.desk.registry.count(), 0);
    line.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn odd_messages_within_a_call_are_tolerated() {
    let line = Setup::default().start().await;
    let token = line.gateway.desk.registry.expect(expected("CA1"));
    let mut socket = socket(&line).await;
    let mut carrier = messages("CA1");
    let media = |payload: &str, timestamp: serde_json::Value| {
        json!({"event": "media", "streamSid": "MZ1", "media":
            {"track": "inbound", "chunk": "1", "timestamp": timestamp, "payload": payload}})
        .to_string()
    };
    let odd = vec![
        carrier.start([("token", token.as_str())]),
        carrier.start([("token", "again")]),
        carrier.connected(),
        "not JSON".into(),
        json!({"event": "novelty", "streamSid": "MZ1"}).to_string(),
        media("this is not base64!", json!("20")),
        media("", json!("20")),
        media("/w==", json!("40")),
        media("////", json!(60)),
        media(&base64(&[0xFF; 1_600]), json!("100000000")),
        media(&base64(&[0xFF; 160]), json!("5")),
        media(&base64(&[0xFF; 160]), json!("not a number")),
        carrier.mark("never sent"),
        carrier.mark("g0:99999"),
        carrier.mark("g4294967296:1"),
        json!({"event": "dtmf", "streamSid": "MZ1", "dtmf": {"track": "inbound_track", "digit": "99"}})
            .to_string(),
        carrier.dtmf('5'),
        carrier.dtmf('#'),
    ];
    for message in odd {
        socket.send(Message::text(message)).await.unwrap();
    }
    // The call lives: it speaks, and the key that was pressed last is known.
    loop {
        match socket.next().await {
            Some(Ok(Message::Text(text))) if text.contains("\"media\"") => break,
            Some(Ok(Message::Text(_))) => {}
            other => panic!("the socket ended: {other:?}"),
        }
    }
    socket.send(Message::text(carrier.stop())).await.unwrap();
    assert_eq!(close_code(&mut socket).await, Some(CloseCode::Normal));
    let notes = line.notes("CA1").await;
    assert!(notes.contains(&turn::Note::Pressed { keys: "5".into() }), "{notes:#?}");
    line.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_malformed_messages_ends_only_its_own_call() {
    let line = Setup {
        openai: vendors::played::openai::Script::new().reply("It is fine."),
        deepgram: vendors::played::deepgram::Script::new().hears("How is it?"),
        ..Setup::default()
    }
    .start()
    .await;
    let good = line.call(vec![answered(), say("callers/hours"), answered()]);
    let bad = async {
        let token = line.gateway.desk.registry.expect(expected("CAbad"));
        let mut sent = vec![Message::text(messages("CAbad").start([("token", token.as_str())]))];
        sent.extend((0..100).map(|n| Message::text(format!("{{\"event\": {n}"))));
        closes(&line, sent).await
    };
    let (outcome, code) = tokio::join!(good, bad);
    assert_eq!(code, Some(CloseCode::Normal));
    went_well(&outcome);
    line.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn unsigned_and_wrongly_signed_requests_are_refused() {
    let line = Setup::default().start().await;
    let client = reqwest::Client::new();
    let url = line.answer_url();
    let form = Form::parse(b"CallSid=CA1&From=%2B15005550006&To=%2B15005550001").unwrap();
    let post = |signature: Option<String>, body: String, kind: &'static str| {
        let mut request = client.post(&url).header("content-type", kind).body(body);
        if let Some(signature) = signature {
            request = request.header("x-twilio-signature", signature);
        }
        async move { request.send().await.unwrap().status().as_u16() }
    };
    const FORM: &str = "application/x-www-form-urlencoded";
    let good = signer().sign_form(&url, &form);
    assert_eq!(post(None, form.encode(), FORM).await, 400);
    assert_eq!(post(Some("bm8=".into()), form.encode(), FORM).await, 403);
    let changed = form.encode().replace("CA1", "CA2");
    assert_eq!(post(Some(good.clone()), changed, FORM).await, 403);
    assert_eq!(post(Some(good.clone()), "{}".into(), "application/json").await, 415);
    let large = format!("CallSid={}", "x".repeat(100_000));
    assert_eq!(post(Some(good.clone()), large, FORM).await, 413);
    assert_eq!(post(Some(good), form.encode(), FORM).await, 200);

    let unsigned = connect_async(line.gateway.media_url()).await;
    assert!(unsigned.is_err(), "an unsigned upgrade is refused");
    line.stop().await;
}

fn base64(bytes: &[u8]) -> String {
    base64_simd::STANDARD.encode_to_string(bytes)
}
