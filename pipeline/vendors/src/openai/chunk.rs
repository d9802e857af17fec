//! One event of a streamed reply, as leanly as servers of all makes send it.
//!
//! Nothing but what is used has a field, and nothing that has one is required: servers leave out
//! `id`, `created`, `model`, `object`, send `null` for lists and put text in parts.

use serde::Deserialize;
use serde_json::Value;

#[derive(Debug, Default, Deserialize)]
pub(super) struct Chunk {
    choices: Option<Vec<Choice>>,
    /// A failure told inside the stream.
    pub(super) error: Option<Value>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Choice {
    #[serde(default)]
    index: u32,
    pub(super) delta: Option<Delta>,
    finish_reason: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Delta {
    content: Option<Content>,
    /// The model's words when it declines; they are said like any others.
    refusal: Option<String>,
    pub(super) tool_calls: Option<Vec<CallDelta>>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Content {
    Text(String),
    Parts(Vec<Part>),
}

#[derive(Debug, Deserialize)]
struct Part {
    text: Option<String>,
}

/// A piece of a call to a function.
#[derive(Debug, Deserialize)]
pub(super) struct CallDelta {
    pub(super) index: Option<u32>,
    pub(super) id: Option<String>,
    pub(super) function: Option<FunctionDelta>,
}

#[derive(Debug, Deserialize)]
pub(super) struct FunctionDelta {
    pub(super) name: Option<String>,
    /// Text to be appended, or, from some servers, the whole object.
    pub(super) arguments: Option<Value>,
}

impl Chunk {
    /// The one choice that was asked for, where this event has it.
    pub(super) fn choice(self) -> Option<Choice> {
        self.choices?.into_iter().find(|choice| choice.index == 0)
    }
}

impl Choice {
    /// Why the reply is complete; some servers send an empty reason until it is.
    pub(super) fn finish_reason(&self) -> Option<&str> {
        self.finish_reason.as_deref().filter(|reason| !reason.is_empty())
    }
}

impl Delta {
    /// The words in it, where there are any.
    pub(super) fn text(&self) -> Option<String> {
        let content = match &self.content {
            Some(Content::Text(text)) => text.clone(),
            Some(Content::Parts(parts)) => {
                parts.iter().filter_map(|part| part.text.as_deref()).collect()
            }
            None => String::new(),
        };
        let text = match &self.refusal {
            Some(refusal) => content + refusal,
            None => content,
        };
        (!text.is_empty()).then_some(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(json: &str) -> Option<String> {
        let chunk: Chunk = serde_json::from_str(json).unwrap();
        chunk.choice()?.delta?.text()
    }

    #[test]
    fn lean_and_odd_events_are_understood() {
        assert_eq!(text(r#"{"choices":[{"delta":{"content":"a"}}]}"#).unwrap(), "a");
        assert_eq!(text(r#"{"choices":[{"index":0,"delta":{"refusal":"no"}}]}"#).unwrap(), "no");
        let parts = r#"{"choices":[{"delta":{"content":[{"type":"text","text":"b"}]}}]}"#;
        assert_eq!(text(parts).unwrap(), "b");
        for empty in [
            "{}",
            r#"{"choices":null,"usage":{"total_tokens":3}}"#,
            r#"{"choices":[]}"#,
            r#"{"choices":[{"delta":{"role":"assistant","content":""}}]}"#,
            r#"{"choices":[{"delta":{"content":null},"finish_reason":""}]}"#,
            r#"{"choices":[{"index":1,"delta":{"content":"other"}}]}"#,
        ] {
            assert_eq!(text(empty), None, "{empty}");
        }
    }
}
