//! Live events: `/ws/calls` and Socket.IO.

mod admission;
mod clients;
mod frames;
mod history;
mod resuming;
mod slow;
mod socket;
mod socket_io;
mod subscriptions;
