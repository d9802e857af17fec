//! Who changed what: append-only.

use serde_json::Value;

use super::{App, Error, error::Attempt};
use crate::{
    domain::{Actor, TenantId},
    store::{
        Tx,
        audit::{self, Entry},
    },
};

impl App {
    /// Writes down that `actor` did something, in the transaction that does it.
    pub(super) async fn audit(
        &self,
        tx: &mut Tx,
        actor: &Actor,
        action: &'static str,
        entity: (&'static str, String),
        change: (Option<Value>, Option<Value>),
    ) -> Result<(), Error> {
        let entry = Entry {
            tenant: actor.tenant,
            actor: Some((actor.user, actor.name.clone())),
            action,
            entity: entity.0,
            entity_id: entity.1,
            before: change.0,
            after: change.1,
            address: actor.address.clone(),
            at: self.clock.now(),
        };
        audit::add(tx, &entry).await.attempt("write the audit")
    }

    /// The same of what the server did by itself.
    pub(super) async fn audit_own(
        &self,
        tx: &mut Tx,
        tenant: TenantId,
        action: &'static str,
        entity: (&'static str, String),
        after: Option<Value>,
    ) -> Result<(), Error> {
        let entry = Entry {
            tenant,
            actor: None,
            action,
            entity: entity.0,
            entity_id: entity.1,
            before: None,
            after,
            address: None,
            at: self.clock.now(),
        };
        audit::add(tx, &entry).await.attempt("write the audit")
    }
}
