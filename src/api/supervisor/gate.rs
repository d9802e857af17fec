//! What every request passes: its token (401), then its rate limit (429). Both are told in each
//! answer's headers.

use std::sync::Arc;

use axum::{
    extract::{Request, State},
    http::{HeaderMap, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};

use super::error::Problem;
use crate::api::{
    Api, address,
    limit::{Bucket, Standing},
};

/// Checks token and rate limit, and puts the actor into the request.
pub(super) async fn gate(
    State(api): State<Arc<Api>>,
    mut request: Request,
    next: Next,
) -> Response {
    let (limits, now) = (api.app.settings.limits, api.app.clock.now().timestamp());
    let trusted = &api.app.settings.trusted_proxies;
    let address = address::of(request.headers(), request.extensions(), trusted);
    let address = address.map(address::client);
    let path = request.uri().path();
    if is_public(path) {
        let client = address.as_deref().unwrap_or_default();
        // Who reads the document has not tried to sign in.
        let standing = match path {
            "/openapi.json" => api.limiter.count(Bucket::Document, client, limits.standard, now),
            _ => api.limiter.count(Bucket::Public, client, limits.public, now),
        };
        if standing.wait.is_some() {
            return told(too_many().into_response(), standing);
        }
        if let Some(address) = address {
            request.extensions_mut().insert(Address(address));
        }
        return told(next.run(request).await, standing);
    }
    let analytics = path.starts_with("/analytics/");
    let verified = match bearer(request.headers()) {
        None => Err(Problem::new(
            StatusCode::UNAUTHORIZED,
            "UNAUTHORIZED",
            "Missing or invalid authentication",
        )),
        Some(token) => api.app.verify(token, address.clone()).await.map_err(Problem::from),
    };
    let verified = match verified {
        Ok(verified) => verified,
        Err(problem) => {
            let (problem, standing) = refused(&api, address, problem);
            return told(problem.into_response(), standing);
        }
    };
    let (bucket, limit) = match analytics {
        true => (Bucket::Analytics, limits.analytics),
        false => (Bucket::Standard, limits.standard),
    };
    let client = verified.actor.user.to_string();
    let standing = api.limiter.count(bucket, &client, limit, now);
    if standing.wait.is_some() {
        return told(too_many().into_response(), standing);
    }
    request.extensions_mut().insert(verified);
    told(next.run(request).await, standing)
}

/// What someone is told whose token is not good: that, or, after many of them from the same address,
/// that they are too many.
pub(super) fn refused(api: &Api, address: Option<String>, problem: Problem) -> (Problem, Standing) {
    let (limits, now) = (api.app.settings.limits, api.app.clock.now().timestamp());
    let client = address.unwrap_or_default();
    if !problem.is_unauthorized() {
        // The store failed: that is nobody's guess at a token.
        return (problem, api.limiter.standing(Bucket::Public, &client, limits.public, now));
    }
    let standing = api.limiter.count(Bucket::Public, &client, limits.public, now);
    (if standing.wait.is_some() { too_many() } else { problem }, standing)
}

/// Where the request came from, for operations without a sign-in.
#[derive(Clone, Debug)]
pub(super) struct Address(pub String);

fn is_public(path: &str) -> bool {
    path.starts_with("/auth/") || path == "/openapi.json"
}

/// The token of `Authorization: Bearer`.
pub(super) fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

fn too_many() -> Problem {
    Problem::new(StatusCode::TOO_MANY_REQUESTS, "RATE_LIMIT_EXCEEDED", "Too many requests")
}

/// The answer, with how the client stands.
pub(super) fn told(mut response: Response, standing: Standing) -> Response {
    standing.tell(response.headers_mut());
    response
}
