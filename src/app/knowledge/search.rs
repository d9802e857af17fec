//! Finding passages for a question: by meaning (cosine over the business's passages in memory) and by
//! words (the database's full text), merged by reciprocal rank (Cormack, Clarke, Büttcher 2009).
//!
//! A *similarity* is 0 to 1: of meanings `(1 + cosine) / 2`, of words `(1 + share) / 2`, where the
//! share is that part of what is asked for, weighted by rarity, which stands in the passage. So one
//! threshold holds for both, and its default of 0.7 is a cosine, or a share, of 0.4.

use std::{collections::HashMap, sync::Arc, time::Duration};

use tokio::sync::watch;

use super::{
    shelf::{Of, Read, Shelf, Shelved},
    words,
};
use crate::{
    app::{App, Error, error::Attempt},
    domain::{BusinessId, TenantId, knowledge::Passage},
    store::{Db, configs, knowledge},
};

/// Of each ranking so many passages are merged.
const MOST_RANKED: usize = 50;
/// What a rank counts is 1 / (this + rank): the constant of the method's authors.
const RANK_OFFSET: f32 = 60.0;
/// More passages than this are compared off the async threads.
const COMPARED_AT_ONCE: usize = 2_000;

/// The database may take so long to say that what is in memory is still right.
const CURRENT_WITHIN: Duration = Duration::from_millis(40);

/// A business's knowledge on its way into memory.
struct Reading<'a> {
    shelf: &'a Shelf,
    of: Of,
    read: watch::Receiver<Read>,
}

impl Reading<'_> {
    async fn run(&self, db: &Db) -> Result<Arc<Shelved>, Error> {
        let version = knowledge::version(db, self.of.0).await.attempt("look at the knowledge")?;
        if self.shelf.is_current(self.of, version)
            && let Some((shelved, _)) = self.shelf.get(self.of)
        {
            return Ok(shelved);
        }
        let rows = knowledge::chunks(db, self.of.0, self.of.1).await;
        let rows = rows.attempt("read the knowledge")?;
        let embedder = self.shelf.embedder().map(Arc::clone);
        let made = tokio::task::spawn_blocking(move || Shelved::new(version, rows, embedder));
        let shelved = made.await.map_err(|error| Error::Internal {
            attempt: "reading the knowledge",
            why: error.to_string(),
        })?;
        let shelved = Arc::new(shelved);
        self.shelf.keep_read(self.of, &self.read, Arc::clone(&shelved));
        Ok(shelved)
    }
}

impl Drop for Reading<'_> {
    /// However it ended: nobody waits for what is not being read.
    fn drop(&mut self) {
        self.shelf.has_read(self.of, &self.read);
    }
}

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

    /// What may answer for a business, from memory if that is how it stands in the database. Where the
    /// database is slow to say so, what was right two seconds ago answers.
    ///
    /// Reading it into memory goes on when whoever asked has ceased to wait, and is shared by all who
    /// ask meanwhile: a question that is not waited for has at least prepared the next one.
    pub(in crate::app) async fn shelved(&self, of: Of) -> Result<Arc<Shelved>, Error> {
        let kept = match self.shelf.get(of) {
            Some((shelved, true)) => return Ok(shelved),
            Some((shelved, false)) => Some(shelved),
            None => None,
        };
        let (mut read, tell) = self.shelf.read(of);
        if let Some(tell) = tell {
            let (db, shelf) = (self.db.clone(), Arc::clone(&self.shelf));
            let read = read.clone();
            tokio::spawn(async move {
                let reading = Reading { shelf: &shelf, of, read };
                let shelved = reading.run(&db).await;
                drop(reading);
                let told = shelved.map_err(|error| {
                    tracing::warn!(error = ?error, "the knowledge could not be read");
                });
                let _ = tell.send(Some(told));
            });
        }
        let told = async {
            let told = read.wait_for(Option::is_some).await;
            told.ok().and_then(|told| told.clone()).and_then(Result::ok)
        };
        let shelved = match kept {
            Some(kept) => match tokio::time::timeout(CURRENT_WITHIN, told).await {
                Ok(told) => told,
                Err(_) => Some(kept),
            },
            None => told.await,
        };
        shelved.ok_or_else(|| Error::Internal {
            attempt: "reading the knowledge",
            why: "the store failed; see the log".to_owned(),
        })
    }

    /// Has a business's knowledge read into memory, if it is to answer from it: nobody waits.
    pub(in crate::app) fn prepare_knowledge(
        self: &Arc<Self>,
        tenant: TenantId,
        business: Option<BusinessId>,
    ) {
        if matches!(self.shelf.get((tenant, business)), Some((_, true))) {
            return;
        }
        let app = self.clone();
        tokio::spawn(async move {
            let config = match business {
                Some(id) => configs::find(&app.db, tenant, id).await.ok().flatten(),
                None => None,
            };
            let config = config.filter(|config| config.is_active);
            if config.as_ref().is_none_or(|config| config.data.knowledge_base.enabled) {
                let _ = app.shelved((tenant, config.map(|config| config.id))).await;
            }
        });
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        app::Clock,
        carrier::hang_up::Patience,
        config::Config,
        live::{desk::Desk, journal::Journals},
    };

    const SOON: Duration = Duration::from_secs(20);

    async fn app(folder: &std::path::Path) -> (Arc<App>, TenantId) {
        let env = |name: &str| match name {
            "TANDEM_DATA_DIR" => Some(folder.display().to_string()),
            _ => None,
        };
        let settings = Config::load(None, &env).expect("sound").control;
        let desk = Desk::new(None, Patience::after(Duration::from_secs(5)));
        let journals = Journals::open(&folder.join("journal")).expect("a folder");
        let app = App::open(settings, desk, journals, Clock::default()).await.expect("it opens");
        let tenant = app.first_start().await.expect("an organisation");
        (app, tenant)
    }

    async fn until(what: &str, so: impl Fn() -> bool) {
        let waiting = async {
            while !so() {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(SOON, waiting).await.unwrap_or_else(|_| panic!("{what}"));
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn what_nobody_waited_for_is_there_when_it_is_asked_for_again() {
        let folder = tempfile::tempdir().expect("a folder");
        let (app, tenant) = app(folder.path()).await;
        let of = (tenant, None);
        let given_up = tokio::time::timeout(Duration::ZERO, app.shelved(of)).await;
        assert!(given_up.is_err(), "it takes longer than no time");
        until("it is on the shelf", || app.shelf.get(of).is_some()).await;

        // All who ask while it is being read get the same.
        app.shelf.forget(tenant);
        let (one, other) = tokio::join!(app.shelved(of), app.shelved(of));
        assert!(Arc::ptr_eq(&one.expect("read"), &other.expect("read")));

        // What was begun before a change is not kept.
        app.shelf.forget(tenant);
        let (read, tell) = app.shelf.read(of);
        assert!(tell.is_some(), "nobody reads it");
        app.shelf.forget(tenant);
        app.shelf.keep_read(of, &read, Arc::new(Shelved::new(0, Vec::new(), None)));
        assert!(app.shelf.get(of).is_none());
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_call_that_arrives_has_its_knowledge_prepared() {
        let folder = tempfile::tempdir().expect("a folder");
        let (app, tenant) = app(folder.path()).await;
        let numbers = ("+14155550100", "+14155550101");
        app.origin("CA01", numbers, None, false).await.expect("it is the first organisation's");
        until("it is on the shelf", || app.shelf.get((tenant, None)).is_some()).await;
    }
}
