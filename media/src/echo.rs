//! Is what comes from the caller our own voice coming back?
//!
//! A loudspeaker telephone or an analogue line returns a part of what the agent says: later, softer,
//! coloured by a room, coded twice. Voice activity takes it for a caller who interrupts. A [`Guard`]
//! hears both sides and says of the last moments how likely it is that they hold echo and nothing
//! else. A caller who speaks over the echo is not echo.
//!
//! It compares loudness in twelve bands, 100 times a second. It asks of every delay how well the
//! agent's bands explain the caller's, learns the delay and the loss of each band from what fits over
//! seconds, and afterwards asks only whether the caller's side is louder than the echo can be.
//!
//! It does not remove echo. A filter that does needs the agent's audio to the sample; where it sounds
//! is known from the carrier's marks to about a frame, and moves. Half a frame off, a filter adds what
//! it should take away; loudness hardly notices (figures: `docs/barge-in.md`).
//!
//! Start with [`Guard::push`] and [`Guard::judge`].

mod bands;
mod delay;
mod fit;

use std::{collections::VecDeque, ops::RangeInclusive};

use self::bands::{BANDS, Bands, Level};
use self::delay::DelaySearch;
use self::fit::{Fit, Gains, Stretch};
use crate::frame::ms_of_samples;

/// Samples between one measurement and the next: 10 ms.
const HOP: usize = 80;
/// ms of a hop.
const HOP_MS: u32 = 10;
/// The longest delay that is looked for, in hops: 640 ms.
const DELAYS: usize = 64;
/// The longest stretch that is judged, in hops: 500 ms.
const LONGEST: usize = 50;
/// What is kept of the caller's side.
const NEAR_KEPT: usize = LONGEST + CONTEXT;
/// Hops before a stretch that are looked at with it: whether both sides rose out of silence together.
const CONTEXT: usize = 10;
/// What is kept of the agent's side.
const FAR_KEPT: usize = NEAR_KEPT + DELAYS + SLACK;
/// How far the agent's place may be off from what was learnt, in hops. The ledger takes audio for heard
/// when it is sent, then when its mark comes back: one way too early, then one way too late.
const SLACK: usize = 6;

/// When a fit counts as echo.
#[derive(Clone, Debug, PartialEq)]
pub struct Policy {
    /// The longest delay of an echo that is looked for, in ms, 600 unless set, 620 at most. Longer
    /// costs time and lets chance fit sooner.
    pub longest_delay_ms: u32,
    /// The least of the caller's loudness that the agent's must explain, 0 to 1, 0.80 unless set: there
    /// the answer is 0.5. Higher takes more echo for a caller; lower takes a caller who speaks softly
    /// over the echo for echo.
    pub explained: f32,
}

impl Default for Policy {
    fn default() -> Self {
        Self { longest_delay_ms: 600, explained: 0.80 }
    }
}

/// The way of the echo, as it was learnt.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Path {
    /// From the agent's audio at the carrier, by our ledger, to its echo, in ms.
    pub delay_ms: u32,
    /// How much softer the echo is than the agent, in dB.
    pub return_loss_db: f32,
}

/// Hears both sides of a call and recognises the agent's echo.
pub struct Guard {
    policy: Policy,
    bands: Bands,
    waiting: Vec<(i16, i16)>,
    near: VecDeque<Level>,
    far: VecDeque<Level>,
    /// The loudness of the caller's side where it is silent.
    noise: Level,
    search: DelaySearch,
    learnt: Option<Learnt>,
    /// Hops of the agent's speech to which the caller's side stayed silent.
    unanswered: f32,
    pushed: u64,
}

impl std::fmt::Debug for Guard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Guard").field("path", &self.path()).finish_non_exhaustive()
    }
}

/// What was learnt of the echo's way.
#[derive(Clone, Debug)]
struct Learnt {
    /// In hops; a mean of what was found.
    delay: f32,
    gains: Gains,
    /// Hops of the agent's speech of which nothing came back, less those of which something did.
    missed: u32,
}

impl Learnt {
    /// The delays at which the echo may be now.
    fn nearby(&self) -> RangeInclusive<usize> {
        let delay = self.delay.round() as usize;
        delay.saturating_sub(SLACK)..=delay + SLACK
    }
}

/// Agent's speech without an answer after which there is likely no echo, in hops: each 600 ms of it
/// make the odds e times worse, four times at most.
const UNANSWERED_UNIT: f32 = 60.0;
const UNANSWERED_MOST: f32 = 4.0;

impl Default for Guard {
    fn default() -> Self {
        Self::new(Policy::default())
    }
}

impl Guard {
    /// A guard that has heard nothing.
    #[must_use]
    pub fn new(policy: Policy) -> Self {
        let longest = (policy.longest_delay_ms / HOP_MS) as usize;
        Self {
            policy,
            bands: Bands::default(),
            waiting: Vec::with_capacity(HOP),
            near: VecDeque::with_capacity(NEAR_KEPT + 1),
            far: VecDeque::with_capacity(FAR_KEPT + 1),
            noise: bands::QUIETEST,
            search: DelaySearch::new(longest.min(DELAYS - 2)),
            learnt: None,
            unanswered: 0.0,
            pushed: 0,
        }
    }

    /// Takes what sounded of the agent and what came from the caller in the same time, at 8 kHz. The
    /// shorter is taken to be followed by silence.
    pub fn push(&mut self, agent: &[i16], caller: &[i16]) {
        for place in 0..agent.len().max(caller.len()) {
            let sample = |side: &[i16]| side.get(place).copied().unwrap_or_default();
            self.waiting.push((sample(agent), sample(caller)));
            if self.waiting.len() == HOP {
                self.hop();
            }
        }
    }

    /// The position after the last sample that was pushed.
    #[must_use]
    pub fn position(&self) -> u64 {
        self.pushed + self.waiting.len() as u64
    }

    /// How likely it is, 0 to 1, that the last `ms` hold echo and nothing of the caller's. At most the
    /// last 500 ms are looked at. `None`: there was nothing to be heard.
    #[must_use]
    pub fn judge(&self, ms: u32) -> Option<f32> {
        let stretch = self.stretch((ms / HOP_MS) as usize)?;
        if !self.agent_sounded(stretch.hops + DELAYS) {
            return Some(0.0);
        }
        if let Some(learnt) = &self.learnt {
            let (_, fit) = stretch.best(learnt.nearby(), &learnt.gains)?;
            return Some(self.likeness_known(&fit));
        }
        let most = (0..=self.search.longest())
            .filter_map(|delay| stretch.explained(delay, &stretch.fitted(delay)?))
            .fold(0.0_f32, |most, fit| {
                let against = self.unanswered / UNANSWERED_UNIT;
                most.max(self.likeness_guessed(&fit, stretch.hops, against))
            });
        Some(most)
    }

    /// As [`judge`](Self::judge), of all since position `at_sample`.
    #[must_use]
    pub fn judge_since(&self, at_sample: u64) -> Option<f32> {
        let ms = ms_of_samples(self.position().saturating_sub(at_sample));
        self.judge(u32::try_from(ms).unwrap_or(u32::MAX).max(2 * HOP_MS))
    }

    /// The way of the echo, if there is one and it is known.
    #[must_use]
    pub fn path(&self) -> Option<Path> {
        let learnt = self.learnt.as_ref()?;
        let delay_ms = (learnt.delay * HOP_MS as f32) as u32;
        Some(Path { delay_ms, return_loss_db: -learnt.gains.overall() })
    }

    fn hop(&mut self) {
        let (far, near) = self.bands.measure(&self.waiting);
        self.waiting.clear();
        self.pushed += HOP as u64;
        push_bounded(&mut self.far, far, FAR_KEPT);
        push_bounded(&mut self.near, near, NEAR_KEPT);
        bands::follow_noise(&mut self.noise, &near, self.pushed / HOP as u64 - 1);

        let above = bands::above(&near, &self.noise);
        let sounds = above > bands::HEARD_DB;
        if !self.agent_sounded(DELAYS) {
            return;
        }
        if sounds {
            self.search.learn(&near, &self.noise, &self.far);
        }
        // A loud background is the quietest of a noise that rises and falls: what is a little above it is
        // no answer.
        let noisy = bands::above(&self.noise, &bands::QUIETEST) > bands::TALKING_DB;
        let least = if noisy { 2.0 * bands::HEARD_DB } else { bands::HEARD_DB };
        if above <= least && bands::above(&far, &bands::QUIETEST) > bands::TALKING_DB {
            self.unanswered = (self.unanswered + 1.0).min(UNANSWERED_MOST * UNANSWERED_UNIT);
        }
        self.learn(sounds);
    }

    fn learn(&mut self, sounds: bool) {
        if let Some(delay) = self.search.found()
            && sounds
            && self.learnt.as_ref().is_none_or(|learnt| !learnt.nearby().contains(&delay))
            && let Some(stretch) = self.stretch(LONGEST)
            && let Some(gains) = stretch.fitted(delay)
            && let Some(fit) = stretch.explained(delay, &gains)
            && self.likeness_guessed(&fit, LONGEST, 0.0) > BELIEVED
        {
            self.learnt = Some(Learnt { delay: delay as f32, gains, missed: 0 });
            self.unanswered = 0.0;
        }
        let Some(mut learnt) = self.learnt.clone() else { return };
        let stretch = Stretch::last(&self.near, &self.far, &self.noise, LEARN_FROM);
        match stretch.best(learnt.nearby(), &learnt.gains) {
            Some((delay, fit)) if self.likeness_known(&fit) > LEARN_ABOVE => {
                stretch.adapt(delay, &mut learnt.gains);
                learnt.delay += FOLLOW * (delay as f32 - learnt.delay);
            }
            Some(_) | None => stretch.lower(learnt.nearby(), &mut learnt.gains),
        }
        match stretch.returned(learnt.nearby(), &learnt.gains) {
            Some(true) => learnt.missed = learnt.missed.saturating_sub(1),
            Some(false) => learnt.missed += 1,
            None => {}
        }
        let gone = learnt.missed > GONE_AFTER;
        self.learnt = (!gone).then_some(learnt);
        if gone {
            self.search.forget();
        }
    }

    fn likeness_known(&self, fit: &Fit) -> f32 {
        logistic(KNOWN_SLOPE * (fit.explained - self.policy.explained))
    }

    fn likeness_guessed(&self, fit: &Fit, hops: usize, against: f32) -> f32 {
        // The shorter a stretch, the more delays fit it by chance.
        let chance = GUESS_CHANCE * (LONGEST as f32 / hops.max(4) as f32).sqrt();
        let wanted = self.policy.explained + chance;
        logistic(GUESS_SLOPE * (fit.explained - fit::MISSING * fit.missing - wanted) - against)
    }

    /// Did the agent sound within the last hops?
    fn agent_sounded(&self, hops: usize) -> bool {
        let recent = self.far.iter().rev().take(hops);
        recent.into_iter().any(|far| bands::above(far, &bands::QUIETEST) > bands::TALKING_DB)
    }

    /// The last hops, if anything is to be heard in them.
    fn stretch(&self, hops: usize) -> Option<Stretch<'_>> {
        let hops = hops.clamp(2, LONGEST);
        let stretch = Stretch::last(&self.near, &self.far, &self.noise, hops);
        stretch.sounds().then_some(stretch)
    }
}

/// From how many hops gains are adapted at each.
const LEARN_FROM: usize = 12;
/// The delay follows what fits by this share at each.
const FOLLOW: f32 = 0.02;
/// Gains rise only where the stretch is this likely to be echo alone.
const LEARN_ABOVE: f32 = 0.7;
/// An echo is over when nothing has come back of so many hops in which the agent talked: 1.5 s.
const GONE_AFTER: u32 = 150;
/// A delay that stands out is believed where it explains a whole stretch at least so likely.
const BELIEVED: f32 = 0.5;
const KNOWN_SLOPE: f32 = 20.0;
const GUESS_SLOPE: f32 = 20.0;
const GUESS_CHANCE: f32 = 0.02;

fn logistic(odds: f32) -> f32 {
    1.0 / (1.0 + (-odds).exp())
}

fn push_bounded(levels: &mut VecDeque<Level>, level: Level, most: usize) {
    if levels.len() == most {
        levels.pop_front();
    }
    levels.push_back(level);
}

const _: () = assert!(BANDS > 0 && SLACK < DELAYS);
