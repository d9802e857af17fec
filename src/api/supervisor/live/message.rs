//! What a client says: `subscribe` and `unsubscribe`.

use serde::Deserialize;
use serde_json::Value;

use crate::{domain::CallId, realtime::Options};

/// A client's wish.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wish {
    Subscribe { to: Target, options: Options, after: Option<i64> },
    Unsubscribe { from: Target },
}

/// What a subscription is to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    AllCalls,
    Call(CallId),
}

/// Why a message is not understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Misunderstood {
    pub code: &'static str,
    pub message: String,
    /// It was meant as a subscription.
    pub subscribes: bool,
}

#[derive(Deserialize)]
struct Raw {
    event: String,
    #[serde(default)]
    data: Value,
}

impl Misunderstood {
    pub(super) fn new(message: impl Into<String>) -> Self {
        Misunderstood { code: "VALIDATION_ERROR", message: message.into(), subscribes: false }
    }
}

/// A text message of the WebSocket: `{event, data}`.
pub(super) fn parse(text: &str) -> Result<Wish, Misunderstood> {
    let raw: Raw = serde_json::from_str(text)
        .map_err(|_| Misunderstood::new("Frames are JSON: {\"event\": \"…\", \"data\": {…}}"))?;
    wish(&raw.event, &raw.data)
}

/// An event and its data.
pub(super) fn wish(event: &str, data: &Value) -> Result<Wish, Misunderstood> {
    let subscribes = match event {
        "subscribe" => true,
        "unsubscribe" => false,
        _ => return Err(Misunderstood::new("event must be subscribe or unsubscribe")),
    };
    let wish = match subscribes {
        true => subscription(data),
        false => target(data).map(|from| Wish::Unsubscribe { from }),
    };
    wish.map_err(|wrong| Misunderstood { subscribes, ..wrong })
}

fn subscription(data: &Value) -> Result<Wish, Misunderstood> {
    let to = target(data)?;
    let flag = |name: &str| match &data[name] {
        Value::Null => Ok(false),
        Value::Bool(flag) => Ok(*flag),
        _ => Err(Misunderstood::new(format!("data.{name} must be true or false"))),
    };
    let options = Options { sequence: flag("sequence")?, interim: flag("interim")? };
    let after = match &data["after"] {
        Value::Null => None,
        number => {
            let number = number.as_i64().filter(|number| *number >= 0);
            let wrong = "data.after must be an integer from 0";
            Some(number.ok_or_else(|| Misunderstood::new(wrong))?)
        }
    };
    if after.is_some() && to == Target::AllCalls {
        return Err(Misunderstood::new("data.after needs data.type call"));
    }
    Ok(Wish::Subscribe { to, options, after })
}

fn target(data: &Value) -> Result<Target, Misunderstood> {
    match data["type"].as_str().map(str::to_lowercase).as_deref() {
        Some("all_calls") => Ok(Target::AllCalls),
        Some("call") => {
            let Some(id) = data["call_id"].as_str() else {
                return Err(Misunderstood::new("data.call_id must be a text when type is call"));
            };
            // What is no identifier is of no call.
            id.parse().map(Target::Call).map_err(|_| Misunderstood {
                code: "CALL_NOT_FOUND",
                ..Misunderstood::new("Call not found")
            })
        }
        _ => Err(Misunderstood::new("data.type must be all_calls or call")),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn subscriptions_are_understood() {
        let (call, plain) = (CallId::new(), Options::default());
        let to_all = parse(r#"{"event": "subscribe", "data": {"type": "all_calls"}}"#);
        let all = Wish::Subscribe { to: Target::AllCalls, options: plain, after: None };
        assert_eq!(to_all, Ok(all));
        let resumed = json!({
            "type": "CALL", "call_id": call.uuid().simple().to_string(), "after": 0,
            "sequence": true, "interim": true, "whatever": 7,
        });
        let options = Options { sequence: true, interim: true };
        let wanted = Wish::Subscribe { to: Target::Call(call), options, after: Some(0) };
        assert_eq!(wish("subscribe", &resumed), Ok(wanted));
        let from = Wish::Unsubscribe { from: Target::Call(call) };
        let left = json!({"type": "call", "call_id": call.to_string()});
        assert_eq!(wish("unsubscribe", &left), Ok(from));
    }

    #[test]
    fn what_is_not_understood_is_said() {
        for (text, code, subscribes) in [
            ("", "VALIDATION_ERROR", false),
            ("[]", "VALIDATION_ERROR", false),
            (r#"{"event": 7}"#, "VALIDATION_ERROR", false),
            (r#"{"event": "dance", "data": {}}"#, "VALIDATION_ERROR", false),
            (r#"{"event": "unsubscribe"}"#, "VALIDATION_ERROR", false),
            (r#"{"event": "subscribe"}"#, "VALIDATION_ERROR", true),
            (r#"{"event": "subscribe", "data": {"type": "some"}}"#, "VALIDATION_ERROR", true),
            (r#"{"event": "subscribe", "data": {"type": "call"}}"#, "VALIDATION_ERROR", true),
            (
                r#"{"event": "subscribe", "data": {"type": "all_calls", "after": 3}}"#,
                "VALIDATION_ERROR",
                true,
            ),
            (
                r#"{"event": "subscribe", "data": {"type": "all_calls", "sequence": "yes"}}"#,
                "VALIDATION_ERROR",
                true,
            ),
            (
                r#"{"event": "subscribe", "data": {"type": "call", "call_id": "nonsense"}}"#,
                "CALL_NOT_FOUND",
                true,
            ),
        ] {
            let wrong = parse(text).expect_err(text);
            assert_eq!((wrong.code, wrong.subscribes), (code, subscribes), "{text}");
        }
        let call = CallId::new();
        for after in [json!(-1), json!(1.5), json!("1"), json!(true)] {
            let data = json!({"type": "call", "call_id": call.to_string(), "after": after});
            assert!(wish("subscribe", &data).is_err(), "{after}");
        }
    }
}
