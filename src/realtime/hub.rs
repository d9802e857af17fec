//! Hands events to listeners of this process. A listener that is too slow loses events and is told so;
//! it never holds anything up.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::sync::broadcast;

use super::Event;
use crate::domain::TenantId;

/// Events that wait for the slowest listener of a tenant.
const WAITING: usize = 4_096;

/// All listeners of this process.
#[derive(Clone, Default)]
pub struct Hub {
    tenants: Arc<Mutex<HashMap<TenantId, broadcast::Sender<Arc<Event>>>>>,
}

/// The events of one tenant, from now on.
pub struct Listener(broadcast::Receiver<Arc<Event>>);

/// Why there is no next event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Missed {
    #[error("{0} events were lost: too slow")]
    Lost(u64),
    #[error("there will be no more events")]
    Closed,
}

impl Hub {
    /// Tells the listeners of its tenant.
    pub fn publish(&self, event: Event) {
        let tenants = self.tenants.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(sender) = tenants.get(&event.tenant) {
            // Nobody listening is no failure.
            let _ = sender.send(Arc::new(event));
        }
    }

    /// Listens to a tenant's events.
    pub fn listen(&self, tenant: TenantId) -> Listener {
        let mut tenants = self.tenants.lock().unwrap_or_else(PoisonError::into_inner);
        // Those whom nobody listens to any more.
        tenants.retain(|_, sender| sender.receiver_count() > 0);
        let sender = tenants.entry(tenant).or_insert_with(|| broadcast::channel(WAITING).0);
        Listener(sender.subscribe())
    }
}

impl Listener {
    /// The next event.
    ///
    /// # Errors
    /// [`Missed::Lost`], after which it goes on; [`Missed::Closed`].
    pub async fn next(&mut self) -> Result<Arc<Event>, Missed> {
        match self.0.recv().await {
            Ok(event) => Ok(event),
            Err(broadcast::error::RecvError::Lagged(lost)) => Err(Missed::Lost(lost)),
            Err(broadcast::error::RecvError::Closed) => Err(Missed::Closed),
        }
    }
}
