//! What people order of a running conversation. Each order is answered with its true effect, once.

use std::time::Duration;

use crate::{
    Conversation, Purpose,
    action::{Action, Effect, EndReason, Note, Refusal},
    event::{Command, CommandId},
    floor::{
        Floor,
        mouth::{Then, Utterance},
    },
    history::Message,
    policy::PauseWhen,
    time::Moment,
    timer::Timer,
};

/// At most this many identifiers of commands are remembered; a call has far fewer.
const REMEMBERED_COMMANDS: usize = 4_096;

/// At most so many orders to pause wait for the same word.
const MOST_PAUSING: usize = 8;
/// No word is waited for longer than this, so that a pause is a pause.
const LONGEST_WORD: Duration = Duration::from_millis(1_200);
/// What the model is told when a person takes over, and when they hand back.
const TAKEN_OVER: &str = "A colleague of yours has taken the call over and speaks with the caller.";
const HANDED_BACK: &str = "Your colleague has handed the call back to you. Go on from what was said. Do \
                           not greet again and do not repeat what your colleague said.";

/// Words that a supervisor gave and that nobody has begun to hear.
pub(crate) fn is_unbegun_word_of_supervisor(said: &Utterance) -> bool {
    said.purpose == Purpose::Dictated && !said.sent
}

impl Conversation {
    pub(crate) fn commanded(&mut self, id: CommandId, command: Command) {
        let waits = self.pausing.iter().any(|(pausing, _)| *pausing == id);
        if waits && self.pausing.len() < MOST_PAUSING {
            // Said again before it was true: answered with the first.
            self.pausing.push((id, command));
            return;
        }
        let known = waits || self.commands_seen.contains(&id);
        if !known && command == Command::Pause && self.pauses_at_end_of_word(&id) {
            // It is answered when it is true.
            return;
        }
        let outcome = if known { Ok(Effect::AlreadySo) } else { self.obey(&command) };
        self.commanded_is(id, command, outcome);
    }

    /// The command came to this: it is written down and answered.
    fn commanded_is(&mut self, id: CommandId, command: Command, outcome: Result<Effect, Refusal>) {
        if outcome.is_ok() && self.commands_seen.len() < REMEMBERED_COMMANDS {
            self.commands_seen.insert(id.clone());
        }
        // It ended the call: nothing follows a hang-up.
        let hang_up = self.take_back_hang_up();
        if matches!(outcome, Ok(Effect::Done | Effect::Queued { .. })) {
            self.note(Note::Ordered { id: id.clone(), command });
        }
        self.order(Action::Answer { id, outcome });
        if let Some(hang_up) = hang_up {
            self.order(hang_up);
        }
    }

    fn obey(&mut self, command: &Command) -> Result<Effect, Refusal> {
        match command {
            Command::Say { text, now, protected } => self.dictate(text, *now, *protected),
            Command::Guide { text } => {
                let text = text.trim().to_owned();
                if text.is_empty() {
                    return Err(Refusal::Empty);
                }
                self.discard_speculation();
                self.history.push(Message::Guidance { text });
                self.ask_anew();
                Ok(Effect::Done)
            }
            Command::Pause => self.pause(),
            Command::Resume if self.person => Err(Refusal::TakenOver),
            Command::Resume => {
                // A pause that is under way comes first.
                self.pause_due();
                Ok(self.resume())
            }
            Command::TakeOver => self.take_over(),
            Command::HandBack => Ok(self.hand_back()),
            Command::Override { instructions } => {
                if instructions.trim().is_empty() {
                    return Err(Refusal::Empty);
                }
                self.discard_speculation();
                self.overrides = Some(instructions.clone());
                self.ask_anew();
                Ok(Effect::Done)
            }
            Command::Restore => {
                if self.overrides.take().is_none() {
                    return Ok(Effect::AlreadySo);
                }
                self.discard_speculation();
                self.ask_anew();
                Ok(Effect::Done)
            }
            Command::Transfer { reason } => {
                if self.ends_in_any_case() {
                    return Err(Refusal::Ending);
                }
                let why = EndReason::Transferred { reason: reason.clone() };
                let words = self.script.transfer.clone();
                self.close_with(&words, why);
                Ok(Effect::Done)
            }
            Command::End { politely: false } => {
                self.end(EndReason::Ordered);
                Ok(Effect::Done)
            }
            Command::End { politely: true } => {
                if self.make_goodbye_final() {
                    return Ok(Effect::Done);
                }
                self.refuse_if_ending()?;
                let words = self.script.goodbye.clone();
                self.close_with(&words, EndReason::Ordered);
                Ok(Effect::Done)
            }
        }
    }

    /// A goodbye of the agent's, which the caller might have interrupted, is the last word.
    fn make_goodbye_final(&mut self) -> bool {
        let own = |said: &&mut Utterance| said.then == Then::HangUp(EndReason::AgentEnded);
        match self.mouth.iter_mut().find(own) {
            Some(goodbye) if self.reply.is_none() => {
                goodbye.then = Then::HangUp(EndReason::Ordered);
                true
            }
            Some(_) | None => false,
        }
    }

    fn refuse_if_ending(&self) -> Result<(), Refusal> {
        let ending = self.mouth.iter().any(|spoken| spoken.then != Then::Listen);
        if ending { Err(Refusal::Ending) } else { Ok(()) }
    }

    fn dictate(&mut self, text: &str, now: bool, protected: bool) -> Result<Effect, Refusal> {
        if crate::sentence::speakable(text).is_empty() {
            return Err(Refusal::Empty);
        }
        if self.floor == Floor::Unanswered {
            return Err(Refusal::Unanswered);
        }
        self.discard_speculation();
        // In a pause the supervisor speaks instead of the agent, whose words are void by that.
        let agents = |said: &Utterance| said.purpose != Purpose::Dictated;
        let agent_waits = self.reply.is_some() || self.mouth.iter().any(agents);
        let at_once = now || (self.paused && agent_waits);
        // A goodbye that the caller may interrupt, the supervisor may cut short, not follow.
        if !at_once || self.ends_in_any_case() {
            self.refuse_if_ending()?;
        }
        if at_once {
            let thinking = self.reply.is_some() && !self.mouth.iter().any(|said| said.sent);
            self.uncontest();
            self.void_agent();
            self.floor = Floor::Caller;
            let spoke = self.commit_caller_words();
            self.unanswered = self.paused && (self.unanswered || spoke || thinking);
        }
        if self.paused && !matches!(self.floor, Floor::Contested { .. }) {
            // Nothing of the agent's waits any more: only a supervisor is heard in a pause.
            self.release();
        }
        self.part_reply();
        let behind = !self.mouth.is_empty();
        let utterance = self.say(Purpose::Dictated, text, Then::Listen);
        if let Some(said) = self.mouth.iter_mut().find(|said| said.id == utterance) {
            said.protected = protected;
        }
        Ok(if behind { Effect::Queued { utterance } } else { Effect::Done })
    }

    fn pause(&mut self) -> Result<Effect, Refusal> {
        if self.paused {
            return Ok(Effect::AlreadySo);
        }
        if self.ends_in_any_case() {
            return Err(Refusal::Ending);
        }
        self.discard_speculation();
        self.uncontest();
        let phrase = self.policy.pause.phrase.clone();
        let interrupted = !self.mouth.is_empty() || self.reply.is_some();
        if !crate::sentence::speakable(&phrase).is_empty() && self.floor != Floor::Unanswered {
            // It is heard instead of what the agent was saying, which is taken up by its words later.
            let waiting = self.void_agent().into_iter().filter(is_unbegun_word_of_supervisor);
            self.waiting.extend(waiting);
            self.unanswered |= interrupted;
            self.floor = Floor::Caller;
            self.paused = true;
            self.say(Purpose::Hold, &phrase, Then::Listen);
            self.pause_timers();
            return Ok(Effect::Done);
        }
        self.paused = true;
        self.hold();
        self.pause_timers();
        if !matches!(self.floor, Floor::Unanswered | Floor::Ended) {
            self.floor = Floor::Caller;
            self.score_end_of_turn();
        }
        Ok(Effect::Done)
    }

    fn pause_timers(&mut self) {
        for timer in [Timer::Idle, Timer::Filler, Timer::Answer] {
            self.timers.cancel(timer);
        }
    }

    /// Is a word being heard whose end is to be waited for? Then the pause comes with it.
    fn pauses_at_end_of_word(&mut self, id: &CommandId) -> bool {
        if self.policy.pause.when != PauseWhen::EndOfWord
            || self.paused
            || self.held
            || self.ends_in_any_case()
            || !matches!(self.floor, Floor::Agent)
        {
            return false;
        }
        let Some(at) = self.ledger.word_ends_at(self.now) else { return false };
        if at <= self.now {
            return false;
        }
        if self.pausing.len() >= MOST_PAUSING {
            return false;
        }
        self.pausing.push((id.clone(), Command::Pause));
        let at = at.min(self.now + LONGEST_WORD);
        if !self.timers.is_set(Timer::Pause) {
            self.timers.set(Timer::Pause, at);
        }
        true
    }

    /// The word has ended, or something else silenced the agent: the pause is true now.
    pub(crate) fn pause_due(&mut self) {
        self.timers.cancel(Timer::Pause);
        for (id, command) in std::mem::take(&mut self.pausing) {
            let outcome = self.pause();
            self.commanded_is(id, command, outcome);
        }
    }

    /// The call ends before the pause came true.
    pub(crate) fn refuse_pauses(&mut self) {
        for (id, _) in std::mem::take(&mut self.pausing) {
            self.order(Action::Answer { id, outcome: Err(Refusal::Ended) });
        }
    }

    /// A person speaks with the caller: the agent falls silent for good and follows.
    fn take_over(&mut self) -> Result<Effect, Refusal> {
        if self.person {
            return Ok(Effect::AlreadySo);
        }
        if self.floor == Floor::Unanswered {
            return Err(Refusal::Unanswered);
        }
        if self.ends_in_any_case() {
            return Err(Refusal::Ending);
        }
        self.pause_due();
        self.forget_machine();
        self.uncontest();
        self.person = true;
        self.paused = true;
        let thinking = self.reply.is_some() && !self.mouth.iter().any(|said| said.sent);
        self.void_agent();
        self.waiting.clear();
        self.floor = Floor::Caller;
        let spoke = self.commit_caller_words();
        self.unanswered |= spoke || thinking;
        self.pause_timers();
        self.history.push(Message::Guidance { text: TAKEN_OVER.to_owned() });
        Ok(Effect::Done)
    }

    /// The agent goes on where the person stopped; it knows what was said and does not greet.
    fn hand_back(&mut self) -> Effect {
        if !self.person {
            return Effect::AlreadySo;
        }
        self.person = false;
        self.history.push(Message::Guidance { text: HANDED_BACK.to_owned() });
        if self.deaf {
            self.hearing_failed();
            return Effect::Done;
        }
        self.resume()
    }

    /// A person said this to the caller.
    pub(crate) fn person_said(&mut self, text: String, from: Moment, to: Moment) {
        let text = text.trim().to_owned();
        if text.is_empty() || !self.person {
            return;
        }
        // The caller has an answer.
        self.commit_caller_words();
        self.unanswered = false;
        self.asked = crate::endpoint::question(&text);
        self.history.push(Message::from_colleague(&text));
        self.note(Note::PersonSaid { text, from, to });
    }

    fn resume(&mut self) -> Effect {
        if !self.paused {
            return Effect::AlreadySo;
        }
        self.paused = false;
        match self.floor {
            Floor::Unanswered => self.release(),
            // The caller and a supervisor's words: that is settled first.
            Floor::Contested { .. } | Floor::Ended => {}
            Floor::Caller | Floor::Thinking | Floor::Agent => self.give_floor_after_pause(),
        }
        self.machine_after_pause();
        Effect::Done
    }

    fn give_floor_after_pause(&mut self) {
        if !self.ears.text().is_empty() {
            // The caller is amid a turn: what the agent was about to say is overtaken.
            self.take_floor();
            return;
        }
        if !self.mouth.is_empty() {
            self.floor = Floor::Agent;
        } else if self.reply.is_some() {
            self.floor = Floor::Thinking;
        } else if self.unanswered && !self.ears.speaking {
            self.ask_for_reply();
        } else {
            self.floor = Floor::Caller;
        }
        if self.reply.is_some() {
            self.timers.set(Timer::Filler, self.now + self.policy.patience.filler_after);
            self.await_answer();
        }
        if self.ears.speaking && !self.ears.echoing {
            self.contest(self.now);
        }
        if !matches!(self.floor, Floor::Contested { .. }) {
            self.release();
        }
        self.watch_voice();
        self.arm_idle();
    }
}
