//! Pages of other origins, where the settings name them: <https://fetch.spec.whatwg.org/#http-cors-protocol>.

use std::sync::Arc;

use axum::{
    extract::{Request, State},
    http::{HeaderMap, HeaderValue, Method, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};

use super::Api;

/// What such a page may read of an answer.
const EXPOSED: &str = "x-ratelimit-limit, x-ratelimit-remaining, x-ratelimit-reset, retry-after, \
                       content-disposition";

/// Answers preflights, and lets pages of known origins read answers.
pub(super) async fn cors(State(api): State<Arc<Api>>, request: Request, next: Next) -> Response {
    let origin = request.headers().get(header::ORIGIN).cloned();
    let known = origin.filter(|origin| is_known(&api.app.settings.origins, origin));
    let asks = request.headers().contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
    let preflight = request.method() == Method::OPTIONS && asks;
    let Some(origin) = known else { return next.run(request).await };
    let mut response = match preflight {
        true => StatusCode::NO_CONTENT.into_response(),
        false => next.run(request).await,
    };
    tell(response.headers_mut(), origin, preflight);
    response
}

fn is_known(origins: &[String], origin: &HeaderValue) -> bool {
    origins.iter().any(|known| known == "*" || known.as_bytes() == origin.as_bytes())
}

fn tell(headers: &mut HeaderMap, origin: HeaderValue, preflight: bool) {
    let fixed = HeaderValue::from_static;
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    headers.append(header::VARY, fixed("origin"));
    headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, fixed(EXPOSED));
    if preflight {
        let methods = "GET, POST, PUT, PATCH, DELETE";
        headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, fixed(methods));
        let sent = "authorization, content-type";
        headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, fixed(sent));
        headers.insert(header::ACCESS_CONTROL_MAX_AGE, fixed("600"));
    }
}
