//! Documents, both ways: reports out, knowledge in.
pub mod chunk;
pub mod extract;
pub mod report;
