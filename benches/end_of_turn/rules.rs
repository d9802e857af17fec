//! The rules that are compared: when each holds a turn to be over.

use std::time::Duration;

use turn::endpoint::{EndOfTurn, Evidence, Question};

use crate::features::{Heard, Pause};

/// After the VAD is sure of a silence, ms: the words of it are there, and the model's judgement. As
/// measured on a core of 2.5 GHz, the words' in three of four pauses (the bench prints it); the recogniser
/// begins before the VAD is sure.
pub const WORDS_AFTER_MS: u64 = 80;
const MODEL_AFTER_MS: u64 = 100;

/// When a turn is over.
#[derive(Clone, Debug)]
pub enum Rule {
    /// After so much silence, whatever was said.
    Silence { ms: u64 },
    /// At once where the model, asked once in the pause, gives so much; else after so much silence.
    ModelOnce { threshold: f32, else_ms: u64 },
    /// By `turn::endpoint`, as in a call.
    Ours { policy: Box<EndOfTurn>, model: bool },
}

impl Rule {
    /// When the turn would be held to be over if the caller did not go on, ms.
    pub fn decides(&self, pause: &Pause, asked: Option<Question>) -> u64 {
        match self {
            Rule::Silence { ms } => (pause.at_ms + ms).max(pause.known_ms),
            Rule::ModelOnce { threshold, else_ms } => {
                let known = pause.known_ms + MODEL_AFTER_MS;
                match pause.model {
                    Some(over) if over >= *threshold => known,
                    _ => (pause.at_ms + else_ms).max(known),
                }
            }
            Rule::Ours { policy, model } => {
                let evidence = Evidence {
                    prosody: Some(pause.prosody),
                    ..Evidence::of_words(&pause.text, asked)
                };
                let at = |evidence: &Evidence, known: u64| {
                    (pause.at_ms + evidence.wait(policy).as_millis() as u64)
                        .max(pause.known_ms + known)
                };
                let alone = at(&evidence, WORDS_AFTER_MS);
                // The deadline may pass before the model has answered, as in a call.
                if !model || alone < pause.known_ms + MODEL_AFTER_MS {
                    return alone;
                }
                at(&Evidence { model: pause.model, ..evidence }, MODEL_AFTER_MS)
            }
        }
    }

    /// The rule's settings, for the report.
    pub fn settings(&self) -> String {
        match self {
            Rule::Silence { ms } => format!("{ms} ms"),
            Rule::ModelOnce { threshold, else_ms } => {
                format!("from {threshold}, else {else_ms} ms")
            }
            Rule::Ours { policy, .. } => {
                format!("{} ms, {} a unit", policy.even.as_millis(), policy.spread.as_millis())
            }
        }
    }
}

/// A family of rules, each setting of which is tried.
pub fn families() -> Vec<(&'static str, Vec<Rule>)> {
    let steps = |from: u64, to: u64, by: usize| (from..=to).step_by(by);
    let silence = steps(200, 2_000, 10).map(|ms| Rule::Silence { ms }).collect();
    let ours = |model: bool| {
        steps(300, 1_800, 25)
            .flat_map(|even| {
                [50, 100, 150, 200, 250, 300, 400].map(|spread| {
                    let policy = EndOfTurn {
                        even: Duration::from_millis(even),
                        spread: Duration::from_millis(spread),
                        ..EndOfTurn::default()
                    };
                    Rule::Ours { policy: Box::new(policy), model }
                })
            })
            .collect()
    };
    let once = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.97, 0.98]
        .iter()
        .flat_map(|&threshold| {
            steps(300, 3_000, 100).map(move |else_ms| Rule::ModelOnce { threshold, else_ms })
        })
        .collect();
    vec![
        ("silence only", silence),
        ("Smart Turn, asked once", once),
        ("ours, without a model", ours(false)),
        ("ours, with Smart Turn", ours(true)),
    ]
}

/// How a rule did.
#[derive(Clone, Debug)]
pub struct Outcome {
    pub turns: usize,
    /// Turns that it would have ended in a pause after which the speaker went on.
    pub cut: usize,
    pub pauses: usize,
    pub cut_pauses: usize,
    /// From the true end to the decision, ms, sorted; of turns that were cut as well.
    delays: Vec<i64>,
}

impl Outcome {
    pub fn of(rule: &Rule, turns: &[(&Heard, Option<Question>)]) -> Self {
        let mut outcome =
            Outcome { turns: turns.len(), cut: 0, pauses: 0, cut_pauses: 0, delays: Vec::new() };
        for (heard, asked) in turns {
            let mut was_cut = false;
            for pause in &heard.pauses {
                let decided = rule.decides(pause, *asked);
                match pause.until_ms {
                    None => outcome.delays.push(decided as i64 - heard.ends_ms as i64),
                    Some(until) => {
                        outcome.pauses += 1;
                        let cuts = decided < until;
                        outcome.cut_pauses += usize::from(cuts);
                        was_cut |= cuts;
                    }
                }
            }
            outcome.cut += usize::from(was_cut);
        }
        outcome.delays.sort_unstable();
        outcome
    }

    pub fn cut_percent(&self) -> f64 {
        100.0 * self.cut as f64 / self.turns.max(1) as f64
    }

    pub fn cut_pauses_percent(&self) -> f64 {
        100.0 * self.cut_pauses as f64 / self.pauses.max(1) as f64
    }

    pub fn mean_ms(&self) -> f64 {
        self.delays.iter().sum::<i64>() as f64 / self.delays.len().max(1) as f64
    }

    /// The delay that so many percent of the turns do not exceed, ms.
    pub fn percentile_ms(&self, percent: usize) -> i64 {
        let place = (self.delays.len() * percent / 100).min(self.delays.len().saturating_sub(1));
        self.delays.get(place).copied().unwrap_or(0)
    }
}
