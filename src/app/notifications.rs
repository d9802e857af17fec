//! What users are told, each for themselves.

use std::sync::Arc;

use super::{App, Error, error::Attempt};
use crate::{
    domain::{Actor, Audience, News, Notification, Right, TenantId, UserId},
    realtime::{Event, Kind},
    store::{
        Tx,
        notifications::{self, Wanted},
        page::{Page, Paged},
    },
};

const NOT_FOUND: Error = Error::NotFound("Notification");

/// Notifications that a transaction has written: for [`App::publish_notified`] once it is committed.
#[derive(Debug, Default)]
#[must_use = "users are told after the commit"]
pub struct Notified {
    tenant: Option<TenantId>,
    pub written: Vec<(UserId, Notification)>,
}

impl App {
    /// Writes down that these users of the tenant's are told something, each once for what it is about,
    /// in the transaction of what happened. After its commit, [`App::publish_notified`].
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn notify(
        &self,
        tx: &mut Tx,
        tenant: TenantId,
        audience: &Audience,
        news: &News,
    ) -> Result<Notified, Error> {
        let told = notifications::tell(tx, tenant, audience, news, self.clock.now()).await;
        Ok(Notified { tenant: Some(tenant), written: told.attempt("write the notifications")? })
    }

    /// Tells browsers what was written.
    pub fn publish_notified(&self, notified: Notified) {
        let Some(tenant) = notified.tenant else { return };
        for (user, notification) in notified.written {
            self.hub.publish(Event {
                tenant,
                call: notification.call,
                sequence: None,
                kind: Kind::Notified(user, Arc::new(notification)),
            });
        }
    }

    /// A page of the actor's notifications, newest first.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn list_notifications(
        &self,
        actor: &Actor,
        wanted: &Wanted,
        page: Page,
    ) -> Result<Paged<Notification>, Error> {
        actor.may(Right::SignedIn)?;
        let listed = notifications::list(&self.db, actor.tenant, actor.user, wanted, page).await;
        listed.attempt("list the notifications")
    }

    /// How many the actor has not read.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn count_unread(&self, actor: &Actor) -> Result<i64, Error> {
        actor.may(Right::SignedIn)?;
        let counted = notifications::count_unread(&self.db, actor.tenant, actor.user).await;
        counted.attempt("count the notifications")
    }

    /// Marks one as read; again changes nothing.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn read_notification(&self, actor: &Actor, id: i64) -> Result<Notification, Error> {
        actor.may(Right::SignedIn)?;
        let mut tx = self.db.begin().await.attempt("mark the notification")?;
        let now = self.clock.now();
        let read = notifications::read(&mut tx, actor.tenant, actor.user, id, now).await;
        let read = read.attempt("mark the notification")?.ok_or(NOT_FOUND)?;
        tx.commit().await.attempt("mark the notification")?;
        Ok(read)
    }

    /// Marks all as read; how many were not.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn read_all_notifications(&self, actor: &Actor) -> Result<u64, Error> {
        actor.may(Right::SignedIn)?;
        let mut tx = self.db.begin().await.attempt("mark the notifications")?;
        let now = self.clock.now();
        let read = notifications::read_all(&mut tx, actor.tenant, actor.user, now).await;
        let read = read.attempt("mark the notifications")?;
        tx.commit().await.attempt("mark the notifications")?;
        Ok(read)
    }

    /// Removes one.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn delete_notification(&self, actor: &Actor, id: i64) -> Result<(), Error> {
        actor.may(Right::SignedIn)?;
        let mut tx = self.db.begin().await.attempt("remove the notification")?;
        let removed = notifications::remove(&mut tx, actor.tenant, actor.user, id).await;
        if !removed.attempt("remove the notification")? {
            return Err(NOT_FOUND);
        }
        tx.commit().await.attempt("remove the notification")
    }
}
