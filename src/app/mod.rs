//! What can be done: one file per noun, one method of [`App`] per operation.
//!
//! A dialect of the API parses, calls one of these, and says the outcome in its own words. Who may do
//! it is checked here, by [`Actor::may`](crate::domain::Actor::may), whatever the dialect has checked
//! before.

use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use tokio::sync::Semaphore;

use crate::{
    carrier::hang_up::Patience,
    config::Control,
    domain::TenantId,
    jobs,
    live::{
        desk::Desk,
        journal::{Journals, private_folder},
    },
    realtime::Hub,
    secret::Keys,
    store::{BadSchema, Db, StoreError},
};

mod accounts;
mod agents;
mod analyse;
mod audit;
mod brief;
mod calls;
mod clock;
mod configs;
mod connections;
pub mod error;
mod escalate;
mod first;
mod knowledge;
mod mail;
mod notes;
mod notifications;
mod own;
mod password;
mod report;
pub mod scribe;
mod setup;
mod statistics;
mod steer;
mod storable;
mod users;
mod watch;

pub use accounts::{Tokens, Verified};
pub use analyse::Judge;
pub use calls::CallDetails;
pub use clock::Clock;
pub use connections::{Connections, Credentials};
pub use error::{Conflict, Error};
pub use escalate::{Briefing, Handover, NOBODY_CAME, Sent, is_handover};
pub use knowledge::{Document, LARGEST_DOCUMENT, READER_ARGUMENT, Reach};
pub use mail::{BadMail, check as check_mail};
pub use notifications::Notified;
pub use password::WeakPassword;
pub use report::{Format, Made, Topic, Wanted as WantedReport};
pub use setup::{SetUp, Setup, TwilioAccount};
pub use statistics::Asked;
pub use steer::{Intervention, Outbound};
pub use users::ResetLink;
pub use watch::Kept;

use self::{
    password::Passwords,
    scribe::{Fact, Scribe},
};

/// Calls that are analysed at once: it is work of milliseconds, off the media path.
const ANALYSES: usize = 2;

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
    feed: scribe::Feed,
    /// The first organisation: calls to numbers that are nobody's are its.
    home: OnceLock<TenantId>,
    /// Whose numbers are that were called, as the database last said.
    numbers: scribe::KnownNumbers,
    /// Calls that are analysed at once.
    analyses: Semaphore,
    /// The language model that judges calls, where one does.
    judge: OnceLock<Judge>,
    /// What the agent is told that answers where no business is configured.
    instructions: Option<String>,
    /// The tenants' knowledge, in memory.
    shelf: Arc<knowledge::shelf::Shelf>,
    reports: report::Desk,
    /// The tenants' own models.
    owned: own::Owned,
}

/// What the operations have of the gateway, where it has it.
#[derive(Default)]
pub struct Provided {
    /// What the agent is told that answers where no business is configured.
    pub instructions: Option<String>,
    /// Compares texts by meaning.
    pub embedder: Option<Arc<dyn vendors::local::agent::Embedder>>,
    /// Judges calls.
    pub judge: Option<Judge>,
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
    pub async fn open(
        settings: Control,
        desk: Desk,
        journals: Journals,
        clock: Clock,
    ) -> Result<Arc<App>, NotOpened> {
        App::open_with(settings, desk, journals, clock, Provided::default()).await
    }

    /// The same with what a gateway provides, also for calls that an earlier process left.
    ///
    /// # Errors
    /// [`NotOpened`].
    pub async fn open_with(
        settings: Control,
        desk: Desk,
        journals: Journals,
        clock: Clock,
        provided: Provided,
    ) -> Result<Arc<App>, NotOpened> {
        let db = Db::open(&settings.database_url).await?;
        db.migrate().await?;
        let (feed, facts) = scribe::Feed::new();
        let mut app = App::assemble(settings, db, desk, feed.clone(), clock)?;
        app.instructions = provided.instructions;
        let app = Arc::new(app);
        if let Some(embedder) = provided.embedder {
            app.use_embedder(embedder);
        }
        if let Some(judge) = provided.judge {
            app.use_judge(judge);
        }
        let (reporting, telling) = (feed.clone(), Arc::downgrade(&app));
        journals.follow(move |announcement| {
            if announcement.position.is_some() {
                reporting.report(Fact::Noted(announcement));
            } else if let Some(app) = telling.upgrade() {
                scribe::tell_sheddable(&app, announcement);
            }
        });
        tokio::spawn(Scribe::run(Arc::downgrade(&app), feed, journals, facts));
        if matches!(app.db, Db::Sqlite { .. }) {
            // Nobody else has this file: what was begun before was left.
            crate::store::knowledge::leave_all_uploads(&app.db).await?;
        }
        jobs::knowledge::start(&app);
        jobs::learning::start(&app);
        app.analyse_left().await;
        Ok(app)
    }

    /// Opens the database for an operation or two beside a server that runs: no call is followed, and
    /// none of those that another process conducts is held to be lost.
    ///
    /// # Errors
    /// [`NotOpened`].
    pub async fn open_offline(settings: Control) -> Result<App, NotOpened> {
        private_folder(&settings.data_dir).map_err(NotOpened::Secret)?;
        let db = Db::open(&settings.database_url).await?;
        db.migrate().await?;
        let (feed, _nobody) = scribe::Feed::new();
        let desk = Desk::new(None, Patience::after(Duration::from_secs(1)));
        App::assemble(settings, db, desk, feed, Clock::default())
    }

    fn assemble(
        settings: Control,
        db: Db,
        desk: Desk,
        feed: scribe::Feed,
        clock: Clock,
    ) -> Result<App, NotOpened> {
        let secret = settings.secret().map_err(NotOpened::Secret)?;
        Ok(App {
            db,
            clock,
            hub: Hub::default(),
            desk,
            keys: Keys::of(&secret),
            passwords: Passwords::default(),
            mailer: mail::Mailer::start(settings.mail.as_ref())?,
            logins: accounts::Throttle::default(),
            feed,
            home: OnceLock::new(),
            numbers: scribe::KnownNumbers::default(),
            analyses: Semaphore::new(ANALYSES),
            judge: OnceLock::new(),
            instructions: None,
            shelf: Arc::default(),
            reports: report::Desk::default(),
            owned: own::Owned::default(),
            settings,
        })
    }

    /// Reports what happened to a call. It never waits.
    pub fn report(&self, fact: Fact) {
        self.feed.report(fact);
    }

    /// Compares knowledge by meaning from now on, with this model; before, and without, by words.
    pub fn use_embedder(&self, embedder: Arc<dyn vendors::local::agent::Embedder>) {
        self.shelf.set_embedder(embedder);
    }
}
