//! The conversation as the model is shown it: what was said, and of the agent's words those heard.

use serde::{Deserialize, Serialize};

use crate::{event::ToolCall, ids::UtteranceId};

/// One entry of the conversation for the model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "role", rename_all = "snake_case")]
pub enum Message {
    /// What the caller said, or keys pressed.
    Caller { text: String },
    /// What the agent said, as far as it was heard, and the tools it called.
    Agent { text: String, tool_calls: Vec<ToolCall> },
    /// What a tool answered.
    Tool { call_id: String, content: String },
    /// A supervisor's word to the agent.
    Guidance { text: String },
}

/// The history while utterances are still being heard.
#[derive(Debug, Default)]
pub(crate) struct History {
    entries: Vec<(Option<UtteranceId>, Message)>,
}

impl History {
    pub fn from_messages(messages: Vec<Message>) -> Self {
        History { entries: messages.into_iter().map(|message| (None, message)).collect() }
    }

    pub fn push(&mut self, message: Message) {
        self.entries.push((None, message));
    }

    /// An utterance begins here; its text is kept up to date by [`History::set_text`].
    pub fn open(&mut self, utterance: UtteranceId) {
        let message = Message::Agent { text: String::new(), tool_calls: Vec::new() };
        self.entries.push((Some(utterance), message));
    }

    pub fn set_text(&mut self, utterance: UtteranceId, now: &str) {
        if let Some(Message::Agent { text, .. }) = self.entry(utterance) {
            now.clone_into(text);
        }
    }

    pub fn add_call(&mut self, utterance: UtteranceId, call: ToolCall) {
        if self.entry(utterance).is_none() {
            // The calls stand under a reply of no words.
            self.open(utterance);
        }
        if let Some(Message::Agent { tool_calls, .. }) = self.entry(utterance) {
            tool_calls.push(call);
        }
    }

    /// Drops entries of the agent that nobody heard and that called nothing.
    pub fn drop_unheard(&mut self, utterance: UtteranceId) {
        self.entries.retain(|(of, message)| {
            *of != Some(utterance)
                || !matches!(message, Message::Agent { text, tool_calls }
                    if text.is_empty() && tool_calls.is_empty())
        });
    }

    /// The latest entries, oldest first; what one party said in several goes is one entry, and a
    /// tool's answer never stands without its call.
    pub fn messages(&self, at_most: usize) -> Vec<Message> {
        let mut from = self.entries.len().saturating_sub(at_most);
        while matches!(self.entries.get(from), Some((_, Message::Tool { .. }))) {
            from += 1;
        }
        let mut messages: Vec<Message> = Vec::new();
        for (_, message) in &self.entries[from..] {
            match (messages.last_mut(), message) {
                (_, Message::Agent { text, tool_calls })
                    if text.is_empty() && tool_calls.is_empty() => {}
                (Some(Message::Caller { text: before }), Message::Caller { text }) => {
                    before.push(' ');
                    before.push_str(text);
                }
                _ => messages.push(message.clone()),
            }
        }
        messages
    }

    fn entry(&mut self, utterance: UtteranceId) -> Option<&mut Message> {
        self.entries
            .iter_mut()
            .rev()
            .find(|(of, _)| *of == Some(utterance))
            .map(|(_, message)| message)
    }
}
