//! The carrier's Media Streams messages: what comes in ([`parse`]) and what we send ([`Writer`]).
//!
//! Tolerant of what the carrier may add (unknown events, unknown fields, numbers as strings), strict
//! about what a call stands on: the identifiers and the audio format of `start`. A `media` message is
//! read without allocating; what it borrows lives as long as the text it came in.
//!
//! Order is not judged here (`media` before `start`, a second `start`): that is the session's to say.
//! The other side of the wire, for programs that play the carrier, is in [`carrier`].

pub mod carrier;
mod wire;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use base64_simd::{AsOut, STANDARD};
use serde::Deserialize;
use serde_json::value::RawValue;

use self::wire::{Counter, Text, push_json_string};

/// The longest message that is read, in bytes of text. A `media` message of 20 ms takes about 330.
pub const MAX_MESSAGE: usize = 64 * 1024;

/// The longest audio payload that is decoded, in base64 characters: about 3 s of mu-law.
pub const MAX_PAYLOAD: usize = 32 * 1024;

/// The longest stream, call or account identifier, in characters. The carrier's own have 34.
pub const MAX_SID: usize = 64;

/// One message from the carrier.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Inbound<'a> {
    /// The first message of a socket.
    Connected {
        /// The protocol's version; empty if the carrier did not say.
        version: Cow<'a, str>,
    },
    /// Whose audio this is; sent once, before any audio.
    Start(Box<Start>),
    /// Some audio, usually 20 ms.
    Media(Media<'a>),
    /// A key was pressed.
    Dtmf(Dtmf),
    /// A mark of ours came back: the audio before it was played, or cleared.
    Mark {
        /// The name that was sent.
        name: Cow<'a, str>,
        /// The message's place in the stream.
        sequence: Option<u64>,
    },
    /// The stream ended.
    Stop {
        /// The message's place in the stream.
        sequence: Option<u64>,
    },
    /// An event that is not known here; to be counted and passed over.
    Unknown {
        /// What the carrier called it.
        event: Cow<'a, str>,
    },
}

/// Whose audio a stream carries.
#[derive(Clone, PartialEq, Eq)]
pub struct Start {
    /// The stream, required in every message that is sent back.
    pub stream_sid: String,
    /// The call that the stream belongs to.
    pub call_sid: String,
    /// The account that the call belongs to; empty if the carrier did not say.
    pub account_sid: String,
    /// Which audio comes: `inbound`, `outbound` or both.
    pub tracks: Vec<String>,
    /// Always mu-law, 8 kHz, mono: any other format is refused.
    pub media_format: MediaFormat,
    /// The `<Parameter>`s of the TwiML, a token among them.
    pub parameters: BTreeMap<String, String>,
    /// The message's place in the stream.
    pub sequence: Option<u64>,
}

impl fmt::Debug for Start {
    /// Shows the parameters' names only: one of the values is the token that opens the call.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Start")
            .field("stream_sid", &self.stream_sid)
            .field("call_sid", &self.call_sid)
            .field("account_sid", &self.account_sid)
            .field("tracks", &self.tracks)
            .field("media_format", &self.media_format)
            .field("parameters", &self.parameters.keys().collect::<Vec<_>>())
            .field("sequence", &self.sequence)
            .finish()
    }
}

/// How the audio of a stream is encoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MediaFormat {
    /// The media type: `audio/x-mulaw`.
    pub encoding: String,
    /// Samples a second: 8000.
    pub sample_rate: u32,
    /// Channels: 1.
    pub channels: u32,
}

/// Some audio from the carrier, still in base64.
#[derive(Clone, PartialEq, Eq)]
pub struct Media<'a> {
    /// `inbound` (the caller, seen from the carrier) or `outbound`.
    pub track: Cow<'a, str>,
    /// The message's place in the stream.
    pub sequence: Option<u64>,
    /// The message's place among the audio messages, from 1.
    pub chunk: Option<u64>,
    /// When the audio begins, in ms from the start of the stream.
    pub timestamp_ms: Option<u64>,
    payload: Cow<'a, str>,
}

impl Media<'_> {
    /// Appends the mu-law bytes to `out`, which is left as it was on an error.
    ///
    /// # Errors
    /// The payload is empty, longer than [`MAX_PAYLOAD`], or not padded standard base64.
    pub fn decode_into(&self, out: &mut Vec<u8>) -> Result<(), Malformed> {
        decode_payload(&self.payload, MAX_PAYLOAD, out)
    }
}

impl fmt::Debug for Media<'_> {
    /// Shows the payload's length only: it is somebody's voice.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Media")
            .field("track", &self.track)
            .field("sequence", &self.sequence)
            .field("chunk", &self.chunk)
            .field("timestamp_ms", &self.timestamp_ms)
            .field("payload_chars", &self.payload.len())
            .finish()
    }
}

/// A key that the caller pressed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Dtmf {
    /// One of `0`–`9`, `*`, `#`, `A`–`D`.
    pub digit: char,
}

impl fmt::Debug for Dtmf {
    /// Hides the key: digits add up to card numbers and PINs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Dtmf")
    }
}

/// Why a message from the carrier could not be read. Says nothing of what the message contained.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// More than [`MAX_MESSAGE`] bytes.
    #[error("the message has {length} bytes, more than {MAX_MESSAGE}")]
    TooLong {
        /// Bytes of the message.
        length: usize,
    },
    /// Not one whole JSON value.
    #[error("the message is not JSON")]
    NotJson,
    /// JSON, but not an object.
    #[error("the message is not a JSON object")]
    NotAnObject,
    /// A field that the event needs is absent.
    #[error("`{0}` is missing")]
    Missing(&'static str),
    /// A field is there twice, or is not of its type.
    #[error("a field of the `{event}` message, near byte {column}, is repeated or of a wrong type")]
    Shape {
        /// The event whose message it is.
        event: &'static str,
        /// Where in the message, or in the event's own object, from 1.
        column: usize,
    },
    /// An identifier that could not be one: empty, too long, or with other than letters and digits.
    #[error("`{0}` is not an identifier")]
    Sid(&'static str),
    /// `start` names two different streams.
    #[error("`streamSid` and `start.streamSid` differ")]
    TwoStreams,
    /// Audio in a format that is not spoken here.
    #[error("the media format is not audio/x-mulaw at 8000 Hz with 1 channel")]
    Format,
    /// Not a telephone key.
    #[error("`dtmf.digit` is not one of 0-9 * # A-D")]
    Digit,
    /// Audio of no length.
    #[error("the payload is empty")]
    EmptyPayload,
    /// Audio of more than the permitted length.
    #[error("the payload has {length} characters, too many")]
    LongPayload {
        /// Base64 characters of the payload.
        length: usize,
    },
    /// Not the standard alphabet, or not padded.
    #[error("the payload is not base64")]
    Base64,
}

/// Reads one text message from the carrier. Never panics, whatever the text.
///
/// # Errors
/// The text is too long, is not a JSON object, or lacks what its event needs. An event that is not
/// known is no error: see [`Inbound::Unknown`].
pub fn parse(text: &str) -> Result<Inbound<'_>, Malformed> {
    if text.len() > MAX_MESSAGE {
        return Err(Malformed::TooLong { length: text.len() });
    }
    // A derived struct would also be read from an array of its fields, in order.
    if !text.trim_ascii_start().starts_with('{') {
        let json = serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok();
        return Err(if json { Malformed::NotAnObject } else { Malformed::NotJson });
    }
    let message: Message<'_> = match serde_json::from_str(text) {
        Ok(message) => message,
        Err(error) => return second_look(text, &error),
    };
    let sequence = message.sequence.map(Counter::get);
    let Some(event) = message.event else { return Err(Malformed::Missing("event")) };
    match event.as_str() {
        "media" => {
            let body = message.media.ok_or(Malformed::Missing("media"))?;
            Ok(Inbound::Media(Media {
                // Only a socket with both tracks needs to tell them apart, and there it is sent.
                track: body.track.map_or(Cow::Borrowed("inbound"), Text::into_cow),
                sequence,
                chunk: body.chunk.map(Counter::get),
                timestamp_ms: body.timestamp.map(Counter::get),
                payload: body.payload.ok_or(Malformed::Missing("media.payload"))?.into_cow(),
            }))
        }
        "mark" => {
            let body: MarkBody<'_> = inner("mark", message.mark)?;
            let name = body.name.ok_or(Malformed::Missing("mark.name"))?.into_cow();
            Ok(Inbound::Mark { name, sequence })
        }
        "dtmf" => {
            let body: DtmfBody<'_> = inner("dtmf", message.dtmf)?;
            let digit = body.digit.ok_or(Malformed::Missing("dtmf.digit"))?;
            Ok(Inbound::Dtmf(Dtmf { digit: telephone_key(digit.as_str())? }))
        }
        "connected" => {
            let version = message.version.map(Text::into_cow).unwrap_or_default();
            Ok(Inbound::Connected { version })
        }
        "start" => start(message.stream_sid, sequence, inner("start", message.start)?),
        "stop" => Ok(Inbound::Stop { sequence }),
        _ => Ok(Inbound::Unknown { event: event.into_cow() }),
    }
}

/// Why the quick reading failed: an event that is not ours may have fields of any shape.
fn second_look<'a>(text: &'a str, error: &serde_json::Error) -> Result<Inbound<'a>, Malformed> {
    if !error.is_data() {
        return Err(Malformed::NotJson);
    }
    let column = error.column();
    let envelope: Envelope<'_> = serde_json::from_str(text).map_err(|error| {
        if error.is_data() { Malformed::Shape { event: "?", column } } else { Malformed::NotJson }
    })?;
    let Some(event) = envelope.event else { return Err(Malformed::Missing("event")) };
    match EVENTS.into_iter().find(|known| *known == event.as_str()) {
        Some(event) => Err(Malformed::Shape { event, column }),
        None => Ok(Inbound::Unknown { event: event.into_cow() }),
    }
}

/// The events that [`parse`] knows.
const EVENTS: [&str; 6] = ["connected", "start", "media", "dtmf", "mark", "stop"];

fn inner<'a, T: Deserialize<'a>>(
    event: &'static str,
    body: Option<&'a RawValue>,
) -> Result<T, Malformed> {
    let body = body.ok_or(Malformed::Missing(event))?;
    serde_json::from_str(body.get())
        .map_err(|error| Malformed::Shape { event, column: error.column() })
}

fn start(
    outer_sid: Option<Text<'_>>,
    sequence: Option<u64>,
    body: StartBody<'_>,
) -> Result<Inbound<'static>, Malformed> {
    let stream_sid = match (body.stream_sid, outer_sid) {
        (Some(inner), Some(outer)) if inner.as_str() != outer.as_str() => {
            return Err(Malformed::TwoStreams);
        }
        (inner, outer) => inner.or(outer),
    };
    let account_sid = match body.account_sid {
        Some(account) if !account.as_str().is_empty() => sid("start.accountSid", Some(account))?,
        _ => String::new(),
    };
    let format = body.media_format.ok_or(Malformed::Missing("start.mediaFormat"))?;
    let ours = format.encoding.as_ref().is_some_and(|name| name.as_str() == "audio/x-mulaw")
        && format.sample_rate.is_some_and(|rate| rate.get() == 8000)
        && format.channels.is_some_and(|channels| channels.get() == 1);
    if !ours {
        return Err(Malformed::Format);
    }
    Ok(Inbound::Start(Box::new(Start {
        stream_sid: sid("start.streamSid", stream_sid)?,
        call_sid: sid("start.callSid", body.call_sid)?,
        account_sid,
        tracks: body.tracks.unwrap_or_default(),
        media_format: MediaFormat {
            encoding: "audio/x-mulaw".to_owned(),
            sample_rate: 8000,
            channels: 1,
        },
        parameters: body.custom_parameters.unwrap_or_default(),
        sequence,
    })))
}

/// Identifiers name files, rows and log lines, so they may hold nothing that means more there.
fn sid(field: &'static str, text: Option<Text<'_>>) -> Result<String, Malformed> {
    let text = text.ok_or(Malformed::Missing(field))?.into_cow();
    let fits = (1..=MAX_SID).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
    if fits { Ok(text.into_owned()) } else { Err(Malformed::Sid(field)) }
}

fn telephone_key(text: &str) -> Result<char, Malformed> {
    let mut chars = text.chars();
    match (chars.next(), chars.next()) {
        (Some(digit @ ('0'..='9' | '*' | '#' | 'A'..='D')), None) => Ok(digit),
        _ => Err(Malformed::Digit),
    }
}

fn decode_payload(payload: &str, limit: usize, out: &mut Vec<u8>) -> Result<(), Malformed> {
    if payload.is_empty() {
        return Err(Malformed::EmptyPayload);
    }
    if payload.len() > limit {
        return Err(Malformed::LongPayload { length: payload.len() });
    }
    let length = STANDARD.decoded_length(payload.as_bytes()).map_err(|_| Malformed::Base64)?;
    let from = out.len();
    out.resize(from + length, 0);
    match STANDARD.decode(payload.as_bytes(), out[from..].as_out()) {
        Ok(_) => Ok(()),
        Err(_) => {
            out.truncate(from);
            Err(Malformed::Base64)
        }
    }
}

/// One flat struct for every event: twice as quick as a tagged enum. Bodies of rare events stay raw.
#[derive(Deserialize)]
struct Message<'a> {
    #[serde(borrow)]
    event: Option<Text<'a>>,
    #[serde(borrow, rename = "streamSid")]
    stream_sid: Option<Text<'a>>,
    #[serde(rename = "sequenceNumber")]
    sequence: Option<Counter>,
    #[serde(borrow)]
    media: Option<MediaBody<'a>>,
    #[serde(borrow)]
    mark: Option<&'a RawValue>,
    #[serde(borrow)]
    dtmf: Option<&'a RawValue>,
    #[serde(borrow)]
    start: Option<&'a RawValue>,
    #[serde(borrow)]
    version: Option<Text<'a>>,
}

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow)]
    event: Option<Text<'a>>,
}

#[derive(Deserialize)]
struct MediaBody<'a> {
    #[serde(borrow)]
    track: Option<Text<'a>>,
    chunk: Option<Counter>,
    timestamp: Option<Counter>,
    #[serde(borrow)]
    payload: Option<Text<'a>>,
}

#[derive(Deserialize)]
struct MarkBody<'a> {
    #[serde(borrow)]
    name: Option<Text<'a>>,
}

#[derive(Deserialize)]
struct DtmfBody<'a> {
    #[serde(borrow)]
    digit: Option<Text<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct StartBody<'a> {
    #[serde(borrow)]
    stream_sid: Option<Text<'a>>,
    #[serde(borrow)]
    call_sid: Option<Text<'a>>,
    #[serde(borrow)]
    account_sid: Option<Text<'a>>,
    tracks: Option<Vec<String>>,
    #[serde(borrow)]
    media_format: Option<FormatBody<'a>>,
    custom_parameters: Option<BTreeMap<String, String>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct FormatBody<'a> {
    #[serde(borrow)]
    encoding: Option<Text<'a>>,
    sample_rate: Option<Counter>,
    channels: Option<Counter>,
}

/// Spells our messages to the carrier, for one stream. Each call makes one allocation.
#[derive(Clone, Debug)]
pub struct Writer {
    media_head: String,
    mark_head: String,
    clear: String,
}

impl Writer {
    /// For the stream that `start` named.
    #[must_use]
    pub fn new(stream_sid: &str) -> Self {
        let head = |event: &str, rest: &str| {
            let mut text = format!(r#"{{"event":"{event}","streamSid":"#);
            push_json_string(&mut text, stream_sid);
            text.push_str(rest);
            text
        };
        Self {
            media_head: head("media", r#","media":{"payload":""#),
            mark_head: head("mark", r#","mark":{"name":"#),
            clear: head("clear", "}"),
        }
    }

    /// Audio to be played after all that was sent before. `mulaw` should be whole frames.
    #[must_use]
    pub fn media(&self, mulaw: &[u8]) -> String {
        let encoded = STANDARD.encoded_length(mulaw.len());
        let mut text = String::with_capacity(self.media_head.len() + encoded + 3);
        text.push_str(&self.media_head);
        STANDARD.encode_append(mulaw, &mut text);
        text.push_str(r#""}}"#);
        text
    }

    /// A mark that comes back once all that was sent before it has been played, or cleared.
    #[must_use]
    pub fn mark(&self, name: &str) -> String {
        // Two quotes and two braces, and a little for a name that needs escapes.
        let mut text = String::with_capacity(self.mark_head.len() + name.len() + 12);
        text.push_str(&self.mark_head);
        push_json_string(&mut text, name);
        text.push_str("}}");
        text
    }

    /// Drops all that was sent and has not been played.
    #[must_use]
    pub fn clear(&self) -> String {
        self.clear.clone()
    }
}
