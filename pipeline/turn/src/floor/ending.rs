//! How calls end: by either side, by silence, by time.

use std::time::Duration;

use crate::{
    Conversation, Purpose,
    action::{Action, EndReason, Note},
    floor::{Floor, mouth::Then},
    timer::Timer,
};

/// While a person speaks, a call that lasts too long is looked at again after this.
const LOOKED_AT_AGAIN: Duration = Duration::from_secs(60);

impl Conversation {
    /// The call is over, now. What was heard until now is written down first.
    pub(crate) fn end(&mut self, why: EndReason) {
        if self.floor == Floor::Ended {
            return;
        }
        self.settle_all();
        self.note(Note::Tallied { tally: self.tally });
        self.note(Note::Ended { why: why.clone() });
        self.order(Action::HangUp { why });
    }

    /// The session is over and the call is not: what was said and heard until now is written down, so
    /// that another session can go on from there.
    pub(crate) fn interrupted(&mut self) {
        self.settle_all();
    }

    fn settle_all(&mut self) {
        self.uncontest();
        self.commit_caller_words();
        self.void_agent();
        self.timers.clear();
        self.waiting.clear();
        for running in std::mem::take(&mut self.running) {
            let content = crate::history::LEFT_RUNNING.to_owned();
            self.tool_used(running.call, content);
        }
        self.refuse_pauses();
        self.floor = Floor::Ended;
    }

    /// Says these last words instead of all else and then hangs up; at once if there are none.
    pub(crate) fn close_with(&mut self, words: &str, why: EndReason) {
        self.uncontest();
        self.forget_machine();
        self.refuse_pauses();
        self.paused = false;
        self.person = false;
        self.unanswered = false;
        self.waiting.clear();
        // Where the stream is not up yet nobody would hear them.
        let unheard = self.floor == Floor::Unanswered;
        self.void_agent();
        self.floor = Floor::Caller;
        self.commit_caller_words();
        if unheard || words.trim().is_empty() {
            self.end(why);
        } else {
            self.say(Purpose::Goodbye, words, Then::HangUp(why));
        }
    }

    pub(crate) fn idle_due(&mut self) {
        if self.awaits_beep() || self.floor != Floor::Caller || self.paused || self.ears.speaking {
            return;
        }
        if !self.ears.text().is_empty() || !self.keys.is_empty() {
            // The caller's turn is under way.
            self.arm_idle();
            return;
        }
        if self.idle_prompts < self.policy.idle.prompts {
            self.idle_prompts += 1;
            let words = self.policy.idle.prompt.clone();
            self.say(Purpose::IdlePrompt, &words, Then::Listen);
        } else {
            let words = self.policy.idle.goodbye.clone();
            self.close_with(&words, EndReason::CallerSilent);
        }
    }

    /// The goodbye was not heard in time: voice or carrier failed.
    pub(crate) fn closing_due(&mut self) {
        if self.held {
            self.timers.set(Timer::Closing, self.now + Duration::from_secs(2));
            return;
        }
        let closing = self.mouth.iter().find_map(|spoken| match &spoken.then {
            Then::HangUp(why) => Some(why.clone()),
            Then::Listen => None,
        });
        if let Some(why) = closing {
            self.trouble("the last words were not heard in time");
            self.end(why);
        }
    }

    pub(crate) fn lasted_too_long(&mut self) {
        if self.ends_in_any_case() {
            return;
        }
        if self.person {
            // Where a person speaks, a person decides; the agent ends it once it is handed back.
            self.timers.set(Timer::LongestCall, self.now + LOOKED_AT_AGAIN);
            return;
        }
        let words = self.script.goodbye.clone();
        self.close_with(&words, EndReason::TooLong);
    }

    pub(crate) fn hearing_failed(&mut self) {
        self.trouble("hearing failed for good");
        if self.ends_in_any_case() {
            return;
        }
        if self.person {
            // The two hear each other. Only the transcript suffers, until it is handed back.
            self.deaf = true;
            return;
        }
        let (words, why) = if self.script.can_transfer {
            let reason = "the agent cannot hear".to_owned();
            (self.script.transfer.clone(), EndReason::Transferred { reason })
        } else {
            (self.policy.patience.deaf.clone(), EndReason::HearingFailed)
        };
        self.timers.cancel(Timer::Idle);
        self.close_with(&words, why);
    }
}
