//! How late this process wakes: the sign that it has more to do than it can. Calls that run suffer
//! first, so new ones are turned away until it has passed.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::time::Instant;

/// A wake-up this late is too late: the audio sent ahead (400 ms) begins to be used up.
pub const TOO_LATE: Duration = Duration::from_millis(250);
/// So long, and new calls are turned away; and so long without, and they are taken again.
pub const FOR: Duration = Duration::from_secs(2);
/// How often it is measured.
const EVERY: Duration = Duration::from_millis(100);

/// Is this process behind?
#[derive(Clone, Debug, Default)]
pub struct Lag {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    behind: AtomicBool,
    judge: Mutex<Judge>,
}

#[derive(Debug, Default)]
struct Judge {
    /// Since when each wake-up was too late, or each was in time: which of the two, and from when.
    run: Option<(bool, Instant)>,
}

impl Lag {
    /// Has it been behind for long enough that new calls are better taken elsewhere?
    pub fn is_behind(&self) -> bool {
        self.shared.behind.load(Ordering::Relaxed)
    }

    /// Takes a wake-up that was `due` and came `late`.
    pub fn woke(&self, due: Instant, late: Duration) {
        let mut judge = self.shared.judge.lock().unwrap_or_else(PoisonError::into_inner);
        let is_late = late >= TOO_LATE;
        let since = match judge.run {
            Some((was_late, since)) if was_late == is_late => since,
            _ => {
                judge.run = Some((is_late, due));
                due
            }
        };
        if (due + late).duration_since(since) >= FOR
            && self.shared.behind.swap(is_late, Ordering::Relaxed) != is_late
        {
            match is_late {
                true => tracing::warn!(
                    late_ms = late.as_millis() as u64,
                    "this process is behind: new calls are told that the line is busy"
                ),
                false => tracing::info!("this process keeps up again: new calls are taken"),
            }
        }
    }

    /// Measures for ever. The gauge shows the worst of the last ten measurements.
    pub async fn measure(self) {
        let mut due = Instant::now() + EVERY;
        let (mut worst, mut taken) = (Duration::ZERO, 0);
        loop {
            tokio::time::sleep_until(due).await;
            let late = due.elapsed();
            self.woke(due, late);
            worst = worst.max(late);
            taken += 1;
            if taken == 10 || late >= TOO_LATE {
                metrics::gauge!("tandem_loop_lag_seconds").set(worst.as_secs_f64());
                (worst, taken) = (Duration::ZERO, 0);
            }
            // Not from when it was due: what was missed is not made up for.
            due = Instant::now() + EVERY;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: fn(u64) -> Duration = Duration::from_millis;

    #[test]
    fn two_seconds_of_lateness_turn_calls_away_and_two_in_time_take_them_again() {
        let (lag, began) = (Lag::default(), Instant::now());
        let mut wakes = Vec::new();
        for (from, until, late) in [(0, 5_000, 2), (5_000, 8_000, 300), (8_000, 12_000, 10)] {
            let mut at = from;
            while at < until {
                lag.woke(began + MS(at), MS(late));
                wakes.push((at + late, lag.is_behind()));
                at += 100 + late;
            }
        }
        let changes: Vec<(u64, bool)> =
            wakes.windows(2).filter(|pair| pair[0].1 != pair[1].1).map(|pair| pair[1]).collect();
        let [(behind, true), (again, false)] = changes[..] else { panic!("{changes:?}") };
        assert!((7_000..7_500).contains(&behind), "{behind}");
        assert!((10_000..10_300).contains(&again), "{again}");
    }

    #[test]
    fn one_hiccup_turns_nobody_away_and_a_stall_does() {
        let (lag, began) = (Lag::default(), Instant::now());
        for at in 0..20 {
            lag.woke(began + MS(at * 1_000), MS(900));
            lag.woke(began + MS(at * 1_000 + 950), MS(1));
            assert!(!lag.is_behind());
        }
        lag.woke(began + MS(30_000), MS(2_500));
        assert!(lag.is_behind(), "two and a half seconds at once");
    }
}
