//! How much of a sound is voiced, told while it lasts.

use super::Prosody;

/// More than this is a voice beyond doubt, ms: nothing is told after it.
const ENOUGH_MS: u32 = 400;
/// A VAD may notice a sound so much after it began, ms.
const BEFORE_MS: u64 = 100;

/// Follows one sound after another: how much of each is voiced so far.
///
/// Words are voiced for the most part, even a "six" for 140 ms; coughs, breath and noise hardly are. A
/// VAD does not tell one from the other at once, and some never do.
#[derive(Clone, Copy, Debug, Default)]
pub struct Voicing {
    from_ms: Option<u64>,
    told: Option<u32>,
}

impl Voicing {
    /// A sound began, at this many ms since the first sample that [`Prosody`] took.
    pub fn began(&mut self, from_ms: u64) {
        (self.from_ms, self.told) = (Some(from_ms.saturating_sub(BEFORE_MS)), None);
    }

    /// It ended.
    pub fn ended(&mut self) {
        self.from_ms = None;
    }

    /// How much of the sound is voiced, ms, if that has changed since it was last told.
    pub fn news(&mut self, prosody: &Prosody) -> Option<u32> {
        let from_ms = self.from_ms?;
        if self.told.is_some_and(|told| told >= ENOUGH_MS) {
            return None;
        }
        let voiced_ms = prosody.voiced_ms(from_ms, u64::MAX);
        let grown = self.told.is_none_or(|told| voiced_ms > told);
        grown.then(|| {
            self.told = Some(voiced_ms);
            voiced_ms
        })
    }
}
