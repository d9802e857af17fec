//! Who is asked to take a call over.

use super::{App, Whom};
use crate::{
    app::{Conflict, Error, error::Attempt},
    domain::{Agent, AgentId, AgentStatus, CallId, TenantId},
    store::{Tx, agents, lines},
};

impl App {
    /// The agent whom a new escalation is for; none, if it may wait for one.
    pub(super) async fn pick(
        &self,
        tx: &mut Tx,
        tenant: TenantId,
        call: CallId,
        whom: Whom,
    ) -> Result<Option<AgentId>, Error> {
        match whom {
            Whom::Named(wanted) => {
                let agent = agents::find_in(tx, tenant, wanted).await.attempt("find the agent")?;
                let free = |agent: &Agent| {
                    agent.is_active
                        && agent.standing() == AgentStatus::Available
                        && self.is_reachable(agent)
                };
                let agent =
                    agent.filter(free).ok_or(Error::Conflict(Conflict::AgentUnavailable))?;
                Ok(Some(agent.id))
            }
            Whom::Free => {
                let chosen = self.choose(tx, tenant, call, &[]).await?;
                chosen.map(Some).ok_or(Error::Conflict(Conflict::NoAvailableAgents))
            }
            Whom::FreeInTime => self.choose(tx, tenant, call, &[]).await,
        }
    }

    /// Can the agent's telephone ring? Without a carrier people come by another way.
    fn is_reachable(&self, agent: &Agent) -> bool {
        let callable = |phone: &String| crate::app::steer::number("phone_number", phone).is_ok();
        self.desk.carrier.is_none() || agent.phone.as_ref().is_some_and(callable)
    }

    /// Who is free and fits best: skills and departments that the call's configuration asks for first,
    /// then who has the fewest calls, then who has waited longest.
    pub(super) async fn choose(
        &self,
        tx: &mut Tx,
        tenant: TenantId,
        id: CallId,
        but_not: &[AgentId],
    ) -> Result<Option<AgentId>, Error> {
        const ATTEMPT: &str = "choose an agent";
        let config = lines::config_of(tx, id).await.attempt(ATTEMPT)?.unwrap_or_default();
        let asked = |key: &str| -> Vec<String> {
            serde_json::from_value(config["escalation"][key].clone()).unwrap_or_default()
        };
        let (skills, departments) = (asked("skills"), asked("departments"));
        let mut best: Option<(usize, AgentId)> = None;
        for agent in agents::candidates(tx, tenant).await.attempt(ATTEMPT)? {
            if !self.is_reachable(&agent) || but_not.contains(&agent.id) {
                continue;
            }
            let shared = |asked: &[String], has: &[String]| {
                let has = |one: &&String| has.iter().any(|own| own.eq_ignore_ascii_case(one));
                asked.iter().filter(has).count()
            };
            let fits = shared(&skills, &agent.skills) + shared(&departments, &agent.departments);
            // They come in the order of load: the first of those that fit equally is taken.
            if best.is_none_or(|(so_far, _)| fits > so_far) {
                best = Some((fits, agent.id));
            }
        }
        Ok(best.map(|(_, agent)| agent))
    }
}
