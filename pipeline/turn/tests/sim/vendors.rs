//! The vendors, played: a voice that makes audio of sentences, a model that answers, tools.

use std::collections::VecDeque;

use turn::{Engine, Epoch, Event, ReplyId, ToolCall, UtteranceId};

use super::{
    line::{Ear, PER_MS, SpokenWord},
    random::Random,
};

/// An event and how many ms from now it happens.
pub type Later = (u64, Event);

/// How the voice speaks. Times in ms.
#[derive(Clone, Debug)]
pub struct VoiceSetup {
    /// From the order to the first audio.
    pub first_audio: u64,
    /// Audio is made so many times faster than it plays, in percent.
    pub speed: u64,
    pub per_letter: u64,
    /// How much words differ from that pace, in percent.
    pub uneven: u64,
    /// Says when words are spoken.
    pub times_words: bool,
    /// What goes wrong with the next sentences, in order.
    pub faults: VecDeque<VoiceFault>,
}

impl Default for VoiceSetup {
    fn default() -> Self {
        VoiceSetup {
            first_audio: 150,
            speed: 400,
            per_letter: 70,
            uneven: 0,
            times_words: false,
            faults: VecDeque::new(),
        }
    }
}

/// What happens to one sentence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VoiceFault {
    None,
    /// Fails after this much audio, ms.
    FailsAfter(u64),
    /// Not a sound, and no word of failure.
    Mute,
    /// The first audio comes this much later, ms.
    Late(u64),
}

/// Silence before and after the words of a sentence, ms.
const PAD: u64 = 40;
const CHUNK: u64 = 100;

/// The voice.
#[derive(Debug)]
pub struct Voice {
    pub setup: VoiceSetup,
    random: Random,
    /// When the sentence before is made, ms.
    busy_until: u64,
}

impl Voice {
    pub fn new(setup: VoiceSetup, random: Random) -> Self {
        Voice { setup, random, busy_until: 0 }
    }

    /// Makes audio of a sentence, or of the rest of it when `before` samples are there: the events
    /// that follow. `at_once`: does not wait for the sentences before.
    pub fn speak(
        &mut self,
        now: u64,
        (epoch, utterance, sentence): (Epoch, UtteranceId, u32),
        text: &str,
        (spare, at_once): (bool, bool),
        before: u64,
        ear: &mut Ear,
    ) -> Vec<Later> {
        let fault = if spare {
            self.setup.faults.pop_front_if_spare()
        } else {
            self.setup.faults.pop_front().unwrap_or(VoiceFault::None)
        };
        let key = (utterance, sentence);
        // What was not made yet is given up: all of it where the sentence is said anew.
        let spoken = ear.spoken.entry(key).or_default();
        spoken.retain(|word| (word.from + word.to) / 2 <= before);
        let first = PAD * PER_MS;
        let mut at = before + PAD * PER_MS;
        let mut words = Vec::new();
        for (place, word) in places(text) {
            let uneven = self.setup.uneven;
            let pace =
                self.setup.per_letter * self.random.between(100 - uneven, 100 + uneven) / 100;
            let letters = word.chars().map(weight).sum::<u64>() + 1;
            let to = at + letters * pace * PER_MS;
            words.push((place + word.len(), SpokenWord { word: word.to_owned(), from: at, to }));
            at = to;
        }
        let voiced_to = at;
        let mut total = at + PAD * PER_MS - before;
        let fails = match fault {
            VoiceFault::FailsAfter(ms) => {
                total = total.min(ms * PER_MS);
                true
            }
            VoiceFault::Mute => return Vec::new(),
            VoiceFault::None | VoiceFault::Late(_) => false,
        };
        let late = if let VoiceFault::Late(ms) = fault { ms } else { 0 };
        words.retain(|(_, word)| (word.from + word.to) / 2 <= before + total);
        let timed: Vec<turn::WordAt> = words
            .iter()
            .map(|(end, word)| turn::WordAt { text_end: *end as u32, end: word.to as u32 })
            .collect();
        spoken.extend(words.into_iter().map(|(_, word)| word));

        let begin = if at_once { now } else { now.max(self.busy_until) };
        let mut when = begin + self.setup.first_audio + late - now;
        let mut events = Vec::new();
        if self.setup.times_words && !spare {
            events.push((when, Event::WordsTimed { epoch, utterance, sentence, words: timed }));
        }
        let mut left = total;
        while left > 0 {
            let samples = left.min(CHUNK * PER_MS) as u32;
            events.push((when, Event::AudioReady { epoch, utterance, sentence, samples }));
            left -= u64::from(samples);
            when += u64::from(samples) / PER_MS * 100 / self.setup.speed;
        }
        events.push(if fails {
            (when, Event::VoiceFailed { epoch, utterance, sentence })
        } else {
            let voiced = (first as u32, voiced_to as u32);
            (when, Event::AudioComplete { epoch, utterance, sentence, voiced })
        });
        if !at_once {
            self.busy_until = now + when;
        }
        events
    }

    /// What was being made is given up.
    pub fn abandon(&mut self) {
        self.busy_until = 0;
    }
}

trait Spare {
    fn pop_front_if_spare(&mut self) -> VoiceFault;
}

impl Spare for VecDeque<VoiceFault> {
    /// The spare voice fails only where that is said right after the chosen one's failure.
    fn pop_front_if_spare(&mut self) -> VoiceFault {
        match self.front() {
            Some(VoiceFault::FailsAfter(_) | VoiceFault::Mute) => {
                self.pop_front().unwrap_or(VoiceFault::None)
            }
            Some(VoiceFault::None | VoiceFault::Late(_)) | None => VoiceFault::None,
        }
    }
}

fn weight(letter: char) -> u64 {
    match letter {
        ',' | ';' | ':' => 3,
        '.' | '!' | '?' => 5,
        '0'..='9' => 4,
        _ => 1,
    }
}

/// The words of a text with their places in it, in bytes.
fn places(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.split_whitespace().map(move |word| (word.as_ptr() as usize - text.as_ptr() as usize, word))
}

/// One step of a model's answer.
#[derive(Clone, Debug)]
pub enum Part {
    /// So many ms pass.
    Wait(u64),
    Text(String),
    Tool {
        id: String,
        name: String,
        arguments: serde_json::Value,
    },
    Done,
    Fail,
}

/// A model's answer: text in words after 250 ms, then its end.
pub fn answer(text: &str) -> Vec<Part> {
    let mut parts = vec![Part::Wait(250)];
    parts.extend(words(text));
    parts.push(Part::Done);
    parts
}

/// Text in words, 15 ms apart.
pub fn words(text: &str) -> Vec<Part> {
    text.split_inclusive(' ')
        .flat_map(|word| [Part::Text(word.to_owned()), Part::Wait(15)])
        .collect()
}

/// A model's call of a tool, after 250 ms.
pub fn tool(id: &str, name: &str) -> Part {
    tool_with(id, name, serde_json::json!({}))
}

/// The same, with arguments.
pub fn tool_with(id: &str, name: &str, arguments: serde_json::Value) -> Part {
    Part::Tool { id: id.to_owned(), name: name.to_owned(), arguments }
}

/// The model, chosen or spare.
#[derive(Debug, Default)]
pub struct Model {
    /// What is answered, in order; then always the same.
    pub chosen: VecDeque<Vec<Part>>,
    pub spare: VecDeque<Vec<Part>>,
}

impl Model {
    pub fn ask(&mut self, epoch: Epoch, reply: ReplyId, engine: Engine) -> Vec<Later> {
        let parts = match engine {
            Engine::Chosen => self.chosen.pop_front().unwrap_or_else(|| answer("I see.")),
            Engine::Spare => self.spare.pop_front().unwrap_or_else(|| answer("Let me see.")),
        };
        let mut at = 0;
        let mut events = Vec::new();
        for part in parts {
            match part {
                Part::Wait(ms) => at += ms,
                Part::Text(text) => events.push((at, Event::ReplyText { epoch, reply, text })),
                Part::Tool { id, name, arguments } => {
                    let call = ToolCall { id, name, arguments };
                    events.push((at, Event::ReplyTool { epoch, reply, call }));
                }
                Part::Done => events.push((at, Event::ReplyDone { epoch, reply })),
                Part::Fail => events.push((at, Event::ReplyFailed { epoch, reply })),
            }
        }
        events
    }
}

/// The tools: what each next call is answered, and after how many ms. `None`: never.
#[derive(Debug, Default)]
pub struct Tools {
    pub answers: VecDeque<Option<(u64, String)>>,
}

impl Tools {
    pub fn run(&mut self, epoch: Epoch, reply: ReplyId, call: &ToolCall) -> Option<Later> {
        let answer = self.answers.pop_front().unwrap_or_else(|| Some((200, "Done.".to_owned())));
        let (after, content) = answer?;
        Some((after, Event::ToolAnswered { epoch, reply, call_id: call.id.clone(), content }))
    }
}
