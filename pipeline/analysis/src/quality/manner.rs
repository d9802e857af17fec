//! How the caller was treated: words, interruptions, waiting.

use super::{Call, Finding, Part, Said, missing};
use crate::{
    transcript::{Ended, Speaker},
    triggers::{alike, content, person},
};

/// An agent that speaks over the caller for less did not notice it in time; that is not rude.
const TALKED_OVER_MS: u64 = 500;
/// Turns of ours from which on courtesy is expected.
const COURTESY_FROM: usize = 3;
/// Two turns of ours with so many words in common are one said twice.
const SAID_TWICE: f64 = 0.8;
/// Words below which saying something twice is no matter.
const LEAST_WORDS: usize = 4;

pub(super) fn look(call: &Call<'_>, findings: &mut Vec<Finding>) {
    greeting_and_closing(call, findings);
    for (index, said) in call.ours(false) {
        findings.extend(repeated(call, index, said));
        let not_caught = said.phrases.and_then(|list| list.not_caught.find(&said.words));
        if let Some(at) = not_caught {
            let issue = "The agent did not understand the caller";
            let part = Part::Professionalism;
            findings.push(said.finding("not_understood", part, issue, index, Some(at)));
        }
    }
    for (index, said) in call.callers() {
        let swore = said.phrases.and_then(|list| list.profanity.find(&said.words));
        if let Some(at) = swore {
            let issue = "The caller used offensive language";
            findings.push(said.finding(
                "caller_swore",
                Part::Professionalism,
                issue,
                index,
                Some(at),
            ));
        }
    }
    findings.extend(person_refused(call));
    waiting(call, findings);
    overlaps(call, findings);
}

fn greeting_and_closing(call: &Call<'_>, findings: &mut Vec<Finding>) {
    let mut ours = call.ours(true).map(|(_, said)| said).peekable();
    let Some(phrases) = ours.peek().and_then(|said| said.phrases) else { return };
    let ours: Vec<&Said<'_>> = ours.collect();
    let part = Part::Professionalism;
    if call.rubric.greeting && !phrases.greeting.met(&ours[0].words) {
        findings.push(missing("no_greeting", part, "The caller was not greeted"));
    }
    let ended_by_us = matches!(call.facts.ended, Ended::ByAgent);
    let closed = ours
        .iter()
        .rev()
        .take(2)
        .any(|said| said.phrases.is_some_and(|it| it.farewell.met(&said.words)));
    if call.rubric.closing && ended_by_us && !closed {
        findings.push(missing("no_closing", part, "The call was ended without a goodbye"));
    }
    let kind = |said: &&Said<'_>| {
        said.phrases.is_none_or(|it| it.courtesy.met(&said.words) || it.apology.met(&said.words))
    };
    if ours.len() >= COURTESY_FROM && !ours.iter().any(kind) {
        findings.push(missing(
            "no_courtesy",
            part,
            "Our side said nothing courteous in the whole call",
        ));
    }
}

fn repeated(call: &Call<'_>, index: usize, said: &Said<'_>) -> Option<Finding> {
    let says = content(&said.words);
    let asked_again =
        |said: &Said<'_>| said.phrases.is_some_and(|it| it.not_caught.met(&said.words));
    if says.len() < LEAST_WORDS || asked_again(said) {
        return None;
    }
    // What the caller asked to hear again, or did not hear to its end, may be said again.
    let before = index.checked_sub(1).and_then(|before| call.turns.get(before));
    if before.is_some_and(|it| it.turn.speaker == Speaker::Caller && asked_again(it)) {
        return None;
    }
    let earlier = call.turns[..index].iter().filter(|it| it.turn.speaker == Speaker::Agent);
    let twice = earlier
        .into_iter()
        .any(|it| !it.turn.cut && alike(&content(&it.words), &says) >= SAID_TWICE);
    twice.then(|| {
        let issue = "The agent repeated itself";
        said.finding("repeated_itself", Part::Professionalism, issue, index, None)
    })
}

/// The caller asked for a person, and was neither put through nor told anything about one.
fn person_refused(call: &Call<'_>) -> Option<Finding> {
    if call.facts.escalated || call.facts.ended == Ended::Transferred {
        return None;
    }
    let (index, said, at) = call.callers().find_map(|(index, said)| {
        person::request(&said.words, said.language).map(|at| (index, said, at))
    })?;
    let offered = call.turns[index..].iter().any(|said| match said.turn.speaker {
        Speaker::Person => true,
        Speaker::Agent => said.phrases.is_some_and(|it| it.offers_person.met(&said.words)),
        Speaker::Caller => false,
    });
    (!offered).then(|| {
        let issue = "The caller asked for a person and was not put through";
        said.finding("person_refused", Part::Professionalism, issue, index, Some(at))
    })
}

fn waiting(call: &Call<'_>, findings: &mut Vec<Finding>) {
    let part = Part::Professionalism;
    for ms in call.facts.answers_ms.iter().filter(|ms| **ms > call.rubric.slow_answer_ms) {
        let tenths = ms / 100;
        let issue = format!("An answer took {}.{} s", tenths / 10, tenths % 10);
        findings.push(missing("slow_answer", part, issue));
    }
    for (index, pair) in call.turns.windows(2).enumerate() {
        let [caller, next] = pair else { continue };
        let gap = next.turn.from_ms.saturating_sub(caller.turn.to_ms);
        if caller.turn.speaker == Speaker::Caller && gap > call.rubric.dead_air_ms {
            let issue = format!("Dead air of {} s after the caller spoke", gap / 1000);
            findings.push(caller.finding("dead_air", part, issue, index, None));
        }
    }
}

fn overlaps(call: &Call<'_>, findings: &mut Vec<Finding>) {
    let rude = call.facts.overlaps.iter();
    for overlap in rude.filter(|it| it.by != Speaker::Caller && it.ms >= TALKED_OVER_MS) {
        let at = overlap.at_ms;
        let spoken =
            call.ours(true).find(|(_, said)| (said.turn.from_ms..=said.turn.to_ms).contains(&at));
        let issue = "The caller was talked over";
        let part = Part::Professionalism;
        findings.push(match spoken {
            Some((index, said)) => said.finding("talked_over", part, issue, index, None),
            None => missing("talked_over", part, issue),
        });
    }
}
