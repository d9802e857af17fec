//! Telephone audio as data: formats, the carrier's messages, places in time, voice activity.
//!
//! Everything here is a function of its arguments. No socket, no clock, no async runtime: who reads
//! the wire, when, and what is done about it is decided elsewhere. Files are touched in one place
//! only, [`recording`], because a recording is a file.
//!
//! Audio is mu-law at 8 kHz on the wire and `i16` at 8 kHz inside unless a name says otherwise.

pub mod echo;
pub mod frame;
pub mod g711;
pub mod prosody;
pub mod recording;
pub mod resample;
pub mod stream;
pub mod tone;
pub mod vad;
