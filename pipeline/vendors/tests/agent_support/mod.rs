//! A caller and the local agent, without a telephone.
#![allow(dead_code, reason = "each test file uses a part of it")]

use std::{sync::Arc, time::Duration};

use serde::Deserialize;
use serde_json::json;
use vendors::{
    Llm, LlmEvent, LlmRequest, Message, Tool, ToolCall,
    local::agent::{Agent, Playbook},
};

/// The playbook of the demonstration's business.
pub fn riverside() -> Playbook {
    #[derive(Deserialize)]
    struct Business {
        playbook: Playbook,
    }
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../src/demo/business.toml");
    let text = std::fs::read_to_string(path).expect("the demonstration's business can be read");
    toml::from_str::<Business>(&text).expect("it is a business").playbook
}

pub fn agent() -> Agent {
    Agent::without_models(riverside()).expect("the playbook is sound")
}

pub fn tool(name: &str) -> Tool {
    Tool { name: name.into(), description: String::new(), parameters: json!({"type": "object"}) }
}

/// What the gateway offers when a person can be reached.
pub fn telephone() -> Vec<Tool> {
    vec![tool("end_call"), tool("transfer")]
}

pub fn request(history: Vec<Message>, tools: Vec<Tool>) -> LlmRequest {
    LlmRequest {
        instructions: String::new(),
        history,
        tools,
        max_tokens: None,
        model: None,
        temperature: None,
        stand_in: None,
        first_token_within: Duration::from_secs(5),
        next_token_within: Duration::from_secs(5),
    }
}

pub fn caller(text: &str) -> Message {
    Message::Caller { text: text.into() }
}

pub fn said(text: &str) -> Message {
    Message::Agent { text: text.into(), tool_calls: Vec::new() }
}

pub fn guidance(text: &str) -> Message {
    Message::Guidance { text: text.into() }
}

/// A whole reply: what was said, what was called, and whether it ended as it must.
#[derive(Debug)]
pub struct Whole {
    pub text: String,
    pub calls: Vec<ToolCall>,
    pub pieces: usize,
    pub ended: bool,
}

pub async fn reply(agent: &dyn Llm, request: LlmRequest) -> Whole {
    let mut stream = agent.answer(request);
    let mut whole = Whole { text: String::new(), calls: Vec::new(), pieces: 0, ended: false };
    while let Some(event) = stream.events.recv().await {
        assert!(!whole.ended, "nothing follows the end");
        match event {
            LlmEvent::Text(piece) => {
                assert!(whole.calls.is_empty(), "words come before calls");
                whole.pieces += 1;
                whole.text.push_str(&piece);
            }
            LlmEvent::ToolCall(call) => whole.calls.push(call),
            LlmEvent::Done { truncated } => {
                assert!(!truncated);
                whole.ended = true;
            }
            LlmEvent::Failed(error) => panic!("{error}"),
        }
    }
    whole
}

/// A call told as a transcript.
pub struct Call {
    agent: Arc<dyn Llm>,
    pub history: Vec<Message>,
    pub tools: Vec<Tool>,
}

impl Call {
    pub fn begin() -> Call {
        Call::with(Arc::new(agent()), telephone())
    }

    pub fn with(agent: Arc<dyn Llm>, tools: Vec<Tool>) -> Call {
        let greeting = "Thank you for calling Riverside Dental. How can I help you?";
        Call { agent, history: vec![said(greeting)], tools }
    }

    /// The agent's reply to these words, heard to its end.
    pub async fn says(&mut self, text: &str) -> Whole {
        self.history.push(caller(text));
        self.answers().await
    }

    /// The agent's reply to the history as it stands, heard to its end.
    pub async fn answers(&mut self) -> Whole {
        let request = request(self.history.clone(), self.tools.clone());
        let whole = reply(&*self.agent, request).await;
        assert!(whole.ended && !whole.text.trim().is_empty(), "{whole:?}");
        let tool_calls = whole.calls.clone();
        self.history.push(Message::Agent { text: whole.text.clone(), tool_calls });
        whole
    }

    /// Of the agent's last words only these were heard.
    pub fn cut_to(&mut self, words: usize) {
        if let Some(Message::Agent { text, .. }) = self.history.last_mut() {
            *text = text.split(' ').take(words).collect::<Vec<_>>().join(" ");
            if text.is_empty() {
                self.history.pop();
            }
        }
    }
}
