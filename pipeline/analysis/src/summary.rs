//! What a call was about, in at most five sentences: what the caller wanted, what was done, what is
//! open, how it ended and how it felt.
//!
//! The caller's matter and what is open are quoted from what was heard; the rest are set sentences in
//! the call's language. A call in a language that is not understood is told in English, by its facts.

use crate::{
    Language, phrases,
    sentiment::Label,
    transcript::{Ended, Facts, Speaker, Transcript, Turn},
    triggers::{content, person},
    words::{cut, words},
};

/// Characters of a quote.
const QUOTE: usize = 140;
/// Tools that are named.
const MOST_DEEDS: usize = 3;
/// Caller turns among which the matter is looked for.
const FIRST_TURNS: usize = 6;

/// What a call was about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    /// The caller's words, where they said what they wanted.
    pub wanted: Option<String>,
    /// Names of what was done, each once.
    pub done: Vec<String>,
    /// The caller's last matter that was not settled, in their words.
    pub open: Option<String>,
    /// All of it in at most five sentences.
    pub text: String,
}

/// Sums a call up; `mood` is the call's label.
pub fn of(transcript: &Transcript, facts: &Facts, mood: Label) -> Summary {
    let wanted = wanted(transcript).map(|turn| cut(turn.text.trim(), QUOTE).to_owned());
    let mut done: Vec<String> = Vec::new();
    for tool in transcript.turns.iter().flat_map(|turn| &turn.tools) {
        let name = cut(&tool.name, QUOTE).to_owned();
        if tool.ok && tool.effects && !done.contains(&name) {
            done.push(name);
        }
    }
    let open = open(transcript, facts).map(|turn| cut(turn.text.trim(), QUOTE).to_owned());
    let told = if transcript.language == Language::Russian { russian } else { english };
    let text = told(&Told { transcript, facts, mood, wanted: &wanted, done: &done, open: &open });
    Summary { wanted, done, open, text }
}

/// The caller's turn that says most of what they want, among their first ones.
fn wanted(transcript: &Transcript) -> Option<&Turn> {
    let callers = transcript.turns.iter().filter(|turn| turn.speaker == Speaker::Caller);
    let weight = |turn: &&Turn| {
        let words = words(&turn.text);
        let list = phrases::of(transcript.language.of_turn(&turn.text))?;
        let matter = words.len() - list.filler.covered(&words);
        // Three words with a wish in them say more than ten without.
        let wish = list.wish.covered(&words).min(12);
        (matter >= 2).then(|| content(&words).len().min(10) + wish)
    };
    let weighed = callers.take(FIRST_TURNS).filter_map(|turn| Some((weight(&turn)?, turn)));
    // Of two that weigh the same, the first.
    weighed
        .fold(None, |best: Option<(usize, &Turn)>, (weight, turn)| match best {
            Some((most, _)) if most >= weight => best,
            Some(_) | None => Some((weight, turn)),
        })
        .map(|(_, turn)| turn)
}

/// What was left open: a person who was asked for and not reached, else the caller's last question
/// that the agent could not answer or did not get to.
fn open<'a>(transcript: &'a Transcript, facts: &Facts) -> Option<&'a Turn> {
    if facts.ended == Ended::Transferred {
        return None;
    }
    let turns = &transcript.turns;
    let mut open: Option<&Turn> = None;
    for (index, turn) in turns.iter().enumerate() {
        let words = words(&turn.text);
        let language = transcript.language.of_turn(&turn.text);
        let Some(list) = phrases::of(language) else { continue };
        match turn.speaker {
            Speaker::Caller => {
                if list.settled.met(&words) {
                    open = None;
                } else if person::request(&words, language).is_some() {
                    open = Some(turn);
                }
            }
            Speaker::Person => open = None,
            Speaker::Agent => {
                let failed = list.unsure.met(&words)
                    || turn.knowledge == crate::triggers::Knowledge::Missed
                    || turn.tools.iter().any(|tool| !tool.ok && tool.effects);
                let before = turns[..index].iter().rev().find(|it| it.speaker == Speaker::Caller);
                if failed {
                    open = before;
                } else if turn.tools.iter().any(|tool| tool.ok && tool.effects) {
                    open = None;
                }
            }
        }
    }
    open.or_else(|| {
        let last = turns.last().filter(|turn| turn.speaker == Speaker::Caller)?;
        let words = words(&last.text);
        let list = phrases::of(transcript.language.of_turn(&last.text))?;
        let asked = last.text.contains('?') || list.question.met(&words);
        let ended = list.farewell.met(&words) || list.settled.met(&words);
        (asked && !ended).then_some(last)
    })
}

struct Told<'a> {
    transcript: &'a Transcript,
    facts: &'a Facts,
    mood: Label,
    wanted: &'a Option<String>,
    done: &'a [String],
    open: &'a Option<String>,
}

impl Told<'_> {
    fn was_heard(&self) -> bool {
        self.transcript.turns.iter().any(|turn| turn.speaker == Speaker::Caller)
    }
}

/// A quote inside of a sentence: without the marks that would end it.
fn quoted(text: &str) -> String {
    let inside = text.trim_end_matches(['.', '!', '…', ' ', ',']);
    inside.replace(['“', '”', '«', '»', '"'], "'")
}

/// A tool's name as words.
fn named(done: &[String]) -> String {
    let names = done.iter().take(MOST_DEEDS).map(|name| name.replace(['_', '-'], " "));
    names.collect::<Vec<_>>().join(", ")
}

fn english(told: &Told<'_>) -> String {
    let mut said = Vec::new();
    match (told.wanted, told.was_heard()) {
        (Some(wanted), _) => said.push(format!("The caller said: “{}”.", quoted(wanted))),
        (None, true) => said.push("The caller did not say clearly what they wanted.".to_owned()),
        (None, false) => said.push("Nothing was heard from the caller.".to_owned()),
    }
    if !told.done.is_empty() {
        said.push(format!("Done: {}.", named(told.done)));
    }
    if let Some(open) = told.open {
        said.push(format!("Left open: “{}”.", quoted(open)));
    }
    said.push(match told.facts.ended {
        Ended::ByCaller => "The caller hung up.".to_owned(),
        Ended::ByAgent => "The agent said goodbye.".to_owned(),
        Ended::Transferred => "The caller was put through to a person.".to_owned(),
        Ended::Silence => "The call ended in silence.".to_owned(),
        Ended::Failed => "The call broke off by a fault.".to_owned(),
    });
    match told.mood {
        Label::Positive => said.push("The caller sounded content.".to_owned()),
        Label::Negative => said.push("The caller sounded unhappy.".to_owned()),
        Label::Neutral => {}
    }
    said.join(" ")
}

fn russian(told: &Told<'_>) -> String {
    let mut said = Vec::new();
    match (told.wanted, told.was_heard()) {
        (Some(wanted), _) => said.push(format!("Звонивший сказал: «{}».", quoted(wanted))),
        (None, true) => said.push("Чего хотел звонивший, из разговора не ясно.".to_owned()),
        (None, false) => said.push("Звонившего не было слышно.".to_owned()),
    }
    if !told.done.is_empty() {
        said.push(format!("Сделано: {}.", named(told.done)));
    }
    if let Some(open) = told.open {
        said.push(format!("Осталось открытым: «{}».", quoted(open)));
    }
    said.push(match told.facts.ended {
        Ended::ByCaller => "Звонивший положил трубку.".to_owned(),
        Ended::ByAgent => "Агент попрощался.".to_owned(),
        Ended::Transferred => "Звонивший соединён с сотрудником.".to_owned(),
        Ended::Silence => "Звонок закончился молчанием.".to_owned(),
        Ended::Failed => "Звонок оборвался из-за сбоя.".to_owned(),
    });
    match told.mood {
        Label::Positive => said.push("Звонивший остался доволен.".to_owned()),
        Label::Negative => said.push("Звонивший остался недоволен.".to_owned()),
        Label::Neutral => {}
    }
    said.join(" ")
}
