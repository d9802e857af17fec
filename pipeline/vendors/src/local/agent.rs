//! An agent that needs no language model: it finds the answer to a question among those of a
//! business's [`Playbook`], leads through its tasks slot by slot, and says so when it does not know.
//!
//! It keeps nothing between requests: where a conversation stands is read from the history each time
//! (`state`), so one agent serves all calls, and can take over a call that another model began.
//! Likeness of questions is by words, and by meaning where there is an [`Embedder`]; should that fail
//! or be slow, the same reply is found by words. A supervisor's guidance is followed only where it is
//! something to tell the caller (`guidance`). It makes nothing up: all that it says stands in the
//! playbook, in the caller's own words, or in a handful of fixed sentences.

use std::{sync::Arc, time::Duration};

use tokio::sync::mpsc;

use crate::{BoxFuture, Llm, LlmEvent, LlmRequest, LlmStream, Problem, VendorError, Work};

mod embedder;
mod guidance;
mod index;
mod mind;
mod passages;
mod playbook;
mod reply;
mod slots;
mod small_talk;
mod state;
mod time;
mod words;

pub use embedder::Embedder;
pub use passages::Passage;
pub use playbook::{Answer, BadPlaybook, Playbook, Slot, SlotKind, SmallTalk, TAKE_MESSAGE, Task};

use mind::Mind;
use reply::{Reply, Story};

/// The adapter's name, as in `TANDEM_LLM`.
const VENDOR: &str = "local";

/// Words of one piece of text.
const WORDS_A_PIECE: usize = 4;

/// Time allowed to the embedder in a reply, 1,500 ms at most; then it is answered by words.
const MEANING_WITHIN: Duration = Duration::from_millis(1_500);

/// The retrieval agent. Cheap to clone; clones share what they know.
#[derive(Clone)]
pub struct Agent(Arc<Mind>);

impl std::fmt::Debug for Agent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (answers, tasks) = (self.0.answers.len(), self.0.tasks.len());
        f.debug_struct("Agent").field("answers", &answers).field("tasks", &tasks).finish()
    }
}

impl Agent {
    /// An agent that finds answers by words alone: it needs no model and cannot fail later.
    ///
    /// # Errors
    /// The playbook cannot be meant ([`BadPlaybook`]).
    pub fn without_models(playbook: Playbook) -> Result<Agent, VendorError> {
        Agent::new(playbook, None)
    }

    /// An agent that finds answers by meaning and words. The vectors of the playbook's questions are
    /// made in the background, from now if a runtime is there, else from the first reply; until they
    /// are there it answers by words.
    ///
    /// # Errors
    /// The playbook cannot be meant ([`BadPlaybook`]).
    pub fn with_embedder(
        playbook: Playbook,
        embedder: Arc<dyn Embedder>,
    ) -> Result<Agent, VendorError> {
        let agent = Agent::new(playbook, Some(embedder))?;
        if tokio::runtime::Handle::try_current().is_ok() {
            agent.prepare();
        }
        Ok(agent)
    }

    fn new(playbook: Playbook, embedder: Option<Arc<dyn Embedder>>) -> Result<Agent, VendorError> {
        playbook.check().map_err(|bad| VendorError {
            vendor: VENDOR,
            attempt: "read the playbook",
            problem: Problem::Engine(bad.to_string()),
            request_id: None,
        })?;
        Ok(Agent(Arc::new(Mind::new(playbook, embedder))))
    }

    /// Makes the vectors of the playbook's questions if they are not there. It outlives the reply that
    /// began it, since the next one needs them too.
    fn prepare(&self) {
        let Some(meaning) = self.0.index.meaning().filter(|meaning| !meaning.is_prepared()) else {
            return;
        };
        let meaning = Arc::clone(meaning);
        tokio::spawn(async move {
            if let Err(error) = meaning.prepared().await {
                tracing::warn!(%error, "the playbook's questions have no vectors");
            }
        });
    }

    async fn reply(&self, request: &LlmRequest) -> Reply {
        let mind = &self.0;
        let story = Story::read(request);
        let texts = story.texts();
        let vectors = match mind.index.meaning() {
            Some(meaning) if meaning.is_prepared() && !texts.is_empty() => {
                let within = (request.first_token_within / 2).min(MEANING_WITHIN);
                match tokio::time::timeout(within, meaning.embed(texts)).await {
                    Ok(Ok(vectors)) => Some(vectors),
                    Ok(Err(error)) => {
                        tracing::warn!(%error, "answering by words");
                        None
                    }
                    Err(_) => {
                        tracing::warn!("the embedder is slow: answering by words");
                        None
                    }
                }
            }
            Some(meaning) if !meaning.is_prepared() => {
                self.prepare();
                None
            }
            _ => None,
        };
        reply::decide(mind, &story, vectors.as_deref())
    }
}

impl Llm for Agent {
    fn name(&self) -> &'static str {
        VENDOR
    }

    fn answer(&self, request: LlmRequest) -> LlmStream {
        let (sender, events) = mpsc::channel(64);
        let agent = request.stand_in.clone().unwrap_or_else(|| self.clone());
        let work = Work::spawn(async move {
            let reply = agent.reply(&request).await;
            for piece in pieces(&reply.text()) {
                if sender.send(LlmEvent::Text(piece)).await.is_err() {
                    return;
                }
            }
            for call in reply.calls {
                if sender.send(LlmEvent::ToolCall(call)).await.is_err() {
                    return;
                }
            }
            let _ = sender.send(LlmEvent::Done { truncated: false }).await;
        });
        LlmStream { events, work }
    }

    fn check(&self) -> BoxFuture<'_, Result<String, VendorError>> {
        Box::pin(async {
            let (answers, tasks) = (self.0.answers.len(), self.0.tasks.len());
            let how = match self.0.index.meaning() {
                Some(meaning) => {
                    meaning.prepared().await?;
                    "by meaning and words"
                }
                None => "by words",
            };
            Ok(format!("{answers} answers and {tasks} tasks, found {how}"))
        })
    }
}

/// A text in groups of words, spaces kept, so that their sum is the text.
fn pieces(text: &str) -> Vec<String> {
    let words: Vec<&str> = text.split_inclusive(' ').collect();
    words.chunks(WORDS_A_PIECE).map(|piece| piece.concat()).collect()
}
