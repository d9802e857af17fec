//! Reports: figures, tables and charts about calls, as a PDF to hand round and a CSV to count with.
//!
//! A [`Report`] is data without a layout: what is said, in the order in which it is said. [`pdf()`]
//! lays it out on A4 and [`csv`] writes its tables. Neither reads a clock, a file or the machine's
//! fonts, so the same report is the same bytes everywhere.
//!
//! What a figure means, and how it is counted, is the caller's; the words that the layout itself
//! adds (page numbers, "no data") follow the report's [`Language`].

mod chart;
pub mod csv;
mod number;
mod pdf;
mod table;

pub use chart::{Chart, Form, Series, Tone};
pub use number::Language;
pub use pdf::pdf;
pub use table::{Align, Cell, Column, Table};

/// Why a report cannot be laid out. Each names the part that is wrong.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    #[error("the chart \"{chart}\" {why}")]
    Chart { chart: String, why: String },
    #[error("the table \"{table}\" {why}")]
    Table { table: String, why: String },
    #[error("the report has more than {MOST_PAGES} pages: ask for a shorter period")]
    TooLong,
    #[error("the report could not be written as PDF: {0}")]
    Writing(String),
}

/// A report may have this many pages; a longer one is an [`ReportError::TooLong`].
pub const MOST_PAGES: usize = 500;

/// What is handed to a manager.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Report {
    pub title: String,
    /// Whose calls these are.
    pub business: String,
    /// The time that is reported on, in words: "1–31 October 2026".
    pub period: String,
    /// When the figures were taken, in words: the report reads no clock.
    pub generated_at: String,
    pub language: Language,
    pub sections: Vec<Section>,
}

/// A heading and what stands under it. It is also an entry in the PDF's outline.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Section {
    pub heading: String,
    pub blocks: Vec<Block>,
}

/// One thing in a section.
#[derive(Clone, Debug, PartialEq)]
pub enum Block {
    /// A heading below the section's own.
    Heading(String),
    /// Running text. Line breaks in it are kept.
    Paragraph(String),
    /// Cards, four in a row.
    Figures(Vec<Figure>),
    Table(Table),
    Chart(Chart),
}

/// A key figure: one number that is read at a glance.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Figure {
    pub label: String,
    /// As it is to be read: "1,204", "87 %", "2 min 10 s".
    pub value: String,
    /// What it is compared with, or how it is counted.
    pub note: Option<String>,
    pub change: Option<Change>,
}

/// How a figure moved since the period before.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// As it is to be read: "+12 %".
    pub text: String,
    pub direction: Direction,
    /// Whether this way is the wished one; decides the colour, the arrow says the rest.
    pub good: bool,
}

/// Which way a figure moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    Up,
    Down,
    Same,
}

impl Report {
    /// Its tables, in their order, as a CSV is made of them.
    pub fn tables(&self) -> impl Iterator<Item = &Table> {
        self.sections.iter().flat_map(|section| &section.blocks).filter_map(|block| match block {
            Block::Table(table) => Some(table),
            Block::Heading(_) | Block::Paragraph(_) | Block::Figures(_) | Block::Chart(_) => None,
        })
    }
}
