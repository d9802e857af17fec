//! Keys that the caller presses: collected, kept secret where they must be, answered.

use std::time::Duration;

use crate::{
    Conversation,
    action::{Note, Waterfall},
    floor::Floor,
    history::Message,
    policy,
    timer::Timer,
};

/// At most this many keys belong together.
const MOST_KEYS: usize = 64;
/// At most this many secrets are remembered in a call.
const MOST_SECRETS: usize = 32;

/// What the model asked to collect, for the next keys only.
#[derive(Debug)]
pub(crate) struct Collecting {
    length: Option<usize>,
    terminator: Option<char>,
    masked: bool,
}

impl Conversation {
    /// Keys are asked for: how the next ones are collected. `arguments` are the model's: `length`,
    /// `terminator` and `secret`, each optional.
    pub(crate) fn collect_keys(&mut self, arguments: &serde_json::Value) {
        let policy = &self.policy.keys;
        let length = arguments["length"].as_u64().map(|length| length.clamp(1, 64) as usize);
        let terminator = match arguments["terminator"].as_str() {
            Some(text) => text.chars().next().filter(|key| is_key(*key)),
            None => policy.terminator,
        };
        let masked = policy.masked || arguments["secret"].as_bool().unwrap_or(false);
        self.collecting = Some(Collecting { length: length.or(policy.length), terminator, masked });
    }

    /// Are keys pressed now secret? Then a journal must not hold them: what it holds instead must be
    /// another digit, so that it can be run again.
    pub fn masks_key(&self, key: char) -> bool {
        let (_, terminator, masked) = self.key_rules();
        masked && Some(key) != terminator && is_key(key)
    }

    /// What a journal has in the place of this key: another one where it is secret, which means the
    /// same to the machine.
    pub fn journaled_key(&self, key: char) -> char {
        let (_, terminator, _) = self.key_rules();
        match self.masks_key(key) {
            true if terminator == Some('0') => '1',
            true => '0',
            false => key,
        }
    }

    /// A text without the secrets in it: a tool may repeat what it was told.
    pub fn conceal(&self, text: &str) -> String {
        /// Fewer keys are found in any text.
        const TELLING: usize = 3;
        let count = self.secrets.len();
        let runs = (0..count).flat_map(|from| (from..count).map(move |to| from..to + 1));
        // Who pauses while they enter a secret has entered several: a tool was told one.
        let mut known: Vec<_> = runs
            .map(|run| (self.secrets[run.clone()].concat(), run))
            .filter(|(keys, _)| keys.len() >= TELLING && text.contains(keys.as_str()))
            .collect();
        // The longest first: it may hold others.
        known.sort_by_key(|(keys, _)| std::cmp::Reverse(keys.len()));
        known.into_iter().fold(text.to_owned(), |text, (keys, run)| {
            text.replace(keys.as_str(), &run.map(token).collect::<String>())
        })
    }

    /// A tool's arguments with the secrets that their tokens stand for.
    pub fn reveal(&self, arguments: &serde_json::Value) -> serde_json::Value {
        use serde_json::Value;
        match arguments {
            Value::String(text) => {
                let mut text = text.clone();
                for (place, secret) in self.secrets.iter().enumerate() {
                    text = text.replace(&token(place), secret);
                }
                Value::String(text)
            }
            Value::Array(items) => items.iter().map(|item| self.reveal(item)).collect(),
            Value::Object(fields) => {
                fields.iter().map(|(name, value)| (name.clone(), self.reveal(value))).collect()
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => arguments.clone(),
        }
    }

    fn key_rules(&self) -> (Option<usize>, Option<char>, bool) {
        match &self.collecting {
            Some(asked) => (asked.length, asked.terminator, asked.masked),
            None => {
                let policy::Keys { length, terminator, masked, .. } = self.policy.keys;
                (length, terminator, masked)
            }
        }
    }

    pub(crate) fn key_pressed(&mut self, key: char) {
        if !is_key(key) || self.keys.len() >= MOST_KEYS {
            return;
        }
        let trails = self.keys.is_empty()
            && self
                .keys_filled
                .take()
                .is_some_and(|at| self.now.since(at) <= self.policy.keys.within);
        if trails && Some(key) == self.key_rules().1 {
            return;
        }
        self.timers.cancel(Timer::Idle);
        match self.floor {
            Floor::Agent | Floor::Thinking | Floor::Contested { .. }
                if self.policy.keys.barge_in && self.may_be_interrupted() =>
            {
                self.take_floor();
            }
            // Collected all the same; they are answered when it is the caller's turn.
            Floor::Agent | Floor::Thinking | Floor::Contested { .. }
                if !self.ends_in_any_case() => {}
            Floor::Agent | Floor::Thinking | Floor::Contested { .. } => return,
            Floor::Caller | Floor::Unanswered | Floor::Ended => {}
        }
        self.discard_speculation();
        let (length, terminator, _) = self.key_rules();
        let ends = Some(key) == terminator && !self.keys.is_empty();
        if !ends {
            self.keys.push(key);
        }
        let filled = length.is_some_and(|length| self.keys.len() >= length);
        if ends || filled {
            self.keys_filled = (filled && !ends).then_some(self.now);
            self.keys_whole = true;
            self.keys_complete();
        } else {
            self.timers.set(Timer::Keys, self.now + self.policy.keys.within);
        }
    }

    pub(crate) fn keys_complete(&mut self) {
        self.timers.cancel(Timer::Keys);
        if self.keys.is_empty() {
            return;
        }
        if matches!(self.floor, Floor::Agent | Floor::Thinking | Floor::Contested { .. }) {
            if self.policy.keys.barge_in && self.may_be_interrupted() {
                self.take_floor();
            } else {
                // They wait until the agent has finished.
                self.timers.set(Timer::Keys, self.now + Duration::from_millis(200));
                return;
            }
        }
        self.discard_speculation();
        let keys = std::mem::take(&mut self.keys);
        let (_, _, masked) = self.key_rules();
        // Who enters a secret slowly goes on with a secret.
        if std::mem::take(&mut self.keys_whole) || !masked {
            self.collecting = None;
        }
        let (shown, text) = if masked {
            let count = keys.len();
            let token = self.keep_secret(keys);
            ("•".repeat(count), format!("(entered {count} keys, kept secret as {token})"))
        } else {
            let text = format!("(pressed {keys})");
            (keys, text)
        };
        self.note(Note::Pressed { keys: shown });
        self.commit_caller_words();
        self.history.push(Message::Caller { text });
        self.timers.cancel(Timer::EndOfTurn);
        self.idle_prompts = 0;
        if self.paused {
            self.unanswered = true;
            self.void_agent();
            self.say_what_waits();
        } else {
            let waterfall = Waterfall { decided: Some(self.now), ..Waterfall::default() };
            self.waterfall = Some((self.next_turn.take(), waterfall));
            self.ask_for_reply();
        }
    }

    /// Keeps keys aside. Gives the token that stands for them.
    fn keep_secret(&mut self, keys: String) -> String {
        if self.secrets.len() == MOST_SECRETS {
            self.secrets[MOST_SECRETS - 1] = keys;
        } else {
            self.secrets.push(keys);
        }
        token(self.secrets.len() - 1)
    }
}

fn is_key(key: char) -> bool {
    matches!(key, '0'..='9' | '*' | '#' | 'A'..='D')
}

/// What the model sees instead of a secret, and may give to a tool.
fn token(place: usize) -> String {
    format!("[[keys-{}]]", place + 1)
}
