//! What a crash, or a database that was away, left unwritten: read from the journals, asked of the
//! carrier.

use std::{
    io::BufReader,
    sync::{Arc, atomic::Ordering},
    time::SystemTime,
};

use chrono::{DateTime, TimeDelta, Utc};
use turn::{Action, Moment, Note};
use twiml::form::CallStatus;

use super::{App, Fact, Scribe};
use crate::{
    domain::State,
    live::journal::{
        Header, Journals, Origin,
        read::{Line, Reader},
    },
    store::lines,
};

/// Calls that are looked after in one round.
const MOST_A_ROUND: i64 = 64;
/// Journals younger than this are looked through at the start.
const YOUNG: TimeDelta = TimeDelta::hours(24);
/// A call's last lines may be written after its end, as long as the journal and the database take.
const LATELY: TimeDelta = TimeDelta::minutes(10);

/// The first session's header of this journal.
fn header(journals: &Journals, call_sid: &str) -> Option<Box<Header>> {
    let file = std::fs::File::open(journals.path(call_sid)).ok()?;
    let mut reader = Reader::new(BufReader::new(file)).ok()?;
    match reader.next_line() {
        Ok(Some(Line::Header(header))) => Some(header),
        _ => None,
    }
}

/// Whose call this journal is of.
pub async fn origin(journals: &Journals, call_sid: &str) -> Option<Origin> {
    let (journals, call_sid) = (journals.clone(), call_sid.to_owned());
    let read = move || header(&journals, &call_sid).and_then(|header| header.origin);
    tokio::task::spawn_blocking(read).await.ok().flatten()
}

/// The notes of a journal from this place on, with the beginning of each one's session.
pub(super) async fn notes(
    journals: &Journals,
    call_sid: &str,
    from: u64,
) -> Vec<(DateTime<Utc>, Moment, Note)> {
    let path = journals.path(call_sid);
    let read = move || {
        let mut notes = Vec::new();
        let Ok(file) = std::fs::File::open(&path) else { return notes };
        let Ok(mut reader) = Reader::new(BufReader::new(file)) else { return notes };
        let mut began = DateTime::UNIX_EPOCH;
        let mut position = 0;
        // What cannot be read is not there yet, or never will be.
        while let Ok(Some(line)) = reader.next_line() {
            match line {
                Line::Header(header) => began = header.began(),
                Line::Action { at, action } => {
                    if let Ok(Action::Note(note)) = serde_json::from_str(action) {
                        if position >= from {
                            notes.push((began, at, note));
                        }
                        position += 1;
                    }
                }
                Line::Event { .. } | Line::Torn => {}
            }
        }
        notes
    };
    tokio::task::spawn_blocking(read).await.unwrap_or_default()
}

/// The calls of journals that were written to since `since`.
fn young(journals: &Journals, since: SystemTime) -> Vec<String> {
    let Ok(files) = std::fs::read_dir(journals.folder()) else { return Vec::new() };
    let young = files.flatten().filter(|file| {
        file.metadata().and_then(|data| data.modified()).is_ok_and(|modified| modified >= since)
    });
    young
        .filter_map(|file| file.file_name().to_str()?.strip_suffix(".jsonl").map(str::to_owned))
        .collect()
}

impl Scribe {
    /// At the start: writes what the journals of the last day have and the database has not.
    pub(super) async fn recover(&mut self) {
        let since = SystemTime::now() - YOUNG.to_std().unwrap_or_default();
        let journals = self.journals.clone();
        let calls = tokio::task::spawn_blocking(move || young(&journals, since)).await;
        for calls in calls.unwrap_or_default().chunks(200) {
            let Some(app) = self.app.upgrade() else { return };
            let written = match lines::positions(&app.db, calls, app.clock.now() - LATELY).await {
                Ok(written) => written,
                Err(error) => {
                    tracing::error!(error = ?error, "what calls left could not be looked up");
                    return;
                }
            };
            drop(app);
            let over =
                |sid: &String| written.iter().any(|(known, _, ended)| known == sid && *ended);
            // One that was over a while ago was written whole.
            let behind = calls.iter().filter(|sid| !over(sid));
            let behind: Vec<Fact> =
                behind.map(|sid| Fact::Behind { call_sid: Arc::from(sid.as_str()) }).collect();
            self.settle(behind).await;
        }
    }

    /// Marks the calls that are here as seen, and looks after those that are nowhere.
    pub(super) async fn look_round(&mut self) {
        let Some(app) = self.app.upgrade() else { return };
        let now = app.clock.now();
        let here = app.desk.registry.live_calls();
        for calls in here.chunks(200) {
            if let Err(error) = lines::seen(&app.db, calls, now).await {
                tracing::warn!(error = ?error, "running calls could not be marked as seen");
                return;
            }
        }
        let before = now - TimeDelta::seconds(app.settings.lost_after_secs);
        let unseen = match lines::unseen(&app.db, now, before, MOST_A_ROUND).await {
            Ok(unseen) => unseen,
            Err(error) => {
                tracing::warn!(error = ?error, "lost calls could not be looked for");
                return;
            }
        };
        if self.looking.swap(true, Ordering::AcqRel) {
            return;
        }
        let looking = self.looking.clone();
        // The carrier may be slow: lines are written meanwhile.
        tokio::spawn(async move {
            for call in unseen {
                look_after(&app, call, &here, now).await;
            }
            app.look_after_escalations().await;
            looking.store(false, Ordering::Release);
        });
    }
}

/// Finds out what became of a call that no process was seen with.
async fn look_after(app: &Arc<App>, call: lines::Running, here: &[String], now: DateTime<Utc>) {
    let Some(call_sid) = call.call_sid else {
        // The carrier never took it.
        if let Err(error) = app.give_up(call.id.into(), call.tenant_id.into()).await {
            tracing::warn!(%error, "a call that was never placed could not be ended");
        }
        return;
    };
    if here.contains(&call_sid) {
        return;
    }
    let state = match (&app.desk.carrier, call_sid.parse()) {
        (Some(carrier), Ok(sid)) => match carrier.fetch_call(&sid).await {
            Ok(call) => match state_of(&call.status) {
                Some(state) if state.is_over() => state,
                // It is up: somebody is with it, or will be asked how it goes on.
                _ => {
                    let _ = lines::seen(&app.db, &[call_sid], now).await;
                    return;
                }
            },
            Err(error) if error.is_not_found() => State::Failed,
            Err(_) => return,
        },
        // Nobody can be asked; it would have come back by now.
        _ => match call.state.as_str() {
            "in_progress" => State::Completed,
            _ => State::Failed,
        },
    };
    let call_sid: Arc<str> = Arc::from(call_sid.as_str());
    app.report(Fact::Behind { call_sid: Arc::clone(&call_sid) });
    app.report(Fact::State { call_sid, state, at: call.seen_at });
    metrics::counter!("tandem_calls_lost_total").increment(1);
}

/// What the carrier's word for a call's state means here.
pub fn state_of(status: &CallStatus) -> Option<State> {
    Some(match status {
        CallStatus::Queued | CallStatus::Initiated => State::Initiated,
        CallStatus::Ringing => State::Ringing,
        CallStatus::InProgress => State::InProgress,
        CallStatus::Completed => State::Completed,
        CallStatus::Busy => State::Busy,
        CallStatus::NoAnswer => State::NoAnswer,
        CallStatus::Failed => State::Failed,
        CallStatus::Canceled => State::Canceled,
        _ => return None,
    })
}
