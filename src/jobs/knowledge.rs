//! Reads documents and makes vectors, one piece after another, while there are any; counts what was
//! used in between.

use std::{
    sync::{Arc, Weak},
    time::Duration,
};

use crate::app::App;

/// What nobody told of (another node's leavings, a document to be tried again) is looked for so often.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// Begins; it ends with the operations.
pub(crate) fn start(app: &Arc<App>) {
    tokio::spawn(run(Arc::downgrade(app)));
}

async fn run(app: Weak<App>) {
    loop {
        let Some(app) = app.upgrade() else { return };
        let again = match app.work_on_knowledge().await {
            Ok(again) => again,
            Err(error) => {
                tracing::warn!(error = %told(&error), "work on the knowledge waits");
                false
            }
        };
        if let Err(error) = app.count_knowledge_use().await {
            tracing::warn!(error = %told(&error), "answers were not counted");
        }
        if !again {
            // Held only this long: the operations are not kept by their own background.
            let more = app.knowledge_work();
            drop(app);
            let _ = tokio::time::timeout(LOOK_EVERY, more.notified()).await;
        }
    }
}

fn told(error: &dyn std::error::Error) -> String {
    match error.source() {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    }
}
