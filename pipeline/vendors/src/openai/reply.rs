//! A reply put together from its events: words at once, calls to functions when they are whole.

use std::{
    sync::{
        LazyLock,
        atomic::{AtomicU64, Ordering},
    },
    time::{SystemTime, UNIX_EPOCH},
};

use serde_json::Value;

use super::chunk::{CallDelta, Chunk};
use crate::{LlmEvent, Problem, ToolCall, http};

/// The most calls in one reply, and the most bytes of one call's arguments.
const CALLS_LIMIT: usize = 32;
const ARGUMENTS_LIMIT: usize = 256 * 1024;

/// What has come of a reply so far.
#[derive(Default)]
pub(super) struct Reply {
    calls: Vec<Call>,
    finished: bool,
}

#[derive(Default)]
struct Call {
    index: Option<u32>,
    id: String,
    name: String,
    arguments: String,
}

/// What one event brought.
#[derive(Default)]
pub(super) struct Step {
    pub(super) events: Vec<LlmEvent>,
    /// Did the model get on? Comments, roles and usage are no progress.
    pub(super) progress: bool,
}

impl Reply {
    /// Takes the next event's data.
    pub(super) fn push(&mut self, data: &str) -> Result<Step, Problem> {
        let mut step = Step::default();
        if self.finished {
            return Ok(step);
        }
        if data.trim() == "[DONE]" {
            // Some servers never give a reason; the end mark is as good.
            self.finish(false, &mut step)?;
            return Ok(step);
        }
        let chunk: Chunk = serde_json::from_str(data).map_err(|error| {
            Problem::Malformed(format!("an event that is not a piece of a reply: {error}"))
        })?;
        if let Some(error) = chunk.error.as_ref().filter(|error| !error.is_null()) {
            return Err(problem_inside(error));
        }
        let Some(choice) = chunk.choice() else { return Ok(step) };
        if let Some(delta) = &choice.delta {
            if let Some(text) = delta.text() {
                step.progress = true;
                step.events.push(LlmEvent::Text(text));
            }
            for piece in delta.tool_calls.iter().flatten() {
                step.progress = true;
                self.add(piece)?;
            }
        }
        match choice.finish_reason() {
            None => {}
            Some("content_filter") => {
                return Err(Problem::Engine("the vendor's content filter ended the reply".into()));
            }
            Some(reason) => self.finish(reason == "length", &mut step)?,
        }
        Ok(step)
    }

    /// Has the vendor said that it is complete?
    pub(super) fn finished(&self) -> bool {
        self.finished
    }

    fn add(&mut self, piece: &CallDelta) -> Result<(), Problem> {
        let id = piece.id.as_deref().filter(|id| !id.is_empty());
        // By index, as the protocol has it. Where a server gives none, or the same to all, a new
        // identifier begins a new call.
        let same = |call: &Call| match (piece.index, call.index) {
            (Some(index), Some(of_call)) => index == of_call,
            _ => true,
        };
        let known = self.calls.iter().rposition(same).filter(|&at| {
            id.is_none_or(|id| self.calls[at].id.is_empty() || self.calls[at].id == id)
        });
        let at = match known {
            Some(at) => at,
            None if self.calls.len() == CALLS_LIMIT => {
                return Err(Problem::Malformed(format!("more than {CALLS_LIMIT} calls at once")));
            }
            None => {
                self.calls.push(Call { index: piece.index, ..Call::default() });
                self.calls.len() - 1
            }
        };
        let call = &mut self.calls[at];
        if let Some(id) = id {
            call.id = id.to_owned();
        }
        if let Some(function) = &piece.function {
            // The name comes whole, and from some servers again with each piece.
            if let Some(name) = function.name.as_deref().filter(|name| !name.is_empty()) {
                call.name = name.to_owned();
            }
            match &function.arguments {
                None | Some(Value::Null) => {}
                Some(Value::String(text)) => call.arguments.push_str(text),
                Some(whole) => call.arguments = whole.to_string(),
            }
            if call.arguments.len() > ARGUMENTS_LIMIT {
                return Err(Problem::Malformed("a call's arguments exceed 256 KiB".into()));
            }
        }
        Ok(())
    }

    fn finish(&mut self, truncated: bool, step: &mut Step) -> Result<(), Problem> {
        self.finished = true;
        step.progress = true;
        let mut calls = std::mem::take(&mut self.calls);
        calls.sort_by_key(|call| call.index);
        for call in calls {
            step.events.push(LlmEvent::ToolCall(call.whole(truncated)?));
        }
        step.events.push(LlmEvent::Done { truncated });
        Ok(())
    }
}

impl Call {
    fn whole(self, truncated: bool) -> Result<ToolCall, Problem> {
        if self.name.is_empty() {
            return Err(Problem::Malformed("a call to a function without a name".into()));
        }
        let text = if self.arguments.trim().is_empty() { "{}" } else { &self.arguments };
        let arguments: Value = serde_json::from_str(text).map_err(|error| {
            let cut = if truncated { ", cut off by the token limit" } else { "" };
            Problem::Malformed(format!("arguments of {} are not JSON{cut}: {error}", self.name))
        })?;
        if !arguments.is_object() {
            return Err(Problem::Malformed(format!("arguments of {} are no object", self.name)));
        }
        let id = if self.id.is_empty() { fresh_id() } else { self.id };
        Ok(ToolCall { id, name: self.name, arguments })
    }
}

/// For servers that give a call no identifier: the answer has to name one.
fn fresh_id() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    // Calls outlive the process: another one's identifiers may stand in their history.
    static BEGAN: LazyLock<u128> = LazyLock::new(|| {
        SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos()
    });
    format!("call_{:x}_{}", *BEGAN, NEXT.fetch_add(1, Ordering::Relaxed))
}

/// What an error object inside the stream means.
pub(super) fn problem_inside(error: &Value) -> Problem {
    let word = |name: &str| error.get(name).and_then(Value::as_str).unwrap_or_default();
    let said = match error {
        Value::String(said) => said.clone(),
        other => http::message_in(other).unwrap_or_else(|| "no reason given".into()),
    };
    let said = http::scrub(&said, &"".into());
    let (code, kind) = (word("code"), word("type"));
    let status =
        error.get("code").and_then(Value::as_u64).and_then(|code| u16::try_from(code).ok());
    match status {
        Some(status @ (401 | 403)) => return Problem::Unauthorized { status },
        Some(429) => return Problem::RateLimited { retry_after: None },
        Some(status @ 400..=599) => return Problem::Status { status, detail: said },
        _ => {}
    }
    match (code, kind) {
        ("invalid_api_key", _) | (_, "authentication_error") => {
            Problem::Unauthorized { status: 401 }
        }
        ("rate_limit_exceeded", _) | (_, "rate_limit_error" | "requests" | "tokens") => {
            Problem::RateLimited { retry_after: None }
        }
        ("insufficient_quota", _) | (_, "insufficient_quota") => {
            Problem::Status { status: 429, detail: said }
        }
        (_, "invalid_request_error") => Problem::Status { status: 400, detail: said },
        _ => Problem::Cut(said),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn delta(calls: Value) -> String {
        json!({"choices": [{"delta": {"tool_calls": calls}}]}).to_string()
    }

    fn finish(reason: &str) -> String {
        json!({"choices": [{"delta": {}, "finish_reason": reason}]}).to_string()
    }

    fn calls(pieces: &[String]) -> Result<Vec<ToolCall>, Problem> {
        let mut reply = Reply::default();
        let mut out = Vec::new();
        for piece in pieces {
            out.extend(reply.push(piece)?.events.into_iter().filter_map(|event| match event {
                LlmEvent::ToolCall(call) => Some(call),
                _ => None,
            }));
        }
        assert!(reply.finished());
        Ok(out)
    }

    #[test]
    fn calls_come_together_by_index_though_interleaved() {
        let got = calls(&[
            delta(
                json!([{"index": 1, "id": "b", "function": {"name": "two", "arguments": "{\"x"}}]),
            ),
            delta(json!([{"index": 0, "id": "a", "function": {"name": "one", "arguments": ""}}])),
            delta(json!([{"index": 1, "function": {"arguments": "\":2}"}}])),
            finish("tool_calls"),
        ])
        .unwrap();
        assert_eq!(got.len(), 2);
        assert_eq!((got[0].id.as_str(), &got[0].arguments), ("a", &json!({})));
        assert_eq!((got[1].name.as_str(), &got[1].arguments), ("two", &json!({"x": 2})));
    }

    #[test]
    fn servers_that_number_badly_are_understood() {
        let one = json!({"index": 0, "id": "a", "function": {"name": "f", "arguments": "{}"}});
        let two = json!({"index": 0, "id": "b", "function": {"name": "g", "arguments": {"k": 1}}});
        assert_eq!(calls(&[delta(json!([one, two])), finish("stop")]).unwrap().len(), 2);

        let bare = json!({"function": {"name": "f", "arguments": "{\"a\""}});
        let rest = json!({"function": {"arguments": ":1}"}});
        let got = calls(&[delta(json!([bare])), delta(json!([rest])), "[DONE]".into()]).unwrap();
        assert_eq!(got[0].arguments, json!({"a": 1}));
        assert!(got[0].id.starts_with("call_"));
    }

    #[test]
    fn arguments_that_are_no_object_are_refused() {
        for arguments in ["[1]", "{\"a\":", "3"] {
            let call =
                json!([{"index": 0, "id": "a", "function": {"name": "f", "arguments": arguments}}]);
            let result = calls(&[delta(call), finish("length")]);
            assert!(matches!(result, Err(Problem::Malformed(_))), "{arguments}");
        }
    }

    #[test]
    fn errors_inside_the_stream_keep_their_kind() {
        let kind = |json: Value| Reply::default().push(&json!({"error": json}).to_string()).err();
        assert!(matches!(
            kind(json!({"message": "slow", "type": "requests", "code": "rate_limit_exceeded"})),
            Some(Problem::RateLimited { .. })
        ));
        assert!(matches!(
            kind(json!({"message": "x", "code": 502})),
            Some(Problem::Status { status: 502, .. })
        ));
        assert!(matches!(
            kind(json!({"message": "The server had an error", "type": "server_error"})),
            Some(Problem::Cut(said)) if said.contains("had an error")
        ));
        assert!(matches!(kind(json!("plain")), Some(Problem::Cut(said)) if said == "plain"));
        assert!(matches!(Reply::default().push("{\"choices\":"), Err(Problem::Malformed(_))));
    }

    #[test]
    fn a_filter_ends_it_and_a_limit_is_told() {
        assert!(matches!(
            Reply::default().push(&finish("content_filter")),
            Err(Problem::Engine(_))
        ));
        let step = Reply::default().push(&finish("length")).unwrap();
        assert!(matches!(step.events[..], [LlmEvent::Done { truncated: true }]));
    }
}
