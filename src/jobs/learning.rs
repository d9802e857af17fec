//! Has SQLite know its tables as they grow, so that it goes on choosing the right indexes.

use std::{
    sync::{Arc, Weak},
    time::Duration,
};

use crate::app::App;

/// A look is nothing where no table has grown by much.
const EVERY: Duration = Duration::from_secs(3600);

/// Begins; it ends with the operations.
pub(crate) fn start(app: &Arc<App>) {
    tokio::spawn(run(Arc::downgrade(app)));
}

async fn run(app: Weak<App>) {
    loop {
        let Some(db) = app.upgrade().map(|app| app.db.clone()) else { return };
        if let Err(error) = db.learn().await {
            tracing::warn!(error = ?error, "the database could not look at its tables");
        }
        drop(db);
        tokio::time::sleep(EVERY).await;
    }
}
