//! Users and organisations as whoever runs the server makes them, from its command line. There is no
//! actor: who may read the database's file needs no further right. Nothing has a default password.

use super::{App, Conflict, Error, error::Attempt};
use crate::{
    domain::{Role, TenantId, User},
    store::users::{self, Tenant},
};

/// With this a user sets a password, once, within the hour.
#[derive(Debug)]
pub struct ResetLink {
    pub link: String,
    pub token: String,
}

impl App {
    /// All organisations, oldest first.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn organisations(&self) -> Result<Vec<Tenant>, Error> {
        users::tenants(&self.db).await.attempt("list the organisations")
    }

    /// The users of an organisation, oldest first.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn users_of(&self, tenant: TenantId) -> Result<Vec<User>, Error> {
        users::list(&self.db, tenant).await.attempt("list the users")
    }

    /// Adds a user who has yet to set a password.
    ///
    /// # Errors
    /// As [`App::add_user`].
    pub async fn invite_user(
        &self,
        tenant: TenantId,
        email: &str,
        name: &str,
        role: Role,
    ) -> Result<(User, ResetLink), Error> {
        let user = self.insert_user(tenant, email, name, role, None).await?;
        self.offer_reset(&user.email).await
    }

    /// A link with which this user sets a new password.
    ///
    /// # Errors
    /// [`Error::NotFound`]: nobody who may sign in has this address.
    pub async fn offer_reset(&self, email: &str) -> Result<(User, ResetLink), Error> {
        let (user, token) = self.make_reset(email).await?.ok_or(Error::NotFound("User"))?;
        Ok((user, ResetLink { link: self.reset_link(&token), token }))
    }

    /// Sets a user's password; all their sign-ins end.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Invalid`] of a password that is too short.
    pub async fn set_password(&self, email: &str, password: &str) -> Result<User, Error> {
        let (user, token) = self.make_reset(email).await?.ok_or(Error::NotFound("User"))?;
        match self.reset_password(&token, password).await {
            Err(Error::Conflict(Conflict::InvalidResetToken)) => Err(Error::Internal {
                attempt: "setting the password",
                why: "somebody else set it at the same time".to_owned(),
            }),
            Err(Error::Invalid { wrong, .. }) => Err(Error::invalid("password", wrong)),
            done => done.map(|()| user),
        }
    }
}
