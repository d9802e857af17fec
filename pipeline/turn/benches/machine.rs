//! What the machine costs: events a second, and bytes a call.
//!
//! Calls of five minutes are drawn from seeds and played once in the simulation; then their events
//! alone, as a journal has them, are run through a fresh machine. What is timed is the machine and
//! nothing of the simulation. "max alloc" is the most that a call held at once, its events not
//! counted; 20 kB is the promise.

#[path = "../tests/drawn/mod.rs"]
mod drawn;
#[path = "../tests/sim/mod.rs"]
mod sim;

use divan::{AllocProfiler, Bencher, counter::ItemsCount};
use turn::{Conversation, Event, Moment};

#[global_allocator]
static ALLOCATED: AllocProfiler = AllocProfiler::system();

fn main() {
    divan::main();
}

/// How many calls are looked at.
const CALLS: usize = 5;

type Journal = (turn::Policy, turn::Script, Vec<(Event, Moment)>);

/// The journals of calls that nobody ended before their time.
fn journals() -> Vec<Journal> {
    (1..400)
        .map(|seed| drawn::draw::call(seed).play())
        .filter(|sim| sim.timeline.last().is_some_and(|(at, _)| *at >= drawn::draw::ACTIVE))
        .take(CALLS)
        .map(|sim| {
            let (policy, script, _) = sim.setting();
            (policy, script, sim.journal())
        })
        .collect()
}

/// A call of five minutes: all its events.
#[divan::bench(args = 0..CALLS)]
fn a_call_of_five_minutes(bencher: Bencher, nth: usize) {
    let (policy, script, events) = journals().swap_remove(nth);
    bencher
        .with_inputs(|| events.clone())
        .input_counter(|events| ItemsCount::new(events.len()))
        .bench_local_values(|events| {
            let mut call = Conversation::new(policy.clone(), script.clone(), Vec::new());
            let mut orders = 0;
            for (event, now) in events {
                call.handle(event, now);
                while call.next_action().is_some() {
                    orders += 1;
                }
                divan::black_box(call.take_heard());
            }
            (orders, call)
        });
}
