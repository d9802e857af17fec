//! The agent's own voice coming back from a loudspeaker. It is known by its sound, which is measured
//! outside, and by its words: those being heard from the agent at this moment.

use std::time::Duration;

use crate::{
    Conversation,
    action::{Contest, Note},
    floor::Floor,
    time::Moment,
    words,
};

/// Words of the agent's that may come back are among so many last ones.
const RECENT_WORDS: usize = 14;
/// With fewer words it is not judged by words: anybody says "yes".
const FEWEST_WORDS: usize = 3;
/// A voice that is surely not the agent's, by its sound.
const SURELY_CALLER: f32 = 0.3;
/// The agent's voice comes back so long after it sounded, at most: line, loudspeaker, recogniser.
const COMES_BACK_WITHIN: Duration = Duration::from_millis(2_500);
/// Its sound alone ends so long after it, at most: line and loudspeaker.
const TAIL: Duration = Duration::from_millis(1_000);

impl Conversation {
    /// A voice began while the agent speaks. Is it the agent's own?
    pub(crate) fn sounds_like_echo(&self, echo: Option<f32>) -> bool {
        let policy = &self.policy.echo;
        policy.guard
            && self.floor == Floor::Agent
            && !self.held
            && echo.is_some_and(|echo| echo >= policy.likeness)
    }

    /// The voice that is there was measured again.
    pub(crate) fn echo_judged(&mut self, echo: f32) {
        self.ears.echo = Some(echo);
        if !self.ears.speaking || !self.policy.echo.guard {
            return;
        }
        if self.ears.echoing && echo < self.policy.echo.likeness {
            // Somebody speaks over it.
            self.ears.echoing = false;
            if matches!(self.floor, Floor::Agent | Floor::Thinking) {
                self.contest(self.now);
            }
        }
    }

    /// The voice that was held to be the agent's own fell silent at `at`. False if it was not, or not
    /// alone: it went on when the agent had long been silent.
    pub(crate) fn echo_ends(&mut self, at: Moment) -> bool {
        self.ears.echoing = false;
        if at > self.agent_sounded_until() + TAIL {
            return false;
        }
        self.note_echo();
        if self.ears.text().is_empty() {
            self.ears.forget_sound();
        }
        self.arm_idle();
        self.score_end_of_turn();
        true
    }

    /// Are these words the agent's own of this moment? If so they are forgotten.
    pub(crate) fn drop_echoed_words(&mut self) -> bool {
        if !self.policy.echo.guard || !self.is_audible_or_just_was() {
            return false;
        }
        let spoken = words::normalised(&self.ears.text());
        let known_by_sound = match self.ears.echo {
            Some(echo) if echo < SURELY_CALLER => return false,
            Some(echo) => echo >= self.policy.echo.likeness,
            None => false,
        };
        // Whose sound tells, short words may come back too.
        let fewest = if known_by_sound { 1 } else { FEWEST_WORDS };
        if spoken.len() < fewest {
            return false;
        }
        let agents = self.agents_recent_words();
        let common = words::in_common(&spoken, &agents);
        if (common as f32) < self.policy.echo.words * spoken.len() as f32 {
            return false;
        }
        self.note_echo();
        self.ears.forget_words();
        true
    }

    fn note_echo(&mut self) {
        self.tally.echoes += 1;
        let text = self.ears.text();
        self.note(Note::Echo { text, at: self.now });
    }

    fn is_audible_or_just_was(&self) -> bool {
        self.now.since(self.agent_sounded_until()) <= COMES_BACK_WITHIN
    }

    /// When the agent was last heard, as far as it is known.
    fn agent_sounded_until(&self) -> Moment {
        let now = self
            .mouth
            .front()
            .filter(|front| self.ledger.began(front.id, self.now))
            .map(|_| self.ledger.runs_dry_at().min(self.now));
        now.into_iter().chain(self.last_said.as_ref().map(|(at, _)| *at)).max().unwrap_or_default()
    }

    /// The words that were last heard of the agent, and the next few, which may be out already.
    fn agents_recent_words(&self) -> Vec<String> {
        let mut recent = match &self.last_said {
            Some((at, text)) if self.now.since(*at) <= COMES_BACK_WITHIN => words::normalised(text),
            _ => Vec::new(),
        };
        if let Some(front) = self.mouth.front() {
            let heard = words::normalised(&self.ledger.heard_text(front.id, self.now));
            let meant = words::normalised(&front.meant());
            let until = (heard.len() + 2).min(meant.len());
            recent.extend_from_slice(&meant[..until]);
        }
        let from = recent.len().saturating_sub(RECENT_WORDS);
        recent.split_off(from)
    }

    /// Writes down how a contest came out.
    pub(crate) fn tell_contest(&mut self, outcome: Contest) {
        let (from, to) = (self.contested_since, self.now);
        let overlap_ms = self.contest_overlap.as_millis() as u64;
        match outcome {
            Contest::Interruption => self.tally.interruptions += 1,
            Contest::Backchannel => self.tally.backchannels += 1,
            // An echo is counted where it is found.
            Contest::Echo | Contest::Noise => {}
        }
        if outcome != Contest::Interruption {
            self.tally.false_stops += 1;
        }
        self.tally.overlap_ms += overlap_ms;
        self.note(Note::Contested { from, to, overlap_ms, outcome });
    }
}
