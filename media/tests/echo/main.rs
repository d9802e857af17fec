//! The echo guard on recorded people over lines that return what is said on them.
//!
//! What it gets right is printed: `cargo test -p media --test echo -- --nocapture`.

mod line;

use line::{Chance, Echo, levelled, mixed, placed, rms};
use media::echo::Guard;

const RATE: usize = 8_000;
const FRAME: usize = 160;
/// Calls of each kind.
const CALLS: u64 = 24;
/// Line noise, dBFS.
const NOISE: f32 = -62.0;
/// Louder than that, as an amplitude: a frame with a sound in it.
const SOUNDS: f32 = 58.0;

/// An agent that says sentence after sentence, from half a second on.
fn agent(seed: u64, seconds: usize) -> Vec<i16> {
    let mut chance = Chance::new(seed);
    let set = fixtures::set(if seed.is_multiple_of(3) { "librivox" } else { "asterisk" });
    let mut out = vec![0; RATE / 2];
    while out.len() < seconds * RATE {
        out.extend(levelled(&set[chance.below(set.len())].samples_8k(), -18.0));
        out.extend(vec![0; 800 + chance.below(4_000)]);
    }
    out.truncate(seconds * RATE);
    out
}

/// Somebody else, from the first sound on.
fn caller(seed: u64) -> Vec<i16> {
    let mut set = fixtures::set("pocketsphinx");
    set.extend(fixtures::set("librivox"));
    set.extend(fixtures::set("callers").into_iter().filter(|one| !one.transcript.is_empty()));
    let samples = set[Chance::new(seed ^ 0xABC).below(set.len())].samples_8k();
    let peak = samples.iter().map(|sample| sample.unsigned_abs()).max().unwrap();
    let onset = samples.iter().position(|sample| sample.unsigned_abs() > peak / 20).unwrap();
    samples[onset..].to_vec()
}

fn an_echo(seed: u64, losses: std::ops::Range<usize>) -> Echo {
    let mut chance = Chance::new(seed + 1_000);
    Echo {
        delay_ms: 50 + chance.below(450),
        loss_db: (losses.start + chance.below(losses.len())) as f32,
        room_ms: [0, 100, 200, 300][chance.below(4)],
        seed,
    }
}

/// The most that the ledger is off, samples: 30 ms, the way to a carrier.
const OFF: usize = 240;

/// Plays both sides to a guard, which is told about where the agent sounds: the error changes every
/// second, by up to [`OFF`] either way.
fn listen(agent: &[i16], near: &[i16], seed: u64, mut each: impl FnMut(usize, &Guard)) -> Guard {
    let mut guard = Guard::default();
    let mut chance = Chance::new(seed ^ 77);
    let mut off = 0;
    for (frame, caller) in near.chunks_exact(FRAME).enumerate() {
        if frame % 50 == 0 {
            off = chance.below(2 * OFF + 1);
        }
        let told: Vec<i16> = (frame * FRAME..(frame + 1) * FRAME)
            .map(|place| (place + off).checked_sub(OFF).and_then(|place| agent.get(place)).copied())
            .map(Option::unwrap_or_default)
            .collect();
        guard.push(&told, caller);
        each(frame, &guard);
    }
    guard
}

/// Judgements of the last `ms` wherever `voice` has sounded for as long; the first of each stretch
/// apart.
#[derive(Default)]
struct Judged {
    all: Vec<f32>,
    onsets: Vec<f32>,
}

impl Judged {
    fn add(&mut self, ms: usize, voice: &[i16], frame: usize, guard: &Guard) {
        let frames = ms / 20;
        if frame + 1 < frames {
            return;
        }
        let sounds = |frame: usize| {
            rms(&voice[frame * FRAME..((frame + 1) * FRAME).min(voice.len())]) > SOUNDS
        };
        if (frame + 1 - frames..=frame).all(sounds)
            && let Some(likeness) = guard.judge(ms as u32)
        {
            self.all.push(likeness);
            if frame >= frames && !sounds(frame - frames) {
                self.onsets.push(likeness);
            }
        }
    }

    /// The share that is held to be echo.
    fn echo(all: &[f32]) -> f32 {
        all.iter().filter(|likeness| **likeness >= 0.5).count() as f32 / all.len().max(1) as f32
    }

    fn print(&self, what: &str, ms: usize) -> f32 {
        let (all, onsets) = (Self::echo(&self.all), Self::echo(&self.onsets));
        println!(
            "{what:<34} {ms:>4} ms  {:>5.1} % of {:<5} taken for echo; {:>5.1} % of {} onsets",
            100.0 * all,
            self.all.len(),
            100.0 * onsets,
            self.onsets.len(),
        );
        all
    }
}

#[test]
fn our_own_voice_is_recognised_soft_late_and_coloured() {
    for ms in [60, 120, 240, 500] {
        let (mut first, mut later) = (Judged::default(), Judged::default());
        for seed in 0..CALLS {
            let (echo, agent) = (an_echo(seed, 6..31), agent(seed, 12));
            let near = mixed(&echo.of(&agent), &[], NOISE, seed);
            listen(&agent, &near, seed, |frame, guard| {
                let judged = if guard.path().is_some() { &mut later } else { &mut first };
                judged.add(ms, &near, frame, guard);
            });
        }
        let unknown = first.print("echo, its way not known yet", ms);
        let known = later.print("echo, its way known", ms);
        assert!(unknown >= 0.85, "{unknown}");
        assert!(known >= 0.96, "{known}");
    }
}

#[test]
fn the_delay_and_the_loss_are_learnt_in_a_few_sentences() {
    for seed in 0..CALLS {
        let (echo, agent) = (an_echo(seed, 6..26), agent(seed, 12));
        let near = mixed(&echo.of(&agent), &[], NOISE, seed);
        let mut known_at = None;
        let guard = listen(&agent, &near, seed, |frame, guard| {
            known_at = known_at.or_else(|| guard.path().map(|_| frame * 20));
        });
        let path = guard.path().unwrap_or_else(|| panic!("{echo:?} was not found"));
        // The ledger's error is within.
        assert!(path.delay_ms.abs_diff(echo.delay_ms as u32) <= 40, "{echo:?} {path:?}");
        assert!((path.return_loss_db - echo.loss_db).abs() < 7.0, "{echo:?} {path:?}");
        // Half a second of silence and the delay are in it. A soft echo takes longer.
        let within = if echo.loss_db < 20.0 { 3_500 } else { 8_000 };
        assert!(known_at.unwrap() <= within, "{echo:?} at {known_at:?}");
    }
}

#[test]
fn a_caller_without_echo_is_never_taken_for_it() {
    for ms in [60, 120, 240, 500] {
        let mut judged = Judged::default();
        for seed in 0..CALLS {
            let agent = agent(seed, 12);
            let mut chance = Chance::new(seed + 3_000);
            let level = -20.0 - chance.below(20) as f32;
            let voice = levelled(&caller(seed), level);
            let voice = placed(&voice, RATE + chance.below(5 * RATE), agent.len());
            let near = mixed(&[], &voice, NOISE, seed);
            let guard = listen(&agent, &near, seed, |frame, guard| {
                judged.add(ms, &voice, frame, guard);
            });
            assert_eq!(guard.path(), None, "call {seed}");
        }
        let taken = judged.print("caller over the agent, no echo", ms);
        assert!(taken <= 0.01, "{taken}");
        assert_eq!(Judged::echo(&judged.onsets), 0.0);
    }
}

#[test]
fn a_caller_who_speaks_while_the_agent_is_silent_is_no_echo_at_all() {
    for seed in 0..CALLS {
        // The agent has spoken, with an echo, and is silent now.
        let (echo, said) = (an_echo(seed, 6..20), agent(seed, 6));
        let length = said.len() + 6 * RATE;
        let agent = placed(&said, 0, length);
        let voice = placed(&levelled(&caller(seed), -24.0), said.len() + 2 * RATE, length);
        let near = mixed(&echo.of(&agent), &voice, NOISE, seed);
        let mut judged = Judged::default();
        listen(&agent, &near, seed, |frame, guard| judged.add(60, &voice, frame, guard));
        assert!(!judged.all.is_empty());
        assert!(judged.all.iter().all(|likeness| *likeness == 0.0), "call {seed}");
    }
}

#[test]
fn a_caller_who_speaks_over_the_echo_is_heard() {
    // The caller's level against the echo's, and the most that may be taken for echo.
    for (over_db, within) in [
        (-6.0, [0.45, 0.35, 0.25]),
        (0.0, [0.30, 0.15, 0.06]),
        (6.0, [0.18, 0.10, 0.05]),
        (12.0, [0.12, 0.08, 0.05]),
    ] {
        for (ms, most) in [60, 120, 240].into_iter().zip(within) {
            let mut judged = Judged::default();
            for seed in 0..CALLS {
                let (echo, agent) = (an_echo(seed + 5_000, 12..25), agent(seed, 12));
                let voice = levelled(&caller(seed), -18.0 - echo.loss_db + over_db);
                let at = 5 * RATE + Chance::new(seed + 7).below(2 * RATE);
                let voice = placed(&voice, at, agent.len());
                let near = mixed(&echo.of(&agent), &voice, NOISE, seed);
                listen(&agent, &near, seed, |frame, guard| judged.add(ms, &voice, frame, guard));
            }
            let taken = judged.print(&format!("caller {over_db:+} dB over echo"), ms);
            assert!(taken <= most, "{over_db} {ms} {taken}");
        }
    }
}

#[test]
fn a_way_that_grows_longer_is_followed_for_minutes() {
    // From 200 to 320 ms in two minutes: a jitter buffer, or clocks that differ by 1 in 1,000.
    let agent = agent(4, 120);
    let mut near = Vec::with_capacity(agent.len());
    for part in 0..12 {
        let echo = Echo { delay_ms: 200 + 10 * part, loss_db: 18.0, room_ms: 100, seed: 9 };
        let sounding = echo.of(&agent);
        near.extend_from_slice(&sounding[part * 10 * RATE..(part + 1) * 10 * RATE]);
    }
    let near = mixed(&near, &[], NOISE, 4);
    let mut judged = Judged::default();
    let guard = listen(&agent, &near, 4, |frame, guard| {
        if frame > 150 {
            judged.add(240, &near, frame, guard);
        }
    });
    assert!(judged.print("echo whose delay drifts", 240) >= 0.95);
    let delay = guard.path().unwrap().delay_ms;
    assert!(delay.abs_diff(310) <= 40, "{delay}");
}

#[test]
fn an_echo_that_has_gone_is_forgotten() {
    let mut judged = Judged::default();
    for seed in 0..8 {
        let (echo, agent) = (an_echo(seed, 10..20), agent(seed, 24));
        let mut sounding = echo.of(&agent);
        sounding[10 * RATE..].fill(0.0);
        let voice = placed(&levelled(&caller(seed), -30.0), 20 * RATE, agent.len());
        let near = mixed(&sounding, &voice, NOISE, seed);
        listen(&agent, &near, seed, |frame, guard| {
            if frame == 10 * 50 || frame == 20 * 50 {
                assert_eq!(guard.path().is_some(), frame == 10 * 50, "call {seed}");
            }
            judged.add(120, &voice, frame, guard);
        });
    }
    assert!(judged.print("caller, after an echo went", 120) <= 0.02);
}

#[test]
fn silence_is_neither() {
    let mut guard = Guard::default();
    assert_eq!(guard.judge(500), None);
    guard.push(&agent(1, 3), &[]);
    assert_eq!(guard.judge(500), None);
    assert_eq!(guard.judge(0), None);
    assert_eq!(guard.path(), None);
}

#[test]
fn audio_may_come_in_any_pieces() {
    let (agent, echo) = (agent(2, 6), an_echo(2, 10..20));
    let near = mixed(&echo.of(&agent), &[], NOISE, 2);
    let (mut whole, mut pieces) = (Guard::default(), Guard::default());
    whole.push(&agent, &near);
    for (agent, near) in agent.chunks(37).zip(near.chunks(37)) {
        pieces.push(agent, near);
    }
    assert_eq!(whole.judge(240), pieces.judge(240));
    assert_eq!(whole.path(), pieces.path());
    assert_eq!(whole.position(), agent.len() as u64);
}
