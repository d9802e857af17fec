//! Tables: typed cells, so that paper shows a number as people write it and CSV as machines read it.

use super::ReportError;

/// A table may have this many columns: more cannot be read on A4.
pub const MOST_COLUMNS: usize = 12;

/// Rows under headed columns.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Table {
    /// Stands above it; in a CSV of several tables it names this one.
    pub title: String,
    pub columns: Vec<Column>,
    pub rows: Vec<Vec<Cell>>,
    /// A last row that sums the others up, set apart from them.
    pub total: Option<Vec<Cell>>,
}

/// A column's name, and which way its cells lean.
#[derive(Clone, Debug, PartialEq)]
pub struct Column {
    pub name: String,
    pub align: Align,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Align {
    #[default]
    Left,
    /// For numbers: units stand under units.
    Right,
    Centre,
}

/// What stands in one place of a table.
#[derive(Clone, Debug, PartialEq)]
pub enum Cell {
    Text(String),
    Whole(i64),
    /// Shown with this many places; in CSV as well.
    Decimal {
        value: f64,
        places: u8,
    },
    /// 0 to 100, shown with a percent sign on paper and without in CSV.
    Percent {
        value: f64,
        places: u8,
    },
    /// Not known, or does not apply: a dash on paper, nothing in CSV.
    Empty,
}

impl Column {
    pub fn left(name: impl Into<String>) -> Self {
        Self { name: name.into(), align: Align::Left }
    }

    pub fn right(name: impl Into<String>) -> Self {
        Self { name: name.into(), align: Align::Right }
    }

    pub fn centre(name: impl Into<String>) -> Self {
        Self { name: name.into(), align: Align::Centre }
    }
}

impl From<&str> for Cell {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Cell {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<i64> for Cell {
    fn from(number: i64) -> Self {
        Self::Whole(number)
    }
}

impl Table {
    /// Every row has a cell for every column, and a number is one.
    ///
    /// # Errors
    /// Names the table and the row (counted from 1) that does not fit.
    pub(super) fn check(&self) -> Result<(), ReportError> {
        let wrong = |why: String| ReportError::Table { table: self.title.clone(), why };
        if self.columns.is_empty() {
            return Err(wrong("has no columns".into()));
        }
        if self.columns.len() > MOST_COLUMNS {
            return Err(wrong(format!("has more than {MOST_COLUMNS} columns")));
        }
        for (at, row) in self.rows.iter().chain(&self.total).enumerate() {
            if row.len() != self.columns.len() {
                return Err(wrong(format!(
                    "has {} cells in row {} and {} columns",
                    row.len(),
                    at + 1,
                    self.columns.len()
                )));
            }
            let number = |cell: &Cell| match cell {
                Cell::Decimal { value, .. } | Cell::Percent { value, .. } => value.is_finite(),
                Cell::Text(_) | Cell::Whole(_) | Cell::Empty => true,
            };
            if !row.iter().all(number) {
                return Err(wrong(format!("has a cell that is no number in row {}", at + 1)));
            }
        }
        Ok(())
    }
}
