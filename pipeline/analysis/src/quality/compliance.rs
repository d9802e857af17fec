//! What must and must not be said.

use super::{Call, Finding, Part, missing};
use crate::{pattern::Pattern, triggers::content, words::words};

/// Turns of ours within which a legal notice is to be given.
const NOTICE_TURNS: usize = 2;
/// The share of a notice's words that make it given: recognisers and phrasing differ a little.
const NOTICE_WORDS: f64 = 0.75;

pub(super) fn look(call: &Call<'_>, findings: &mut Vec<Finding>) {
    legal_notice(call, findings);
    for phrase in &call.rubric.required_phrases {
        let pattern = Pattern::literal(phrase);
        if !call.ours(true).any(|(_, said)| pattern.find(&said.words).is_some()) {
            let issue = format!("Required phrase was not said: {phrase}");
            findings.push(missing("required_phrase", Part::Compliance, issue));
        }
    }
    for phrase in &call.rubric.forbidden_phrases {
        let pattern = Pattern::literal(phrase);
        for (index, said) in call.ours(true) {
            if let Some(at) = pattern.find(&said.words) {
                let issue = format!("Forbidden phrase was said: {phrase}");
                let part = Part::Compliance;
                findings.push(said.finding("forbidden_phrase", part, issue, index, Some(at)));
            }
        }
    }
    for (index, said) in call.ours(true) {
        let swore = said.phrases.and_then(|list| list.profanity.find(&said.words));
        if let Some(at) = swore {
            let issue = "Our side used offensive language";
            findings.push(said.finding("swearing", Part::Compliance, issue, index, Some(at)));
        }
    }
}

fn legal_notice(call: &Call<'_>, findings: &mut Vec<Finding>) {
    let Some(notice) = &call.rubric.legal_notice else { return };
    let wanted = content(&words(notice));
    if wanted.is_empty() {
        return;
    }
    let first = call.ours(true).take(NOTICE_TURNS);
    let said: Vec<String> = first.flat_map(|(_, said)| content(&said.words)).collect();
    let given = wanted.iter().filter(|word| said.contains(word)).count();
    if (given as f64) < NOTICE_WORDS * wanted.len() as f64 {
        let issue = "The legal notice was not given at the start of the call";
        findings.push(missing("legal_notice", Part::Compliance, issue));
    }
}
