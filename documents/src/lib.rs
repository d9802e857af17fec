//! Documents, both ways: reports out, knowledge in.
//!
//! * [`report`]: figures, tables and charts as a PDF that a manager shows and a CSV that others count
//!   with.
//! * [`extract`]: the text of what people upload (PDF, DOCX, plain), bounded, in a process of its own.
//! * [`chunk`]: that text cut into passages for retrieval.
//!
//! Nothing here knows a call, an account, a database or a network, reads a clock into its output, or
//! awaits anything: [`extract::run_in_child`] blocks, and whoever is asynchronous puts it aside.

pub mod chunk;
pub mod extract;
pub mod report;
