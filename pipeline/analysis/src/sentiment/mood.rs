//! How a call has sounded lately.

use serde::Serialize;

use super::{Label, Sentiment, THRESHOLD};

/// What is left of a turn's weight with each caller turn that follows.
const FADES: f32 = 0.65;
/// Neutral turns ("yes", "Tuesday") weigh this much: they neither calm nor please.
pub(crate) const PLAIN: f32 = 0.35;
/// A label is left only when the score is this far on the other side of its bound, so that a call at
/// the bound does not flicker.
const STICKS: f32 = 0.05;

/// The label of a call became another.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Change {
    /// It was.
    pub from: Label,
    /// The call as it sounds now; its label is the new one.
    pub to: Sentiment,
}

/// The smoothed sentiment of a call: later turns weigh more, and those that are believed.
#[derive(Clone, Debug, PartialEq)]
pub struct Mood {
    sum: f32,
    weight: f32,
    /// Weight without regard to confidence, to tell how sure the whole is.
    turns: f32,
    label: Label,
}

impl Default for Mood {
    fn default() -> Self {
        Mood { sum: 0.0, weight: 0.0, turns: 0.0, label: Label::Neutral }
    }
}

impl Mood {
    /// Takes the caller's next turn; answers where the call's label has changed by it.
    pub fn push(&mut self, turn: Sentiment) -> Option<Change> {
        let weight = turn.confidence * if turn.label == Label::Neutral { PLAIN } else { 1.0 };
        // What is not known at all neither counts nor ages what is.
        if weight <= 0.0 {
            return None;
        }
        self.sum = self.sum * FADES + turn.score * weight;
        self.weight = self.weight * FADES + weight;
        self.turns = self.turns * FADES + 1.0;
        let from = self.label;
        self.label = self.settled(self.score());
        (self.label != from).then(|| Change { from, to: self.now() })
    }

    /// As the call sounds now. The label may lag the score by a little: see [`Change`].
    pub fn now(&self) -> Sentiment {
        if self.turns == 0.0 {
            return Sentiment::UNKNOWN;
        }
        let confidence = (self.weight / self.turns).clamp(0.0, 1.0);
        Sentiment { label: self.label, ..Sentiment::new(self.score(), confidence) }
    }

    /// -1 to 1; 0 before anything was said.
    pub fn score(&self) -> f32 {
        if self.weight > 0.0 { (self.sum / self.weight).clamp(-1.0, 1.0) } else { 0.0 }
    }

    fn settled(&self, score: f32) -> Label {
        let stays = match self.label {
            Label::Positive => score >= THRESHOLD - STICKS,
            Label::Negative => score <= -(THRESHOLD - STICKS),
            Label::Neutral => score.abs() < THRESHOLD,
        };
        if stays { self.label } else { Label::of(score) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn turn(score: f32) -> Sentiment {
        Sentiment::new(score, 0.8)
    }

    #[test]
    fn a_call_turns_when_its_callers_do() {
        let mut mood = Mood::default();
        assert_eq!(mood.push(turn(0.0)), None);
        let change = mood.push(turn(-0.8)).unwrap();
        assert_eq!((change.from, change.to.label), (Label::Neutral, Label::Negative));
        assert_eq!(mood.push(turn(-0.7)), None);
        assert_eq!(mood.push(turn(0.0)), None, "one plain answer does not calm a call");
        let change = mood.push(turn(0.9)).or_else(|| mood.push(turn(0.9))).unwrap();
        assert_eq!(change.from, Label::Negative);
    }

    #[test]
    fn what_is_not_known_changes_nothing() {
        let mut mood = Mood::default();
        mood.push(turn(-0.8));
        let before = mood.clone();
        assert_eq!(mood.push(Sentiment::UNKNOWN), None);
        assert_eq!(mood, before);
    }

    #[test]
    fn a_call_at_the_bound_does_not_flicker() {
        let mut mood = Mood::default();
        mood.push(turn(-0.27));
        let turns = [-0.22, -0.27, -0.21, -0.28].map(turn);
        assert!(turns.into_iter().all(|turn| mood.push(turn).is_none()));
    }
}
