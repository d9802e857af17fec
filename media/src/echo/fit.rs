//! How much of the caller's loudness the agent's explains, at one delay.

use std::{collections::VecDeque, ops::RangeInclusive};

use super::bands::{BANDS, HEARD_DB, Level, QUIETEST, TALKING_DB, above};
use super::{CONTEXT, FAR_KEPT};

/// By how much each band is louder on the caller's side, in dB; negative.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Gains(pub(super) Level);

impl Gains {
    /// Of all bands: what speech has most energy in counts, so the louder half.
    pub(super) fn overall(&self) -> f32 {
        let mut gains = self.0;
        gains.sort_by(|a, b| b.total_cmp(a));
        let louder = &gains[..BANDS / 2];
        louder.iter().sum::<f32>() / louder.len() as f32
    }

    /// Moves a band's gain by a share of the way to `gain`, if that way, up or down, is allowed.
    fn follow(&mut self, band: usize, gain: f32, share: f32, allowed: impl Fn(bool) -> bool) {
        let off = (gain - self.0[band]).clamp(-10.0, 10.0);
        if allowed(off > 0.0) {
            self.0[band] = (self.0[band] + share * off).clamp(LEAST_GAIN, MOST_GAIN);
        }
    }
}

/// A stretch of the caller's side and what the agent said before.
pub(super) struct Stretch<'a> {
    near: &'a VecDeque<Level>,
    far: &'a VecDeque<Level>,
    /// The agent's side as a room repeats it, newest first.
    lingering: [Level; FAR_KEPT],
    noise: &'a Level,
    pub(super) hops: usize,
}

/// How well a delay explains a stretch.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Fit {
    /// The share of the caller's loudness that echo can be, 0 to 1.
    pub(super) explained: f32,
    /// The share of the expected echo that is not there, 0 to 1.
    pub(super) missing: f32,
}

/// Sound dies away by so much a hop in a common room, dB.
const DECAY: f32 = 4.0;
/// With fewer bands of fewer hops no gain is fitted.
const FEWEST: f32 = 4.0;
/// Louder than expected by so much is still echo, dB, and by this much more is none at all.
const TOLERANCE: f32 = 3.0;
const NO_MORE: f32 = 7.0;
/// Loudness above the background counts up to here, dB.
const LOUDEST: f32 = 24.0;
/// The agent's bands count from here when gains are fitted.
const FAR_HEARD: f32 = QUIETEST[0] + 25.0;
/// A band's gain is drawn to that of all bands with the weight of so many hops.
const SHRINK: f32 = 8.0;
/// Gains follow the caller's side by this share of the difference at each hop where there is echo
/// alone, and downwards always, since another voice only adds.
const ADAPT: f32 = 0.04;
const LOWER: f32 = 0.02;
/// How much echo that is missing counts against a delay.
pub(super) const MISSING: f32 = 0.2;
/// The least gain: below, an echo is no longer heard.
const LEAST_GAIN: f32 = -60.0;
/// An echo is not louder than this; telephones do not amplify it.
const MOST_GAIN: f32 = 6.0;

impl<'a> Stretch<'a> {
    /// The last hops.
    pub(super) fn last(
        near: &'a VecDeque<Level>,
        far: &'a VecDeque<Level>,
        noise: &'a Level,
        hops: usize,
    ) -> Self {
        let mut lingering = [QUIETEST; FAR_KEPT];
        let mut before = QUIETEST;
        for (place, level) in far.iter().enumerate() {
            for (before, level) in before.iter_mut().zip(level) {
                *before = level.max(*before - DECAY);
            }
            lingering[far.len() - 1 - place] = before;
        }
        Self { near, far, lingering, noise, hops: hops.min(near.len()) }
    }

    /// Is anything to be heard of the caller's side?
    pub(super) fn sounds(&self) -> bool {
        let hops = self.near.range(self.near.len() - self.hops..);
        hops.into_iter().any(|level| above(level, self.noise) > HEARD_DB)
    }

    /// The caller's level so many hops ago, and the agent's that was to come back then.
    fn pair(&self, ago: usize, delay: usize) -> Option<(&Level, &Level)> {
        let near = self.near.get(self.near.len().checked_sub(1 + ago)?)?;
        Some((near, self.lingering.get(ago + delay)?))
    }

    /// The gains with which the agent explains the stretch best, if it was to be heard.
    pub(super) fn fitted(&self, delay: usize) -> Option<Gains> {
        // Sums are kept by band: so they are of several at a time.
        let (mut sums, mut counts) = ([0.0; BANDS], [0.0; BANDS]);
        for ago in 0..self.hops {
            let (near, far) = self.pair(ago, delay)?;
            for band in 0..BANDS {
                let heard = near[band] > self.noise[band] + 2.0 * HEARD_DB;
                let counted = f32::from(u8::from(heard & (far[band] > FAR_HEARD)));
                sums[band] += counted * (near[band] - far[band]);
                counts[band] += counted;
            }
        }
        let count: f32 = counts.iter().sum();
        if count < FEWEST {
            return None;
        }
        let all = sums.iter().sum::<f32>() / count;
        let gain = |band: usize| (sums[band] + SHRINK * all) / (counts[band] + SHRINK);
        Some(Gains(std::array::from_fn(|band| gain(band).clamp(LEAST_GAIN, MOST_GAIN))))
    }

    /// How much of the stretch is explained so, and how much is missing of it and of the moment before.
    pub(super) fn explained(&self, delay: usize, gains: &Gains) -> Option<Fit> {
        let (mut heard, mut surplus) = ([0.0; BANDS], [0.0; BANDS]);
        let (mut expected, mut missing) = ([0.0; BANDS], [0.0; BANDS]);
        for ago in 0..(self.hops + CONTEXT).min(self.near.len()) {
            let (near, far) = self.pair(ago, delay)?;
            let counted = f32::from(u8::from(ago < self.hops));
            for band in 0..BANDS {
                let noise = self.noise[band];
                let echo = (far[band] + gains.0[band]).max(noise);
                let over = near[band] - echo - TOLERANCE;
                let weight = counted * (near[band] - noise - TOLERANCE).clamp(0.0, LOUDEST);
                heard[band] += weight;
                surplus[band] += weight * (over / NO_MORE).clamp(0.0, 1.0);
                let weight = (echo - noise - TOLERANCE).clamp(0.0, LOUDEST);
                expected[band] += weight;
                missing[band] += weight * ((-over - 3.0 * TOLERANCE) / NO_MORE).clamp(0.0, 1.0);
            }
        }
        let sum = |all: Level| all.iter().sum::<f32>();
        let (heard, expected) = (sum(heard), sum(expected));
        if heard == 0.0 {
            return None;
        }
        let missing = if expected > 0.0 { sum(missing) / expected } else { 1.0 };
        Some(Fit { explained: 1.0 - sum(surplus) / heard, missing })
    }

    /// The delay at which most is explained.
    pub(super) fn best(
        &self,
        delays: RangeInclusive<usize>,
        gains: &Gains,
    ) -> Option<(usize, Fit)> {
        let fits = delays.filter_map(|delay| Some((delay, self.explained(delay, gains)?)));
        let worth = |fit: &Fit| fit.explained - MISSING * fit.missing;
        fits.max_by(|a, b| worth(&a.1).total_cmp(&worth(&b.1)))
    }

    /// Did the newest hop bring what of the agent was to come back? `None`: the agent was silent.
    pub(super) fn returned(&self, delays: RangeInclusive<usize>, gains: &Gains) -> Option<bool> {
        let near = self.near.back()?;
        let far = self.least(delays);
        if above(&far, &QUIETEST) < TALKING_DB {
            return None;
        }
        let there = |band: &usize| {
            let least = self.noise[*band] + 2.0 * HEARD_DB;
            far[*band] + gains.0[*band] > least && near[*band] > least
        };
        Some((0..BANDS).filter(there).count() >= BANDS / 4)
    }

    /// Lets gains follow the newest hop, which is echo alone.
    pub(super) fn adapt(&self, delay: usize, gains: &mut Gains) {
        let Some((near, far)) = self.pair(0, delay) else { return };
        for band in 0..BANDS {
            let heard = near[band] > self.noise[band] + HEARD_DB;
            gains.follow(band, near[band].max(self.noise[band]) - far[band], ADAPT, |up| {
                // Where the background hides the echo, nothing is known but that it is not louder.
                far[band] > FAR_HEARD && (heard || !up)
            });
        }
    }

    /// Lets gains fall to what the newest hop, which is not echo alone, leaves room for.
    pub(super) fn lower(&self, delays: RangeInclusive<usize>, gains: &mut Gains) {
        let Some(near) = self.near.back() else { return };
        let far = self.least(delays);
        for band in 0..BANDS {
            gains.follow(band, near[band].max(self.noise[band]) - far[band], LOWER, |up| {
                far[band] > FAR_HEARD && !up
            });
        }
    }

    /// What must have sounded of the agent, at whichever of the delays.
    fn least(&self, delays: RangeInclusive<usize>) -> Level {
        let mut least = [f32::MAX; BANDS];
        for delay in delays {
            let place = self.far.len().checked_sub(1 + delay);
            let far = place.map_or(&QUIETEST, |place| &self.far[place]);
            for (least, far) in least.iter_mut().zip(far) {
                *least = least.min(*far);
            }
        }
        least
    }
}
