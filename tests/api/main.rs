//! The control plane from outside: real sockets, a real database. Every story is told to SQLite and to
//! PostgreSQL.

mod agents;
mod auth;
mod configs;
mod connections;
mod contract;
mod live;
mod knowledge;
mod postgres;
mod retrieval;
mod setup;
mod stage;
