//! What loudness alone says: too quiet to be speech, or too steady.

use std::collections::VecDeque;

/// Keeps out windows that cannot be speech, whatever the judge thinks of them.
///
/// Speech rises and falls: between words and sounds it comes down to the background. So the quietest
/// moments of the last seconds are the background, and what does not stand out from them is background
/// too. A tone or an engine that goes on for long enough becomes its own background.
#[derive(Clone, Debug)]
pub(super) struct Gate {
    quietest_dbfs: f32,
    above_background_db: f32,
    memory: u64,
    /// Position and dBFS of each window in memory, oldest first.
    levels: VecDeque<(u64, f32)>,
    /// The same levels, quietest first.
    sorted: Vec<f32>,
}

/// One window in so many may be quieter than the background: with fewer, the digital silence of a lost
/// packet would make any noise stand out; with more, the soft parts of fluent speech would count as
/// background, and the ends of its sentences with them.
const BACKGROUND_SHARE: usize = 40;

/// The level of digital silence, where a logarithm has none. Below what 16 bits can say.
const SILENT_DBFS: f32 = -100.0;

impl Gate {
    /// `memory` is in samples.
    pub(super) fn new(quietest_dbfs: f32, above_background_db: f32, memory: u64) -> Self {
        Self {
            quietest_dbfs,
            above_background_db,
            memory,
            levels: VecDeque::new(),
            sorted: Vec::new(),
        }
    }

    /// Whether a window that ends at `end` stands out, from silence or within speech. Windows come in
    /// order.
    pub(super) fn admits(&mut self, end: u64, window: &[i16], speaking: bool) -> bool {
        let level = level_dbfs(window);
        self.levels.push_back((end, level));
        let at = self.rank(level);
        self.sorted.insert(at, level);
        let horizon = end.saturating_sub(self.memory);
        while let Some(&(at, old)) = self.levels.front()
            && at < horizon
        {
            self.levels.pop_front();
            let at = self.rank(old);
            self.sorted.remove(at);
        }
        // The window itself is there, so there is one. What was before the call is not known: a call
        // may begin in the middle of a noise, and that must not pass for speech.
        let background = self.sorted[self.sorted.len() / BACKGROUND_SHARE];
        // Within speech half the margin is enough: sounds trail off, and their ends are wanted.
        let margin = self.above_background_db * if speaking { 0.5 } else { 1.0 };
        level >= self.quietest_dbfs && level >= background + margin
    }

    pub(super) fn reset(&mut self) {
        self.levels.clear();
        self.sorted.clear();
    }

    fn rank(&self, level: f32) -> usize {
        self.sorted.partition_point(|&other| other < level)
    }
}

/// The mean power of a window, where 0 dBFS is a square wave of full scale.
fn level_dbfs(window: &[i16]) -> f32 {
    if window.is_empty() {
        return SILENT_DBFS;
    }
    let energy: i64 = window.iter().map(|&sample| i64::from(sample) * i64::from(sample)).sum();
    let power = energy as f64 / window.len() as f64 / (32768.0 * 32768.0);
    if power > 0.0 { (10.0 * power.log10()) as f32 } else { SILENT_DBFS }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_are_relative_to_full_scale() {
        assert_eq!(level_dbfs(&[0; 160]), SILENT_DBFS);
        assert!(level_dbfs(&[-32768; 160]).abs() < 0.01);
        let half: Vec<i16> = (0..160).map(|i| if i % 2 == 0 { 16384 } else { -16384 }).collect();
        assert!((level_dbfs(&half) + 6.02).abs() < 0.01);
    }

    /// Feeds windows of a second's memory, and counts those admitted.
    fn admitted(gate: &mut Gate, at: &mut u64, sample: i16, windows: usize) -> usize {
        let mut admitted = 0;
        for _ in 0..windows {
            *at += 160;
            admitted += usize::from(gate.admits(*at, &[sample; 160], false));
        }
        admitted
    }

    #[test]
    fn what_stays_at_one_level_becomes_background() {
        let (mut gate, mut at) = (Gate::new(-55.0, 6.0, 8000), 0);
        assert_eq!(admitted(&mut gate, &mut at, 100, 50), 0, "noise from the start");
        // Admitted while the memory of 50 windows holds more than one of what was before.
        assert_eq!(admitted(&mut gate, &mut at, 8000, 200), 49);
        assert_eq!(admitted(&mut gate, &mut at, 100, 50), 0);
        assert_eq!(admitted(&mut gate, &mut at, 8000, 20), 20, "it stands out once more");
    }

    #[test]
    fn a_lost_packet_does_not_make_noise_stand_out() {
        let (mut gate, mut at) = (Gate::new(-55.0, 6.0, 8000), 0);
        admitted(&mut gate, &mut at, 1000, 50);
        admitted(&mut gate, &mut at, 0, 1);
        assert_eq!(admitted(&mut gate, &mut at, 1000, 50), 0);
    }

    #[test]
    fn what_is_too_quiet_does_not_stand_out_of_silence() {
        let (mut gate, mut at) = (Gate::new(-55.0, 6.0, 8000), 0);
        admitted(&mut gate, &mut at, 0, 50);
        assert_eq!(admitted(&mut gate, &mut at, 40, 5), 0, "-58 dBFS");
        assert_eq!(admitted(&mut gate, &mut at, 80, 5), 5, "-52 dBFS");
    }
}
