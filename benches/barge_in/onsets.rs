//! How soon a caller who speaks stops the agent: every recording, at every level, on quiet and noisy
//! lines.
//!
//! Counted from two places of the clean recording, in both of which no VAD has a part: its first sound,
//! and its first voiced frame. The first may be an "s" or a breath below the line's noise; the second is
//! what a listener would call the beginning of the voice.

use fixtures::spelling::{errors, words};

use crate::{
    BREATH_MS, Ear,
    call::{Setup, play, recognised},
    clear_after,
    line::PER_MS,
    people, percentile, place, sayings,
    sound::{COMMON_DBFS, Line, first_voiced, levelled, onset, pink},
};

/// From the first sound, and so from the first voiced frame, to the order to clear, 95 of 100, ms.
const PROMISED_P95: u64 = 200;
/// It is promised where so many of a hundred words are understood when the agent is silent.
const UNDERSTOOD_PERCENT: f64 = 70.0;
/// Levels of an interruption against a caller of common loudness, dB.
const LEVELS: [f32; 5] = [0.0, -6.0, -12.0, -18.0, -24.0];
/// Pink noise against the same, dB.
const NOISES: [Option<f32>; 3] = [None, Some(-20.0), Some(-10.0)];

/// The line's name in tables.
pub fn name(noise: Option<f32>) -> String {
    noise.map_or("quiet".to_owned(), |noise| format!("pink noise at {noise:+} dB"))
}

/// A line of so many ms before anybody speaks.
pub fn background(noise: Option<f32>, ms: usize, seed: u64) -> Line {
    let mut line = Line::quiet(ms, seed);
    if let Some(noise) = noise {
        line.add_from(&pink(ms, COMMON_DBFS + noise, seed), 0);
    }
    line
}

/// Of a hundred words, how many does the recogniser understand here when the agent is silent? `None`
/// without a recogniser.
async fn understood(ear: &Ear, noise: Option<f32>, level: f32) -> Option<f64> {
    ear.setup.stt.as_ref()?;
    let (mut all, mut wrong) = (0, 0);
    for (nth, person) in sayings().iter().enumerate() {
        let voice = levelled(&person.samples_8k(), COMMON_DBFS + level);
        let mut line = background(noise, 1_500 + voice.len() / PER_MS, nth as u64);
        let heard = recognised(&ear.setup, &line.add(&voice, 700).coded()).await;
        let meant = words(&person.transcript);
        all += meant.len();
        wrong += errors(&meant, &words(&heard)).min(meant.len());
    }
    Some(100.0 * (all - wrong) as f64 / all.max(1) as f64)
}

/// False if the promise is broken where it is given.
pub async fn onsets(ear: &Ear) -> bool {
    let setup = Setup { stt: None, ..ear.setup.clone() };
    println!("Onset to clear, ms: {} recordings, each at every level.\n", people().len());
    println!(
        "| line | level dB | understood | from the first sound: p50 | p95 | from the first voiced frame: p50 | p95 | most | missed | too soon |"
    );
    println!("|---|---|---|---|---|---|---|---|---|---|");
    let mut kept = true;
    for noise in NOISES {
        for level in LEVELS {
            if noise.is_some_and(|noise| noise + 6.0 > level) {
                // Hardly a person would be understood.
                continue;
            }
            let (mut sound, mut voiced, mut missed, mut soon) = (Vec::new(), Vec::new(), 0, 0);
            for (nth, person) in people().iter().enumerate() {
                let at = place(nth);
                let voice = levelled(&person.samples_8k(), COMMON_DBFS + level);
                let voice = &voice[..voice.len().min(12_000)];
                let later = first_voiced(voice).saturating_sub(onset(voice)) / PER_MS;
                let caller = background(noise, at + 1_600, nth as u64).add(voice, at).coded();
                let outcome = play(setup.clone(), &caller).await;
                let held =
                    outcome.clears.iter().filter(|clear| **clear + BREATH_MS < at as u64).count();
                let given = outcome.releases.iter().filter(|at_| **at_ < at as u64).count();
                soon += held;
                match clear_after(&outcome, at) {
                    Some(ms) if ms <= 1_000 => {
                        sound.push(ms);
                        voiced.push(ms.saturating_sub(later as u64));
                    }
                    // The agent was silent already, for something before.
                    _ if held > given => {}
                    _ => missed += 1,
                }
            }
            sound.sort_unstable();
            voiced.sort_unstable();
            let understood = understood(ear, noise, level).await;
            let covered = understood.map_or(level >= -18.0, |words| words >= UNDERSTOOD_PERCENT);
            println!(
                "| {} | {level:+} | {}{} | {} | {} | {} | {} | {} | {missed} | {soon} |",
                name(noise),
                understood.map_or("-".to_owned(), |words| format!("{words:.0} %")),
                if covered { "" } else { ", not promised" },
                percentile(&sound, 50),
                percentile(&sound, 95),
                percentile(&voiced, 50),
                percentile(&voiced, 95),
                voiced.last().copied().unwrap_or_default(),
            );
            kept &= !covered || percentile(&sound, 95) <= PROMISED_P95 && missed == 0;
        }
    }
    println!();
    kept
}
