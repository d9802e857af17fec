//! Promise: a supervisor's pause amid the agent's words is heard within 100 ms of being asked for, and its
//! 200 comes when it is true.
//!
//! Many calls at once, whose agents talk without end; each is paused over the API at drawn moments and told
//! to go on. Gateway, control plane (SQLite), vendors, supervisors and the carrier, whose playout is the
//! caller's ear, are in this process, and nothing is between them but loopback. Exit 1 if the promise is
//! broken where 20 calls are up.

#[path = "../tests/calls/floor.rs"]
#[allow(dead_code)]
mod floor;
#[path = "../tests/calls/line.rs"]
#[allow(dead_code)]
mod line;
#[path = "../tests/calls/paused.rs"]
#[allow(dead_code)]
mod paused;

use std::{
    process::ExitCode,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use floor::{Floor, SOON};
use line::Setup;
use paused::{Caller, Chance, Coded, PER_MS, word};
use tokio::sync::Barrier;
use vendors::played::{Pace, deepgram, openai};

/// Pauses of each measurement.
const PAUSES: usize = 500;
/// How long each lasts.
const LASTS: usize = 400 * PER_MS;
/// Sentences of a reply: minutes of words.
const SENTENCES: usize = 60;

/// What came of the pauses, ms.
#[derive(Default)]
struct Measured {
    /// From the request to the last sample that was heard.
    silent: Vec<f64>,
    /// From the request to its answer.
    answered: Vec<f64>,
    /// What was heard after the answer.
    after: Vec<f64>,
    /// From the request to go on to the first sample that was heard.
    speaks: Vec<f64>,
    /// Lost or said again where it went on.
    seam: Vec<f64>,
}

fn main() -> ExitCode {
    let measured = std::env::args().any(|argument| argument == "--bench");
    let runtime = tokio::runtime::Runtime::new().expect("a runtime can be made");
    let sizes: &[usize] = if measured { &[1, 20, 100] } else { &[2] };
    let mut kept = true;
    for calls in sizes {
        let pauses = if measured { PAUSES.min(calls * 50) } else { 4 };
        let all = runtime.block_on(measure(*calls, pauses / calls));
        println!("\n{calls} calls, {} pauses; ms", all.silent.len());
        println!("{:34} {:>7} {:>7} {:>7} {:>7}", "", "p50", "p95", "p99", "max");
        for (name, values) in [
            ("asked until silent", &all.silent),
            ("asked until answered", &all.answered),
            ("heard after the answer", &all.after),
            ("asked to go on until heard", &all.speaks),
            ("lost or said again at the seam", &all.seam),
        ] {
            let [p50, p95, p99, max] = [50, 95, 99, 100].map(|share| percentile(values, share));
            println!("{name:34} {p50:7.1} {p95:7.1} {p99:7.1} {max:7.1}");
        }
        kept &= *calls != 20 || percentile(&all.silent, 99) <= 100.0;
    }
    if kept { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn percentile(values: &[f64], share: usize) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted[(sorted.len() - 1) * share / 100]
}

async fn measure(calls: usize, pauses: usize) -> Measured {
    let coded = Coded::default();
    let mut floor = Floor::open(endless(&coded)).await;
    let callers = Caller::connected(&mut floor, calls).await;
    let whole = fixtures::recording("callers/hours").samples_8k();
    let question = tandem::caller::Clip::from_samples("a question", &whole).expect("a clip");
    let ready = Arc::new(Barrier::new(calls));
    let running: Vec<_> = callers
        .into_iter()
        .enumerate()
        .map(|(number, caller)| {
            let (question, ready) = (question.clone(), ready.clone());
            tokio::spawn(async move {
                speaks(&caller, 0).await;
                let asked = caller.leg.length();
                caller.leg.say(&question);
                caller.passed(asked + question.mulaw().len()).await;
                speaks(&caller, caller.leg.length() + 1_000 * PER_MS).await;
                ready.wait().await;
                let measured = pause(&caller, Chance::new(number as u64), pauses).await;
                ready.wait().await;
                caller.leg.hang_up();
                measured
            })
        })
        .collect();
    let mut all = Measured::default();
    for call in running {
        let of = call.await.expect("the call is measured");
        all.silent.extend(of.silent);
        all.answered.extend(of.answered);
        all.after.extend(of.after);
        all.speaks.extend(of.speaks);
        all.seam.extend(of.seam);
    }
    floor.line.until_idle().await;
    floor.line.stop().await;
    all
}

/// Until the agent is heard after this place.
async fn speaks(caller: &Caller, from: usize) {
    let audible = |_: &_| caller.audible(from, usize::MAX).is_some();
    caller.leg.until("words", SOON, audible).await.expect("the agent speaks");
}

async fn pause(caller: &Caller, mut chance: Chance, pauses: usize) -> Measured {
    let ms = |samples: usize| samples as f64 / PER_MS as f64;
    let mut measured = Measured::default();
    let leg = &caller.leg;
    for _ in 0..pauses {
        let place = leg.length() + (300 + chance.below(700)) * PER_MS;
        caller.passed(place).await;
        let order = caller.order("pause").await;
        let (asked, answered) = (leg.sample_at(order.asked), leg.sample_at(order.answered));
        caller.passed(answered + LASTS).await;
        let order = caller.order("resume").await;
        let resumed = leg.sample_at(order.asked);
        speaks(caller, resumed).await;
        let last = caller.audible(asked, resumed).map_or(asked, |(_, last)| last + 1);
        let first = caller.audible(resumed, usize::MAX).map_or(resumed, |(first, _)| first);
        caller.passed(first + 2 * 20 * PER_MS).await;
        measured.silent.push(ms(last - asked));
        measured.answered.push(ms(answered - asked));
        measured.after.push(ms(last.saturating_sub(answered)));
        measured.speaks.push(ms(first - resumed));
        let heard = Coded::heard(&leg.heard_between(asked - 100 * PER_MS, first + 40 * PER_MS));
        let seam = heard.windows(2).find(|pair| pair[1].sample > pair[0].sample + PER_MS);
        if let Some([one, next]) = seam
            && one.text == next.text
        {
            measured.seam.push(next.ms.abs_diff(one.ms + 1) as f64);
        }
    }
    measured
}

/// An agent that answers at length.
fn endless(coded: &Coded) -> Setup {
    let points = AtomicUsize::new(0);
    let reply = move |_: &_| {
        let sentence = || {
            let name = word(points.fetch_add(1, Ordering::Relaxed));
            format!("Point {name} is that we are glad to tell you more of it.")
        };
        let said: Vec<String> = (0..SENTENCES).map(|_| sentence()).collect();
        openai::Reply::text(&said.join(" "))
    };
    let mut ears = deepgram::Script::new();
    for number in 0..1_000 {
        ears = ears.hears(&format!("Please tell me more of {}.", word(number)));
    }
    let setup = Setup::default();
    let pace = Pace { first: Duration::from_millis(80), between: Duration::from_millis(10) };
    Setup {
        openai: setup.openai.answering(reply),
        deepgram: ears.speak_pace(pace).voice(coded.voice(24)),
        env: vec![
            ("TANDEM_LIMIT_STANDARD", "1000000".to_owned()),
            ("TANDEM_RECORD", "false".to_owned()),
        ],
        ..setup
    }
}
