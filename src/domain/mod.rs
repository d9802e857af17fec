//! What things are, and their rules. No I/O here, and no wire format of any dialect.

pub mod business;
pub mod tool;

pub use business::Business;
