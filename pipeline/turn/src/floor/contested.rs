//! Barge-in in two stages. At the caller's first sound the agent stops and what was not heard is
//! kept. Then it is decided: a voice that lasts, or words, take the floor; a cough or an "mm-hm" give
//! it back, and the agent goes on from the first unheard sample.

use std::time::Duration;

use crate::{
    Conversation,
    action::{Action, Contest, Note},
    floor::{Floor, Over, supervised::is_unbegun_word_of_supervisor},
    policy,
    time::Moment,
    timer::Timer,
    words,
};

/// A voice of which only sounds of listening are known is listened to this much longer at a time.
const LISTEN_ON: Duration = Duration::from_millis(300);
/// So many words, of which the STT is sure, are believed of a sound that is no voice: whispered ones.
const WHISPERED_WORDS: usize = 3;
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
        let audible = self.ledger.ahead(self.now) > Duration::ZERO;
        self.contest_overlap = if audible { self.now.since(at) } else { Duration::ZERO };
        match self.policy.barge_in.onset {
            policy::Onset::Stop => self.hold(),
            policy::Onset::Duck => self.duck(),
        }
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

    /// Words came while the agent has the floor, of a voice that was not noticed, was taken for a
    /// cough, or may not interrupt.
    pub(crate) fn words_without_voice(&mut self) {
        if !self.may_be_interrupted() && !self.keyword_interrupts() {
            // They are taken up when the agent has finished.
            return;
        }
        if self.ears.outage.awaited && !self.ears.text().is_empty() {
            // They were only late.
            self.take_floor();
        } else if self.words_ask_for_floor() {
            self.tally.interruptions += 1;
            self.take_floor();
        } else if !self.ears.speaking && self.ears.is_settled() {
            let text = self.ears.text();
            self.tally.backchannels += 1;
            self.set_aside(&text);
            self.note(Note::Backchannel { text, at: self.now });
            self.ears.forget();
        }
    }

    /// A keyword interrupts where nothing else does, but for words that must be heard.
    fn keyword_interrupts(&self) -> bool {
        let spoken = words::normalised(&self.ears.text());
        !self.ends_in_any_case()
            && self.mouth.front().is_none_or(|front| front.may_be_interrupted())
            && words::holds_any(&spoken, &self.policy.barge_in.keywords)
    }

    /// Are these more than sounds of listening?
    fn words_ask_for_floor(&self) -> bool {
        let spoken = words::normalised(&self.ears.text());
        if words::holds_any(&spoken, &self.policy.barge_in.keywords) {
            return true;
        }
        let surely = self.policy.barge_in.surely;
        if !self.is_voiced() && (spoken.len() < WHISPERED_WORDS || !self.ears.is_sure(surely)) {
            return false;
        }
        let answer = self.is_answer(&spoken);
        // Of a hum or a cough the STT makes whole sentences. A voice that lasts needs no words.
        if !answer && !self.ears.is_sure(surely) {
            return false;
        }
        let listening = words::is_backchannel(&spoken) && !answer;
        let enough = spoken.len() >= self.policy.barge_in.min_words.max(1);
        !listening && (enough || answer)
    }

    /// "Yes" is an answer where the agent had just asked something, and a nod where it had not.
    fn is_answer(&self, spoken: &[String]) -> bool {
        words::is_yes_or_no(spoken)
            && self.mouth.front().is_some_and(|front| {
                self.ledger.heard_text(front.id, self.now).trim_end().ends_with('?')
            })
    }

    /// Was so much of the sound voiced that it is a voice?
    fn is_voiced(&self) -> bool {
        self.ears.voiced.is_none_or(|voiced| voiced >= self.policy.barge_in.voiced_for)
    }

    pub(crate) fn voice_measured(&mut self, voiced_ms: u32) {
        // One of several sounds that follow each other is enough.
        let voiced = Duration::from_millis(voiced_ms.into());
        self.ears.voiced = self.ears.voiced.max(Some(voiced));
        if self.ears.toneless && self.is_voiced() {
            // Somebody speaks through the noise.
            self.ears.toneless = false;
            if matches!(self.floor, Floor::Agent | Floor::Thinking) {
                self.contest(self.now);
            }
        }
    }

    pub(crate) fn voice_persisted(&mut self) {
        if !matches!(self.floor, Floor::Contested { .. }) {
            return;
        }
        let spoken = words::normalised(&self.ears.text());
        if !self.is_voiced() {
            // It lasts, and is not a voice: the agent goes on through it.
            self.ears.toneless = self.ears.speaking;
            self.give_back();
            return;
        }
        let listened_for = self.now - self.contested_since;
        let few = self.policy.barge_in.min_words > 1
            && spoken.len() < self.policy.barge_in.min_words
            && !self.is_answer(&spoken);
        if (few || words::is_backchannel(&spoken) && !self.is_answer(&spoken))
            && listened_for < self.voice_for() * LISTEN_AT_MOST
        {
            // A long "mm-hm", or a remark that is too short, is followed by its end or by words; either
            // ends the contest.
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
        if let Floor::Contested { over: Over::Agent } = self.floor {
            self.tell_contest(Contest::Interruption);
        }
        self.uncontest();
        self.ears.take_up(self.now);
        self.floor = Floor::Caller;
        // If it comes to nothing, the agent owes the rest of what it was saying or thinking of.
        self.unanswered |= !self.paused;
        let voided = self.void_agent();
        self.waiting.extend(voided.into_iter().filter(is_unbegun_word_of_supervisor));
        self.score_end_of_turn();
        if !self.ears.speaking && !self.timers.is_set(Timer::EndOfTurn) {
            self.arm_idle();
        }
    }

    /// The words were the agent's own.
    pub(crate) fn contest_was_echo(&mut self) {
        if !self.ears.speaking {
            self.go_on_after_contest(Contest::Echo);
        }
    }

    /// Words that did not take the floor: perhaps the first of more, as the "yes" of "yes, please" and
    /// unlike "mm-hm".
    fn set_aside(&mut self, text: &str) {
        let spoken = words::normalised(text);
        let hum = words::is_backchannel(&spoken) && !words::is_yes_or_no(&spoken);
        if !spoken.is_empty() && !hum && self.is_voiced() {
            self.ears.put_aside(self.now);
        }
    }

    /// The agent goes on where it was stopped.
    fn give_back(&mut self) {
        let text = self.ears.text();
        let outcome = if text.is_empty() { Contest::Noise } else { Contest::Backchannel };
        self.set_aside(&text);
        self.note(Note::Backchannel { text, at: self.now });
        self.go_on_after_contest(outcome);
    }

    fn go_on_after_contest(&mut self, outcome: Contest) {
        let Floor::Contested { over } = self.floor else { return };
        if over == Over::Agent {
            self.tell_contest(outcome);
        }
        self.uncontest();
        self.ears.forget_sound();
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

    /// The agent goes on more quietly.
    fn duck(&mut self) {
        if !self.ducked {
            self.ducked = true;
            let db = -(self.policy.barge_in.duck_db.min(60) as i32);
            if self.ledger.ahead(self.now) > Duration::ZERO {
                // What the carrier has is at full level.
                let generation = self.ledger.clear(self.now);
                self.order(Action::Clear { generation, keep: true });
            }
            self.order(Action::Gain { db });
        }
    }

    pub(crate) fn uncontest(&mut self) {
        if std::mem::take(&mut self.ducked) {
            self.order(Action::Gain { db: 0 });
        }
        self.timers.cancel(Timer::BargeIn);
        self.timers.cancel(Timer::ContestWords);
    }
}
