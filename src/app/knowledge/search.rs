//! Finding passages for a question: by meaning (cosine over the business's passages in memory) and by
//! words (the database's full text), merged by reciprocal rank (Cormack, Clarke, Büttcher 2009).
//!
//! A *similarity* is 0 to 1: of meanings `(1 + cosine) / 2`, of words `(1 + share) / 2`, where the
//! share is that part of what is asked for, weighted by rarity, which stands in the passage. So one
//! threshold holds for both, and its default of 0.7 is a cosine, or a share, of 0.4.

use std::{collections::HashMap, sync::Arc};

use super::{
    shelf::{Of, Shelved},
    words,
};
use crate::{
    app::{App, Error, error::Attempt},
    domain::{BusinessId, TenantId, knowledge::Passage},
    store::knowledge,
};

/// Of each ranking so many passages are merged.
const MOST_RANKED: usize = 50;
/// What a rank counts is 1 / (this + rank): the constant of the method's authors.
const RANK_OFFSET: f32 = 60.0;
/// More passages than this are compared off the async threads.
const COMPARED_AT_ONCE: usize = 2_000;

/// How much of what is found is wanted.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Reach {
    /// Passages, at most.
    pub most: usize,
    /// Similarity, at least.
    pub least: f32,
}

impl App {
    /// The passages that may answer `question` for a business, best first. Without a model of meaning,
    /// or where it fails, by words alone.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn find_passages(
        &self,
        tenant: TenantId,
        business: Option<BusinessId>,
        question: &str,
        reach: Reach,
    ) -> Result<Vec<Passage>, Error> {
        let of = (tenant, business);
        let shelved = self.shelved(of).await?;
        let terms = words::terms(question);
        if shelved.passages.is_empty() || question.trim().is_empty() {
            return Ok(Vec::new());
        }
        let least = reach.least * 2.0 - 1.0;
        let by_meaning = self.by_meaning(&shelved, question, least);
        let by_words = self.by_words(of, &shelved, &terms, least);
        let (by_meaning, by_words) = tokio::join!(by_meaning, by_words);
        Ok(merged(&shelved, &by_meaning, &by_words?, reach.most))
    }

    /// A model was told these passages: their entries' use is counted, later.
    pub(in crate::app) fn note_knowledge_use(&self, tenant: TenantId, passages: &[Passage]) {
        let mut entries: Vec<i64> = passages.iter().map(|passage| passage.entry).collect();
        entries.sort_unstable();
        entries.dedup();
        self.shelf.count_use(tenant, entries.into_iter());
    }

    /// What may answer for a business, from memory if that is how it stands in the database.
    pub(in crate::app) async fn shelved(&self, of: Of) -> Result<Arc<Shelved>, Error> {
        if let Some((shelved, true)) = self.shelf.get(of) {
            return Ok(shelved);
        }
        let version = knowledge::version(&self.db, of.0).await.attempt("look at the knowledge")?;
        if self.shelf.is_current(of, version)
            && let Some((shelved, _)) = self.shelf.get(of)
        {
            return Ok(shelved);
        }
        let rows = knowledge::chunks(&self.db, of.0, of.1).await.attempt("read the knowledge")?;
        let embedder = self.shelf.embedder().map(Arc::clone);
        let made = tokio::task::spawn_blocking(move || Shelved::new(version, rows, embedder));
        let shelved = made.await.map_err(|error| Error::Internal {
            attempt: "reading the knowledge",
            why: error.to_string(),
        })?;
        let shelved = Arc::new(shelved);
        self.shelf.keep(of, Arc::clone(&shelved));
        Ok(shelved)
    }

    async fn by_meaning(
        &self,
        shelved: &Arc<Shelved>,
        question: &str,
        least: f32,
    ) -> Vec<(usize, f32)> {
        let Some(embedder) = self.shelf.embedder() else { return Vec::new() };
        let vector = match embedder.embed(vec![question.to_owned()]).await {
            Ok(mut vectors) => vectors.pop().unwrap_or_default(),
            Err(error) => {
                tracing::warn!(%error, "passages are found by words alone");
                return Vec::new();
            }
        };
        if shelved.passages.len() <= COMPARED_AT_ONCE {
            return shelved.by_meaning(&vector, least, MOST_RANKED);
        }
        let shelved = Arc::clone(shelved);
        let ranked =
            tokio::task::spawn_blocking(move || shelved.by_meaning(&vector, least, MOST_RANKED));
        ranked.await.unwrap_or_default()
    }

    async fn by_words(
        &self,
        (tenant, business): Of,
        shelved: &Shelved,
        terms: &[String],
        least: f32,
    ) -> Result<Vec<(usize, f32)>, Error> {
        if terms.is_empty() {
            return Ok(Vec::new());
        }
        let spellings = words::spellings(terms);
        let most = MOST_RANKED as i64;
        let found = knowledge::by_words(&self.db, tenant, business, &spellings, most).await;
        let found = found.attempt("search the knowledge")?;
        let liked = |id: i64| {
            let (place, passage) = shelved.passage(id)?;
            let share = shelved.weights.likeness(terms, &passage.words);
            (share >= least).then_some((place, share))
        };
        let mut found: Vec<(usize, f32)> = found.into_iter().filter_map(liked).collect();
        // The share is the same on both engines; what it leaves open, their own order decides.
        found.sort_by(|a, b| b.1.total_cmp(&a.1));
        Ok(found)
    }
}

/// Merges rankings of places and their cosine or share.
fn merged(
    shelved: &Shelved,
    by_meaning: &[(usize, f32)],
    by_words: &[(usize, f32)],
    most: usize,
) -> Vec<Passage> {
    let mut merged: HashMap<usize, (f32, f32)> = HashMap::new();
    for ranking in [by_meaning, by_words] {
        for (rank, (place, likeness)) in ranking.iter().enumerate() {
            let (score, best) = merged.entry(*place).or_insert((0.0, -1.0));
            *score += 1.0 / (RANK_OFFSET + rank as f32 + 1.0);
            *best = best.max(*likeness);
        }
    }
    let mut merged: Vec<(usize, (f32, f32))> = merged.into_iter().collect();
    merged.sort_by(|(a, (a_score, a_best)), (b, (b_score, b_best))| {
        b_score.total_cmp(a_score).then(b_best.total_cmp(a_best)).then(a.cmp(b))
    });
    merged.truncate(most);
    let passage = |(place, (_, best)): (usize, (f32, f32))| {
        let kept = &shelved.passages[place];
        Passage {
            entry: kept.entry,
            heading: kept.heading.clone(),
            text: kept.text.clone(),
            similarity: f32::midpoint(1.0, best),
        }
    };
    merged.into_iter().map(passage).collect()
}
