//! A session, played by numbers: a caller who speaks at given times, a model and a voice with fixed
//! delays, a carrier that plays in real time. It writes the journal that a session would.

use std::{collections::BTreeMap, time::Duration};

use tandem::live::journal::{Entry, Header, MACHINE};
use turn::{
    Action, Conversation, Epoch, Event, Generation, MarkId, Message, Moment, Note, Policy, Script,
    UtteranceId, endpoint::EndOfTurn, policy::Speculation,
};

/// From the question to the model's answer, ms.
pub const MODEL_MS: u64 = 300;
/// From a sentence to its audio, ms.
pub const VOICE_MS: u64 = 200;
/// A letter of the voice, samples.
pub const LETTER: u64 = 480;
/// From a mark's being reached to its coming back, ms.
pub const MARK_MS: u64 = 40;
/// From the caller's last sound to the VAD's word for it, ms.
pub const VAD_MS: u64 = 100;

/// A call to be written down.
pub struct Played {
    machine: Conversation,
    queue: BTreeMap<(u64, u64), Event>,
    queued: u64,
    /// What the model answers, in order.
    answers: Vec<&'static str>,
    now: u64,
    carrier_until: u64,
    generation: Generation,
    marks: u32,
    held: bool,
    /// What was made while nothing was to be sent.
    unsent: Vec<(Epoch, UtteranceId, u32, u32)>,
    over: bool,
    pub lines: Vec<u8>,
}

impl Played {
    /// The machine with these settings; its header is written.
    pub fn new(call_sid: &str, policy: Policy, script: Script) -> Self {
        let header = Header {
            call_sid: call_sid.to_owned(),
            stream_sid: "MZ1".to_owned(),
            started_at: "2026-01-02T03:04:05Z".to_owned(),
            lead_id: None,
            call_id: None,
            stt: "played".to_owned(),
            llm: "played".to_owned(),
            tts: "played".to_owned(),
            policy: policy.clone(),
            script: script.clone(),
            machine: MACHINE.to_owned(),
            lead_ms: 400,
            before: Some(Vec::<Message>::new()),
            notes_before: 0,
            origin: None,
        };
        let mut lines = serde_json::to_vec(&header).unwrap();
        lines.push(b'\n');
        Played {
            machine: Conversation::new(policy, script, Vec::new()),
            queue: BTreeMap::new(),
            queued: 0,
            answers: Vec::new(),
            now: 0,
            carrier_until: 0,
            generation: Generation::default(),
            marks: 0,
            held: false,
            unsent: Vec::new(),
            over: false,
            lines,
        }
    }

    pub fn answers(mut self, answers: &[&'static str]) -> Self {
        self.answers = answers.iter().rev().copied().collect();
        self
    }

    pub fn at(mut self, at: u64, event: Event) -> Self {
        self.push(at, event);
        self
    }

    /// The caller says this between these times; the words are settled on when the VAD is sure.
    pub fn says(self, from: u64, to: u64, text: &str) -> Self {
        let heard = Event::Heard { text: text.to_owned(), confidence: Some(0.9) };
        self.at(from + 60, Event::SpeechStarted { at: Moment(from), echo: None })
            .at(to - 50, Event::Interim { text: text.to_owned() })
            .at(to + VAD_MS, Event::SpeechStopped { at: Moment(to), prosody: None })
            .at(to + VAD_MS, heard)
    }

    /// Plays it until `at` ms, where the caller hangs up, and gives the journal.
    pub fn until(mut self, at: u64) -> Vec<u8> {
        self.push(0, Event::Answered);
        self.push(at, Event::CallerLeft);
        while !self.over {
            let queued = self.queue.first_key_value().map(|((at, _), _)| *at);
            let due = self.machine.deadline().map(|(due, _)| (due.0 + 1).max(self.now));
            let next = queued.into_iter().chain(due).min().expect("something is awaited");
            self.now = next;
            let event = match self.queue.first_entry().filter(|entry| entry.key().0 <= next) {
                Some(entry) => entry.remove(),
                None => Event::Due,
            };
            self.tell(event);
        }
        self.lines
    }

    fn push(&mut self, at: u64, event: Event) {
        self.queued += 1;
        self.queue.insert((at, self.queued), event);
    }

    fn tell(&mut self, event: Event) {
        let at = Moment(self.now);
        self.write(&Entry::Event { at, event: event.clone() });
        self.machine.handle(event.clone(), at);
        while let Some(action) = self.machine.next_action() {
            if !matches!(action, Action::Note(Note::CallerSaying { .. })) {
                self.write(&Entry::Action { at, action: action.clone() });
            }
            self.carry_out(action);
        }
        // All of a sentence is sent at once, and a mark behind it.
        if let Event::AudioComplete { epoch, utterance, sentence, voiced } = event {
            self.unsent.push((epoch, utterance, sentence, voiced.1));
        }
        if !self.held && !self.over {
            for (_, utterance, sentence, samples) in std::mem::take(&mut self.unsent) {
                self.send(utterance, sentence, samples);
            }
        }
    }

    fn send(&mut self, utterance: UtteranceId, sentence: u32, samples: u32) {
        self.marks += 1;
        let mark = MarkId(self.marks);
        self.carrier_until = self.carrier_until.max(self.now) + u64::from(samples) / 8;
        let generation = self.generation;
        self.push(self.carrier_until + MARK_MS, Event::MarkReturned { generation, mark });
        self.tell(Event::Sent { utterance, sentence, samples, mark: Some(mark) });
    }

    fn carry_out(&mut self, action: Action) {
        match action {
            Action::Ask { epoch, reply, .. } => {
                let text = self.answers.pop().unwrap_or("Fine.").to_owned();
                let at = self.now + MODEL_MS;
                self.push(at, Event::ReplyText { epoch, reply, text });
                self.push(at, Event::ReplyDone { epoch, reply });
            }
            Action::Speak { epoch, utterance, sentence, text, .. } => {
                let samples = (text.len() as u64 * LETTER) as u32;
                let at = self.now + VOICE_MS;
                self.push(at, Event::AudioReady { epoch, utterance, sentence, samples });
                let voiced = (0, samples);
                self.push(at, Event::AudioComplete { epoch, utterance, sentence, voiced });
            }
            Action::Clear { generation, .. } => {
                self.generation = generation;
                self.carrier_until = self.carrier_until.min(self.now);
            }
            Action::Abandon { before } => self.unsent.retain(|(epoch, ..)| *epoch >= before),
            Action::Hold => self.held = true,
            Action::Release => self.held = false,
            Action::HangUp { .. } => self.over = true,
            _ => {}
        }
    }

    fn write(&mut self, entry: &Entry) {
        serde_json::to_writer(&mut self.lines, entry).unwrap();
        self.lines.push(b'\n');
    }
}

/// The machine's settings by which the tests' figures are computed: this silence ends a turn, whatever
/// is known of it, and nothing is prepared before.
pub fn policy(silence_ms: u64) -> Policy {
    let speculation = Speculation { allowed: false, ..Speculation::default() };
    let end_of_turn = EndOfTurn::silence_only(Duration::from_millis(silence_ms));
    Policy { end_of_turn, speculation, ..Policy::default() }
}

/// The same on the command line.
pub fn silence(ms: u64, name: &str) -> [String; 3] {
    ["shortest", "longest", "even"].map(|one| format!("{name}turn.end_of_turn.{one}={ms}"))
}
