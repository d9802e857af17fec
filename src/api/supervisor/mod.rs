//! The dialect `/api/v1`: the manager dashboard's and the AI caller's.
//!
//! snake_case, plain bodies, errors as `{error: {code, message, details}}`; fields without a value are
//! left out. Each handler translates; one line of it is the operation.

// What the macros of utoipa expand to names types by paths that are longer than they need be.
#![allow(unused_qualifications)]

use std::sync::Arc;

use axum::{Router, middleware};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::Api;
mod agents;
mod auth;
mod bounds;
mod calls;
mod context;
mod error;
mod events;
mod gate;
mod input;
mod live;
mod notes;
mod notifications;
mod page;
mod steer;
mod wire;

pub use error::Problem;

/// All operations, and the document that describes them.
fn operations() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::new()
        .routes(routes!(auth::login))
        .routes(routes!(auth::forgot_password))
        .routes(routes!(auth::reset_password))
        .routes(routes!(auth::refresh_token))
        .routes(routes!(agents::list_agents, agents::create_agent))
        .routes(routes!(agents::get_agent, agents::update_agent, agents::delete_agent))
        .routes(routes!(agents::update_agent_availability))
        .routes(routes!(agents::get_agent_usage))
        .routes(routes!(calls::list_calls))
        .routes(routes!(steer::initiate_call))
        .routes(routes!(steer::escalate_call))
        .routes(routes!(steer::intervene_in_call))
        .routes(routes!(steer::end_call))
        .routes(routes!(calls::get_call))
        .routes(routes!(calls::list_call_interactions))
        .routes(routes!(notes::list_call_notes, notes::add_call_note))
        .routes(routes!(notes::update_call_note, notes::delete_call_note))
        .routes(routes!(notifications::list_notifications))
        .routes(routes!(notifications::get_unread_notification_count))
        .routes(routes!(notifications::mark_all_notifications_read))
        .routes(routes!(notifications::mark_notification_read))
        .routes(routes!(notifications::delete_notification))
}

/// The routes.
pub fn routes<S: Clone + Send + Sync + 'static>(api: Arc<Api>) -> Router<S> {
    let live = live::routes(api.clone());
    let (router, _document) = operations().split_for_parts();
    let router = router
        .method_not_allowed_fallback(error::wrong_method)
        .fallback(error::no_such_path)
        .layer(middleware::from_fn_with_state(api.clone(), gate::gate))
        .with_state(api);
    Router::new().nest("/api/v1", router).merge(live)
}
