//! Tones on the line: the beep after which a voicemail records, busy and "no such number" tones, fax
//! machines; and keys, as tones to send.
//!
//! The [`Detector`] looks at short spectra, 100 a second, and at what lasts: a beep is one frequency,
//! steady, alone, with silence after it. Speech and music hold such sounds for an instant only, or not
//! alone. [`dtmf`] makes what a telephone's keys make.
//!
//! What a carrier says of keys and of who answered is read elsewhere; this is for what only audio says.

mod keys;
mod spectrum;

use std::collections::VecDeque;

pub use self::keys::{NoSuchKey, dtmf};
use self::spectrum::{Kind, Spectra};

/// Samples between one spectrum and the next: 10 ms.
const HOP: usize = 80;
const HOP_MS: u64 = 10;

/// What counts as a beep.
#[derive(Clone, Debug, PartialEq)]
pub struct Policy {
    /// The shortest beep, 150 ms unless set. Shorter ones are keys, clicks and alarms.
    pub shortest_ms: u32,
    /// The longest, 1500 ms unless set. Longer tones are a fax's, a modem's or a fault's.
    pub longest_ms: u32,
    /// The quietest, -42 dBFS unless set. Lower hears beeps of other people's rooms.
    pub quietest_dbfs: f32,
    /// Silence that must follow, 200 ms unless set: so late a beep is told. Shorter takes the first
    /// note of a melody for one.
    pub quiet_after_ms: u32,
}

impl Default for Policy {
    fn default() -> Self {
        Self { shortest_ms: 150, longest_ms: 1500, quietest_dbfs: -42.0, quiet_after_ms: 200 }
    }
}

/// A tone that was heard. Times are ms of the call's clock.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum ToneEvent {
    /// One steady tone and silence after it, as a voicemail gives before it records.
    Beep {
        /// When it began.
        from_ms: u64,
        /// When it ended.
        to_ms: u64,
        /// Its frequency.
        hz: f32,
    },
    /// The line is busy, or the network is: two bursts alike.
    Busy {
        /// When the second burst ended.
        at_ms: u64,
    },
    /// Three rising tones: the number cannot be reached (ITU-T E.180, special information tone).
    Unreachable {
        /// When they ended.
        at_ms: u64,
    },
    /// A fax machine calls: 1100 Hz, half a second every 3.5 s (ITU-T T.30, CNG). The first of them is
    /// told as a beep, which it may be.
    FaxCalling {
        /// When the second one ended.
        at_ms: u64,
    },
    /// A fax machine or a modem answers: 2100 Hz (ITU-T T.30, CED; V.25, ANS).
    FaxAnswering {
        /// When that was certain.
        at_ms: u64,
    },
}

/// One tone, from its first to its last hop.
#[derive(Clone, Debug)]
struct Tone {
    kind: Kind,
    from: u64,
    last: u64,
    /// Frequency and level at each hop, up to the longest that matters.
    hops: Vec<(f32, f32)>,
    told: bool,
}

/// A tone that has ended.
#[derive(Clone, Copy, Debug)]
struct Past {
    kind: Kind,
    hz: f32,
    from: u64,
    to: u64,
    steady: bool,
    dbfs: f32,
}

impl Past {
    fn ms(&self) -> u64 {
        (self.to - self.from) * HOP_MS
    }

    fn is_near(&self, hz: f32, within: f32) -> bool {
        self.kind == Kind::Single && (self.hz - hz).abs() <= within
    }
}

/// Hops at a tone's edges that hold only a part of it: a spectrum is of 32 ms.
const EDGE: usize = 3;
/// A tone may be hidden for so many hops: phase reversals, a lost packet.
const HIDDEN: u64 = 3;
/// Hops of a tone that are remembered: 2 s.
const REMEMBERED: usize = 200;
/// A tone's frequency stays within this, Hz.
const SAME_HZ: f32 = 12.0;
/// A beep's level changes by no more than this from hop to hop, dB, on average. Two tones near each
/// other, as in a ringback tone, beat.
const WOBBLE_DB: f32 = 0.6;
/// Nor by more than this in all.
const RANGE_DB: f32 = 5.0;
/// Silence is so much softer than the tone before it, dB.
const QUIETER_DB: f32 = 15.0;
/// Busy and ringing tones of many countries are one tone within these, Hz. A beep of that pitch is
/// believed only when nothing has followed for longer.
const NETWORK_HZ: std::ops::RangeInclusive<f32> = 380.0..=490.0;
const NETWORK_QUIET: u64 = 80;
/// A ringing tone comes back within so many hops: 6 s.
const RINGS_WITHIN: u64 = 600;
/// CED lasts at least 2.6 s; after one it is told.
const CED_AFTER: u64 = 100;
/// Past tones that are remembered.
const PAST: usize = 4;
/// Hops since a tone that never was.
const NEVER: u64 = 1_000_000;

/// Finds tones in a stream of audio.
pub struct Detector {
    policy: Policy,
    spectra: Spectra,
    waiting: Vec<i16>,
    hop: u64,
    tone: Option<Tone>,
    past: VecDeque<Past>,
    /// The last past tone may be a beep if silence follows.
    pending: bool,
    /// Busy tones go on that were told.
    busy: bool,
    /// Since the last tone, sound that was none.
    noisy: u32,
    /// Hops of voice, or whatever else is no tone, in the last seconds: it fades.
    voice: f32,
}

impl std::fmt::Debug for Detector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Detector").field("past", &self.past).finish_non_exhaustive()
    }
}

impl Default for Detector {
    fn default() -> Self {
        Self::new(Policy::default())
    }
}

impl Detector {
    /// A detector that has heard nothing.
    #[must_use]
    pub fn new(policy: Policy) -> Self {
        Self {
            policy,
            spectra: Spectra::default(),
            waiting: Vec::with_capacity(HOP),
            hop: 0,
            tone: None,
            past: VecDeque::with_capacity(PAST + 1),
            pending: false,
            busy: false,
            noisy: 0,
            voice: 0.0,
        }
    }

    /// Takes the next samples at 8 kHz, any number of them, and appends what was heard in them.
    pub fn push(&mut self, samples: &[i16], events: &mut Vec<ToneEvent>) {
        for &sample in samples {
            self.waiting.push(sample);
            if self.waiting.len() == HOP {
                let (kind, hz, dbfs) = self.spectra.next(&self.waiting, self.policy.quietest_dbfs);
                self.waiting.clear();
                self.hop += 1;
                self.hear(kind, hz, dbfs, events);
            }
        }
    }

    fn hear(&mut self, kind: Kind, hz: f32, dbfs: f32, events: &mut Vec<ToneEvent>) {
        let hop = self.hop;
        let goes_on = |tone: &Tone| {
            tone.kind == kind && (tone.hz() - hz).abs() <= SAME_HZ && hop - tone.last <= HIDDEN
        };
        let is_tone = matches!(kind, Kind::Single | Kind::Busy);
        if is_tone && self.tone.as_ref().is_some_and(goes_on) {
            let Some(tone) = &mut self.tone else { return };
            tone.last = hop;
            if tone.hops.len() < REMEMBERED {
                tone.hops.push((hz, dbfs));
            }
            let answers = tone.kind == Kind::Single && (2085.0..=2115.0).contains(&tone.hz());
            if answers && !tone.told && hop - tone.from >= CED_AFTER {
                tone.told = true;
                events.push(ToneEvent::FaxAnswering { at_ms: hop * HOP_MS });
            }
            return;
        }
        let over = self.tone.take_if(|tone| is_tone || hop - tone.last > HIDDEN);
        if let Some(tone) = over {
            self.ended(tone, events);
        }
        if is_tone {
            // Another tone so soon: neither is alone.
            let loud = self.past.back().is_none_or(|last| dbfs > last.dbfs - QUIETER_DB);
            self.pending &= !loud;
            self.tone.get_or_insert(Tone {
                kind,
                from: hop,
                last: hop,
                hops: vec![(hz, dbfs)],
                told: false,
            });
        } else {
            self.wait_for_silence(dbfs, events);
            if kind == Kind::Other {
                self.voice = (self.voice + 1.0).min(100.0);
            }
        }
        self.voice *= 0.998;
    }

    /// A tone is over; what do the last ones come to?
    fn ended(&mut self, tone: Tone, events: &mut Vec<ToneEvent>) {
        let Some(past) = tone.past() else { return };
        let at_ms = past.to * HOP_MS;
        let before = self.past.back().copied();
        if self.past.len() == PAST {
            self.past.pop_front();
        }
        self.past.push_back(past);
        self.noisy = 0;
        let gap = before.map_or(NEVER, |before| past.from.saturating_sub(before.to));
        // A melody, or one of the tones below: not alone.
        self.pending = gap * HOP_MS >= u64::from(self.policy.quiet_after_ms) && !tone.told;
        let Some(before) = before else { return };

        let alike = before.kind == past.kind
            && (before.hz - past.hz).abs() <= SAME_HZ
            && before.ms().abs_diff(past.ms()) <= 80;
        let burst = (150..=650).contains(&past.ms()) && (15..=65).contains(&gap);
        let busy = past.kind == Kind::Busy || NETWORK_HZ.contains(&past.hz);
        if alike && burst && busy {
            self.pending = false;
            if !std::mem::replace(&mut self.busy, true) {
                events.push(ToneEvent::Busy { at_ms });
            }
            return;
        }
        self.busy = false;
        let rings = alike && NETWORK_HZ.contains(&past.hz) && gap <= RINGS_WITHIN;
        self.pending &= !rings;
        if alike
            && past.is_near(1100.0, 38.0)
            && (425..=575).contains(&past.ms())
            && (250..=350).contains(&gap)
        {
            self.pending = false;
            events.push(ToneEvent::FaxCalling { at_ms });
        }
        if let [.., first, second, third] = self.past.make_contiguous()
            && (first.is_near(913.8, 30.0) || first.is_near(985.2, 30.0))
            && (second.is_near(1370.6, 30.0) || second.is_near(1428.5, 30.0))
            && third.is_near(1776.7, 30.0)
            && second.from - first.to <= 10
            && third.from - second.to <= 10
        {
            self.pending = false;
            events.push(ToneEvent::Unreachable { at_ms });
        }
    }

    /// A beep is told when silence has followed it.
    fn wait_for_silence(&mut self, dbfs: f32, events: &mut Vec<ToneEvent>) {
        let Some(last) = self.past.back().filter(|_| self.pending) else { return };
        // The tone's own end is still in the spectrum.
        let settling = self.hop <= last.to + EDGE as u64 + 1;
        if !settling && dbfs > last.dbfs - QUIETER_DB {
            self.noisy += 1;
        }
        if self.noisy > 3 {
            self.pending = false;
            return;
        }
        let network = NETWORK_HZ.contains(&last.hz);
        let quiet = u64::from(self.policy.quiet_after_ms) / HOP_MS;
        let wait = if network { NETWORK_QUIET.max(quiet) } else { quiet };
        if self.hop < last.to + wait {
            return;
        }
        self.pending = false;
        let long = u64::from(self.policy.shortest_ms)..=u64::from(self.policy.longest_ms);
        // Before anybody has spoken, a tone of that pitch is the telephone ringing.
        let ringing = network && self.voice < 20.0;
        let pitch = (300.0..=2000.0).contains(&last.hz);
        if last.kind == Kind::Single
            && last.steady
            && pitch
            && long.contains(&last.ms())
            && !ringing
        {
            let (from_ms, to_ms) = (last.from * HOP_MS, last.to * HOP_MS);
            events.push(ToneEvent::Beep { from_ms, to_ms, hz: last.hz });
        }
    }
}

impl Tone {
    fn hz(&self) -> f32 {
        self.hops.iter().map(|(hz, _)| hz).sum::<f32>() / self.hops.len() as f32
    }

    /// What it was, unless it was shorter than a spectrum can tell.
    fn past(&self) -> Option<Past> {
        let inner = self.hops.get(EDGE..self.hops.len().checked_sub(EDGE)?)?;
        if inner.len() < EDGE {
            return None;
        }
        let count = inner.len() as f32;
        let hz = inner.iter().map(|(hz, _)| hz).sum::<f32>() / count;
        let dbfs = inner.iter().map(|(_, dbfs)| dbfs).sum::<f32>() / count;
        let wobble = inner.windows(2).map(|two| (two[0].1 - two[1].1).abs()).sum::<f32>() / count;
        let spread = inner.iter().map(|(own, _)| (own - hz).abs()).sum::<f32>() / count;
        let (low, high) = inner
            .iter()
            .fold((f32::MAX, f32::MIN), |(low, high), (_, dbfs)| (low.min(*dbfs), high.max(*dbfs)));
        let steady = wobble <= WOBBLE_DB && high - low <= RANGE_DB && spread <= STEADY_HZ;
        // The window is of 32 ms: a tone is noticed when half of it is there, and so at its end.
        Some(Past {
            kind: self.kind,
            hz,
            from: self.from.saturating_sub(1),
            to: self.last,
            steady,
            dbfs,
        })
    }
}

/// A beep's frequency is off its mean by no more than this, Hz, on average. No voice is so steady.
const STEADY_HZ: f32 = 2.5;
