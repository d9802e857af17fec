//! From verdicts on windows to the beginning and the end of speech.

use super::gate::Gate;
use super::{Vad, Verdict};
use crate::frame::{ms_of_samples, samples_of_ms};

/// When verdicts add up to speech.
#[derive(Clone, Debug, PartialEq)]
pub struct Policy {
    /// Probability from which a window counts as speech while nobody speaks, 0 to 1, 0.5 unless set.
    /// Higher ignores more noise and misses soft beginnings.
    pub threshold_on: f32,
    /// Probability below which a window counts as silence while somebody speaks, 0 to 1, 0.35 unless
    /// set. Lower bridges more doubtful moments and notices the end later.
    pub threshold_off: f32,
    /// Speech that is needed to say that it began, 60 ms unless set. Shorter interrupts sooner, also
    /// at a click; longer misses a short "yes".
    pub start_ms: u32,
    /// Probability from which a window counts twice towards `start_ms`, 0 to 1, 0.9 unless set. Lower
    /// is sooner, and believes a cough; above 1 all windows count alike.
    pub threshold_sure: f32,
    /// Silence that is needed to say that speech ended, 180 ms unless set. Shorter splits words.
    pub stop_ms: u32,
    /// Audio before the beginning that belongs to it, 200 ms unless set: soft consonants are noticed
    /// late. More of it costs recognition time only.
    pub pre_roll_ms: u32,
    /// The quietest level that is speech, -55 dBFS unless set. Lower takes line noise for speech.
    pub quietest_dbfs: f32,
    /// How far speech stands out from the background when it begins, 6 dB unless set; half as far is
    /// enough to go on. More is deaf in a noisy place.
    pub above_background_db: f32,
    /// How long a sound may stay at one level before it is background, 3000 ms unless set. Shorter
    /// would take a drawn-out word for background.
    pub steady_ms: u32,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            threshold_on: 0.5,
            threshold_off: 0.35,
            start_ms: 60,
            threshold_sure: 0.9,
            stop_ms: 180,
            pre_roll_ms: 200,
            quietest_dbfs: -55.0,
            above_background_db: 6.0,
            steady_ms: 3000,
        }
    }
}

/// What happened to the caller's speech. Times are ms of the call's clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VadEvent {
    /// The caller began to speak.
    Started {
        /// When speech began.
        at_ms: u64,
        /// From when the audio should be listened to: `at_ms` less the policy's pre-roll, and not
        /// within the speech before.
        from_ms: u64,
        /// When that was certain.
        decided_ms: u64,
    },
    /// The caller fell silent.
    Stopped {
        /// When speech ended.
        at_ms: u64,
        /// When that was certain.
        decided_ms: u64,
    },
}

/// Finds the beginning and the end of speech in a stream of audio.
#[derive(Debug)]
pub struct Detector<V> {
    vad: V,
    policy: Policy,
    gate: Gate,
    state: State,
    /// The samples that verdicts are still to come for.
    unjudged: Vec<i16>,
    verdicts: Vec<Verdict>,
    /// The end of the last speech, in samples.
    spoken_until: u64,
    /// The position after the last verdict.
    judged_until: u64,
}

/// Positions and lengths in samples.
#[derive(Clone, Copy, Debug, PartialEq)]
enum State {
    Silent,
    /// Perhaps speaking since `since`; `evidence` is speech less silence from there on.
    Doubtful {
        since: u64,
        evidence: u64,
    },
    Speaking,
    /// Perhaps silent since `since`.
    Pausing {
        since: u64,
    },
}

impl<V: Vad> Detector<V> {
    /// A detector over `vad`, which has heard nothing yet.
    #[must_use]
    pub fn new(vad: V, policy: Policy) -> Self {
        let memory = samples_of_ms(policy.steady_ms.into());
        let gate = Gate::new(policy.quietest_dbfs, policy.above_background_db, memory);
        Self {
            vad,
            policy,
            gate,
            state: State::Silent,
            unjudged: Vec::new(),
            verdicts: Vec::new(),
            spoken_until: 0,
            judged_until: 0,
        }
    }

    /// Takes the next samples at 8 kHz, any number of them, and appends what happened in them.
    pub fn push(&mut self, samples: &[i16], events: &mut Vec<VadEvent>) {
        self.unjudged.extend_from_slice(samples);
        let mut verdicts = std::mem::take(&mut self.verdicts);
        self.vad.push(samples, &mut verdicts);
        for verdict in verdicts.drain(..) {
            events.extend(self.judge(verdict));
        }
        self.verdicts = verdicts;
    }

    /// Whether the caller is speaking, as far as events have told.
    #[must_use]
    pub fn is_speaking(&self) -> bool {
        matches!(self.state, State::Speaking | State::Pausing { .. })
    }

    /// Silence since the last speech, in ms, up to the last window judged; 0 while there is speech.
    /// This is known before [`VadEvent::Stopped`] is certain, so that an end of turn can be weighed at
    /// every frame.
    #[must_use]
    pub fn silence_ms(&self) -> u64 {
        match self.state {
            State::Speaking => 0,
            State::Pausing { since } => ms_of_samples(self.judged_until - since),
            State::Silent | State::Doubtful { .. } => {
                ms_of_samples(self.judged_until - self.spoken_until)
            }
        }
    }

    /// Forgets the call so far; the next sample is at 0 ms.
    pub fn reset(&mut self) {
        self.vad.reset();
        self.gate.reset();
        self.state = State::Silent;
        self.unjudged.clear();
        (self.spoken_until, self.judged_until) = (0, 0);
    }

    fn judge(&mut self, verdict: Verdict) -> Option<VadEvent> {
        let end = verdict.end_sample;
        let start = self.judged_until;
        let length = end.saturating_sub(start);
        self.judged_until = end;
        let judged = self.unjudged.len().min(length as usize);
        let admitted = self.gate.admits(end, &self.unjudged[..judged], self.is_speaking());
        self.unjudged.drain(..judged);

        let speech = |threshold: f32| admitted && verdict.speech >= threshold;
        let sure = verdict.speech >= self.policy.threshold_sure;
        let counted = if sure { 2 * length } else { length };
        let decided_ms = ms_of_samples(end);
        let (state, event) = match self.state {
            State::Silent if speech(self.policy.threshold_on) => {
                self.doubt(start, counted, decided_ms)
            }
            State::Silent => (State::Silent, None),
            State::Doubtful { since, evidence } if speech(self.policy.threshold_on) => {
                self.doubt(since, evidence + counted, decided_ms)
            }
            // A short dip weakens the case, and only as much silence as there was speech ends it.
            State::Doubtful { since, evidence } if evidence > length => {
                (State::Doubtful { since, evidence: evidence - length }, None)
            }
            State::Doubtful { .. } => (State::Silent, None),
            State::Speaking | State::Pausing { .. } if speech(self.policy.threshold_off) => {
                (State::Speaking, None)
            }
            State::Speaking => self.pause(start, end),
            State::Pausing { since } => self.pause(since, end),
        };
        self.state = state;
        event
    }

    fn doubt(&self, since: u64, evidence: u64, decided_ms: u64) -> (State, Option<VadEvent>) {
        if evidence < samples_of_ms(self.policy.start_ms.into()) {
            return (State::Doubtful { since, evidence }, None);
        }
        let at_ms = ms_of_samples(since);
        let from_ms = at_ms
            .saturating_sub(self.policy.pre_roll_ms.into())
            .max(ms_of_samples(self.spoken_until));
        (State::Speaking, Some(VadEvent::Started { at_ms, from_ms, decided_ms }))
    }

    fn pause(&mut self, since: u64, end: u64) -> (State, Option<VadEvent>) {
        if end - since < samples_of_ms(self.policy.stop_ms.into()) {
            return (State::Pausing { since }, None);
        }
        self.spoken_until = since;
        let (at_ms, decided_ms) = (ms_of_samples(since), ms_of_samples(end));
        (State::Silent, Some(VadEvent::Stopped { at_ms, decided_ms }))
    }
}
