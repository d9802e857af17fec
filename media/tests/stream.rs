//! The carrier's messages, both ways: the documented ones, the odd ones, and anything at all.

use std::borrow::Cow;
use std::collections::BTreeMap;

use media::stream::carrier::{self, Messages, Outbound, Violation};
use media::stream::{Inbound, MAX_MESSAGE, MAX_PAYLOAD, Malformed, Writer, parse};
use proptest::prelude::*;

const ACCOUNT: &str = "AC00000000000000000000000000000001";
const CALL: &str = "CA00000000000000000000000000000002";
const STREAM: &str = "MZ00000000000000000000000000000003";

fn start_text() -> String {
    Messages::new(ACCOUNT, CALL, STREAM).start([("token", "s3cret"), ("lang", "en")])
}

fn decoded(text: &str) -> Result<Vec<u8>, Malformed> {
    let Inbound::Media(media) = parse(text)? else { panic!("not a media message") };
    let mut out = vec![1, 2];
    let result = media.decode_into(&mut out);
    assert_eq!(out[..2], [1, 2], "what was there stays");
    if result.is_err() {
        assert_eq!(out.len(), 2, "nothing is added on an error");
    }
    result.map(|()| out.split_off(2))
}

fn with_payload(payload: &str) -> String {
    format!(r#"{{"event":"media","media":{{"payload":"{payload}"}}}}"#)
}

#[test]
fn connected_is_read() {
    let text = r#"{"event":"connected","protocol":"Call","version":"1.0.0"}"#;
    assert_eq!(parse(text), Ok(Inbound::Connected { version: "1.0.0".into() }));
    assert_eq!(parse(r#"{"event":"connected"}"#), Ok(Inbound::Connected { version: "".into() }));
}

#[test]
fn start_is_read() {
    let text = format!(
        r#"{{"event":"start","sequenceNumber":"1","streamSid":"{STREAM}",
            "start":{{"accountSid":"{ACCOUNT}","streamSid":"{STREAM}","callSid":"{CALL}",
            "tracks":["inbound"],
            "mediaFormat":{{"encoding":"audio/x-mulaw","sampleRate":8000,"channels":1}},
            "customParameters":{{"token":"abc"}}}}}}"#
    );
    let Ok(Inbound::Start(start)) = parse(&text) else { panic!("not a start") };
    assert_eq!(start.stream_sid, STREAM);
    assert_eq!(start.call_sid, CALL);
    assert_eq!(start.account_sid, ACCOUNT);
    assert_eq!(start.tracks, ["inbound"]);
    assert_eq!(start.media_format.encoding, "audio/x-mulaw");
    assert_eq!((start.media_format.sample_rate, start.media_format.channels), (8000, 1));
    assert_eq!(start.parameters, BTreeMap::from([("token".to_owned(), "abc".to_owned())]));
    assert_eq!(start.sequence, Some(1));
}

#[test]
fn start_is_strict_about_what_a_call_stands_on() {
    let good = start_text();
    assert!(parse(&good).is_ok());
    let broken = |from: &str, to: &str| {
        assert!(good.contains(from), "{from}");
        parse(&good.replace(from, to)).unwrap_err()
    };
    assert_eq!(broken(r#""callSid""#, r#""other""#), Malformed::Missing("start.callSid"));
    assert_eq!(broken(r#""streamSid""#, r#""other""#), Malformed::Missing("start.streamSid"));
    assert_eq!(broken(CALL, ""), Malformed::Sid("start.callSid"));
    assert_eq!(broken(CALL, "../../etc/passwd"), Malformed::Sid("start.callSid"));
    assert_eq!(broken(CALL, &"C".repeat(65)), Malformed::Sid("start.callSid"));
    assert_eq!(broken("audio/x-mulaw", "audio/x-alaw"), Malformed::Format);
    assert_eq!(broken("8000", "16000"), Malformed::Format);
    assert_eq!(broken(r#""channels":1"#, r#""channels":2"#), Malformed::Format);
    assert_eq!(broken("mediaFormat", "format"), Malformed::Missing("start.mediaFormat"));
    let column = match broken(r#"["inbound"]"#, "7") {
        Malformed::Shape { event: "start", column } => column,
        other => panic!("{other:?}"),
    };
    assert!(column > 0);
    assert_eq!(parse(r#"{"event":"start"}"#), Err(Malformed::Missing("start")));
    let two = good.replacen(STREAM, "MZ04", 1);
    assert_eq!(parse(&two), Err(Malformed::TwoStreams));
}

#[test]
fn a_stream_named_outside_of_start_only_is_accepted() {
    let text =
        start_text().replacen(&format!(r#","streamSid":"{STREAM}","callSid""#), r#","callSid""#, 1);
    assert_eq!(text.matches(STREAM).count(), 1);
    let Ok(Inbound::Start(start)) = parse(&text) else { panic!("not a start") };
    assert_eq!(start.stream_sid, STREAM);
}

#[test]
fn secrets_and_voices_are_not_shown() {
    let start = start_text();
    let dtmf = Messages::new(ACCOUNT, CALL, STREAM).dtmf('7');
    let media = with_payload("c2VjcmV0");
    let shown = format!("{:?} {:?} {:?}", parse(&start), parse(&dtmf), parse(&media));
    for secret in ["s3cret", "7", "c2VjcmV0"] {
        assert!(!shown.contains(secret), "{shown}");
    }
    assert!(shown.contains("token"));
}

#[test]
fn media_is_read_and_decoded() {
    let text = r#"{"event":"media","sequenceNumber":"4","streamSid":"MZ1",
        "media":{"track":"inbound","chunk":"2","timestamp":"25","payload":"/85Or58fjw+AAA=="}}"#;
    let Ok(Inbound::Media(media)) = parse(text) else { panic!("not media") };
    assert_eq!((media.sequence, media.chunk, media.timestamp_ms), (Some(4), Some(2), Some(25)));
    assert!(matches!(media.track, Cow::Borrowed("inbound")));
    let expected = [0xFF, 0xCE, 0x4E, 0xAF, 0x9F, 0x1F, 0x8F, 0x0F, 0x80, 0x00];
    assert_eq!(decoded(text).unwrap(), expected);
    // Some JSON writers escape slashes.
    assert_eq!(decoded(&text.replace('/', r"\/")).unwrap(), expected);
}

#[test]
fn counts_may_be_strings_or_numbers() {
    for (spelling, expected) in
        [(r#""25""#, Some(25)), ("25", Some(25)), ("25.9", Some(25)), ("null", None)]
    {
        let text = format!(
            r#"{{"event":"media","sequenceNumber":{spelling},
                "media":{{"chunk":{spelling},"timestamp":{spelling},"payload":"/w=="}}}}"#
        );
        let Ok(Inbound::Media(media)) = parse(&text) else { panic!("{spelling}") };
        assert_eq!([media.sequence, media.chunk, media.timestamp_ms], [expected; 3]);
    }
    for spelling in [r#""x""#, "-1", "true", "[]", "1e99", r#""99999999999999999999""#] {
        let text = format!(r#"{{"event":"stop","sequenceNumber":{spelling}}}"#);
        assert!(matches!(parse(&text), Err(Malformed::Shape { event: "stop", .. })), "{spelling}");
    }
}

#[test]
fn payloads_that_are_not_strict_base64_are_refused() {
    for payload in ["/w", "/w=", "/w===", "_w==", "/x==", "/w== ", "!!!!", "/w==/w==", "é"] {
        assert_eq!(decoded(&with_payload(payload)), Err(Malformed::Base64), "{payload}");
    }
    assert_eq!(decoded(&with_payload("")), Err(Malformed::EmptyPayload));
    assert_eq!(decoded(&with_payload(&"////".repeat(MAX_PAYLOAD / 4))).unwrap().len(), 24 * 1024);
    let length = MAX_PAYLOAD + 4;
    let long = with_payload(&"/".repeat(length));
    assert_eq!(decoded(&long), Err(Malformed::LongPayload { length }));
    assert_eq!(parse(r#"{"event":"media","media":{}}"#), Err(Malformed::Missing("media.payload")));
    assert_eq!(parse(r#"{"event":"media"}"#), Err(Malformed::Missing("media")));
}

#[test]
fn keys_marks_and_stop_are_read() {
    let mut carrier = Messages::new(ACCOUNT, CALL, STREAM);
    for digit in "0123456789*#ABCD".chars() {
        let text = carrier.dtmf(digit);
        let Ok(Inbound::Dtmf(dtmf)) = parse(&text) else { panic!("{digit}") };
        assert_eq!(dtmf.digit, digit);
    }
    for digit in ["E", "12", "", "a", "é"] {
        let text = format!(r#"{{"event":"dtmf","dtmf":{{"digit":"{digit}"}}}}"#);
        assert_eq!(parse(&text), Err(Malformed::Digit), "{digit}");
    }
    let text = carrier.mark("r1:3 \"é\"\n");
    assert_eq!(parse(&text), Ok(Inbound::Mark { name: "r1:3 \"é\"\n".into(), sequence: Some(17) }));
    assert_eq!(parse(&carrier.stop()), Ok(Inbound::Stop { sequence: Some(18) }));
}

#[test]
fn what_is_unknown_is_passed_over() {
    let unknown = |event: &'static str| Ok(Inbound::Unknown { event: event.into() });
    assert_eq!(parse(r#"{"event":"warp","warp":{"x":[1,2,{"y":null}]}}"#), unknown("warp"));
    // Even where it uses our names for something else.
    assert_eq!(parse(r#"{"event":"warp","media":7,"sequenceNumber":[]}"#), unknown("warp"));
    let text = r#"{"new":{"a":[]},"event":"mark","mark":{"name":"m","more":1},"more":"x"}"#;
    assert_eq!(parse(text), Ok(Inbound::Mark { name: "m".into(), sequence: None }));
}

#[test]
fn what_is_no_message_is_said_to_be_none() {
    for text in ["", "   ", "{", r#"{"event":"media""#, "nonsense", "{}x", r#"{"event":"stop"}{}"#]
    {
        assert_eq!(parse(text), Err(Malformed::NotJson), "{text}");
    }
    for text in ["[]", "null", "7", r#""media""#, r#"["media"]"#] {
        assert_eq!(parse(text), Err(Malformed::NotAnObject), "{text}");
    }
    assert_eq!(parse("{}"), Err(Malformed::Missing("event")));
    assert_eq!(parse(r#"{"event":null}"#), Err(Malformed::Missing("event")));
    let length = MAX_MESSAGE + 1;
    assert_eq!(parse(&" ".repeat(length)), Err(Malformed::TooLong { length }));
    let deep = format!(r#"{{"event":"x","a":{}{}}}"#, "[".repeat(9000), "]".repeat(9000));
    let _ = parse(&deep);
}

#[test]
fn errors_do_not_repeat_the_message() {
    let texts = [
        r#"{"event":"media","media":{"payload":["s3cret"]}}"#,
        r#"{"event":"dtmf","dtmf":{"digit":"s3cret"}}"#,
        r#"{"event":"start","start":{"callSid":"s3cret!","streamSid":"MZ1","mediaFormat":
            {"encoding":"audio/x-mulaw","sampleRate":8000,"channels":1}}}"#,
        r#"{"event":"stop","sequenceNumber":"s3cret"}"#,
        r#"{"event":s3cret}"#,
    ];
    for text in texts {
        let error = parse(text).unwrap_err();
        assert!(!format!("{error} {error:?}").contains("s3cret"), "{error}");
    }
}

#[test]
fn our_messages_are_spelt_as_documented() {
    let writer = Writer::new(STREAM);
    assert_eq!(
        writer.media(&[0xFF, 0x00]),
        format!(r#"{{"event":"media","streamSid":"{STREAM}","media":{{"payload":"/wA="}}}}"#)
    );
    assert_eq!(
        writer.mark("r1:3"),
        format!(r#"{{"event":"mark","streamSid":"{STREAM}","mark":{{"name":"r1:3"}}}}"#)
    );
    assert_eq!(writer.clear(), format!(r#"{{"event":"clear","streamSid":"{STREAM}"}}"#));
    let silence = writer.media(&[0xFF; 160]);
    assert!(silence.contains(&format!("\"{}w==\"", "/".repeat(213))));
}

#[test]
fn the_carriers_messages_are_spelt_as_documented() {
    let mut carrier = Messages::new("AC1", "CA1", "MZ1");
    assert_eq!(carrier.connected(), r#"{"event":"connected","protocol":"Call","version":"1.0.0"}"#);
    assert_eq!(
        carrier.start([("token", "a\"b")]),
        concat!(
            r#"{"event":"start","sequenceNumber":"1","streamSid":"MZ1","#,
            r#""start":{"accountSid":"AC1","streamSid":"MZ1","callSid":"CA1","#,
            r#""tracks":["inbound"],"mediaFormat":{"encoding":"audio/x-mulaw","#,
            r#""sampleRate":8000,"channels":1},"customParameters":{"token":"a\"b"}}}"#
        )
    );
    assert_eq!(
        carrier.media(&[0xFF], 5),
        concat!(
            r#"{"event":"media","sequenceNumber":"2","streamSid":"MZ1","#,
            r#""media":{"track":"inbound","chunk":"1","timestamp":"5","payload":"/w=="}}"#
        )
    );
    assert_eq!(
        carrier.dtmf('#'),
        concat!(
            r##"{"event":"dtmf","sequenceNumber":"3","streamSid":"MZ1","##,
            r##""dtmf":{"track":"inbound_track","digit":"#"}}"##
        )
    );
    assert_eq!(
        carrier.mark("m"),
        r#"{"event":"mark","sequenceNumber":"4","streamSid":"MZ1","mark":{"name":"m"}}"#
    );
    assert!(carrier.media(&[0xFF], 25).contains(r#""chunk":"2","timestamp":"25""#));
    assert_eq!(
        carrier.stop(),
        concat!(
            r#"{"event":"stop","sequenceNumber":"6","streamSid":"MZ1","#,
            r#""stop":{"accountSid":"AC1","callSid":"CA1"}}"#
        )
    );
}

#[test]
fn the_carrier_is_strict() {
    let parse = |text: &str| carrier::parse(text, "MZ1").map(|_| ());
    let violation = |text: &str| carrier::parse(text, "MZ1").unwrap_err();
    assert_eq!(parse(r#"{"event":"clear","streamSid":"MZ1"}"#), Ok(()));
    assert_eq!(violation("nonsense"), Violation::NotJson);
    assert_eq!(violation(r#"["clear","MZ1"]"#), Violation::NotJson);
    assert_eq!(violation(r#"{"event":"play","streamSid":"MZ1"}"#), Violation::UnknownEvent);
    assert_eq!(violation(r#"{"streamSid":"MZ1"}"#), Violation::Missing("event"));
    assert_eq!(violation(r#"{"event":"clear"}"#), Violation::Missing("streamSid"));
    assert_eq!(violation(r#"{"event":"clear","streamSid":"MZ2"}"#), Violation::WrongStream);
    assert_eq!(violation(r#"{"event":"media","streamSid":"MZ1"}"#), Violation::Missing("media"));
    assert_eq!(violation(r#"{"event":"mark","streamSid":"MZ1"}"#), Violation::Missing("mark"));
    for payload in ["", "!", "/w", "/w==\\n"] {
        let text =
            format!(r#"{{"event":"media","streamSid":"MZ1","media":{{"payload":"{payload}"}}}}"#);
        assert_eq!(violation(&text), Violation::Payload, "{payload}");
    }
    for text in [
        r#"{"event":"clear","streamSid":"MZ1","extra":1}"#,
        r#"{"event":"clear","streamSid":"MZ1","mark":{"name":"m"}}"#,
        r#"{"event":"media","streamSid":"MZ1","media":{"payload":"/w==","track":"outbound"}}"#,
        r#"{"event":"mark","streamSid":"MZ1","mark":{"name":7}}"#,
        r#"{"event":"mark","streamSid":"MZ1","streamSid":"MZ1","mark":{"name":"m"}}"#,
    ] {
        assert!(matches!(violation(text), Violation::Field { .. }), "{text}");
    }
}

/// A message of either side, by its number.
fn any_message() -> impl Strategy<Value = String> {
    (0..10usize, prop::collection::vec(any::<u8>(), 1..400), ".{0,20}", any::<u64>()).prop_map(
        |(kind, audio, name, number)| {
            let mut carrier = Messages::new(ACCOUNT, CALL, STREAM);
            let gateway = Writer::new(STREAM);
            match kind {
                0 => carrier.connected(),
                1 => carrier.start([("token", name)]),
                2 => carrier.dtmf('5'),
                3 => carrier.mark(&name),
                4 => carrier.stop(),
                5 => gateway.media(&audio),
                6 => gateway.mark(&name),
                7 => gateway.clear(),
                _ => carrier.media(&audio, number),
            }
        },
    )
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused(text in ".{0,300}") {
        let _ = parse(&text);
        let _ = carrier::parse(&text, STREAM);
    }

    #[test]
    fn a_damaged_message_is_read_or_refused(
        text in any_message(),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<char>(), 0..4u8), 1..4),
    ) {
        let mut chars: Vec<char> = text.chars().collect();
        for (at, with, how) in damage {
            if chars.is_empty() {
                break;
            }
            let at = at.index(chars.len());
            match how {
                0 => chars[at] = with,
                1 => chars.insert(at, with),
                2 => drop(chars.remove(at)),
                _ => chars.truncate(at),
            }
        }
        let text: String = chars.into_iter().collect();
        if let Ok(Inbound::Media(media)) = parse(&text) {
            let _ = media.decode_into(&mut Vec::new());
        }
        let _ = carrier::parse(&text, STREAM);
    }

    #[test]
    fn the_carriers_audio_arrives(
        audio in prop::collection::vec(any::<u8>(), 1..2000),
        timestamp in any::<u64>(),
    ) {
        let text = Messages::new(ACCOUNT, CALL, STREAM).media(&audio, timestamp);
        let Ok(Inbound::Media(media)) = parse(&text) else { panic!("not media") };
        prop_assert_eq!(media.timestamp_ms, Some(timestamp));
        prop_assert_eq!(media.sequence, Some(1));
        prop_assert_eq!(decoded(&text).unwrap(), audio);
    }

    #[test]
    fn our_audio_and_marks_arrive(
        audio in prop::collection::vec(any::<u8>(), 1..2000),
        name in "\\PC*|[\\x00-\\x7F]*",
        sid in "\\PC{1,40}",
    ) {
        let writer = Writer::new(&sid);
        let media = writer.media(&audio);
        prop_assert_eq!(carrier::parse(&media, &sid), Ok(Outbound::Media { payload: audio }));
        let mark = writer.mark(&name);
        prop_assert_eq!(carrier::parse(&mark, &sid), Ok(Outbound::Mark { name: name.into() }));
        let clear = writer.clear();
        prop_assert_eq!(carrier::parse(&clear, &sid), Ok(Outbound::Clear));
    }
}
