//! Hundreds of pauses at random moments of calls that go on at once: none leaves a call speaking while it
//! is paused, or silent afterwards, and nothing is lost or said twice. How soon: `benches/pause.rs`.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use tandem::caller::{self, Clip};
use turn::Note;
use vendors::played::{Pace, deepgram, openai};

use super::{
    floor::{Floor, SOON},
    line::Setup,
    paused::{Caller, Chance, Coded, Heard, Ordered, PER_MS, word},
};

const CALLS: usize = 30;
/// Of each call.
const PAUSES: usize = 17;
/// The ear is in this process, too, and may read the order to fall silent late: by then it may have played
/// all that it was sent ahead, the lead of 400 ms and a message of 100 ms. What the agent goes on to say
/// would last longer.
const EAR_IS_LATE: usize = 600 * PER_MS;
/// Where an interrupted sentence goes on less than a word of it may be lost, ms.
const LOST_AT_MOST: usize = 250;
/// What the carrier had been sent and did not yet say that it was heard may be said again: the lead and a
/// message. As much may be missing from what is written of a sentence that was cut.
const AGAIN_AT_MOST: usize = 500;
/// Each sentence of a reply begins with this, and a word that only it has.
const POINT: &str = "Point";
/// So begins each question of a caller.
const QUESTION: &str = "Please tell me more of";

/// At which moment of the conversation a pause is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum When {
    Talking,
    Silent,
    /// The caller has asked: the turn is being decided, the model asked, the first sentence made.
    Thinking,
    /// The caller has begun to speak over the agent.
    BargeIn,
}

/// A pause, in samples of the caller's line.
#[derive(Debug)]
struct Pause {
    when: When,
    /// The agent was heard right before.
    spoke: bool,
    asked: usize,
    answered: usize,
    resumed: usize,
}

/// What is drawn of a pause.
#[derive(Debug)]
struct Draw {
    when: When,
    /// How long after the moment has begun it is asked for, and how long it lasts, samples.
    after: usize,
    lasts: usize,
    /// Both orders are given twice at once.
    doubled: bool,
    /// It is asked to go on at the same time.
    raced: bool,
}

impl Draw {
    fn of(chance: &mut Chance) -> Draw {
        let (when, longest) = match chance.below(16) {
            0..10 => (When::Talking, 700),
            10 => (When::Silent, 300),
            11..14 => (When::Thinking, 1_300),
            _ => (When::BargeIn, 900),
        };
        let lasts = match chance.below(6) {
            0 => 0,
            1..4 => chance.below(400),
            _ => 300 + chance.below(900),
        };
        Draw {
            when,
            after: chance.below(longest) * PER_MS,
            lasts: lasts * PER_MS,
            doubled: chance.below(4) == 0,
            raced: chance.below(12) == 0,
        }
    }
}

/// A supervised call.
struct Supervised {
    caller: Caller,
    question: Arc<Clip>,
    coded: Coded,
}

impl Supervised {
    /// Until the moment has come.
    async fn moment(&self, draw: &Draw) {
        let leg = &self.caller.leg;
        match draw.when {
            When::Talking => self.talks().await,
            When::Silent => {
                let quiet = 400 * PER_MS;
                leg.until("a silence", SOON, |leg| {
                    let now = leg.length();
                    self.caller.audible(now.saturating_sub(quiet), now).is_none()
                })
                .await
                .expect("no reply lasts for ever");
            }
            When::Thinking => {
                self.talks().await;
                leg.say(&self.question);
                let said = self.question.mulaw().len();
                self.caller.passed(leg.length() + said).await;
            }
            When::BargeIn => {
                self.talks().await;
                leg.say(&self.question);
            }
        }
        self.caller.passed(leg.length() + draw.after).await;
    }

    /// Until the agent speaks; if it has nothing to say, it is asked something.
    async fn talks(&self) {
        let leg = &self.caller.leg;
        let from = leg.length();
        let speaks = || self.caller.audible(from, usize::MAX).is_some();
        let late = from + 1_500 * PER_MS;
        let spoke = leg.until("words", SOON, |leg| speaks() || leg.length() >= late).await;
        if spoke.is_ok() && !speaks() {
            leg.say(&self.question);
        }
        let answered = leg.until("an answer", SOON, |_| speaks()).await;
        answered.unwrap_or_else(|late| panic!("a caller who asked is not answered: {late}"));
    }

    async fn pause(&self, draw: &Draw) -> Pause {
        let (caller, leg) = (&self.caller, &self.caller.leg);
        let both = async |action: &str| -> Ordered {
            if !draw.doubled {
                return caller.order(action).await;
            }
            let (one, other) = tokio::join!(caller.order(action), caller.order(action));
            let (asked, answered) = (one.asked.min(other.asked), one.answered.min(other.answered));
            Ordered { asked, answered }
        };
        let paused = match draw.raced {
            true => tokio::join!(both("pause"), caller.order("resume")).0,
            false => both("pause").await,
        };
        let (asked, answered) = (leg.sample_at(paused.asked), leg.sample_at(paused.answered));
        caller.passed(answered + draw.lasts).await;
        let resumed = leg.sample_at(both("resume").await.asked);
        caller.passed(resumed).await;
        let before = asked.saturating_sub(60 * PER_MS);
        let spoke = caller.audible(before, asked).is_some_and(|(_, last)| asked - last <= 8);
        let answered = if draw.raced { resumed } else { answered };
        Pause { when: draw.when, spoke, asked, answered, resumed }
    }

    /// Is there something that the agent must say now by itself?
    fn owes_words(&self, pause: &Pause) -> bool {
        if matches!(pause.when, When::Thinking | When::BargeIn) {
            return true;
        }
        let from = pause.asked.saturating_sub(500 * PER_MS);
        let heard = Coded::heard(&self.caller.leg.heard_between(from, pause.resumed));
        let texts = self.coded.texts();
        heard.last().is_some_and(|last| last.ms + 300 < texts[last.text].1)
    }

    async fn goes_on(&self, pause: &Pause) {
        if !self.owes_words(pause) {
            return;
        }
        let speaks = |_: &_| self.caller.audible(pause.resumed, usize::MAX).is_some();
        let spoke = self.caller.leg.until("words after a pause", SOON, speaks).await;
        spoke.unwrap_or_else(|late| panic!("left silent after {pause:?}: {late}"));
    }

    async fn through(self, mut chance: Chance) -> (Caller, Vec<Pause>) {
        let greets = |_: &_| self.caller.audible(0, usize::MAX).is_some();
        self.caller.leg.until("a greeting", SOON, greets).await.expect("the call is answered");
        let mut pauses = Vec::new();
        for _ in 0..PAUSES {
            let draw = Draw::of(&mut chance);
            self.moment(&draw).await;
            let pause = self.pause(&draw).await;
            self.goes_on(&pause).await;
            pauses.push(pause);
        }
        // Whatever was, the next question is answered.
        self.talks().await;
        (self.caller, pauses)
    }
}

fn seed() -> u64 {
    std::env::var("TANDEM_SIM_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(1)
}

/// Long replies in a coded voice to callers who always ask something new.
fn talkative(coded: &Coded) -> Setup {
    let pace = Pace { first: Duration::from_millis(150), between: Duration::from_millis(10) };
    let replies = AtomicUsize::new(0);
    let points = AtomicUsize::new(0);
    let reply = move |_: &_| {
        let sentences = 2 + replies.fetch_add(1, Ordering::Relaxed) % 4;
        let sentence = || {
            let name = word(points.fetch_add(1, Ordering::Relaxed));
            format!("{POINT} {name} is that we are glad to tell you more of it.")
        };
        let said: Vec<String> = (0..sentences).map(|_| sentence()).collect();
        openai::Reply::text(&said.join(" "))
    };
    let mut ears = deepgram::Script::new();
    for number in 0..CALLS * PAUSES * 2 {
        ears = ears.hears(&format!("{QUESTION} {}.", word(number)));
    }
    let voice_pace = Pace { first: Duration::from_millis(80), ..pace };
    Setup {
        openai: openai::Script::new().chat_pace(pace).answering(reply),
        deepgram: ears.speak_pace(voice_pace).voice(coded.voice(24)),
        env: vec![
            ("TANDEM_LIMIT_STANDARD", "1000000".to_owned()),
            ("TANDEM_RECORD", "false".to_owned()),
        ],
        ..Setup::default()
    }
}

/// Nine tenths of a second of somebody's voice.
fn question() -> Arc<Clip> {
    let samples = fixtures::recording("callers/hours").samples_8k();
    let whole = Clip::from_samples("whole", &samples).expect("a clip");
    let from = usize::try_from(whole.voice().expect("a voice").from.0).expect("it is short");
    Clip::from_samples("a question", &samples[from..from + 900 * PER_MS]).expect("a clip")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn five_hundred_pauses_leave_no_call_speaking_meanwhile_or_silent_afterwards() {
    let seed = seed();
    println!("{CALLS} calls from TANDEM_SIM_SEED={seed}");
    let coded = Coded::default();
    let mut floor = Floor::open(talkative(&coded)).await;
    let callers = Caller::connected(&mut floor, CALLS).await;
    let question = question();
    let running: Vec<_> = callers
        .into_iter()
        .enumerate()
        .map(|(number, caller)| {
            let call = Supervised { caller, question: question.clone(), coded: coded.clone() };
            tokio::spawn(call.through(Chance::new(seed.wrapping_mul(1_000) + number as u64)))
        })
        .collect();
    let mut stops = Vec::new();
    let mut seams = Vec::new();
    let mut calls = Vec::new();
    for (number, call) in running.into_iter().enumerate() {
        let (caller, pauses) = call.await.unwrap_or_else(|error| panic!("call {number}: {error}"));
        caller.leg.hang_up();
        for pause in &pauses {
            if let Some((_, last)) = caller.audible(pause.answered, pause.resumed) {
                let ms = (last - pause.answered) / PER_MS;
                assert!(
                    last - pause.answered <= EAR_IS_LATE,
                    "call {number} is heard {ms} ms after its pause was answered: {pause:?}"
                );
            }
            if pause.spoke && pause.answered < pause.resumed {
                let last = caller.audible(pause.asked, pause.resumed);
                stops.push(last.map_or(0, |(_, last)| last - pause.asked));
            }
        }
        calls.push((caller, pauses.len()));
    }
    let pauses: usize = calls.iter().map(|(_, pauses)| pauses).sum();
    assert!(pauses >= 500, "{pauses}");

    let texts = coded.texts();
    for (caller, _) in &calls {
        caller.leg.ended(SOON).await.expect("the caller has left");
        let notes = floor.line.notes(caller.leg.sid()).await;
        seams.extend(judge(&texts, &Coded::heard(&caller.leg.heard()), &notes));
        let asked = caller.leg.history().into_iter();
        let asked =
            asked.filter(|note| matches!(note.note, caller::Note::CallerSays { .. })).count();
        let words = notes.iter().map(|note| match note {
            Note::CallerSaid { text, .. } | Note::Backchannel { text, .. } => text.as_str(),
            _ => "",
        });
        let known: usize = words.map(|text| text.matches(QUESTION).count()).sum();
        // Whoever hangs up amid their last question has not asked it.
        assert!((asked - 1..=asked).contains(&known), "{asked} questions, {known} written down");
    }

    stops.sort_unstable();
    let lost = seams.iter().copied().max().unwrap_or(0).max(0);
    let mut again: Vec<usize> = seams.iter().map(|seam| seam.min(&0).unsigned_abs()).collect();
    again.sort_unstable();
    let of = |sorted: &[usize], share: usize| sorted[(sorted.len() - 1) * share / 100];
    println!(
        "{pauses} pauses, {} amid words: silent after {} ms (median), {} ms (95 %), {} ms (all)",
        stops.len(),
        of(&stops, 50) / PER_MS,
        of(&stops, 95) / PER_MS,
        of(&stops, 100) / PER_MS,
    );
    println!(
        "{} seams: {} ms said again (median), {} ms (95 %), {} ms (all); {lost} ms lost at most",
        again.len(),
        of(&again, 50),
        of(&again, 95),
        of(&again, 100),
    );
    assert!(stops.len() >= pauses / 8, "most pauses meet silence: {}", stops.len());
    floor.line.stop().await;
}

/// Holds what was written down of a call against what was heard. What each interruption lost (above zero) or
/// said again (below), ms.
fn judge(texts: &[(String, usize)], heard: &[Heard], notes: &[Note]) -> Vec<isize> {
    let mut seams = Vec::new();
    for pair in heard.windows(2) {
        let (one, next) = (pair[0], pair[1]);
        let follows = next.ms == one.ms + 1 && next.sample == one.sample + PER_MS;
        if one.text != next.text || follows {
            continue;
        }
        let text = &texts[one.text].0;
        let lost = next.ms as isize - one.ms as isize - 1;
        assert!(lost <= LOST_AT_MOST as isize, "{lost} ms of {text:?} are lost");
        assert!(-lost <= AGAIN_AT_MOST as isize, "{} ms of {text:?} are said again", -lost);
        seams.push(lost);
    }
    let mut said: BTreeMap<&str, BTreeMap<usize, BTreeSet<usize>>> = BTreeMap::new();
    for part in heard {
        let times = said.entry(&texts[part.text].0).or_default();
        times.entry(part.text).or_default().insert(part.ms);
    }
    let (mut written, mut uncut) = (String::new(), String::new());
    for note in notes {
        if let Note::AgentSaid { text, meant, cut, .. } = note {
            written.push_str(text);
            written.push(' ');
            if !cut {
                assert_eq!(text, meant);
                uncut.push_str(text);
                uncut.push(' ');
            }
        }
    }
    for (text, length) in texts.iter().filter(|(text, _)| text.starts_with(POINT)) {
        let times = said.get(text.as_str());
        assert!(
            times.is_none_or(|times| times.len() == 1),
            "{text:?} is said from its beginning twice"
        );
        let ms = times.and_then(|times| times.values().next()).map_or(0, BTreeSet::len);
        assert!(written.matches(text.as_str()).count() <= 1, "{text:?} is written down twice");
        if uncut.contains(text.as_str()) {
            assert!(ms + LOST_AT_MOST >= *length, "{ms} ms of {text:?} were heard");
        }
        // How long it takes to say what is written of it.
        let words = written_of(text, &written);
        let (least, most) =
            (length * words / text.len(), length * longer(text, words) / text.len());
        assert!(least <= ms + LOST_AT_MOST, "{ms} ms of {text:?} were heard: {written}");
        assert!(ms <= most + AGAIN_AT_MOST, "{ms} ms of {text:?} were heard: {written}");
    }
    seams
}

/// How much of a sentence is written down, bytes; nothing where its own word is not.
fn written_of(text: &str, written: &str) -> usize {
    let name: usize = text.split_inclusive(' ').take(2).map(str::len).sum();
    let Some(place) = written.find(text[..name].trim_end()) else { return 0 };
    let same = text.bytes().zip(written[place..].bytes()).take_while(|(one, other)| one == other);
    same.count()
}

/// So much of a text and the two words after it, bytes.
fn longer(text: &str, bytes: usize) -> usize {
    bytes + text[bytes..].split_inclusive(' ').take(2).map(str::len).sum::<usize>()
}
