//! The carrier's player against a small gateway that is written here, over real sockets.
//!
//! Each call runs in the simulator's own real time, and is kept to a second or two.

#[path = "caller/conversation.rs"]
mod conversation;
#[path = "caller/documents.rs"]
mod documents;
#[path = "caller/gateway.rs"]
mod gateway;
#[path = "caller/rules.rs"]
mod rules;
#[path = "caller/scenarios.rs"]
mod scenarios;
