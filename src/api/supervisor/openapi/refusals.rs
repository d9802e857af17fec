//! What every operation may answer besides its own: refusals, and the rate limit's headers.

use serde_json::{Map, Value, json};

/// Status, name in the document, what it means, an example's code and message.
const REFUSALS: [(&str, &str, &str, &str, &str); 6] = [
    (
        "400",
        "BadRequest",
        "Invalid request, query parameter or state",
        "VALIDATION_ERROR",
        "limit must be an integer from 1",
    ),
    (
        "401",
        "Unauthorized",
        "Missing or invalid token",
        "UNAUTHORIZED",
        "Missing or invalid authentication",
    ),
    (
        "403",
        "Forbidden",
        "Insufficient permissions",
        "FORBIDDEN",
        "the role viewer may not do this",
    ),
    (
        "404",
        "NotFound",
        "Resource not found, or it belongs to another organisation",
        "CALL_NOT_FOUND",
        "Call not found",
    ),
    ("429", "TooManyRequests", "Rate limit exceeded", "RATE_LIMIT_EXCEEDED", "Too many requests"),
    ("500", "InternalError", "Internal server error", "INTERNAL_ERROR", "Internal server error"),
];

/// Each header, its name among the components, what it means, its schema.
const HEADERS: [(&str, &str, &str, i64); 4] = [
    ("X-RateLimit-Limit", "RateLimitLimit", "Requests allowed in the window of the bucket", 0),
    ("X-RateLimit-Remaining", "RateLimitRemaining", "Requests left in the window", 0),
    ("X-RateLimit-Reset", "RateLimitReset", "When the window ends, Unix seconds", 0),
    ("Retry-After", "RetryAfter", "Seconds to wait", 1),
];

/// The component that a refusal of this status is.
pub(super) fn named(status: &str) -> Option<&'static str> {
    REFUSALS.iter().find(|(known, ..)| *known == status).map(|(_, name, ..)| *name)
}

/// The headers of every answer.
pub(super) fn rate_limit() -> Value {
    let common = HEADERS.iter().take(3);
    let headers = common.map(|(header, name, ..)| ((*header).to_owned(), reference(name)));
    Value::Object(headers.collect())
}

fn reference(name: &str) -> Value {
    json!({"$ref": format!("#/components/headers/{name}")})
}

/// `components.headers`.
pub(super) fn headers() -> Value {
    let headers = HEADERS.iter().map(|(_, name, description, minimum)| {
        let schema = json!({"type": "integer", "minimum": minimum});
        ((*name).to_owned(), json!({"description": description, "schema": schema}))
    });
    Value::Object(headers.collect())
}

/// `components.responses`.
pub(super) fn responses() -> Value {
    let mut responses = Map::new();
    for (status, name, description, code, message) in REFUSALS {
        let mut headers = rate_limit();
        if status == "429" {
            headers["Retry-After"] = reference("RetryAfter");
        }
        let example = json!({"error": {"code": code, "message": message, "details": {}}});
        let body = json!({
            "schema": {"$ref": "#/components/schemas/ErrorResponse"}, "example": example,
        });
        let response = json!({
            "description": description, "headers": headers,
            "content": {"application/json": body},
        });
        responses.insert(name.to_owned(), response);
    }
    Value::Object(responses)
}
