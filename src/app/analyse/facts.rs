//! What is known of a call besides its words, put where it belongs: tools and knowledge to the turns
//! that they were used for, and who spoke while the other did.

use analysis::{
    transcript::{Overlap, Speaker, ToolResult, Transcript},
    triggers::Knowledge,
};
use chrono::{DateTime, Utc};

use crate::{
    live::tools::looked_up,
    store::{
        lines::Said,
        scores::{Known, StoredFact},
    },
};

/// Puts the facts to their turns; `said` has the line of each. Answers who spoke while the other did.
pub(super) fn place(
    transcript: &mut Transcript,
    said: &[Said],
    facts: Vec<StoredFact>,
) -> Vec<Overlap> {
    let mut overlaps = cut_in(transcript);
    for StoredFact { at, known } in facts {
        match known {
            Known::Tool { name, ok, effects, answer } => {
                // What was done after the last words was promised by them.
                let turn = answer_after(said, at).or_else(|| last_of_agent(transcript));
                let Some(turn) = turn.map(|place| &mut transcript.turns[place]) else { continue };
                if let Some(found) = looked_up(&name, ok, &answer) {
                    turn.knowledge = if found { Knowledge::Found } else { Knowledge::Missed };
                    turn.passages.extend(found.then(|| answer.clone()));
                }
                turn.tools.push(ToolResult { name, ok, effects, answer });
            }
            Known::Passages { texts } => {
                let Some(place) = answer_after(said, at) else { continue };
                let turn = &mut transcript.turns[place];
                if turn.knowledge == Knowledge::NotAsked {
                    turn.knowledge = Knowledge::Offered;
                }
                turn.passages.extend(texts);
            }
            Known::Overlap { ms } => {
                let at_ms = since_begin(said, at);
                overlaps.push(Overlap { at_ms, ms, by: Speaker::Caller });
            }
        }
    }
    overlaps.sort_by_key(|overlap| overlap.at_ms);
    overlaps
}

/// The first answer of the agent's that was heard after this. Fillers and the like answer nothing.
fn answer_after(said: &[Said], at: DateTime<Utc>) -> Option<usize> {
    said.iter().position(|line| {
        let purpose = line.metadata.0.get("purpose").and_then(|purpose| purpose.as_str());
        line.speaker == "ai" && purpose.is_none_or(|purpose| purpose == "reply") && line.at >= at
    })
}

fn last_of_agent(transcript: &Transcript) -> Option<usize> {
    transcript.turns.iter().rposition(|turn| turn.speaker == Speaker::Agent)
}

fn since_begin(said: &[Said], at: DateTime<Utc>) -> u64 {
    let began = said.first().map_or(at, super::began);
    u64::try_from((at - began).num_milliseconds()).unwrap_or(0)
}

/// Where our side began to be heard while the caller spoke, and was heard on.
fn cut_in(transcript: &Transcript) -> Vec<Overlap> {
    let of = |caller: bool| {
        let turns = transcript.turns.iter();
        turns.filter(move |turn| (turn.speaker == Speaker::Caller) == caller)
    };
    let both = of(false).filter_map(|ours| {
        let theirs =
            of(true).find(|theirs| theirs.from_ms < ours.from_ms && ours.from_ms < theirs.to_ms)?;
        let ms = ours.to_ms.min(theirs.to_ms) - ours.from_ms;
        Some(Overlap { at_ms: ours.from_ms, ms, by: ours.speaker })
    });
    both.collect()
}

#[cfg(test)]
mod tests {
    use analysis::{Language, transcript::Turn};

    use super::*;

    #[test]
    fn who_begins_while_the_other_speaks_has_cut_in() {
        let turns = vec![
            Turn::new(Speaker::Agent, "Hello.", 0, 900),
            Turn::new(Speaker::Caller, "I would like, well, a table.", 2_000, 6_000),
            Turn::new(Speaker::Agent, "When shall it be?", 3_500, 4_600),
            Turn::new(Speaker::Agent, "A table it is, of course.", 6_200, 8_000),
            Turn::new(Speaker::Caller, "Wait.", 7_500, 7_900),
        ];
        let transcript = Transcript { language: Language::English, turns };
        let found = cut_in(&transcript);
        assert_eq!(found, [Overlap { at_ms: 3_500, ms: 1_100, by: Speaker::Agent }]);
    }
}
