//! Passages of the playbook for a question, for whoever puts the answer into words himself.

use std::{collections::HashMap, time::Duration};

use super::{Agent, index::Subject};

/// From this likeness on a passage may be of use, by words and by meaning. Lower than what the agent
/// answers by itself with: whoever reads it sees what it is about.
const OF_USE_BY_WORDS: f32 = 0.3;
const OF_USE_BY_MEANING: f32 = 0.4;
/// A passage this much less like the question than the best one is left out.
const BEHIND: f32 = 0.35;

/// An answer of the playbook.
#[derive(Clone, Debug, PartialEq)]
pub struct Passage {
    /// What it is about, or the question that it answers.
    pub title: String,
    /// What the business says.
    pub text: String,
    /// How like it is to the question, 0 to 1.
    pub likeness: f32,
}

impl Agent {
    /// The answers that are most like `question`, best first, at most `most`; none where nothing is.
    /// They are compared by meaning if vectors are there within `within`, else by words.
    pub async fn find(&self, question: &str, most: usize, within: Duration) -> Vec<Passage> {
        let mind = &self.0;
        let vector = match mind.index.meaning() {
            Some(meaning) if meaning.is_prepared() => {
                let texts = vec![question.to_owned()];
                match tokio::time::timeout(within, meaning.embed(texts)).await {
                    Ok(Ok(mut vectors)) => vectors.pop(),
                    Ok(Err(error)) => {
                        tracing::warn!(%error, "looking up by words");
                        None
                    }
                    Err(_) => None,
                }
            }
            Some(_) => {
                self.prepare();
                None
            }
            None => None,
        };
        let mut found: HashMap<usize, f32> = HashMap::new();
        let ranked = mind.index.rank(question, vector.as_deref());
        let said = mind.index.rank_by_text(question);
        for likeness in ranked.into_iter().chain(said) {
            if let Subject::Answer(place) = likeness.subject {
                let best = found.entry(place).or_insert(0.0);
                *best = best.max(likeness.score);
            }
        }
        let of_use = if vector.is_some() { OF_USE_BY_MEANING } else { OF_USE_BY_WORDS };
        let mut found: Vec<(usize, f32)> =
            found.into_iter().filter(|(_, likeness)| *likeness >= of_use).collect();
        found.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        let best = found.first().map_or(0.0, |(_, likeness)| *likeness);
        found.retain(|(_, likeness)| *likeness >= best - BEHIND);
        found.truncate(most);
        found
            .into_iter()
            .map(|(place, likeness)| {
                let answer = &mind.answers[place];
                let (title, text) = (answer.title().to_owned(), answer.say.trim().to_owned());
                Passage { title, text, likeness }
            })
            .collect()
    }
}
