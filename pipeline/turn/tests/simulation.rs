//! Calls drawn from a seed: callers, carriers, vendors and supervisors of every kind, and what holds
//! in all of them.
//!
//! `TANDEM_SIM_CALLS` says how many calls (300 unless set), `TANDEM_SIM_SEED` which is the first (1
//! unless set). A call that breaks a law is made as small as it gets while it breaks the same law,
//! and printed as a scenario with its timeline; `TANDEM_SIM_SEED=<seed> TANDEM_SIM_CALLS=1` plays it
//! again.

mod drawn;
mod sim;

use std::panic;

use drawn::{
    draw,
    plan::{Plan, Step},
    shrink::shrink,
};
use sim::Sim;
use turn::{Command, Conversation, Event, Moment};

#[test]
fn whatever_happens_in_a_call_the_laws_hold() {
    let calls = from_env("TANDEM_SIM_CALLS").unwrap_or(300);
    let first = from_env("TANDEM_SIM_SEED").unwrap_or(1);
    println!("{calls} calls from TANDEM_SIM_SEED={first}");
    let begun = std::time::Instant::now();
    let mut differences: Vec<u32> = Vec::new();
    let mut talked = 0;
    for seed in first..first + calls {
        match panic::catch_unwind(|| {
            let mut sim = draw::call(seed).play();
            (sim.now(), sim.judge_whole())
        }) {
            Ok((lasted, found)) => {
                talked += lasted;
                differences.extend(found);
            }
            Err(_) => show_small(seed),
        }
    }
    let share = |within: u32| {
        let close = differences.iter().filter(|words| **words <= within).count();
        100.0 * close as f64 / differences.len().max(1) as f64
    };
    let seconds = begun.elapsed().as_secs_f64();
    println!(
        "{} utterances: {:.2} % written down to the word, {:.2} % within one; {:.0} calls a second, \
         {:.0} s of talk in one",
        differences.len(),
        share(0),
        share(1),
        calls as f64 / seconds,
        talked as f64 / 1_000.0 / seconds,
    );
    assert!(share(1) >= 95.0, "what is written down is too often not what was heard");
}

/// Prints the smallest call like this one that breaks the same law.
fn show_small(seed: u64) -> ! {
    let hook = panic::take_hook();
    panic::set_hook(Box::new(|_| {}));
    let small = shrink(draw::call(seed), Plan::broken);
    let how = small.broken().unwrap_or_default();
    panic::set_hook(hook);
    let scenario = small.as_scenario(&format!("found_by_seed_{seed}"));
    panic!(
        "seed {seed} broke a law: TANDEM_SIM_SEED={seed} TANDEM_SIM_CALLS=1\n{how}\n\
         The smallest call that breaks it:\n{scenario}"
    );
}

#[test]
fn a_call_that_fails_shrinks_to_what_makes_it_fail() {
    // Not a law: whoever orders a pause after a key was pressed.
    let fails = |plan: &Plan| {
        let key = plan.steps.iter().position(|step| matches!(step, Step::Presses(..)))?;
        let pause = |step: &Step| matches!(step, Step::Orders(_, _, Command::Pause));
        plan.steps[key..].iter().any(pause).then(|| "at 5 ms: a pause after a key".to_owned())
    };
    let seed = (1..).find(|seed| fails(&draw::call(*seed)).is_some()).expect("there is one");
    let whole = draw::call(seed);
    let small = shrink(whole.clone(), fails);
    assert_eq!(small.steps.len(), 2, "of {}", whole.steps.len());
    assert!(small.chosen.is_empty() && small.spare.is_empty() && small.tools.is_empty());
    let scenario = small.as_scenario("small");
    assert!(scenario.contains("call.presses(") && scenario.contains("\"command\":\"pause\""));
}

#[test]
fn the_same_seed_gives_the_same_orders() {
    for seed in 0..20 {
        let (one, other) = (drawn_call(seed), drawn_call(seed));
        assert_eq!(one.timeline, other.timeline, "seed {seed}");
    }
}

#[test]
fn a_journal_read_back_gives_the_same_orders() {
    for seed in 100..130 {
        let sim = drawn_call(seed);
        let written = serde_json::to_string(&sim.journal()).expect("events can be written");
        let read: Vec<(Event, Moment)> = serde_json::from_str(&written).expect("and read");
        let (policy, script, before) = sim.setting();
        let mut again = Conversation::new(policy, script, before);
        let mut orders = Vec::new();
        for (event, now) in read {
            again.handle(event, now);
            orders.extend(std::iter::from_fn(|| again.next_action()));
        }
        assert_eq!(orders, sim.all_orders(), "seed {seed}");
        // What was ordered can be kept as well.
        let kept = serde_json::to_string(&orders).expect("orders can be written");
        let orders_read: Vec<turn::Action> = serde_json::from_str(&kept).expect("and read");
        assert_eq!(orders_read, orders, "seed {seed}");
    }
}

fn from_env(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().expect("a whole number"))
}

/// The call of this seed, played to its end.
fn drawn_call(seed: u64) -> Sim {
    draw::call(seed).play()
}
