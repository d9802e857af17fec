//! What can be done: one file per noun, one method of [`App`] per operation.
//!
//! A dialect of the API parses, calls one of these, and says the outcome in its own words. Who may do
//! it is checked here, by [`Actor::may`](crate::domain::Actor::may), whatever the dialect has checked
//! before.

use std::sync::Arc;

use crate::{
    config::Control,
    live::desk::Desk,
    realtime::Hub,
    secret::Keys,
    store::{BadSchema, Db, StoreError},
};

mod accounts;
mod agents;
mod audit;
mod calls;
mod clock;
pub mod error;
mod first;
mod mail;
mod password;
mod report;
mod statistics;

pub use accounts::{Tokens, Verified};
pub use clock::Clock;
pub use error::{Conflict, Error};
pub use mail::BadMail;
pub use password::WeakPassword;
pub use report::{Format, Made, Topic, Wanted as WantedReport};
pub use statistics::Asked;

use self::password::Passwords;

/// Everything that the operations need.
pub struct App {
    pub db: Db,
    pub clock: Clock,
    /// Tells browsers what happened.
    pub hub: Hub,
    /// Running calls, and the carrier's API.
    pub desk: Desk,
    pub settings: Control,
    keys: Keys,
    passwords: Passwords,
    mailer: mail::Mailer,
    logins: accounts::Throttle,
    reports: report::Desk,
}

/// Why the control plane could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum NotOpened {
    #[error("the database could not be opened")]
    Database(#[from] StoreError),
    #[error(transparent)]
    Schema(#[from] BadSchema),
    #[error("the server's secret could not be kept in the data folder")]
    Secret(#[source] std::io::Error),
    #[error(transparent)]
    Mail(#[from] BadMail),
}

impl App {
    /// Opens the database, brings its schema up to date, and makes everything ready.
    ///
    /// # Errors
    /// [`NotOpened`].
    pub async fn open(settings: Control, desk: Desk, clock: Clock) -> Result<Arc<App>, NotOpened> {
        let db = Db::open(&settings.database_url).await?;
        db.migrate().await?;
        let secret = settings.secret().map_err(NotOpened::Secret)?;
        Ok(Arc::new(App {
            db,
            clock,
            hub: Hub::default(),
            desk,
            keys: Keys::of(&secret),
            passwords: Passwords::default(),
            mailer: mail::Mailer::start(settings.mail.as_ref())?,
            logins: accounts::Throttle::default(),
            reports: report::Desk::default(),
            settings,
        }))
    }
}
