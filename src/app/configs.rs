//! Business configurations.

use serde_json::{Value, json};

use super::{App, Conflict, Error, error::Attempt, storable};
use crate::{
    domain::{
        Actor, BusinessConfig, BusinessId, ConfigData, ConfigDraft, ConfigUsage, Right,
        business_config::BadConfigData,
    },
    store::{
        Tx, configs,
        page::{Page, Paged},
    },
};

pub(super) const NOT_FOUND: Error = Error::NotFound("Business configuration");

/// Characters of a name and of a type.
const LONGEST_NAME: usize = 200;

impl App {
    /// A page of the configurations, oldest first.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn list_business_configs(
        &self,
        actor: &Actor,
        is_active: Option<bool>,
        page: Page,
    ) -> Result<Paged<BusinessConfig>, Error> {
        actor.may(Right::SignedIn)?;
        let listed = configs::list(&self.db, actor.tenant, is_active, page).await;
        listed.attempt("list the configurations")
    }

    /// One configuration.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn business_config(
        &self,
        actor: &Actor,
        id: BusinessId,
    ) -> Result<BusinessConfig, Error> {
        actor.may(Right::SignedIn)?;
        let found = configs::find(&self.db, actor.tenant, id).await;
        found.attempt("find the configuration")?.ok_or(NOT_FOUND)
    }

    /// Adds a configuration.
    ///
    /// # Errors
    /// [`Error::Invalid`].
    pub async fn create_business_config(
        &self,
        actor: &Actor,
        draft: ConfigDraft,
    ) -> Result<BusinessConfig, Error> {
        actor.may(Right::Write)?;
        let config = self.new_business_config(actor, draft)?;
        let mut tx = self.db.begin().await.attempt("add the configuration")?;
        self.add_business_config(&mut tx, actor, &config).await?;
        tx.commit().await.attempt("add the configuration")?;
        Ok(config)
    }

    /// A configuration as the draft says, not yet kept.
    pub(super) fn new_business_config(
        &self,
        actor: &Actor,
        draft: ConfigDraft,
    ) -> Result<BusinessConfig, Error> {
        let now = self.clock.now();
        let new = BusinessConfig {
            id: BusinessId::new(),
            tenant: actor.tenant,
            name: String::new(),
            kind: String::new(),
            data: ConfigData::default(),
            is_active: true,
            created_at: now,
            updated_at: now,
        };
        drafted(new, draft)
    }

    /// Keeps a new configuration, in the transaction that makes it.
    pub(super) async fn add_business_config(
        &self,
        tx: &mut Tx,
        actor: &Actor,
        config: &BusinessConfig,
    ) -> Result<(), Error> {
        configs::put(tx, config).await.attempt("add the configuration")?;
        let entity = ("business_config", config.id.to_string());
        let change = (None, Some(told(config)));
        self.audit(tx, actor, "business_config.create", entity, change).await
    }

    /// Replaces a configuration. What the draft's document leaves out takes its default again.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Invalid`].
    pub async fn update_business_config(
        &self,
        actor: &Actor,
        id: BusinessId,
        draft: ConfigDraft,
    ) -> Result<BusinessConfig, Error> {
        actor.may(Right::Write)?;
        let mut tx = self.db.begin().await.attempt("change the configuration")?;
        let found = configs::find_in(&mut tx, actor.tenant, id).await;
        let before = found.attempt("find the configuration")?.ok_or(NOT_FOUND)?;
        let mut after = drafted(before.clone(), draft)?;
        after.updated_at = self.clock.now();
        configs::put(&mut tx, &after).await.attempt("change the configuration")?;
        let entity = ("business_config", id.to_string());
        let change = (Some(told(&before)), Some(told(&after)));
        self.audit(&mut tx, actor, "business_config.update", entity, change).await?;
        tx.commit().await.attempt("change the configuration")?;
        Ok(after)
    }

    /// Removes a configuration that no running call needs, and the knowledge that is its own alone:
    /// left behind, it would answer for the tenant's other businesses.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Conflict::ConfigInUse`].
    pub async fn delete_business_config(&self, actor: &Actor, id: BusinessId) -> Result<(), Error> {
        actor.may(Right::Write)?;
        let mut tx = self.db.begin().await.attempt("remove the configuration")?;
        let found = configs::find_in(&mut tx, actor.tenant, id).await;
        let config = found.attempt("find the configuration")?.ok_or(NOT_FOUND)?;
        let usage = configs::usage(&mut tx, actor.tenant, id).await.attempt("count the calls")?;
        if usage.is_in_use() {
            return Err(Error::Conflict(Conflict::ConfigInUse));
        }
        configs::remove(&mut tx, actor.tenant, id).await.attempt("remove the configuration")?;
        let mut before = told(&config);
        before["knowledge_entries"] = json!(usage.knowledge_entries);
        let entity = ("business_config", id.to_string());
        let change = (Some(before), None);
        self.audit(&mut tx, actor, "business_config.delete", entity, change).await?;
        self.knowledge_changes(&mut tx, actor.tenant).await?;
        tx.commit().await.attempt("remove the configuration")?;
        self.shelf.forget(actor.tenant);
        Ok(())
    }

    /// What hangs on a configuration.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn business_config_usage(
        &self,
        actor: &Actor,
        id: BusinessId,
    ) -> Result<ConfigUsage, Error> {
        actor.may(Right::SignedIn)?;
        let found = configs::find(&self.db, actor.tenant, id).await;
        found.attempt("find the configuration")?.ok_or(NOT_FOUND)?;
        let mut tx = self.db.begin().await.attempt("count the calls")?;
        configs::usage(&mut tx, actor.tenant, id).await.attempt("count the calls")
    }
}

/// A configuration, for the audit.
fn told(config: &BusinessConfig) -> Value {
    json!({
        "name": config.name, "type": config.kind, "is_active": config.is_active,
        "config_data": config.data.document(),
    })
}

/// The configuration as the draft says.
fn drafted(mut config: BusinessConfig, draft: ConfigDraft) -> Result<BusinessConfig, Error> {
    for (field, value) in [("name", &draft.name), ("type", &draft.kind)] {
        if value.trim().is_empty() || value.chars().count() > LONGEST_NAME {
            let wrong = format!("must have from 1 to {LONGEST_NAME} characters");
            return Err(Error::invalid(field, wrong));
        }
        storable::text(field, value)?;
    }
    storable::object("config_data", &draft.data)?;
    let invalid = |BadConfigData { field, wrong }| Error::Invalid { field, wrong };
    config.data = ConfigData::accept(draft.data).map_err(invalid)?;
    config.data.escalation.check_triggers().map_err(invalid)?;
    config.name = draft.name.trim().to_owned();
    config.kind = draft.kind.trim().to_owned();
    config.is_active = draft.is_active.unwrap_or(config.is_active);
    Ok(config)
}
