//! Calls now running: who is on the line, what each session does, what is written down of it.

pub mod brief;
pub mod desk;
pub mod echo;
pub mod engines;
pub mod hearing;
pub mod journal;
pub mod lag;
pub mod phrases;
pub mod playout;
pub mod progress;
pub mod recorder;
pub mod registry;
pub mod retrieving;
pub mod session;
pub mod tools;
pub mod voice;
