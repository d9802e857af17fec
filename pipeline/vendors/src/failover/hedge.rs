//! Hedging: a second engine is asked while the first still owes its first word.
//!
//! Most answers come soon and few come late. When an engine has given nothing by the time within which
//! nearly all of its answers have begun, another is asked too, and whoever emits first is listened to
//! (Dean and Barroso, "The Tail at Scale", CACM 56/2, 2013). A [`Budget`] bounds what that costs when
//! everything is slow at once.
//!
//! Reads no clock and asks nobody: the race is run in `race`.

use std::{collections::VecDeque, time::Duration};

/// When a second engine is asked, and how often at most.
#[derive(Clone, Copy, Debug)]
pub struct Policy {
    /// At most this share of the requests is hedged, 0.1 unless set; 0 is never. More costs more where
    /// a vendor is slow for all.
    pub share: f64,
    /// The second engine is never asked sooner than this, 200 ms unless set.
    pub floor: Duration,
    /// Nor later, 1.2 s unless set; also used until enough has been seen of an engine.
    pub cap: Duration,
}

impl Default for Policy {
    fn default() -> Self {
        let (floor, cap) = (Duration::from_millis(200), Duration::from_millis(1_200));
        Policy { share: 0.1, floor, cap }
    }
}

/// Answers that are remembered of an engine: the last few minutes of a busy line.
const REMEMBERED: usize = 128;

/// Fewer say nothing of how late one in twenty comes.
const ENOUGH: usize = 20;

/// How long an engine takes until it emits something, as seen of its last answers.
#[derive(Clone, Debug, Default)]
pub struct Latency {
    /// ms, oldest first.
    seen: VecDeque<u32>,
}

impl Latency {
    /// An answer began this long after it was asked for. Of one that was given up because another
    /// engine was quicker, how long it had been waited for: left out, late answers would not count and
    /// the estimate would sink with each of them.
    pub fn saw(&mut self, took: Duration) {
        if self.seen.len() == REMEMBERED {
            self.seen.pop_front();
        }
        self.seen.push_back(u32::try_from(took.as_millis()).unwrap_or(u32::MAX));
    }

    /// The time within which 95 of 100 answers began; `None` until enough has been seen.
    pub fn p95(&self) -> Option<Duration> {
        if self.seen.len() < ENOUGH {
            return None;
        }
        let mut sorted: Vec<u32> = self.seen.iter().copied().collect();
        let place = (sorted.len() * 95).div_ceil(100) - 1;
        let (_, p95, _) = sorted.select_nth_unstable(place);
        Some(Duration::from_millis(u64::from(*p95)))
    }
}

/// Hedges that may be saved up while all is well, for when it is not.
const SAVED_AT_MOST: f64 = 5.0;

/// How many requests may still be hedged. Each request earns its share of a hedge.
#[derive(Clone, Copy, Debug)]
pub struct Budget {
    share: f64,
    saved: f64,
}

impl Budget {
    /// A budget from which one hedge can be paid at once, if any ever can.
    pub fn new(share: f64) -> Self {
        Budget { share, saved: if share > 0.0 { 1.0 } else { 0.0 } }
    }

    /// A request was made.
    pub fn earn(&mut self) {
        self.saved = (self.saved + self.share).min(SAVED_AT_MOST);
    }

    /// Pays for a hedge, if it can be paid for.
    pub fn spend(&mut self) -> bool {
        // A tenth is no exact binary number: ten of them are a hedge all the same.
        let affordable = self.saved > 1.0 - 1e-9;
        if affordable {
            self.saved -= 1.0;
        }
        affordable
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn the_estimate_is_the_answer_that_one_in_twenty_exceeds() {
        let mut latency = Latency::default();
        for n in 1..ENOUGH as u64 {
            latency.saw(ms(n));
        }
        assert_eq!(latency.p95(), None, "too little is known");
        for n in 1..=100 {
            latency.saw(ms(n * 10));
        }
        // 19 small ones and 100 from 10 to 1,000 ms: the 114th of 119.
        assert_eq!(latency.p95(), Some(ms(950)));
    }

    #[test]
    fn the_estimate_follows_a_vendor_that_becomes_slow_or_quick() {
        let mut latency = Latency::default();
        for took in [100, 900, 300] {
            for _ in 0..REMEMBERED {
                latency.saw(ms(took));
            }
            assert_eq!(latency.p95(), Some(ms(took)));
        }
        assert_eq!(latency.seen.len(), REMEMBERED);
    }

    #[test]
    fn hedging_at_the_estimate_does_not_pull_it_down() {
        let mut latency = Latency::default();
        let mut hedged = 0;
        // Answers of 100 to 1,000 ms; each that is hedged is given up 50 ms later.
        for n in 0..2_000 {
            let took = ms(100 + (n * 137) % 900);
            match latency.p95().filter(|hedge_at| took > *hedge_at + ms(50)) {
                Some(hedge_at) => {
                    hedged += 1;
                    latency.saw(hedge_at + ms(50));
                }
                None => latency.saw(took),
            }
        }
        assert!(hedged < 2_000 / 15, "{hedged} of 2,000");
    }

    #[test]
    fn a_tenth_is_one_in_ten_however_slow_all_are() {
        let mut budget = Budget::new(0.1);
        let mut hedged = 0;
        for _ in 0..1_000 {
            budget.earn();
            hedged += u32::from(budget.spend());
        }
        assert!((100..=101).contains(&hedged), "{hedged}");
    }

    #[test]
    fn what_is_saved_is_bounded_and_nothing_of_nothing_is_nothing() {
        let mut budget = Budget::new(0.5);
        (0..1_000).for_each(|_| budget.earn());
        assert_eq!((0..100).filter(|_| budget.spend()).count(), SAVED_AT_MOST as usize);
        let mut never = Budget::new(0.0);
        (0..1_000).for_each(|_| never.earn());
        assert!(!never.spend());
    }
}
