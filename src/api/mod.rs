//! Dialects over the operations of [`crate::app`], and what the carrier calls.
//!
//! A dialect parses, calls one operation, and says its outcome in its own words; none names another,
//! or the store.

use std::sync::Arc;

use axum::{Router, middleware};

use crate::{
    app::App,
    realtime::{Event, Frame, Seats},
};

pub mod address;
pub mod carrier;
mod cors;
pub mod limit;
pub mod supervisor;

use self::limit::Limiter;

/// What the dialects share.
pub struct Api {
    pub app: Arc<App>,
    pub limiter: Limiter,
    /// Live sockets, by user.
    pub seats: Seats,
    /// What clients of the CRM are told of a call on `/ws/calls` before they subscribe. None: that
    /// dialect is not spoken here, and they are told nothing rather than something in other words.
    pub feed: Option<fn(&Event) -> Option<Frame>>,
}

/// All routes of the control plane.
pub fn routes<S: Clone + Send + Sync + 'static>(app: Arc<App>) -> Router<S> {
    let api =
        Arc::new(Api { app, limiter: Limiter::default(), seats: Seats::default(), feed: None });
    Router::new()
        .merge(supervisor::routes(api.clone()))
        .layer(middleware::from_fn_with_state(api, cors::cors))
}
