//! The way of the agent's audio: playout (what is sent, when, with which marks), the carrier that
//! buffers and plays it in real time and echoes marks, and the ear that hears it.
//!
//! Audio is counted, not made: a piece is a sentence and a range of its samples.

use std::collections::{BTreeMap, VecDeque};

use turn::{Epoch, Generation, MarkId, Moment, UtteranceId, heard::Ledger};

use super::random::Random;

/// Samples in a millisecond.
pub const PER_MS: u64 = 8;
const MESSAGE: u64 = 100 * PER_MS;
const MARK_EVERY: u64 = 200 * PER_MS;

pub type Key = (UtteranceId, u32);

/// How the carrier behaves. Times in ms, chances of a thousand.
#[derive(Clone, Debug)]
pub struct LineSetup {
    /// Playout runs so far ahead of what was heard.
    pub lead: u64,
    /// From us to the carrier.
    pub there: u64,
    /// From the carrier to us.
    pub back: u64,
    /// Added to either, at most.
    pub jitter: u64,
    pub marks_lost: u64,
    pub marks_doubled: u64,
    /// Marks that come this much later than they should, and how often.
    pub marks_late: (u64, u64),
    /// Every so often, for so long, nothing passes either way; what is sent comes after it. 0: never.
    pub stalls: (u64, u64),
}

impl Default for LineSetup {
    fn default() -> Self {
        LineSetup {
            lead: 400,
            there: 30,
            back: 30,
            jitter: 0,
            marks_lost: 0,
            marks_doubled: 0,
            marks_late: (0, 0),
            stalls: (0, 0),
        }
    }
}

/// One sentence's audio on our side.
#[derive(Debug)]
struct Clip {
    epoch: Epoch,
    key: Key,
    ready: u64,
    sent: u64,
    complete: bool,
}

/// What goes over the wire to the carrier.
#[derive(Clone, Debug)]
pub enum Message {
    Audio { key: Key, from: u64, samples: u64 },
    Mark { generation: Generation, mark: MarkId },
    Clear,
}

/// A piece just sent, as the machine is told.
pub struct Piece {
    pub key: Key,
    pub from: u64,
    pub samples: u64,
    pub mark: Option<MarkId>,
}

/// What is queued to be sent.
#[derive(Debug, Default)]
pub struct Playout {
    clips: VecDeque<Clip>,
    held: bool,
    marks: u32,
    unmarked: u64,
}

impl Playout {
    pub fn reserve(&mut self, epoch: Epoch, key: Key, first: bool) {
        if let Some(clip) = self.find(key) {
            clip.complete = false;
            return;
        }
        let clip = Clip { epoch, key, ready: 0, sent: 0, complete: false };
        let place = if first { self.clips.iter().position(|clip| clip.sent == 0) } else { None };
        self.clips.insert(place.unwrap_or(self.clips.len()), clip);
    }

    pub fn push(&mut self, key: Key, samples: u64) {
        if let Some(clip) = self.find(key) {
            clip.ready += samples;
        }
    }

    /// How many samples of a sentence there are.
    pub fn ready(&self, key: Key) -> u64 {
        self.clips.iter().find(|clip| clip.key == key).map_or(0, |clip| clip.ready)
    }

    pub fn complete(&mut self, key: Key) {
        if let Some(clip) = self.find(key) {
            clip.complete = true;
        }
    }

    pub fn hold(&mut self) {
        self.held = true;
    }

    pub fn release(&mut self) {
        self.held = false;
    }

    pub fn is_held(&self) -> bool {
        self.held
    }

    /// The carrier was told to clear: what is not heard is to be sent again.
    pub fn rewind(&mut self, ledger: &Ledger, now: Moment) {
        self.unmarked = 0;
        for clip in &mut self.clips {
            clip.sent = clip.sent.min(ledger.heard_samples(clip.key.0, clip.key.1, now));
        }
    }

    pub fn abandon(&mut self, before: Epoch) {
        self.clips.retain(|clip| clip.epoch >= before);
    }

    pub fn prune(&mut self, ledger: &Ledger) {
        for clip in &mut self.clips {
            // The machine may give a sentence up while its voice still owes audio.
            clip.complete |= ledger.is_complete(clip.key.0, clip.key.1);
        }
        self.clips.retain(|clip| {
            let done = clip.complete && clip.sent == clip.ready;
            ledger.knows(clip.key.0, clip.key.1)
                && !(done && ledger.is_heard(clip.key.0, clip.key.1))
        });
    }

    /// The next piece. A sentence that is not ready holds up those behind it.
    pub fn next(&mut self) -> Option<Piece> {
        if self.held {
            return None;
        }
        let clip = self.clips.iter_mut().find(|clip| !clip.complete || clip.sent < clip.ready)?;
        let samples = (clip.ready - clip.sent).min(MESSAGE);
        if samples == 0 {
            return None;
        }
        let from = clip.sent;
        clip.sent += samples;
        self.unmarked += samples;
        let ends = clip.complete && clip.sent == clip.ready;
        let mark = (ends || self.unmarked >= MARK_EVERY).then(|| {
            self.unmarked = 0;
            self.marks += 1;
            MarkId(self.marks)
        });
        Some(Piece { key: clip.key, from, samples, mark })
    }

    /// Could something be sent, but for the lead?
    pub fn is_waiting(&self) -> bool {
        !self.held
            && self
                .clips
                .iter()
                .find(|clip| !clip.complete || clip.sent < clip.ready)
                .is_some_and(|clip| clip.sent < clip.ready)
    }

    fn find(&mut self, key: Key) -> Option<&mut Clip> {
        self.clips.iter_mut().find(|clip| clip.key == key)
    }
}

/// A mark on its way back.
pub struct Echo {
    pub at: u64,
    pub generation: Generation,
    pub mark: MarkId,
}

/// The carrier's buffer, played in real time into the ear. Its clock counts samples.
#[derive(Debug, Default)]
pub struct Carrier {
    buffer: VecDeque<Message>,
    /// When the front of the buffer begins to play.
    cursor: u64,
    pub ear: Ear,
}

impl Carrier {
    /// A message arrives at `now` ms; answers when to look again, if that can be said.
    pub fn arrive(&mut self, message: Message, now: u64) -> Vec<(Generation, MarkId)> {
        let mut echoes = self.advance(now);
        match message {
            Message::Clear => {
                self.cut(now * PER_MS);
                for message in self.buffer.drain(..) {
                    if let Message::Mark { generation, mark } = message {
                        echoes.push((generation, mark));
                    }
                }
            }
            Message::Audio { .. } | Message::Mark { .. } => {
                if self.buffer.is_empty() {
                    self.cursor = self.cursor.max(now * PER_MS);
                }
                self.buffer.push_back(message);
                echoes.extend(self.advance(now));
            }
        }
        echoes
    }

    /// Plays until `now` ms; answers the marks that were reached.
    pub fn advance(&mut self, now: u64) -> Vec<(Generation, MarkId)> {
        let mut echoes = Vec::new();
        while let Some(front) = self.buffer.front() {
            match *front {
                Message::Audio { key, from, samples } if self.cursor + samples <= now * PER_MS => {
                    self.ear.hear(key, from, samples, self.cursor);
                    self.cursor += samples;
                }
                Message::Mark { generation, mark } if self.cursor <= now * PER_MS => {
                    echoes.push((generation, mark));
                }
                Message::Audio { .. } | Message::Mark { .. } | Message::Clear => break,
            }
            self.buffer.pop_front();
        }
        echoes
    }

    /// When the next mark will be reached, in ms.
    pub fn next_mark_at(&self) -> Option<u64> {
        let mut at = self.cursor;
        for message in &self.buffer {
            match message {
                Message::Audio { samples, .. } => at += samples,
                Message::Mark { .. } => return Some(at.div_ceil(PER_MS)),
                Message::Clear => {}
            }
        }
        None
    }

    /// The call is over: what was played until `now` ms was heard, nothing after it.
    pub fn hang_up(&mut self, now: u64) {
        self.advance(now);
        self.cut(now * PER_MS);
        self.buffer.clear();
    }

    /// Until when, in ms, the caller hears something, by what is buffered.
    pub fn sounds_until(&self) -> u64 {
        let buffered: u64 = self
            .buffer
            .iter()
            .map(|message| match message {
                Message::Audio { samples, .. } => *samples,
                Message::Mark { .. } | Message::Clear => 0,
            })
            .sum();
        (self.cursor + buffered) / PER_MS
    }

    fn cut(&mut self, now: u64) {
        if let Some(Message::Audio { key, from, samples }) = self.buffer.front()
            && now > self.cursor
        {
            let played = (now - self.cursor).min(*samples);
            self.ear.hear(*key, *from, played, self.cursor);
        }
        self.cursor = self.cursor.max(now);
    }
}

/// A word as the voice truly spoke it.
#[derive(Clone, Debug)]
pub struct SpokenWord {
    pub word: String,
    pub from: u64,
    pub to: u64,
}

/// A stretch of one sentence that was heard without a break.
#[derive(Clone, Debug)]
pub struct Stretch {
    pub key: Key,
    pub from: u64,
    pub to: u64,
    /// When it began, in samples.
    pub at: u64,
}

/// What the caller truly heard.
#[derive(Debug, Default)]
pub struct Ear {
    pub stretches: Vec<Stretch>,
    /// What the voice made of each sentence.
    pub spoken: BTreeMap<Key, Vec<SpokenWord>>,
}

impl Ear {
    fn hear(&mut self, key: Key, from: u64, samples: u64, at: u64) {
        if samples == 0 {
            return;
        }
        if let Some(last) = self.stretches.last_mut()
            && last.key == key
            && last.to == from
            && last.at + (last.to - last.from) == at
        {
            last.to += samples;
            return;
        }
        self.stretches.push(Stretch { key, from, to: from + samples, at });
    }

    /// The words of an utterance of which at least half was heard.
    pub fn words(&self, utterance: UtteranceId) -> Vec<&str> {
        let mut heard = Vec::new();
        for (key, words) in self.spoken.range((utterance, 0)..=(utterance, u32::MAX)) {
            for word in words {
                let part: u64 = self
                    .stretches
                    .iter()
                    .filter(|stretch| stretch.key == *key)
                    .map(|stretch| {
                        stretch.to.min(word.to).saturating_sub(stretch.from.max(word.from))
                    })
                    .sum();
                if part * 2 >= word.to - word.from {
                    heard.push(word.word.as_str());
                }
            }
        }
        heard
    }

    /// The utterances in the order in which they were heard, with their words.
    pub fn utterances(&self) -> Vec<(UtteranceId, String)> {
        let mut order: Vec<UtteranceId> = Vec::new();
        for stretch in &self.stretches {
            if !order.contains(&stretch.key.0) {
                order.push(stretch.key.0);
            }
        }
        order.into_iter().map(|utterance| (utterance, self.words(utterance).join(" "))).collect()
    }
}

/// Delays and faults of the line, drawn.
#[derive(Debug)]
pub struct Wire {
    setup: LineSetup,
    random: Random,
    there_last: u64,
    back_last: u64,
}

impl Wire {
    pub fn new(setup: LineSetup, random: Random) -> Self {
        Wire { setup, random, there_last: 0, back_last: 0 }
    }

    pub fn lead(&self) -> u64 {
        self.setup.lead
    }

    /// The longest that anything takes one way, but for marks made late.
    pub fn slowest(&self) -> u64 {
        self.setup.there.max(self.setup.back) + self.setup.jitter + self.setup.stalls.1
    }

    /// The longest way there and back.
    pub fn round_trip(&self) -> u64 {
        self.setup.there + self.setup.back + 2 * (self.setup.jitter + self.setup.stalls.1)
    }

    /// How far what marks say may be behind what was heard, ms, beyond the way there and back.
    pub fn doubt(&self) -> u64 {
        let late = if self.setup.marks_late.1 > 0 { self.setup.marks_late.0 } else { 0 };
        let lost =
            if self.setup.marks_lost > 0 { self.setup.lead + MARK_EVERY / PER_MS } else { 0 };
        late.max(lost).max(self.setup.stalls.1)
    }

    fn past_stall(&self, at: u64) -> u64 {
        match self.setup.stalls {
            (0, _) => at,
            (every, length) if at % every < length => at - at % every + length,
            _ => at,
        }
    }

    /// When a message sent now arrives at the carrier: never before one sent earlier.
    pub fn there(&mut self, now: u64) -> u64 {
        let jitter = self.random.between(0, self.setup.jitter);
        let at = self.past_stall(now + self.setup.there + jitter);
        self.there_last = self.there_last.max(at);
        self.there_last
    }

    /// When the echo of a mark arrives here: never, once, or twice.
    pub fn back(&mut self, now: u64, generation: Generation, mark: MarkId) -> Vec<Echo> {
        if self.random.chance(self.setup.marks_lost) {
            return Vec::new();
        }
        let jitter = self.random.between(0, self.setup.jitter);
        let (late, often) = self.setup.marks_late;
        let late = if self.random.chance(often) { late } else { 0 };
        let at = self.past_stall(now + self.setup.back + jitter + late);
        self.back_last = self.back_last.max(at);
        let at = self.back_last;
        let mut echoes = vec![Echo { at, generation, mark }];
        if self.random.chance(self.setup.marks_doubled) {
            echoes.push(Echo { at: at + 5, generation, mark });
        }
        echoes
    }
}
