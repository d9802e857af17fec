//! The conversation as the model is shown it: what was said, and of the agent's words those heard.

use std::collections::VecDeque;

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

/// What the model reads of a tool that was running when a session left the call.
pub const LEFT_RUNNING: &str = "Its outcome is not known: it was running when the call was left.";

/// How an answer begins by which a model is told that a tool did not do what it was called for.
const NOT_DONE: [&str; 4] = ["Failed: ", "Given up: ", "Still running: ", LEFT_RUNNING];

/// Does a tool that answered so say that it did what it was called for? What it says else is not read.
pub fn was_done(answer: &str) -> bool {
    !NOT_DONE.iter().any(|beginning| answer.starts_with(beginning))
}

impl Message {
    /// What a person who has taken the call over said to the caller.
    pub fn from_colleague(text: &str) -> Self {
        Message::Guidance { text: format!("Your colleague said to the caller: {text}") }
    }
}

/// Entries of utterances that may still be heard, and of tools that may still answer.
const STILL_HEARD: usize = 2;

/// The history while utterances are still being heard.
#[derive(Debug, Default)]
pub(crate) struct History {
    entries: VecDeque<Entry>,
}

#[derive(Debug)]
struct Entry {
    /// The utterance that it is kept up to date with.
    of: Option<UtteranceId>,
    /// It holds for the next answer only.
    passing: bool,
    message: Message,
}

impl History {
    pub fn from_messages(messages: Vec<Message>) -> Self {
        let lasting = |message| Entry { of: None, passing: false, message };
        History { entries: messages.into_iter().map(lasting).collect() }
    }

    pub fn push(&mut self, message: Message) {
        self.entries.push_back(Entry { of: None, passing: false, message });
    }

    /// Drops entries that the model is never shown again: all but the last so many, and what is
    /// still being heard.
    pub fn keep(&mut self, at_most: usize) {
        while self.entries.len() > at_most + STILL_HEARD {
            self.entries.pop_front();
        }
    }

    /// A word to the model on its next answer; [`History::forget_advice`] takes it back.
    pub fn advise(&mut self, text: &str) {
        let message = Message::Guidance { text: text.to_owned() };
        self.entries.push_back(Entry { of: None, passing: true, message });
    }

    pub fn forget_advice(&mut self) {
        self.entries.retain(|entry| !entry.passing);
    }

    /// An utterance begins here; its text is kept up to date by [`History::set_text`].
    pub fn open(&mut self, utterance: UtteranceId) {
        let message = Message::Agent { text: String::new(), tool_calls: Vec::new() };
        self.entries.push_back(Entry { of: Some(utterance), passing: false, message });
    }

    pub fn set_text(&mut self, utterance: UtteranceId, now: &str) {
        let Some(place) = self.place(utterance) else { return };
        if let Message::Agent { text, .. } = &mut self.entries[place].message {
            now.clone_into(text);
        }
    }

    /// The tools that an utterance's reply called, and what they answered, right behind it: whatever
    /// was said or ordered while they ran comes after them.
    pub fn add_tools(&mut self, utterance: UtteranceId, tools: Vec<(ToolCall, String)>) {
        if self.place(utterance).is_none() {
            // The calls stand under a reply of no words.
            self.open(utterance);
        }
        let Some(place) = self.place(utterance) else { return };
        for (behind, (call, content)) in tools.into_iter().enumerate() {
            let message = Message::Tool { call_id: call.id.clone(), content };
            let answer = Entry { of: None, passing: false, message };
            if let Message::Agent { tool_calls, .. } = &mut self.entries[place].message {
                tool_calls.push(call);
            }
            self.entries.insert(place + 1 + behind, answer);
        }
    }

    /// A tool that ran on has answered.
    pub fn set_answer(&mut self, of: &str, answer: &str) {
        let calls = self.entries.iter_mut().rev().map(|entry| &mut entry.message);
        for message in calls {
            if let Message::Tool { call_id, content } = message
                && call_id == of
            {
                answer.clone_into(content);
                return;
            }
        }
    }

    /// Was the agent the last to be heard?
    pub fn ends_with_agent(&self) -> bool {
        matches!(self.entries.back(), Some(Entry { message: Message::Agent { .. }, .. }))
    }

    /// Drops entries of the agent that nobody heard and that called nothing.
    pub fn drop_unheard(&mut self, utterance: UtteranceId) {
        self.entries.retain(|entry| {
            entry.of != Some(utterance)
                || !matches!(&entry.message, Message::Agent { text, tool_calls }
                    if text.is_empty() && tool_calls.is_empty())
        });
    }

    /// The latest entries, oldest first; what one party said in several goes is one entry, and a
    /// tool's answer never stands without its call. `saying`: words of the caller's that are not
    /// settled yet.
    pub fn messages(&self, at_most: usize, saying: Option<&str>) -> Vec<Message> {
        let mut from = self.entries.len().saturating_sub(at_most);
        while matches!(self.entries.get(from), Some(Entry { message: Message::Tool { .. }, .. })) {
            from += 1;
        }
        let mut messages: Vec<Message> = Vec::new();
        let saying = saying.map(|text| Message::Caller { text: text.to_owned() });
        let settled = self.entries.range(from..).map(|entry| &entry.message);
        for message in settled.chain(&saying) {
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

    fn place(&self, utterance: UtteranceId) -> Option<usize> {
        self.entries.iter().rposition(|entry| entry.of == Some(utterance))
    }
}
