//! What happened in each call, written down as it happens and durable within a tenth of a second.
//!
//! A few threads write for all calls, each for its own: it takes what has come, writes it to each call's
//! file, has the disk confirm, and only then announces the notes among it (group commit). Somebody waits
//! for a note: calls that have one are confirmed before those that have none. What several threads ask
//! a disk to confirm at once, it confirms together: one by one 200 calls would wait for each other. A file is JSON lines:
//! first a header, then each event and each action of the machine with its time, so that the call can
//! be run through the machine again. A session that goes on with a call appends a header of its own.
//! Reading one back is in [`read`].

use std::{
    collections::HashMap,
    fs::{File, OpenOptions},
    hash::{DefaultHasher, Hash, Hasher},
    io::{Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
    sync::{Arc, OnceLock},
    time::{Duration, Instant},
};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use tokio::sync::{broadcast, mpsc};
use turn::{Message, Moment, Note};
use uuid::Uuid;

pub mod read;
mod standing;

pub use standing::Standing;

/// Which conversation machine this is: the release and a hash of the machine's sources. The same
/// machine does the same with the same journal.
pub const MACHINE: &str = concat!(env!("CARGO_PKG_VERSION"), "+", env!("TANDEM_MACHINE"));

/// How far ahead of what was heard audio was sent by sessions that did not write it down, ms.
const LEAD_MS: u64 = 400;

/// Threads that write.
const WRITERS: usize = 8;
/// Entries that may wait for each of them. When that is full its calls wait, and lose nothing.
const WAITING: usize = 2_048;
/// Bytes of one call's entries that are kept while there is no room for them.
const MOST_KEPT_BACK: usize = 4 * 1024 * 1024;
/// How long entries are gathered before the disk is asked to confirm.
const GATHER: Duration = Duration::from_millis(10);
/// Those that nobody waits for, so much longer: a confirmation costs the same for one as for many.
const AT_LEISURE: Duration = Duration::from_millis(70);
/// So long such calls are confirmed, before it is looked whether there are others meanwhile.
const AT_A_TIME: Duration = Duration::from_millis(10);

/// A note that is durable (or sheddable, as interim words are), for whoever listens.
#[derive(Clone, Debug, Serialize)]
pub struct Announcement {
    pub call_sid: Arc<str>,
    /// Its place among the notes of the call's journal, from 0; interim words have none.
    pub position: Option<u64>,
    /// When its session began: the notes' moments are counted from there.
    pub began: DateTime<Utc>,
    pub at: Moment,
    pub note: Note,
}

/// What is known of a call before its audio is connected, so that the journal alone can tell of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    pub call: Uuid,
    pub tenant: Uuid,
    pub business: Option<Uuid>,
    pub from: String,
    pub to: String,
    pub outbound: bool,
    pub arrived_at: DateTime<Utc>,
}

/// The first line of a journal.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Header {
    pub call_sid: String,
    pub stream_sid: String,
    /// RFC 3339.
    pub started_at: String,
    pub lead_id: Option<String>,
    pub call_id: Option<String>,
    pub stt: String,
    pub llm: String,
    pub tts: String,
    pub policy: turn::Policy,
    pub script: turn::Script,
    /// [`MACHINE`] of the session. Empty in older journals.
    #[serde(default)]
    pub machine: String,
    /// How far ahead of what was heard audio is sent, ms.
    #[serde(default = "lead_ms")]
    pub lead_ms: u64,
    /// What was said in the call's earlier sessions, as the conversation began with it. `None` in
    /// older journals: then it is in the lines before, see [`said`].
    #[serde(default)]
    pub before: Option<Vec<Message>>,
    /// So many notes are in the journal before this session.
    #[serde(default)]
    pub notes_before: u64,
    /// Whose call it is, where there is a control plane.
    #[serde(default)]
    pub origin: Option<Origin>,
}

impl Header {
    /// When the session began.
    pub fn began(&self) -> DateTime<Utc> {
        DateTime::parse_from_rfc3339(&self.started_at)
            .map_or(DateTime::UNIX_EPOCH, |began| began.with_timezone(&Utc))
    }
}

fn lead_ms() -> u64 {
    LEAD_MS
}

/// One line after the header.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Entry {
    /// The machine was told.
    Event { at: Moment, event: turn::Event },
    /// The machine ordered.
    Action { at: Moment, action: turn::Action },
}

enum Job {
    Begin { call: Arc<str>, path: PathBuf, line: Vec<u8> },
    Lines { call: Arc<str>, lines: Vec<u8>, announce: Vec<Announcement> },
    End { call: Arc<str>, done: tokio::sync::oneshot::Sender<()> },
}

/// The journals of all calls of this process.
#[derive(Clone)]
pub struct Journals {
    folder: PathBuf,
    writers: Arc<[mpsc::Sender<Job>]>,
    listeners: Arc<Listeners>,
}

impl Journals {
    /// Journals in `folder`, which is made if it is not there.
    ///
    /// # Errors
    /// The folder cannot be made or written to.
    pub fn open(folder: &Path) -> std::io::Result<Self> {
        private_folder(folder)?;
        let (announcements, _) = broadcast::channel(4_096);
        let listeners = Arc::new(Listeners { announcements, follower: OnceLock::new() });
        let mut writers = Vec::with_capacity(WRITERS);
        for _ in 0..WRITERS {
            let (writer, entries) = mpsc::channel(WAITING);
            let told = listeners.clone();
            std::thread::Builder::new()
                .name("journal".into())
                .spawn(move || write_all(entries, &told))?;
            writers.push(writer);
        }
        Ok(Journals { folder: folder.to_owned(), writers: writers.into(), listeners })
    }

    /// Who writes this call's journal, in all its sessions.
    fn writer(&self, call_sid: &str) -> mpsc::Sender<Job> {
        let mut hasher = DefaultHasher::new();
        call_sid.hash(&mut hasher);
        let place = hasher.finish() % self.writers.len() as u64;
        self.writers[place as usize].clone()
    }

    /// The folder of all journals.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Has every announcement handed to `follower`, in the order of each call. It must not block; what
    /// it does not keep is in the files.
    pub fn follow(&self, follower: impl Fn(Announcement) + Send + Sync + 'static) {
        let _ = self.listeners.follower.set(Box::new(follower));
    }

    /// All that is announced from now on. A listener that lags is told how much it missed.
    pub fn listen(&self) -> broadcast::Receiver<Announcement> {
        self.listeners.announcements.subscribe()
    }

    /// Where the journal of a call is. A call that was carried on after a break goes on in its file.
    pub fn path(&self, call_sid: &str) -> PathBuf {
        self.folder.join(format!("{call_sid}.jsonl"))
    }

    /// Begins, or goes on with, the journal of a call.
    pub async fn begin(&self, header: &Header) -> Journal {
        let call: Arc<str> = header.call_sid.as_str().into();
        let mut line = serde_json::to_vec(header).unwrap_or_default();
        line.push(b'\n');
        let path = self.path(&call);
        let writer = self.writer(&call);
        let _ = writer.send(Job::Begin { call: call.clone(), path, line }).await;
        Journal {
            listeners: self.listeners.clone(),
            writer,
            call,
            lines: Vec::new(),
            announce: Vec::new(),
            position: header.notes_before,
            began: header.began(),
        }
    }

    /// How a call stands after its earlier sessions; as if new where there were none.
    pub fn standing(&self, call_sid: &str) -> Standing {
        /// A journal longer than this is not read back.
        const LONGEST: u64 = 64 * 1024 * 1024;
        let path = self.path(call_sid);
        let readable = std::fs::metadata(&path).is_ok_and(|file| file.len() <= LONGEST);
        let journal = readable.then(|| std::fs::read(&path).ok()).flatten();
        Standing::of(&journal.unwrap_or_default())
    }
}

/// What a note adds to the conversation that a later session begins with.
pub fn said(note: Note) -> Vec<Message> {
    match note {
        Note::CallerSaid { text, .. } => vec![Message::Caller { text }],
        Note::Pressed { keys } => vec![Message::Caller { text: format!("(pressed {keys})") }],
        Note::AgentSaid { text, purpose, .. } if purpose != turn::Purpose::Filler => {
            vec![Message::Agent { text, tool_calls: Vec::new() }]
        }
        // What a tool has done stays done.
        Note::ToolUsed { call, content, .. } => {
            let call_id = call.id.clone();
            vec![
                Message::Agent { text: String::new(), tool_calls: vec![call] },
                Message::Tool { call_id, content },
            ]
        }
        Note::PersonSaid { text, .. } => vec![Message::from_colleague(&text)],
        _ => Vec::new(),
    }
}

/// Makes a folder that only its owner may enter: it holds what people said.
///
/// # Errors
/// It cannot be made.
pub fn private_folder(folder: &Path) -> std::io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

/// One call's journal.
pub struct Journal {
    listeners: Arc<Listeners>,
    writer: mpsc::Sender<Job>,
    call: Arc<str>,
    lines: Vec<u8>,
    announce: Vec<Announcement>,
    position: u64,
    began: DateTime<Utc>,
}

impl Journal {
    /// Notes what the machine was told. Written by the next [`Journal::flush`].
    pub fn event(&mut self, at: Moment, event: &turn::Event) {
        self.line(&Entry::Event { at, event: event.clone() });
    }

    /// Notes what the machine ordered. Interim words are told at once and not written.
    pub fn action(&mut self, at: Moment, action: &turn::Action) {
        if let turn::Action::Note(note) = action {
            let (call_sid, note) = (self.call.clone(), note.clone());
            let interim = matches!(note, Note::CallerSaying { .. });
            let position = (!interim).then_some(self.position);
            let announcement = Announcement { call_sid, position, began: self.began, at, note };
            if interim {
                self.listeners.tell(announcement);
                return;
            }
            self.position += 1;
            self.announce.push(announcement);
        }
        self.line(&Entry::Action { at, action: action.clone() });
    }

    /// Hands what was noted to the writer. While the disk is behind it is kept here, so that the call
    /// goes on; if it stays so for very long, the call waits: nothing is lost.
    pub async fn flush(&mut self) {
        let behind = self.writer.capacity() == 0 && self.lines.len() < MOST_KEPT_BACK;
        if !behind {
            self.hand_over().await;
        }
    }

    async fn hand_over(&mut self) {
        if self.lines.is_empty() {
            return;
        }
        let lines = std::mem::take(&mut self.lines);
        let announce = std::mem::take(&mut self.announce);
        let call = self.call.clone();
        let _ = self.writer.send(Job::Lines { call, lines, announce }).await;
    }

    /// Closes the file, when all is durable.
    pub async fn end(mut self) {
        self.hand_over().await;
        let (done, ended) = tokio::sync::oneshot::channel();
        let _ = self.writer.send(Job::End { call: self.call.clone(), done }).await;
        let _ = ended.await;
    }

    fn line(&mut self, entry: &Entry) {
        if serde_json::to_writer(&mut self.lines, entry).is_ok() {
            self.lines.push(b'\n');
        }
    }
}

/// One call's file, and what the disk has not confirmed of it.
struct Writing {
    path: PathBuf,
    file: Option<File>,
    /// How long the file is as far as the disk has confirmed it, bytes.
    confirmed: Option<u64>,
    lines: Vec<u8>,
    announce: Vec<Announcement>,
    /// When that is to be confirmed; none if there is nothing.
    due: Option<Instant>,
}

/// Lines of one call that are kept while the disk refuses them; then the call's later ones are lost.
const MOST_REFUSED: usize = 16 * 1024 * 1024;

impl Writing {
    fn new(path: PathBuf) -> Self {
        let (lines, announce) = (Vec::new(), Vec::new());
        Writing { path, file: None, confirmed: None, lines, announce, due: None }
    }

    /// Takes lines to be written, and what is announced once they are.
    fn take(&mut self, lines: Vec<u8>, announce: Vec<Announcement>, now: Instant) {
        if self.lines.len() + lines.len() > MOST_REFUSED {
            metrics::counter!("tandem_journal_failures_total").increment(1);
            return;
        }
        let due = if announce.is_empty() { now + AT_LEISURE } else { now };
        self.due = Some(self.due.map_or(due, |before| before.min(due)));
        self.lines.extend(lines);
        self.announce.extend(announce);
    }

    /// Brings everything to the disk and announces it. What the disk refuses is tried again later.
    fn confirm(&mut self, listeners: &Listeners) {
        match self.settle() {
            Ok(announce) => {
                self.due = None;
                announce.into_iter().for_each(|one| listeners.tell(one));
            }
            Err(error) => {
                self.due = Some(Instant::now() + AT_LEISURE);
                metrics::counter!("tandem_journal_failures_total").increment(1);
                tracing::error!(%error, "a journal could not be written; it is tried again");
            }
        }
    }

    /// Brings everything to the disk. On a failure it is all tried again with the next lines.
    fn settle(&mut self) -> std::io::Result<Vec<Announcement>> {
        if self.file.is_none() {
            let file = open(&self.path, self.confirmed)?;
            self.confirmed = Some(file.metadata()?.len());
            self.file = Some(file);
        }
        if let Some(file) = &mut self.file {
            let written = file.write_all(&self.lines).and_then(|()| file.sync_data());
            if let Err(error) = written {
                self.file = None;
                return Err(error);
            }
            self.confirmed = self.confirmed.map(|length| length + self.lines.len() as u64);
        }
        self.lines.clear();
        Ok(std::mem::take(&mut self.announce))
    }
}

/// Opens a journal to go on with it, behind whatever a crash may have torn. What this process wrote
/// behind `confirmed` is written again, so it is cut off first: no line stands there twice. Only its
/// owner reads it: it holds what was said, and keys that were pressed.
fn open(path: &Path, confirmed: Option<u64>) -> std::io::Result<File> {
    let mut options = OpenOptions::new();
    options.create(true).append(true).read(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    if let Some(confirmed) = confirmed {
        file.set_len(confirmed)?;
    }
    if file.seek(SeekFrom::End(0))? > 0 {
        file.seek(SeekFrom::End(-1))?;
        let mut last = [0];
        file.read_exact(&mut last)?;
        if last != *b"\n" {
            file.write_all(b"\n")?;
        }
    }
    Ok(file)
}

/// Who is told of what is durable.
struct Listeners {
    announcements: broadcast::Sender<Announcement>,
    /// Who writes the notes down elsewhere, too.
    follower: OnceLock<Box<dyn Fn(Announcement) + Send + Sync>>,
}

impl Listeners {
    fn tell(&self, announcement: Announcement) {
        if let Some(follower) = self.follower.get() {
            follower(announcement.clone());
        }
        // Nobody listening is no failure.
        let _ = self.announcements.send(announcement);
    }
}

fn write_all(mut entries: mpsc::Receiver<Job>, listeners: &Listeners) {
    let mut calls: HashMap<Arc<str>, Writing> = HashMap::new();
    loop {
        let mut batch = Vec::new();
        if calls.values().all(|writing| writing.due.is_none()) {
            match entries.blocking_recv() {
                Some(first) => batch.push(first),
                None => return,
            }
        }
        std::thread::sleep(GATHER);
        while batch.len() < WAITING
            && let Ok(entry) = entries.try_recv()
        {
            batch.push(entry);
        }
        let last = batch.is_empty() && entries.is_closed();
        let ended = take_all(&mut calls, batch);
        confirm_due(&mut calls, listeners);
        for (call, done) in ended {
            let writing = calls.remove(&call).map(|mut writing| {
                if !writing.lines.is_empty() {
                    writing.confirm(listeners);
                }
                writing
            });
            if writing.is_some_and(|writing| !writing.lines.is_empty()) {
                tracing::error!(%call, "the end of a journal is lost: the disk refused it");
            }
            let _ = done.send(());
        }
        if last {
            calls
                .values_mut()
                .filter(|one| one.due.is_some())
                .for_each(|one| one.confirm(listeners));
            return;
        }
    }
}

/// A call whose journal is at its end, and who is told so.
type Ended = (Arc<str>, tokio::sync::oneshot::Sender<()>);

/// Hands each call what is its; those that have ended.
fn take_all(calls: &mut HashMap<Arc<str>, Writing>, batch: Vec<Job>) -> Vec<Ended> {
    let (mut ended, now) = (Vec::new(), Instant::now());
    for entry in batch {
        match entry {
            Job::Begin { call, path, line } => {
                let writing = calls.entry(call).or_insert_with(|| Writing::new(path));
                writing.take(line, Vec::new(), now);
            }
            Job::Lines { call, lines, announce } => {
                if let Some(writing) = calls.get_mut(&call) {
                    writing.take(lines, announce, now);
                }
            }
            Job::End { call, done } => ended.push((call, done)),
        }
    }
    ended
}

/// Confirms the calls that are due: all that have notes to announce, and of the others, the longest
/// due first, as many as there is time for.
fn confirm_due(calls: &mut HashMap<Arc<str>, Writing>, listeners: &Listeners) {
    let now = Instant::now();
    let due = calls.values_mut().filter(|writing| writing.due.is_some_and(|due| due <= now));
    let (waited_for, mut others): (Vec<_>, Vec<_>) =
        due.partition(|writing| !writing.announce.is_empty());
    waited_for.into_iter().for_each(|writing| writing.confirm(listeners));
    others.sort_unstable_by_key(|writing| writing.due);
    let began = Instant::now();
    for writing in others {
        writing.confirm(listeners);
        if began.elapsed() >= AT_A_TIME {
            break;
        }
    }
}
