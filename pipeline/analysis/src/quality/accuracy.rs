//! Whether what was said is so, and what was promised done.

use super::{Call, Finding, Part, Said};
use crate::{
    transcript::{Ended, Speaker},
    triggers::{Knowledge, content},
    words::{Word, words},
};

/// Turns of ours after a promise within which it is kept.
const KEPT_WITHIN: usize = 3;
/// The share of an answer's words that its passages must hold.
const SUPPORTED: f64 = 0.25;
/// Words below which an answer is too short to be held against passages.
const LEAST_WORDS: usize = 4;

pub(super) fn look(call: &Call<'_>, findings: &mut Vec<Finding>) {
    for (index, said) in call.ours(false) {
        let found = unsupported(call, index, said)
            .or_else(|| unsure(index, said))
            .or_else(|| empty_words(call, index, said));
        findings.extend(found);
    }
    for (index, said) in call.callers() {
        findings.extend(unanswered(call, index, said));
    }
}

/// An answer for which the knowledge was asked, and which says what is not in it; of passages that were
/// only offered, figures alone must be theirs: the answer may be about something else.
fn unsupported(call: &Call<'_>, index: usize, said: &Said<'_>) -> Option<Finding> {
    let asked = match said.turn.knowledge {
        Knowledge::Found => true,
        Knowledge::Offered => false,
        Knowledge::NotAsked | Knowledge::Missed => return None,
    };
    if said.turn.passages.is_empty() {
        return None;
    }
    // What the caller and the tools said may be repeated, and what was supported before.
    let mut texts: Vec<&str> = call.facts.told.iter().map(String::as_str).collect();
    for earlier in &call.turns[..=index] {
        texts.extend(earlier.turn.passages.iter().map(String::as_str));
        texts.extend(earlier.turn.tools.iter().map(|tool| tool.answer.as_str()));
        if earlier.turn.speaker == Speaker::Caller {
            texts.push(&earlier.turn.text);
        }
    }
    let allowed: Vec<String> =
        texts.iter().flat_map(|text| figures(text)).map(|(_, figure)| figure).collect();
    let place = figures(&said.turn.text).into_iter().find(|(_, figure)| !allowed.contains(figure));
    if let Some((at, _)) = place {
        let word = said.words.iter().position(|word| word.at.end > at).unwrap_or(0);
        let issue = "A figure was named that the knowledge does not hold";
        let part = Part::Accuracy;
        return Some(said.finding("unsupported_figure", part, issue, index, Some(word..word + 1)));
    }
    if !asked {
        return None;
    }
    let known: Vec<Word> = texts.iter().flat_map(|text| words(text)).collect();
    let (answer, known) = (content(&said.words), content(&known));
    let supported = answer.iter().filter(|word| known.binary_search(word).is_ok()).count();
    let short = answer.len() < LEAST_WORDS;
    let poor = (supported as f64) < SUPPORTED * answer.len() as f64;
    (!short && poor).then(|| {
        let issue = "An answer says little of what the knowledge gave for it";
        said.finding("unsupported_answer", Part::Accuracy, issue, index, None)
    })
}

/// The figures of a text with their places in bytes: "1,200" is 1200, and "9:00", "9.00" and "09" are 9.
fn figures(text: &str) -> Vec<(usize, String)> {
    let mut found: Vec<(usize, String)> = Vec::new();
    let mut chars = text.char_indices().peekable();
    while let Some((at, char)) = chars.next() {
        if !char.is_ascii_digit() {
            continue;
        }
        let mut figure = String::from(char);
        while let Some(&(next_at, next)) = chars.peek() {
            let followed =
                text[next_at + next.len_utf8()..].starts_with(|it: char| it.is_ascii_digit());
            match next {
                '0'..='9' => figure.push(next),
                ',' | '\u{a0}' | '\u{202f}' if followed => {}
                '.' | ':' if followed => figure.push('.'),
                _ => break,
            }
            chars.next();
        }
        let bare = figure.trim_start_matches('0');
        let bare = bare.strip_suffix(".00").unwrap_or(bare);
        found.push((at, bare.to_owned()));
    }
    found
}

fn unsure(index: usize, said: &Said<'_>) -> Option<Finding> {
    let at = said.phrases.and_then(|list| list.unsure.find(&said.words));
    if at.is_none() && said.turn.knowledge != Knowledge::Missed {
        return None;
    }
    Some(said.finding("did_not_know", Part::Accuracy, "The agent did not know", index, at))
}

/// A promise, or a claim that something is done, and nothing that did it.
fn empty_words(call: &Call<'_>, index: usize, said: &Said<'_>) -> Option<Finding> {
    let list = said.phrases?;
    let did = |said: &Said<'_>| said.turn.tools.iter().any(|tool| tool.ok && tool.effects);
    if let Some(at) = list.claimed.find(&said.words) {
        let done = call.turns[..=index].iter().any(did);
        // "Shall I say that you're booked?"
        let asks = said.turn.text.trim_end().ends_with('?') && said.words.last()?.sentence == 0;
        return (!done && !asks).then(|| {
            let issue = "The agent said that something was done, but nothing had been done";
            said.finding("claim_without_deed", Part::Accuracy, issue, index, Some(at))
        });
    }
    let at = list.promise.find(&said.words)?;
    let after = call.turns[index..].iter();
    let ours = after.filter(|said| said.turn.speaker != Speaker::Caller).take(1 + KEPT_WITHIN);
    let kept = ours.into_iter().any(did) || tools_of_callers(call, index);
    let person = list.offers_person.met(&said.words)
        && (call.facts.escalated || call.facts.ended == Ended::Transferred);
    (!kept && !person).then(|| {
        let issue = "The agent promised something that was not done in the call";
        said.finding("promise_not_kept", Part::Accuracy, issue, index, Some(at))
    })
}

/// Tools may be noted with the caller's next turn.
fn tools_of_callers(call: &Call<'_>, index: usize) -> bool {
    let next = call.turns[index..].iter().find(|said| said.turn.speaker == Speaker::Caller);
    next.is_some_and(|said| said.turn.tools.iter().any(|tool| tool.ok && tool.effects))
}

/// A question of the caller's to which nothing was heard, or nothing but that it was not understood.
fn unanswered(call: &Call<'_>, index: usize, said: &Said<'_>) -> Option<Finding> {
    let asked = said.turn.text.contains('?')
        || said.phrases.is_some_and(|list| list.question.met(&said.words));
    let asks_nothing = said.phrases.is_some_and(|list| {
        list.filler.covered(&said.words) == said.words.len() || list.farewell.met(&said.words)
    });
    if !asked || asks_nothing || said.words.len() < 2 {
        return None;
    }
    // What is said in one breath is answered together: the last turn of a run stands for all.
    let next = call.turns.get(index + 1);
    if next.is_some_and(|next| next.turn.speaker == Speaker::Caller) {
        return None;
    }
    let lost = match next {
        None => call.facts.ended != Ended::Transferred,
        // A word or two before it broke off is no answer, unless the caller broke it.
        Some(next) => next.turn.cut && next.words.len() <= 2 && index + 2 >= call.turns.len(),
    };
    lost.then(|| {
        let issue = "A question of the caller's was left without an answer";
        said.finding("question_unanswered", Part::Accuracy, issue, index, None)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_compared_as_they_are_meant() {
        let of = |text: &str| figures(text).into_iter().map(|(_, it)| it).collect::<Vec<_>>();
        assert_eq!(of("$1,200 at 9:00 or 10:30, room 07."), ["1200", "9", "10.30", "7"]);
        assert_eq!(of("1\u{a0}200 руб., 9.00"), ["1200", "9"]);
        assert_eq!(of("none"), [""; 0]);
    }
}
