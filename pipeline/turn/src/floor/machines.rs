//! A call that we made, and a machine answers: a voicemail, or a fax.
//!
//! It is known by what the carrier says, by a beep, or by its words; whichever comes first. Then the
//! policy says whether to hang up, to leave a message after the beep, or to take no notice.

use std::time::Duration;

use crate::{
    Conversation, Purpose,
    action::{EndReason, Note},
    event::Answerer,
    floor::{Floor, mouth::Then},
    policy::VoicemailThen,
    time::Moment,
    timer::Timer,
    words,
};

/// A machine's greeting is known by its words, or its beep, only so long after the answer.
const GREETING_WITHIN: Duration = Duration::from_secs(60);
/// A beep that comes while the message is being said: the machine had not begun to record. So often
/// the message is said anew.
const MOST_MESSAGES: u32 = 2;

/// A machine that answered.
#[derive(Debug)]
pub(crate) struct Machine {
    /// Its beep is awaited; until then nothing is said.
    awaited: bool,
    /// How often the message was begun.
    messages: u32,
}

impl Conversation {
    pub(crate) fn answered_by(&mut self, by: Answerer) {
        // What a call that is gone on with was answered by, its first session has dealt with.
        if !self.script.outbound || self.script.resumed.is_some() {
            return;
        }
        match by {
            Answerer::Human | Answerer::Unknown => {
                if self.answerer.is_none() {
                    self.answerer = Some(by);
                    self.note_answerer(by, "carrier");
                }
            }
            Answerer::Fax => {
                self.answerer = Some(by);
                self.note_answerer(by, "carrier");
                // Where a person speaks, a person decides.
                if !self.person {
                    self.end(EndReason::Fax);
                }
            }
            Answerer::Machine => self.found_machine(by, "carrier"),
            Answerer::MachineAfterBeep | Answerer::MachineSilent => {
                self.found_machine(by, "carrier");
                // The carrier is late where the beep was heard: the message is being said.
                if self.awaits_beep() {
                    self.machine_records();
                }
            }
        }
    }

    pub(crate) fn beep_heard(&mut self, _at: Moment) {
        if !self.may_be_greeted_by_machine() || self.answerer == Some(Answerer::Human) {
            return;
        }
        self.found_machine(Answerer::MachineAfterBeep, "beep");
        self.machine_records();
    }

    /// Words came: a machine's?
    pub(crate) fn words_of_machine(&mut self, text: &str) {
        if self.policy.voicemail.by_words
            && self.may_be_greeted_by_machine()
            && self.answerer != Some(Answerer::Human)
            && words::is_voicemail(text)
        {
            self.found_machine(Answerer::Machine, "words");
        }
    }

    /// Is nothing said to a machine until its beep?
    pub(crate) fn awaits_beep(&self) -> bool {
        self.machine.as_ref().is_some_and(|machine| machine.awaited)
    }

    pub(crate) fn beep_missing(&mut self) {
        self.machine_records();
    }

    /// A pause is over: a beep that came meanwhile will not come again.
    pub(crate) fn machine_after_pause(&mut self) {
        if self.awaits_beep() && !self.timers.is_set(Timer::Beep) {
            self.machine_records();
        }
    }

    /// A person speaks from here on, whoever listens.
    pub(crate) fn forget_machine(&mut self) {
        self.machine = None;
        self.timers.cancel(Timer::Beep);
    }

    fn may_be_greeted_by_machine(&self) -> bool {
        self.script.outbound
            && self.script.resumed.is_none()
            && self.floor != Floor::Unanswered
            && self.now.since(self.begun) <= GREETING_WITHIN
    }

    fn note_answerer(&mut self, by: Answerer, known_by: &str) {
        self.note(Note::AnsweredBy { by, known_by: known_by.to_owned() });
    }

    fn found_machine(&mut self, by: Answerer, known_by: &str) {
        let news = !matches!(
            self.answerer,
            Some(Answerer::Machine | Answerer::MachineAfterBeep | Answerer::MachineSilent)
        );
        if news {
            self.answerer = Some(by);
            self.note_answerer(by, known_by);
        }
        // Where a person speaks, a person decides.
        let settled = self.machine.is_some() || self.person;
        if settled || self.ends_in_any_case() || self.floor == Floor::Ended {
            return;
        }
        match self.policy.voicemail.then {
            VoicemailThen::Ignore => {}
            VoicemailThen::HangUp => self.end(EndReason::Voicemail { left_message: false }),
            VoicemailThen::Message => {
                self.machine = Some(Machine { awaited: true, messages: 0 });
                self.uncontest();
                self.void_agent();
                self.waiting.clear();
                self.ears.forget();
                self.unanswered = false;
                if self.floor != Floor::Unanswered {
                    self.floor = Floor::Caller;
                }
                for timer in [Timer::EndOfTurn, Timer::Idle, Timer::Keys] {
                    self.timers.cancel(timer);
                }
                self.timers.set(Timer::Beep, self.now + self.policy.voicemail.beep_within);
            }
        }
    }

    /// The machine records from here on: the message is said, to its last sound.
    fn machine_records(&mut self) {
        let Some(machine) = &mut self.machine else { return };
        if machine.messages >= MOST_MESSAGES || self.floor == Floor::Ended {
            return;
        }
        if self.paused {
            // It is left when the pause is over.
            machine.awaited = true;
            self.timers.cancel(Timer::Beep);
            return;
        }
        machine.awaited = false;
        machine.messages += 1;
        self.timers.cancel(Timer::Beep);
        self.uncontest();
        self.void_agent();
        self.ears.forget();
        self.floor = Floor::Caller;
        let message = self.policy.voicemail.message.clone();
        if crate::sentence::speakable(&message).is_empty() {
            self.end(EndReason::Voicemail { left_message: false });
            return;
        }
        let then = Then::HangUp(EndReason::Voicemail { left_message: true });
        self.say(Purpose::Voicemail, &message, then);
    }
}
