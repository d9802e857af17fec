//! Calls, as they stand and stood.

use super::{App, Error, error::Attempt};
use crate::{
    domain::{Actor, Call, CallId, Right},
    store::calls,
};

impl App {
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
