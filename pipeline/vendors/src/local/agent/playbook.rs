//! What a business gives its agent to say: questions and answers, small talk, tasks. It is read from
//! the business's file; how callers' words are matched to it is decided elsewhere.

use std::{collections::HashSet, fmt::Write};

use serde::Deserialize;

/// The name of the task that takes a message; built in where the playbook has none of that name.
pub const TAKE_MESSAGE: &str = "take_message";

/// What the agent knows and does. All of it is spoken as written: numbers are best in words.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Playbook {
    /// Questions and answers.
    pub answers: Vec<Answer>,
    /// What it does over several turns, such as booking.
    pub tasks: Vec<Task>,
    /// Words for what is said on any telephone.
    pub small_talk: SmallTalk,
}

/// One thing that callers ask.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Answer {
    /// Ways of asking it. More of them, and unlike each other, are found more surely.
    pub ask: Vec<String>,
    /// What the agent says, one to three sentences.
    pub say: String,
    /// What it is about, as "Do you mean …?" continues: "our opening hours". Without it the agent
    /// never asks whether this was meant.
    #[serde(default)]
    pub topic: Option<String>,
}

/// Something done for the caller: slots are asked for one by one, read back and confirmed.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Task {
    /// Letters, digits, `-` and `_`. The function of this name is called, where there is one, with
    /// the slots as its arguments.
    pub name: String,
    /// Ways of asking for it.
    pub ask: Vec<String>,
    /// Said before the first slot is asked for.
    #[serde(default = "of_course")]
    pub begin: String,
    /// What must be known.
    pub slots: Vec<Slot>,
    /// Reads back and asks whether it is right; `{slot}` stands for what the caller said.
    pub confirm: String,
    /// Said when it is done; `{slot}` as above. Without a function of the task's name nothing is done
    /// beyond this call's transcript, so it should promise no more than that.
    pub done: String,
    /// Said when the function failed.
    #[serde(default = "not_done")]
    pub failed: String,
}

/// One thing that a task must know.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Slot {
    /// Letters, digits, `-` and `_`.
    pub name: String,
    /// The question for it.
    pub ask: String,
    /// What is listened for.
    #[serde(default)]
    pub kind: SlotKind,
}

/// What kind of thing a slot holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SlotKind {
    /// A person's name.
    Name,
    /// A telephone number; digits as the argument, read back in groups.
    Phone,
    /// A day and a time of day, in the caller's words.
    Time,
    /// Whatever is said.
    #[default]
    Text,
    /// Yes or no; a boolean as the argument.
    YesNo,
}

/// Words for what is said on any telephone.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SmallTalk {
    pub greeting: String,
    pub how_are_you: String,
    pub thanks: String,
    pub goodbye: String,
    /// Whether it is a machine. It must not be denied.
    pub robot: String,
    pub can_hear: String,
    pub take_your_time: String,
    pub anything_else: String,
    /// Said when nothing that is known fits.
    pub unsure: String,
    /// Asked after `unsure` when a person can be reached.
    pub offer_person: String,
    /// Said before a caller is put through.
    pub put_through: String,
    /// Said when a person is asked for and none can be reached.
    pub no_person: String,
    /// Asked after `no_person`.
    pub offer_message: String,
    /// Said when a task is given up.
    pub given_up: String,
}

impl Default for SmallTalk {
    fn default() -> Self {
        SmallTalk {
            greeting: "Hello. How can I help you?".into(),
            how_are_you: "I'm very well, thank you. How can I help you?".into(),
            thanks: "You're welcome.".into(),
            goodbye: "Thank you for calling. Goodbye.".into(),
            robot: "I'm an automated assistant, yes. I'm happy to help with your questions.".into(),
            can_hear: "Yes, I can hear you. How can I help?".into(),
            take_your_time: "Of course, take your time.".into(),
            anything_else: "Is there anything else I can help you with?".into(),
            unsure: "I'm not sure about that.".into(),
            offer_person: "Would you like me to put you through to a person?".into(),
            put_through: "Of course. One moment, I'll put you through to a person.".into(),
            no_person: "I'm sorry, nobody is available to take your call right now.".into(),
            offer_message: "Would you like to leave a message?".into(),
            given_up: "All right, I've left that.".into(),
        }
    }
}

/// What cannot be meant in a playbook.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum BadPlaybook {
    #[error("{of} has {count} {what}; from {least} to {most} are allowed")]
    Count { of: String, what: &'static str, count: usize, least: usize, most: usize },
    #[error("{of} must have from 1 to {most} characters")]
    Length { of: String, most: usize },
    #[error("{0:?} is no name: letters, digits, - and _, at most 64 of them")]
    Name(String),
    #[error("there are two {what} named {name:?}")]
    Twice { what: &'static str, name: String },
    #[error("the task {task:?} says {{{slot}}} but has no such slot")]
    NoSuchSlot { task: String, slot: String },
    #[error("{0:?} is a function of the telephone and cannot be a task")]
    Reserved(String),
}

impl Playbook {
    /// Can this be spoken from? Sizes, names and placeholders are looked at.
    ///
    /// # Errors
    /// The first thing that cannot be meant.
    pub fn check(&self) -> Result<(), BadPlaybook> {
        count("the playbook", "answers", self.answers.len(), 0, 500)?;
        count("the playbook", "tasks", self.tasks.len(), 0, 20)?;
        for (place, answer) in self.answers.iter().enumerate() {
            let of = format!("answer {}", place + 1);
            count(&of, "ways of asking", answer.ask.len(), 1, 40)?;
            for ask in &answer.ask {
                length(&of, "ask", ask, 300)?;
            }
            length(&of, "say", &answer.say, 1_000)?;
            if let Some(topic) = &answer.topic {
                length(&of, "topic", topic, 100)?;
            }
        }
        let mut names = HashSet::new();
        for task in &self.tasks {
            named(&task.name)?;
            if matches!(task.name.as_str(), "end_call" | "transfer") {
                return Err(BadPlaybook::Reserved(task.name.clone()));
            }
            if !names.insert(task.name.as_str()) {
                return Err(BadPlaybook::Twice { what: "tasks", name: task.name.clone() });
            }
            task.check()?;
        }
        for (name, text) in self.small_talk.all() {
            length("small_talk", name, text, 1_000)?;
        }
        Ok(())
    }

    /// Questions, answers and tasks as plain text: what a language model is told of the business.
    pub fn facts(&self) -> String {
        self.answers_told() + &self.tasks_told()
    }

    /// The part of [`facts`](Self::facts) that is questions and answers.
    pub fn answers_told(&self) -> String {
        let mut facts = String::new();
        for answer in &self.answers {
            let question = answer.ask.first().map_or("", |ask| ask.trim());
            let mark = if question.ends_with(['?', '.', '!']) { "" } else { "?" };
            let _ = writeln!(facts, "Q: {question}{mark}\nA: {}", answer.say.trim());
        }
        facts
    }

    /// The part of [`facts`](Self::facts) that is tasks.
    pub fn tasks_told(&self) -> String {
        let mut facts = String::new();
        for task in &self.tasks {
            let asks: Vec<&str> = task.slots.iter().map(|slot| slot.ask.trim()).collect();
            let wish = task.ask.first().map_or(task.name.as_str(), |ask| ask.trim());
            let _ = writeln!(
                facts,
                "When the caller says something like \"{wish}\", ask one by one: {} Then read it \
                 back and have it confirmed. If there is a function {}, call it; else only say that \
                 it is noted.",
                asks.join(" "),
                task.name
            );
        }
        facts
    }
}

impl Answer {
    /// What it is about: its topic, or the first way of asking for it.
    pub fn title(&self) -> &str {
        let ask = || self.ask.first().map_or("", |ask| ask.trim());
        self.topic.as_deref().map_or_else(ask, str::trim)
    }
}

impl Task {
    fn check(&self) -> Result<(), BadPlaybook> {
        let of = format!("the task {:?}", self.name);
        count(&of, "ways of asking", self.ask.len(), 1, 40)?;
        count(&of, "slots", self.slots.len(), 1, 10)?;
        for ask in &self.ask {
            length(&of, "ask", ask, 300)?;
        }
        for (name, text) in
            [("confirm", &self.confirm), ("done", &self.done), ("failed", &self.failed)]
        {
            length(&of, name, text, 1_000)?;
        }
        if self.begin.chars().count() > 300 {
            return Err(BadPlaybook::Length { of: format!("begin of {of}"), most: 300 });
        }
        let mut names = HashSet::new();
        for slot in &self.slots {
            named(&slot.name)?;
            length(&of, "slot's ask", &slot.ask, 300)?;
            if !names.insert(slot.name.as_str()) {
                return Err(BadPlaybook::Twice { what: "slots", name: slot.name.clone() });
            }
        }
        for text in [&self.confirm, &self.done] {
            for place in placeholders(text) {
                if !names.contains(place) {
                    let (task, slot) = (self.name.clone(), place.to_owned());
                    return Err(BadPlaybook::NoSuchSlot { task, slot });
                }
            }
        }
        Ok(())
    }

    /// The task that takes a message for those who cannot be put through.
    pub(super) fn message() -> Self {
        let slot = |name: &str, ask: &str, kind| Slot { name: name.into(), ask: ask.into(), kind };
        Task {
            name: TAKE_MESSAGE.into(),
            ask: ["leave a message", "take a message", "pass on a message", "call me back"]
                .map(String::from)
                .to_vec(),
            begin: "Of course.".into(),
            slots: vec![
                slot("name", "Who is the message from?", SlotKind::Name),
                slot("number", "What number can we reach you on?", SlotKind::Phone),
                slot("message", "What is your message?", SlotKind::Text),
            ],
            confirm: "The message is from {name}, on {number}: {message}. Is that right?".into(),
            done: "Thank you. I have noted your message.".into(),
            failed: not_done(),
        }
    }
}

impl SmallTalk {
    fn all(&self) -> [(&'static str, &String); 14] {
        [
            ("greeting", &self.greeting),
            ("how_are_you", &self.how_are_you),
            ("thanks", &self.thanks),
            ("goodbye", &self.goodbye),
            ("robot", &self.robot),
            ("can_hear", &self.can_hear),
            ("take_your_time", &self.take_your_time),
            ("anything_else", &self.anything_else),
            ("unsure", &self.unsure),
            ("offer_person", &self.offer_person),
            ("put_through", &self.put_through),
            ("no_person", &self.no_person),
            ("offer_message", &self.offer_message),
            ("given_up", &self.given_up),
        ]
    }
}

/// The names between braces.
fn placeholders(template: &str) -> impl Iterator<Item = &str> {
    template.split('{').skip(1).filter_map(|rest| rest.split_once('}').map(|(name, _)| name))
}

fn count(
    of: &str,
    what: &'static str,
    count: usize,
    least: usize,
    most: usize,
) -> Result<(), BadPlaybook> {
    if (least..=most).contains(&count) {
        return Ok(());
    }
    Err(BadPlaybook::Count { of: of.to_owned(), what, count, least, most })
}

fn length(of: &str, what: &str, text: &str, most: usize) -> Result<(), BadPlaybook> {
    if !text.trim().is_empty() && text.chars().count() <= most {
        return Ok(());
    }
    Err(BadPlaybook::Length { of: format!("{what} of {of}"), most })
}

fn named(name: &str) -> Result<(), BadPlaybook> {
    let fits = (1..=64).contains(&name.len())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || "-_".contains(c));
    if fits { Ok(()) } else { Err(BadPlaybook::Name(name.to_owned())) }
}

fn of_course() -> String {
    "Of course.".to_owned()
}

fn not_done() -> String {
    "I'm sorry, that did not work, so nothing has been arranged yet.".to_owned()
}
