//! What holds in every call, whatever happens in it. Checked after every step, and once at the end.

mod ear;

use std::collections::{BTreeMap, BTreeSet};

use turn::{
    Action, Command, Conversation, Engine, Epoch, Event, FloorName, Message, Moment, Note, Purpose,
    ReplyId, TurnId, UtteranceId, Voice, policy::PauseWhen, words::normalised,
};

use super::{
    Setup,
    line::{Ear, Key, Wire},
};
use ear::AtEar;

type Lawful = Result<(), String>;

/// Longer than this nobody is left in silence, ms, over and above the wait for an idle caller.
const SILENCE_AT_MOST: u64 = 12_000;
/// A question to the model is answered, given up or asked anew within this, ms, unless paused.
const QUESTION_OPEN_AT_MOST: u64 = 30_000;
/// After the caller's last sound it is known within this whose the floor is, ms.
const CONTESTED_AT_MOST: u64 = 3_000;

/// What was seen of a call so far.
#[derive(Debug)]
pub struct Laws {
    silence_at_most: u64,
    filler: String,
    apology: String,
    epoch: Epoch,
    texts: BTreeMap<Key, String>,
    epochs: BTreeMap<UtteranceId, Epoch>,
    /// When each epoch was given up.
    abandoned: Vec<(Epoch, u64)>,
    dictated: BTreeSet<String>,
    /// Sentences whose audio is complete.
    made: BTreeSet<Key>,
    /// Utterances cut while audio of them was still being made.
    cut_unmade: BTreeSet<UtteranceId>,
    /// Where two voices share a sentence, its pace is not known before its end.
    changed_voice: BTreeSet<UtteranceId>,
    said: Vec<(UtteranceId, Purpose, String)>,
    turns: BTreeSet<TurnId>,
    /// What happened is a reason to ask the configured model, once.
    reason: bool,
    /// After a supervisor's words the agent may go on with what it owes.
    owes: bool,
    open_question: Option<(ReplyId, u64)>,
    /// A reply that is prepared, and since when.
    prepared: Option<(ReplyId, u64)>,
    /// Replies that came to their end.
    done: BTreeSet<ReplyId>,
    unanswered_commands: BTreeMap<String, u32>,
    unanswered_since: Option<u64>,
    answered_within: u64,
    hold_phrase: String,
    answered: bool,
    caller_speaks: bool,
    last_sound: u64,
    ended: bool,
    hung_up: bool,
    words: CallerWords,
    /// Orders to be silent that are not answered yet.
    to_pause: BTreeSet<String>,
    /// How loud the agent is, dB.
    gain: i32,
    fell_silent: u64,
    at_ear: AtEar,
}

impl Laws {
    pub fn new(setup: &Setup) -> Self {
        let policy = &setup.policy;
        let mut silence = SILENCE_AT_MOST;
        if policy.patience.filler.is_empty() {
            // Nothing is to be said while tools are awaited.
            silence += policy.tool_within.as_millis() as u64 * u64::from(policy.tool_rounds);
        }
        if setup.script.outbound {
            // A machine's beep is waited for.
            silence += policy.voicemail.beep_within.as_millis() as u64;
        }
        Laws {
            silence_at_most: silence + policy.idle.prompt_after.as_millis() as u64,
            filler: setup.policy.patience.filler.clone(),
            apology: setup.policy.patience.apology.clone(),
            epoch: Epoch::default(),
            texts: BTreeMap::new(),
            epochs: BTreeMap::new(),
            abandoned: Vec::new(),
            dictated: BTreeSet::new(),
            made: BTreeSet::new(),
            cut_unmade: BTreeSet::new(),
            changed_voice: BTreeSet::new(),
            said: Vec::new(),
            turns: BTreeSet::new(),
            reason: false,
            owes: false,
            open_question: None,
            prepared: None,
            done: BTreeSet::new(),
            unanswered_commands: BTreeMap::new(),
            unanswered_since: None,
            answered_within: match policy.pause.when {
                PauseWhen::AtOnce => 0,
                PauseWhen::EndOfWord => 1_200,
            },
            hold_phrase: policy.pause.phrase.clone(),
            answered: false,
            caller_speaks: false,
            last_sound: 0,
            ended: false,
            hung_up: false,
            words: CallerWords::default(),
            to_pause: BTreeSet::new(),
            gain: 0,
            fell_silent: 0,
            at_ear: AtEar::default(),
        }
    }

    /// The caller begins to say this at `at` ms.
    pub fn caller_says(&mut self, at: u64, text: &str) {
        self.words.to_say.entry(at).or_default().push(text.to_owned());
    }

    /// The recogniser hears this word where another was said.
    pub fn misheard(&mut self, word: &str) {
        self.words.misheard.extend(normalised(word));
    }

    /// Guesses are told one by one: what was said is not known.
    pub fn guesses_are_told(&mut self) {
        self.words.unknown = true;
    }

    pub fn happened(&mut self, now: u64, event: &Event) {
        self.reason = false;
        match event {
            Event::Answered => {
                self.answered = true;
                self.last_sound = now;
            }
            Event::KeyPressed { .. } => self.last_sound = now,
            Event::SpeechStarted { .. } => self.caller_speaks = true,
            Event::SpeechStopped { .. } => {
                self.caller_speaks = false;
                self.fell_silent = now;
                self.last_sound = now;
            }
            Event::Commanded { id, command } => {
                *self.unanswered_commands.entry(id.clone()).or_default() += 1;
                match command {
                    Command::Say { text, .. } => {
                        self.dictated.insert(text.clone());
                    }
                    // What the model is told has changed, or it may answer again.
                    Command::Guide { .. }
                    | Command::Override { .. }
                    | Command::Restore
                    | Command::Resume
                    | Command::HandBack => {
                        self.reason = true;
                        self.last_sound = now;
                    }
                    Command::Pause | Command::TakeOver => {
                        self.to_pause.insert(id.clone());
                    }
                    Command::Transfer { .. } | Command::End { .. } => {}
                }
            }
            Event::ReplyDone { reply, .. } | Event::ReplyFailed { reply, .. } => {
                self.done.insert(*reply);
                self.open_question.take_if(|(open, _)| open == reply);
            }
            Event::AudioComplete { utterance, sentence, .. } => {
                self.made.insert((*utterance, *sentence));
            }
            // Only these bear on the laws.
            _ => {}
        }
    }

    pub fn ordered(&mut self, now: u64, action: &Action, call: &Conversation) -> Lawful {
        if self.hung_up && !matches!(action, Action::Answer { .. }) {
            return Err(format!("ordered after the hang-up: {action:?}"));
        }
        match action {
            Action::Ask { epoch, reply, engine, speculative: true } => {
                self.is_of_now(*epoch)?;
                if *engine != Engine::Chosen || call.floor() != FloorName::Caller {
                    return Err("a reply was prepared out of turn".to_owned());
                }
                self.prepared = Some((*reply, now));
                history_is_valid(&call.history())
            }
            Action::Ask { epoch, reply, engine, speculative: false } => {
                self.is_of_now(*epoch)?;
                if *engine == Engine::Chosen {
                    if !self.reason && !self.owes {
                        return Err("the model was asked without a reason, or twice".to_owned());
                    }
                    (self.reason, self.owes) = (false, false);
                }
                self.open_question = Some((*reply, now));
                history_is_valid(&call.history())
            }
            Action::Abandon { before } => {
                if *before <= self.epoch {
                    return Err("an epoch was given up twice".to_owned());
                }
                self.epoch = *before;
                self.prepared = None;
                self.abandoned.push((*before, now));
                self.open_question = None;
                Ok(())
            }
            Action::RunTool { epoch, .. } => {
                if self.prepared.is_some() {
                    return Err("a tool was called before its time".to_owned());
                }
                self.is_of_now(*epoch)
            }
            Action::PlayKeys { epoch, utterance, sentence, keys } => {
                self.is_of_now(*epoch)?;
                self.texts.insert((*utterance, *sentence), format!("(pressed {keys})"));
                self.epochs.insert(*utterance, *epoch);
                Ok(())
            }
            Action::Speak { epoch, utterance, sentence, text, voice, .. } => {
                self.is_of_now(*epoch)?;
                let fresh = self.texts.insert((*utterance, *sentence), text.clone()).is_none();
                let said_before = !fresh && self.epochs.get(utterance) == Some(epoch);
                if said_before && *voice == Voice::Chosen {
                    return Err(format!("{text:?} was ordered twice"));
                }
                self.epochs.insert(*utterance, *epoch);
                self.owes |= self.dictated.iter().any(|dictated| dictated.contains(text))
                    || self.hold_phrase.contains(text);
                if *voice == Voice::Spare {
                    self.changed_voice.insert(*utterance);
                }
                if self.apology.starts_with(text.as_str()) {
                    // No engine answers: that was owned up to.
                    self.open_question = None;
                }
                Ok(())
            }
            Action::HangUp { .. } => {
                self.hung_up = true;
                if self.ended { Ok(()) } else { Err("hung up before the end".to_owned()) }
            }
            Action::Answer { id, outcome } => match self.unanswered_commands.get_mut(id) {
                Some(open) if *open > 0 => {
                    *open -= 1;
                    if self.to_pause.remove(id) && outcome.is_ok() {
                        self.at_ear.pause_is_answered(now);
                    }
                    Ok(())
                }
                Some(_) | None => Err(format!("command {id} was answered twice")),
            },
            Action::Note(note) => self.noted(now, note),
            Action::Gain { db } => {
                self.gain = *db;
                Ok(())
            }
            Action::Clear { .. } | Action::Hold | Action::Release => Ok(()),
        }
    }

    fn noted(&mut self, now: u64, note: &Note) -> Lawful {
        match note {
            // The last: a sound took the floor and turned out to be none, so the agent goes on.
            Note::TurnDecided { .. }
            | Note::Pressed { .. }
            | Note::ToolUsed { .. }
            | Note::Backchannel { .. } => self.reason = true,
            Note::Trouble { what } => {
                self.reason |= what.contains("broke off");
                if what.contains("the spare voice failed") {
                    // There was something to hear, and nobody to say it.
                    self.last_sound = now;
                }
            }
            Note::CallerSaid { turn, from, to, text, .. } => {
                if from > to || text.is_empty() {
                    return Err(format!("a turn without sense: {note:?}"));
                }
                self.words.written_down(now, text)?;
                self.new_turn(*turn)?;
            }
            Note::AgentSaid { turn, utterance, purpose, text, meant, from, to, .. } => {
                let words =
                    |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
                let (said, meant) = (words(text), words(meant));
                if from > to || text.is_empty() || !is_part(&said, &meant) {
                    return Err(format!("an utterance without sense: {note:?}"));
                }
                if self.said.iter().any(|(known, ..)| known == utterance) {
                    return Err(format!("{utterance:?} was written down twice"));
                }
                self.said.push((*utterance, *purpose, text.clone()));
                self.at_ear.is_written_down(now);
                if self.is_being_made(*utterance) {
                    self.cut_unmade.insert(*utterance);
                }
                self.new_turn(*turn)?;
            }
            Note::Ended { .. } => self.ended = true,
            Note::Speculated { used: true, .. } => {
                let Some((reply, _)) = self.prepared.take() else {
                    return Err("a reply was used that was not prepared".to_owned());
                };
                if !self.reason {
                    return Err("a prepared reply was used without a reason, or twice".to_owned());
                }
                self.reason = false;
                if !self.done.contains(&reply) {
                    self.open_question = Some((reply, now));
                }
            }
            Note::Speculated { used: false, .. }
            | Note::Contested { .. }
            | Note::Echo { .. }
            | Note::PersonSaid { .. }
            | Note::AnsweredBy { .. }
            | Note::Tallied { .. }
            | Note::CallerSaying { .. }
            | Note::Answered { .. }
            | Note::Ordered { .. } => {}
        }
        Ok(())
    }

    fn is_being_made(&self, utterance: UtteranceId) -> bool {
        let sentences = self.texts.range((utterance, 0)..=(utterance, u32::MAX));
        sentences.into_iter().any(|(key, _)| !self.made.contains(key))
    }

    fn new_turn(&mut self, turn: TurnId) -> Lawful {
        if self.turns.insert(turn) { Ok(()) } else { Err(format!("{turn:?} was had twice")) }
    }

    fn is_of_now(&self, epoch: Epoch) -> Lawful {
        if epoch == self.epoch { Ok(()) } else { Err(format!("work of {epoch:?} was ordered")) }
    }

    /// A piece of this sentence goes to the carrier.
    pub fn sent(&self, key: Key, call: &Conversation) -> Lawful {
        if self.epochs.get(&key.0) != Some(&self.epoch) {
            return Err(format!("{key:?} of a past epoch was sent"));
        }
        if self.prepared.is_some() {
            return Err(format!("{key:?} was sent while a reply is being prepared"));
        }
        let paused = matches!(call.floor(), FloorName::Paused | FloorName::Person);
        if paused && !self.may_be_heard_in_pause(key) {
            return Err(format!("{:?} was sent in a pause", self.texts.get(&key)));
        }
        Ok(())
    }

    /// Is it the hold phrase, or a supervisor's?
    fn may_be_heard_in_pause(&self, key: Key) -> bool {
        let words = self.texts.get(&key).map_or("", String::as_str);
        let held = self.hold_phrase.contains(words) && !words.is_empty();
        held || self.dictated.iter().any(|text| text.contains(words))
    }

    /// All orders were carried out.
    pub fn settled(
        &mut self,
        now: u64,
        call: &Conversation,
        audible_until: u64,
        (ear, wire): (&Ear, &Wire),
    ) -> Lawful {
        match self.unanswered_commands.iter().find(|(_, open)| **open > 0) {
            None => self.unanswered_since = None,
            Some((id, _)) => {
                let since = *self.unanswered_since.get_or_insert(now);
                // A pause at the end of a word is answered when it is true.
                if now > since + self.answered_within {
                    return Err(format!("command {id} was not answered"));
                }
            }
        }
        if call.is_over() != self.hung_up {
            return Err("the call ended without a hang-up, or the other way round".to_owned());
        }
        let floor = call.floor();
        // It is more quiet only while it is open who speaks; a supervisor's words in a pause, too.
        let open = matches!(floor, FloorName::Contested | FloorName::Paused | FloorName::Person);
        let decided = !self.caller_speaks && now > self.fell_silent + CONTESTED_AT_MOST;
        if self.gain != 0 && (!open || decided) {
            return Err(format!("the agent stays at {} dB; the floor: {floor:?}", self.gain));
        }
        if !matches!(floor, FloorName::Paused | FloorName::Person) {
            self.at_ear.pause_is_over(now);
        }
        self.judge_ear(now, ear, wire)?;
        match call.deadline() {
            Some((at, why)) if at <= Moment(now) => {
                return Err(format!("the deadline {why:?} has passed already"));
            }
            None if self.answered && !self.hung_up => {
                return Err("a living call waits for nothing".to_owned());
            }
            Some(_) | None => {}
        }
        self.last_sound = self.last_sound.max(audible_until.min(now));
        if self.caller_speaks
            || matches!(
                floor,
                FloorName::Paused | FloorName::Person | FloorName::Unanswered | FloorName::Ended
            )
        {
            self.last_sound = now;
            if let Some((_, since)) = &mut self.open_question {
                *since = now;
            }
        }
        if now > self.last_sound + self.silence_at_most {
            let since = self.last_sound;
            return Err(format!("silence since {since} ms; the floor: {floor:?}"));
        }
        match self.open_question {
            Some((reply, since)) if now > since + QUESTION_OPEN_AT_MOST => {
                Err(format!("{reply:?} is open since {since} ms"))
            }
            Some(_) | None => Ok(()),
        }
    }
}

/// The caller's words: no word is written down more often than it was said.
#[derive(Debug, Default)]
struct CallerWords {
    /// What the caller says, and when they begin.
    to_say: BTreeMap<u64, Vec<String>>,
    said: BTreeMap<String, u32>,
    written: BTreeMap<String, u32>,
    misheard: BTreeSet<String>,
    unknown: bool,
}

impl CallerWords {
    fn written_down(&mut self, now: u64, text: &str) -> Lawful {
        while let Some(next) = self.to_say.first_entry().filter(|next| *next.key() <= now) {
            for word in next.remove().iter().flat_map(|text| normalised(text)) {
                *self.said.entry(word).or_default() += 1;
            }
        }
        for word in normalised(text) {
            let said = self.said.get(&word).copied().unwrap_or(0);
            let excused = self.unknown || self.misheard.contains(&word);
            let written = self.written.entry(word).or_default();
            *written += 1;
            if *written > said && !excused {
                return Err(format!(
                    "a word was written down too often: {written} of {said}: {text:?}"
                ));
            }
        }
        Ok(())
    }
}

/// A history that every vendor takes: a tool's answers stand right after the call of it, each once.
fn history_is_valid(history: &[Message]) -> Lawful {
    let mut open: BTreeSet<&str> = BTreeSet::new();
    for message in history {
        match message {
            Message::Tool { call_id, .. } => {
                if !open.remove(call_id.as_str()) {
                    return Err(format!("a tool's answer without its call: {history:#?}"));
                }
            }
            Message::Agent { .. } | Message::Caller { .. } | Message::Guidance { .. }
                if !open.is_empty() =>
            {
                return Err(format!("a tool's call without its answer: {history:#?}"));
            }
            Message::Agent { tool_calls, .. } => {
                open = tool_calls.iter().map(|call| call.id.as_str()).collect();
            }
            Message::Caller { .. } | Message::Guidance { .. } => {}
        }
    }
    if open.is_empty() {
        Ok(())
    } else {
        Err(format!("a tool's call without its answer at the end: {history:#?}"))
    }
}

/// Are all these words among those, in their order?
fn is_part(some: &[String], all: &[String]) -> bool {
    let mut rest = all.iter();
    some.iter().all(|word| rest.any(|other| other == word))
}

/// How many words must be added, left out or changed to make one text of the other.
pub fn edits(one: &[&str], other: &[&str]) -> u32 {
    let mut row: Vec<u32> = (0..=other.len() as u32).collect();
    for (place, word) in one.iter().enumerate() {
        let mut corner = row[0];
        row[0] = place as u32 + 1;
        for (column, against) in other.iter().enumerate() {
            let changed = corner + u32::from(word != against);
            corner = row[column + 1];
            row[column + 1] = changed.min(row[column] + 1).min(corner + 1);
        }
    }
    row[other.len()]
}
