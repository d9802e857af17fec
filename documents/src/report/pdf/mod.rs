//! A report laid out on A4.
//!
//! Text, cards and tables are set here; charts come from kuva as SVG and are drawn as vectors with
//! selectable text. The pages carry a structure for screen readers (PDF/UA-1), an outline and the
//! document's language. Nothing here reads a clock: the same report gives the same bytes.

mod chart;
mod face;
mod flow;
mod sheet;
mod table;
mod write;

use super::{Report, ReportError};

/// The report as a PDF.
///
/// # Errors
/// A chart or table that does not fit together, by its title; a report past
/// [`MOST_PAGES`](super::MOST_PAGES).
pub fn pdf(report: &Report) -> Result<Vec<u8>, ReportError> {
    let mut sheet = sheet::Sheet::new();
    flow::lay_out(report, &mut sheet)?;
    write::write(report, sheet)
}
