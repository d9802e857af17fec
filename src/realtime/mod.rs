//! Events to browsers: what happened, told to whoever may know of it.

mod event;
mod hub;

pub use event::{Event, Kind};
pub use hub::{Hub, Listener, Missed};
