//! The control plane from outside: real sockets, a real database. Every story is told to SQLite and to
//! PostgreSQL.

mod agents;
mod analytics;
mod auth;
mod contract;
mod postgres;
mod stage;
