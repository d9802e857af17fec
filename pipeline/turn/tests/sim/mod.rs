//! A whole call in simulated time: the real conversation machine; carrier, voice, model, tools,
//! caller and supervisors played. Time is a number; nothing waits.
//!
//! [`Sim`] carries out the machine's orders as a session does. What is awaited lies in one queue, by
//! time. After every step the [`laws`] are checked; a broken one prints the call's timeline.

#![allow(dead_code, reason = "each test program uses its part")]

mod asked;
pub mod caller;
pub mod laws;
pub mod line;
pub mod random;
pub mod vendors;

use std::{collections::BTreeMap, time::Duration};

use turn::{
    Action, Command, Conversation, Epoch, Event, Message, Moment, Policy, Script, UtteranceId,
    Voice as Engined,
};

use caller::{Hearing, Recogniser};
use laws::Laws;
use line::{Carrier, LineSetup, Playout, Wire};
use random::Random;
use vendors::{Model, Part, Tools, Voice, VoiceSetup};

/// Who and what take part in a call.
#[derive(Clone, Debug)]
pub struct Setup {
    pub policy: Policy,
    pub script: Script,
    /// What was said in earlier sessions of the call.
    pub before: Vec<Message>,
    pub line: LineSetup,
    pub voice: VoiceSetup,
    pub hearing: Hearing,
    pub seed: u64,
    /// What was given up comes all the same, too late.
    pub leaks: bool,
    /// Things happen twice at vendors, in so many of a thousand cases.
    pub doubled: u64,
}

impl Default for Setup {
    fn default() -> Self {
        Setup {
            policy: policy(),
            script: Script::default(),
            before: Vec::new(),
            line: LineSetup::default(),
            voice: VoiceSetup::default(),
            hearing: Hearing::default(),
            seed: 0,
            leaks: false,
            doubled: 0,
        }
    }
}

/// What is yet to happen.
#[derive(Debug)]
enum Step {
    /// The session learns this.
    Event(Event),
    /// A vendor's work comes in, unless it was given up.
    Work(Epoch, Event),
    /// Audio of a sentence comes in, unless that was given up or given to another voice.
    Voiced(Epoch, line::Key, u64, Event),
    /// A frame of the caller's comes in: time to send.
    Frame,
    Arrives(line::Message),
    /// The carrier reaches a mark.
    Reaches,
}

/// One line of the timeline.
#[derive(Clone, Debug, PartialEq)]
pub enum Entry {
    Happened(Event),
    Ordered(Action),
}

/// A call, simulated.
pub struct Sim {
    pub call: Conversation,
    pub model: Model,
    pub tools: Tools,
    pub voice: Voice,
    pub carrier: Carrier,
    pub timeline: Vec<(u64, Entry)>,
    setup: Setup,
    wire: Wire,
    playout: Playout,
    random: Random,
    laws: Laws,
    recogniser: Recogniser,
    queue: BTreeMap<(u64, u64), Step>,
    queued: u64,
    /// Which order of a sentence its voice is working on.
    speaking: BTreeMap<line::Key, u64>,
    frame_due: bool,
    abandoned: Epoch,
    now: u64,
    over: bool,
}

impl Sim {
    /// A call that is answered at time 0.
    pub fn new(setup: Setup) -> Self {
        let mut sim = Sim::ringing(setup);
        sim.at(0, Event::Answered);
        sim
    }

    /// A call that is not answered yet.
    pub fn ringing(setup: Setup) -> Self {
        let mut random = Random::new(setup.seed);
        let call =
            Conversation::new(setup.policy.clone(), setup.script.clone(), setup.before.clone());
        Sim {
            call,
            model: Model::default(),
            tools: Tools::default(),
            voice: Voice::new(setup.voice.clone(), Random::new(random.next())),
            carrier: Carrier::default(),
            timeline: Vec::new(),
            wire: Wire::new(setup.line.clone(), Random::new(random.next())),
            playout: Playout::default(),
            laws: Laws::new(&setup),
            recogniser: Recogniser::default(),
            random,
            setup,
            queue: BTreeMap::new(),
            queued: 0,
            speaking: BTreeMap::new(),
            frame_due: false,
            abandoned: Epoch::default(),
            now: 0,
            over: false,
        }
    }

    /// A call that begins with this greeting.
    pub fn greeting(words: &str) -> Self {
        let script = Script { greeting: words.to_owned(), ..script() };
        Sim::new(Setup { script, ..Setup::default() })
    }

    /// A call in which the caller is to speak first.
    pub fn listening() -> Self {
        Sim::new(Setup { script: script(), ..Setup::default() })
    }

    /// A call whose caller has asked something and is being answered with these words from
    /// [`ANSWER_AT`] on.
    pub fn answering(words: &str) -> Self {
        let mut sim = Sim::listening();
        sim.model.chosen.push_back(vendors::answer(words));
        sim.says(1_000, "When are you open?");
        sim
    }

    /// This happens at `at` ms.
    pub fn at(&mut self, at: u64, event: Event) {
        match &event {
            Event::Heard { text, .. } => self.laws.caller_says(at, text),
            Event::Interim { .. } => self.laws.guesses_are_told(),
            _ => {}
        }
        self.push(at, Step::Event(event));
    }

    /// The caller says this from `at` ms on; answers when they have said it.
    pub fn says(&mut self, at: u64, text: &str) -> u64 {
        self.laws.caller_says(at, text);
        let heard = self.setup.hearing.of_words(at, text, &mut self.recogniser);
        if let Some((when, words)) = heard.taken_back {
            self.queue.retain(|(at, _), step| {
                let is_it =
                    matches!(step, Step::Event(Event::Heard { text, .. }) if *text == words);
                *at != when || !is_it
            });
        }
        if let Some(word) = &heard.misheard {
            self.laws.misheard(word);
            self.laws.caller_says(at, &heard.doubtful);
        }
        for (at, event) in heard.events {
            self.push(at, Step::Event(event));
        }
        at + caller::takes(text)
    }

    /// The recogniser settles on this at `at` ms, or when it has settled on what was said before.
    pub fn settles(&mut self, at: u64, event: Event) {
        let at = self.recogniser.in_order(at);
        self.at(at, event);
    }

    /// The caller makes a sound that is no word.
    pub fn coughs(&mut self, at: u64, lasting: u64) {
        for (at, event) in self.setup.hearing.of_noise(at, lasting, &mut self.recogniser) {
            self.push(at, Step::Event(event));
        }
    }

    pub fn presses(&mut self, at: u64, keys: &str) {
        for (place, key) in keys.chars().enumerate() {
            self.at(at + 300 * place as u64, Event::KeyPressed { key });
        }
    }

    pub fn orders(&mut self, at: u64, id: &str, command: Command) {
        self.at(at, Event::Commanded { id: id.to_owned(), command });
    }

    /// The model's next answers.
    pub fn answers(&mut self, text: &str) {
        self.model.chosen.push_back(vendors::answer(text));
    }

    /// The model's next answer, step by step.
    pub fn answers_with(&mut self, parts: Vec<Part>) {
        self.model.chosen.push_back(parts);
    }

    /// Lets the call run until `at` ms.
    pub fn run_until(&mut self, at: u64) {
        while let Some(next) = self.next_at().filter(|next| *next <= at) {
            self.step(next);
        }
        self.now = self.now.max(at);
        for echo in self.carrier.advance(self.now) {
            self.echo(echo);
        }
    }

    /// Lets the call run to its end, which comes before `at` ms.
    pub fn run_to_end(&mut self, at: u64) {
        self.run_until(at);
        assert!(self.over, "the call goes on at {at} ms\n{}", self.told());
    }

    fn next_at(&self) -> Option<u64> {
        let queued = self.queue.first_key_value().map(|((at, _), _)| *at);
        let due = self.call.deadline().map(|(at, _)| at.0.max(self.now));
        queued.into_iter().chain(due).min()
    }

    fn step(&mut self, at: u64) {
        self.now = at;
        let queued = self.queue.first_entry().filter(|entry| entry.key().0 <= at);
        let step = queued.map_or(Step::Event(Event::Due), |entry| entry.remove());
        match step {
            Step::Event(event) => self.tell(event),
            Step::Work(epoch, event) => {
                if epoch >= self.abandoned || self.setup.leaks {
                    self.tell(event);
                }
            }
            Step::Voiced(epoch, key, order, event) => {
                if epoch < self.abandoned {
                    if self.setup.leaks {
                        self.tell(event);
                    }
                } else if self.speaking.get(&key) == Some(&order) {
                    self.take_audio(&event);
                    self.tell(event);
                }
            }
            Step::Frame => {
                self.frame_due = false;
                self.send();
            }
            Step::Arrives(message) => {
                for echo in self.carrier.arrive(message, self.now) {
                    self.echo(echo);
                }
                self.watch_marks();
            }
            Step::Reaches => {
                for echo in self.carrier.advance(self.now) {
                    self.echo(echo);
                }
                self.watch_marks();
            }
        }
        if self.playout.is_waiting() && !self.frame_due && !self.over {
            self.frame_due = true;
            self.push((self.now / 20 + 1) * 20, Step::Frame);
        }
    }

    /// The machine is told, its orders are carried out, the laws are checked.
    fn tell(&mut self, event: Event) {
        self.timeline.push((self.now, Entry::Happened(event.clone())));
        self.laws.happened(self.now, &event);
        self.call.handle(event, Moment(self.now));
        while let Some(action) = self.call.next_action() {
            self.timeline.push((self.now, Entry::Ordered(action.clone())));
            let lawful = self.laws.ordered(self.now, &action, &self.call);
            self.judge(lawful);
            self.carry_out(action);
        }
        self.playout.prune(self.call.ledger());
        let audible = self.carrier.sounds_until() + self.wire.slowest();
        let at_ear = (&self.carrier.ear, &self.wire);
        let lawful = self.laws.settled(self.now, &self.call, audible, at_ear);
        self.judge(lawful);
    }

    fn judge(&self, lawful: Result<(), String>) {
        if let Err(broken) = lawful {
            panic!("at {} ms: {broken}\n{}", self.now, self.told());
        }
    }

    fn carry_out(&mut self, action: Action) {
        match action {
            Action::Ask { epoch, reply, engine, .. } => {
                let work = self.model.ask(epoch, reply, engine);
                self.expect(epoch, work);
            }
            Action::Abandon { before } => {
                self.abandoned = before;
                self.playout.abandon(before);
                self.voice.abandon();
            }
            Action::RunTool { epoch, reply, call } => {
                let work = self.tools.run(epoch, reply, &call);
                let known = self.setup.script.tools.iter().find(|tool| tool.name == call.name);
                if known.is_some_and(|tool| tool.cancel_on_barge_in) {
                    self.expect(epoch, work.into_iter().collect());
                } else {
                    // It runs on whatever the machine has given up.
                    if let Some((after, event)) = work {
                        self.at(self.now + after, event);
                    }
                }
            }
            Action::Speak { epoch, utterance, sentence, text, voice, first } => {
                self.playout.reserve(epoch, (utterance, sentence), first);
                let spare = voice == Engined::Spare;
                let key = (utterance, sentence);
                let work = self.voice.speak(
                    self.now,
                    (epoch, utterance, sentence),
                    &text,
                    (spare, spare || first),
                    self.playout.ready(key),
                    &mut self.carrier.ear,
                );
                self.queued += 1;
                let order = self.queued;
                self.speaking.insert(key, order);
                for (after, event) in work {
                    self.push(self.now + after, Step::Voiced(epoch, key, order, event));
                }
            }
            Action::Clear { .. } => {
                let at = self.wire.there(self.now);
                self.push(at, Step::Arrives(line::Message::Clear));
                self.playout.rewind(self.call.ledger(), Moment(self.now));
            }
            Action::PlayKeys { epoch, utterance, sentence, keys } => {
                self.playout.reserve(epoch, (utterance, sentence), false);
                self.plays_keys(epoch, utterance, sentence, &keys);
            }
            Action::Gain { .. } => {}
            Action::Hold => self.playout.hold(),
            Action::Release => self.playout.release(),
            Action::HangUp { .. } => {
                self.over = true;
                self.last_sounds();
            }
            Action::Answer { .. } | Action::Note(_) => {}
        }
    }

    /// Tones are made at once.
    fn plays_keys(&mut self, epoch: Epoch, utterance: UtteranceId, sentence: u32, keys: &str) {
        let samples = keys.len() as u32 * 1_600;
        let key = (utterance, sentence);
        self.queued += 1;
        let order = self.queued;
        self.speaking.insert(key, order);
        let ready = Event::AudioReady { epoch, utterance, sentence, samples };
        let complete = Event::AudioComplete { epoch, utterance, sentence, voiced: (0, samples) };
        for event in [ready, complete] {
            self.push(self.now, Step::Voiced(epoch, key, order, event));
        }
        let half = u64::from(samples) / 2;
        let words = ["(pressed".to_owned(), format!("{keys})")];
        self.carrier.ear.spoken.insert(
            key,
            words
                .into_iter()
                .zip([(0, half), (half, 2 * half)])
                .map(|(word, (from, to))| line::SpokenWord { word, from, to })
                .collect(),
        );
    }

    fn expect(&mut self, epoch: Epoch, work: Vec<vendors::Later>) {
        for (after, event) in work {
            let at = self.now + after;
            // Words said twice are truly there twice.
            let may_double = !matches!(event, Event::ReplyText { .. });
            if may_double && self.random.chance(self.setup.doubled) {
                self.push(at + 1, Step::Work(epoch, event.clone()));
            }
            self.push(at, Step::Work(epoch, event));
        }
    }

    fn take_audio(&mut self, event: &Event) {
        match event {
            Event::AudioReady { utterance, sentence, samples, .. } => {
                self.playout.push((*utterance, *sentence), u64::from(*samples));
            }
            Event::AudioComplete { utterance, sentence, .. } => {
                self.playout.complete((*utterance, *sentence));
            }
            _ => {}
        }
    }

    fn send(&mut self) {
        while !self.over
            && self.call.ledger().ahead(Moment(self.now)).as_millis() < u128::from(self.wire.lead())
        {
            let Some(piece) = self.playout.next() else { break };
            let generation = self.call.ledger().generation();
            let (key, samples) = (piece.key, piece.samples);
            let at = self.wire.there(self.now);
            let audio = line::Message::Audio { key, from: piece.from, samples };
            self.push(at, Step::Arrives(audio));
            if let Some(mark) = piece.mark {
                self.push(at, Step::Arrives(line::Message::Mark { generation, mark }));
            }
            let lawful = self.laws.sent(key, &self.call);
            self.judge(lawful);
            let (utterance, sentence) = key;
            let samples = samples as u32;
            self.tell(Event::Sent { utterance, sentence, samples, mark: piece.mark });
        }
    }

    /// The carrier learns of the hang-up when all that was sent before it has arrived.
    fn last_sounds(&mut self) {
        let end = self.now + self.wire.slowest();
        for ((at, order), step) in std::mem::take(&mut self.queue) {
            match step {
                Step::Arrives(message) if at <= end => {
                    self.carrier.arrive(message, at);
                }
                other => {
                    self.queue.insert((at, order), other);
                }
            }
        }
        self.carrier.hang_up(end);
    }

    fn echo(&mut self, (generation, mark): (turn::Generation, turn::MarkId)) {
        for echo in self.wire.back(self.now, generation, mark) {
            let event = Event::MarkReturned { generation: echo.generation, mark: echo.mark };
            self.push(echo.at, Step::Event(event));
        }
    }

    fn watch_marks(&mut self) {
        if let Some(at) = self.carrier.next_mark_at() {
            self.push(at.max(self.now), Step::Reaches);
        }
    }

    fn push(&mut self, at: u64, step: Step) {
        self.queued += 1;
        self.queue.insert((at.max(self.now), self.queued), step);
    }
}

/// About when the answer of [`Sim::answering`] begins to sound, ms.
pub const ANSWER_AT: u64 = 3_200;

/// A script with all its phrases, but no greeting.
pub fn script() -> Script {
    Script {
        instructions: "You answer for a dentist.".to_owned(),
        greeting: String::new(),
        goodbye: "Thank you for calling. Goodbye.".to_owned(),
        transfer: "I will put you through now.".to_owned(),
        can_transfer: true,
        ..Script::default()
    }
}

/// The policy of most tests: the defaults, but no reply is prepared before its time, and the surest
/// end of a turn is [`SUREST`] after its last sound.
pub fn policy() -> Policy {
    let mut policy = Policy::default();
    policy.speculation.allowed = false;
    policy.barge_in.voice_for = Duration::from_millis(500);
    policy.end_of_turn.shortest = Duration::from_millis(SUREST);
    policy.end_of_turn.even = Duration::from_millis(750);
    policy.end_of_turn.spread = Duration::from_millis(350);
    policy
}

/// The silence after a sentence that surely ended the turn, ms.
pub const SUREST: u64 = 500;

pub fn say(text: &str) -> Command {
    Command::Say { text: text.to_owned(), now: false, protected: false }
}

pub fn say_now(text: &str) -> Command {
    Command::Say { text: text.to_owned(), now: true, protected: false }
}
