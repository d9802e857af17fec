//! The dialect `/api/v1`: the manager dashboard's and the AI caller's.
//!
//! snake_case, plain bodies, errors as `{error: {code, message, details}}`; fields without a value are
//! left out. Each handler translates; one line of it is the operation.

// What the macros of utoipa expand to names types by paths that are longer than they need be.
#![allow(unused_qualifications)]

use std::sync::Arc;

use axum::{Router, middleware, routing::get};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::Api;
mod agents;
mod auth;
mod context;
mod error;
mod gate;
mod input;
mod openapi;
mod page;
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
}

/// The routes.
pub fn routes<S: Clone + Send + Sync + 'static>(api: Arc<Api>) -> Router<S> {
    let (router, document) = operations().split_for_parts();
    let document = openapi::Served::new(&document);
    let router = router
        .route("/openapi.json", get(move || async move { document.answer() }))
        .method_not_allowed_fallback(error::wrong_method)
        .fallback(error::no_such_path)
        .layer(middleware::from_fn_with_state(api.clone(), gate::gate))
        .with_state(api);
    Router::new().nest("/api/v1", router).route("/docs", get(openapi::page))
}
