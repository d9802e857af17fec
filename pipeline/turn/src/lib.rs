//! Turn-taking: who holds the floor, and when it changes hands.
//!
//! [`Conversation`] is told what happened and when ([`Event`], `now`); it answers with what to do
//! ([`Action`]) and when to be woken ([`Conversation::deadline`]). It reads no clock, opens no socket
//! and awaits nothing, so an hour of conversation is a test of milliseconds, and the journal of a
//! call, fed to it again, gives the same actions.
//!
//! Audio does not pass through here, only decisions about it. What the caller has really heard is in
//! the [`heard::Ledger`]. Start with [`Conversation::handle`].

mod action;
mod conversation;
pub mod endpoint;
mod event;
mod floor;
pub mod heard;
mod history;
mod ids;
mod phrases;
pub mod policy;
pub mod sentence;
mod time;
mod timer;
pub mod words;

pub use action::{
    Action, Alternative, Contest, Decision, Effect, EndReason, Engine, Note, Purpose, Refusal,
    Tally, Voice, Waterfall, is_failure,
};
pub use conversation::Conversation;
pub use event::{Answerer, Command, CommandId, Event, ToolCall, WordAt};
pub use floor::{FloorName, tools::COLLECT_KEYS};
pub use history::{LEFT_RUNNING, Message, was_done};
pub use ids::{Epoch, Generation, MarkId, ReplyId, TurnId, UtteranceId};
pub use policy::{Policy, Script, ToolPolicy};
pub use time::Moment;
pub use timer::Timer;
