//! The calls of a report, one row each.

use chrono_tz::Tz;
use documents::report::{Block, Cell, Column, Section, Table};

use super::{
    Format,
    sections::{How, quantity},
    words,
};
use crate::store::statistics::Listed;

pub fn section(how: How, calls: &[Listed], total: i64, zone: Tz) -> Section {
    let listed = calls.len() as i64;
    let cut = (listed < total).then(|| {
        let (listed, total) = (quantity(how, listed), quantity(how, total));
        format!("Only the newest {listed} of {total} calls are listed: ask for a shorter time.")
    });
    let mut table = match how.format {
        Format::Csv => rows(calls, zone),
        Format::Pdf => lines(calls, zone),
    };
    let mut blocks = Vec::new();
    match (how.format, cut) {
        (Format::Csv, Some(said)) => {
            let mut last = vec![Cell::Empty; table.columns.len()];
            last[0] = said.into();
            table.total = Some(last);
        }
        (Format::Pdf, Some(said)) => blocks.push(Block::Paragraph(said)),
        (_, None) => {}
    }
    blocks.push(Block::Table(table));
    Section { heading: "Calls".to_owned(), blocks }
}

fn text(value: Option<&String>) -> Cell {
    value.map_or(Cell::Empty, |text| text.clone().into())
}

/// For programs and spreadsheets: everything.
fn rows(calls: &[Listed], zone: Tz) -> Table {
    let row = |call: &Listed| {
        let started = call.started_at.with_timezone(&zone);
        vec![
            call.id.to_string().into(),
            started.format("%Y-%m-%d %H:%M:%S").to_string().into(),
            started.format("UTC%:z").to_string().into(),
            call.direction.clone().into(),
            call.state.clone().into(),
            call.from_number.clone().into(),
            call.to_number.clone().into(),
            text(call.business.as_ref()),
            text(call.agent.as_ref()),
            call.duration_seconds.map_or(Cell::Empty, Cell::Whole),
            text(call.sentiment.as_ref()),
            call.qa_score.map_or(Cell::Empty, |value| Cell::Decimal { value, places: 4 }),
            if call.is_escalated { "yes" } else { "no" }.into(),
            text(call.summary.as_ref()),
        ]
    };
    Table {
        title: "Calls".to_owned(),
        columns: vec![
            Column::left("Call"),
            Column::left(format!("Started ({})", zone.name())),
            Column::left("UTC offset"),
            Column::left("Direction"),
            Column::left("State"),
            Column::left("From"),
            Column::left("To"),
            Column::left("Business"),
            Column::left("Agent"),
            Column::right("Seconds"),
            Column::left("Sentiment"),
            Column::right("QA score"),
            Column::left("Escalated"),
            Column::left("Summary"),
        ],
        rows: calls.iter().map(row).collect(),
        total: None,
    }
}

/// For people: what fits on a line of paper.
fn lines(calls: &[Listed], zone: Tz) -> Table {
    let line = |call: &Listed| {
        let started = call.started_at.with_timezone(&zone);
        vec![
            started.format("%Y-%m-%d %H:%M").to_string().into(),
            words::title(&call.direction).into(),
            // Two numbers do not fit; the other party's is the one that is looked for.
            match call.direction.as_str() {
                "outbound" => call.to_number.clone().into(),
                _ => call.from_number.clone().into(),
            },
            words::title(&call.state).into(),
            call.duration_seconds
                .map_or(Cell::Empty, |seconds| words::duration(seconds as f64).into()),
            call.sentiment.as_ref().map_or(Cell::Empty, |name| words::title(name).into()),
            call.qa_score
                .map_or(Cell::Empty, |score| Cell::Decimal { value: score * 100.0, places: 0 }),
            if call.is_escalated { "Yes".into() } else { Cell::Empty },
        ]
    };
    Table {
        title: "Newest first".to_owned(),
        columns: vec![
            Column::left("Started"),
            Column::left("Direction"),
            Column::left("Other party"),
            Column::left("State"),
            Column::right("Duration"),
            Column::left("Sentiment"),
            Column::right("QA"),
            Column::centre("Escalated"),
        ],
        rows: calls.iter().map(line).collect(),
        total: None,
    }
}

#[cfg(test)]
mod tests {
    use documents::report::Language;

    use super::*;
    use crate::domain::calendar::Interval;

    #[test]
    fn a_list_that_was_cut_says_so() {
        let call = Listed {
            id: uuid::Uuid::nil(),
            started_at: chrono::DateTime::UNIX_EPOCH,
            direction: "inbound".to_owned(),
            state: "no_answer".to_owned(),
            from_number: "+14155550100".to_owned(),
            to_number: "+14155550199".to_owned(),
            business: None,
            agent: None,
            duration_seconds: None,
            sentiment: None,
            qa_score: None,
            is_escalated: false,
            summary: None,
        };
        let said = "Only the newest 1 of 61,234 calls are listed: ask for a shorter time.";
        let shown = |format, total| {
            let (interval, language) = (Interval::Day, Language::English);
            let how = How { format, charts: false, interval, language };
            section(how, std::slice::from_ref(&call), total, Tz::UTC).blocks
        };
        assert!(shown(Format::Pdf, 61_234).contains(&Block::Paragraph(said.to_owned())));
        let [Block::Table(table)] = &shown(Format::Csv, 61_234)[..] else { panic!("a table") };
        assert_eq!(table.total.as_ref().expect("a last row")[0], Cell::from(said));
        assert_eq!(shown(Format::Pdf, 1).len(), 1);
        let [Block::Table(table)] = &shown(Format::Csv, 1)[..] else { panic!("a table") };
        assert_eq!((table.rows.len(), &table.total), (1, &None));
    }
}
