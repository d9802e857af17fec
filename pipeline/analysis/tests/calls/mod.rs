//! Calls as they are held, written down as lines: `C` caller, `A` agent, `P` a person.
#![allow(dead_code, reason = "each test uses a part")]

use analysis::{
    Language,
    transcript::{Speaker, ToolResult, Transcript, Turn},
    triggers::Knowledge,
};

/// Three seconds a turn, a third of a second between.
pub fn call(language: Language, lines: &[&str]) -> Transcript {
    let turn = |(index, line): (usize, &&str)| {
        let (who, text) = line.split_once(' ').expect("a speaker and words");
        let speaker = match who {
            "C" => Speaker::Caller,
            "A" => Speaker::Agent,
            "P" => Speaker::Person,
            other => panic!("nobody is called {other}"),
        };
        let from = index as u64 * 3_300;
        Turn::new(speaker, text, from, from + 3_000)
    };
    Transcript { language, turns: lines.iter().enumerate().map(turn).collect() }
}

pub fn did(turn: &mut Turn, name: &str, ok: bool) {
    let (name, answer) = (name.to_owned(), "done".to_owned());
    turn.tools.push(ToolResult { name, ok, effects: true, answer });
}

pub fn knew(turn: &mut Turn, passage: &str) {
    turn.knowledge = Knowledge::Found;
    turn.passages.push(passage.to_owned());
}

/// A booking that went well.
pub fn booking() -> Transcript {
    let mut call = call(
        Language::English,
        &[
            "A Hello, you have reached Bright Dental. How can I help you?",
            "C hi I'd like to book a cleaning for Tuesday morning",
            "A Of course. We have nine or ten thirty. Which do you prefer?",
            "C nine please and how much is it",
            "A A cleaning is $90 without insurance. I'll book nine on Tuesday for you.",
            "C great thank you so much",
            "A You're booked for Tuesday at nine. Goodbye!",
        ],
    );
    knew(&mut call.turns[4], "A cleaning costs $90 without insurance.");
    did(&mut call.turns[4], "book_appointment", true);
    call
}

/// A call that goes wrong in most ways.
pub fn grievance() -> Transcript {
    let mut call = call(
        Language::English,
        &[
            "A What is your order number?",
            "C where is my refund I have been waiting for three weeks this is ridiculous",
            "A I'm not sure about that. What is your order number for this refund?",
            "C four seven nine two I already told you",
            "A The refund of $75 takes 14 days to arrive at your bank account.",
            "C let me talk to a person right now",
            "A I'll send you an email with the details.",
            "C you people are useless when do I get my money",
        ],
    );
    knew(&mut call.turns[4], "Refunds take 10 days to arrive at the bank account.");
    call
}
