//! Promise: a caller who speaks stops the agent within 200 ms, and one who coughs does not end its say.
//!
//! The agent talks; recorded people interrupt, cough and hum, and there are noises and a loudspeaker,
//! each at known places and levels. The real VADs, the real conversation machine, the real playout and,
//! where models are, the real recogniser take part; carrier, model and time are played.
//! `cargo bench --bench barge_in` prints the tables of `docs/barge-in.md`. Exit 1 if a promise is broken.
//! Other settings, after `--`: `--start-ms=90`, `--voice-for=700`; `--without-words` is quicker, as the
//! recogniser works in real time; `--pace=4` gives it four times as long, on a machine that is busy with other
//! things; `--only=onsets,sounds,loudspeakers,interruptions` leaves tables out, and
//! `--show` prints what was made of the sounds that took the floor.

mod call;
mod line;
mod onsets;
mod sound;

use std::{process::ExitCode, sync::Arc, time::Duration};

use call::{Judge, Loudspeaker, Outcome, Setup, Voice, play, recognised};
use fixtures::{
    Recording, Speaker,
    spelling::{errors, words},
};
use futures_util::{StreamExt, stream};
use line::PER_MS;
use media::vad::{Policy as VadPolicy, WebRtcMode, WebRtcVad};
use sound::{COMMON_DBFS, Chance, Line, babble, levelled, pink};
use vendors::{
    Stt,
    local::{
        Local, LocalOptions,
        models::{self, Models, Part},
        vad::SileroVad,
    },
};

/// Calls with the recogniser at once: as many as it has threads.
const AT_ONCE: usize = 2;
/// The call goes on so long after the last sound.
const AFTER_MS: usize = 3_500;
/// A breath or a soft sound before the first voiced frame, at most.
const BREATH_MS: u64 = 400;

/// A kind of ear: a VAD and, with it, perhaps a recogniser.
struct Ear {
    name: &'static str,
    setup: Setup,
}

fn main() -> ExitCode {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime can be made");
    runtime.block_on(async {
        let mut kept = true;
        for ear in ears() {
            println!("\n## {}\n", ear.name);
            let wanted =
                |table: &str| only().is_none_or(|only| only.split(',').any(|one| one == table));
            if wanted("onsets") {
                kept &= onsets::onsets(&ear).await;
            }
            if wanted("sounds") {
                sounds(&ear).await;
            }
            if wanted("loudspeakers") {
                loudspeakers(&ear).await;
            }
            if ear.setup.stt.is_some() && wanted("interruptions") {
                kept &= interruptions(&ear).await;
            }
        }
        if kept { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    })
}

fn ears() -> Vec<Ear> {
    let webrtc = Judge::new(WebRtcVad::new(WebRtcMode::VeryAggressive));
    let mut vad = VadPolicy::default();
    let mut policy = turn::Policy::default();
    if let Some(ms) = argument("--start-ms=") {
        vad.start_ms = ms;
    }
    if let Some(ms) = argument("--voice-for=") {
        policy.barge_in.voice_for = Duration::from_millis(ms.into());
    }
    println!(
        "voice that begins after {} ms, takes the floor after {:?}",
        vad.start_ms, policy.barge_in.voice_for
    );
    let setup = |judge, stt| Setup {
        judge,
        vad: vad.clone(),
        stt,
        voice: Voice::default(),
        policy: policy.clone(),
        loudspeaker: None,
        guarded: true,
        pace: argument("--pace=").unwrap_or(1).max(1),
    };
    let mut ears = Vec::new();
    let mut stt: Option<Arc<dyn Stt>> = None;
    match models::for_tests() {
        Some(dir) => {
            let options = LocalOptions { threads: Some(AT_ONCE) };
            let local = Local::open_parts(&dir, &options, &[Part::Stt]).expect("the models load");
            stt = std::env::args().all(|one| one != "--without-words").then(|| local.stt());
            let silero = SileroVad::open(&Models::locate(dir)).expect("the model loads");
            ears.push(Ear { name: "Silero", setup: setup(Judge::new(silero), stt.clone()) });
        }
        None => println!("no models: only WebRTC's VAD is measured, and without a recogniser"),
    }
    ears.push(Ear { name: "WebRTC", setup: setup(webrtc, stt) });
    ears
}

/// The tables that are wanted, if not all: `--only=sounds,onsets`.
fn only() -> Option<String> {
    std::env::args().find_map(|one| one.strip_prefix("--only=").map(str::to_owned))
}

/// A number that was given on the command line.
fn argument(name: &str) -> Option<u32> {
    std::env::args().find_map(|one| one.strip_prefix(name)?.parse().ok())
}

fn percentile(sorted: &[u64], percent: usize) -> u64 {
    sorted.get((sorted.len().max(1) - 1) * percent / 100).copied().unwrap_or_default()
}

fn cell(value: Option<u64>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| value.to_string())
}

/// People whose words are known, in the order of the sets.
fn people() -> Vec<Recording> {
    ["pocketsphinx", "librivox", "asterisk"]
        .into_iter()
        .flat_map(fixtures::set)
        .filter(|one| one.speaker == Speaker::Human && !one.transcript.is_empty())
        .collect()
}

/// What is said as an interruption where words are counted.
fn sayings() -> Vec<Recording> {
    fixtures::set("callers")
        .into_iter()
        .filter(|one| !one.transcript.is_empty())
        .chain(fixtures::set("librivox"))
        .chain(fixtures::set("asterisk").into_iter().take(7))
        .collect()
}

/// When a sound is put into call number `nth`: at another place of the agent's say each time.
fn place(nth: usize) -> usize {
    2_500 + Chance::new(nth as u64 + 11).below(3_000)
}

/// From an onset to the order to clear. A breath before it may already be heard; that counts as 0.
fn clear_after(outcome: &Outcome, at_ms: usize) -> Option<u64> {
    let at = at_ms as u64;
    let clear = outcome.clears.iter().find(|clear| **clear + BREATH_MS >= at)?;
    Some(clear.saturating_sub(at))
}

/// A call with one sound in it.
struct Scene {
    /// The row of the table that it counts for, and what it is of it.
    row: String,
    name: String,
    at: usize,
    caller: Vec<i16>,
}

/// What callers do without wanting the floor.
fn unwanted() -> Vec<Scene> {
    let mut scenes = Vec::new();
    let mut nth = 100;
    let mut add = |row: String, name: &str, sound: &[i16], from_start: bool| {
        nth += 1;
        let at = place(nth);
        let mut line = Line::quiet(at + sound.len() / PER_MS + AFTER_MS, nth as u64);
        if from_start {
            line.add_from(sound, at)
        } else {
            line.add(sound, at)
        };
        scenes.push(Scene { row, name: name.to_owned(), at, caller: line.coded() });
    };
    for level in [0.0, -12.0] {
        for sound in fixtures::set("sounds").into_iter().chain(fixtures::set("listening")) {
            let kind = match sound.transcript.as_str() {
                "" => "cough",
                "Mm-hm." => "\"mm-hm\"",
                "Uh-huh." => "\"uh-huh\"",
                _ => "\"hmm\"",
            };
            let samples = levelled(&sound.samples_8k(), COMMON_DBFS + level);
            add(format!("{kind}, {level:+} dB"), &sound.name, &samples, false);
        }
        let burst = fixtures::recording("callers/noise").samples_8k();
        add(
            format!("burst of noise, {level:+} dB"),
            "burst",
            &levelled(&burst, COMMON_DBFS + level),
            false,
        );
    }
    for level in [-10.0, -20.0, -30.0] {
        for seed in 0..3 {
            let row = |what: &str| format!("{what}, {level:+} dB");
            add(row("pink noise for 4 s"), "pink", &pink(4_000, COMMON_DBFS + level, seed), true);
            add(row("babble for 4 s"), "babble", &babble(4_000, COMMON_DBFS + level, seed), true);
        }
    }
    scenes
}

/// Counts of a row.
#[derive(Default)]
struct Row {
    calls: usize,
    stopped: usize,
    taken: usize,
    pauses: Vec<u64>,
    /// ms of the agent's that came twice, and that were never heard.
    repeated: Vec<u64>,
    lost: Vec<u64>,
}

impl Row {
    fn add(&mut self, at: usize, outcome: &Outcome) {
        self.calls += 1;
        self.stopped += usize::from(clear_after(outcome, at).is_some());
        self.taken += usize::from(outcome.taken.iter().any(|taken| *taken >= at as u64));
        for pair in outcome.heard.windows(2) {
            let [before, after] = pair else { continue };
            if before.key != after.key || before.ended == after.began && before.to == after.from {
                continue;
            }
            self.pauses.push(after.began - before.ended);
            self.repeated.push((before.to.saturating_sub(after.from) / PER_MS) as u64);
            self.lost.push((after.from.saturating_sub(before.to) / PER_MS) as u64);
        }
    }
}

/// Plays scenes, as many at once as there are threads for the recogniser.
async fn play_all(setup: &Setup, scenes: Vec<Scene>) -> Vec<(Scene, Outcome)> {
    // A VAD is one call's at a time; each of those at once has its own.
    let setups: Vec<Setup> =
        (0..AT_ONCE)
            .map(|nth| {
                if nth == 0 {
                    setup.clone()
                } else {
                    Setup { judge: fresh(setup), ..setup.clone() }
                }
            })
            .collect();
    let mut lanes: Vec<Vec<(usize, Scene)>> = (0..AT_ONCE).map(|_| Vec::new()).collect();
    for (nth, scene) in scenes.into_iter().enumerate() {
        lanes[nth % AT_ONCE].push((nth, scene));
    }
    let played = stream::iter(setups.into_iter().zip(lanes)).map(|(setup, lane)| async move {
        let mut played = Vec::new();
        for (nth, scene) in lane {
            let outcome = play(setup.clone(), &scene.caller).await;
            played.push((nth, scene, outcome));
        }
        played
    });
    let played: Vec<_> = played.buffer_unordered(AT_ONCE).collect().await;
    let mut played: Vec<_> = played.into_iter().flatten().collect();
    played.sort_by_key(|(nth, ..)| *nth);
    played.into_iter().map(|(_, scene, outcome)| (scene, outcome)).collect()
}

/// Another VAD of the same kind.
fn fresh(setup: &Setup) -> Judge {
    use media::vad::Vad as _;
    if setup.judge.window() == media::frame::FRAME_SAMPLES {
        return Judge::new(WebRtcVad::new(WebRtcMode::VeryAggressive));
    }
    let dir = models::for_tests().expect("they were there a moment ago");
    Judge::new(SileroVad::open(&Models::locate(dir)).expect("the model loads"))
}

async fn sounds(ear: &Ear) {
    println!(
        "Sounds that do not want the floor. Pause, repeated and lost: ms of the agent's speech.\n"
    );
    println!(
        "| sound | calls | stopped | took the floor | pause p50 / most | repeated, most | lost, most |"
    );
    println!("|---|---|---|---|---|---|---|");
    let mut rows: Vec<(String, Row)> = Vec::new();
    for (scene, outcome) in play_all(&ear.setup, unwanted()).await {
        let place = rows.iter().position(|(name, _)| *name == scene.row).unwrap_or_else(|| {
            rows.push((scene.row.clone(), Row::default()));
            rows.len() - 1
        });
        rows[place].1.add(scene.at, &outcome);
        let taken = outcome.taken.iter().any(|taken| *taken >= scene.at as u64);
        if taken && std::env::args().any(|one| one == "--show") {
            println!("<!-- {} ({}): {:?} -->", scene.name, scene.row, outcome.understood);
        }
    }
    for (name, mut row) in rows {
        row.pauses.sort_unstable();
        let most = |all: &[u64]| cell(all.iter().max().copied());
        let p50 = cell((!row.pauses.is_empty()).then(|| percentile(&row.pauses, 50)));
        println!(
            "| {name} | {} | {} | {} | {p50} / {} | {} | {} |",
            row.calls,
            row.stopped,
            row.taken,
            most(&row.pauses),
            most(&row.repeated),
            most(&row.lost)
        );
    }
    println!();
}

/// The agent's own voice comes back; and somebody interrupts meanwhile.
async fn loudspeakers(ear: &Ear) {
    println!(
        "A loudspeaker, 180 ms away: stops in 12 s of the agent's speech, and interruptions.\n"
    );
    println!("| echo | guard | stops | taken | interruptions: p50 | p95 | missed |");
    println!("|---|---|---|---|---|---|---|");
    for loss_db in [10.0, 18.0, 26.0] {
        for guarded in [false, true] {
            let loudspeaker = Some(Loudspeaker { delay_ms: 180, loss_db });
            let setup = Setup { stt: None, loudspeaker, guarded, ..ear.setup.clone() };
            let alone = play(setup.clone(), &Line::quiet(12_000, 1).coded()).await;
            let (mut after, mut missed) = (Vec::new(), 0);
            for (nth, person) in people().iter().take(24).enumerate() {
                let at = 4_000 + Chance::new(nth as u64).below(3_000);
                let voice = levelled(&person.samples_8k(), COMMON_DBFS);
                let mut line = Line::quiet(at + 1_600, nth as u64);
                let outcome = play(setup.clone(), &line.add(&voice, at).coded()).await;
                match clear_after(&outcome, at) {
                    Some(ms) if ms <= 1_000 => after.push(ms),
                    _ => missed += 1,
                }
            }
            after.sort_unstable();
            println!(
                "| {loss_db} dB softer | {} | {} | {} | {} | {} | {missed} |",
                if guarded { "on" } else { "off" },
                alone.clears.len(),
                alone.taken.len(),
                percentile(&after, 50),
                percentile(&after, 95),
            );
        }
    }
    println!();
}

/// Interruptions in words: are all of them understood?
async fn interruptions(ear: &Ear) -> bool {
    println!("Interruptions: errors in words, beside those in the same audio without an agent.\n");
    println!(
        "| line | level dB | calls | onset to clear p50 / p95 | took the floor | words | errors | without agent | more |"
    );
    println!("|---|---|---|---|---|---|---|---|---|");
    let mut kept = true;
    let people = sayings();
    let conditions = [
        (None, 0.0),
        (None, -12.0),
        (None, -24.0),
        (Some(-20.0), 0.0),
        (Some(-20.0), -6.0),
        (Some(-10.0), 0.0),
    ];
    for (noise, level) in conditions {
        let scenes = people.iter().enumerate().map(|(nth, person)| {
            let at = place(nth + 50);
            let voice = levelled(&person.samples_8k(), COMMON_DBFS + level);
            let ms = at + voice.len() / PER_MS + AFTER_MS;
            let mut line = onsets::background(noise, ms, nth as u64);
            let caller = line.add(&voice, at).coded();
            Scene { row: person.transcript.clone(), name: person.name.clone(), at, caller }
        });
        let played = play_all(&ear.setup, scenes.collect()).await;
        let (mut all, mut wrong, mut wrong_alone, mut more, mut taken) = (0, 0, 0, 0, 0);
        let mut after = Vec::new();
        for (scene, outcome) in &played {
            let meant = words(&scene.row);
            let heard = errors(&meant, &words(&outcome.said));
            let alone = errors(&meant, &words(&recognised(&ear.setup, &scene.caller).await));
            all += meant.len();
            wrong += heard;
            wrong_alone += alone;
            more += heard.saturating_sub(alone);
            if heard > alone {
                println!("<!-- {} / {} -->", scene.row, outcome.said.trim());
            }
            taken += usize::from(outcome.taken.iter().any(|taken| *taken >= scene.at as u64));
            after.extend(clear_after(outcome, scene.at));
        }
        after.sort_unstable();
        println!(
            "| {} | {level:+} | {} | {} / {} | {taken} | {all} | {wrong} | {wrong_alone} | {more} |",
            onsets::name(noise),
            played.len(),
            percentile(&after, 50),
            percentile(&after, 95),
        );
        let covered = wrong_alone * 10 <= all;
        kept &= !covered || taken == played.len() && more == 0;
    }
    println!();
    kept
}
