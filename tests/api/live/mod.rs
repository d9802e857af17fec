//! Live events: `/ws/calls` and Socket.IO.

mod admission;
mod clients;
mod engine_io;
mod frames;
pub mod history;
mod resuming;
mod slow;
mod socket;
mod socket_io;
mod stuck;
mod subscriptions;
