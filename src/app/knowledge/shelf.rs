//! What is kept in memory of the tenants' knowledge, so that a caller's question is answered from it in
//! milliseconds: each business's passages with their vectors. It is bounded, and read again once the
//! knowledge has changed, here or on another node.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
    time::{Duration, Instant},
};

use tokio::sync::{Notify, Semaphore, watch};
use vendors::local::{
    agent::{Agent, Answer, Embedder, Playbook},
    embed::likeness,
};

use super::words::{Weights, Words};
use crate::{
    domain::{BusinessId, TenantId},
    store::knowledge::ChunkRow,
};

/// Passages of all businesses together that are kept: some 4 KiB each.
const MOST_KEPT: usize = 60_000;
/// Whether the knowledge has changed elsewhere is asked so often.
const CURRENT_FOR: Duration = Duration::from_secs(2);
/// Uploads that are read into memory at once.
const MOST_UPLOADS: usize = 4;
/// Answers of the agent that needs no model, its own limit.
const MOST_ANSWERS: usize = 500;
/// The limits of one such answer, characters.
const LONGEST_ASK: usize = 300;
const LONGEST_SAY: usize = 1_000;
const LONGEST_TOPIC: usize = 100;
/// Entries whose use is waiting to be counted.
const MOST_USES: usize = 10_000;

/// Which vectors these are: of another model, or made of other texts, they say nothing of each other.
pub(super) const MODEL: &str = "all-MiniLM-L6-v2, 1";

/// Whose knowledge: a business's with what is all businesses', or the latter alone.
pub(in crate::app) type Of = (TenantId, Option<BusinessId>);

/// A passage in memory.
pub(in crate::app) struct Kept {
    pub id: i64,
    pub entry: i64,
    pub heading: String,
    pub text: String,
    pub words: Words,
    vectors: Vec<Vec<f32>>,
}

/// All that may answer for a business.
pub(in crate::app) struct Shelved {
    version: i64,
    pub passages: Vec<Kept>,
    places: HashMap<i64, usize>,
    pub weights: Weights,
    /// Answers from these passages without a model.
    pub agent: Agent,
}

/// What came of reading a business's knowledge into memory; nothing while it is being read. Why it
/// failed is told whoever began to read it.
pub(super) type Read = Option<Result<Arc<Shelved>, ()>>;

/// What is in memory.
pub(crate) struct Shelf {
    kept: Mutex<HashMap<Of, (Arc<Shelved>, Instant)>>,
    /// What is being read into memory, for all who wait for it.
    reading: Mutex<HashMap<Of, watch::Receiver<Read>>>,
    embedder: OnceLock<Arc<dyn Embedder>>,
    uses: Mutex<HashMap<(TenantId, i64), i64>>,
    /// There is work for the background.
    pub work: Arc<Notify>,
    pub uploads: Semaphore,
}

impl Default for Shelf {
    fn default() -> Self {
        Shelf {
            kept: Mutex::default(),
            reading: Mutex::default(),
            embedder: OnceLock::new(),
            uses: Mutex::default(),
            work: Arc::default(),
            uploads: Semaphore::new(MOST_UPLOADS),
        }
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shelf {
    /// Compares by meaning from now on.
    pub fn set_embedder(&self, embedder: Arc<dyn Embedder>) {
        if self.embedder.set(embedder).is_ok() {
            // Agents that were made before compare by words.
            locked(&self.reading).clear();
            locked(&self.kept).clear();
            self.work.notify_one();
        }
    }

    pub fn embedder(&self) -> Option<&Arc<dyn Embedder>> {
        self.embedder.get()
    }

    /// Reads the tenant's knowledge again when it is next needed.
    pub fn forget(&self, tenant: TenantId) {
        // What is being read now may be as it was before.
        locked(&self.reading).retain(|(of, _), _| *of != tenant);
        locked(&self.kept).retain(|(of, _), _| *of != tenant);
        self.work.notify_one();
    }

    /// What is kept; `true`: it need not be asked whether that has changed.
    pub fn get(&self, of: Of) -> Option<(Arc<Shelved>, bool)> {
        let kept = locked(&self.kept);
        let (shelved, checked) = kept.get(&of)?;
        Some((Arc::clone(shelved), checked.elapsed() < CURRENT_FOR))
    }

    /// It is as it is in the database, if that is at `version`.
    pub fn is_current(&self, of: Of, version: i64) -> bool {
        let mut kept = locked(&self.kept);
        match kept.get_mut(&of) {
            Some((shelved, checked)) if shelved.version == version => {
                *checked = Instant::now();
                true
            }
            _ => false,
        }
    }

    /// Takes part in reading it: where it is told, and, for the first who asks, how to tell it.
    pub(super) fn read(&self, of: Of) -> (watch::Receiver<Read>, Option<watch::Sender<Read>>) {
        let mut reading = locked(&self.reading);
        if let Some(read) = reading.get(&of) {
            return (read.clone(), None);
        }
        let (tell, read) = watch::channel(None);
        reading.insert(of, read.clone());
        (read, Some(tell))
    }

    /// Keeps what was read, unless it was to be forgotten meanwhile.
    pub(super) fn keep_read(&self, of: Of, read: &watch::Receiver<Read>, shelved: Arc<Shelved>) {
        let reading = locked(&self.reading);
        if reading.get(&of).is_some_and(|one| one.same_channel(read)) {
            self.keep(of, shelved);
        }
    }

    /// It has been read: who asks from now on reads it again, unless it is kept.
    pub(super) fn has_read(&self, of: Of, read: &watch::Receiver<Read>) {
        let mut reading = locked(&self.reading);
        if reading.get(&of).is_some_and(|one| one.same_channel(read)) {
            reading.remove(&of);
        }
    }

    /// Keeps it; what was not needed for longest makes room.
    pub fn keep(&self, of: Of, shelved: Arc<Shelved>) {
        let mut kept = locked(&self.kept);
        kept.insert(of, (shelved, Instant::now()));
        while kept.len() > 1
            && kept.values().map(|(one, _)| one.passages.len() + 1).sum::<usize>() > MOST_KEPT
        {
            let oldest = kept.iter().filter(|(one, _)| **one != of).min_by_key(|(_, one)| one.1);
            let Some(oldest) = oldest.map(|(one, _)| *one) else { break };
            kept.remove(&oldest);
        }
    }

    /// An answer was made from these entries.
    pub fn count_use(&self, tenant: TenantId, entries: impl Iterator<Item = i64>) {
        let mut uses = locked(&self.uses);
        for entry in entries {
            if uses.len() < MOST_USES || uses.contains_key(&(tenant, entry)) {
                *uses.entry((tenant, entry)).or_default() += 1;
            }
        }
    }

    /// What has been used since this was last asked: tenant, entry, how often.
    pub fn take_uses(&self) -> Vec<(TenantId, i64, i64)> {
        let uses = std::mem::take(&mut *locked(&self.uses));
        uses.into_iter().map(|((tenant, entry), times)| (tenant, entry, times)).collect()
    }
}

impl Shelved {
    /// Puts passages as they are in the database at `version` on the shelf.
    pub fn new(version: i64, rows: Vec<ChunkRow>, embedder: Option<Arc<dyn Embedder>>) -> Self {
        let passages: Vec<Kept> = rows
            .into_iter()
            .map(|row| {
                let words = Words::of(&row.heading, &row.text);
                let vectors = match (&row.vector, row.model.as_deref()) {
                    (Some(bytes), Some(MODEL)) => vectors(bytes),
                    _ => Vec::new(),
                };
                let (id, entry, heading) = (row.id, row.entry_id, row.heading);
                Kept { id, entry, heading, text: row.text, words, vectors }
            })
            .collect();
        let places = passages.iter().enumerate().map(|(place, one)| (one.id, place)).collect();
        let weights = Weights::of(passages.iter().map(|passage| &passage.words));
        let playbook = playbook(passages.iter().map(|one| (one.heading.as_str(), &*one.text)));
        let made = match embedder {
            Some(embedder) => Agent::with_embedder(playbook.clone(), embedder),
            None => Agent::without_models(playbook.clone()),
        };
        let agent = made.or_else(|error| {
            tracing::error!(%error, "an agent cannot answer from the knowledge");
            Agent::without_models(Playbook::default())
        });
        let agent = agent.expect("an empty playbook is sound");
        Shelved { version, passages, places, weights, agent }
    }

    /// The passage of this id, and its place.
    pub fn passage(&self, id: i64) -> Option<(usize, &Kept)> {
        let place = *self.places.get(&id)?;
        Some((place, self.passages.get(place)?))
    }

    /// Every passage's likeness to `question`, a vector of length 1: its cosine, -1 to 1; the place of
    /// the passage and that, best first, as far as they reach `least`, `most` at most.
    pub fn by_meaning(&self, question: &[f32], least: f32, most: usize) -> Vec<(usize, f32)> {
        let mut ranked: Vec<(usize, f32)> = self
            .passages
            .iter()
            .enumerate()
            .filter_map(|(place, passage)| {
                let cosines = passage.vectors.iter().map(|vector| likeness(vector, question));
                Some((place, cosines.max_by(f32::total_cmp)?))
            })
            .filter(|(_, cosine)| *cosine >= least)
            .collect();
        ranked.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        ranked.truncate(most);
        ranked
    }
}

/// What a model compares with questions: the passage under its heading, the heading as it may be a
/// question, and each of the passage's first sentences, which are nearer to a short question than the
/// whole is.
pub(super) fn keys(heading: &str, text: &str) -> Vec<String> {
    let mut keys = vec![format!("{heading}\n{text}")];
    keys.extend(last_of(heading).map(str::to_owned));
    keys.extend(sentences(text).take(MOST_SENTENCES).map(str::to_owned));
    keys
}

/// Sentences of a passage that have vectors of their own.
const MOST_SENTENCES: usize = 3;

fn sentences(text: &str) -> impl Iterator<Item = &str> {
    let cut = text.split_inclusive(['.', '?', '!', '\n']).map(str::trim);
    // "9." and "e." are parts of sentences.
    cut.filter(|sentence| sentence.chars().filter(|c| c.is_alphabetic()).count() >= 8)
}

/// What stands nearest above a passage.
fn last_of(heading: &str) -> Option<&str> {
    let last = heading.rsplit(super::BETWEEN_HEADINGS).next()?.trim();
    (!last.is_empty()).then_some(last)
}

/// Vectors as they are kept: little-endian f32, one vector after another.
pub(super) fn bytes(vectors: &[Vec<f32>]) -> Vec<u8> {
    vectors.iter().flatten().flat_map(|value| value.to_le_bytes()).collect()
}

/// Numbers of one vector of the model.
const WIDTH: usize = 384;

fn vectors(bytes: &[u8]) -> Vec<Vec<f32>> {
    let (numbers, _) = bytes.as_chunks::<4>();
    let numbers: Vec<f32> = numbers.iter().map(|number| f32::from_le_bytes(*number)).collect();
    numbers.chunks_exact(WIDTH).map(<[f32]>::to_vec).collect()
}

/// The passages as questions and answers: asked for by their heading and their sentences.
pub(super) fn playbook<'a>(passages: impl Iterator<Item = (&'a str, &'a str)>) -> Playbook {
    let cut = |text: &str, most: usize| -> String { text.chars().take(most).collect() };
    let answers = passages
        .filter_map(|(heading, text)| {
            let mut ask: Vec<String> =
                last_of(heading).into_iter().map(|one| cut(one, LONGEST_ASK)).collect();
            ask.extend(sentences(text).take(MOST_SENTENCES).map(|one| cut(one, LONGEST_ASK)));
            let say = cut(&spoken(text), LONGEST_SAY);
            // "Do you mean …?" does not continue with a question.
            let topic = last_of(heading).filter(|one| !one.ends_with('?'));
            let topic = topic.map(|one| cut(one, LONGEST_TOPIC));
            (!ask.is_empty() && !say.trim().is_empty()).then_some(Answer { ask, say, topic })
        })
        .take(MOST_ANSWERS)
        .collect();
    Playbook { answers, ..Playbook::default() }
}

/// A passage as it can be said: without the signs of lists, tables and headings.
fn spoken(text: &str) -> String {
    let lines = text.lines().map(|line| line.trim_start_matches(['#', '-', '*', ' ']).trim());
    let lines: Vec<String> =
        lines.filter(|line| !line.is_empty()).map(|line| line.replace(" | ", ", ")).collect();
    lines.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(id: i64, heading: &str, text: &str, vector: Option<Vec<f32>>) -> ChunkRow {
        let vector = vector.map(|vector| bytes(&[vec![0.0; WIDTH], vector]));
        let (heading, text) = (heading.to_owned(), text.to_owned());
        let model = Some(MODEL.to_owned());
        ChunkRow { id, entry_id: 10 * id, heading, text, vector, model }
    }

    fn direction(at: usize) -> Vec<f32> {
        let mut vector = vec![0.0; WIDTH];
        vector[at] = 1.0;
        vector
    }

    #[test]
    fn the_best_of_a_passages_vectors_counts() {
        let rows = vec![
            row(1, "Hours", "We open at nine.", Some(direction(0))),
            row(2, "Prices", "A crown costs 620 euros.", Some(direction(1))),
            row(3, "Parking", "Behind the house.", None),
        ];
        let shelved = Shelved::new(1, rows, None);
        assert_eq!(shelved.by_meaning(&direction(1), 0.4, 5), [(1, 1.0)]);
        assert_eq!(shelved.passage(2).map(|(place, one)| (place, one.entry)), Some((1, 20)));
        assert_eq!(shelved.by_meaning(&[], 0.4, 5), []);
    }

    #[test]
    fn the_shelf_makes_room_and_forgets() {
        let shelf = Shelf::default();
        let (one, other) = ((TenantId::new(), None), (TenantId::new(), None));
        let shelved = || Arc::new(Shelved::new(3, Vec::new(), None));
        shelf.keep(one, shelved());
        shelf.keep(other, shelved());
        assert!(shelf.is_current(one, 3) && !shelf.is_current(one, 4));
        shelf.forget(one.0);
        assert!(shelf.get(one).is_none() && shelf.get(other).is_some());
        shelf.count_use(one.0, [7, 7, 8].into_iter());
        let mut uses = shelf.take_uses();
        uses.sort_unstable();
        assert_eq!(uses, [(one.0, 7, 2), (one.0, 8, 1)]);
        assert!(shelf.take_uses().is_empty());
    }

    #[test]
    fn what_is_said_of_a_table_has_no_signs() {
        assert_eq!(spoken("## Prices\n- Crown | 620\n\nthe rest"), "Prices Crown, 620 the rest");
        let asked = keys("Handbook › When are you open?", "From nine. Till six in the evening.");
        assert_eq!(asked[1], "When are you open?");
        assert_eq!(asked[2..], ["From nine.", "Till six in the evening."]);
    }
}
