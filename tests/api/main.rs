//! The control plane from outside: real sockets, a real database. Every story is told to SQLite and to
//! PostgreSQL.

mod agents;
mod auth;
mod contract;
mod openapi;
mod postgres;
mod stage;
