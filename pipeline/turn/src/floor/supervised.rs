//! What people order of a running conversation. Each order is answered with its true effect, once.

use crate::{
    Conversation, Purpose,
    action::{Action, Effect, EndReason, Note, Refusal},
    event::{Command, CommandId},
    floor::{
        Floor,
        mouth::{Then, Utterance},
    },
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
            Command::Pause => self.pause(),
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
        self.part_reply();
        let behind = !self.mouth.is_empty();
        let utterance = self.say(Purpose::Dictated, text, Then::Listen);
        Ok(if behind { Effect::Queued { utterance } } else { Effect::Done })
    }

    fn pause(&mut self) -> Result<Effect, Refusal> {
        if self.paused {
            return Ok(Effect::AlreadySo);
        }
        if self.ends_in_any_case() {
            return Err(Refusal::Ending);
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
        Ok(Effect::Done)
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
        if self.ears.speaking {
            self.contest(self.now);
        }
        if !matches!(self.floor, Floor::Contested { .. }) {
            self.release();
        }
        self.watch_voice();
        self.arm_idle();
    }
}
