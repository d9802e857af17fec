//! Reading a journal back, line by line: an hour of talk needs no more memory than its longest line.
//!
//! What each line means to the machine is not known here; see [`crate::replay`].

use std::io::{BufRead, Read};

use serde::Deserialize;
use serde_json::value::RawValue;
use turn::{Event, Moment};

use super::Header;

/// A line longer than this is no line of a journal, bytes.
const LONGEST_LINE: usize = 16 * 1024 * 1024;

/// One line of a journal.
#[derive(Debug)]
pub enum Line<'a> {
    /// A session begins.
    Header(Box<Header>),
    /// The machine was told.
    Event { at: Moment, event: Event },
    /// The machine ordered; `action` is its JSON as it stands in the file.
    Action { at: Moment, action: &'a str },
    /// A line that a crash tore: at the file's end, or before another session's header.
    Torn,
}

/// Why a journal cannot be read. Lines are counted from 1.
#[derive(Debug, thiserror::Error)]
pub enum BadJournal {
    #[error("line {line} could not be read")]
    Unreadable { line: u64, source: std::io::Error },
    #[error("line {line} is longer than {LONGEST_LINE} bytes")]
    TooLong { line: u64 },
    #[error("line {line} is neither a session's header nor an entry of it: {source}")]
    Malformed { line: u64, source: serde_json::Error },
    #[error("line {line} comes before any session's header")]
    NoHeader { line: u64 },
    #[error("the journal is empty")]
    Empty,
}

/// An entry whose action is left as it stands.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Entry<'a> {
    Event {
        at: Moment,
        event: Event,
    },
    Action {
        at: Moment,
        #[serde(borrow)]
        action: &'a RawValue,
    },
}

/// Reads a journal.
#[derive(Debug)]
pub struct Reader<R> {
    input: R,
    line: Vec<u8>,
    /// The line after it: whether a bad line is torn depends on what follows.
    ahead: Vec<u8>,
    number: u64,
}

impl<R: BufRead> Reader<R> {
    /// Reads from the beginning.
    ///
    /// # Errors
    /// The first line cannot be read.
    pub fn new(input: R) -> Result<Self, BadJournal> {
        let mut reader = Reader { input, line: Vec::new(), ahead: Vec::new(), number: 0 };
        reader.look_ahead()?;
        Ok(reader)
    }

    /// The number of the line that [`Reader::next_line`] gave last, from 1.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// The next line; `None` at the end.
    ///
    /// # Errors
    /// [`BadJournal`]; nothing after it can be relied on.
    pub fn next_line(&mut self) -> Result<Option<Line<'_>>, BadJournal> {
        if self.ahead.is_empty() {
            return Ok(None);
        }
        self.number += 1;
        std::mem::swap(&mut self.line, &mut self.ahead);
        self.look_ahead()?;
        let parsed = if is_entry(&self.line) {
            serde_json::from_slice(&self.line).map(|entry| match entry {
                Entry::Event { at, event } => Line::Event { at, event },
                Entry::Action { at, action } => Line::Action { at, action: action.get() },
            })
        } else {
            serde_json::from_slice(&self.line).map(|header| Line::Header(Box::new(header)))
        };
        match parsed {
            Ok(line) => Ok(Some(line)),
            // What begins like a header is one, and a header must be whole to be of use.
            Err(_) if self.number > 1 && (self.ahead.is_empty() || !is_entry(&self.ahead)) => {
                Ok(Some(Line::Torn))
            }
            Err(source) => Err(BadJournal::Malformed { line: self.number, source }),
        }
    }

    fn look_ahead(&mut self) -> Result<(), BadJournal> {
        self.ahead.clear();
        let line = self.number + 1;
        let mut input = (&mut self.input).take(LONGEST_LINE as u64 + 1);
        input
            .read_until(b'\n', &mut self.ahead)
            .map_err(|source| BadJournal::Unreadable { line, source })?;
        if self.ahead.len() > LONGEST_LINE { Err(BadJournal::TooLong { line }) } else { Ok(()) }
    }
}

/// Does this line begin as an entry does? Else it is a header.
fn is_entry(line: &[u8]) -> bool {
    line.starts_with(b"{\"event\":") || line.starts_with(b"{\"action\":")
}
