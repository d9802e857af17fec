//! A call that is over, as it was heard, with what is known of it besides.

use crate::{Language, triggers::Knowledge};

/// Who speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Speaker {
    /// Who called, or was called.
    Caller,
    /// The machine that speaks for the business.
    Agent,
    /// A person of the business.
    Person,
}

/// What became of a tool that was used during a turn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToolResult {
    /// Its name.
    pub name: String,
    /// It did what it is for.
    pub ok: bool,
    /// It changes something, as opposed to looking something up.
    pub effects: bool,
    /// What it answered, as far as the agent was told.
    pub answer: String,
}

/// One party's say.
#[derive(Clone, Debug, PartialEq)]
pub struct Turn {
    /// Who.
    pub speaker: Speaker,
    /// As heard: of the agent's, what the caller heard of it.
    pub text: String,
    /// Milliseconds of the call.
    pub from_ms: u64,
    /// The same.
    pub to_ms: u64,
    /// More was to be said, but it was not heard.
    pub cut: bool,
    /// The recogniser's, 0 to 1.
    pub confidence: Option<f32>,
    /// Of an agent's turn: whether the knowledge was asked for it, and held something.
    pub knowledge: Knowledge,
    /// What the knowledge gave for it.
    pub passages: Vec<String>,
    /// Tools that were used for it, or since the turn before.
    pub tools: Vec<ToolResult>,
}

impl Turn {
    /// A turn with nothing known besides its words.
    pub fn new(speaker: Speaker, text: impl Into<String>, from_ms: u64, to_ms: u64) -> Self {
        Turn {
            speaker,
            text: text.into(),
            from_ms,
            to_ms,
            cut: false,
            confidence: None,
            knowledge: Knowledge::NotAsked,
            passages: Vec::new(),
            tools: Vec::new(),
        }
    }
}

/// What was heard, in the order in which it began.
#[derive(Clone, Debug, PartialEq)]
pub struct Transcript {
    /// The call's; a single turn may be in the other of the two that are understood.
    pub language: Language,
    /// The place of a turn here is its `interaction` in evidence.
    pub turns: Vec<Turn>,
}

/// How a call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// The caller hung up.
    ByCaller,
    /// The agent said goodbye and hung up.
    ByAgent,
    /// A person took the call over.
    Transferred,
    /// Nobody was heard any more.
    Silence,
    /// A line, a vendor or the process failed.
    Failed,
}

/// A stretch in which both spoke.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Overlap {
    /// When it began, in milliseconds of the call.
    pub at_ms: u64,
    /// How long it was.
    pub ms: u64,
    /// Who began to speak while the other did.
    pub by: Speaker,
}

/// What is known of a call besides its words.
#[derive(Clone, Debug, PartialEq)]
pub struct Facts {
    /// How it ended.
    pub ended: Ended,
    /// A person was called in, whatever came of it.
    pub escalated: bool,
    /// Of each answer: milliseconds from the end of the caller's turn until it was heard.
    pub answers_ms: Vec<u64>,
    /// Both spoke.
    pub overlaps: Vec<Overlap>,
    /// What the agent was told before the call: its instructions.
    pub told: Vec<String>,
}

impl Default for Facts {
    fn default() -> Self {
        Facts {
            ended: Ended::ByCaller,
            escalated: false,
            answers_ms: Vec::new(),
            overlaps: Vec::new(),
            told: Vec::new(),
        }
    }
}
