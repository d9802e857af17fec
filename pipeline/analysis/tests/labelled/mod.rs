//! The labelled sets, and how a judge agrees with them.
#![allow(dead_code, reason = "the bench and the tests each use a part")]

use analysis::sentiment::{DIMENSIONS, Label};

pub struct Line {
    pub score: f32,
    pub text: String,
    /// Its embedding, where there is one.
    pub vector: Option<Vec<f32>>,
}

/// A set in `data`, by its name; vectors are eight-bit, with a scale before each.
pub fn lines(name: &str) -> Vec<Line> {
    let path = |kind: &str| format!("{}/data/{name}.{kind}", env!("CARGO_MANIFEST_DIR"));
    let list = std::fs::read_to_string(path("tsv")).expect("the labelled set");
    let bytes = std::fs::read(path("vectors")).unwrap_or_default();
    let mut vectors = bytes.chunks_exact(4 + DIMENSIONS).map(|chunk| {
        let scale = f32::from_le_bytes([chunk[0], chunk[1], chunk[2], chunk[3]]);
        chunk[4..].iter().map(|byte| f32::from(byte.cast_signed()) * scale).collect()
    });
    let rows = list.lines().filter(|line| !line.starts_with('#'));
    rows.map(|row| {
        let (score, text) = row.split_once('\t').expect("a score and a text");
        let score = score.parse().expect("a score");
        Line { score, text: text.to_owned(), vector: vectors.next() }
    })
    .collect()
}

/// Texts with mean ratings from -4 to 4; 2 is taken for a score of 1.
pub fn rated(path: &str) -> Vec<Line> {
    let list = String::from_utf8_lossy(&std::fs::read(path).expect("the rated texts")).into_owned();
    let rows = list.lines().filter_map(|row| {
        let mut parts = row.split('\t').skip(1);
        let score: f32 = parts.next()?.parse().ok()?;
        Some(Line {
            score: (score / 2.0).clamp(-1.0, 1.0),
            text: parts.next()?.into(),
            vector: None,
        })
    });
    rows.collect()
}

pub struct Agreement {
    /// Share of lines whose label is the listener's.
    pub accuracy: f64,
    /// Mean of the three labels' F1.
    pub macro_f1: f64,
    /// Share of lines whose label is the very opposite: good for bad, bad for good.
    pub opposite: f64,
    /// Pearson's, between the scores.
    pub correlation: f64,
}

pub fn agreement(lines: &[Line], told: &[f32]) -> Agreement {
    let pairs: Vec<(Label, Label)> = lines
        .iter()
        .zip(told)
        .map(|(line, told)| (Label::of(line.score), Label::of(*told)))
        .collect();
    let right = pairs.iter().filter(|(want, got)| want == got).count();
    let sides = |(a, b): &&(Label, Label)| a != b && *a != Label::Neutral && *b != Label::Neutral;
    let opposite = pairs.iter().filter(sides).count();
    let f1 = |label: Label| {
        let count = |want: bool, got: bool| {
            let is = |(w, g): &&(Label, Label)| (*w == label) == want && (*g == label) == got;
            pairs.iter().filter(is).count() as f64
        };
        let both = count(true, true);
        if both == 0.0 {
            0.0
        } else {
            2.0 * both / (2.0 * both + count(true, false) + count(false, true))
        }
    };
    let labels = [Label::Positive, Label::Neutral, Label::Negative];
    let n = lines.len() as f64;
    let mean = |values: &mut dyn Iterator<Item = f64>| values.sum::<f64>() / n;
    let want_mean = mean(&mut lines.iter().map(|line| f64::from(line.score)));
    let told_mean = mean(&mut told.iter().map(|score| f64::from(*score)));
    let (mut both, mut wants, mut tells) = (0.0, 0.0, 0.0);
    for (line, told) in lines.iter().zip(told) {
        let (want, told) = (f64::from(line.score) - want_mean, f64::from(*told) - told_mean);
        (both, wants, tells) = (both + want * told, wants + want * want, tells + told * told);
    }
    Agreement {
        accuracy: right as f64 / n,
        opposite: opposite as f64 / n,
        macro_f1: labels.map(f1).iter().sum::<f64>() / 3.0,
        correlation: both / (wants * tells).sqrt().max(f64::MIN_POSITIVE),
    }
}
