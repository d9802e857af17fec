//! Traces of one call, as a played collector receives them over OTLP/HTTP.

// The line is shared with the tests of calls, which use all of it.
#[allow(dead_code)]
#[path = "calls/line.rs"]
mod line;

use std::collections::HashMap;

use axum::{Router, body::Bytes, extract::State, routing::post};
use tandem::{caller::Step, telemetry::traces::Exporting};
use tokio::sync::mpsc;

use vendors::played::openai;

use self::line::{Setup, answered, say};

/// A field of a protobuf message (encoding: protobuf.dev/programming-guides/encoding).
#[derive(Debug)]
enum Field<'a> {
    Number(u64),
    Bytes(&'a [u8]),
}

/// The fields of a message, in their order.
fn fields(mut bytes: &[u8]) -> Vec<(u64, Field<'_>)> {
    fn varint(bytes: &mut &[u8]) -> u64 {
        let (mut value, mut shift) = (0, 0);
        loop {
            let (first, rest) = bytes.split_first().expect("a whole number");
            *bytes = rest;
            value |= u64::from(first & 0x7f) << shift;
            shift += 7;
            if first & 0x80 == 0 {
                return value;
            }
        }
    }
    let mut found = Vec::new();
    while !bytes.is_empty() {
        let tag = varint(&mut bytes);
        let field = match tag & 7 {
            0 => Field::Number(varint(&mut bytes)),
            1 => {
                let (head, tail) = bytes.split_at(8);
                bytes = tail;
                Field::Number(u64::from_le_bytes(head.try_into().expect("eight bytes")))
            }
            2 => {
                let length = varint(&mut bytes) as usize;
                let (head, tail) = bytes.split_at(length);
                bytes = tail;
                Field::Bytes(head)
            }
            5 => {
                let (head, tail) = bytes.split_at(4);
                bytes = tail;
                Field::Number(u32::from_le_bytes(head.try_into().expect("four bytes")).into())
            }
            other => panic!("no wire type {other}"),
        };
        found.push((tag >> 3, field));
    }
    found
}

/// The messages in this field.
fn inside(bytes: &[u8], number: u64) -> Vec<&[u8]> {
    let all = fields(bytes).into_iter();
    all.filter_map(|(at, field)| match field {
        Field::Bytes(bytes) if at == number => Some(bytes),
        _ => None,
    })
    .collect()
}

fn text(bytes: &[u8], number: u64) -> String {
    let found = inside(bytes, number);
    String::from_utf8_lossy(found.first().copied().unwrap_or_default()).into_owned()
}

fn number(bytes: &[u8], wanted: u64) -> u64 {
    let found = fields(bytes).into_iter().find(|(at, _)| *at == wanted);
    match found {
        Some((_, Field::Number(number))) => number,
        _ => 0,
    }
}

/// A span: opentelemetry/proto/trace/v1/trace.proto.
#[derive(Clone, Debug)]
struct Span {
    trace: Vec<u8>,
    id: Vec<u8>,
    parent: Vec<u8>,
    name: String,
    from: u64,
    to: u64,
    attributes: HashMap<String, String>,
}

fn span(bytes: &[u8]) -> Span {
    let id = |field| inside(bytes, field).first().map_or(Vec::new(), |id| id.to_vec());
    let attributes = inside(bytes, 9).into_iter().map(|pair| {
        let value = inside(pair, 2).first().copied().unwrap_or_default();
        let shown = match fields(value).first() {
            Some((1, Field::Bytes(text))) => String::from_utf8_lossy(text).into_owned(),
            Some((_, Field::Number(number))) => number.to_string(),
            other => format!("{other:?}"),
        };
        (text(pair, 1), shown)
    });
    Span {
        trace: id(1),
        id: id(2),
        parent: id(4),
        name: text(bytes, 5),
        from: number(bytes, 7),
        to: number(bytes, 8),
        attributes: attributes.collect(),
    }
}

/// The spans of an ExportTraceServiceRequest: resource_spans, scope_spans, spans.
fn spans(request: &[u8]) -> Vec<Span> {
    let resources = inside(request, 1).into_iter();
    let scopes = resources.flat_map(|resource| inside(resource, 2));
    scopes.flat_map(|scope| inside(scope, 2)).map(span).collect()
}

async fn take(State(taken): State<mpsc::UnboundedSender<Bytes>>, body: Bytes) {
    let _ = taken.send(body);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_is_told_as_spans_and_what_was_said_is_not() {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let (sender, mut taken) = mpsc::unbounded_channel();
    let collector = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let endpoint = format!("http://{}/v1/traces", collector.local_addr().expect("an address"));
    let app = Router::new().route("/v1/traces", post(take)).with_state(sender);
    tokio::spawn(async move { axum::serve(collector, app).await });
    let exporting = Exporting::start(Some(&endpoint)).expect("it starts");

    let mut setup = Setup::default();
    setup.deepgram = setup.deepgram.hears("What does a crown cost?");
    setup.openai =
        setup.openai.answering(|_| openai::Reply::text("A crown is nine hundred dollars."));
    let line = setup.start().await;
    let outcome = line.call(vec![answered(), say("callers/hours"), answered(), Step::HangUp]).await;
    let call_sid = outcome.call_sid.clone();
    line.until_idle().await;
    line.stop().await;

    exporting.stop().await;
    let (mut all, mut raw) = (Vec::new(), Vec::new());
    while let Ok(body) = taken.try_recv() {
        all.extend(spans(&body));
        raw.extend_from_slice(&body);
    }
    let named = |name: &str| all.iter().filter(|span| span.name == name).collect::<Vec<_>>();
    let [call] = named("call")[..] else { panic!("{all:#?}") };
    assert!(call.parent.is_empty());
    assert_eq!(call.attributes["tandem.call_sid"], call_sid);
    assert!(call.attributes.contains_key("tandem.ended"), "{call:?}");
    let turns = named("turn");
    assert!(!turns.is_empty(), "{all:#?}");
    for turn in &turns {
        assert_eq!(turn.parent, call.id);
        assert!(turn.attributes.contains_key("tandem.llm_ms"), "{turn:?}");
    }
    for vendor in ["stt", "llm", "tts"] {
        assert!(!named(vendor).is_empty(), "{vendor}: {all:#?}");
    }
    let of_turns = named("llm").into_iter().filter(|llm| turns.iter().any(|t| t.id == llm.parent));
    assert!(of_turns.count() > 0, "a request to the model is inside its turn: {all:#?}");
    for span in &all {
        assert_eq!(span.trace, call.trace, "one trace");
        assert!(call.from <= span.from && span.from <= span.to, "{span:?}");
    }
    let raw = String::from_utf8_lossy(&raw);
    for said in ["crown", "hundred", "Hello"] {
        assert!(!raw.contains(said), "{said}");
    }
}
