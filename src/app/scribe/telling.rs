//! What is told of a call, as it is kept and as listeners get it.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use turn::Note;

use super::{App, Writing};
use crate::{
    domain::{Call, Escalation, Interaction, Sentiment},
    live::journal::Announcement,
    realtime::{Event, Kind},
    store::{
        StoreError, Tx, calls, escalations,
        lines::{self, Progress},
    },
};

/// An event in the making.
pub(super) enum Told {
    Started,
    Updated,
    Ended,
    Line(Interaction),
    Mood(Sentiment),
    Escalation(Escalation),
}

/// Writes how far it is, and what is to be told.
pub(super) async fn finish(
    tx: &mut Tx,
    writing: Writing,
    now: DateTime<Utc>,
) -> Result<Vec<Event>, StoreError> {
    let Writing { id, tenant, mut told, .. } = writing;
    if writing.ended_now {
        let closed = escalations::close_all(tx, tenant, id, now).await?;
        told.extend(closed.into_iter().map(Told::Escalation));
        told.push(Told::Ended);
    } else if writing.changed {
        told.push(Told::Updated);
    }
    let progress = Progress {
        position: writing.position,
        events: i64::try_from(told.len()).unwrap_or(0),
        spoken_by_ai: writing.spoken.0,
        spoken_by_human: writing.spoken.1,
        sentiment: writing.mood,
        at: now,
    };
    let Some(last) = lines::progress(tx, id, progress).await? else { return Ok(Vec::new()) };
    if told.is_empty() {
        return Ok(Vec::new());
    }
    // Lines and moods say nothing of the call itself, and are most of what there is.
    let shows_call = |told: &Told| matches!(told, Told::Started | Told::Updated | Told::Ended);
    let call = match told.iter().any(shows_call) {
        true => calls::find_in(tx, tenant, id).await?.map(Arc::new),
        false => None,
    };
    let kept: Vec<(&'static str, Value)> = told.iter().map(kept).collect();
    lines::put_events(tx, tenant, id, last, &kept, now).await?;
    let first = last - i64::try_from(kept.len()).unwrap_or(0) + 1;
    let events = told.into_iter().zip(first..).filter_map(|(told, sequence)| {
        let kind = kind(told, call.as_ref(), sequence)?;
        Some(Event { tenant, call: Some(id), sequence: Some(sequence), kind })
    });
    Ok(events.collect())
}

/// How an event is kept: what it is about, by reference.
fn kept(told: &Told) -> (&'static str, Value) {
    match told {
        Told::Started => ("call.started", json!({})),
        Told::Updated => ("call.updated", json!({})),
        Told::Ended => ("call.ended", json!({})),
        Told::Line(line) => ("interaction.added", json!({"interaction": line.id})),
        Told::Mood(mood) => ("sentiment.changed", json!({"score": mood.score})),
        Told::Escalation(escalation) => {
            ("escalation.completed", json!({"escalation": escalation.id}))
        }
    }
}

/// None: it shows the call, which is not there.
fn kind(told: Told, call: Option<&Arc<Call>>, sequence: i64) -> Option<Kind> {
    let as_of = || {
        let mut call = Call::clone(call?);
        call.event_sequence = sequence;
        Some(Arc::new(call))
    };
    Some(match told {
        Told::Started => Kind::CallStarted(as_of()?),
        Told::Updated => Kind::CallUpdated(as_of()?),
        Told::Ended => Kind::CallEnded(as_of()?),
        Told::Line(line) => Kind::InteractionAdded(Arc::new(line)),
        Told::Mood(mood) => Kind::SentimentChanged(mood),
        Told::Escalation(escalation) => Kind::EscalationCompleted(Arc::new(escalation)),
    })
}

/// Tells of something that is not written down, at once and however the database is: interim words.
pub(in super::super) fn tell_sheddable(app: &App, announcement: Announcement) {
    if let Note::CallerSaying { turn, text } = announcement.note
        && let Some((call, tenant)) = app.desk.registry.whose(&announcement.call_sid)
    {
        let kind = Kind::CallerSaying { turn: turn.0.into(), text };
        app.hub.publish(Event { tenant, call: Some(call), sequence: None, kind });
    }
}
