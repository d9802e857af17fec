//! Tables as CSV after RFC 4180: CRLF, quotes where they are needed, every record equally long.
//!
//! A spreadsheet runs a cell that begins with one of `= + - @`, a tab or a line's end as a formula,
//! and what callers say ends up in these cells. Such text gets a leading `'` (OWASP, "CSV
//! Injection"); numbers are written as numbers and keep their minus.

use super::number::plain;
use super::{Cell, Table};

/// Whether the file begins with a byte order mark.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mark {
    /// Without: what programs expect.
    #[default]
    None,
    /// With UTF-8's mark: without it Excel reads Cyrillic as its own code page.
    Utf8,
}

/// One table: its column names, its rows, its total.
pub fn table(table: &Table, mark: Mark) -> Vec<u8> {
    write(&[table], mark)
}

/// Several tables in one file: each after its title and before an empty record, all records filled
/// up to the widest, because RFC 4180 wants as many fields in each.
pub fn tables(tables: &[&Table], mark: Mark) -> Vec<u8> {
    write(tables, mark)
}

fn write(tables: &[&Table], mark: Mark) -> Vec<u8> {
    let mut out = match mark {
        Mark::None => Vec::new(),
        Mark::Utf8 => "\u{feff}".as_bytes().to_vec(),
    };
    let width = tables.iter().map(|table| table.columns.len()).max().unwrap_or(0);
    let mut writer =
        csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(&mut out);
    let mut put = |fields: Vec<String>| {
        let missing = width.saturating_sub(fields.len());
        let record = fields.into_iter().chain(std::iter::repeat_n(String::new(), missing));
        // Into memory, and of one length: neither way to fail is left.
        writer.write_record(record).expect("records of one length, written to memory");
    };
    for (at, table) in tables.iter().enumerate() {
        if tables.len() > 1 {
            if at > 0 {
                put(Vec::new());
            }
            put(vec![text(&table.title)]);
        }
        put(table.columns.iter().map(|column| text(&column.name)).collect());
        for row in table.rows.iter().chain(&table.total) {
            put(row.iter().take(width).map(field).collect());
        }
    }
    writer.flush().expect("written to memory");
    drop(writer);
    out
}

fn field(cell: &Cell) -> String {
    match cell {
        Cell::Text(words) => text(words),
        Cell::Whole(number) => number.to_string(),
        Cell::Decimal { value, places } | Cell::Percent { value, places } => {
            if value.is_finite() {
                plain(*value, *places)
            } else {
                String::new()
            }
        }
        Cell::Empty => String::new(),
    }
}

/// Text that no spreadsheet takes for a formula.
pub fn text(words: &str) -> String {
    match words.chars().next() {
        Some('=' | '+' | '-' | '@' | '\t' | '\r' | '\n') => format!("'{words}"),
        _ => words.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::Column;

    fn sample() -> Table {
        Table {
            title: "Calls".into(),
            columns: vec![Column::left("Name"), Column::right("Score")],
            rows: vec![
                vec!["Анна \"A\", Ltd".into(), Cell::Decimal { value: -0.5, places: 2 }],
                vec!["=HYPERLINK(\"x\")".into(), Cell::Whole(-3)],
                vec!["+49 170".into(), Cell::Percent { value: 12.5, places: 1 }],
                vec!["two\r\nlines".into(), Cell::Empty],
            ],
            total: Some(vec!["@sum".into(), Cell::Whole(7)]),
        }
    }

    #[test]
    fn a_table_is_rfc_4180_and_runs_nothing() {
        let bytes = table(&sample(), Mark::None);
        assert_eq!(
            String::from_utf8(bytes).unwrap(),
            "Name,Score\r\n\"Анна \"\"A\"\", Ltd\",-0.50\r\n\"'=HYPERLINK(\"\"x\"\")\",-3\r\n\
             '+49 170,12.5\r\n\"two\r\nlines\",\r\n'@sum,7\r\n"
        );
    }

    #[test]
    fn every_dangerous_beginning_is_defused() {
        for dangerous in ["=1", "+1", "-1", "@x", "\tx", "\rx", "\nx"] {
            assert_eq!(text(dangerous), format!("'{dangerous}"));
        }
        for harmless in ["", "a=1", " x", "'x", "1-2", "é"] {
            assert_eq!(text(harmless), harmless);
        }
    }

    #[test]
    fn several_tables_have_records_of_one_length_and_the_mark_comes_once() {
        let narrow = Table {
            title: "-Totals".into(),
            columns: vec![Column::left("All")],
            rows: vec![vec![Cell::Whole(1)]],
            total: None,
        };
        let bytes = tables(&[&sample(), &narrow], Mark::Utf8);
        let body = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap();
        let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(body);
        let records: Vec<_> = reader.records().map(Result::unwrap).collect();
        assert!(records.iter().all(|record| record.len() == 2));
        assert_eq!(&records[0][0], "Calls");
        assert_eq!(&records[8][0], "'-Totals");
        assert_eq!(&records[9][0], "All");
    }
}
