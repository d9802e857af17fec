//! What a note of the journal adds to the store. No I/O.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Map, Value, json};
use turn::{Contest, EndReason, Moment, Note, Purpose};

use crate::{
    domain::Speaker,
    store::{
        lines::{NewLine, NewTurn},
        scores::{Known, NewFact},
    },
};

/// Characters of a tool's answer that are kept.
const LONGEST_ANSWER: usize = 4_000;

/// What a note adds.
#[derive(Debug)]
pub(super) enum Addition {
    Line(NewLine),
    Turn(NewTurn),
    /// What scores rest on.
    Fact(NewFact),
    AnsweredBy(&'static str),
    /// The conversation is over; the call goes on where it was put through.
    Ended {
        reason: &'static str,
        call_goes_on: bool,
    },
    Nothing,
}

/// What the note at this place adds. Moments are counted from `began`.
pub(super) fn addition(position: i64, began: DateTime<Utc>, at: Moment, note: Note) -> Addition {
    let wall = |moment: Moment| began + TimeDelta::milliseconds(ms(moment));
    let line = |speaker, text: String, from: Moment, to: Moment, metadata: Map<String, Value>| {
        if text.trim().is_empty() {
            return Addition::Nothing;
        }
        Addition::Line(NewLine {
            position,
            speaker,
            text,
            at: wall(from),
            from_ms: ms(from),
            to_ms: ms(to),
            sentiment: None,
            sentiment_confidence: None,
            confidence: None,
            metadata,
        })
    };
    let fact = |at: Moment, known| {
        Addition::Fact(NewFact { position: Some(position), at: wall(at), known })
    };
    match note {
        Note::CallerSaid { text, from, to, confidence, .. } => {
            let mut said = line(Speaker::Customer, text, from, to, timed(from, to));
            if let Addition::Line(line) = &mut said {
                line.confidence = confidence.map(f64::from);
            }
            said
        }
        Note::AgentSaid { purpose, text, meant, cut, from, to, .. } => {
            let mut metadata = timed(from, to);
            metadata.insert("purpose".to_owned(), json!(purpose));
            if cut {
                metadata.insert("interrupted".to_owned(), json!(true));
                metadata.insert("meant".to_owned(), json!(meant));
            }
            match purpose {
                // Tones are not said.
                Purpose::Keys => Addition::Nothing,
                _ => line(Speaker::Ai, text, from, to, metadata),
            }
        }
        Note::PersonSaid { text, from, to } => {
            line(Speaker::Agent, text, from, to, timed(from, to))
        }
        Note::Pressed { keys } => {
            let mut metadata = timed(at, at);
            metadata.insert("keys".to_owned(), json!(keys));
            line(Speaker::Customer, format!("(pressed {keys})"), at, at, metadata)
        }
        Note::Answered { turn, waterfall } => Addition::Turn(NewTurn {
            position,
            turn: turn.0.into(),
            total_ms: waterfall.total().and_then(|total| i64::try_from(total.as_millis()).ok()),
            culprit: waterfall.culprit().map(str::to_owned),
            waterfall: serde_json::to_value(&waterfall).unwrap_or_default(),
            at: wall(at),
        }),
        Note::AnsweredBy { by, .. } => Addition::AnsweredBy(match by {
            turn::Answerer::Human => "human",
            turn::Answerer::Machine
            | turn::Answerer::MachineAfterBeep
            | turn::Answerer::MachineSilent => "machine",
            turn::Answerer::Fax => "fax",
            turn::Answerer::Unknown => "unknown",
        }),
        Note::Ended { why } => Addition::Ended {
            call_goes_on: matches!(why, EndReason::Transferred { .. }),
            reason: why.name(),
        },
        Note::ToolUsed { call, content, effects } => {
            let ok = turn::was_done(&content);
            let answer: String = content.chars().take(LONGEST_ANSWER).collect();
            // PostgreSQL's JSON has no place for U+0000.
            let [name, answer] = [call.name, answer].map(|text| text.replace('\0', "\u{fffd}"));
            fact(at, Known::Tool { name, ok, effects, answer })
        }
        Note::Contested { from, overlap_ms, outcome, .. } => match outcome {
            Contest::Interruption | Contest::Backchannel => {
                fact(from, Known::Overlap { ms: overlap_ms })
            }
            // Nobody spoke but the agent.
            Contest::Noise | Contest::Echo => Addition::Nothing,
        },
        Note::CallerSaying { .. }
        | Note::Backchannel { .. }
        | Note::Ordered { .. }
        | Note::TurnDecided { .. }
        | Note::Echo { .. }
        | Note::Speculated { .. }
        | Note::Trouble { .. }
        | Note::Tallied { .. } => Addition::Nothing,
    }
}

fn ms(moment: Moment) -> i64 {
    i64::try_from(moment.0).unwrap_or(i64::MAX)
}

/// How long it was said, which every line tells.
fn timed(from: Moment, to: Moment) -> Map<String, Value> {
    let mut metadata = Map::new();
    metadata.insert("duration_ms".to_owned(), json!(to.0.saturating_sub(from.0)));
    metadata
}

#[cfg(test)]
mod tests {
    use turn::{TurnId, UtteranceId};

    use super::*;

    #[test]
    fn what_was_heard_is_the_line_and_what_was_meant_stands_beside_it() {
        let began = DateTime::UNIX_EPOCH;
        let note = Note::AgentSaid {
            turn: TurnId(1),
            utterance: UtteranceId(1),
            purpose: Purpose::Reply,
            text: "We open at".to_owned(),
            meant: "We open at nine.".to_owned(),
            cut: true,
            from: Moment(1_500),
            to: Moment(2_100),
        };
        let Addition::Line(line) = addition(4, began, Moment(2_100), note) else {
            panic!("it is a line")
        };
        assert_eq!((line.text.as_str(), line.position), ("We open at", 4));
        assert_eq!(line.at.timestamp_millis(), 1_500);
        assert_eq!(line.metadata["meant"], "We open at nine.");
        assert_eq!(line.metadata["duration_ms"], 600);
        let silent = Note::CallerSaid {
            turn: TurnId(1),
            text: " ".to_owned(),
            from: Moment(0),
            to: Moment(0),
            confidence: None,
        };
        assert!(matches!(addition(5, began, Moment(0), silent), Addition::Nothing));
    }
}
