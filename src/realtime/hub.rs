//! Hands events to listeners of this process. A listener that is too slow loses events and is told so;
//! it never holds anything up.

use std::{
    collections::HashMap,
    ops::Deref,
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
    time::Duration,
};

use tokio::sync::broadcast;

use super::{
    Event, Frame,
    order::{Gap, Order},
};
use crate::domain::TenantId;

/// Events that wait for the slowest listener of a tenant.
const WAITING: usize = 4_096;

/// An event that is told before another one of its call is waited for so long: the two were kept in
/// this moment.
const COMES_WITHIN: Duration = Duration::from_millis(200);

/// All listeners of this process.
#[derive(Clone, Default)]
pub struct Hub {
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    tenants: HashMap<TenantId, broadcast::Sender<Arc<Published>>>,
    order: Order,
}

/// An event on its way to all who listen; what a dialect says of it is written once for all of them.
#[derive(Debug)]
pub struct Published {
    event: Event,
    said: [OnceLock<Option<Frame>>; 2],
}

/// In whose words an event is said on `/ws/calls`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// Those of the manager dashboard, to connections that subscribed.
    Dashboard,
    /// Those of the CRM, to connections that did not.
    Crm,
}

/// The events of one tenant, from now on.
pub struct Listener(broadcast::Receiver<Arc<Published>>);

/// Why there is no next event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Missed {
    #[error("{0} events were lost: too slow")]
    Lost(u64),
    #[error("there will be no more events")]
    Closed,
}

impl Hub {
    /// Tells the listeners of its tenant, the events of a call in the order of their places.
    pub fn publish(&self, event: Event) {
        let gap = self.state().tell(|order, tell| order.take(event, tell));
        self.close(gap);
    }

    /// What waits for an event that does not come is told without it.
    fn close(&self, gap: Option<Gap>) {
        let Some(mut gap) = gap else { return };
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        let hub = self.clone();
        runtime.spawn(async move {
            loop {
                tokio::time::sleep(COMES_WITHIN).await;
                match hub.state().tell(|order, tell| order.pass_over(gap, tell)) {
                    Some(next) => gap = next,
                    None => return,
                }
            }
        });
    }

    /// Listens to a tenant's events.
    pub fn listen(&self, tenant: TenantId) -> Listener {
        let mut state = self.state();
        // Those whom nobody listens to any more.
        state.tenants.retain(|_, sender| sender.receiver_count() > 0);
        let sender = state.tenants.entry(tenant).or_insert_with(|| broadcast::channel(WAITING).0);
        Listener(sender.subscribe())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // No code panics while it holds the lock; if it ever did, the maps are still whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Whatever `order` gives is told at once, so that nothing comes between.
    fn tell<T>(&mut self, with: impl FnOnce(&mut Order, &mut dyn FnMut(Event)) -> T) -> T {
        let State { tenants, order } = self;
        with(order, &mut |event: Event| {
            if let Some(sender) = tenants.get(&event.tenant) {
                // Nobody listening is no failure.
                let _ = sender.send(Arc::new(Published::from(event)));
            }
        })
    }
}

impl From<Event> for Published {
    fn from(event: Event) -> Self {
        Published { event, said: Default::default() }
    }
}

impl Deref for Published {
    type Target = Event;

    fn deref(&self) -> &Event {
        &self.event
    }
}

impl Published {
    /// The event in a dialect's words, by `say` the first time; none if the dialect has none for it.
    pub fn said(
        &self,
        dialect: Dialect,
        say: impl FnOnce(&Event) -> Option<Frame>,
    ) -> Option<&Frame> {
        self.said[dialect as usize].get_or_init(|| say(&self.event)).as_ref()
    }
}

impl Listener {
    /// The next event.
    ///
    /// # Errors
    /// [`Missed::Lost`], after which it goes on; [`Missed::Closed`].
    pub async fn next(&mut self) -> Result<Arc<Published>, Missed> {
        match self.0.recv().await {
            Ok(event) => Ok(event),
            Err(broadcast::error::RecvError::Lagged(lost)) => Err(Missed::Lost(lost)),
            Err(broadcast::error::RecvError::Closed) => Err(Missed::Closed),
        }
    }

    /// How many events wait to be taken.
    pub fn waiting(&self) -> usize {
        self.0.len()
    }

    /// The next event, if there is one already.
    pub fn next_now(&mut self) -> Option<Result<Arc<Published>, Missed>> {
        match self.0.try_recv() {
            Ok(event) => Some(Ok(event)),
            Err(broadcast::error::TryRecvError::Empty) => None,
            Err(broadcast::error::TryRecvError::Lagged(lost)) => Some(Err(Missed::Lost(lost))),
            Err(broadcast::error::TryRecvError::Closed) => Some(Err(Missed::Closed)),
        }
    }
}
