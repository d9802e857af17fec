//! Reports as a reader gets them.

mod sample;

use documents::report::{
    Block, Cell, Chart, Column, Form, Language, Report, ReportError, Section, Series, Table, pdf,
};

fn with(block: Block) -> Report {
    Report {
        title: "T".into(),
        sections: vec![Section { heading: "S".into(), blocks: vec![block] }],
        ..Report::default()
    }
}

fn pages(bytes: &[u8]) -> usize {
    let count = |what: &[u8]| bytes.windows(what.len()).filter(|at| *at == what).count();
    count(b"/Type/Page/") + count(b"/Type /Page\n")
}

#[test]
fn the_same_report_is_the_same_bytes() {
    let report = sample::report(Language::English);
    let bytes = pdf(&report).unwrap();
    // To look at: the sample is one of every kind.
    std::fs::write(concat!(env!("CARGO_TARGET_TMPDIR"), "/report.pdf"), &bytes).unwrap();
    assert_eq!(bytes, pdf(&report).unwrap());
    assert!(bytes.len() < 400_000, "{} bytes", bytes.len());
    assert_ne!(bytes, pdf(&sample::report(Language::Russian)).unwrap());
}

#[test]
fn the_pdf_says_its_language_title_and_structure() {
    let bytes = pdf(&sample::report(Language::Russian)).unwrap();
    let has = |what: &str| bytes.windows(what.len()).any(|at| at == what.as_bytes());
    assert!(has("/Lang(ru)") || has("/Lang (ru)"));
    assert!(has("/StructTreeRoot") && has("/MarkInfo") && has("/Outlines"));
    assert!(has("Call centre overview"));
    assert!(has("pdfuaid:part"), "made for screen readers, too");
    assert!(!has("/CreationDate"), "no clock inside");
}

#[test]
fn a_row_taller_than_a_page_goes_on_over_pages() {
    let table = Table {
        title: "Words".into(),
        columns: vec![Column::left("A"), Column::right("B")],
        rows: vec![vec!["слово и ещё слово ".repeat(1200).into(), Cell::Whole(1)]],
        total: None,
    };
    let bytes = pdf(&with(Block::Table(table))).unwrap();
    assert!(pages(&bytes) > 2, "{}", pages(&bytes));
}

#[test]
fn odd_reports_are_laid_out_all_the_same() {
    let nothing = pdf(&Report::default()).unwrap();
    assert_eq!(pages(&nothing), 1);
    let word = "Ы".repeat(5_000);
    let long = Report {
        title: word.clone(),
        business: word.clone(),
        period: word.clone(),
        generated_at: word.clone(),
        sections: vec![Section {
            heading: word.clone(),
            blocks: vec![Block::Heading(word.clone()), Block::Paragraph(word.clone())],
        }],
        ..Report::default()
    };
    pdf(&long).unwrap();
    for text in
        ["", "\n\n", "\u{0}\u{7}", "日本語 \u{1f600} \u{202e}evil", "$x$ \\frac{1}{2} <&>\"'"]
    {
        for form in [Form::Bars, Form::NamedBars, Form::StackedBars, Form::Lines, Form::Donut] {
            let chart = Chart {
                title: text.into(),
                form,
                measure: text.into(),
                places: 1,
                categories: vec![text.into(), "b".into()],
                series: vec![Series::new(text, [0.0, 1e15])],
                ..Chart::default()
            };
            pdf(&with(Block::Chart(chart))).unwrap();
        }
        pdf(&with(Block::Paragraph(text.into()))).unwrap();
    }
}

#[test]
fn charts_of_zeros_and_of_one_value_are_drawn() {
    for form in [Form::Bars, Form::NamedBars, Form::StackedBars, Form::Lines, Form::Donut] {
        for value in [0.0, 1.0, 0.004] {
            let chart = Chart {
                title: "C".into(),
                form,
                categories: vec!["only".into()],
                series: vec![Series::new("s", [value])],
                ..Chart::default()
            };
            pdf(&with(Block::Chart(chart))).unwrap();
        }
    }
}

#[test]
fn what_does_not_fit_together_is_named() {
    let chart = |values: Vec<f64>| {
        Block::Chart(Chart {
            title: "Volume".into(),
            categories: vec!["a".into(), "b".into()],
            series: vec![Series::new("s", values)],
            ..Chart::default()
        })
    };
    for values in [vec![1.0], vec![1.0, f64::NAN], vec![1.0, -2.0]] {
        let error = pdf(&with(chart(values))).unwrap_err();
        assert!(matches!(&error, ReportError::Chart { chart, .. } if chart == "Volume"), "{error}");
    }
    let table = Table {
        title: "Calls".into(),
        columns: vec![Column::left("a")],
        rows: vec![vec![Cell::Whole(1), Cell::Whole(2)]],
        total: None,
    };
    let error = pdf(&with(Block::Table(table))).unwrap_err();
    assert_eq!(error.to_string(), "the table \"Calls\" has 2 cells in row 1 and 1 columns");
}

#[test]
fn a_report_without_end_is_refused() {
    let table = Table {
        title: "Calls".into(),
        columns: vec![Column::left("a")],
        rows: vec![vec!["x".into()]; 40_000],
        total: None,
    };
    assert!(matches!(pdf(&with(Block::Table(table))), Err(ReportError::TooLong)));
}
