//! The built-in function that finds passages of the business's knowledge, for models whose
//! instructions have no room for all of it.

use std::{fmt::Write, time::Duration};

use serde_json::Value;
use vendors::local::agent::Agent;

use super::Failed;

/// The function's name.
pub(super) const NAME: &str = "look_up";
/// At most so many passages are given.
const MOST_PASSAGES: usize = 4;
/// Time for comparing by meaning; then it is compared by words.
const MEANING_WITHIN: Duration = Duration::from_millis(400);
/// Questions longer than this are cut, characters.
const LONGEST_QUESTION: usize = 500;

/// What is said where there are no passages.
const NOTHING: &str = "Nothing found. The business's knowledge does not say.";

/// Did this tool look something up in the business's knowledge, and was there something?
pub fn looked_up(tool: &str, ok: bool, answer: &str) -> Option<bool> {
    (tool == NAME && ok).then(|| answer != NOTHING)
}

/// The passages that may answer the question, quoted, with what they are about.
pub(super) async fn look_up(knowledge: &Agent, arguments: &Value) -> Result<String, Failed> {
    let question = arguments["question"].as_str().unwrap_or("").trim();
    if question.is_empty() {
        return Err(Failed { why: "arguments", words: "a question is needed".to_owned() });
    }
    let question: String = question.chars().take(LONGEST_QUESTION).collect();
    let found = knowledge.find(&question, MOST_PASSAGES, MEANING_WITHIN).await;
    if found.is_empty() {
        return Ok(NOTHING.to_owned());
    }
    let mut answer = String::from("Passages that may answer it:");
    for passage in found {
        let _ = write!(answer, "\n- {}: \"{}\"", passage.title, passage.text);
    }
    Ok(answer)
}
