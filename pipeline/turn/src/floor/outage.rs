//! Hearing that is lost for a while: the recogniser is being connected again, and what was said
//! meanwhile is played to it then. Its words come late, so nobody is asked to say them again.

use std::time::Duration;

use crate::{
    Conversation, Purpose,
    action::HEARING_BACK,
    floor::{Floor, mouth::Then},
    time::Moment,
};

/// So long after the caller's last sound their words are waited for, at most.
const LATE_AT_MOST: Duration = Duration::from_secs(6);

/// An outage of the recogniser.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Outage {
    lost: bool,
    /// When hearing came back last.
    back: Option<Moment>,
    /// Words of this turn are awaited, and the caller was told.
    pub awaited: bool,
}

impl Outage {
    /// What outlasts a turn.
    pub fn over_turns(self) -> Outage {
        Outage { awaited: false, ..self }
    }
}

impl Conversation {
    pub(crate) fn hearing_lost(&mut self) {
        self.trouble("hearing is lost and being restored");
        self.ears.outage.lost = true;
    }

    pub(crate) fn hearing_is_back(&mut self) {
        self.trouble(HEARING_BACK);
        self.ears.outage.lost = false;
        self.ears.outage.back = Some(self.now);
        if self.floor == Floor::Caller {
            self.score_end_of_turn();
        }
    }

    /// When a caller who has fallen silent, and of whom no words came, is asked to say it again; or
    /// first is told to wait.
    pub(crate) fn words_due(&self, silent_since: Moment) -> Moment {
        let Outage { lost, back, awaited } = self.ears.outage;
        let soonest = silent_since + self.policy.patience.unheard_after;
        let latest = soonest.max(silent_since + LATE_AT_MOST);
        match back {
            _ if lost => {
                if awaited {
                    latest
                } else {
                    soonest
                }
            }
            Some(back) => (back + self.policy.patience.unheard_after).clamp(soonest, latest),
            None => soonest,
        }
    }

    /// No words came in time. Are they to be waited for?
    pub(crate) fn words_may_come_late(&mut self) -> bool {
        if !self.ears.outage.lost || std::mem::replace(&mut self.ears.outage.awaited, true) {
            return false;
        }
        let words = self.policy.patience.filler.clone();
        if words.trim().is_empty() {
            self.score_end_of_turn();
        } else {
            // The silence is judged anew when it has been heard.
            self.say(Purpose::Filler, &words, Then::Listen);
        }
        true
    }
}
