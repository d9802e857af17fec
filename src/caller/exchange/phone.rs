//! Who is at a number, and what they do when it rings.

use std::time::Duration;

use super::super::scenario::Step;

/// A telephone and whoever has it. Answers at once and stays on the line, unless told otherwise.
#[derive(Clone, Debug)]
pub struct Phone {
    pub(super) rings: Duration,
    pub(super) pickup: Pickup,
    pub(super) steps: Vec<Step>,
    pub(super) hangs_up_after: Option<Duration>,
    pub(super) keys: Vec<(Duration, String)>,
    pub(super) answered_by: String,
    pub(super) known_after: Duration,
}

/// What comes of ringing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pickup {
    Answers,
    /// With what the network answers (SIP).
    Not {
        status: &'static str,
        sip: u16,
    },
    /// Until whoever calls gives up.
    Rings,
    /// The order to call is refused: HTTP status and the carrier's number.
    Refused {
        status: u16,
        code: u32,
    },
}

impl Phone {
    fn with(pickup: Pickup) -> Self {
        Phone {
            rings: Duration::ZERO,
            pickup,
            steps: Vec::new(),
            hangs_up_after: None,
            keys: Vec::new(),
            answered_by: "human".to_owned(),
            known_after: Duration::ZERO,
        }
    }

    /// Somebody answers and stays on the line.
    #[must_use]
    pub fn answers() -> Self {
        Self::with(Pickup::Answers)
    }

    /// Somebody is talking there already.
    #[must_use]
    pub fn busy() -> Self {
        Self::with(Pickup::Not { status: "busy", sip: 486 })
    }

    /// It rings until whoever calls gives up.
    #[must_use]
    pub fn no_answer() -> Self {
        Self::with(Pickup::Rings)
    }

    /// Somebody presses the call away, which the carrier calls busy, too.
    #[must_use]
    pub fn declines() -> Self {
        Self::with(Pickup::Not { status: "busy", sip: 603 })
    }

    /// The network does not get through.
    #[must_use]
    pub fn fails() -> Self {
        Self::with(Pickup::Not { status: "failed", sip: 404 })
    }

    /// The order to call it is refused over REST, as with 400 and 21217; dialled by a document, the
    /// call fails.
    #[must_use]
    pub fn refused(status: u16, code: u32) -> Self {
        Self::with(Pickup::Refused { status, code })
    }

    /// An answering machine answers. The carrier's detection, where it is asked for, finds
    /// `answered_by` so long after the answer.
    #[must_use]
    pub fn machine(answered_by: impl Into<String>, known_after: Duration) -> Self {
        let answered_by = answered_by.into();
        Phone { answered_by, known_after, ..Self::answers() }
    }

    /// It rings so long first.
    #[must_use]
    pub fn after(mut self, rings: Duration) -> Self {
        self.rings = rings;
        self
    }

    /// What is said and done there, from the answer on.
    #[must_use]
    pub fn does(mut self, steps: Vec<Step>) -> Self {
        self.steps = steps;
        self
    }

    /// Hangs up so long after the answer, whatever happens.
    #[must_use]
    pub fn hangs_up_after(mut self, length: Duration) -> Self {
        self.hangs_up_after = Some(length);
        self
    }

    /// Presses these keys so long after a `<Gather>` has begun to ask; of several such, one for each
    /// time that it is asked. `w` waits half a second.
    #[must_use]
    pub fn presses(mut self, after: Duration, keys: impl Into<String>) -> Self {
        self.keys.push((after, keys.into()));
        self
    }
}
