//! The control plane from outside: real sockets, a real database. Every story is told to SQLite and to
//! PostgreSQL.

mod agents;
mod analytics;
mod auth;
mod calls;
#[path = "../clients/mod.rs"]
mod clients;
mod configs;
mod connections;
mod contract;
mod curl;
mod felt;
mod judged;
mod knowledge;
mod known;
mod live;
mod mail;
mod notes;
mod notifications;
mod openapi;
mod own_keys;
mod postgres;
mod retrieval;
mod running;
mod scene;
mod schemathesis;
mod setup;
mod stage;
mod store;
mod watched;
