//! Calls drawn from a seed: callers, carriers, vendors and supervisors of every kind, and what holds
//! in all of them.
//!
//! `TANDEM_SIM_CALLS` says how many calls (300 unless set), `TANDEM_SIM_SEED` which is the first (1
//! unless set). A call that breaks a law prints its seed and its timeline;
//! `TANDEM_SIM_SEED=<seed> TANDEM_SIM_CALLS=1` plays it again.

mod sim;

use std::{panic, time::Duration};

use sim::{
    Setup, Sim,
    caller::Hearing,
    line::LineSetup,
    random::Random,
    say, say_now, script,
    vendors::{self, Part, VoiceFault, VoiceSetup},
};
use turn::{Command, Conversation, Event, Moment, Policy};

/// A call's active part, ms.
const ACTIVE: u64 = 120_000;
/// By then a call that is left alone has ended, ms.
const LEFT_ALONE: u64 = ACTIVE + 300_000;

const CALLER: &[&str] = &[
    "When are you open?",
    "I would like to book an appointment.",
    "Yes.",
    "No, thank you.",
    "My tooth hurts and",
    "Tomorrow",
    "It is about the bill I got from you last week, I think it is wrong.",
    "five five five",
    "one two three four",
    "Can I talk to a person?",
    "um",
];
const NODS: &[&str] = &["Mm-hm.", "Yeah.", "Okay.", "Right."];
const AGENT: &[&str] = &[
    "We are open from eight to six.",
    "We are open from eight to six on weekdays. On Saturday we close at one. Would you like to come \
     in?",
    "Certainly. What is your phone number?",
    "I see. Let me look at that for you, it will only take a moment, and then we can go on.",
    "Your appointment with Dr. Smith is on Tuesday at 9.30 in the morning. Please come ten minutes \
     early, bring your insurance card, and call us if anything changes. Is there anything else?",
    "**Yes**, of course! 😀",
    "No.",
];
const DICTATED: &[&str] =
    &["This is the supervisor speaking.", "Please hold the line for a moment."];

#[test]
fn whatever_happens_in_a_call_the_laws_hold() {
    let calls = from_env("TANDEM_SIM_CALLS").unwrap_or(300);
    let first = from_env("TANDEM_SIM_SEED").unwrap_or(1);
    println!("{calls} calls from TANDEM_SIM_SEED={first}");
    let begun = std::time::Instant::now();
    let mut differences: Vec<u32> = Vec::new();
    for seed in first..first + calls {
        let played = panic::catch_unwind(|| play(seed));
        match played {
            Ok(found) => differences.extend(found),
            Err(broken) => {
                eprintln!("seed {seed} broke a law: TANDEM_SIM_SEED={seed} TANDEM_SIM_CALLS=1");
                panic::resume_unwind(broken);
            }
        }
    }
    let share = |within: u32| {
        let close = differences.iter().filter(|words| **words <= within).count();
        100.0 * close as f64 / differences.len().max(1) as f64
    };
    println!(
        "{} utterances: {:.2} % written down to the word, {:.2} % within one; {:.0} calls a second",
        differences.len(),
        share(0),
        share(1),
        calls as f64 / begun.elapsed().as_secs_f64(),
    );
    assert!(share(1) >= 95.0, "what is written down is too often not what was heard");
}

#[test]
fn the_same_seed_gives_the_same_orders() {
    for seed in 0..20 {
        let (one, other) = (drawn(seed), drawn(seed));
        assert_eq!(one.timeline, other.timeline, "seed {seed}");
    }
}

#[test]
fn a_journal_read_back_gives_the_same_orders() {
    for seed in 100..130 {
        let sim = drawn(seed);
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

fn play(seed: u64) -> Vec<u32> {
    drawn(seed).judge_whole()
}

/// The call of this seed, played to its end.
fn drawn(seed: u64) -> Sim {
    let mut random = Random::new(seed);
    let setup = setup(&mut random, seed);
    let mut sim = Sim::new(setup);
    for _ in 0..60 {
        let parts = model_answer(&mut random);
        sim.model.chosen.push_back(parts);
        let parts = spare_answer(&mut random);
        sim.model.spare.push_back(parts);
        sim.tools.answers.push_back(match random.between(0, 5) {
            0 => None,
            1 => Some((random.between(3_000, 12_000), "{\"slots\": []}".to_owned())),
            _ => Some((random.between(50, 2_000), "{\"slots\": [\"9:30\"]}".to_owned())),
        });
    }
    caller(&mut random, &mut sim);
    if random.chance(500) {
        supervisor(&mut random, &mut sim);
    }
    if random.chance(400) {
        stale_events(&mut random, &mut sim);
    }
    if random.chance(500) {
        let at = random.between(5_000, ACTIVE);
        sim.at(at, Event::CallerLeft);
    }
    if random.chance(30) {
        let at = random.between(5_000, ACTIVE);
        sim.at(at, Event::HearingFailed);
    }
    sim.run_to_end(LEFT_ALONE);
    sim
}

fn setup(random: &mut Random, seed: u64) -> Setup {
    let mut policy = Policy { longest_call: Duration::from_secs(240), ..Policy::default() };
    if random.chance(100) {
        policy.barge_in.allowed = false;
    }
    if random.chance(200) {
        policy.barge_in.min_words = 2;
    }
    if random.chance(100) {
        policy.patience.filler = String::new();
    }
    let mut script = script();
    if random.chance(700) {
        script.greeting = random.pick(AGENT).to_string();
    }
    script.can_transfer = random.chance(500);
    let jitter = random.pick(&[0, 10, 40]);
    let line = LineSetup {
        lead: random.pick(&[200, 400, 600]),
        there: random.between(5, 60),
        back: random.between(5, 60),
        jitter,
        marks_lost: random.pick(&[0, 0, 50, 1_000]),
        marks_doubled: random.pick(&[0, 100]),
        marks_late: random.pick(&[(0, 0), (300, 50), (1_000, 20)]),
    };
    let mut voice = VoiceSetup {
        first_audio: random.between(50, 400),
        speed: random.pick(&[150, 400, 2_000]),
        per_letter: random.between(60, 80),
        uneven: 10,
        times_words: random.chance(500),
        ..VoiceSetup::default()
    };
    if random.chance(300) {
        for _ in 0..40 {
            voice.faults.push_back(match random.between(0, 12) {
                0 => VoiceFault::FailsAfter(random.between(0, 1_500)),
                1 => VoiceFault::Mute,
                2 => VoiceFault::Late(random.between(500, 4_000)),
                _ => VoiceFault::None,
            });
        }
    }
    let hearing = Hearing {
        vad_on: random.between(40, 120),
        vad_off: random.between(120, 300),
        interim: random.between(100, 400),
        settled: random.pick(&[250, 350, 600, 1_000, 1_600]),
        interims: random.chance(900),
        finals: random.chance(950),
    };
    let doubled = random.pick(&[0, 0, 50]);
    let leaks = random.chance(300);
    Setup { policy, script, before: Vec::new(), line, voice, hearing, seed, leaks, doubled }
}

fn model_answer(random: &mut Random) -> Vec<Part> {
    let text = random.pick(AGENT);
    let mut parts = vec![Part::Wait(match random.between(0, 9) {
        0 => random.between(2_000, 9_000),
        _ => random.between(100, 900),
    })];
    match random.between(0, 15) {
        // Nothing at all, for ever.
        0 => return Vec::new(),
        // It fails at once.
        1 => parts.push(Part::Fail),
        // It breaks off, or falls silent, amid a sentence.
        2 | 3 => {
            let mut words = vendors::words(text);
            words.truncate(random.between(1, 40) as usize);
            parts.extend(words);
            if random.chance(500) {
                parts.push(Part::Fail);
            }
        }
        // An empty answer.
        4 => parts.push(Part::Done),
        // Tools, with words before them or without.
        5..=7 => {
            if random.chance(500) {
                parts.extend(vendors::words("Let me check that."));
            }
            for _ in 0..random.between(1, 2) {
                let id = format!("call-{}", random.next());
                parts.push(vendors::tool(&id, "look_up"));
            }
            parts.push(if random.chance(900) { Part::Done } else { Part::Fail });
        }
        8 if random.chance(300) => {
            parts.extend(vendors::words("Goodbye then."));
            parts.push(vendors::tool("end", "end_call"));
            parts.push(Part::Done);
        }
        _ => {
            parts.extend(vendors::words(text));
            parts.push(Part::Done);
        }
    }
    parts
}

fn spare_answer(random: &mut Random) -> Vec<Part> {
    match random.between(0, 3) {
        0 => Vec::new(),
        1 => vec![Part::Wait(100), Part::Fail],
        _ => vendors::answer(random.pick(AGENT)),
    }
}

fn caller(random: &mut Random, sim: &mut Sim) {
    let mut at = random.between(0, 5_000);
    while at < ACTIVE {
        match random.between(0, 15) {
            0 | 1 => {
                let lasting = random.between(60, 900);
                sim.coughs(at, lasting);
                at += lasting;
            }
            2 | 3 => at = sim.says(at, random.pick(NODS)),
            4 => {
                sim.presses(at, random.pick(&["1", "12#", "#", "5551234", "*"]));
                at += 2_500;
            }
            // A long silence: the agent asks whether the caller is there.
            5 => at += random.between(10_000, 25_000),
            // A line full of noise.
            6 if random.chance(200) => {
                let lasting = random.between(5_000, 40_000);
                sim.coughs(at, lasting);
                at += lasting;
            }
            // The recogniser is away for a while.
            7 if random.chance(300) => {
                sim.at(at, Event::HearingLost);
                sim.at(at + 1_500, Event::HearingBack);
            }
            8 if random.chance(300) => sim.at(at, Event::TurnEndSuggested { eager: false }),
            _ => at = sim.says(at, random.pick(CALLER)),
        }
        at += match random.between(0, 3) {
            0 => random.between(100, 1_200),
            1 => random.between(1_000, 4_000),
            _ => random.between(3_000, 9_000),
        };
    }
}

fn supervisor(random: &mut Random, sim: &mut Sim) {
    let mut at = random.between(1_000, 30_000);
    let mut count = 0;
    while at < ACTIVE {
        count += 1;
        let id = format!("order-{count}");
        let command = match random.between(0, 19) {
            0..=3 => say(random.pick(DICTATED)),
            4..=6 => say_now(random.pick(DICTATED)),
            7..=9 => Command::Guide { text: "Offer a discount.".to_owned() },
            10..=12 => {
                let until = at + random.between(500, 15_000);
                sim.orders(until, &format!("{id}-resume"), Command::Resume);
                Command::Pause
            }
            13 => Command::Override { instructions: "Be brief.".to_owned() },
            14 => Command::Restore,
            15 => Command::Resume,
            16 if random.chance(200) => Command::Transfer { reason: "asked".to_owned() },
            17 if random.chance(200) => Command::End { politely: true },
            18 if random.chance(100) => Command::End { politely: false },
            _ => say(" "),
        };
        sim.orders(at, &id, command.clone());
        if random.chance(100) {
            sim.orders(at + random.between(1, 500), &id, command);
        }
        at += random.between(200, 20_000);
    }
}

/// Events that no vendor should send: of other epochs, of unknown marks, utterances and tools.
fn stale_events(random: &mut Random, sim: &mut Sim) {
    for _ in 0..60 {
        let at = random.between(0, ACTIVE);
        let epoch =
            turn::Epoch(random.between(0, 12) as u32 + 1_000 * u32::from(random.chance(500)));
        let reply = turn::ReplyId(1_000);
        let utterance = turn::UtteranceId(random.between(0, 20) as u32 + 1_000);
        let event = match random.between(0, 6) {
            0 => Event::MarkReturned {
                generation: turn::Generation(random.between(50, 90) as u32),
                mark: turn::MarkId(random.between(0, 50) as u32),
            },
            1 => Event::ReplyText { epoch, reply, text: "Nobody asked.".to_owned() },
            2 => Event::ReplyDone { epoch, reply },
            3 => Event::ToolAnswered {
                epoch,
                reply,
                call_id: "none".to_owned(),
                content: String::new(),
            },
            4 => Event::AudioReady { epoch, utterance, sentence: 0, samples: 800 },
            5 => Event::AudioComplete { epoch, utterance, sentence: 0, voiced: (0, 800) },
            _ => Event::Sent { utterance, sentence: 0, samples: 0, mark: None },
        };
        sim.at(at, event);
    }
}
