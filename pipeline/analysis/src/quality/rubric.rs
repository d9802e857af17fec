//! What a business asks of its calls, and what breaking each rule costs.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Rules with what one breach costs, and the most that all breaches of it may.
const COSTS: &[(&str, f32, f32)] = &[
    // Compliance
    ("legal_notice", 0.5, 0.5),
    ("required_phrase", 0.25, 0.75),
    ("forbidden_phrase", 0.4, 1.0),
    ("swearing", 0.5, 1.0),
    // Accuracy
    ("unsupported_figure", 0.25, 0.5),
    ("unsupported_answer", 0.15, 0.45),
    ("did_not_know", 0.1, 0.4),
    ("question_unanswered", 0.2, 0.4),
    ("promise_not_kept", 0.2, 0.4),
    ("claim_without_deed", 0.3, 0.6),
    // Professionalism
    ("no_greeting", 0.1, 0.1),
    ("no_closing", 0.1, 0.1),
    ("no_courtesy", 0.1, 0.1),
    ("repeated_itself", 0.1, 0.3),
    ("talked_over", 0.05, 0.25),
    ("slow_answer", 0.05, 0.25),
    ("dead_air", 0.1, 0.3),
    ("person_refused", 0.3, 0.3),
    ("not_understood", 0.05, 0.2),
    // Only to be looked at.
    ("caller_swore", 0.0, 0.0),
];

/// What one breach of a rule costs its part.
pub(super) fn cost(rule: &str) -> f32 {
    COSTS.iter().find(|(name, ..)| *name == rule).map_or(0.0, |(_, cost, _)| *cost)
}

/// What all breaches of a rule may cost at most; a judge's findings have no bound of their own.
pub(super) fn most(rule: &str) -> f32 {
    COSTS.iter().find(|(name, ..)| *name == rule).map_or(1.0, |(.., most)| *most)
}

/// What the parts weigh in the overall score, relative to each other.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Weights {
    /// 0.2 unless set.
    pub sentiment: f32,
    /// 0.3 unless set.
    pub compliance: f32,
    /// 0.3 unless set.
    pub accuracy: f32,
    /// 0.2 unless set.
    pub professionalism: f32,
}

impl Default for Weights {
    fn default() -> Self {
        Weights { sentiment: 0.2, compliance: 0.3, accuracy: 0.3, professionalism: 0.2 }
    }
}

/// `config_data.quality_assurance`: the contract's four keys and, beside them, these.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Rubric {
    /// Whether calls are scored at all; [`super::score`] leaves that to its caller.
    pub enabled: bool,
    /// Off: sentiment is neutral and weighs nothing.
    pub sentiment_analysis: bool,
    /// Off: compliance is 1 and weighs nothing.
    pub compliance_check: bool,
    /// An overall score below it is marked, 0 to 1.
    pub min_score_threshold: f32,
    /// Each must be said by our side, in any of its turns. Words in this order; `*` ends a beginning.
    pub required_phrases: Vec<String>,
    /// None may be said by our side.
    pub forbidden_phrases: Vec<String>,
    /// Must be said by our side within its first two turns; three quarters of its words do.
    pub legal_notice: Option<String>,
    /// A greeting is expected in our first turn.
    pub greeting: bool,
    /// A farewell is expected where our side ended the call.
    pub closing: bool,
    /// An answer later than this is slow, milliseconds.
    pub slow_answer_ms: u64,
    /// Silence after the caller's turn that is dead air, milliseconds.
    pub dead_air_ms: u64,
    /// What the parts weigh.
    pub weights: Weights,
}

impl Default for Rubric {
    fn default() -> Self {
        Rubric {
            enabled: true,
            sentiment_analysis: true,
            compliance_check: true,
            min_score_threshold: 0.6,
            required_phrases: Vec::new(),
            forbidden_phrases: Vec::new(),
            legal_notice: None,
            greeting: true,
            closing: true,
            slow_answer_ms: 2_500,
            dead_air_ms: 6_000,
            weights: Weights::default(),
        }
    }
}

/// Why a rubric cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum RubricError {
    /// A key has a value of another kind.
    #[error("quality_assurance cannot be read")]
    Shape(#[from] serde_json::Error),
    /// A number is outside of what it may be.
    #[error("quality_assurance.{key} is {value}, but must be {wanted}")]
    Range {
        /// Which key.
        key: &'static str,
        /// What it says.
        value: f32,
        /// What it may say.
        wanted: &'static str,
    },
    /// A list is too long, or a phrase is empty or too long.
    #[error("quality_assurance.{0} may have 200 phrases of 1 to 500 characters")]
    Phrases(&'static str),
}

impl Rubric {
    /// Of `config_data.quality_assurance`; missing keys take their defaults, unknown ones are not read.
    ///
    /// # Errors
    /// A key has a value that it must not have.
    pub fn of(config: &Value) -> Result<Self, RubricError> {
        let rubric = Rubric::deserialize(config)?;
        let threshold = rubric.min_score_threshold;
        if !(0.0..=1.0).contains(&threshold) {
            let (key, wanted) = ("min_score_threshold", "from 0 to 1");
            return Err(RubricError::Range { key, value: threshold, wanted });
        }
        let Weights { sentiment, compliance, accuracy, professionalism } = rubric.weights;
        let weights = [sentiment, compliance, accuracy, professionalism];
        let bad = weights.into_iter().find(|weight| !(0.0..=1000.0).contains(weight));
        if let Some(value) = bad {
            return Err(RubricError::Range { key: "weights", value, wanted: "from 0 to 1000" });
        }
        if weights.iter().sum::<f32>() <= 0.0 {
            return Err(RubricError::Range {
                key: "weights",
                value: 0.0,
                wanted: "more than 0 in all",
            });
        }
        let notice: Vec<String> = rubric.legal_notice.iter().cloned().collect();
        for (name, list) in [
            ("required_phrases", &rubric.required_phrases),
            ("forbidden_phrases", &rubric.forbidden_phrases),
            ("legal_notice", &notice),
        ] {
            let fits = |phrase: &String| (1..=500).contains(&phrase.trim().chars().count());
            if list.len() > 200 || !list.iter().all(fits) {
                return Err(RubricError::Phrases(name));
            }
        }
        Ok(rubric)
    }

    /// The weights of the parts that are judged at all.
    pub(super) fn weights_in_force(&self) -> Weights {
        let off = |on: bool, weight: f32| if on { weight } else { 0.0 };
        Weights {
            sentiment: off(self.sentiment_analysis, self.weights.sentiment),
            compliance: off(self.compliance_check, self.weights.compliance),
            ..self.weights
        }
    }
}
