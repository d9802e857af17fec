//! The conversation in the vendor's words, in an order that it accepts.
//!
//! The protocol wants each call to a function answered right behind the message that made it. A
//! conversation by voice does not always have it so: the caller breaks in before a function has
//! answered, or the beginning has been left out for length. Calls without an answer and answers
//! without a call are therefore left out here.

use std::collections::{HashMap, HashSet};

use serde_json::{Value, json};

use crate::{LlmRequest, Message, Tool};

/// The `messages` of a request.
pub(super) fn messages(request: &LlmRequest) -> Vec<Value> {
    let mut out = Vec::with_capacity(request.history.len() + 1);
    if !request.instructions.is_empty() {
        out.push(json!({"role": "system", "content": request.instructions}));
    }
    let mut answers: HashMap<&str, &str> = HashMap::new();
    for message in &request.history {
        if let Message::Tool { call_id, content } = message {
            answers.entry(call_id).or_insert(content);
        }
    }
    let mut asked = HashSet::new();
    for message in &request.history {
        match message {
            Message::Caller { text } => out.push(json!({"role": "user", "content": text})),
            Message::Guidance { text } => out.push(json!({"role": "system", "content": text})),
            Message::Agent { text, tool_calls } => {
                let answered: Vec<_> = tool_calls
                    .iter()
                    .filter_map(|call| Some((call, *answers.get(call.id.as_str())?)))
                    .filter(|(call, _)| asked.insert(call.id.as_str()))
                    .collect();
                if text.is_empty() && answered.is_empty() {
                    continue;
                }
                let content = if text.is_empty() { Value::Null } else { json!(text) };
                let mut said = json!({"role": "assistant", "content": content});
                if !answered.is_empty() {
                    let calls = answered.iter().map(|(call, _)| {
                        let function =
                            json!({"name": call.name, "arguments": call.arguments.to_string()});
                        json!({"id": call.id, "type": "function", "function": function})
                    });
                    said["tool_calls"] = calls.collect();
                }
                out.push(said);
                out.extend(answered.iter().map(|(call, content)| {
                    json!({"role": "tool", "tool_call_id": call.id, "content": content})
                }));
            }
            // Said behind its call above.
            Message::Tool { .. } => {}
        }
    }
    out
}

/// The `tools` of a request.
pub(super) fn tools(tools: &[Tool]) -> Vec<Value> {
    let function = |tool: &Tool| json!({"name": tool.name, "description": tool.description, "parameters": tool.parameters});
    tools.iter().map(|tool| json!({"type": "function", "function": function(tool)})).collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::ToolCall;

    fn request(history: Vec<Message>) -> LlmRequest {
        LlmRequest {
            instructions: "Be brief.".into(),
            history,
            tools: Vec::new(),
            max_tokens: None,
            model: None,
            temperature: None,
            stand_in: None,
            first_token_within: Duration::from_secs(1),
            next_token_within: Duration::from_secs(1),
        }
    }

    fn call(id: &str) -> ToolCall {
        ToolCall { id: id.into(), name: "look".into(), arguments: json!({"a": 1}) }
    }

    #[test]
    fn each_party_has_its_role() {
        let sent = messages(&request(vec![
            Message::Agent { text: "Hello.".into(), tool_calls: vec![] },
            Message::Caller { text: "Hi".into() },
            Message::Guidance { text: "Offer tea.".into() },
            Message::Agent { text: String::new(), tool_calls: vec![call("1")] },
            Message::Tool { call_id: "1".into(), content: "green".into() },
        ]));
        let function = json!({"name": "look", "arguments": "{\"a\":1}"});
        let expected = json!([
            {"role": "system", "content": "Be brief."},
            {"role": "assistant", "content": "Hello."},
            {"role": "user", "content": "Hi"},
            {"role": "system", "content": "Offer tea."},
            {"role": "assistant", "content": null,
             "tool_calls": [{"id": "1", "type": "function", "function": function}]},
            {"role": "tool", "tool_call_id": "1", "content": "green"},
        ]);
        assert_eq!(json!(sent), expected);
    }

    #[test]
    fn a_call_and_its_answer_come_together_or_not_at_all() {
        let sent = messages(&request(vec![
            Message::Tool { call_id: "gone".into(), content: "orphan".into() },
            Message::Agent { text: "One moment.".into(), tool_calls: vec![call("1"), call("2")] },
            Message::Caller { text: "Wait".into() },
            Message::Tool { call_id: "2".into(), content: "late".into() },
            Message::Agent { text: String::new(), tool_calls: vec![call("3")] },
        ]));
        let roles: Vec<&str> = sent.iter().map(|said| said["role"].as_str().unwrap()).collect();
        assert_eq!(roles, ["system", "assistant", "tool", "user"]);
        assert_eq!(sent[1]["tool_calls"].as_array().unwrap().len(), 1);
        assert_eq!(sent[2]["tool_call_id"], "2");
    }
}
