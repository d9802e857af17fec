//! The control plane from outside: real sockets, a real database. Every story is told to SQLite and to
//! PostgreSQL.

mod agents;
mod analytics;
mod auth;
mod calls;
mod configs;
mod connections;
mod contract;
mod knowledge;
mod live;
mod mail;
mod notes;
mod notifications;
mod openapi;
mod postgres;
mod retrieval;
mod scene;
mod schemathesis;
mod setup;
mod stage;
