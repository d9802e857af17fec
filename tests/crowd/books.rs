//! What was said, as the journals, the database and each supervisor have it, held against each other.

use std::{
    collections::{BTreeMap, HashSet},
    fs::File,
    io::BufReader,
    path::Path,
    time::Duration,
};

use chrono::{DateTime, TimeDelta, Utc};
use tandem::{
    live::journal::read::{Line as Entry, Reader},
    store::{Db, sql},
};
use turn::{Action, Note, Purpose};
use uuid::Uuid;

use crate::watchers::Watchers;

/// A line of a transcript, as a journal has it.
#[derive(Clone, Debug)]
pub struct Line {
    /// Its place among the journal's notes.
    pub position: i64,
    pub speaker: &'static str,
    pub text: String,
    /// When the session settled on it.
    pub at: DateTime<Utc>,
}

/// A call, as the database has it.
#[derive(Debug)]
struct Call {
    sid: String,
    events: i64,
    /// Number, position, speaker, text; as they are told.
    lines: Vec<(i64, i64, String, String)>,
}

/// What came of the comparison. All but the first is to be empty or 0.
#[derive(Debug, Default)]
pub struct Verdict {
    /// Lines of all journals.
    pub lines: usize,
    /// Of the journals' lines.
    pub lost_in_database: usize,
    /// Calls whose lines in the database are others, or in another order.
    pub database_differs: Vec<String>,
    /// Over all supervisors: lines of the database that they were never told.
    pub lost: usize,
    /// Lines that they were told twice, or that are in no transcript.
    pub spurious: usize,
    /// Lines that they were told after a later one of the same call.
    pub out_of_order: usize,
    /// Events of any kind whose place is not the one after the last of the same call.
    pub out_of_sequence: usize,
    /// From a line's being settled on to a supervisor's being told of it.
    pub latencies: Vec<TimeDelta>,
}

impl Verdict {
    /// Nothing lost, nothing out of its order, nothing that is not so.
    pub fn is_sound(&self) -> bool {
        self.database_differs.is_empty()
            && self.lost_in_database + self.lost + self.spurious == 0
            && self.out_of_order + self.out_of_sequence == 0
    }
}

/// The lines of a journal, and how many notes it has.
fn journal(path: &Path) -> (Vec<Line>, i64) {
    let file = BufReader::new(File::open(path).expect("there is a journal"));
    let mut reader = Reader::new(file).expect("it can be read");
    let (mut lines, mut position, mut began) = (Vec::new(), 0, DateTime::UNIX_EPOCH);
    while let Some(entry) = reader.next_line().expect("it can be read") {
        let (at, action) = match entry {
            Entry::Header(header) => {
                began = header.began();
                continue;
            }
            Entry::Action { at, action } => (at, action),
            Entry::Event { .. } | Entry::Torn => continue,
        };
        let Ok(Action::Note(note)) = serde_json::from_str(action) else { continue };
        let said = match note {
            Note::CallerSaid { text, .. } => Some(("customer", text)),
            Note::AgentSaid { text, purpose, .. } if purpose != Purpose::Keys => Some(("ai", text)),
            Note::PersonSaid { text, .. } => Some(("agent", text)),
            _ => None,
        };
        if let Some((speaker, text)) = said.filter(|(_, text)| !text.trim().is_empty()) {
            let at = began + TimeDelta::milliseconds(i64::try_from(at.0).expect("it is short"));
            lines.push(Line { position, speaker, text, at });
        }
        position += 1;
    }
    (lines, position)
}

/// Until all calls are over, analysed and written down, and all supervisors were told so.
pub async fn until_settled(db: &Db, calls: usize, watchers: &Watchers, within: Duration) {
    let settled = async {
        loop {
            let (over, events): (i64, i64) = db
                .one(sql("SELECT count(*), CAST(coalesce(sum(event_sequence), 0) AS BIGINT)
                     FROM calls WHERE ended_at IS NOT NULL AND analysed_at IS NOT NULL"))
                .await
                .expect("calls are counted");
            let told = usize::try_from(events).expect("some");
            let is_told =
                |_, seen: &crate::watchers::Seen| seen.events + seen.lost as usize >= told;
            if over == calls as i64 && watchers.look(is_told).into_iter().all(|so| so) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    // What is missing then is what the comparison tells of.
    let _ = tokio::time::timeout(within, settled).await;
}

/// All calls of the database.
async fn calls(db: &Db) -> BTreeMap<Uuid, Call> {
    let rows: Vec<(Uuid, String, i64)> = db
        .all(sql("SELECT id, call_sid, event_sequence FROM calls"))
        .await
        .expect("calls are read");
    let mut calls: BTreeMap<Uuid, Call> = rows
        .into_iter()
        .map(|(id, sid, events)| (id, Call { sid, events, lines: Vec::new() }))
        .collect();
    let lines: Vec<(Uuid, i64, i64, String, String)> = db
        .all(sql("SELECT call_id, id, position, speaker, text FROM utterances ORDER BY id"))
        .await
        .expect("lines are read");
    for (call, id, position, speaker, text) in lines {
        let call = calls.get_mut(&call).expect("it is a call's");
        call.lines.push((id, position, speaker, text));
    }
    calls
}

/// Holds the journals of this folder, the database, and what each supervisor was told against each
/// other. `counts` says of which lines, by when they were settled on, the latency counts.
pub async fn compare(
    journals: &Path,
    db: &Db,
    watchers: &Watchers,
    counts: impl Fn(DateTime<Utc>) -> bool,
) -> Verdict {
    let calls = calls(db).await;
    let mut verdict = Verdict::default();
    let mut settled: BTreeMap<i64, DateTime<Utc>> = BTreeMap::new();
    for call in calls.values() {
        let (written, notes) = journal(&journals.join(format!("{}.jsonl", call.sid)));
        verdict.lines += written.len();
        let kept: HashSet<i64> = call.lines.iter().map(|(_, position, ..)| *position).collect();
        let lost = written.iter().filter(|line| !kept.contains(&line.position)).count();
        verdict.lost_in_database += lost;
        let same = written.len() == call.lines.len()
            && written.iter().zip(&call.lines).all(|(line, (_, position, speaker, text))| {
                (line.position, line.speaker, &line.text) == (*position, speaker.as_str(), text)
            });
        if !same {
            verdict.database_differs.push(format!("{} ({notes} notes)", call.sid));
        }
        for (line, (id, ..)) in written.iter().zip(&call.lines).filter(|_| same) {
            settled.insert(*id, line.at);
        }
    }
    watchers.look(|_, seen| {
        for (id, call) in &calls {
            let told = seen.calls.get(id).map_or(&[][..], |told| told);
            let (mut last, mut last_line, mut heard) = (0, 0, HashSet::new());
            for event in told {
                verdict.out_of_sequence += usize::from(event.sequence != last + 1);
                last = event.sequence;
                let Some((line, text)) = &event.line else { continue };
                let known = call.lines.iter().any(|(id, _, _, said)| id == line && said == text);
                verdict.spurious += usize::from(!known || !heard.insert(*line));
                verdict.out_of_order += usize::from(*line <= last_line);
                last_line = *line;
                if let Some(at) = settled.get(line).filter(|at| counts(**at)) {
                    verdict.latencies.push(event.at - at);
                }
            }
            verdict.out_of_sequence += usize::from(last != call.events);
            verdict.lost += call.lines.iter().filter(|(id, ..)| !heard.contains(id)).count();
        }
    });
    verdict.latencies.sort_unstable();
    verdict
}
