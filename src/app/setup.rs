//! The setup wizard: a first configuration and all that belongs to it, in one transaction.

use secrecy::{ExposeSecret, SecretString};
use serde_json::json;

use super::{App, Error, connections::Credentials, error::Attempt};
use crate::{
    domain::{
        Actor, Agent, AgentDraft, BusinessConfig, ConfigDraft, Right, TenantId,
        knowledge::{Entry, EntryDraft},
    },
    store::{
        Tx,
        accounts::{self, NewNumber},
    },
};

/// Agents and entries of one setup.
const MOST_AGENTS: usize = 100;
const MOST_ENTRIES: usize = 500;

/// Whose keys these are.
const OPENAI: &str = "openai";
const TWILIO: &str = "twilio";

/// All that the wizard asks for.
#[derive(Clone, Debug)]
pub struct Setup {
    pub business: ConfigDraft,
    pub agents: Vec<AgentDraft>,
    /// Entries that name no business are of the new one.
    pub knowledge: Vec<EntryDraft>,
    pub credentials: Credentials,
}

/// What was made.
#[derive(Clone, Debug)]
pub struct SetUp {
    pub business: BusinessConfig,
    pub agents: Vec<Agent>,
    pub knowledge: Vec<Entry>,
    /// Has the tenant keys for these now, from this setup or an earlier one?
    pub openai_configured: bool,
    pub twilio_configured: bool,
}

/// A tenant's account at the carrier.
#[derive(Clone, Debug)]
pub struct TwilioAccount {
    pub account_sid: String,
    pub auth_token: SecretString,
}

impl App {
    /// Makes all of it, or nothing. It may be done again: that makes another configuration, and
    /// replaces the credentials that are given.
    ///
    /// # Errors
    /// [`Error::Invalid`].
    pub async fn complete_setup(&self, actor: &Actor, setup: Setup) -> Result<SetUp, Error> {
        actor.may(Right::Write)?;
        if setup.agents.len() > MOST_AGENTS {
            return Err(Error::invalid("agents", format!("must be at most {MOST_AGENTS}")));
        }
        if setup.knowledge.len() > MOST_ENTRIES {
            return Err(Error::invalid(
                "knowledge_base",
                format!("must be at most {MOST_ENTRIES}"),
            ));
        }
        let credentials = setup.credentials.sound()?;
        self.own_number(actor.tenant, &credentials).await?;
        let business = self.new_business_config(actor, setup.business)?;
        let agents = setup.agents.into_iter().map(|draft| self.new_agent(actor, draft));
        let agents: Vec<Agent> = agents.collect::<Result<_, _>>()?;

        let mut tx = self.db.begin().await.attempt("complete the setup")?;
        self.add_business_config(&mut tx, actor, &business).await?;
        for agent in &agents {
            self.add_agent(&mut tx, actor, agent).await?;
        }
        let mut entries = Vec::with_capacity(setup.knowledge.len());
        for mut draft in setup.knowledge {
            draft.business = draft.business.or(Some(business.id));
            entries.push(self.add_entry(&mut tx, actor, draft).await?);
        }
        let kept = self.keep_credentials(&mut tx, actor.tenant, &credentials).await?;
        if let Some(number) = &credentials.twilio_phone_number {
            let new = NewNumber {
                tenant: actor.tenant,
                number: number.clone(),
                provider: TWILIO,
                business: business.id,
            };
            let ours = accounts::put_number(&mut tx, &new, self.clock.now()).await;
            if !ours.attempt("keep the number")? {
                let wrong = "is another organisation's";
                return Err(Error::invalid("twilio_phone_number", wrong));
            }
        }
        let now = self.clock.now();
        accounts::set_up(&mut tx, actor.tenant, now).await.attempt("complete the setup")?;
        // What was kept, not the secrets; and no telephone number.
        let after = json!({
            "business_config": business.id.to_string(), "agents": agents.len(),
            "knowledge_base": entries.len(), "credentials": kept,
            "phone_number": credentials.twilio_phone_number.is_some(),
        });
        let entity = ("tenant", actor.tenant.to_string());
        self.audit(&mut tx, actor, "setup.complete", entity, (None, Some(after))).await?;
        let providers = accounts::providers(&mut tx, actor.tenant).await;
        let providers = providers.attempt("find the credentials")?;
        tx.commit().await.attempt("complete the setup")?;
        self.shelf.forget(actor.tenant);
        let has = |name: &str| providers.iter().any(|provider| provider == name);
        Ok(SetUp {
            business,
            agents,
            knowledge: entries,
            openai_configured: has(OPENAI),
            twilio_configured: has(TWILIO),
        })
    }

    /// Is a number that is to be the tenant's known to be theirs? Calls to it will be. The server's own
    /// organisation answers for itself; any other shows an account at the carrier that has the number.
    async fn own_number(&self, tenant: TenantId, credentials: &Credentials) -> Result<(), Error> {
        const FIELD: &str = "twilio_phone_number";
        let Some(number) = &credentials.twilio_phone_number else { return Ok(()) };
        if self.home.get() == Some(&tenant) {
            return Ok(());
        }
        let Some((account, token)) = credentials.twilio() else {
            return Err(Error::invalid(FIELD, "must be given with the account that has it"));
        };
        let asked = self.asked_twilio(account, token, Some(number)).await;
        asked.map_err(|why| Error::invalid(FIELD, format!("is not known to be yours: {why}")))
    }

    /// Keeps what is complete of the credentials, sealed; says for whom.
    async fn keep_credentials(
        &self,
        tx: &mut Tx,
        tenant: TenantId,
        credentials: &Credentials,
    ) -> Result<Vec<&'static str>, Error> {
        let mut kept = Vec::new();
        let now = self.clock.now();
        if let Some(key) = &credentials.openai_api_key {
            let sealed = self.keys.seal(key.expose_secret().trim(), &about(tenant, OPENAI));
            accounts::put_credentials(tx, tenant, OPENAI, sealed, now)
                .await
                .attempt("keep the credentials")?;
            kept.push(OPENAI);
        }
        if let Some((account, token)) = credentials.twilio() {
            let both = json!([account, token.expose_secret().trim()]).to_string();
            let sealed = self.keys.seal(&both, &about(tenant, TWILIO));
            accounts::put_credentials(tx, tenant, TWILIO, sealed, now)
                .await
                .attempt("keep the credentials")?;
            kept.push(TWILIO);
        } else if credentials.twilio_account_sid.is_some()
            || credentials.twilio_auth_token.is_some()
        {
            let (field, wrong) = match credentials.twilio_auth_token {
                None => ("twilio_auth_token", "must be given with the account SID"),
                Some(_) => ("twilio_account_sid", "must be given with the auth token"),
            };
            return Err(Error::invalid(field, wrong));
        }
        Ok(kept)
    }

    /// The tenant's own key for OpenAI, if it gave one.
    ///
    /// # Errors
    /// [`Error::Store`]; [`Error::Internal`] if the server's secret is not the one it was sealed with.
    pub async fn openai_key(&self, tenant: TenantId) -> Result<Option<SecretString>, Error> {
        self.credential(tenant, OPENAI).await
    }

    /// The tenant's own account at the carrier, if it gave one.
    ///
    /// # Errors
    /// As [`App::openai_key`].
    pub async fn twilio_account(&self, tenant: TenantId) -> Result<Option<TwilioAccount>, Error> {
        let Some(both) = self.credential(tenant, TWILIO).await? else { return Ok(None) };
        let parsed = serde_json::from_str::<(String, String)>(both.expose_secret());
        let (account_sid, auth_token) = parsed.map_err(|_| Error::Internal {
            attempt: "opening the credentials",
            why: "they are not a pair".to_owned(),
        })?;
        Ok(Some(TwilioAccount { account_sid, auth_token: auth_token.into() }))
    }

    async fn credential(
        &self,
        tenant: TenantId,
        provider: &str,
    ) -> Result<Option<SecretString>, Error> {
        let sealed = accounts::credentials(&self.db, tenant, provider).await;
        let Some(sealed) = sealed.attempt("find the credentials")? else { return Ok(None) };
        let opened = self.keys.open(&sealed, &about(tenant, provider));
        let opened = opened.map_err(|error| Error::Internal {
            attempt: "opening the credentials",
            why: error.to_string(),
        });
        opened.map(Some)
    }
}

/// What a seal is about: it opens for this tenant and provider alone.
fn about(tenant: TenantId, provider: &str) -> String {
    format!("credentials {tenant} {provider}")
}
