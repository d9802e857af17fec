//! The library that runs the models, loaded when the first engine is opened.
//!
//! One library serves the whole process; sessions run on the thread that calls them and on no other.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use ort::{
    environment::Environment,
    session::{InMemorySession, Session, builder::SessionBuilder},
};

use super::{
    LocalError,
    models::{self, Models, RUNTIME_VARIABLE, catalogue},
};

/// The library once loaded; it cannot be unloaded, nor can a second one be loaded beside it.
static LOADED: Mutex<Option<Runtime>> = Mutex::new(None);

#[derive(Clone)]
pub(crate) struct Runtime(Environment);

impl Runtime {
    /// Loads the library: the one that `ORT_DYLIB_PATH` names, else the pinned one in `models`.
    pub(crate) fn load(models: &Models) -> Result<Self, LocalError> {
        let mut loaded = LOADED.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(runtime) = &*loaded {
            return Ok(runtime.clone());
        }
        let path = library(models)?;
        let failed = |problem: String| LocalError::Runtime { path: path.clone(), problem };
        let environment = ort::init_from(&path)
            .map_err(|error| failed(error.to_string()))?
            .with_name("tandem")
            .with_telemetry(false)
            .build()
            .map_err(|error| failed(error.to_string()))?;
        environment.set_log_level(ort::logging::LogLevel::Error);
        Ok(loaded.insert(Runtime(environment)).clone())
    }

    /// A session over the model at `path`, prepared to run as fast as it can.
    pub(crate) fn session(&self, path: &Path) -> Result<Session, LocalError> {
        let session = self.builder().and_then(|mut builder| builder.commit_from_file(path));
        session.map_err(unloadable(path))
    }

    /// A session over a model in memory, which came from `path`.
    pub(crate) fn session_of(&self, model: &[u8], path: &Path) -> Result<Session, LocalError> {
        let session = self.builder().and_then(|mut builder| builder.commit_from_memory(model));
        session.map_err(unloadable(path))
    }

    /// A session over the model at `path`, a file in the library's own format (`.ort`), whose weights
    /// all sessions share. They stay in memory until the process ends.
    pub(crate) fn shared_session(
        &self,
        path: &Path,
    ) -> Result<InMemorySession<'static>, LocalError> {
        let bytes = shared_bytes(path).map_err(|error| LocalError::Model {
            path: path.to_owned(),
            problem: error.to_string(),
        })?;
        let session =
            self.builder().and_then(|mut builder| builder.commit_from_memory_directly(bytes));
        session.map_err(unloadable(path))
    }

    fn builder(&self) -> ort::Result<SessionBuilder> {
        Ok(Session::builder(&self.0)?
            // Parallelism is between calls, not inside one: it costs less and is fair.
            .with_intra_threads(1)?
            .with_inter_threads(1)?
            // Lengths differ from run to run, so a remembered layout would not fit the next.
            .with_memory_pattern(false)?)
    }
}

fn unloadable(path: &Path) -> impl FnOnce(ort::Error) -> LocalError {
    let path = path.to_owned();
    move |error| LocalError::Model { path, problem: error.to_string() }
}

/// The bytes of a file, read once for the process. They are never freed: sessions point into them, and
/// there are but a few such files.
fn shared_bytes(path: &Path) -> std::io::Result<&'static [u8]> {
    static READ: Mutex<BTreeMap<PathBuf, &'static [u8]>> = Mutex::new(BTreeMap::new());
    let mut read = READ.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(bytes) = read.get(path) {
        return Ok(bytes);
    }
    let bytes: &'static [u8] = Box::leak(std::fs::read(path)?.into_boxed_slice());
    read.insert(path.to_owned(), bytes);
    Ok(bytes)
}

fn library(models: &Models) -> Result<PathBuf, LocalError> {
    match std::env::var_os(RUNTIME_VARIABLE).filter(|path| !path.is_empty()) {
        Some(path) => Ok(path.into()),
        None if models::runtime_is_pinned() => Ok(models.named(catalogue::RUNTIME)),
        None => Err(LocalError::NoRuntime),
    }
}
