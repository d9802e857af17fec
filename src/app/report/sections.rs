//! The sections of a report: what was counted, as figures, charts and tables.
//!
//! On paper a section opens with figures to be read at a glance; in a CSV the same are a table.

use documents::report::{
    Block, Cell, Change, Chart, Column, Direction, Figure, Form, Language, Section, Series, Table,
    Tone,
};

use super::{Format, words};
use crate::domain::{
    calendar::{Interval, Period},
    statistics::{
        BANDS, Count, EscalationTally, Escalations, Feeling, MoodTally, Moods, Overview, QaTally,
        Quality, Trend, Volume, percent,
    },
};

/// So many kinds of triggers are shown.
const MOST_SHOWN: usize = 12;

/// How a report is laid out.
#[derive(Clone, Copy, Debug)]
pub struct How {
    pub format: Format,
    pub charts: bool,
    pub interval: Interval,
    pub language: Language,
}

/// A number as the report's language writes it.
pub fn quantity(how: How, number: i64) -> String {
    how.language.whole(number)
}

/// One number of a section's opening: for paper as it is read, for CSV as it is counted with.
struct Measure {
    label: &'static str,
    shown: String,
    cell: Cell,
    unit: &'static str,
    note: Option<String>,
    change: Option<Change>,
}

impl Measure {
    fn count(how: How, label: &'static str, number: i64) -> Self {
        let shown = quantity(how, number);
        Measure { label, shown, cell: Cell::Whole(number), unit: "", note: None, change: None }
    }

    fn percent(how: How, label: &'static str, value: f64) -> Self {
        let shown = how.language.percent(value, 1);
        let cell = Cell::Percent { value, places: 2 };
        Measure { label, shown, cell, unit: "percent", note: None, change: None }
    }

    /// 0 to 1; on paper 0 to 100.
    fn score(how: How, label: &'static str, value: Option<f64>) -> Self {
        let (shown, cell) = match value {
            None => ("–".to_owned(), Cell::Empty),
            Some(value) => {
                (how.language.decimal(value * 100.0, 1), Cell::Decimal { value, places: 4 })
            }
        };
        Measure {
            label,
            shown,
            cell,
            unit: "0 to 1",
            note: Some("of 100".to_owned()),
            change: None,
        }
    }

    fn duration(label: &'static str, seconds: Option<f64>) -> Self {
        let (shown, cell) = match seconds {
            None => ("–".to_owned(), Cell::Empty),
            Some(value) => (words::duration(value), Cell::Decimal { value, places: 2 }),
        };
        Measure { label, shown, cell, unit: "seconds", note: None, change: None }
    }

    /// -1 to 1.
    fn balance(how: How, label: &'static str, value: Option<f64>) -> Self {
        let (shown, cell) = match value {
            None => ("–".to_owned(), Cell::Empty),
            Some(value) => (how.language.decimal(value, 2), Cell::Decimal { value, places: 4 }),
        };
        Measure { label, shown, cell, unit: "-1 to 1", note: None, change: None }
    }

    fn note(mut self, note: impl Into<String>) -> Self {
        self.note = Some(note.into());
        self
    }

    /// Against the time before, and what is said beside it; nothing, where there is nothing to compare with.
    fn against(mut self, change: Option<Change>, note: &str) -> Self {
        if change.is_some() {
            self.note = Some(note.to_owned());
        }
        self.change = change;
        self
    }
}

/// How a number moved, as `text` of the difference; `wished` if more is better.
fn change(
    now: Option<f64>,
    before: Option<f64>,
    wished: bool,
    text: impl Fn(f64) -> String,
) -> Option<Change> {
    let difference = now? - before?;
    let shown = text(difference.abs());
    // What is shown as nothing is nothing.
    let same = shown == text(0.0);
    let (direction, sign) = match (same, difference > 0.0) {
        (true, _) => (Direction::Same, ""),
        (false, true) => (Direction::Up, "+"),
        (false, false) => (Direction::Down, "\u{2212}"),
    };
    let good = same || (difference > 0.0) == wished;
    Some(Change { text: format!("{sign}{shown}"), direction, good })
}

fn opening(how: How, title: &str, measures: Vec<Measure>) -> Block {
    match how.format {
        Format::Pdf => Block::Figures(
            measures
                .into_iter()
                .map(|one| Figure {
                    label: one.label.to_owned(),
                    value: one.shown,
                    note: one.note,
                    change: one.change,
                })
                .collect(),
        ),
        Format::Csv => Block::Table(Table {
            title: title.to_owned(),
            columns: vec![Column::left("Measure"), Column::right("Value"), Column::left("Unit")],
            rows: measures
                .into_iter()
                .map(|one| vec![one.label.into(), one.cell, one.unit.into()])
                .collect(),
            total: None,
        }),
    }
}

/// The calls at a glance, against as long a time before.
pub fn overview(how: How, now: &Overview, before: &Overview, volume: &Trend<Volume>) -> Section {
    let compared = before.total > 0;
    let was = |value: f64| compared.then_some(value);
    let calls = change(Some(percent(now.total, before.total)), was(100.0), true, |percent| {
        how.language.percent(percent, 0)
    });
    let rate =
        change(Some(now.escalation_rate()), was(before.escalation_rate()), false, |points| {
            how.language.decimal(points, 1)
        });
    let score =
        change(now.qa_score, before.qa_score, true, |of| how.language.decimal(of * 100.0, 1));
    let long = change(now.duration, before.duration, false, words::duration);
    let mut measures = vec![
        Measure::count(how, "Calls", now.total).against(calls, "than before"),
        Measure::count(how, "Completed", now.completed).note(share(how, now.completed, now.total)),
        Measure::count(how, "Not reached or failed", now.failed)
            .note(share(how, now.failed, now.total)),
        Measure::count(how, "Still running", now.active),
        Measure::count(how, "Escalated to a person", now.escalated).note(share(
            how,
            now.escalated,
            now.total,
        )),
        Measure::percent(how, "Escalation rate", now.escalation_rate()).against(rate, "points"),
        Measure::duration("Average duration", now.duration).against(long, "than before"),
        Measure::score(how, "Average QA score", now.qa_score).against(score, "of 100"),
    ];
    if how.format == Format::Csv {
        let moods = now.moods;
        measures.extend([
            Measure::count(how, "Sentiment positive", moods.positive),
            Measure::count(how, "Sentiment neutral", moods.neutral),
            Measure::count(how, "Sentiment negative", moods.negative),
            Measure::count(how, "QA excellent (from 0.8)", now.excellent),
            Measure::count(how, "QA good (0.6 to 0.8)", now.good),
            Measure::count(how, "QA fair (0.4 to 0.6)", now.fair),
            Measure::count(how, "QA poor (below 0.4)", now.poor),
        ]);
    }
    let mut blocks = vec![opening(how, "Overview", measures)];
    if how.charts {
        blocks.push(chart(
            how,
            "Calls",
            Form::StackedBars,
            &format!("calls a {}", how.interval.name()),
            0,
            volume,
            vec![
                line("Inbound", volume, |volume| Some(volume.inbound as f64)),
                line("Outbound", volume, |volume| Some(volume.outbound as f64)),
            ],
        ));
        blocks.push(moods_ring(now.moods));
        let bands = [now.excellent, now.good, now.fair, now.poor];
        blocks.push(Block::Chart(Chart {
            title: "QA scores".to_owned(),
            form: Form::NamedBars,
            measure: "scored calls".to_owned(),
            places: 0,
            categories: [
                "Excellent, from 80",
                "Good, 60 to 79",
                "Fair, 40 to 59",
                "Poor, below 40",
            ]
            .map(String::from)
            .to_vec(),
            series: vec![Series::new("calls", bands.map(|count| count as f64))],
            tones: Vec::new(),
        }));
    }
    let totals = volume.iter().fold(Volume::default(), |sum, (_, one)| Volume {
        total: sum.total + one.total,
        inbound: sum.inbound + one.inbound,
        outbound: sum.outbound + one.outbound,
        completed: sum.completed + one.completed,
        escalated: sum.escalated + one.escalated,
    });
    let cells = |one: &Volume| {
        [one.total, one.inbound, one.outbound, one.completed, one.escalated]
            .map(Cell::Whole)
            .to_vec()
    };
    let columns = ["Calls", "Inbound", "Outbound", "Completed", "Escalated"];
    blocks.push(table(how, "Calls", &columns, volume, cells, Some(cells(&totals))));
    Section { heading: "Overview".to_owned(), blocks }
}

/// How well calls went.
pub fn quality(how: How, quality: &Quality) -> Section {
    let means = quality.all.means();
    let mean = |of: fn(&crate::domain::statistics::Scores) -> f64| means.as_ref().map(of);
    let measures = vec![
        Measure::count(how, "Scored calls", quality.all.scored),
        Measure::score(how, "Overall", mean(|scores| scores.overall)),
        Measure::score(how, "Sentiment", mean(|scores| scores.sentiment)),
        Measure::score(how, "Compliance", mean(|scores| scores.compliance)),
        Measure::score(how, "Accuracy", mean(|scores| scores.accuracy)),
        Measure::score(how, "Professionalism", mean(|scores| scores.professionalism)),
    ];
    let mut blocks = vec![opening(how, "Quality", measures)];
    let overall = |tally: &QaTally| tally.means().map(|means| means.overall);
    if how.charts {
        blocks.push(chart(
            how,
            "Average QA score",
            Form::Lines,
            "score, 0 to 100",
            0,
            &quality.trend,
            vec![line("Overall", &quality.trend, |tally| overall(tally).map(|of| of * 100.0))],
        ));
        blocks.push(Block::Chart(Chart {
            title: "How scores are spread".to_owned(),
            form: Form::Bars,
            measure: "scored calls by overall score".to_owned(),
            places: 0,
            categories: BANDS.map(String::from).to_vec(),
            series: vec![Series::new("calls", quality.all.bands.map(|count| count as f64))],
            tones: Vec::new(),
        }));
        blocks.push(ranking("Most frequent issues", "calls", &quality.issues));
    }
    let bands = BANDS.iter().zip(quality.all.bands);
    blocks.push(Block::Table(Table {
        title: "Scores".to_owned(),
        columns: vec![Column::left("Range"), Column::right("Calls"), Column::right("Share, %")],
        rows: bands
            .map(|(range, count)| counted((*range).to_owned(), count, quality.all.scored))
            .collect(),
        total: None,
    }));
    blocks.push(Block::Table(Table {
        title: "Issues".to_owned(),
        columns: vec![
            Column::left("Issue"),
            Column::right("Calls"),
            Column::right("Share of scored calls, %"),
        ],
        rows: quality
            .issues
            .iter()
            .map(|issue| counted(issue.what.clone(), issue.count, quality.all.scored))
            .collect(),
        total: None,
    }));
    let cells = |tally: &QaTally| vec![Cell::Whole(tally.scored), grade(how, overall(tally))];
    let columns = ["Scored calls", "Average score"];
    blocks.push(table(how, "Average score", &columns, &quality.trend, cells, None));
    Section { heading: "Quality".to_owned(), blocks }
}

/// How callers felt.
pub fn feeling(how: How, feeling: &Feeling) -> Section {
    let Moods { positive, neutral, negative } = feeling.all.moods;
    let known = positive + neutral + negative;
    let measures = vec![
        Measure::count(how, "Positive", positive).note(share(how, positive, known)),
        Measure::count(how, "Neutral", neutral).note(share(how, neutral, known)),
        Measure::count(how, "Negative", negative).note(share(how, negative, known)),
        Measure::balance(how, "Average sentiment", feeling.all.mean()).note("from −1 to 1"),
        Measure::balance(how, "Sentiment and QA score", feeling.with_qa).note("correlation"),
        Measure::balance(how, "Sentiment and escalation", feeling.with_escalation)
            .note("correlation"),
    ];
    let mut blocks = vec![opening(how, "Sentiment", measures)];
    if how.charts {
        blocks.push(moods_ring(feeling.all.moods));
        let trend = &feeling.trend;
        let series = vec![
            line("Positive", trend, |one| Some(one.moods.positive as f64)).tone(Tone::Good),
            line("Neutral", trend, |one| Some(one.moods.neutral as f64)).tone(Tone::Neutral),
            line("Negative", trend, |one| Some(one.moods.negative as f64)).tone(Tone::Bad),
        ];
        let measure = format!("calls a {}", how.interval.name());
        let title = "How callers felt over time";
        blocks.push(chart(how, title, Form::StackedBars, &measure, 0, trend, series));
        let mean = vec![line("Average", trend, MoodTally::mean)];
        blocks.push(chart(how, "Average sentiment", Form::Lines, "−1 to 1", 2, trend, mean));
    }
    let cells = |tally: &MoodTally| {
        let Moods { positive, neutral, negative } = tally.moods;
        let mut cells = [positive, neutral, negative].map(Cell::Whole).to_vec();
        cells.push(score(tally.mean()));
        cells
    };
    let columns = ["Positive", "Neutral", "Negative", "Average score"];
    blocks.push(table(how, "Sentiment", &columns, &feeling.trend, cells, None));
    Section { heading: "Sentiment".to_owned(), blocks }
}

/// How calls were handed to people.
pub fn escalations(how: How, escalations: &Escalations) -> Section {
    let all = &escalations.all;
    let measures = vec![
        Measure::count(how, "Escalations", all.total()),
        Measure::percent(how, "Escalation rate", all.rate()).note("of calls"),
        Measure::duration("Average time to resolve", all.resolution_time())
            .note("from request to completion"),
        Measure::count(how, "Pending", all.pending),
        Measure::count(how, "In progress", all.in_progress),
        Measure::count(how, "Completed", all.completed),
        Measure::count(how, "Cancelled", all.cancelled),
    ];
    let mut blocks = vec![opening(how, "Escalations", measures)];
    let triggers: Vec<Count> = escalations
        .triggers
        .iter()
        .map(|one| Count { what: words::title(&one.what), count: one.count })
        .collect();
    let trend = &escalations.trend;
    if how.charts {
        let measure = format!("escalations a {}", how.interval.name());
        let counts = vec![line("Escalations", trend, |one| Some(one.total() as f64))];
        blocks.push(chart(how, "Escalations", Form::Bars, &measure, 0, trend, counts));
        let rate = |one: &EscalationTally| (one.calls > 0).then(|| one.rate());
        let rates = vec![line("Escalation rate", trend, rate)];
        let measure = "percent of calls";
        blocks.push(chart(how, "Escalation rate", Form::Lines, measure, 1, trend, rates));
        let shown = &triggers[..triggers.len().min(MOST_SHOWN)];
        blocks.push(ranking("What triggered them", "escalations", shown));
    }
    blocks.push(Block::Table(Table {
        title: "Triggers".to_owned(),
        columns: vec![
            Column::left("Trigger"),
            Column::right("Escalations"),
            Column::right("Share, %"),
        ],
        rows: triggers.into_iter().map(|one| counted(one.what, one.count, all.total())).collect(),
        total: None,
    }));
    let cells = |one: &EscalationTally| {
        let rate = Cell::Percent { value: one.rate(), places: 2 };
        vec![Cell::Whole(one.calls), Cell::Whole(one.total()), rate]
    };
    let columns = ["Calls", "Escalations", "Rate, %"];
    blocks.push(table(how, "Escalations", &columns, trend, cells, None));
    Section { heading: "Escalations".to_owned(), blocks }
}

fn share(how: How, part: i64, whole: i64) -> String {
    format!("{} of calls", how.language.percent(percent(part, whole), 1))
}

fn score(value: Option<f64>) -> Cell {
    value.map_or(Cell::Empty, |value| Cell::Decimal { value, places: 4 })
}

/// 0 to 1; on paper 0 to 100, as in the figures.
fn grade(how: How, value: Option<f64>) -> Cell {
    match how.format {
        Format::Csv => score(value),
        Format::Pdf => {
            value.map_or(Cell::Empty, |value| Cell::Decimal { value: value * 100.0, places: 1 })
        }
    }
}

fn counted(what: String, count: i64, of: i64) -> Vec<Cell> {
    let share = Cell::Percent { value: percent(count, of), places: 2 };
    vec![what.into(), Cell::Whole(count), share]
}

fn moods_ring(moods: Moods) -> Block {
    let parts = [moods.positive, moods.neutral, moods.negative];
    Block::Chart(Chart {
        title: "How callers felt".to_owned(),
        form: Form::Donut,
        measure: "calls".to_owned(),
        places: 0,
        categories: ["Positive", "Neutral", "Negative"].map(String::from).to_vec(),
        series: vec![Series::new("calls", parts.map(|count| count as f64))],
        tones: vec![Tone::Good, Tone::Neutral, Tone::Bad],
    })
}

fn ranking(title: &str, measure: &str, counts: &[Count]) -> Block {
    Block::Chart(Chart {
        title: title.to_owned(),
        form: Form::NamedBars,
        measure: measure.to_owned(),
        places: 0,
        categories: counts.iter().map(|one| one.what.clone()).collect(),
        series: vec![Series::new(measure, counts.iter().map(|one| one.count as f64))],
        tones: Vec::new(),
    })
}

fn line<T>(name: &str, trend: &Trend<T>, value: impl Fn(&T) -> Option<f64>) -> Series {
    let values = trend.iter().map(|(_, tally)| value(tally)).collect();
    Series { name: name.to_owned(), values, tone: Tone::Plain }
}

fn chart<T>(
    how: How,
    title: &str,
    form: Form,
    measure: &str,
    places: u8,
    trend: &Trend<T>,
    series: Vec<Series>,
) -> Block {
    let tick = |(period, _): &(Period, T)| words::tick(period.begins, how.interval);
    Block::Chart(Chart {
        title: title.to_owned(),
        form,
        measure: measure.to_owned(),
        places,
        categories: trend.iter().map(tick).collect(),
        series,
        tones: Vec::new(),
    })
}

/// A row for each period.
fn table<T>(
    how: How,
    title: &str,
    columns: &[&str],
    trend: &Trend<T>,
    cells: impl Fn(&T) -> Vec<Cell>,
    total: Option<Vec<Cell>>,
) -> Block {
    let head = Column::left(words::heading(how.interval));
    let first = |period: &Period| Cell::from(words::period(period.begins, how.interval));
    let row = |(period, tally): &(Period, T)| {
        std::iter::once(first(period)).chain(cells(tally)).collect()
    };
    // In a CSV a sum among the rows would be counted twice.
    let total = total.filter(|_| how.format == Format::Pdf);
    Block::Table(Table {
        title: format!("{title} by {}", how.interval.name()),
        columns: std::iter::once(head)
            .chain(columns.iter().map(|name| Column::right(*name)))
            .collect(),
        rows: trend.iter().map(row).collect(),
        total: total.map(|cells| std::iter::once(Cell::from("All")).chain(cells).collect()),
    })
}
