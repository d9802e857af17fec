//! Who holds the floor, and what each event does to it.
//!
//! [`ears`] is what the caller says, [`leftovers`] what of it comes twice, [`outage`] that it comes late,
//! [`keys`] what they press, [`mouth`] what the agent says,
//! [`thinking`] the model's work between them with its [`tools`], [`speculation`] the same before its
//! time; [`contested`] is both at once, [`echoed`] the agent twice; [`supervised`] is what people
//! order, [`machines`] are other machines on the line, [`ending`] is how calls end.

pub(crate) mod contested;
pub(crate) mod ears;
pub(crate) mod echoed;
pub(crate) mod ending;
pub(crate) mod keys;
pub(crate) mod leftovers;
pub(crate) mod machines;
pub(crate) mod mouth;
pub(crate) mod outage;
pub(crate) mod speculation;
pub(crate) mod supervised;
pub(crate) mod thinking;
pub(crate) mod tools;

use serde::{Deserialize, Serialize};

/// Who holds the floor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Floor {
    /// The carrier's stream is not up yet.
    Unanswered,
    /// The caller speaks, or may.
    Caller,
    /// The caller's turn is over; an answer is awaited and nothing of it is audible yet.
    Thinking,
    /// The agent speaks, or is about to.
    Agent,
    /// The caller made a sound while the agent had the floor; nothing is sent until it is decided
    /// what it was.
    Contested { over: Over },
    /// The call is over.
    Ended,
}

/// What a contest interrupted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Over {
    Thinking,
    Agent,
}

/// Who holds the floor, for people.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FloorName {
    Unanswered,
    Caller,
    Thinking,
    Agent,
    Contested,
    Paused,
    /// A person has taken the call over.
    Person,
    Ended,
}

impl Floor {
    pub(crate) fn name(self, paused: bool, person: bool) -> FloorName {
        match self {
            Floor::Ended => FloorName::Ended,
            _ if person => FloorName::Person,
            _ if paused => FloorName::Paused,
            Floor::Unanswered => FloorName::Unanswered,
            Floor::Caller => FloorName::Caller,
            Floor::Thinking => FloorName::Thinking,
            Floor::Agent => FloorName::Agent,
            Floor::Contested { .. } => FloorName::Contested,
        }
    }
}
