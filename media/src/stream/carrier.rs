//! The carrier's side of the socket, for programs that play the carrier.
//!
//! [`Messages`] spells what the carrier sends, numbers as strings where the carrier sends strings.
//! [`parse`] reads what a gateway sends back as strictly as the carrier does: a message that breaks a
//! rule is ignored there and reported once per stream, as its warning 31951.

use std::borrow::Cow;
use std::fmt::Write as _;

use base64_simd::STANDARD;
use serde::Deserialize;

use super::wire::{Text, push_json_string};
use super::{Malformed, decode_payload};

/// The longest message that is read from a gateway, in bytes. The real carrier names no limit; this
/// one is 90 s of audio in one message.
pub const MAX_MESSAGE: usize = 1024 * 1024;

/// One message from a gateway to the carrier.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outbound<'a> {
    /// Audio to be played after all that came before.
    Media {
        /// Mu-law at 8 kHz, at least one byte.
        payload: Vec<u8>,
    },
    /// To be sent back when all that came before it has been played, or cleared.
    Mark {
        /// Free text.
        name: Cow<'a, str>,
    },
    /// Drop what has not been played, and send back the marks in it.
    Clear,
}

/// How a gateway's message broke the carrier's rules. Says nothing of what the message contained.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Violation {
    /// The gateway sent a binary frame. [`parse`] reads text, so its caller raises this one.
    #[error("a binary frame: the protocol has text frames only")]
    Binary,
    /// More than [`MAX_MESSAGE`] bytes.
    #[error("the message has {length} bytes, more than {MAX_MESSAGE}")]
    TooLong {
        /// Bytes of the message.
        length: usize,
    },
    /// Not one whole JSON object.
    #[error("the message is not a JSON object")]
    NotJson,
    /// `event` is not one of media, mark and clear.
    #[error("`event` is none of media, mark, clear")]
    UnknownEvent,
    /// A field that the event needs is absent.
    #[error("`{0}` is missing")]
    Missing(&'static str),
    /// A field that is unknown, repeated, of a wrong type, or of another event.
    #[error("a field that the event does not have, or of a wrong type, near byte {column}")]
    Field {
        /// Where in the message, from 1; 0 where it is not known.
        column: usize,
    },
    /// `streamSid` is another stream's.
    #[error("`streamSid` is not this stream's")]
    WrongStream,
    /// The payload is empty, or not padded standard base64.
    #[error("`media.payload` is empty or not base64")]
    Payload,
}

/// Reads one text message that a gateway sent to the stream `stream_sid`.
///
/// # Errors
/// Whatever the carrier would report: see [`Violation`].
pub fn parse<'a>(text: &'a str, stream_sid: &str) -> Result<Outbound<'a>, Violation> {
    if text.len() > MAX_MESSAGE {
        return Err(Violation::TooLong { length: text.len() });
    }
    if !text.trim_ascii_start().starts_with('{') {
        return Err(Violation::NotJson);
    }
    let message: Message<'_> = serde_json::from_str(text).map_err(|error| {
        if error.is_data() {
            Violation::Field { column: error.column() }
        } else {
            Violation::NotJson
        }
    })?;
    let event = message.event.ok_or(Violation::Missing("event"))?;
    if !["media", "mark", "clear"].contains(&event.as_str()) {
        return Err(Violation::UnknownEvent);
    }
    let sid = message.stream_sid.ok_or(Violation::Missing("streamSid"))?;
    if sid.as_str() != stream_sid {
        return Err(Violation::WrongStream);
    }
    match (event.as_str(), message.media, message.mark) {
        ("media", Some(body), None) => {
            let encoded = body.payload.ok_or(Violation::Missing("media.payload"))?;
            let mut payload = Vec::new();
            decode_payload(encoded.as_str(), MAX_MESSAGE, &mut payload)
                .map_err(|_: Malformed| Violation::Payload)?;
            Ok(Outbound::Media { payload })
        }
        ("mark", None, Some(body)) => {
            let name = body.name.ok_or(Violation::Missing("mark.name"))?.into_cow();
            Ok(Outbound::Mark { name })
        }
        ("clear", None, None) => Ok(Outbound::Clear),
        ("media", None, _) => Err(Violation::Missing("media")),
        ("mark", _, None) => Err(Violation::Missing("mark")),
        _ => Err(Violation::Field { column: 0 }),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Message<'a> {
    #[serde(borrow)]
    event: Option<Text<'a>>,
    #[serde(borrow, rename = "streamSid")]
    stream_sid: Option<Text<'a>>,
    #[serde(borrow)]
    media: Option<MediaBody<'a>>,
    #[serde(borrow)]
    mark: Option<MarkBody<'a>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct MediaBody<'a> {
    #[serde(borrow)]
    payload: Option<Text<'a>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct MarkBody<'a> {
    #[serde(borrow)]
    name: Option<Text<'a>>,
}

/// Whose audio, seen from the carrier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Track {
    /// What it receives from the other party.
    Inbound,
    /// What it plays to the other party.
    Outbound,
}

impl Track {
    /// As the messages have it; TwiML has other words.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Inbound => "inbound",
            Self::Outbound => "outbound",
        }
    }
}

/// Spells the carrier's messages of one stream, and counts them as the carrier does.
#[derive(Clone, Debug)]
pub struct Messages {
    /// The identifiers as JSON strings, quotes included.
    account: String,
    call: String,
    stream: String,
    sequence: u64,
    chunk: u64,
}

impl Messages {
    /// For one stream of one call.
    #[must_use]
    pub fn new(account_sid: &str, call_sid: &str, stream_sid: &str) -> Self {
        let quoted = |text: &str| {
            let mut out = String::with_capacity(text.len() + 2);
            push_json_string(&mut out, text);
            out
        };
        Self {
            account: quoted(account_sid),
            call: quoted(call_sid),
            stream: quoted(stream_sid),
            sequence: 0,
            chunk: 0,
        }
    }

    /// The first message of a socket; it has no number.
    #[must_use]
    pub fn connected(&self) -> String {
        r#"{"event":"connected","protocol":"Call","version":"1.0.0"}"#.to_owned()
    }

    /// The second message; `parameters` are the TwiML's `<Parameter>`s.
    pub fn start<K: AsRef<str>, V: AsRef<str>>(
        &mut self,
        parameters: impl IntoIterator<Item = (K, V)>,
    ) -> String {
        self.start_of(&[Track::Inbound], parameters)
    }

    /// As [`Messages::start`], for a stream of these tracks.
    pub fn start_of<K: AsRef<str>, V: AsRef<str>>(
        &mut self,
        tracks: &[Track],
        parameters: impl IntoIterator<Item = (K, V)>,
    ) -> String {
        let mut text = self.open("start");
        let _ = write!(
            text,
            r#","start":{{"accountSid":{},"streamSid":{},"callSid":{},"tracks":["#,
            self.account, self.stream, self.call
        );
        for (index, track) in tracks.iter().enumerate() {
            let comma = if index > 0 { "," } else { "" };
            let _ = write!(text, r#"{comma}"{}""#, track.word());
        }
        text.push_str("],");
        text.push_str(
            r#""mediaFormat":{"encoding":"audio/x-mulaw","sampleRate":8000,"channels":1},"#,
        );
        text.push_str(r#""customParameters":{"#);
        for (index, (name, value)) in parameters.into_iter().enumerate() {
            if index > 0 {
                text.push(',');
            }
            push_json_string(&mut text, name.as_ref());
            text.push(':');
            push_json_string(&mut text, value.as_ref());
        }
        text.push_str("}}}");
        text
    }

    /// The caller's audio; `timestamp_ms` is when it begins, from the start of the stream.
    pub fn media(&mut self, mulaw: &[u8], timestamp_ms: u64) -> String {
        self.media_of(Track::Inbound, mulaw, timestamp_ms)
    }

    /// As [`Messages::media`], of one track. `chunk` counts the messages of all tracks.
    pub fn media_of(&mut self, track: Track, mulaw: &[u8], timestamp_ms: u64) -> String {
        self.chunk += 1;
        let mut text = self.open("media");
        text.reserve(STANDARD.encoded_length(mulaw.len()) + 96);
        let _ = write!(
            text,
            r#","media":{{"track":"{}","chunk":"{}","timestamp":"{timestamp_ms}","payload":""#,
            track.word(),
            self.chunk
        );
        STANDARD.encode_append(mulaw, &mut text);
        text.push_str(r#""}}"#);
        text
    }

    /// The caller pressed a key.
    pub fn dtmf(&mut self, digit: char) -> String {
        let mut text = self.open("dtmf");
        text.push_str(r#","dtmf":{"track":"inbound_track","digit":"#);
        push_json_string(&mut text, digit.encode_utf8(&mut [0; 4]));
        text.push_str("}}");
        text
    }

    /// The echo of a mark that the gateway sent.
    pub fn mark(&mut self, name: &str) -> String {
        let mut text = self.open("mark");
        text.push_str(r#","mark":{"name":"#);
        push_json_string(&mut text, name);
        text.push_str("}}");
        text
    }

    /// The last message: the stream stopped, or the call ended.
    pub fn stop(&mut self) -> String {
        let mut text = self.open("stop");
        let _ =
            write!(text, r#","stop":{{"accountSid":{},"callSid":{}}}}}"#, self.account, self.call);
        text
    }

    /// All but `connected` are numbered in one row, from 1.
    fn open(&mut self, event: &str) -> String {
        self.sequence += 1;
        format!(
            r#"{{"event":"{event}","sequenceNumber":"{}","streamSid":{}"#,
            self.sequence, self.stream
        )
    }
}
