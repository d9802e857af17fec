//! Engines on this machine: no key, no network, one runtime for all models.
//!
//! [`Local::open`] loads the models and starts the threads that run them (`engine`); what it gives out
//! ([`Local::stt`], [`Local::tts`], …) are cheap handles to these, one set for all calls. Two engines
//! need no models at all: the voice [`FliteVoice`], and the agent ([`agent::Agent`]) when it finds
//! answers by words alone. They are what remains when a remote vendor is down.
//!
//! Nothing here downloads by itself: see [`models`].

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};

pub mod agent;
pub mod embed;
mod engine;
pub mod flite;
pub mod models;
mod runtime;
pub mod stt;
pub mod tts;
pub mod turn;
pub mod vad;

pub use self::{
    agent::{Agent, Playbook},
    embed::Embedder,
    flite::FliteVoice,
    models::{Models, ModelsError},
    stt::Ears,
    tts::Voice,
    turn::SmartTurn,
    vad::{Silero, VadStream},
};

use self::{embed::MiniLm, engine::Engine, models::Part, runtime::Runtime, tts::Phonemes};
use crate::{Llm, Stt, Tts, VendorError};

/// The adapters' name, as in `TANDEM_STT`.
pub(crate) const NAME: &str = "local";

/// How the models are run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LocalOptions {
    /// Threads that run models; the machine's cores unless set, at least 1. Each has sessions of its
    /// own: 80 MB a thread beside the 300 MB that all share. Voice activity has one more thread.
    pub threads: Option<usize>,
}

impl LocalOptions {
    fn threads(&self) -> usize {
        let cores = || std::thread::available_parallelism().map_or(1, usize::from);
        self.threads.unwrap_or_else(cores).max(1)
    }
}

/// Why local engines cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum LocalError {
    #[error("the speech models in {} are not complete ({missing}); run `{}`", dir.display(), models::REMEDY)]
    Missing { dir: PathBuf, missing: String },
    #[error(
        "no runtime library is pinned for this machine; name one of version 1.23 or later with {}",
        models::RUNTIME_VARIABLE
    )]
    NoRuntime,
    #[error("could not load the runtime library {}: {problem}", path.display())]
    Runtime { path: PathBuf, problem: String },
    #[error("could not load the model {}: {problem}; `{}` replaces a damaged file", path.display(), models::REMEDY)]
    Model { path: PathBuf, problem: String },
    #[error("could not start a thread")]
    Thread { source: std::io::Error },
    #[error("a thread ended while it loaded its models")]
    Panicked,
    #[error(transparent)]
    Agent(#[from] VendorError),
}

/// The local engines, loaded.
pub struct Local {
    engine: Arc<Engine>,
    phonemes: Option<Arc<Phonemes>>,
    meaning: Option<Arc<Mutex<MiniLm>>>,
    silero: Silero,
    judges_turns: bool,
}

impl Local {
    /// Loads all models out of `models_dir` and starts the threads. Blocks for about a second: not for
    /// an async worker.
    ///
    /// # Errors
    /// Files are missing (the error names the command that brings them) or do not load.
    pub fn open(models_dir: impl AsRef<Path>, options: LocalOptions) -> Result<Self, LocalError> {
        Local::open_parts(models_dir, &options, &models::ALL)
    }

    /// Loads only `parts`, and voice activity, which is small. What was not loaded fails when it is
    /// asked to work.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn open_parts(
        models_dir: impl AsRef<Path>,
        options: &LocalOptions,
        parts: &[Part],
    ) -> Result<Self, LocalError> {
        let models = Models::locate(models_dir.as_ref());
        let needed: Vec<Part> = models::ALL
            .into_iter()
            .filter(|part| *part == Part::Vad || parts.contains(part))
            .collect();
        let missing = models.missing(&needed);
        if !missing.is_empty() {
            let names: Vec<&str> = missing.iter().map(|file| file.name).collect();
            return Err(LocalError::Missing {
                dir: models.dir().to_owned(),
                missing: names.join(", "),
            });
        }
        let runtime = Runtime::load(&models)?;
        let wanted = |part: Part| needed.contains(&part);
        std::thread::scope(|scope| {
            // What all threads share loads beside what each has.
            let shared = scope.spawn(|| {
                let phonemes =
                    wanted(Part::Tts).then(|| Phonemes::load(&runtime, &models)).transpose()?;
                let meaning = wanted(Part::Embeddings)
                    .then(|| MiniLm::load(&runtime, &models))
                    .transpose()?;
                let silero = Silero::start(&runtime, &models)?;
                Ok((phonemes, meaning, silero))
            });
            let engine = Engine::start(&runtime, &models, &needed, options.threads());
            let (phonemes, meaning, silero) = shared.join().unwrap_or(Err(LocalError::Panicked))?;
            Ok(Local {
                engine: Arc::new(engine?),
                phonemes: phonemes.map(Arc::new),
                meaning: meaning.map(|model| Arc::new(Mutex::new(model))),
                silero,
                judges_turns: wanted(Part::Turn),
            })
        })
    }

    /// The recogniser.
    pub fn stt(&self) -> Arc<dyn Stt> {
        Arc::new(Ears { engine: Arc::clone(&self.engine) })
    }

    /// The voice.
    pub fn tts(&self) -> Arc<dyn Tts> {
        let engine = Arc::clone(&self.engine);
        Arc::new(Voice { engine, phonemes: self.phonemes.clone() })
    }

    /// What turns sentences into vectors.
    pub fn embedder(&self) -> Embedder {
        Embedder { engine: Arc::clone(&self.engine), model: self.meaning.clone() }
    }

    /// Voice activity.
    pub fn vad(&self) -> Silero {
        self.silero.clone()
    }

    /// What judges whether a turn is over, where it was loaded.
    pub fn turn(&self) -> Option<SmartTurn> {
        self.judges_turns.then(|| SmartTurn { engine: Arc::clone(&self.engine) })
    }

    /// An agent that answers by `playbook`, found by meaning.
    ///
    /// # Errors
    /// The playbook is not usable.
    pub fn agent(&self, playbook: Playbook) -> Result<Arc<dyn Llm>, LocalError> {
        Ok(Arc::new(Agent::with_embedder(playbook, Arc::new(self.embedder()))?))
    }
}
