//! Finds the weights of `turn::endpoint::odds` anew: logistic regressions with a small penalty, by
//! Newton's method.

use turn::endpoint::{Completeness, DANGLING, Evidence, Question, VOICE, WORDS};

use crate::features::Heard;

/// The penalty on a weight's square; the bias has next to none.
const PENALTY: f64 = 2.0;
const ROUNDS: usize = 40;

/// One pause: its numbers, what is set by hand of it, and whether it is the turn's end.
struct Row {
    numbers: Vec<f64>,
    set: f64,
    over: f64,
}

/// Prints all four tables.
pub fn print(turns: &[&Heard]) {
    for (name, asked, model) in [
        ("STATEMENT", None, false),
        ("STATEMENT_WITH_MODEL", None, true),
        ("ANSWERING", Some(Question::Other), false),
        ("ANSWERING_WITH_MODEL", Some(Question::Other), true),
    ] {
        let weights = regress(&rows(turns, asked, model));
        let list = |weights: &[f64]| {
            let weights: Vec<String> = weights.iter().map(|w| format!("{:.2}", w + 0.0)).collect();
            weights.join(", ")
        };
        println!("const {name}: Weights = Weights {{");
        println!("    bias: {:.2},", weights[0]);
        println!("    words: [{}],", list(&weights[1..=WORDS]));
        println!("    voice: [{}],", list(&weights[WORDS + 1..=WORDS + VOICE]));
        println!("    model: {:.2},", weights.get(WORDS + VOICE + 1).unwrap_or(&0.0));
        println!("}};");
    }
}

fn rows(turns: &[&Heard], asked: Option<Question>, model: bool) -> Vec<Row> {
    let mut rows = Vec::new();
    for pause in turns.iter().flat_map(|heard| &heard.pauses) {
        let evidence = Evidence {
            prosody: Some(pause.prosody),
            model: pause.model,
            ..Evidence::of_words(&pause.text, asked)
        };
        let features = evidence.features();
        let (Some(judged), true) = (features.model, evidence.words != Completeness::Unknown) else {
            continue;
        };
        let mut numbers = vec![1.0];
        numbers.extend(features.words.iter().chain(&features.voice).map(|&n| f64::from(n)));
        if model {
            numbers.push(f64::from(judged));
        }
        let dangles = evidence.words == Completeness::Dangling;
        let set = if dangles { f64::from(DANGLING) } else { 0.0 };
        rows.push(Row { numbers, set, over: if pause.until_ms.is_none() { 1.0 } else { 0.0 } });
    }
    rows
}

fn regress(rows: &[Row]) -> Vec<f64> {
    let count = rows.first().map_or(1, |row| row.numbers.len());
    let mut weights = vec![0.0; count];
    for _ in 0..ROUNDS {
        let penalty = |place: usize| if place == 0 { 1e-3 } else { PENALTY };
        let mut slope: Vec<f64> = (0..count).map(|at| penalty(at) * weights[at]).collect();
        let mut bend = vec![vec![0.0; count]; count];
        for (at, row) in bend.iter_mut().enumerate() {
            row[at] = penalty(at);
        }
        for row in rows {
            let odds: f64 =
                row.numbers.iter().zip(&weights).map(|(n, w)| n * w).sum::<f64>() + row.set;
            let likely = 1.0 / (1.0 + (-odds).exp());
            for (a, x) in row.numbers.iter().enumerate() {
                slope[a] += x * (likely - row.over);
                for (b, y) in row.numbers.iter().enumerate() {
                    bend[a][b] += x * y * likely * (1.0 - likely);
                }
            }
        }
        let step = solve(bend, slope);
        weights.iter_mut().zip(step).for_each(|(weight, step)| *weight -= step);
    }
    weights
}

/// Gauss and Jordan, with the largest pivot.
fn solve(mut rows: Vec<Vec<f64>>, mut right: Vec<f64>) -> Vec<f64> {
    let count = right.len();
    for column in 0..count {
        let size = |row: &usize| rows[*row][column].abs();
        let pivot = (column..count).max_by(|a, b| size(a).total_cmp(&size(b))).unwrap_or(column);
        rows.swap(column, pivot);
        right.swap(column, pivot);
        for row in (0..count).filter(|row| *row != column) {
            let factor = rows[row][column] / rows[column][column];
            let pivot = rows[column].clone();
            for (value, by) in rows[row].iter_mut().zip(pivot).skip(column) {
                *value -= factor * by;
            }
            right[row] -= factor * right[column];
        }
    }
    (0..count).map(|at| right[at] / rows[at][at]).collect()
}
