//! The first start: an organisation, and someone who may sign in. There is never a default password.

use secrecy::ExposeSecret;

use super::{App, Conflict, Error, error::Attempt};
use crate::{
    domain::{Role, TenantId},
    store::users,
};

impl App {
    /// Makes what the first start needs: the organisation of the settings and, where the settings name
    /// one, its owner. Does nothing where they are there.
    ///
    /// # Errors
    /// [`Error`]: the owner's password is too short, or the store failed.
    pub async fn first_start(&self) -> Result<TenantId, Error> {
        let first = users::first_tenant(&self.db).await.attempt("find the organisation")?;
        let tenant = match first {
            Some(tenant) => tenant.id.into(),
            None => {
                let (name, zone) = (&self.settings.organisation, self.settings.timezone);
                self.add_tenant(name, zone.name()).await?
            }
        };
        let _ = self.home.set(tenant);
        let users = users::list(&self.db, tenant).await.attempt("list the users")?;
        match &self.settings.owner {
            Some(owner) if users.is_empty() => {
                let password = owner.password.expose_secret();
                match self.add_user(tenant, &owner.email, "Owner", Role::Owner, password).await {
                    // Another node was faster.
                    Err(Error::Conflict(Conflict::EmailTaken)) | Ok(_) => {}
                    Err(error) => return Err(error),
                }
            }
            None if users.is_empty() => tracing::warn!(
                "nobody can sign in yet: `tandem user add`, or TANDEM_OWNER_EMAIL and \
                 TANDEM_OWNER_PASSWORD"
            ),
            _ => {}
        }
        Ok(tenant)
    }
}
