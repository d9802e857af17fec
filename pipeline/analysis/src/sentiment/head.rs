//! A small trained head over sentence embeddings: three rows of weights and a bias.
//!
//! Multinomial logistic regression, fitted by `fit/head.py` on callers' lines and on rated reviews and
//! tweets; it runs no model itself.

use std::sync::LazyLock;

use super::{Sentiment, lexicon::Reading};

/// How long an embedding is.
pub const DIMENSIONS: usize = 384;

/// How much the lists' score weighs against the head's where they found something; where they found
/// nothing, the head is believed [`SILENT`] as much as it says.
const LISTS: f32 = 0.6;
/// The head's share where the lists found nothing of feeling: it was trained on written text, and calls
/// neutral lines good or bad too readily.
const SILENT: f32 = 0.7;
/// Feeling in the lists from which on they count in full.
const FOUND: f32 = 1.5;

static WEIGHTS: LazyLock<[Vec<f32>; 3]> = LazyLock::new(|| {
    let rows = include_str!("head.tsv").lines().filter(|line| !line.starts_with('#'));
    let rows: Vec<Vec<f32>> = rows
        .map(|row| row.split('\t').filter_map(|number| number.parse().ok()).collect())
        .collect();
    // The weights are part of the program: a test reads them.
    rows.try_into().expect("three rows of weights")
});

/// How likely each label is; they add up to 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Odds {
    pub negative: f32,
    pub neutral: f32,
    pub positive: f32,
}

impl Odds {
    pub fn score(&self) -> f32 {
        self.positive - self.negative
    }

    pub fn confidence(&self) -> f32 {
        self.positive.max(self.negative).max(self.neutral)
    }
}

/// What the head says of an embedding; `None` where it is not one.
pub(super) fn read(embedding: &[f32]) -> Option<Odds> {
    if embedding.len() != DIMENSIONS || embedding.iter().any(|value| !value.is_finite()) {
        return None;
    }
    let length = embedding.iter().map(|value| value * value).sum::<f32>().sqrt();
    if length < 1e-6 {
        return None;
    }
    let logit = |row: &Vec<f32>| {
        let sum: f32 = row.iter().zip(embedding).map(|(weight, value)| weight * value).sum();
        sum / length + row[DIMENSIONS]
    };
    let [negative, neutral, positive] = WEIGHTS.each_ref().map(logit);
    let most = negative.max(neutral).max(positive);
    let [negative, neutral, positive] = [negative, neutral, positive].map(|it| (it - most).exp());
    let all = negative + neutral + positive;
    Some(Odds { negative: negative / all, neutral: neutral / all, positive: positive / all })
}

/// Both judges' verdict: the lists lead where they found feeling, the head where they found none, and
/// confidence falls where they disagree.
pub(super) fn mixed(read: &Reading, told: &Odds) -> Sentiment {
    let found = ((read.good - read.bad) / FOUND).min(1.0);
    let share = LISTS * found + (1.0 - SILENT) * (1.0 - found);
    let score = share * read.score + (1.0 - share) * told.score();
    let apart = (read.score - told.score()).abs() / 2.0;
    let sure = share * read.confidence + (1.0 - share) * told.confidence();
    Sentiment::new(score, sure * (1.0 - 0.6 * apart))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_weights_are_whole() {
        assert!(WEIGHTS.iter().all(|row| row.len() == DIMENSIONS + 1));
    }

    #[test]
    fn what_is_no_embedding_is_not_used() {
        assert_eq!(read(&[1.0; 12]), None);
        assert_eq!(read(&[0.0; DIMENSIONS]), None);
        assert_eq!(read(&[f32::NAN; DIMENSIONS]), None);
        let odds = read(&[0.05; DIMENSIONS]).unwrap();
        assert!((odds.negative + odds.neutral + odds.positive - 1.0).abs() < 1e-5);
    }
}
