//! What people order of a running conversation. Each order is answered with its true effect, once.

use crate::{
    Conversation, Purpose,
    action::{Action, Effect, EndReason, Note, Refusal},
    event::{Command, CommandId},
    floor::{Floor, mouth::Then},
    history::Message,
    timer::Timer,
};

/// At most this many identifiers of commands are remembered; a call has far fewer.
const REMEMBERED_COMMANDS: usize = 4_096;

impl Conversation {
    pub(crate) fn commanded(&mut self, id: CommandId, command: Command) {
        let outcome = if self.commands_seen.contains(&id) {
            Ok(Effect::AlreadySo)
        } else {
            self.obey(&command)
        };
        if outcome.is_ok() && self.commands_seen.len() < REMEMBERED_COMMANDS {
            self.commands_seen.insert(id.clone());
        }
        if matches!(outcome, Ok(Effect::Done | Effect::Queued { .. })) {
            self.note(Note::Ordered { id: id.clone(), command });
        }
        self.order(Action::Answer { id, outcome });
    }

    fn obey(&mut self, command: &Command) -> Result<Effect, Refusal> {
        match command {
            Command::Say { text, now } => self.dictate(text, *now),
            Command::Guide { text } => {
                let text = text.trim().to_owned();
                if text.is_empty() {
                    return Err(Refusal::Empty);
                }
                self.history.push(Message::Guidance { text });
                self.ask_anew();
                Ok(Effect::Done)
            }
            Command::Pause => Ok(self.pause()),
            Command::Resume => Ok(self.resume()),
            Command::Override { instructions } => {
                if instructions.trim().is_empty() {
                    return Err(Refusal::Empty);
                }
                self.overrides = Some(instructions.clone());
                self.ask_anew();
                Ok(Effect::Done)
            }
            Command::Restore => {
                if self.overrides.take().is_none() {
                    return Ok(Effect::AlreadySo);
                }
                self.ask_anew();
                Ok(Effect::Done)
            }
            Command::Transfer { reason } => {
                if !self.script.can_transfer {
                    return Err(Refusal::NobodyToTransferTo);
                }
                self.refuse_if_ending()?;
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
                self.refuse_if_ending()?;
                let words = self.script.goodbye.clone();
                self.close_with(&words, EndReason::Ordered);
                Ok(Effect::Done)
            }
        }
    }

    fn refuse_if_ending(&self) -> Result<(), Refusal> {
        let ending = self.mouth.iter().any(|spoken| spoken.then != Then::Listen);
        if ending { Err(Refusal::Ending) } else { Ok(()) }
    }

    fn dictate(&mut self, text: &str, now: bool) -> Result<Effect, Refusal> {
        if crate::sentence::speakable(text).is_empty() {
            return Err(Refusal::Empty);
        }
        if self.floor == Floor::Unanswered {
            return Err(Refusal::Ended);
        }
        self.refuse_if_ending()?;
        // In a pause the supervisor speaks instead of the agent, whose words are void by that.
        let at_once = now || self.paused;
        if at_once {
            let thinking = self.reply.is_some() && self.mouth.is_empty();
            self.uncontest();
            self.void_agent();
            self.floor = Floor::Caller;
            if self.commit_caller_words() || thinking {
                self.unanswered = self.paused;
            }
        }
        let behind = !self.mouth.is_empty();
        let utterance = self.say(Purpose::Dictated, text, Then::Listen);
        Ok(if behind { Effect::Queued { utterance } } else { Effect::Done })
    }

    fn pause(&mut self) -> Effect {
        if self.paused {
            return Effect::AlreadySo;
        }
        self.paused = true;
        self.uncontest();
        self.hold();
        for timer in [Timer::Idle, Timer::Filler, Timer::Answer] {
            self.timers.cancel(timer);
        }
        if !matches!(self.floor, Floor::Unanswered | Floor::Ended) {
            self.floor = Floor::Caller;
            self.score_end_of_turn();
        }
        Effect::Done
    }

    fn resume(&mut self) -> Effect {
        if !self.paused {
            return Effect::AlreadySo;
        }
        self.paused = false;
        if matches!(self.floor, Floor::Unanswered | Floor::Ended) {
            return Effect::Done;
        }
        let unanswered = std::mem::take(&mut self.unanswered);
        if self.ears.speaking || !self.ears.text().is_empty() {
            // The caller is amid a turn: what the agent was about to say is overtaken.
            self.void_agent();
            self.floor = Floor::Caller;
            self.score_end_of_turn();
        } else if !self.mouth.is_empty() {
            self.floor = Floor::Agent;
            self.release();
        } else if self.reply.is_some() {
            self.floor = Floor::Thinking;
            self.timers.set(Timer::Filler, self.now + self.policy.patience.filler_after);
            self.timers.set(Timer::Answer, self.now + self.policy.patience.spare_after);
            self.release();
        } else if unanswered {
            self.release();
            self.ask_for_reply();
        } else {
            self.floor = Floor::Caller;
            self.release();
            self.arm_idle();
        }
        Effect::Done
    }
}
