//! Events to browsers: what happened, told to whoever may know of it.
//!
//! An [`Event`] is published at the [`Hub`] after the store has it. A [`Watcher`] decides for one
//! connection what it is told, a [`Pulse`] when it is pinged and closed; neither reads a clock or a
//! socket. The sockets themselves are the dialects'.

mod event;
mod frame;
mod hub;
mod order;
mod pulse;
mod seats;
mod watcher;

pub use event::{Event, Kind};
pub use frame::Frame;
pub use hub::{Dialect, Hub, Listener, Missed, Published};
pub use pulse::{Check, Due, Pulse, Term};
pub use seats::{Seat, Seats};
pub use watcher::{MOST_CALLS, Options, TooMany, Verdict, Watcher};
