//! The dialect `/api/v1`: the manager dashboard's and the AI caller's.
//!
//! snake_case, plain bodies, errors as `{error: {code, message, details}}`; fields without a value are
//! left out. Each handler translates; one line of it is the operation.

// What the macros of utoipa expand to names types by paths that are longer than they need be.
#![allow(unused_qualifications)]

use std::sync::Arc;

use axum::{Router, extract::DefaultBodyLimit, middleware, routing::get};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::Api;
mod agents;
mod analytics;
mod auth;
mod calls;
mod configs;
mod context;
mod error;
mod events;
mod gate;
mod input;
mod knowledge;
mod live;
mod notes;
mod notifications;
mod openapi;
mod own_page;
mod page;
mod setup;
mod steer;
mod wire;

pub use error::Problem;

/// Bytes of a body, 4 MiB, but for uploads.
const LARGEST_BODY: usize = 4 << 20;

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
        .routes(routes!(configs::list_business_configs, configs::create_business_config))
        .routes(routes!(
            configs::get_business_config,
            configs::update_business_config,
            configs::delete_business_config
        ))
        .routes(routes!(configs::get_business_config_usage))
        .routes(routes!(configs::test_connection))
        .routes(routes!(setup::complete_setup))
        .routes(routes!(knowledge::list_knowledge_entries, knowledge::add_knowledge_entry))
        .routes(routes!(knowledge::delete_knowledge_entry))
        .routes(routes!(analytics::get_analytics_overview))
        .routes(routes!(analytics::get_analytics_dashboard))
        .routes(routes!(analytics::get_call_volume))
        .routes(routes!(analytics::get_qa_analytics))
        .routes(routes!(analytics::get_qa_stats))
        .routes(routes!(analytics::get_sentiment_analytics))
        .routes(routes!(analytics::get_escalation_analytics))
        .routes(routes!(analytics::export_analytics, analytics::download_analytics_export))
        .merge(uploads())
}

/// What takes more than other bodies may hold.
fn uploads() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::new()
        .routes(routes!(knowledge::upload_knowledge_document))
        .layer(DefaultBodyLimit::max(knowledge::LARGEST_UPLOAD))
}

/// The routes.
pub fn routes<S: Clone + Send + Sync + 'static>(api: Arc<Api>) -> Router<S> {
    let live = live::routes(api.clone());
    let (router, document) = operations().split_for_parts();
    let document = openapi::Served::new(&document);
    let router = router
        .route("/openapi.json", get(move || async move { document.answer() }))
        .method_not_allowed_fallback(error::wrong_method)
        .fallback(error::no_such_path)
        .layer(DefaultBodyLimit::max(LARGEST_BODY))
        .layer(middleware::from_fn_with_state(api.clone(), gate::gate))
        .with_state(api);
    Router::new()
        .nest("/api/v1", router)
        .route("/docs", get(openapi::page))
        .route("/reset-password", get(auth::reset_page))
        .merge(live)
}
