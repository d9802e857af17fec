//! Barge-in in two stages. At the caller's first sound the agent stops and what was not heard is
//! kept. Then it is decided: a voice that lasts, or words, take the floor; a cough or an "mm-hm" give
//! it back, and the agent goes on from the first unheard sample.

use std::time::Duration;

use crate::{
    Conversation, Purpose,
    action::Note,
    floor::{Floor, Over, mouth::Utterance},
    time::Moment,
    timer::Timer,
    words,
};

/// A voice of which only sounds of listening are known is listened to this much longer at a time.
const LISTEN_ON: Duration = Duration::from_millis(300);
/// And no longer in all than so many times the voice that takes the floor without words.
const LISTEN_AT_MOST: u32 = 4;

impl Conversation {
    pub(crate) fn contest(&mut self, at: Moment) {
        if !self.may_be_interrupted() {
            return;
        }
        let over = match self.floor {
            Floor::Thinking => Over::Thinking,
            Floor::Agent => Over::Agent,
            Floor::Unanswered | Floor::Caller | Floor::Contested { .. } | Floor::Ended => return,
        };
        self.floor = Floor::Contested { over };
        self.contested_since = self.now;
        self.hold();
        self.timers.cancel(Timer::ContestWords);
        self.timers.set(Timer::BargeIn, at.max(self.now.before(LISTEN_ON)) + self.voice_for());
    }

    fn voice_for(&self) -> Duration {
        self.policy.barge_in.voice_for
    }

    pub(crate) fn contest_goes_on(&mut self, at: Moment) {
        self.timers.cancel(Timer::ContestWords);
        self.timers.set(Timer::BargeIn, at + self.voice_for());
    }

    pub(crate) fn contest_falls_silent(&mut self) {
        self.timers.cancel(Timer::BargeIn);
        if self.ears.is_settled() {
            self.judge_contest();
        } else {
            self.timers.set(Timer::ContestWords, self.now + self.policy.barge_in.words_within);
        }
    }

    /// Words came, or were settled on.
    pub(crate) fn judge_contest(&mut self) {
        if self.words_ask_for_floor() {
            self.take_floor();
        } else if !self.ears.speaking && self.ears.is_settled() {
            self.give_back();
        }
    }

    /// Words came while the agent has the floor, of a voice that was not noticed or was taken for a
    /// cough.
    pub(crate) fn words_without_voice(&mut self) {
        if !self.may_be_interrupted() {
            // They are taken up when the agent has finished.
            return;
        }
        if self.words_ask_for_floor() {
            self.take_floor();
        } else if !self.ears.speaking && self.ears.is_settled() {
            let text = self.ears.text();
            self.note(Note::Backchannel { text, at: self.now });
            self.ears.forget();
        }
    }

    /// Are these more than sounds of listening?
    fn words_ask_for_floor(&self) -> bool {
        let spoken = words::normalised(&self.ears.text());
        let listening = words::is_backchannel(&spoken) && !self.is_answer(&spoken);
        !listening && spoken.len() >= self.policy.barge_in.min_words.max(1)
    }

    /// "Yes" is an answer where the agent had just asked something, and a nod where it had not.
    fn is_answer(&self, spoken: &[String]) -> bool {
        words::is_yes_or_no(spoken)
            && self.mouth.front().is_some_and(|front| {
                self.ledger.heard_text(front.id, self.now).trim_end().ends_with('?')
            })
    }

    pub(crate) fn voice_persisted(&mut self) {
        if !matches!(self.floor, Floor::Contested { .. }) {
            return;
        }
        let spoken = words::normalised(&self.ears.text());
        let listened_for = self.now - self.contested_since;
        if words::is_backchannel(&spoken)
            && !self.is_answer(&spoken)
            && listened_for < self.voice_for() * LISTEN_AT_MOST
        {
            // A long "mm-hm" is followed by its end or by words; either ends the contest.
            self.timers.set(Timer::BargeIn, self.now + LISTEN_ON);
            return;
        }
        self.take_floor();
    }

    pub(crate) fn contest_words_missing(&mut self) {
        if matches!(self.floor, Floor::Contested { .. }) && !self.ears.speaking {
            self.give_back();
        }
    }

    /// The caller has the floor: what the agent was about to do is void.
    pub(crate) fn take_floor(&mut self) {
        self.uncontest();
        self.floor = Floor::Caller;
        // If it comes to nothing, the agent owes the rest of what it was saying or thinking of.
        self.unanswered |= !self.paused;
        let unbegun = |said: &Utterance| said.purpose == Purpose::Dictated && !said.sent;
        let voided = self.void_agent();
        self.waiting.extend(voided.into_iter().filter(unbegun));
        self.score_end_of_turn();
        if !self.ears.speaking && !self.timers.is_set(Timer::EndOfTurn) {
            self.arm_idle();
        }
    }

    /// The agent goes on where it was stopped.
    fn give_back(&mut self) {
        let Floor::Contested { over } = self.floor else { return };
        self.uncontest();
        let text = self.ears.text();
        self.note(Note::Backchannel { text, at: self.now });
        self.ears.forget();
        self.floor = match over {
            Over::Thinking if self.mouth.is_empty() => Floor::Thinking,
            Over::Thinking | Over::Agent if !self.mouth.is_empty() => Floor::Agent,
            Over::Thinking | Over::Agent if self.reply.is_some() => Floor::Thinking,
            Over::Thinking | Over::Agent => Floor::Caller,
        };
        self.release();
        self.arm_idle();
        // Its last sounds may have been heard before the contest.
        self.after_hearing();
    }

    pub(crate) fn uncontest(&mut self) {
        self.timers.cancel(Timer::BargeIn);
        self.timers.cancel(Timer::ContestWords);
    }
}
