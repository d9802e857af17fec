//! Calls, as they stand and stood.

use super::{App, Error, error::Attempt};
use crate::{
    domain::{Actor, Agent, Call, CallId, Escalation, Interaction, QaScore, Right, Speaker},
    store::{
        agents,
        calls::{self, Sort, Wanted},
        page::{Page, Paged},
        records,
    },
};

/// A call and the latest of what hangs on it.
#[derive(Clone, Debug)]
pub struct CallDetails {
    pub call: Call,
    /// Lines of the transcript.
    pub interactions: i64,
    pub qa_score: Option<QaScore>,
    pub escalation: Option<Escalation>,
    /// Who was fetched, or took the call.
    pub agent: Option<Agent>,
}

impl App {
    /// A page of the calls that the actor may see: a tech's are those of their jobs.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn list_calls(
        &self,
        actor: &Actor,
        mut wanted: Wanted,
        sort: Sort,
        page: Page,
    ) -> Result<Paged<Call>, Error> {
        actor.may(Right::SeeCalls)?;
        wanted.assigned_to = actor.only_assigned().or(wanted.assigned_to);
        let listed = calls::list(&self.db, actor.tenant, &wanted, sort, page).await;
        listed.attempt("list the calls")
    }

    /// A call with the latest of what hangs on it.
    ///
    /// # Errors
    /// As [`App::call`].
    pub async fn call_details(&self, actor: &Actor, id: CallId) -> Result<CallDetails, Error> {
        let call = self.call(actor, id).await?;
        let (db, tenant) = (&self.db, actor.tenant);
        let interactions = records::count_interactions(db, tenant, id).await;
        let interactions = interactions.attempt("count the transcript's lines")?;
        let qa_score = records::latest_qa(db, tenant, id).await.attempt("find the score")?;
        let escalation = records::latest_escalation(db, tenant, id).await;
        let escalation = escalation.attempt("find the escalation")?;
        let fetched = escalation.as_ref().and_then(|escalation| escalation.agent.as_ref());
        let agent = match fetched.or(call.agent.as_ref()) {
            None => None,
            Some((agent, _)) => agents::find(db, tenant, *agent).await.attempt("find the agent")?,
        };
        Ok(CallDetails { call, interactions, qa_score, escalation, agent })
    }

    /// Lines of a call's transcript by these speakers, in the order in which they were said; `part` is
    /// how many at most, and how many are passed over.
    ///
    /// # Errors
    /// As [`App::call`].
    pub async fn interactions(
        &self,
        actor: &Actor,
        id: CallId,
        speakers: &[Speaker],
        part: (i64, i64),
    ) -> Result<Paged<Interaction>, Error> {
        self.call(actor, id).await?;
        let lines = records::interactions(&self.db, actor.tenant, id, speakers, part).await;
        lines.attempt("read the transcript")
    }

    /// Where the organisation's days begin.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn time_zone(&self, actor: &Actor) -> Result<chrono_tz::Tz, Error> {
        self.zone(actor.tenant).await
    }

    /// A call that the actor may see. Another tenant's is not there; one that is not assigned to a tech
    /// is refused.
    ///
    /// # Errors
    /// [`Error::NoSuchCall`], [`Error::NotAssigned`].
    pub async fn call(&self, actor: &Actor, id: CallId) -> Result<Call, Error> {
        actor.may(Right::SeeCalls)?;
        let call = calls::find(&self.db, actor.tenant, id).await.attempt("find the call")?;
        let call = call.ok_or(Error::NoSuchCall)?;
        if let Some(user) = actor.only_assigned()
            && !calls::is_assigned(&self.db, id, user).await.attempt("find the job")?
        {
            return Err(Error::NotAssigned);
        }
        Ok(call)
    }
}
