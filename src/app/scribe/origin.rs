//! Whose a call is that comes in, or that goes on.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use uuid::Uuid;

use super::App;
use crate::{
    domain::{BusinessId, CallId, TenantId},
    live::journal::Origin,
    store::{StoreError, calls, lines},
};

/// How long a call that comes in waits to be told whose it is.
const ORIGIN_WITHIN: Duration = Duration::from_millis(300);

/// Numbers that are remembered.
const MOST_NUMBERS: usize = 10_000;

/// Whose a number is, and which of its businesses answers.
type Owner = (TenantId, Option<BusinessId>);

/// Whose numbers are, for a moment in which the database cannot say.
#[derive(Default)]
pub(in crate::app) struct KnownNumbers(Mutex<HashMap<String, Owner>>);

impl KnownNumbers {
    fn of(&self, number: &str) -> Option<Owner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(number).copied()
    }

    fn learn(&self, number: &str, owner: Option<Owner>) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match owner {
            Some(owner) if known.len() < MOST_NUMBERS || known.contains_key(number) => {
                known.insert(number.to_owned(), owner);
            }
            Some(_) => {}
            None => drop(known.remove(number)),
        }
    }
}

impl App {
    /// Whose a call from and to these numbers is. While the database is away or slow it is whose the
    /// number was last, or the first organisation's, so that the call is answered and written down. None:
    /// there is no organisation.
    pub async fn origin(
        self: &Arc<Self>,
        call_sid: &str,
        numbers: (&str, &str),
        ours: Option<CallId>,
        outbound: bool,
    ) -> Option<Origin> {
        let found = self.find_origin(call_sid, numbers, ours, outbound);
        match tokio::time::timeout(ORIGIN_WITHIN, found).await {
            Ok(Ok(found)) => {
                if let Some(origin) = &found {
                    // The first question comes in a few seconds.
                    let business = origin.business.map(Into::into);
                    self.prepare_knowledge(origin.tenant.into(), business);
                }
                found
            }
            late => {
                if let Ok(Err(error)) = late {
                    tracing::warn!(error = ?error, "whose a call is could not be looked up");
                }
                let own = if outbound { numbers.0 } else { numbers.1 };
                let known = self.numbers.of(own);
                let (tenant, business) = match known {
                    Some(owner) => owner,
                    None => (*self.home.get()?, None),
                };
                Some(Origin {
                    call: ours.map_or_else(Uuid::now_v7, CallId::uuid),
                    tenant: tenant.uuid(),
                    business: business.map(BusinessId::uuid),
                    from: numbers.0.to_owned(),
                    to: numbers.1.to_owned(),
                    outbound,
                    arrived_at: self.clock.now(),
                })
            }
        }
    }

    async fn owner(&self, number: &str) -> Result<Option<Owner>, StoreError> {
        let owner = lines::number(&self.db, number).await?;
        self.numbers.learn(number, owner);
        Ok(owner)
    }

    /// Names a call that we made as the carrier does, if it has no name yet.
    ///
    /// # Errors
    /// The store failed.
    pub async fn name_call(&self, id: CallId, call_sid: &str) -> Result<(), StoreError> {
        if calls::of_sid(&self.db, call_sid).await?.is_some() {
            return Ok(());
        }
        let mut tx = self.db.begin().await?;
        lines::name(&mut tx, id, call_sid).await?;
        tx.commit().await
    }

    /// Is this call over? False while that cannot be said.
    pub async fn is_over(&self, id: CallId) -> bool {
        let call = calls::anyones(&self.db, id).await;
        matches!(call, Ok(Some(call)) if call.state.is_over())
    }

    async fn find_origin(
        &self,
        call_sid: &str,
        (from, to): (&str, &str),
        ours: Option<CallId>,
        outbound: bool,
    ) -> Result<Option<Origin>, StoreError> {
        let own = if outbound { from } else { to };
        // One that goes on, or that we made, is in the store.
        let mut known = calls::of_sid(&self.db, call_sid).await?;
        if let (None, Some(id)) = (&known, ours) {
            known = calls::anyones(&self.db, id).await?;
        }
        let id = known.as_ref().map(|call| call.id);
        let (tenant, business) = match known {
            Some(call) => (call.tenant, call.business),
            None => match self.owner(own).await? {
                Some(owner) => owner,
                None => match crate::store::users::first_tenant(&self.db).await? {
                    Some(tenant) => (tenant.id.into(), None),
                    None => return Ok(None),
                },
            },
        };
        Ok(Some(Origin {
            call: id.map_or_else(Uuid::now_v7, CallId::uuid),
            tenant: tenant.uuid(),
            business: business.map(BusinessId::uuid),
            from: from.to_owned(),
            to: to.to_owned(),
            outbound,
            arrived_at: self.clock.now(),
        }))
    }
}
