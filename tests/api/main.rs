//! The control plane from outside: real sockets, a real database. Every story is told to SQLite and to
//! PostgreSQL.

mod agents;
mod auth;
mod calls;
mod contract;
mod notes;
mod notifications;
mod postgres;
mod scene;
mod stage;
