//! Work that outlives a request. What is to be done is in the database, so that a restart loses none.

pub(crate) mod knowledge;
pub(crate) mod learning;
