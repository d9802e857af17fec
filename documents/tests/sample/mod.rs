//! The report that tests lay out: every kind of block, long texts, both alphabets.

use documents::report::{
    Block, Cell, Change, Chart, Column, Direction, Figure, Form, Language, Report, Section, Series,
    Table, Tone,
};

fn figure(label: &str, value: &str, change: Option<(&str, Direction, bool)>, note: &str) -> Figure {
    Figure {
        label: label.into(),
        value: value.into(),
        note: (!note.is_empty()).then(|| note.into()),
        change: change.map(|(text, direction, good)| Change { text: text.into(), direction, good }),
    }
}

pub fn calls(rows: i64) -> Table {
    Table {
        title: "Calls".into(),
        columns: vec![
            Column::left("Started"),
            Column::left("Caller"),
            Column::left("Subject"),
            Column::right("Seconds"),
            Column::right("QA score"),
            Column::centre("Outcome"),
        ],
        rows: (0..rows)
            .map(|at| {
                vec![
                    format!("2026-10-{:02} {:02}:15", at % 31 + 1, at % 24).into(),
                    format!("+49 •••• {:02}", at % 100).into(),
                    match at % 4 {
                        0 => "Перенести приём на четверг после обеда, если возможно".into(),
                        1 => "Invoice".into(),
                        2 => "Reichsversicherungsordnungsbestimmungen https://example.com/a/very/long/address/without/a/space".into(),
                        _ => Cell::Empty,
                    },
                    Cell::Whole(at * 37 % 1900),
                    Cell::Percent { value: (at * 13 % 1000) as f64 / 10.0, places: 1 },
                    if at % 5 == 0 { "escalated".into() } else { "completed".into() },
                ]
            })
            .collect(),
        total: Some(vec![
            "All".into(),
            Cell::Empty,
            Cell::Empty,
            Cell::Whole(123_456),
            Cell::Percent { value: 81.25, places: 1 },
            Cell::Empty,
        ]),
    }
}

pub fn report(language: Language) -> Report {
    let days: Vec<String> = (1..=31).map(|day| format!("{day} Oct")).collect();
    let wave = |base: f64, step: f64| {
        (0..31).map(move |day| (base + (f64::from(day) * step).sin() * base * 0.4).round())
    };
    let mut quality = Series::new("Average score", wave(80.0, 0.5));
    quality.values[11] = None;
    quality.values[12] = None;
    Report {
        title: "Call centre overview".into(),
        business: "Стоматология «Белый клык» & Sons".into(),
        period: "1–31 October 2026".into(),
        generated_at: "Generated 1 November 2026, 08:00 (Europe/Berlin)".into(),
        language,
        sections: vec![
            Section {
                heading: "Overview".into(),
                blocks: vec![
                    Block::Paragraph(
                        "October was the busiest month of the year so far. Of 1,204 calls 87 % \
                         were dealt with by the agent alone; most of the others asked for a person \
                         at once. Среднее время ответа сократилось на треть."
                            .into(),
                    ),
                    Block::Figures(vec![
                        figure(
                            "Calls",
                            "1,204",
                            Some(("+12 %", Direction::Up, true)),
                            "against September",
                        ),
                        figure(
                            "Dealt with by the agent",
                            "87.3 %",
                            Some(("+1.9", Direction::Up, true)),
                            "points",
                        ),
                        figure(
                            "Average duration",
                            "2 min 10 s",
                            Some(("−8 s", Direction::Down, true)),
                            "",
                        ),
                        figure(
                            "Escalations",
                            "153",
                            Some(("+4", Direction::Up, false)),
                            "12.7 % of calls",
                        ),
                        figure("Average QA score over all rubrics", "81.2", None, "of 100"),
                        figure(
                            "Revenue booked",
                            "€ 1,234,567,890.00",
                            Some(("0 %", Direction::Same, true)),
                            "",
                        ),
                    ]),
                    Block::Chart(Chart {
                        title: "Calls per day".into(),
                        form: Form::StackedBars,
                        measure: "calls".into(),
                        places: 0,
                        categories: days.clone(),
                        series: vec![
                            Series::new("Inbound", wave(30.0, 0.9)),
                            Series::new("Outbound", wave(12.0, 0.4)),
                            Series::new("Входящие, пропущенные", wave(4.0, 1.3)),
                        ],
                        ..Chart::default()
                    }),
                    Block::Chart(Chart {
                        title: "How callers felt".into(),
                        form: Form::Donut,
                        measure: "calls by the sentiment of the whole call".into(),
                        places: 0,
                        categories: vec![
                            "Positive".into(),
                            "Neutral".into(),
                            "Negative".into(),
                            "Не определено: слишком мало слов для оценки".into(),
                        ],
                        series: vec![Series::new("calls", [612.0, 401.0, 131.0, 60.0])],
                        tones: vec![Tone::Good, Tone::Neutral, Tone::Bad, Tone::Plain],
                    }),
                ],
            },
            Section {
                heading: "Quality".into(),
                blocks: vec![
                    Block::Chart(Chart {
                        title: "QA score".into(),
                        form: Form::Lines,
                        measure: "score, 0–100".into(),
                        places: 1,
                        categories: days.clone(),
                        series: vec![
                            quality,
                            Series::new("Politeness", wave(60.0, 0.3)),
                            Series::new("Accuracy", wave(40.0, 0.7)),
                        ],
                        ..Chart::default()
                    }),
                    Block::Chart(Chart {
                        title: "Average sentiment".into(),
                        form: Form::Lines,
                        measure: "−1 to 1".into(),
                        places: 2,
                        categories: vec![
                            "Week 40".into(),
                            "Week 41".into(),
                            "Week 42".into(),
                            "Week 43".into(),
                        ],
                        series: vec![Series::new("sentiment", [0.2, -0.35, 0.1, 0.42])],
                        ..Chart::default()
                    }),
                    Block::Chart(Chart {
                        title: "Sentiment by week".into(),
                        form: Form::Bars,
                        measure: "calls".into(),
                        places: 0,
                        categories: vec![
                            "Week 40".into(),
                            "Week 41".into(),
                            "Week 42".into(),
                            "Week 43".into(),
                        ],
                        series: vec![
                            Series::new("Positive", [120.0, 141.0, 99.0, 152.0]).tone(Tone::Good),
                            Series::new("Neutral", [80.0, 61.0, 73.0, 90.0]).tone(Tone::Neutral),
                            Series::new("Negative", [22.0, 31.0, 12.0, 17.0]).tone(Tone::Bad),
                        ],
                        ..Chart::default()
                    }),
                ],
            },
            Section {
                heading: "Escalations".into(),
                blocks: vec![
                    Block::Chart(Chart {
                        title: "What triggered them".into(),
                        form: Form::NamedBars,
                        measure: "escalations".into(),
                        places: 0,
                        categories: vec![
                            "Asked for a person".into(),
                            "Keyword \"lawyer\"; costs $5 or $50".into(),
                            "Отрицательное настроение три реплики подряд".into(),
                            "Low confidence".into(),
                        ],
                        series: vec![Series::new("escalations", [71.0, 38.0, 30.0, 14.0])],
                        ..Chart::default()
                    }),
                    Block::Chart(Chart {
                        title: "By weekday".into(),
                        form: Form::Bars,
                        measure: "escalations".into(),
                        places: 0,
                        categories: ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]
                            .map(String::from)
                            .to_vec(),
                        series: vec![Series::new(
                            "escalations",
                            [31.0, 28.0, 40.0, 22.0, 19.0, 9.0, 4.0],
                        )],
                        ..Chart::default()
                    }),
                    Block::Chart(Chart {
                        title: "Nothing measured".into(),
                        measure: "calls".into(),
                        ..Chart::default()
                    }),
                    Block::Heading("Every call".into()),
                    Block::Table(calls(70)),
                    Block::Table(Table {
                        title: "Agents".into(),
                        columns: vec![Column::left("Name"), Column::right("Calls")],
                        rows: vec![],
                        total: None,
                    }),
                ],
            },
        ],
    }
}
