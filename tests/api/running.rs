//! A call that runs, told to the control plane as its session and the carrier would.

use std::{sync::Arc, time::Duration};

use chrono::{DateTime, Utc};
use tandem::{
    app::scribe::Fact,
    domain::{BusinessId, CallId, QaScore, State},
    live::journal::{Announcement, Origin},
    realtime::{Event, Kind, Listener},
};
use turn::{Moment, Note, Purpose, TurnId, UtteranceId};

use crate::stage::Stage;

/// Nothing here takes so long.
pub const SOON: Duration = Duration::from_secs(20);

/// A call that runs, told to the control plane as its session would.
pub struct Running<'a> {
    pub stage: &'a Stage,
    pub id: CallId,
    pub call_sid: Arc<str>,
    pub began: DateTime<Utc>,
    notes: u64,
    events: Listener,
}

impl<'a> Running<'a> {
    pub fn begin(stage: &'a Stage) -> Running<'a> {
        Running::begin_at(stage, None)
    }

    /// A call of this business's.
    pub fn begin_at(stage: &'a Stage, business: Option<BusinessId>) -> Running<'a> {
        let (id, began) = (CallId::new(), stage.app.clock.now());
        let call_sid: Arc<str> = format!("CA{}", uuid::Uuid::new_v4().simple()).into();
        let origin = Origin {
            call: id.uuid(),
            tenant: stage.tenant.uuid(),
            business: business.map(BusinessId::uuid),
            from: "+14155550100".to_owned(),
            to: "+14155550101".to_owned(),
            outbound: false,
            arrived_at: began,
        };
        let events = stage.app.hub.listen(stage.tenant);
        stage.app.report(Fact::Arrived { call_sid: call_sid.clone(), origin: origin.clone() });
        stage.app.report(Fact::Connected { call_sid: call_sid.clone(), origin, at: began });
        Running { stage, id, call_sid, began, notes: 0, events }
    }

    /// The caller says this, in the second after the last note.
    pub fn caller_says(&mut self, text: &str) {
        let at = Moment(1_000 * (self.notes + 1));
        self.caller_said(text, (at.0 - 900, at.0));
    }

    /// The caller said this from then to then, ms.
    pub fn caller_said(&mut self, text: &str, times: (u64, u64)) {
        self.caller_heard(text, times, None);
    }

    /// The same, of which the recogniser is so sure.
    pub fn caller_heard(&mut self, text: &str, (from, to): (u64, u64), confidence: Option<f32>) {
        let (turn, text, from, to) = (TurnId(1), text.to_owned(), Moment(from), Moment(to));
        self.note(to, Note::CallerSaid { turn, text, from, to, confidence });
    }

    /// The agent was heard to say this.
    pub fn agent_said(&mut self, text: &str, (from, to): (u64, u64)) {
        let (turn, utterance, purpose) = (TurnId(1), UtteranceId(1), Purpose::Reply);
        let (text, meant, from, to) = (text.to_owned(), text.to_owned(), Moment(from), Moment(to));
        let cut = false;
        self.note(to, Note::AgentSaid { turn, utterance, purpose, text, meant, cut, from, to });
    }

    /// The session notes this.
    pub fn note(&mut self, at: Moment, note: Note) {
        let position = self.notes;
        self.notes += 1;
        self.stage.app.report(Fact::Noted(Announcement {
            call_sid: self.call_sid.clone(),
            position: Some(position),
            began: self.began,
            at,
            note,
        }));
    }

    pub fn end(&self) {
        let at = self.began + chrono::TimeDelta::seconds(60);
        let call_sid = self.call_sid.clone();
        self.stage.app.report(Fact::State { call_sid, state: State::Completed, at });
    }

    pub async fn until<T>(&mut self, what: &str, wanted: impl Fn(&Event) -> Option<T>) -> T {
        let seen = async {
            loop {
                let event = self.events.next().await.expect("none is lost");
                if event.call == Some(self.id)
                    && let Some(found) = wanted(&event)
                {
                    return found;
                }
            }
        };
        tokio::time::timeout(SOON, seen).await.unwrap_or_else(|_| panic!("{what} comes about"))
    }

    /// The call's score, once it is over.
    pub async fn scored(&mut self) -> QaScore {
        self.until("the score", |event| match &event.kind {
            Kind::QaScored(score) => Some((**score).clone()),
            _ => None,
        })
        .await
    }
}
