//! Where a conversation stands, read anew from its history at every reply: nothing is kept between
//! requests. What the agent asked is taken from the words of it that were heard, which may be only
//! the beginning of a question; where even that is missing, from what must have come next.

use super::{
    mind::{Active, Mind, NOT_CAUGHT, Ranked, WHAT_TO_CHANGE, WHICH_DAY, WHICH_HOUR, WHICH_OF_TWO},
    playbook::SlotKind,
    slots::{self, Value},
    small_talk::{self, Small},
    words,
};
use crate::Message;

/// What the agent's last question was.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) enum Focus {
    #[default]
    Open,
    /// This slot of the task under way.
    Slot(usize),
    /// Whether what was read back is right.
    Confirm,
    /// What of it is wrong.
    Change,
    OfferPerson,
    OfferMessage,
    AnythingElse,
    /// Which of two answers was meant.
    Choice(usize, usize),
}

/// What a caller's turn did to the task under way.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Step {
    /// No task, or nothing for it.
    Nothing,
    /// A slot was filled, or what was read back corrected.
    Filled,
    /// What was asked for was not in it.
    Missed,
    Confirmed,
    /// What was read back is wrong; not said what.
    Declined,
    GivenUp,
    /// A task was asked for.
    Begun,
    /// Small talk that comes before any slot.
    Aside(Small),
}

#[derive(Clone, Debug, Default)]
pub(super) struct State {
    pub active: Option<Active>,
    pub focus: Focus,
    /// The task that the caller's last turn ended or gave up.
    pub left: Option<Active>,
    /// Turns on end in which the agent did not catch what it asked for.
    pub misses: u32,
    /// What a task's function answered, not yet told to the caller.
    pub untold: Option<(usize, String)>,
    /// A function's failure that belongs to the telephone: the transfer.
    pub transfer_failed: bool,
    /// The task was begun by the caller's last turn, by words alone: the agent's next words decide.
    presumed: bool,
}

impl State {
    /// Reads the messages in order.
    pub fn after(mind: &Mind, messages: &[Message]) -> State {
        let mut state = State::default();
        for (place, message) in messages.iter().enumerate() {
            match message {
                Message::Caller { text } => {
                    let text = in_words(text, &messages[..place]);
                    let ranked = mind.rank_by_words(&text);
                    let step = state.hear_caller(mind, &text, &ranked);
                    state.presumed = step == Step::Begun;
                }
                Message::Agent { text, tool_calls } => {
                    for call in tool_calls {
                        state.recall_task(mind, &call.name, &call.arguments);
                    }
                    state.hear_agent(mind, text);
                }
                Message::Tool { call_id, content } => {
                    let call = messages[..place].iter().rev().find_map(|message| match message {
                        Message::Agent { tool_calls, .. } => {
                            tool_calls.iter().find(|call| call.id == *call_id)
                        }
                        _ => None,
                    });
                    let Some(call) = call else { continue };
                    let task = mind.tasks.iter().position(|task| task.name == call.name);
                    match task {
                        Some(task) => state.untold = Some((task, content.clone())),
                        None if call.name == "transfer" => {
                            state.transfer_failed = is_failure(content);
                        }
                        None => {}
                    }
                }
                Message::Guidance { .. } => {}
            }
        }
        state
    }

    /// What the caller's words do to the task under way. Questions of the playbook are left to who
    /// answers them.
    pub fn hear_caller(&mut self, mind: &Mind, text: &str, ranked: &Ranked) -> Step {
        self.left = None;
        self.presumed = false;
        let focus = self.focus;
        let small = small_talk::heard(text);
        let Some(mut active) = self.active.take() else {
            self.focus = Focus::Open;
            if let Some(small) = small.filter(|small| small.comes_first()) {
                return Step::Aside(small);
            }
            let agreed = || small_talk::agreed(text) == Some(true);
            let wished = match focus {
                Focus::OfferMessage if agreed() => Some(mind.message_task()),
                _ => mind.wished_task(ranked),
            };
            let Some(task) = wished else { return Step::Nothing };
            self.active = Some(begin(mind, task, text));
            self.focus = self.next_focus(mind);
            return Step::Begun;
        };

        let task = &mind.tasks[active.task];
        let dictating = matches!(focus, Focus::Slot(slot) if task.slots[slot].kind == SlotKind::Text)
            && words::words(text).len() > 6;
        if small_talk::gives_up(text) && !dictating {
            self.left = Some(active);
            self.focus = Focus::Open;
            return Step::GivenUp;
        }
        if let Some(small) = small
            && !dictating
            && (small.comes_first() || matches!(small, Small::Goodbye | Small::Wait))
        {
            self.active = Some(active);
            return Step::Aside(small);
        }

        let step = match focus {
            _ if mind.is_clear_question(text, ranked) => Step::Missed,
            Focus::Slot(slot) => {
                let mut step = Step::Missed;
                if let Some(value) = slots::answer(task.slots[slot].kind, text) {
                    put(&mut active.values[slot], value);
                    step = Step::Filled;
                }
                // A text is one slot's; other slots may be filled by the way.
                if task.slots[slot].kind != SlotKind::Text {
                    for other in (0..task.slots.len()).filter(|other| *other != slot) {
                        if let Some(value) = slots::volunteered(task.slots[other].kind, text) {
                            put(&mut active.values[other], value);
                            step = Step::Filled;
                        }
                    }
                }
                step
            }
            Focus::Confirm | Focus::Change => {
                let agreed = small_talk::agreed(text);
                let bare = agreed == Some(false) || focus == Focus::Change;
                let before = active.clone();
                for (slot, value) in task.slots.iter().zip(&mut active.values) {
                    let found = match slot.kind {
                        SlotKind::Time if bare => slots::answer(slot.kind, text),
                        SlotKind::Name if focus == Focus::Change && !mentions_slot(text) => {
                            slots::answer(slot.kind, text)
                        }
                        kind => slots::volunteered(kind, text),
                    };
                    if let Some(found) = found {
                        put(value, found);
                    }
                }
                if active != before {
                    Step::Filled
                } else if let Some(slot) = mentioned(text, task, bare) {
                    active.values[slot] = None;
                    Step::Filled
                } else if agreed == Some(true) && focus == Focus::Confirm {
                    Step::Confirmed
                } else if agreed == Some(false) && focus == Focus::Confirm {
                    Step::Declined
                } else {
                    Step::Missed
                }
            }
            Focus::Open
            | Focus::OfferPerson
            | Focus::OfferMessage
            | Focus::AnythingElse
            | Focus::Choice(..) => Step::Nothing,
        };
        match step {
            Step::Confirmed => {
                self.left = Some(active);
                self.focus = Focus::Open;
            }
            Step::Declined => {
                self.active = Some(active);
                self.focus = Focus::Change;
            }
            Step::Missed if focus == Focus::Change => self.active = Some(active),
            _ => {
                self.active = Some(active);
                self.focus = self.next_focus(mind);
            }
        }
        step
    }

    /// What must be asked next of the task under way.
    pub fn next_focus(&self, mind: &Mind) -> Focus {
        let Some(active) = &self.active else { return Focus::Open };
        let kinds = mind.tasks[active.task].slots.iter();
        let missing = kinds.zip(&active.values).position(|(_, value)| match value {
            None => true,
            Some(Value::Time(time)) => !time.is_complete(),
            Some(_) => false,
        });
        missing.map_or(Focus::Confirm, Focus::Slot)
    }

    /// The question that is open, in the agent's words.
    pub fn question(&self, mind: &Mind) -> Option<String> {
        match (self.focus, &self.active) {
            (Focus::Slot(slot), Some(active)) => Some(slot_question(mind, active, slot)),
            (Focus::Confirm, Some(active)) => Some(mind.confirmation(active)),
            (Focus::Change, Some(_)) => Some(WHAT_TO_CHANGE.to_owned()),
            _ => None,
        }
    }

    /// Words of the agent that were heard: which of its questions do they end with?
    fn hear_agent(&mut self, mind: &Mind, text: &str) {
        let heard = words::tokens(text);
        if heard.is_empty() {
            return;
        }
        self.untold = None;
        self.transfer_failed = false;
        let missed = words::tokens(NOT_CAUGHT);
        let caught = !heard.windows(missed.len()).any(|window| window == missed);

        let mut best: Option<((usize, usize), Focus, Option<Active>)> = None;
        let mut offer = |question: &str, focus: Focus, task: Option<Active>, whole: bool| {
            let Some(found) = asked(&heard, &words::tokens(question), whole) else { return };
            if best.as_ref().is_none_or(|(before, ..)| found > *before) {
                best = Some((found, focus, task));
            }
        };
        for (task, known) in [(&self.active, true), (&self.left, false)] {
            let Some(active) = task else { continue };
            for slot in 0..active.values.len() {
                let mut open = active.clone();
                let ask = &mind.tasks[active.task].slots[slot].ask;
                open.values[slot] = None;
                offer(ask, Focus::Slot(slot), Some(open), !known);
                if let Some(Value::Time(_)) = active.values[slot] {
                    let part = Some(active.clone());
                    offer(WHICH_HOUR, Focus::Slot(slot), part.clone(), !known);
                    offer(WHICH_DAY, Focus::Slot(slot), part, !known);
                }
            }
            offer(&mind.confirmation(active), Focus::Confirm, Some(active.clone()), !known);
            offer(WHAT_TO_CHANGE, Focus::Change, Some(active.clone()), !known);
        }
        for (place, task) in mind.tasks.iter().enumerate() {
            for (slot, asks) in task.slots.iter().enumerate() {
                let fresh = Active { task: place, values: vec![None; task.slots.len()] };
                offer(&asks.ask, Focus::Slot(slot), Some(fresh), true);
            }
        }
        let small = &mind.small_talk;
        offer(&small.offer_person, Focus::OfferPerson, None, false);
        offer(&small.offer_message, Focus::OfferMessage, None, false);
        offer(&small.anything_else, Focus::AnythingElse, None, false);

        if let Some((_, focus, task)) = best {
            self.misses = if caught { 0 } else { self.misses + 1 };
            if let Some(task) = task {
                self.active = Some(task);
            } else if self.presumed {
                self.active = None;
            }
            self.focus = focus;
        } else if let Some(choice) = choice(mind, &heard) {
            self.focus = choice;
        } else if self.presumed
            && let Some(active) = &self.active
        {
            // The caller's wish was presumed from its words. Did the agent begin the task?
            let task = &mind.tasks[active.task];
            let opening = format!("{} {}", task.begin, self.question(mind).unwrap_or_default());
            if !words::tokens(&opening).starts_with(&heard) {
                self.active = None;
                self.focus = Focus::Open;
            }
        }
        self.presumed = false;
    }

    /// A function was called: the task of its name was confirmed.
    fn recall_task(&mut self, mind: &Mind, name: &str, arguments: &serde_json::Value) {
        let Some(place) = mind.tasks.iter().position(|task| task.name == name) else { return };
        if self.left.as_ref().is_none_or(|left| left.task != place) {
            let slots = mind.tasks[place].slots.iter();
            let values = slots
                .map(|slot| Value::from_argument(slot.kind, arguments.get(&slot.name)?))
                .collect();
            self.left = Some(Active { task: place, values });
        }
        self.active = None;
        self.focus = Focus::Open;
    }
}

/// The question for a slot, or for what is missing of it.
fn slot_question(mind: &Mind, active: &Active, slot: usize) -> String {
    match &active.values[slot] {
        Some(Value::Time(time)) if time.day.is_some() => WHICH_HOUR.to_owned(),
        Some(Value::Time(_)) => WHICH_DAY.to_owned(),
        _ => mind.tasks[active.task].slots[slot].ask.clone(),
    }
}

/// A task begins, with what was said along with the wish for it.
pub(super) fn begin(mind: &Mind, task: usize, text: &str) -> Active {
    let slots = mind.tasks[task].slots.iter();
    Active { task, values: slots.map(|slot| slots::volunteered(slot.kind, text)).collect() }
}

/// Puts a value in its place; of a time, what is new replaces what was there.
fn put(place: &mut Option<Value>, value: Value) {
    *place = Some(match (place.take(), value) {
        (Some(Value::Time(before)), Value::Time(later)) => Value::Time(before.corrected_by(&later)),
        (_, value) => value,
    });
}

/// The slot that is spoken of: "the time is wrong".
fn mentioned(text: &str, task: &super::playbook::Task, wrong: bool) -> Option<usize> {
    let tokens = words::tokens(text);
    let says = |names: &[&str]| words::has_any(&tokens, names);
    wrong.then_some(())?;
    task.slots.iter().position(|slot| {
        tokens.contains(&slot.name.to_lowercase())
            || match slot.kind {
                SlotKind::Name => says(&["name"]),
                SlotKind::Phone => says(&["number", "phone"]),
                SlotKind::Time => says(&["time", "day", "date", "hour"]),
                SlotKind::Text | SlotKind::YesNo => false,
            }
    })
}

fn mentions_slot(text: &str) -> bool {
    let tokens = words::tokens(text);
    words::has_any(&tokens, &["time", "day", "date", "hour", "number", "phone"])
        || tokens.last().is_some_and(|last| last == "name")
}

/// Where `question` ends in what was heard, and how much of it there is. A beginning of it counts at
/// the end of what was heard, unless the `whole` is wanted.
fn asked(heard: &[String], question: &[String], whole: bool) -> Option<(usize, usize)> {
    if question.is_empty() {
        return None;
    }
    let full = heard.windows(question.len()).rposition(|window| window == question);
    if let Some(from) = full {
        return Some((from + question.len(), question.len()));
    }
    let least = if whole { (question.len() * 2).div_ceil(3).max(3) } else { 2 };
    let longest = question.len().min(heard.len());
    (least..=longest)
        .rev()
        .find(|length| heard.ends_with(&question[..*length]))
        .map(|length| (heard.len(), length))
}

/// The question which of two was meant.
fn choice(mind: &Mind, heard: &[String]) -> Option<Focus> {
    let from = words::find(heard, &WHICH_OF_TWO.to_lowercase())?;
    let rest = &heard[from..];
    let mut named: Vec<(usize, usize)> = (0..mind.answers.len())
        .filter_map(|answer| {
            let topic = words::tokens(mind.topic(answer)?).join(" ");
            Some((words::find(rest, &topic)?, answer))
        })
        .collect();
    named.sort_unstable();
    match named[..] {
        [(_, first), (_, second), ..] => Some(Focus::Choice(first, second)),
        _ => None,
    }
}

/// Did a function fail? Its answer is text, perhaps JSON.
pub(super) fn is_failure(content: &str) -> bool {
    let content = content.trim();
    if let Ok(serde_json::Value::Object(told)) = serde_json::from_str(content) {
        let refused = |key: &str| told.get(key).and_then(serde_json::Value::as_bool) == Some(false);
        let wrong = told.get("error").is_some_and(|error| !error.is_null() && error != false);
        let status = told.get("status").and_then(serde_json::Value::as_str).unwrap_or_default();
        return wrong
            || ["ok", "success", "booked", "available"].into_iter().any(refused)
            || matches!(status, "error" | "failed" | "failure" | "unavailable" | "rejected");
    }
    let start: String = content.chars().take(16).flat_map(char::to_lowercase).collect();
    ["failed", "error", "not finished", "failure"].iter().any(|word| start.starts_with(word))
}

/// The caller's words, keys pressed put as what they choose: an option of the agent's last words, or
/// digits. Options are "press one for …" and "for …, press one".
pub(super) fn in_words(text: &str, before: &[Message]) -> String {
    let Some((lead, rest)) = text.split_once("(pressed ") else { return text.to_owned() };
    let Some((keys, tail)) = rest.split_once(')') else { return text.to_owned() };
    let options = before.iter().rev().find_map(|message| match message {
        Message::Agent { text, .. } if !text.trim().is_empty() => Some(text.as_str()),
        _ => None,
    });
    let chosen =
        options.and_then(|options| option(options, keys)).unwrap_or_else(|| keys.to_owned());
    in_words(&format!("{lead}{chosen}{tail}"), before)
}

fn option(offered: &str, keys: &str) -> Option<String> {
    let names = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"];
    let name = keys.parse::<usize>().ok().and_then(|key| names.get(key).copied())?;
    let lower = offered.to_lowercase();
    let pieces: Vec<&str> = lower.split([',', '.', ';', '?']).map(str::trim).collect();
    for (place, piece) in pieces.iter().enumerate() {
        let tokens = words::tokens(piece);
        let Some(at) = words::find(&tokens, "press") else { continue };
        if !tokens.get(at + 1).is_some_and(|key| key == name || key == keys) {
            continue;
        }
        let after = &tokens[at + 2..];
        if let Some(first) = after.first().filter(|first| *first == "for" || *first == "to") {
            let skip = usize::from(!first.is_empty());
            let end = after.iter().position(|token| token == "or" || token == "press");
            return Some(after[skip..end.unwrap_or(after.len()).max(skip)].join(" "));
        }
        // "for opening hours, press one" or without the comma
        let named = if at > 0 {
            tokens[..at].join(" ")
        } else {
            words::tokens(pieces.get(place.checked_sub(1)?)?).join(" ")
        };
        let named = named.trim_start_matches("or ").trim_start_matches("for ");
        return Some(named.trim_start_matches("to ").to_owned());
    }
    None
}
