//! Calls drawn from a seed: callers, carriers, vendors and supervisors of every kind.

use std::time::Duration;

use turn::{
    Answerer, Command, Event, Moment, Policy, ToolPolicy,
    endpoint::Prosody,
    policy::{Onset, PauseWhen, VoicemailThen},
};

use super::plan::{Plan, Step};
use crate::sim::{
    Setup,
    caller::{Faults, Hearing},
    line::LineSetup,
    random::Random,
    say, say_now, script,
    vendors::{self, Part, VoiceFault, VoiceSetup},
};

/// A call's active part, ms.
pub const ACTIVE: u64 = 300_000;
/// By then a call that is left alone has ended, ms.
pub const LEFT_ALONE: u64 = ACTIVE + 400_000;

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

/// The call of this seed.
pub fn call(seed: u64) -> Plan {
    let mut random = Random::new(seed);
    let setup = setup(&mut random, seed);
    let outbound = setup.script.outbound;
    let mut plan = Plan::new(setup);
    for _ in 0..120 {
        plan.chosen.push(model_answer(&mut random));
        plan.spare.push(spare_answer(&mut random));
        plan.tools.push(match random.between(0, 5) {
            0 => None,
            1 => Some((random.between(3_000, 12_000), "{\"slots\": []}".to_owned())),
            _ => Some((random.between(50, 2_000), "{\"slots\": [\"9:30\"]}".to_owned())),
        });
    }
    caller(&mut random, &mut plan);
    if outbound {
        answerer(&mut random, &mut plan);
    }
    if random.chance(500) {
        supervisor(&mut random, &mut plan);
    }
    if random.chance(400) {
        stale_events(&mut random, &mut plan);
    }
    if random.chance(500) {
        let at = random.between(5_000, ACTIVE);
        plan.happens(at, Event::CallerLeft);
    }
    if random.chance(30) {
        let at = random.between(5_000, ACTIVE);
        plan.happens(at, Event::HearingFailed);
    }
    plan
}

fn setup(random: &mut Random, seed: u64) -> Setup {
    let mut policy =
        Policy { longest_call: Duration::from_secs(ACTIVE / 1_000 + 120), ..Policy::default() };
    if random.chance(100) {
        policy.barge_in.allowed = false;
    }
    if random.chance(200) {
        policy.barge_in.min_words = 2;
    }
    if random.chance(100) {
        policy.patience.filler = String::new();
    }
    more_policy(random, &mut policy);
    let mut script = script();
    if random.chance(300) {
        script.notice = "This call is recorded.".to_owned();
    }
    script.outbound = random.chance(150);
    if random.chance(400) {
        script.tools.push(ToolPolicy {
            name: "look_up".to_owned(),
            effects: random.chance(500),
            cancel_on_barge_in: random.chance(500),
            within: Duration::from_millis(random.between(1_000, 12_000)),
            filler: random.pick(&["", "I am looking that up."]).to_owned(),
        });
    }
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
        stalls: random.pick(&[(0, 0), (0, 0), (9_000, 300), (31_000, 1_200)]),
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
        faults: faults(random, seed),
    };
    let doubled = random.pick(&[0, 0, 50]);
    let leaks = random.chance(300);
    Setup { policy, script, before: Vec::new(), line, voice, hearing, seed, leaks, doubled }
}

/// How the recogniser errs.
fn faults(random: &mut Random, seed: u64) -> Faults {
    if random.chance(400) {
        return Faults::default();
    }
    Faults {
        misheard: random.pick(&[0, 100, 500]),
        pieces: random.pick(&[0, 100, 500]),
        repeated: random.pick(&[0, 50, 300]),
        late: random.pick(&[0, 100, 500]),
        joined: random.pick(&[0, 300]),
        seed,
    }
}

fn more_policy(random: &mut Random, policy: &mut Policy) {
    policy.speculation.allowed = random.chance(700);
    if random.chance(150) {
        policy.barge_in.onset = Onset::Duck;
    }
    if random.chance(200) {
        policy.pause.when = PauseWhen::EndOfWord;
    }
    if random.chance(200) {
        policy.pause.phrase = "Please hold the line.".to_owned();
    }
    if random.chance(300) {
        policy.echo.guard = false;
    }
    policy.keys.masked = random.chance(200);
    policy.keys.barge_in = random.chance(700);
    policy.keys.length = random.pick(&[None, None, Some(4)]);
    policy.keys.terminator = random.pick(&[Some('#'), Some('#'), Some('*'), None]);
    policy.voicemail.then =
        random.pick(&[VoicemailThen::HangUp, VoicemailThen::Message, VoicemailThen::Ignore]);
    policy.voicemail.message = random.pick(&["", "Please call us back."]).to_owned();
    policy.voicemail.by_words = random.chance(700);
    policy.patience.apologies = random.between(0, 3) as u32;
}

/// Who, or what, answered the call that we made.
fn answerer(random: &mut Random, plan: &mut Plan) {
    if random.chance(300) {
        let at = random.between(100, 2_000);
        let until = at + 3_000;
        // A machine's words come from one mouth, too.
        plan.steps
            .retain(|step| !matches!(step, Step::Says(at, _) | Step::Coughs(at, _) if *at < until));
        plan.says(at, "Please leave a message after the tone.");
    }
    for _ in 0..random.between(0, 3) {
        let at = random.between(500, 40_000);
        let by = random.pick(&[
            Answerer::Human,
            Answerer::Machine,
            Answerer::MachineAfterBeep,
            Answerer::MachineSilent,
            Answerer::Unknown,
            Answerer::Human,
            Answerer::Fax,
        ]);
        plan.happens(at, Event::AnsweredBy { by });
    }
    for _ in 0..random.between(0, 2) {
        let at = random.between(500, 60_000);
        plan.happens(at, Event::BeepHeard { at: Moment(at) });
    }
}

/// The agent's own voice, or one that is held to be it.
fn echo(random: &mut Random, plan: &mut Plan, at: u64) -> u64 {
    let to = at + random.between(200, 4_000);
    let echo = Some(random.between(0, 100) as f32 / 100.0);
    plan.happens(at + 80, Event::SpeechStarted { at: Moment(at), echo });
    if random.chance(500) {
        let echo = random.between(0, 100) as f32 / 100.0;
        plan.happens(random.between(at + 80, to), Event::EchoJudged { echo });
    }
    if random.chance(500) {
        let voiced_ms = random.between(0, 250) as u32;
        plan.happens(random.between(at + 80, to), Event::VoiceMeasured { voiced_ms });
    }
    let prosody = random.chance(500).then(|| Prosody {
        pitch: Some(random.between(0, 12) as f32 - 6.0),
        level: -(random.between(0, 20) as f32),
        ..Prosody::default()
    });
    plan.happens(to + 200, Event::SpeechStopped { at: Moment(to), prosody });
    if random.chance(500) {
        let over = random.between(0, 100) as f32 / 100.0;
        plan.happens(to + 280, Event::TurnScored { at: Moment(to), over });
    }
    let words = random.pick(AGENT).split_whitespace().take(6).collect::<Vec<_>>().join(" ");
    let text = if random.chance(300) { String::new() } else { words };
    plan.happens(to + random.between(210, 700), Event::Heard { text, confidence: None });
    to
}

/// Digits in groups, as from a card that is being read.
fn dictates(random: &mut Random, plan: &mut Plan, mut at: u64) -> u64 {
    // Each another: of two that are alike nobody knows whether the second is the first, guessed anew.
    let groups = ["five five five", "one two three four", "oh nine", "six", "eight seven"];
    let first = random.between(0, 4) as usize;
    for place in 0..random.between(2, 4) as usize {
        at = plan.says(at, groups[(first + place) % groups.len()]);
        at += random.between(300, 1_600);
    }
    at
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
                parts.push(match random.between(0, 9) {
                    0 => {
                        let keys = serde_json::json!({"keys": random.pick(&["1", "12w3#", "no"])});
                        vendors::tool_with(&id, "send_dtmf", keys)
                    }
                    1 => {
                        let asked = serde_json::json!({"length": 4, "secret": random.chance(500)});
                        vendors::tool_with(&id, "collect_keys", asked)
                    }
                    2 => vendors::tool(&id, "unknown"),
                    _ => vendors::tool(&id, "look_up"),
                });
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

fn caller(random: &mut Random, plan: &mut Plan) {
    let mut at = random.between(0, 5_000);
    // Nobody says the same twice in a row: it might be the first, settled on anew.
    let mut last = "";
    let mut other = |random: &mut Random, from: &[&'static str]| {
        while std::mem::replace(&mut last, random.pick(from)) == last {}
        last
    };
    while at < ACTIVE {
        match random.between(0, 15) {
            0 | 1 => {
                let lasting = random.between(60, 900);
                plan.coughs(at, lasting);
                at += lasting;
            }
            2 | 3 => at = plan.says(at, other(random, NODS)),
            4 => {
                plan.presses(at, random.pick(&["1", "12#", "#", "5551234", "*"]));
                at += 2_500;
            }
            // A long silence: the agent asks whether the caller is there.
            5 => at += random.between(10_000, 25_000),
            // A line full of noise.
            6 if random.chance(200) => {
                let lasting = random.between(5_000, 40_000);
                plan.coughs(at, lasting);
                at += lasting;
            }
            // The recogniser is away for a while.
            7 if random.chance(300) => {
                plan.happens(at, Event::HearingLost);
                plan.happens(at + random.between(500, 9_000), Event::HearingBack);
            }
            8 if random.chance(500) => {
                let (eager, back) = (random.chance(500), random.between(0, 2_000));
                let listened = random.chance(700).then(|| Moment(at.saturating_sub(back)));
                plan.happens(at, Event::TurnEndSuggested { eager, at: listened });
                if random.chance(300) {
                    plan.happens(at + random.between(50, 600), Event::TurnResumed);
                }
            }
            9 if random.chance(400) => at = echo(random, plan, at),
            10 if random.chance(400) => at = dictates(random, plan, at),
            _ => at = plan.says(at, other(random, CALLER)),
        }
        at += match random.between(0, 3) {
            0 => random.between(100, 1_200),
            1 => random.between(1_000, 4_000),
            _ => random.between(3_000, 9_000),
        };
    }
}

fn supervisor(random: &mut Random, plan: &mut Plan) {
    let mut at = random.between(1_000, 30_000);
    let mut count = 0;
    while at < ACTIVE {
        count += 1;
        let id = format!("order-{count}");
        let command = match random.between(0, 22) {
            0..=3 => say(random.pick(DICTATED)),
            4..=6 => say_now(random.pick(DICTATED)),
            7..=9 => Command::Guide { text: "Offer a discount.".to_owned() },
            10..=12 => {
                let until = at + random.between(500, 15_000);
                plan.orders(until, &format!("{id}-resume"), Command::Resume);
                Command::Pause
            }
            13 => Command::Override { instructions: "Be brief.".to_owned() },
            14 => Command::Restore,
            15 => Command::Resume,
            16 if random.chance(200) => Command::Transfer { reason: "asked".to_owned() },
            17 if random.chance(200) => Command::End { politely: true },
            18 if random.chance(100) => Command::End { politely: false },
            19 | 20 => {
                let back = at + random.between(1_000, 25_000);
                for _ in 0..random.between(0, 2) {
                    let from = random.between(at, back);
                    let (from, to) = (Moment(from), Moment(from + 1_000));
                    let text = "This is Maria. How can I help?".to_owned();
                    plan.happens(to.0, Event::PersonSaid { text, from, to });
                }
                plan.orders(back, &format!("{id}-back"), Command::HandBack);
                Command::TakeOver
            }
            21 => Command::Say {
                text: random.pick(DICTATED).to_owned(),
                now: random.chance(500),
                protected: true,
            },
            _ => say(" "),
        };
        plan.orders(at, &id, command.clone());
        if random.chance(100) {
            plan.orders(at + random.between(1, 500), &id, command);
        }
        at += random.between(200, 20_000);
    }
}

/// Events that no vendor should send: of other epochs, of unknown marks, utterances and tools.
fn stale_events(random: &mut Random, plan: &mut Plan) {
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
        plan.happens(at, event);
    }
}
