//! Tandem's server: everything that touches a socket, a disk or a vendor.
//!
//! The decisions are elsewhere, in crates without I/O: `turn` (who speaks when), `media` (audio as
//! data) and `twiml` (what the carrier is told). Here are the edges: [`api`] is spoken to by the
//! carrier, [`live`] runs calls, [`caller`] plays the carrier's side for tests, demos and load.

pub mod api;
pub mod app;
pub mod caller;
pub mod carrier;
pub mod check;
pub mod config;
pub mod database;
pub mod demo;
pub mod domain;
pub mod gateway;
mod jobs;
pub mod live;
pub mod models;
pub mod realtime;
pub mod replay;
pub mod secret;
pub mod serve;
pub mod store;
pub mod telemetry;
pub mod terminal;
pub mod token;
pub mod users;
