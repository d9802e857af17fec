//! Language: one stream per reply.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;

use crate::{VendorError, Work, local::agent::Agent};

/// A model, or anything else that answers.
pub trait Llm: Send + Sync {
    /// The adapter's name, as in `TANDEM_LLM`.
    fn name(&self) -> &'static str;

    /// Begins a reply. Returns at once.
    fn answer(&self, request: LlmRequest) -> LlmStream;

    /// Is the vendor there and the key accepted? For `tandem check`.
    fn check(&self) -> crate::BoxFuture<'_, Result<String, VendorError>>;
}

/// What the model is told.
#[derive(Clone, Debug)]
pub struct LlmRequest {
    /// The agent's role and the business's facts: the system message.
    pub instructions: String,
    /// The conversation as it was heard, oldest first.
    pub history: Vec<Message>,
    /// Functions that the model may call.
    pub tools: Vec<Tool>,
    /// At most this many tokens, 300 where unset.
    pub max_tokens: Option<u32>,
    /// The model that is to answer; the adapter's own where unset. A model has its name with one vendor
    /// only: of several engines the first is asked for it, the others use their own.
    pub model: Option<String>,
    /// How freely words are chosen, 0 to 2; the adapter's own where unset. Models that reason are not
    /// told.
    pub temperature: Option<f32>,
    /// Who answers where the local agent is asked: one that knows this call's business. The agent that
    /// is asked, where unset.
    pub stand_in: Option<Agent>,
    /// Time allowed until the first token (or tool call) arrives; then `Problem::TimedOut`.
    pub first_token_within: Duration,
    /// Time allowed between one piece and the next; then `Problem::TimedOut`.
    pub next_token_within: Duration,
}

/// One entry of the conversation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "role", rename_all = "snake_case")]
pub enum Message {
    /// What the caller said.
    Caller { text: String },
    /// What the agent said, as far as the caller heard it; with the tools it called.
    Agent { text: String, tool_calls: Vec<ToolCall> },
    /// What a tool answered.
    Tool { call_id: String, content: String },
    /// A supervisor's word to the agent, not heard by the caller.
    Guidance { text: String },
}

/// A function that the model may call.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Tool {
    pub name: String,
    pub description: String,
    /// JSON Schema of the arguments.
    pub parameters: serde_json::Value,
}

/// A call that the model asked for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ToolCall {
    pub id: String,
    pub name: String,
    /// The arguments; an object.
    pub arguments: serde_json::Value,
}

/// What comes out.
#[derive(Clone, Debug)]
pub enum LlmEvent {
    /// The next piece of what to say.
    Text(String),
    /// Call this; complete arguments.
    ToolCall(ToolCall),
    /// The reply is complete. `truncated` when the token limit ended it.
    Done { truncated: bool },
    /// It is over, incomplete.
    Failed(VendorError),
}

/// One reply. Dropping it ends the vendor's work.
pub struct LlmStream {
    pub events: mpsc::Receiver<LlmEvent>,
    pub work: Work,
}
