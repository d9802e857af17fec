//! How callers' lines sound to models: the model of meaning before a line is written, a language model,
//! where one is asked, after it.
//!
//! The lists of words judge every line, so nothing here has to come about; see
//! [`analysis::sentiment`].

use std::{collections::HashMap, sync::Arc, time::Duration};

use analysis::{Language, sentiment::Sentiment};
use turn::Note;

use super::Fact;
use crate::{
    app::{App, analyse},
    domain::{CallId, TenantId},
    store::lines,
};

/// The model of meaning may take so long for the lines of a batch; then the lists judge them alone.
const MEANT_WITHIN: Duration = Duration::from_millis(250);
/// Lines of a batch that it is asked about: 4 ms of a core each.
const MOST_LINES: usize = 32;
/// Lines that a language model is shown of a call: the one that it judges, and those before it.
const SHOWN: i64 = 6;

/// What the lines of a batch mean.
#[derive(Default)]
pub(super) struct Meanings {
    /// By the call and the line's place in its journal.
    told: HashMap<(Arc<str>, i64), Vec<f32>>,
    /// There is a model of meaning.
    model: bool,
    /// A language model judges lines, too.
    pub asks: bool,
}

/// What a line means.
pub(super) enum Meaning<'a> {
    Told(&'a [f32]),
    /// There is no model that could tell.
    Unknown,
    /// There is one, but it has not told.
    Missing,
}

/// The model reads English only.
fn is_read(text: &str) -> bool {
    Language::English.of_turn(text) == Language::English
}

impl Meanings {
    /// What the callers' lines of a batch mean, asked of the model at once.
    pub async fn of(app: &App, batch: &[Fact]) -> Meanings {
        let asks = app.judge.get().is_some_and(analyse::Judge::judges_turns);
        let Some(embedder) = app.shelf.embedder() else {
            return Meanings { asks, ..Meanings::default() };
        };
        let lines = batch.iter().filter_map(|fact| match fact {
            Fact::Noted(announcement) => match &announcement.note {
                Note::CallerSaid { text, .. } if is_read(text) => {
                    let position = i64::try_from(announcement.position?).ok()?;
                    Some(((announcement.call_sid.clone(), position), text.clone()))
                }
                _ => None,
            },
            _ => None,
        });
        let (places, texts): (Vec<_>, Vec<String>) = lines.take(MOST_LINES).unzip();
        let mut meanings = Meanings { model: true, asks, ..Meanings::default() };
        if texts.is_empty() {
            return meanings;
        }
        match tokio::time::timeout(MEANT_WITHIN, embedder.embed(texts)).await {
            Ok(Ok(vectors)) => meanings.told = places.into_iter().zip(vectors).collect(),
            Ok(Err(error)) => tracing::warn!(%error, "lines are judged by their words alone"),
            Err(_) => {
                metrics::counter!("tandem_sentiments_late_total").increment(1);
                tracing::debug!("lines are judged by their words alone: the model is behind");
            }
        }
        meanings
    }

    /// What this line of a call means.
    pub fn get(&self, call_sid: &Arc<str>, position: i64, text: &str) -> Meaning<'_> {
        match self.told.get(&(call_sid.clone(), position)) {
            Some(vector) => Meaning::Told(vector),
            None if self.model && is_read(text) => Meaning::Missing,
            None => Meaning::Unknown,
        }
    }
}

/// A line of a caller's that was written.
#[derive(Clone, Debug)]
pub struct Heard {
    pub call_sid: Arc<str>,
    pub tenant: TenantId,
    pub call: CallId,
    /// Its place among the notes of the journal, and among the lines of the transcript.
    pub position: i64,
    pub interaction: u32,
    pub to_ms: i64,
    pub text: String,
}

impl App {
    /// Has the language model judge how a line sounds; what it says is reported like all else. While
    /// too many lines are being judged, and where there is no answer, the verdict that the line has
    /// stands.
    pub(super) fn feel_soon(self: &Arc<Self>, line: Heard) {
        let app = self.clone();
        tokio::spawn(async move {
            if let Some(felt) = app.felt(&line).await {
                app.report(Fact::Felt { line, felt });
            }
        });
    }

    async fn felt(&self, line: &Heard) -> Option<Sentiment> {
        let judge = self.judge.get()?;
        let _turn = judge.take_turn()?;
        let said = lines::said_before(&self.db, line.call, line.position, SHOWN).await;
        let said = said.inspect_err(|error| {
            tracing::warn!(call = %line.call, error = ?error, "a line could not be judged");
        });
        let transcript = analyse::transcript(Language::English, &said.ok()?);
        match judge.feeling(&transcript, self.own_model(line.tenant).await).await {
            Ok(felt) => Some(felt),
            Err(error) => {
                tracing::warn!(call = %line.call, %error, "a line is judged without the language model");
                None
            }
        }
    }
}
