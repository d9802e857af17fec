//! The bad line between the carrier and the gateway, drawn from a seed.
//!
//! The leg is TCP: nothing is lost or reordered on it. [`Network::jitter`] and [`Network::stalls`]
//! hold messages back, in order, both ways for a stall; [`Network::loss`] is audio that the carrier
//! itself never got from the caller's phone, seen as a jump of the timestamp.

use std::time::Duration;

use serde::Deserialize;

use super::clock::Tick;

/// What the line does to a call. The default is a good line.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Network {
    /// Each message from the caller is held back by up to this long; nothing unless set.
    #[serde(with = "humantime_serde")]
    pub jitter: Duration,
    /// The share of the caller's frames that are lost, 0 to 1; 0 unless set.
    pub loss: f64,
    /// Times when nothing moves in either direction, and all of it arrives at their end.
    pub stalls: Vec<Stall>,
    /// Makes the same line again; 0 unless set.
    pub seed: u64,
}

/// A time when nothing moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stall {
    /// When it begins, from when the call was placed.
    #[serde(with = "humantime_serde")]
    pub at: Duration,
    /// How long it lasts.
    #[serde(rename = "for", with = "humantime_serde")]
    pub lasts: Duration,
}

/// Why a line cannot be as asked.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
pub enum BadNetwork {
    /// A share below 0 or above 1.
    #[error("loss is a share between 0 and 1, not {0}")]
    Loss(f64),
    /// Jitter that would make the call meaningless.
    #[error("jitter is at most 10 s")]
    Jitter,
}

impl Network {
    /// # Errors
    /// The loss is no share, or the jitter is above 10 s.
    pub fn check(&self) -> Result<(), BadNetwork> {
        if !(0.0..=1.0).contains(&self.loss) {
            return Err(BadNetwork::Loss(self.loss));
        }
        if self.jitter > Duration::from_secs(10) {
            return Err(BadNetwork::Jitter);
        }
        Ok(())
    }

    /// When a stall that is on at `at` ends.
    #[must_use]
    pub fn stalled_until(&self, at: Tick) -> Option<Tick> {
        let mut until = None;
        for stall in &self.stalls {
            let from = Tick::from_duration(stall.at);
            let to = from.plus(Tick::from_duration(stall.lasts));
            if (from..to).contains(&at) {
                until = until.max(Some(to));
            }
        }
        until
    }
}

/// One call's line: the draws made so far.
#[derive(Clone, Debug)]
pub struct Weather {
    network: Network,
    dice: u64,
    last: Tick,
}

impl Weather {
    /// The line's first moment.
    #[must_use]
    pub fn new(network: Network) -> Self {
        Self { dice: network.seed, network, last: Tick(0) }
    }

    /// Whether the next frame of the caller is lost.
    pub fn loses(&mut self) -> bool {
        self.network.loss > 0.0 && self.draw() < self.network.loss
    }

    /// When a message that is ready at `at` leaves. Never before one that was ready earlier.
    pub fn leaves(&mut self, at: Tick) -> Tick {
        let mut leaves = at;
        if !self.network.jitter.is_zero() {
            let most = Tick::from_duration(self.network.jitter).0 as f64;
            leaves = leaves.plus(Tick((self.draw() * most) as u64));
        }
        if let Some(end) = self.network.stalled_until(leaves) {
            leaves = end;
        }
        self.last = self.last.max(leaves);
        self.last
    }

    /// A number in 0..1, by splitmix64.
    fn draw(&mut self) -> f64 {
        self.dice = self.dice.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.dice;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^= mixed >> 31;
        (mixed >> 11) as f64 / (1_u64 << 53) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(ms: u64) -> Tick {
        Tick::from_ms(ms)
    }

    #[test]
    fn messages_leave_in_order_and_within_the_jitter() {
        let jitter = Duration::from_millis(90);
        let mut line = Weather::new(Network { jitter, seed: 7, ..Network::default() });
        let left: Vec<Tick> = (0..500).map(|n| line.leaves(ms(n * 20))).collect();
        assert!(left.is_sorted());
        for (n, at) in (0..).zip(&left) {
            assert!((ms(n * 20)..=ms(n * 20 + 90)).contains(at));
        }
        assert!(left.iter().zip(0..).any(|(at, n)| at.since(ms(n * 20)) > ms(60)));
    }

    #[test]
    fn a_stall_holds_everything_to_its_end() {
        let stall = Stall { at: Duration::from_millis(100), lasts: Duration::from_millis(300) };
        let mut line = Weather::new(Network { stalls: vec![stall], ..Network::default() });
        let left: Vec<u64> = [80, 100, 399, 400].map(|at| line.leaves(ms(at)).ms()).to_vec();
        assert_eq!(left, [80, 400, 400, 400]);
    }

    #[test]
    fn a_seed_makes_the_same_line_again() {
        let network = Network { loss: 0.1, seed: 42, ..Network::default() };
        let draw = || {
            let mut line = Weather::new(network.clone());
            (0..10_000).map(|_| line.loses()).collect::<Vec<_>>()
        };
        let lost = draw();
        assert_eq!(lost, draw());
        assert!((900..1_100).contains(&lost.iter().filter(|lost| **lost).count()));
    }

    #[test]
    fn a_line_that_cannot_be_is_refused() {
        let loss = |loss| Network { loss, ..Network::default() }.check();
        assert!(loss(1.0).is_ok());
        assert_eq!(loss(1.5), Err(BadNetwork::Loss(1.5)));
        assert!(loss(f64::NAN).is_err());
    }
}
