//! The control plane from outside: real sockets, a real database. Every story is told to SQLite and to
//! PostgreSQL.

mod agents;
mod auth;
mod contract;
mod mail;
mod openapi;
mod postgres;
mod schemathesis;
mod stage;
