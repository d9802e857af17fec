//! What a recording tells of everyone but the machine: what the caller's side did and when, what the
//! model answered to which words and how fast, how long each sentence took to make and to say, what
//! tools answered, and how soon the carrier's marks came back.

use std::{cmp::Reverse, collections::HashMap};

use turn::{
    Action, Engine, Epoch, Event, MarkId, Moment, Note, ReplyId, ToolCall, UtteranceId, Voice,
    WordAt, words,
};

use super::{
    exact::Watch,
    line::Line,
    turns::{Run, Watcher},
};
use crate::live::journal::{Header, said};

/// Letters of a sentence that has never been heard are this long until the call's own rate is known:
/// samples at 8 kHz.
const PER_LETTER: u64 = 560;
/// The same of its first audio, ms.
const FIRST_AUDIO_MS: u64 = 300;

/// One session of a recorded call.
#[derive(Debug)]
pub struct Session {
    pub header: Header,
    /// What was said in the sessions before.
    pub before: Vec<turn::Message>,
    /// What came from outside: the caller, the carrier, the STT, supervisors.
    pub outside: Vec<(Moment, Event)>,
    pub replies: Vec<Reply>,
    pub sentences: Vec<Sentence>,
    pub tools: Vec<Tool>,
    /// How long marks took from being reached to coming back, ms; `None`: none came back.
    pub mark_delay: Option<u64>,
    /// The carrier's frames come at this place of each 20 ms.
    pub frame_phase: u64,
    pub ended: Moment,
    pub run: Run,
}

/// What a reply is to: what the caller said since the agent was last heard, and the tools that have
/// answered since.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Prompt {
    pub words: Vec<String>,
    pub tools: u32,
}

/// A model's answer, with its times counted from the question.
#[derive(Debug)]
pub struct Reply {
    pub asked: Moment,
    pub prompt: Prompt,
    pub engine: Engine,
    pub parts: Vec<(u64, ReplyPart)>,
    /// It was given up so long after it was asked for, before its end.
    pub cut_at: Option<u64>,
}

#[derive(Clone, Debug)]
pub enum ReplyPart {
    Text(String),
    Tool(ToolCall),
    Done,
    Failed,
}

/// A sentence being made into audio, with its times counted from the order.
#[derive(Debug)]
pub struct Sentence {
    pub ordered: Moment,
    pub text: String,
    pub spare: bool,
    pub parts: Vec<(u64, SpeechPart)>,
    /// All of it was made, or the voice failed at it.
    pub complete: bool,
    /// Else it was given up so long after the order.
    pub cut_at: u64,
}

#[derive(Clone, Debug)]
pub enum SpeechPart {
    Audio(u32),
    Words(Vec<WordAt>),
    Complete((u32, u32)),
    Failed,
}

/// A tool's answer.
#[derive(Debug)]
pub struct Tool {
    pub called: Moment,
    pub name: String,
    pub arguments: serde_json::Value,
    /// So many ms later, this.
    pub answer: Option<(u64, String)>,
}

/// Follows what a reply would be to. Fed alike from a recording and from a simulation.
#[derive(Debug, Default)]
pub struct Prompts {
    said: String,
    agent_spoke: bool,
    tools: u32,
    settled: String,
    guess: String,
}

impl Prompts {
    pub fn event(&mut self, event: &Event) {
        match event {
            Event::Interim { text } => self.guess.clone_from(text),
            Event::Heard { text, .. } => {
                self.guess.clear();
                join(&mut self.settled, text);
            }
            _ => {}
        }
    }

    pub fn note(&mut self, note: &Note) {
        match note {
            Note::CallerSaid { text, .. } => {
                self.caller_said(text);
                self.settled.clear();
                self.guess.clear();
            }
            // They were no turn.
            Note::Backchannel { .. } | Note::Echo { .. } => {
                self.settled.clear();
                self.guess.clear();
            }
            Note::Pressed { keys } => self.caller_said(&format!("(pressed {keys})")),
            Note::AgentSaid { .. } => self.agent_spoke = true,
            Note::ToolUsed { .. } => self.tools += 1,
            _ => {}
        }
    }

    /// What a reply that is asked for now is to.
    pub fn now(&self, speculative: bool) -> Prompt {
        let mut said = if speculative && self.agent_spoke { "" } else { &self.said }.to_owned();
        if speculative {
            join(&mut said, &self.settled);
            join(&mut said, &self.guess);
        }
        let tools = if speculative { 0 } else { self.tools };
        Prompt { words: words::normalised(&said), tools }
    }

    fn caller_said(&mut self, text: &str) {
        if std::mem::take(&mut self.agent_spoke) {
            self.said.clear();
        }
        join(&mut self.said, text);
        self.tools = 0;
    }
}

fn join(words: &mut String, more: &str) {
    if !words.is_empty() && !more.trim().is_empty() {
        words.push(' ');
    }
    words.push_str(more.trim());
}

/// A recorded reply that stands for one that was not recorded, or the very one.
pub struct Chosen<'a, T> {
    pub of: &'a T,
    /// It was to the same words.
    pub same: bool,
}

impl Session {
    /// The reply to give to this question: that to the same words, whole, asked at about this time;
    /// else that which was asked nearest to this time.
    pub fn reply(&self, prompt: &Prompt, engine: Engine, at: Moment) -> Option<Chosen<'_, Reply>> {
        let same = |reply: &Reply| reply.prompt == *prompt && reply.engine == engine;
        let of = self.replies.iter().min_by_key(|reply| {
            let tools = reply.prompt.tools.abs_diff(prompt.tools);
            let whole = reply.cut_at.is_none();
            (!same(reply), tools, reply.engine != engine, !whole, apart(reply.asked, at))
        })?;
        Some(Chosen { of, same: same(of) })
    }

    /// A whole reply that was asked at about this time, for what a cut one lacks.
    pub fn whole_reply(&self, tools: u32, at: Moment) -> Option<&Reply> {
        let whole = self.replies.iter().filter(|reply| reply.cut_at.is_none() && reply.speaks());
        whole.min_by_key(|reply| (reply.prompt.tools.abs_diff(tools), apart(reply.asked, at)))
    }

    /// How this sentence was spoken, if it was.
    pub fn sentence(&self, text: &str, spare: bool, at: Moment) -> Option<&Sentence> {
        let same = |one: &&Sentence| one.text == text && one.spare == spare;
        let spoken = self.sentences.iter().filter(same);
        spoken.min_by_key(|one| (!one.complete, apart(one.ordered, at)))
    }

    /// What this tool answered: to the same arguments, else to others.
    pub fn tool(&self, call: &ToolCall, at: Moment) -> Option<Chosen<'_, Tool>> {
        let same = |tool: &Tool| tool.arguments == call.arguments;
        let of = self
            .tools
            .iter()
            .filter(|tool| tool.name == call.name && tool.answer.is_some())
            .min_by_key(|tool| (!same(tool), apart(tool.called, at)))?;
        Some(Chosen { of, same: same(of) })
    }

    /// How a sentence that was never spoken in this call would be, from so many samples on.
    pub fn estimated(&self, text: &str, from: u64) -> Vec<(u64, SpeechPart)> {
        let whole = || self.sentences.iter().filter(|one| one.complete && !one.spare);
        let (samples, letters) = whole().fold((0, 0), |(samples, letters), one| {
            (samples + one.samples(), letters + one.text.chars().count() as u64)
        });
        let per_letter = samples.checked_div(letters).unwrap_or(PER_LETTER);
        let mut firsts: Vec<u64> = whole().filter_map(|one| Some(one.parts.first()?.0)).collect();
        let first = median(&mut firsts).unwrap_or(FIRST_AUDIO_MS);
        let left = (per_letter * text.chars().count() as u64).saturating_sub(from) as u32;
        let end = from as u32 + left;
        vec![(first, SpeechPart::Audio(left)), (first, SpeechPart::Complete((0, end)))]
    }
}

impl Reply {
    /// Has it any words or tools?
    pub fn speaks(&self) -> bool {
        let says =
            |part: &(u64, ReplyPart)| matches!(part.1, ReplyPart::Text(_) | ReplyPart::Tool(_));
        self.parts.iter().any(says)
    }
}

impl Sentence {
    /// How much of it was made.
    pub fn samples(&self) -> u64 {
        let of = |part: &(u64, SpeechPart)| match part.1 {
            SpeechPart::Audio(samples) => u64::from(samples),
            _ => 0,
        };
        self.parts.iter().map(of).sum()
    }
}

fn apart(one: Moment, other: Moment) -> u64 {
    one.0.abs_diff(other.0)
}

/// The middle value, the later of two.
pub fn median<T: Ord + Copy>(values: &mut [T]) -> Option<T> {
    values.sort_unstable();
    values.get(values.len() / 2).copied()
}

/// Does this come from the agent's side, which another run does for itself?
fn is_of_agent(event: &Event) -> bool {
    matches!(
        event,
        Event::ReplyText { .. }
            | Event::ReplyTool { .. }
            | Event::ReplyDone { .. }
            | Event::ReplyFailed { .. }
            | Event::ToolAnswered { .. }
            | Event::AudioReady { .. }
            | Event::WordsTimed { .. }
            | Event::AudioComplete { .. }
            | Event::VoiceFailed { .. }
            | Event::Sent { .. }
            | Event::MarkReturned { .. }
            | Event::Due
    )
}

/// Collects a call's sessions.
#[derive(Default)]
pub struct Recorder {
    done: Vec<Session>,
    open: Option<Open>,
    before: Vec<turn::Message>,
}

/// A session being collected.
struct Open {
    session: Session,
    watcher: Watcher,
    prompts: Prompts,
    line: Line,
    /// The reply that is being given.
    reply: Option<(Epoch, ReplyId, usize)>,
    /// Those being made.
    sentences: HashMap<(UtteranceId, u32), (Epoch, usize)>,
    tools: HashMap<String, usize>,
    /// Marks that are out, with when they are reached.
    marks: HashMap<MarkId, Moment>,
    delays: Vec<u64>,
    phases: [u32; 20],
}

impl Recorder {
    /// All sessions.
    pub fn finish(mut self) -> Vec<Session> {
        self.close();
        self.done
    }

    fn close(&mut self) {
        let Some(mut open) = self.open.take() else { return };
        let ended = open.session.ended;
        open.cut_reply(ended);
        open.cut_sentences(ended, |_| true);
        open.session.mark_delay = median(&mut open.delays);
        let phase = open.phases.iter().enumerate().max_by_key(|(at, seen)| (**seen, Reverse(*at)));
        open.session.frame_phase = phase.map_or(0, |(at, _)| at as u64);
        open.session.run = open.watcher.finish(None);
        self.done.push(open.session);
    }
}

impl Watch for Recorder {
    fn session(&mut self, header: &Header) {
        self.close();
        let before = header.before.clone().unwrap_or_else(|| self.before.clone());
        self.open = Some(Open {
            session: Session {
                header: header.clone(),
                before,
                outside: Vec::new(),
                replies: Vec::new(),
                sentences: Vec::new(),
                tools: Vec::new(),
                mark_delay: None,
                frame_phase: 0,
                ended: Moment::default(),
                run: Run::default(),
            },
            watcher: Watcher::default(),
            prompts: Prompts::default(),
            line: Line::default(),
            reply: None,
            sentences: HashMap::new(),
            tools: HashMap::new(),
            marks: HashMap::new(),
            delays: Vec::new(),
            phases: [0; 20],
        });
    }

    fn event(&mut self, at: Moment, event: &Event) {
        let Some(open) = &mut self.open else { return };
        open.session.ended = at;
        open.watcher.event(event);
        open.prompts.event(event);
        if !is_of_agent(event) {
            open.session.outside.push((at, event.clone()));
        }
        open.event(at, event);
    }

    fn action(&mut self, at: Moment, action: &Action) {
        let Some(open) = &mut self.open else { return };
        open.watcher.action(at, action);
        if let Action::Note(note) = action {
            open.prompts.note(note);
            self.before.extend(said(note.clone()));
        }
        open.action(at, action);
    }
}

impl Open {
    fn event(&mut self, at: Moment, event: &Event) {
        match event {
            Event::ReplyText { epoch, reply, text } => {
                self.reply_part(at, *epoch, *reply, ReplyPart::Text(text.clone()));
            }
            Event::ReplyTool { epoch, reply, call } => {
                self.reply_part(at, *epoch, *reply, ReplyPart::Tool(call.clone()));
            }
            Event::ReplyDone { epoch, reply } => {
                self.reply_part(at, *epoch, *reply, ReplyPart::Done);
                self.reply = None;
            }
            Event::ReplyFailed { epoch, reply } => {
                self.reply_part(at, *epoch, *reply, ReplyPart::Failed);
                self.reply = None;
            }
            Event::ToolAnswered { call_id, content, .. } => {
                if let Some(place) = self.tools.remove(call_id) {
                    let tool = &mut self.session.tools[place];
                    let after = at.since(tool.called).as_millis() as u64;
                    tool.answer = Some((after, content.clone()));
                }
            }
            Event::AudioReady { utterance, sentence, samples, .. } => {
                self.speech_part(at, (*utterance, *sentence), SpeechPart::Audio(*samples));
            }
            Event::WordsTimed { utterance, sentence, words, .. } => {
                let part = SpeechPart::Words(words.clone());
                self.speech_part(at, (*utterance, *sentence), part);
            }
            Event::AudioComplete { utterance, sentence, voiced, .. } => {
                self.speech_part(at, (*utterance, *sentence), SpeechPart::Complete(*voiced));
            }
            Event::VoiceFailed { utterance, sentence, .. } => {
                self.speech_part(at, (*utterance, *sentence), SpeechPart::Failed);
            }
            Event::Sent { samples, mark, .. } => {
                self.phases[(at.0 % 20) as usize] += 1;
                let reached = self.line.sent(at, *samples);
                if let Some(mark) = mark {
                    self.marks.insert(*mark, reached);
                }
            }
            Event::MarkReturned { generation, mark } => {
                if let Some(reached) = self.marks.remove(mark)
                    && *generation == self.line.generation()
                {
                    self.delays.push(at.since(reached).as_millis() as u64);
                }
            }
            _ => {}
        }
    }

    fn action(&mut self, at: Moment, action: &Action) {
        match action {
            Action::Ask { epoch, reply, engine, speculative } => {
                self.cut_reply(at);
                self.reply = Some((*epoch, *reply, self.session.replies.len()));
                let prompt = self.prompts.now(*speculative);
                let (engine, parts) = (*engine, Vec::new());
                self.session.replies.push(Reply { asked: at, prompt, engine, parts, cut_at: None });
            }
            Action::Abandon { before } => {
                if self.reply.is_some_and(|(epoch, ..)| epoch < *before) {
                    self.cut_reply(at);
                }
                self.cut_sentences(at, |epoch| epoch < *before);
            }
            Action::Speak { epoch, utterance, sentence, text, voice, .. } => {
                let (key, spare) = ((*utterance, *sentence), *voice == Voice::Spare);
                self.sentence(key, *epoch, at, text.clone(), spare);
            }
            Action::PlayKeys { epoch, utterance, sentence, keys } => {
                self.sentence((*utterance, *sentence), *epoch, at, tones_of(keys), false);
            }
            Action::Note(Note::Speculated { used: true, .. }) => {
                // The words that it was to are known for sure now.
                let prompt = self.prompts.now(false);
                if let Some(reply) = self.session.replies.last_mut() {
                    reply.prompt = prompt;
                }
            }
            Action::RunTool { call, .. } => {
                self.tools.insert(call.id.clone(), self.session.tools.len());
                let ToolCall { name, arguments, .. } = call.clone();
                self.session.tools.push(Tool { called: at, name, arguments, answer: None });
            }
            Action::Clear { generation, .. } => {
                self.line.clear(at, *generation);
                self.marks.clear();
            }
            _ => {}
        }
    }

    fn sentence(
        &mut self,
        key: (UtteranceId, u32),
        epoch: Epoch,
        ordered: Moment,
        text: String,
        spare: bool,
    ) {
        let place = self.session.sentences.len();
        if let Some((_, before)) = self.sentences.insert(key, (epoch, place)) {
            // Its voice was mute: another says the rest.
            let before = &mut self.session.sentences[before];
            before.cut_at = ordered.since(before.ordered).as_millis() as u64;
        }
        let (parts, complete, cut_at) = (Vec::new(), false, 0);
        let sentence = Sentence { ordered, text, spare, parts, complete, cut_at };
        self.session.sentences.push(sentence);
    }

    /// Sentences of these epochs are given up.
    fn cut_sentences(&mut self, at: Moment, given_up: impl Fn(Epoch) -> bool) {
        let sentences = &mut self.session.sentences;
        self.sentences.retain(|_, (epoch, place)| {
            if given_up(*epoch) {
                let sentence = &mut sentences[*place];
                sentence.cut_at = at.since(sentence.ordered).as_millis() as u64;
            }
            !given_up(*epoch)
        });
    }

    fn reply_part(&mut self, at: Moment, epoch: Epoch, reply: ReplyId, part: ReplyPart) {
        if let Some((of, id, place)) = self.reply
            && (of, id) == (epoch, reply)
        {
            let reply = &mut self.session.replies[place];
            reply.parts.push((at.since(reply.asked).as_millis() as u64, part));
        }
    }

    /// The reply under way is given up.
    fn cut_reply(&mut self, at: Moment) {
        if let Some((.., place)) = self.reply.take() {
            let reply = &mut self.session.replies[place];
            reply.cut_at = Some(at.since(reply.asked).as_millis() as u64);
        }
    }

    fn speech_part(&mut self, at: Moment, key: (UtteranceId, u32), part: SpeechPart) {
        let Some((_, place)) = self.sentences.get(&key) else { return };
        let sentence = &mut self.session.sentences[*place];
        let last = matches!(part, SpeechPart::Complete(_) | SpeechPart::Failed);
        sentence.parts.push((at.since(sentence.ordered).as_millis() as u64, part));
        if last {
            sentence.complete = true;
            self.sentences.remove(&key);
        }
    }
}

/// How the tones of these keys are called among sentences.
pub fn tones_of(keys: &str) -> String {
    format!("(tones {keys})")
}
