//! An event in the words of one dialect, written once for everybody who is told.

use std::sync::OnceLock;

use axum::extract::ws::Utf8Bytes;
use serde::Serialize;
use serde_json::value::RawValue;

/// `{event, data}`, and the same with the event's place among its call's: for clients that asked to
/// be told it.
#[derive(Debug)]
pub struct Frame {
    pub event: &'static str,
    pub data: Box<RawValue>,
    pub sequence: Option<i64>,
    text: OnceLock<Utf8Bytes>,
    numbered: OnceLock<Utf8Bytes>,
}

#[derive(Serialize)]
struct Text<'a> {
    event: &'a str,
    data: &'a RawValue,
    #[serde(skip_serializing_if = "Option::is_none")]
    sequence: Option<i64>,
}

impl Frame {
    /// The event of this name with this data; none if the data is no JSON, as a map with keys that are
    /// no text is none.
    pub fn new(event: &'static str, data: &impl Serialize, sequence: Option<i64>) -> Option<Frame> {
        let written = serde_json::value::to_raw_value(data);
        let data = written
            .inspect_err(|error| tracing::error!(event, %error, "an event could not be written"))
            .ok()?;
        let (text, numbered) = (OnceLock::new(), OnceLock::new());
        Some(Frame { event, data, sequence, text, numbered })
    }

    /// As a text message of a WebSocket.
    pub fn text(&self, numbered: bool) -> Utf8Bytes {
        let sequence = self.sequence.filter(|_| numbered);
        let text = if sequence.is_some() { &self.numbered } else { &self.text };
        let write = || {
            let text = Text { event: self.event, data: &self.data, sequence };
            serde_json::to_string(&text).unwrap_or_default().into()
        };
        text.get_or_init(write).clone()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_place_stands_beside_event_and_data_for_those_who_asked() {
        let frame = Frame::new("call.ended", &json!({"call_id": "7"}), Some(3)).expect("JSON");
        let plain = r#"{"event":"call.ended","data":{"call_id":"7"}}"#;
        assert_eq!(frame.text(false).as_str(), plain);
        let numbered = r#"{"event":"call.ended","data":{"call_id":"7"},"sequence":3}"#;
        assert_eq!(frame.text(true).as_str(), numbered);
        let unkept = Frame::new("resync", &json!({}), None).expect("JSON");
        assert_eq!(unkept.text(true).as_str(), r#"{"event":"resync","data":{}}"#);
    }
}
