//! Deadlines with names.

use std::collections::BTreeMap;

use crate::time::Moment;

/// What the machine may be waiting for. In the order in which they are served when several are due.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Timer {
    /// The caller's silence ends the turn.
    EndOfTurn,
    /// A voice that has lasted so long takes the floor.
    BargeIn,
    /// The words of a short sound have not come.
    ContestWords,
    /// The keys pressed are complete.
    Keys,
    /// Nothing was audible in time: say the filler.
    Filler,
    /// No answer in time: ask the spare engine, then apologise.
    Answer,
    /// A tool has not answered.
    Tools,
    /// The voice gives nothing of a sentence.
    Mute,
    /// A voice that lasts without a word is noise.
    Noise,
    /// The caller has been silent for long.
    Idle,
    /// The word at whose end the agent is to pause has ended.
    Pause,
    /// A voicemail's beep has not come.
    Beep,
    /// The goodbye should have been heard by now.
    Closing,
    /// The call has lasted as long as a call may.
    LongestCall,
}

/// The deadlines that are set.
#[derive(Debug, Default)]
pub struct Timers(BTreeMap<Timer, Moment>);

impl Timers {
    pub fn set(&mut self, timer: Timer, at: Moment) {
        self.0.insert(timer, at);
    }

    pub fn cancel(&mut self, timer: Timer) {
        self.0.remove(&timer);
    }

    pub fn is_set(&self, timer: Timer) -> bool {
        self.0.contains_key(&timer)
    }

    /// The earliest deadline, with its reason.
    pub fn next(&self) -> Option<(Moment, Timer)> {
        self.0.iter().map(|(timer, at)| (*at, *timer)).min()
    }

    /// Takes one deadline that has passed, the earliest first.
    pub fn take_due(&mut self, now: Moment) -> Option<Timer> {
        let (at, timer) = self.next()?;
        (at <= now).then(|| {
            self.0.remove(&timer);
            timer
        })
    }

    pub fn clear(&mut self) {
        self.0.clear();
    }
}

impl Timer {
    /// For people.
    pub fn name(self) -> &'static str {
        match self {
            Timer::EndOfTurn => "end of turn",
            Timer::BargeIn => "barge-in",
            Timer::ContestWords => "words of a short sound",
            Timer::Keys => "keys",
            Timer::Filler => "filler",
            Timer::Answer => "answer late",
            Timer::Tools => "tools late",
            Timer::Mute => "voice mute",
            Timer::Noise => "noise",
            Timer::Idle => "caller silent",
            Timer::Pause => "end of the word",
            Timer::Beep => "beep of a voicemail",
            Timer::Closing => "goodbye late",
            Timer::LongestCall => "longest call",
        }
    }
}
