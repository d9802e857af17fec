//! A recorded session with other settings: what the caller's side did stays as it was, moment by
//! moment; what the agent's side does follows from what the machine orders now.
//!
//! A question to the model gets the reply that was recorded to the same words, as fast as then; a
//! sentence gets the audio that was recorded for it; the carrier plays in real time and returns marks
//! as late as it did. Where the recording has none of it, the nearest is taken and that is said. The
//! caller does not answer to what is new: who would be spoken into is seen, what they would have said
//! is not.

use std::{collections::BTreeMap, time::Duration};

use serde::Serialize;
use turn::{
    Action, Conversation, Engine, Epoch, Event, Moment, Policy, ReplyId, Script, ToolCall,
    UtteranceId, Voice,
};

use super::{
    line::Line,
    recorded::{Prompts, ReplyPart, Sentence, Session, SpeechPart, tones_of},
    turns::{Run, Watcher},
};
use crate::live::playout::Playout;

/// The carrier sends a frame, on which the gateway sends, so often, ms.
const FRAME_MS: u64 = 20;
/// A call whose recording ends while the agent still has the floor goes on for so long at most, ms.
const GOES_ON_FOR: u64 = 30_000;
/// Audio that is counted and not heard.
const AUDIO: [u8; 8_000] = [media::g711::SILENCE; 8_000];

/// Something that the recording could not tell.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Guess {
    pub at: Moment,
    pub what: Guessed,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Guessed {
    /// No reply to these words was recorded: the nearest was taken.
    Reply,
    /// The rest of a reply that was given up in the recording.
    RestOfReply,
    /// A sentence of which no audio, or not all of it, was recorded.
    Speech,
    /// A tool was not called like this, or did not answer, in the recording.
    Tool,
}

/// A run with other settings.
#[derive(Debug)]
pub struct Simulated {
    pub run: Run,
    pub guesses: Vec<Guess>,
}

/// Runs a session with these settings.
pub fn simulate(recorded: &Session, policy: Policy, script: Script) -> Simulated {
    let mut simulation = Simulation {
        recorded,
        machine: Conversation::new(policy, script, recorded.before.clone()),
        playout: Playout::new(Duration::from_millis(recorded.header.lead_ms)),
        line: Line::default(),
        watcher: Watcher::default(),
        prompts: Prompts::default(),
        guesses: Vec::new(),
        guessed_of: 0,
        queue: BTreeMap::new(),
        queued: 0,
        asked: 0,
        reply: None,
        speaking: BTreeMap::new(),
        now: Moment::default(),
        last_due: None,
        over: false,
    };
    for (at, event) in &recorded.outside {
        simulation.push(*at, Step::Outside(event.clone()));
    }
    simulation.run();
    let run = simulation.watcher.finish(Some(&recorded.run));
    Simulated { run, guesses: simulation.guesses }
}

type Key = (UtteranceId, u32);

/// What is yet to happen.
#[derive(Debug)]
enum Step {
    Outside(Event),
    /// Part of a reply.
    Reply(Work, Event),
    /// Part of a sentence.
    Speech(Work, Key, Event),
    /// A tool's answer, or a mark.
    Other(Event),
}

/// The question or order that something belongs to, counted, and what of it is guessed.
#[derive(Clone, Copy, Debug)]
struct Work {
    of: u64,
    guessed: Option<Guessed>,
}

struct Simulation<'a> {
    recorded: &'a Session,
    machine: Conversation,
    playout: Playout,
    line: Line,
    watcher: Watcher,
    prompts: Prompts,
    guesses: Vec<Guess>,
    /// The last work whose guess is among them.
    guessed_of: u64,
    /// By time, then in the order in which they were put there.
    queue: BTreeMap<(Moment, u64), Step>,
    queued: u64,
    /// Counts questions to the model and orders of sentences.
    asked: u64,
    /// The reply that is being given.
    reply: Option<(u64, Epoch)>,
    /// Which order of a sentence its voice works on.
    speaking: BTreeMap<Key, (u64, Epoch)>,
    now: Moment,
    last_due: Option<Moment>,
    over: bool,
}

impl Simulation<'_> {
    fn run(&mut self) {
        let ends = self.recorded.ended;
        loop {
            self.send();
            if self.over {
                return;
            }
            let nothing_left = self.machine.is_between_turns() && !self.playout.is_waiting();
            let Some(next) = self.next() else { return };
            let after = next.0.saturating_sub(ends.0);
            if next > ends && (nothing_left || after > GOES_ON_FOR) {
                return;
            }
            self.now = self.now.max(next);
            let due = self.queue.first_entry().filter(|entry| entry.key().0 <= self.now);
            match due.map(|entry| entry.remove()) {
                Some(step) => self.take(step),
                None if self.deadline().is_some_and(|due| due <= self.now) => {
                    self.last_due = Some(self.now);
                    self.tell(Event::Due);
                }
                // The carrier's frame: time to send.
                None => {}
            }
        }
    }

    /// When anything happens next.
    fn next(&self) -> Option<Moment> {
        let queued = self.queue.first_key_value().map(|((at, _), _)| *at);
        let frame = self.playout.is_waiting().then(|| {
            let phase = self.recorded.frame_phase % FRAME_MS;
            let into = (self.now.0 + FRAME_MS - phase) % FRAME_MS;
            Moment(self.now.0 + FRAME_MS - into)
        });
        [queued, self.deadline(), frame].into_iter().flatten().min()
    }

    /// A session looks a millisecond after the machine's deadline, and not twice in one.
    fn deadline(&self) -> Option<Moment> {
        let (at, _) = self.machine.deadline()?;
        let due = Moment(at.0 + 1);
        Some(self.last_due.map_or(due, |last| due.max(Moment(last.0 + 1))))
    }

    fn take(&mut self, step: Step) {
        match step {
            Step::Outside(event) => {
                let ends = matches!(event, Event::Interrupted);
                self.tell(event);
                self.over |= ends;
            }
            Step::Other(event) => self.tell(event),
            Step::Reply(work, event) => {
                if self.reply.is_some_and(|(current, _)| current == work.of) {
                    self.guess(work);
                    self.tell(event);
                }
            }
            Step::Speech(work, key, event) => {
                if self.speaking.get(&key).is_some_and(|(current, _)| *current == work.of) {
                    self.guess(work);
                    let event = self.spoken(key, event);
                    self.tell(event);
                }
            }
        }
    }

    /// Audio comes into the playout as it does in a session.
    fn spoken(&mut self, (utterance, sentence): Key, event: Event) -> Event {
        match event {
            Event::AudioReady { epoch, samples, .. } => {
                let mut taken = 0;
                while taken < samples as usize {
                    let piece = (samples as usize - taken).min(AUDIO.len());
                    let room = self.playout.push(utterance, sentence, &AUDIO[..piece]);
                    taken += room;
                    if room < piece {
                        break;
                    }
                }
                Event::AudioReady { epoch, utterance, sentence, samples: taken as u32 }
            }
            Event::WordsTimed { words, epoch, .. } => {
                self.playout.words(utterance, sentence, words.iter().map(|word| word.end));
                Event::WordsTimed { epoch, utterance, sentence, words }
            }
            Event::AudioComplete { .. } | Event::VoiceFailed { .. } => {
                self.playout.complete(utterance, sentence);
                event
            }
            other => other,
        }
    }

    /// The machine is told, and its orders are carried out.
    fn tell(&mut self, event: Event) {
        self.watcher.event(&event);
        self.prompts.event(&event);
        self.machine.handle(event, self.now);
        self.machine.take_heard();
        while let Some(action) = self.machine.next_action() {
            self.watcher.action(self.now, &action);
            if let Action::Note(note) = &action {
                self.prompts.note(note);
            }
            self.carry_out(action);
        }
        self.playout.prune(self.machine.ledger());
    }

    fn carry_out(&mut self, action: Action) {
        match action {
            Action::Ask { epoch, reply, engine, speculative } => {
                self.ask(epoch, reply, engine, speculative);
            }
            Action::Abandon { before } => {
                self.reply.take_if(|(_, epoch)| *epoch < before);
                self.speaking.retain(|_, (_, epoch)| *epoch >= before);
                self.playout.abandon(before);
            }
            Action::RunTool { epoch, reply, call } => self.run_tool(epoch, reply, call),
            Action::Speak { epoch, utterance, sentence, text, voice, first } => {
                self.playout.reserve(epoch, utterance, sentence, first);
                self.speak(epoch, (utterance, sentence), &text, voice == Voice::Spare);
            }
            Action::PlayKeys { epoch, utterance, sentence, keys } => {
                self.playout.reserve(epoch, utterance, sentence, false);
                self.speak(epoch, (utterance, sentence), &tones_of(&keys), false);
            }
            Action::Clear { generation, .. } => {
                self.playout.rewind(self.machine.ledger(), self.now);
                self.line.clear(self.now, generation);
            }
            Action::Hold => self.playout.hold(),
            Action::Release => self.playout.release(),
            Action::HangUp { .. } => self.over = true,
            _ => {}
        }
    }

    fn ask(&mut self, epoch: Epoch, reply: ReplyId, engine: Engine, speculative: bool) {
        self.asked += 1;
        let asked = self.asked;
        self.reply = Some((asked, epoch));
        let prompt = self.prompts.now(speculative);
        let Some(chosen) = self.recorded.reply(&prompt, engine, self.now) else {
            self.guess(Work { of: asked, guessed: Some(Guessed::Reply) });
            return;
        };
        let guessed = (!chosen.same).then_some(Guessed::Reply);
        let known = chosen.of.parts.iter().map(|(after, part)| (*after, part.clone(), guessed));
        let mut parts: Vec<(u64, ReplyPart, Option<Guessed>)> = known.collect();
        if let Some(cut_at) = chosen.of.cut_at {
            // What was given up then may be wanted now.
            let from = cut_at + 1;
            let guessed = Some(Guessed::RestOfReply);
            let whole = self.recorded.whole_reply(prompt.tools, chosen.of.asked);
            match whole.filter(|_| !chosen.of.speaks()) {
                Some(whole) => parts.extend(
                    whole.parts.iter().map(|(at, part)| ((*at).max(from), part.clone(), guessed)),
                ),
                None => parts.push((from, ReplyPart::Done, guessed)),
            }
        }
        let now = self.now;
        for (after, part, guessed) in parts {
            let event = match part {
                ReplyPart::Text(text) => Event::ReplyText { epoch, reply, text },
                ReplyPart::Tool(call) => Event::ReplyTool { epoch, reply, call },
                ReplyPart::Done => Event::ReplyDone { epoch, reply },
                ReplyPart::Failed => Event::ReplyFailed { epoch, reply },
            };
            let work = Work { of: asked, guessed };
            self.push(now + Duration::from_millis(after), Step::Reply(work, event));
        }
    }

    fn run_tool(&mut self, epoch: Epoch, reply: ReplyId, call: ToolCall) {
        self.asked += 1;
        let guess = Work { of: self.asked, guessed: Some(Guessed::Tool) };
        let chosen = self.recorded.tool(&call, self.now);
        if chosen.as_ref().is_none_or(|chosen| !chosen.same) {
            self.guess(guess);
        }
        // Without one it does not answer here either.
        let Some((after, content)) = chosen.and_then(|chosen| chosen.of.answer.clone()) else {
            return;
        };
        let event = Event::ToolAnswered { epoch, reply, call_id: call.id, content };
        self.push(self.now + Duration::from_millis(after), Step::Other(event));
    }

    fn speak(&mut self, epoch: Epoch, key: Key, text: &str, spare: bool) {
        self.asked += 1;
        let of = self.asked;
        self.speaking.insert(key, (of, epoch));
        let spoken = self.recorded.sentence(text, spare, self.now);
        let known = spoken.iter().flat_map(|spoken| &spoken.parts);
        let mut parts: Vec<(u64, SpeechPart, Option<Guessed>)> =
            known.map(|(after, part)| (*after, part.clone(), None)).collect();
        if spoken.is_none_or(|spoken| !spoken.complete) {
            let made = spoken.map_or(0, Sentence::samples);
            let from = spoken.map_or(0, |spoken| spoken.cut_at + 1);
            let rest = self.recorded.estimated(text, made).into_iter();
            parts.extend(rest.map(|(after, part)| (after.max(from), part, Some(Guessed::Speech))));
        }
        let (utterance, sentence) = key;
        let now = self.now;
        for (after, part, guessed) in parts {
            let event = match part {
                SpeechPart::Audio(samples) => {
                    Event::AudioReady { epoch, utterance, sentence, samples }
                }
                SpeechPart::Words(words) => Event::WordsTimed { epoch, utterance, sentence, words },
                SpeechPart::Complete(voiced) => {
                    Event::AudioComplete { epoch, utterance, sentence, voiced }
                }
                SpeechPart::Failed => Event::VoiceFailed { epoch, utterance, sentence },
            };
            let work = Work { of, guessed };
            self.push(now + Duration::from_millis(after), Step::Speech(work, key, event));
        }
    }

    /// Sends what is due ahead of what was heard, as a session does.
    fn send(&mut self) {
        while !self.over {
            let ahead = self.machine.ledger().ahead(self.now);
            let Some(piece) = self.playout.next(ahead) else { return };
            let (utterance, sentence) = (piece.utterance, piece.sentence);
            let (samples, mark) = (piece.mulaw.len() as u32, piece.mark);
            let reached = self.line.sent(self.now, samples);
            if let (Some(mark), Some(delay)) = (mark, self.recorded.mark_delay) {
                let event = Event::MarkReturned { generation: self.line.generation(), mark };
                self.push(reached + Duration::from_millis(delay), Step::Other(event));
            }
            self.tell(Event::Sent { utterance, sentence, samples, mark });
        }
    }

    /// Notes a guess when it matters: what is thrown away before it comes is none. Once for each work.
    fn guess(&mut self, work: Work) {
        if let Some(what) = work.guessed
            && self.guessed_of != work.of
        {
            self.guessed_of = work.of;
            self.guesses.push(Guess { at: self.now, what });
        }
    }

    fn push(&mut self, at: Moment, step: Step) {
        self.queued += 1;
        self.queue.insert((at.max(self.now), self.queued), step);
    }
}
