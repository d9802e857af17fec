//! After which delay does the caller's side rise and fall as the agent's does?
//!
//! The bands' loudness of both sides, less its mean, is correlated over every delay, with a memory of
//! seconds. One delay that stands out from all others is an echo's: two people's speech agrees by
//! chance about as well at any delay.

use std::collections::VecDeque;

use super::DELAYS;
use super::bands::{BANDS, Level, QUIETEST};

/// What a hop's weight becomes with each one after it: a memory of 1.5 s in which both sounded.
const KEPT: f32 = 1.0 - 1.0 / 150.0;
/// Means are learnt faster, as there must be some before anything else.
const MEAN_KEPT: f32 = 1.0 - 1.0 / 80.0;
/// No delay is believed before so many hops: 300 ms.
const LEAST_WEIGHT: f32 = 30.0;
/// The correlation from which a delay is believed when the memory is full.
const BELIEVED: f32 = 0.42;
/// What is wanted more of a memory of one hop; it falls with the root of the hops.
const MORE_AT_FIRST: f32 = 1.6;
/// How far it must stand out from delays elsewhere.
const STANDS_OUT: f32 = 0.14;
/// Delays nearer than this, in hops, are the same one: speech changes slowly.
const NEIGHBOURS: usize = 8;
/// Loudness above the background counts up to here, dB.
const LOUDEST: f32 = 35.0;

/// Correlations at each delay.
#[derive(Clone, Debug)]
pub(super) struct DelaySearch {
    longest: usize,
    with: [f32; DELAYS],
    far: [f32; DELAYS],
    near: f32,
    near_mean: Level,
    far_mean: Level,
    weight: f32,
    found: Option<usize>,
}

impl DelaySearch {
    /// Searches delays from 0 to `longest` hops.
    pub(super) fn new(longest: usize) -> Self {
        Self {
            longest,
            with: [0.0; DELAYS],
            far: [0.0; DELAYS],
            near: 0.0,
            near_mean: [0.0; BANDS],
            far_mean: [0.0; BANDS],
            weight: 0.0,
            found: None,
        }
    }

    pub(super) fn longest(&self) -> usize {
        self.longest
    }

    /// The delay that stands out, in hops.
    pub(super) fn found(&self) -> Option<usize> {
        self.found
    }

    /// Takes a hop in which the caller's side sounded, and the agent's side up to it.
    pub(super) fn learn(&mut self, near: &Level, noise: &Level, far: &VecDeque<Level>) {
        let clipped = |level: f32, floor: f32| (level - floor).clamp(0.0, LOUDEST);
        let first = self.weight == 0.0;
        self.weight = self.weight * KEPT + 1.0;
        let step = if first { 1.0 } else { (1.0 - MEAN_KEPT).max(1.0 / self.weight) };
        let newest = far.back().unwrap_or(&QUIETEST);
        let mut ours = [0.0; BANDS];
        for band in 0..BANDS {
            let level = clipped(near[band], noise[band]);
            self.near_mean[band] += step * (level - self.near_mean[band]);
            ours[band] = level - self.near_mean[band];
            let level = clipped(newest[band], QUIETEST[band] + 10.0);
            self.far_mean[band] += step * (level - self.far_mean[band]);
        }
        self.near = self.near * KEPT + ours.iter().map(|level| level * level).sum::<f32>();
        for delay in 0..=self.longest {
            let theirs = far.len().checked_sub(1 + delay).map_or(&QUIETEST, |place| &far[place]);
            let (mut with, mut power) = (0.0, 0.0);
            for band in 0..BANDS {
                let level = clipped(theirs[band], QUIETEST[band] + 10.0) - self.far_mean[band];
                with += ours[band] * level;
                power += level * level;
            }
            self.with[delay] = self.with[delay] * KEPT + with;
            self.far[delay] = self.far[delay] * KEPT + power;
        }
        self.find();
    }

    /// Begins anew.
    pub(super) fn forget(&mut self) {
        *self = Self::new(self.longest);
    }

    /// The correlation at a delay, -1 to 1.
    pub(super) fn at(&self, delay: usize) -> f32 {
        let power = (self.near * self.far[delay]).sqrt();
        if power > 0.0 { self.with[delay] / power } else { 0.0 }
    }

    fn find(&mut self) {
        if self.weight < LEAST_WEIGHT {
            return;
        }
        let mut best = (0, f32::MIN);
        for delay in 0..=self.longest {
            let here = self.at(delay);
            if here > best.1 {
                best = (delay, here);
            }
        }
        let elsewhere = (0..=self.longest)
            .filter(|delay| delay.abs_diff(best.0) > NEIGHBOURS)
            .map(|delay| self.at(delay))
            .fold(0.0_f32, f32::max);
        let wanted = BELIEVED + MORE_AT_FIRST / self.weight.sqrt() - MORE_AT_FIRST / 150_f32.sqrt();
        if best.1 >= wanted && best.1 - elsewhere >= STANDS_OUT {
            self.found = Some(best.0);
        }
    }
}
