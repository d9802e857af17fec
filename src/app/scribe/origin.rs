//! Whose a call is that comes in, or that goes on.

use std::time::Duration;

use uuid::Uuid;

use super::App;
use crate::{
    domain::CallId,
    live::journal::Origin,
    store::{StoreError, calls, lines},
};

/// How long a call that comes in waits to be told whose it is.
const ORIGIN_WITHIN: Duration = Duration::from_millis(300);

impl App {
    /// Whose a call from and to these numbers is. While the database is away or slow it is the first
    /// organisation's, so that the call is answered and written down. None: there is no organisation.
    pub async fn origin(
        &self,
        call_sid: &str,
        numbers: (&str, &str),
        ours: Option<CallId>,
        outbound: bool,
    ) -> Option<Origin> {
        let found = self.find_origin(call_sid, numbers, ours, outbound);
        match tokio::time::timeout(ORIGIN_WITHIN, found).await {
            Ok(Ok(found)) => found,
            late => {
                if let Ok(Err(error)) = late {
                    tracing::warn!(error = ?error, "whose a call is could not be looked up");
                }
                Some(Origin {
                    call: ours.map_or_else(Uuid::now_v7, CallId::uuid),
                    tenant: self.home.get()?.uuid(),
                    business: None,
                    from: numbers.0.to_owned(),
                    to: numbers.1.to_owned(),
                    outbound,
                    arrived_at: self.clock.now(),
                })
            }
        }
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
            None => match lines::number(&self.db, own).await? {
                Some((tenant, business)) => (tenant, business),
                None => match crate::store::users::first_tenant(&self.db).await? {
                    Some(tenant) => (tenant.id.into(), None),
                    None => return Ok(None),
                },
            },
        };
        Ok(Some(Origin {
            call: id.map_or_else(Uuid::now_v7, CallId::uuid),
            tenant: tenant.uuid(),
            business: business.map(crate::domain::BusinessId::uuid),
            from: from.to_owned(),
            to: to.to_owned(),
            outbound,
            arrived_at: self.clock.now(),
        }))
    }
}
