//! What the carrier tells the gateway beside the call: in order, and without holding the call up.

use std::sync::Arc;
use std::time::Duration;

use reqwest::{Method, Url};
use tokio::sync::mpsc;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{Instant, sleep_until, timeout};
use twiml::Form;

use super::note::Note;
use super::socket::shown;
use super::web::Web;

/// Callbacks that wait to be sent.
const WAITING: usize = 64;

/// How long the end of a call waits for its last callbacks.
const LAST: Duration = Duration::from_secs(20);

/// A callback to be sent.
#[derive(Clone)]
pub struct Job {
    /// What it is for, as [`Note::Requested`] says it.
    pub purpose: &'static str,
    /// GET or POST.
    pub method: Method,
    /// Where.
    pub url: Url,
    /// What is told.
    pub form: Form,
    /// How long after it was given it is sent. Zero: after all that were given before, in order.
    pub after: Duration,
}

/// One call's callbacks.
pub struct Callbacks {
    /// None once the last has been given.
    jobs: Option<mpsc::Sender<Job>>,
    done: Option<JoinHandle<Vec<Note>>>,
}

impl Callbacks {
    /// Starts the task that sends them.
    #[must_use]
    pub fn start(web: Arc<Web>) -> Self {
        let (jobs, queue) = mpsc::channel(WAITING);
        Self { jobs: Some(jobs), done: Some(tokio::spawn(send(web, queue))) }
    }

    /// Sends this after all that were given before. False if too many wait: it is left out.
    pub fn post(&self, job: Job) -> bool {
        self.jobs.as_ref().is_some_and(|jobs| jobs.try_send(job).is_ok())
    }

    /// Waits for the last answer; what came of each. None if that took too long.
    pub async fn finish(&mut self) -> Option<Vec<Note>> {
        self.jobs = None;
        let done = self.done.take()?;
        let abort = done.abort_handle();
        let told = timeout(LAST, done).await.ok().and_then(Result::ok);
        if told.is_none() {
            abort.abort();
        }
        told
    }
}

impl Drop for Callbacks {
    fn drop(&mut self) {
        if let Some(done) = &self.done {
            done.abort();
        }
    }
}

async fn send(web: Arc<Web>, mut queue: mpsc::Receiver<Job>) -> Vec<Note> {
    let (mut told, mut delayed) = (Vec::new(), JoinSet::new());
    while let Some(job) = queue.recv().await {
        if job.after.is_zero() {
            told.push(send_one(&web, job).await);
        } else {
            let (web, due) = (Arc::clone(&web), Instant::now() + job.after);
            delayed.spawn(async move {
                sleep_until(due).await;
                send_one(&web, job).await
            });
        }
    }
    told.extend(delayed.join_all().await);
    told
}

async fn send_one(web: &Web, job: Job) -> Note {
    let Job { purpose, method, url, form, .. } = job;
    let (began, place) = (Instant::now(), shown(&url));
    let answer = web.request(method, url, form).await;
    Note::Requested {
        purpose,
        url: place,
        status: answer.ok().map(|answer| answer.status.as_u16()),
        took_ms: u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX),
    }
}
