//! Documents, both ways: reports out, knowledge in.
pub mod report;
