//! What a call was like: sentiment, escalation triggers, quality and summary, from what was heard.
//!
//! Everything here is a function of text, times and settings that are given: no clock is read, nothing
//! is awaited, no model is run and nothing is stored. It is used off the media path, and on heard text
//! only: what a caller never heard was not said.
//!
//! - [`sentiment`]: how a caller's turn sounds, and how the call has sounded lately.
//! - [`triggers`]: the escalation triggers of a business configuration, told the call as it goes.
//! - [`quality`]: scores of a call that is over, each with the words that it rests on.
//! - [`summary`]: what the caller wanted, what was done and what is open, in a few sentences.
//! - [`judge`]: what a language model is asked where one is configured, and how its answer is read.
//!
//! English and Russian are understood. Of other languages nothing is claimed: they are neutral with
//! confidence 0, and rules that look for words do not apply.

mod language;
mod pattern;
mod phrases;
mod words;

pub mod judge;
pub mod quality;
pub mod sentiment;
pub mod summary;
pub mod transcript;
pub mod triggers;

pub use language::Language;
