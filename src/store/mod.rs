//! All the SQL: one file per noun, one text for SQLite and PostgreSQL.
//!
//! A query is a function: typed in, typed out. Those that touch a tenant's things take its
//! [`TenantId`](crate::domain::TenantId), so that no query can forget it. What truly differs between
//! the two engines is in [`backend`], and nowhere else.

pub mod accounts;
pub mod agents;
pub mod audit;
pub mod backend;
pub mod call_events;
pub mod calls;
pub mod configs;
pub mod escalations;
pub mod knowledge;
pub mod lines;
mod migrate;
pub mod notes;
pub mod notifications;
pub mod page;
pub mod records;
pub mod scores;
pub mod statistics;
pub mod users;
mod value;

pub use backend::{Db, Sql, StoreError, Tx, sql};
pub use migrate::{BadSchema, Migrated};
