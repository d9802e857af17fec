//! People who take calls.

use serde_json::json;

use super::{App, Conflict, Error, accounts::is_email, error::Attempt, steer::number};
use crate::{
    domain::{Actor, Agent, AgentDraft, AgentId, AgentStatus, AgentUsage, Right},
    store::{
        Tx,
        agents::{self, Wanted},
        page::{Page, Paged},
    },
};

const NOT_FOUND: Error = Error::NotFound("Agent");

impl App {
    /// A page of the agents, oldest first.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn list_agents(
        &self,
        actor: &Actor,
        wanted: Wanted,
        page: Page,
    ) -> Result<Paged<Agent>, Error> {
        actor.may(Right::SignedIn)?;
        agents::list(&self.db, actor.tenant, wanted, page).await.attempt("list the agents")
    }

    /// One agent.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn agent(&self, actor: &Actor, id: AgentId) -> Result<Agent, Error> {
        actor.may(Right::SignedIn)?;
        let found = agents::find(&self.db, actor.tenant, id).await.attempt("find the agent")?;
        found.ok_or(NOT_FOUND)
    }

    /// Adds an agent.
    ///
    /// # Errors
    /// [`Error::Invalid`].
    pub async fn create_agent(&self, actor: &Actor, draft: AgentDraft) -> Result<Agent, Error> {
        actor.may(Right::Write)?;
        let agent = self.new_agent(actor, draft)?;
        let mut tx = self.db.begin().await.attempt("add the agent")?;
        self.add_agent(&mut tx, actor, &agent).await?;
        tx.commit().await.attempt("add the agent")?;
        Ok(agent)
    }

    /// An agent as the draft says, not yet kept.
    pub(super) fn new_agent(&self, actor: &Actor, draft: AgentDraft) -> Result<Agent, Error> {
        let now = self.clock.now();
        let new = Agent {
            id: AgentId::new(),
            tenant: actor.tenant,
            name: String::new(),
            email: None,
            phone: None,
            extension: None,
            status: AgentStatus::Available,
            is_active: true,
            skills: Vec::new(),
            departments: Vec::new(),
            max_concurrent_calls: 1,
            load: 0,
            total_calls_handled: 0,
            average_rating: None,
            last_active_at: None,
            metadata: serde_json::Map::new(),
            created_at: now,
            updated_at: now,
        };
        drafted(new, draft)
    }

    /// Keeps a new agent, in the transaction that makes it.
    pub(super) async fn add_agent(
        &self,
        tx: &mut Tx,
        actor: &Actor,
        agent: &Agent,
    ) -> Result<(), Error> {
        agents::put(tx, agent).await.attempt("add the agent")?;
        let after = json!({"name": agent.name});
        let entity = ("agent", agent.id.to_string());
        self.audit(tx, actor, "agent.create", entity, (None, Some(after))).await
    }

    /// Replaces what is said of an agent; what the draft leaves open stays.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Invalid`].
    pub async fn update_agent(
        &self,
        actor: &Actor,
        id: AgentId,
        draft: AgentDraft,
    ) -> Result<Agent, Error> {
        actor.may(Right::Write)?;
        self.change_agent(actor, id, |agent| drafted(agent, draft)).await
    }

    /// Says whether an agent can be called.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn set_agent_availability(
        &self,
        actor: &Actor,
        id: AgentId,
        available: bool,
    ) -> Result<Agent, Error> {
        actor.may(Right::Write)?;
        self.change_agent(actor, id, |mut agent| {
            agent.status = agent.status.when_available(available);
            Ok(agent)
        })
        .await
    }

    /// Removes an agent whom nothing that runs needs.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Conflict::AgentInUse`].
    pub async fn delete_agent(&self, actor: &Actor, id: AgentId) -> Result<(), Error> {
        actor.may(Right::Write)?;
        let mut tx = self.db.begin().await.attempt("remove the agent")?;
        let agent = agents::find_in(&mut tx, actor.tenant, id).await.attempt("find the agent")?;
        let agent = agent.ok_or(NOT_FOUND)?;
        let usage = agents::usage(&mut tx, actor.tenant, id).await.attempt("count the calls")?;
        if usage.is_in_use() {
            return Err(Error::Conflict(Conflict::AgentInUse));
        }
        agents::remove(&mut tx, actor.tenant, id, self.clock.now())
            .await
            .attempt("remove the agent")?;
        let before = json!({"name": agent.name});
        let entity = ("agent", id.to_string());
        self.audit(&mut tx, actor, "agent.delete", entity, (Some(before), None)).await?;
        tx.commit().await.attempt("remove the agent")
    }

    /// What hangs on an agent.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn agent_usage(&self, actor: &Actor, id: AgentId) -> Result<AgentUsage, Error> {
        actor.may(Right::SignedIn)?;
        let agent = agents::find(&self.db, actor.tenant, id).await.attempt("find the agent")?;
        agent.ok_or(NOT_FOUND)?;
        let mut tx = self.db.begin().await.attempt("count the calls")?;
        agents::usage(&mut tx, actor.tenant, id).await.attempt("count the calls")
    }

    async fn change_agent(
        &self,
        actor: &Actor,
        id: AgentId,
        change: impl FnOnce(Agent) -> Result<Agent, Error>,
    ) -> Result<Agent, Error> {
        let mut tx = self.db.begin().await.attempt("change the agent")?;
        let agent = agents::find_in(&mut tx, actor.tenant, id).await.attempt("find the agent")?;
        let before = agent.ok_or(NOT_FOUND)?;
        let mut after = change(before.clone())?;
        after.updated_at = self.clock.now();
        agents::put(&mut tx, &after).await.attempt("change the agent")?;
        let told = |agent: &Agent| {
            json!({
                "name": agent.name, "status": agent.status.name(), "is_active": agent.is_active,
                "skills": agent.skills, "departments": agent.departments,
            })
        };
        let change = (Some(told(&before)), Some(told(&after)));
        self.audit(&mut tx, actor, "agent.update", ("agent", id.to_string()), change).await?;
        tx.commit().await.attempt("change the agent")?;
        Ok(after)
    }
}

/// The agent as the draft says.
fn drafted(mut agent: Agent, draft: AgentDraft) -> Result<Agent, Error> {
    if draft.name.trim().is_empty() {
        return Err(Error::invalid("name", "must not be blank"));
    }
    if draft.email.as_deref().is_some_and(|email| !is_email(email)) {
        return Err(Error::invalid("email", "must be an e-mail address"));
    }
    if let Some(available) = draft.is_available {
        agent.status = agent.status.when_available(available);
    }
    agent.name = draft.name.trim().to_owned();
    agent.email = draft.email.or(agent.email);
    if let Some(phone) = draft.phone.map(|phone| phone.trim().to_owned()) {
        agent.phone = match phone.is_empty() {
            true => None,
            false => Some(number("phone_number", &phone)?),
        };
    }
    agent.extension = draft.extension.or(agent.extension);
    agent.skills = draft.skills.unwrap_or(agent.skills);
    agent.departments = draft.departments.unwrap_or(agent.departments);
    agent.is_active = draft.is_active.unwrap_or(agent.is_active);
    agent.metadata = draft.metadata.unwrap_or(agent.metadata);
    Ok(agent)
}
