//! Which question of the playbook is this? Each phrasing is compared with what was said, by words
//! and, where there is an embedder, by meaning. What to do with the likeness is decided elsewhere.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

use tokio::sync::OnceCell;

use super::{Embedder, playbook::Task, small_talk::Small, words};
use crate::{Problem, VendorError, local::agent::playbook::Answer};

/// Texts given to the embedder at once while the phrasings are prepared: replies pass in between.
const BATCH: usize = 8;

/// What can be meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Subject {
    /// The answer at this place.
    Answer(usize),
    /// The task at this place.
    Task(usize),
    Small(Small),
}

/// How like a subject is to what was said, from 0 to 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Likeness {
    pub subject: Subject,
    pub score: f32,
}

/// From here on a subject counts as meant.
#[derive(Clone, Copy, Debug)]
pub(super) struct Thresholds {
    /// It may be answered.
    pub likely: f32,
    /// Certain enough to answer beside another question, or in the middle of a task.
    pub strong: f32,
    /// Two nearer than this cannot be told apart.
    pub tie: f32,
}

const BY_WORDS: Thresholds = Thresholds { likely: 0.46, strong: 0.6, tie: 0.02 };
const BY_MEANING: Thresholds = Thresholds { likely: 0.46, strong: 0.6, tie: 0.01 };

/// How much more than a word of one subject alone a word weighs that no phrasing has: it says that
/// something else is meant.
const UNKNOWN: f32 = 1.25;

/// The part of a likeness that the mere wording makes.
const WORDING: f32 = 0.06;

/// What words found anywhere in an answer count, of words found in one phrasing.
const BY_TEXT: f32 = 0.7;

struct Phrasing {
    subject: Subject,
    text: String,
    topics: BTreeSet<String>,
    /// All its words: they tell apart what is about the same.
    tokens: BTreeSet<String>,
}

/// The phrasings of a playbook.
pub(super) struct Index {
    phrasings: Vec<Phrasing>,
    /// How telling a word is: rare ones more.
    weights: HashMap<String, f32>,
    /// The weight of a word that no phrasing has.
    unknown: f32,
    /// The words of each answer's text: known to be of the business, not asked for.
    said: HashMap<Subject, BTreeSet<String>>,
    /// The words of each answer's text and of its phrasings.
    known: HashMap<Subject, BTreeSet<String>>,
    meaning: Option<Arc<Meaning>>,
}

/// The phrasings' vectors, made once.
pub(super) struct Meaning {
    embedder: Arc<dyn Embedder>,
    texts: Vec<String>,
    vectors: OnceCell<Vec<Vec<f32>>>,
}

impl Meaning {
    /// The vectors of the phrasings; the first to ask waits for them to be made.
    pub async fn prepared(&self) -> Result<&[Vec<f32>], VendorError> {
        let made = self.vectors.get_or_try_init(|| async {
            let mut vectors = Vec::with_capacity(self.texts.len());
            for texts in self.texts.chunks(BATCH) {
                vectors.extend(self.embed(texts.to_vec()).await?);
            }
            Ok(vectors)
        });
        made.await.map(Vec::as_slice)
    }

    /// Are the phrasings' vectors there already?
    pub fn is_prepared(&self) -> bool {
        self.vectors.initialized()
    }

    pub async fn embed(&self, texts: Vec<String>) -> Result<Vec<Vec<f32>>, VendorError> {
        let asked = texts.len();
        let vectors = self.embedder.embed(texts).await?;
        let fits = vectors.len() == asked
            && vectors.iter().all(|vector| {
                !vector.is_empty()
                    && vector.len() == vectors[0].len()
                    && vector.iter().all(|value| value.is_finite())
            });
        if fits {
            return Ok(vectors);
        }
        Err(VendorError {
            vendor: super::VENDOR,
            attempt: "compare meanings",
            problem: Problem::Engine(
                "the embedder gave vectors of the wrong number or size".into(),
            ),
            request_id: None,
        })
    }
}

impl Index {
    pub fn new(answers: &[Answer], tasks: &[Task], embedder: Option<Arc<dyn Embedder>>) -> Self {
        let mut phrasings = Vec::new();
        let mut said = HashMap::new();
        let mut add = |subject, text: &str| {
            let (text, topics) = (text.trim().to_owned(), words::topics(text));
            let tokens = words::tokens(&text).into_iter().collect();
            phrasings.push(Phrasing { subject, text, topics, tokens });
        };
        for (place, answer) in answers.iter().enumerate() {
            let subject = Subject::Answer(place);
            answer.ask.iter().for_each(|ask| add(subject, ask));
            let mut words = words::topics(&answer.say);
            words.extend(answer.topic.iter().flat_map(|topic| words::topics(topic)));
            said.insert(subject, words);
        }
        for (place, task) in tasks.iter().enumerate() {
            task.ask.iter().for_each(|ask| add(Subject::Task(place), ask));
        }
        for small in Small::ALL {
            small.phrasings().iter().for_each(|ask| add(Subject::Small(small), ask));
        }

        let mut known = said.clone();
        for phrasing in &phrasings {
            if let Some(words) = known.get_mut(&phrasing.subject) {
                words.extend(phrasing.topics.iter().cloned());
            }
        }

        // In how many subjects a word stands.
        let mut holders: HashMap<String, BTreeSet<Subject>> = HashMap::new();
        for phrasing in &phrasings {
            for topic in &phrasing.topics {
                holders.entry(topic.clone()).or_default().insert(phrasing.subject);
            }
        }
        let subjects = answers.len() + tasks.len();
        let weight = |holders: usize| {
            (1.0 + (subjects as f32 + 1.0) / (holders as f32 + 0.5)).ln().clamp(0.3, 2.5)
        };
        let mut weights: HashMap<String, f32> =
            holders.into_iter().map(|(topic, of)| (topic, weight(of.len()))).collect();
        // When something is wanted says little of what it is.
        for word in ["today", "tonight", "tomorrow", "yesterday", "last", "since", "night", "week"]
        {
            weights.insert(words::stem(word), 0.4);
        }
        let meaning = embedder.map(|embedder| {
            let texts = phrasings.iter().map(|phrasing| phrasing.text.clone()).collect();
            Arc::new(Meaning { embedder, texts, vectors: OnceCell::new() })
        });
        Index { phrasings, weights, unknown: UNKNOWN * weight(1), said, known, meaning }
    }

    pub fn meaning(&self) -> Option<&Arc<Meaning>> {
        self.meaning.as_ref()
    }

    /// What counts as meant, with or without vectors.
    pub fn thresholds(&self, by_meaning: bool) -> Thresholds {
        if by_meaning { BY_MEANING } else { BY_WORDS }
    }

    fn weight(&self, topics: &BTreeSet<String>) -> f32 {
        topics.iter().map(|topic| self.weight_of(topic)).sum()
    }

    fn weight_of(&self, topic: &str) -> f32 {
        self.weights.get(topic).copied().unwrap_or(self.unknown)
    }

    /// Every subject's likeness to `text`, best first. With `vector`, the embedder's of `text`,
    /// meaning counts more than words.
    pub fn rank(&self, text: &str, vector: Option<&[f32]>) -> Vec<Likeness> {
        let asked = words::topics(text);
        let asked_weight = self.weight(&asked);
        let tokens: BTreeSet<String> = words::tokens(text).into_iter().collect();
        let vectors = self.meaning.as_ref().and_then(|meaning| meaning.vectors.get());
        let mut best: HashMap<Subject, f32> = HashMap::new();
        for (place, phrasing) in self.phrasings.iter().enumerate() {
            let by_words = self.by_words(&asked, asked_weight, phrasing);
            let by_words = if by_words > 0.0 {
                let shared = tokens.intersection(&phrasing.tokens).count() as f32;
                let all = (tokens.len() + phrasing.tokens.len()) as f32;
                (1.0 - WORDING) * by_words + WORDING * 2.0 * shared / all
            } else {
                0.0
            };
            let score = match vector.zip(vectors.and_then(|all| all.get(place))) {
                Some((a, b)) if a.len() == b.len() => {
                    let cosine: f32 = a.iter().zip(b).map(|(a, b)| a * b).sum();
                    0.7 * cosine + 0.3 * by_words
                }
                _ => by_words,
            };
            let entry = best.entry(phrasing.subject).or_insert(0.0);
            *entry = entry.max(score);
        }
        let mut ranked: Vec<Likeness> =
            best.into_iter().map(|(subject, score)| Likeness { subject, score }).collect();
        ranked.sort_by(|a, b| b.score.total_cmp(&a.score).then_with(|| a.subject.cmp(&b.subject)));
        ranked
    }

    /// How much of what is asked stands in each answer's own text and its phrasings taken together.
    /// It finds what nobody thought of asking for; for an answer without further thought it is too
    /// little.
    pub fn rank_by_text(&self, text: &str) -> Vec<Likeness> {
        let asked = words::topics(text);
        let asked_weight = self.weight(&asked);
        if asked_weight <= 0.0 {
            return Vec::new();
        }
        let shared = |words: &BTreeSet<String>| -> f32 {
            asked.intersection(words).map(|topic| self.weight_of(topic)).sum()
        };
        let likeness = |(subject, words): (&Subject, &BTreeSet<String>)| Likeness {
            subject: *subject,
            score: BY_TEXT * shared(words) / asked_weight,
        };
        self.known.iter().map(likeness).collect()
    }

    /// The shared part of what was asked and of a phrasing, by weight.
    fn by_words(&self, asked: &BTreeSet<String>, asked_weight: f32, phrasing: &Phrasing) -> f32 {
        if asked_weight <= 0.0 || phrasing.topics.is_empty() {
            return 0.0;
        }
        let shared: f32 =
            asked.intersection(&phrasing.topics).map(|topic| self.weight_of(topic)).sum();
        if shared <= 0.0 {
            return 0.0;
        }
        // Words of the answer's own text are of its subject, though nobody asks with them.
        let related: f32 = self.said.get(&phrasing.subject).map_or(0.0, |said| {
            let rest = asked.difference(&phrasing.topics).filter(|topic| said.contains(*topic));
            rest.map(|topic| 0.5 * self.weight_of(topic)).sum()
        });
        let of_asked = ((shared + related) / asked_weight).min(1.0);
        let of_phrasing = shared / self.weight(&phrasing.topics);
        of_asked.powf(0.6) * of_phrasing.powf(0.4)
    }
}
