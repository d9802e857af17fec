//! The document that describes this dialect: generated from the handlers, and completed here with
//! what holds for every operation (who may, how often, what every refusal looks like).
//!
//! What is added is of the dialect, not of an operation: an operation is described where its handler
//! is. The few things that `utoipa` cannot say are in [`patch`].

use axum::{
    http::header,
    response::{IntoResponse, Response},
};
use serde_json::{Map, Value, json};
use utoipa::openapi::OpenApi;

use super::own_page::OwnPage;
use crate::domain::{Right, Role};

mod refusals;
mod schema;

/// What the operations are about, in the order of a supervisor's day.
const TAGS: [(&str, &str); 8] = [
    ("Auth", "Signing in, and passwords"),
    ("Setup", "The first steps of an organisation"),
    ("Calls", "Calls, past and running: read, begun, steered, handed over, ended"),
    ("Analytics", "Statistics and reports"),
    ("Config", "Business configurations: what an agent on the telephone knows and does"),
    ("Knowledge", "Documents and answers that agents on the telephone look up"),
    ("Agents", "People who take over calls"),
    ("Notifications", "What a user is to know"),
];

const ABOUT: &str = "\
Operations for supervisors' dashboards and for the AI caller.

- Bodies are JSON in snake_case, without an envelope. A field without a value is left out. Unknown \
fields of a request are ignored.
- Refusals have one shape: `{\"error\": {\"code\", \"message\", \"details\"}}`. They are looked for in \
this order: token (401), rate limit (429), role (403), input (400), existence (404), state (400).
- Lists have `page` and `limit`; a limit above 100 is taken as 100.
- Times are ISO 8601 in UTC. A bare date as a bound includes that day, in the organisation's time zone.
- Every answer tells the rate limit's state in `X-RateLimit-*`.
- What happens to calls is told live over `/ws/calls` and Socket.IO.";

/// The whole document. `generated`: paths without the mount.
pub(super) fn document(generated: &OpenApi) -> Value {
    let mut document = serde_json::to_value(generated).unwrap_or_default();
    document["openapi"] = json!("3.1.0");
    document["info"] = json!({
        "title": "Tandem, /api/v1",
        "version": env!("CARGO_PKG_VERSION"),
        "description": ABOUT,
        "license": {"name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0"},
    });
    document["servers"] = json!([{"url": "/", "description": "This server; paths are complete"}]);
    document["security"] = json!([{"bearerAuth": []}]);
    document["tags"] = TAGS
        .iter()
        .map(|(name, description)| json!({"name": name, "description": description}))
        .collect();
    schema::plain(&mut document);
    let schemas = &mut document["components"]["schemas"];
    schema::overlay(schemas, &patches()["schemas"]);

    let mut paths = Map::new();
    if let Some(generated) = document["paths"].as_object_mut() {
        for (path, item) in std::mem::take(generated) {
            paths.insert(format!("/api/v1{path}"), item);
        }
    }
    for (path, item) in &mut paths {
        for (method, operation) in item.as_object_mut().into_iter().flatten() {
            complete(method, path, operation);
        }
    }
    document["paths"] = Value::Object(paths);
    let components = &mut document["components"];
    components["securitySchemes"] = json!({
        "bearerAuth": {
            "type": "http", "scheme": "bearer", "bearerFormat": "JWT",
            "description": "The access_token of POST /api/v1/auth/login",
        }
    });
    components["headers"] = refusals::headers();
    components["responses"] = refusals::responses();
    schema::close_answers(&mut document);
    document
}

/// What an operation needs; `None`: no sign-in. Handlers say the same by the type of their context.
fn needs(method: &str, path: &str) -> Option<Right> {
    let noun = path.strip_prefix("/api/v1/").and_then(|rest| rest.split('/').next());
    Some(match (noun.unwrap_or_default(), method) {
        ("auth", _) => return None,
        ("notifications", _) => Right::SignedIn,
        ("analytics", "get") if !path.ends_with("/export") => Right::SeeStatistics,
        ("analytics", _) => Right::Write,
        ("calls", "get") => Right::SeeCalls,
        (_, "get") => Right::SignedIn,
        _ => Right::Write,
    })
}

/// Adds to an operation what holds for all like it.
fn complete(method: &str, path: &str, operation: &mut Value) {
    let needed = needs(method, path);
    let is_public = needed.is_none();
    operation["x-roles"] = match needed {
        None => json!("public"),
        Some(Right::SignedIn) => json!("any"),
        Some(right) => {
            Role::ALL.into_iter().filter(|role| role.may(right)).map(Role::name).collect()
        }
    };
    operation["x-rate-limit"] = json!(match needed {
        None => "public",
        Some(_) if path.starts_with("/api/v1/analytics/") => "analytics",
        Some(_) => "standard",
    });
    if is_public {
        operation["security"] = json!([]);
    } else if let Some(operation) = operation.as_object_mut() {
        operation.remove("security");
    }
    let Some(responses) = operation["responses"].as_object_mut() else { return };
    let always: &[&str] = if is_public { &["429", "500"] } else { &["401", "403", "429", "500"] };
    for status in always {
        responses.entry((*status).to_owned()).or_insert(Value::Null);
    }
    for (status, response) in responses {
        match refusals::named(status) {
            Some(name) => *response = json!({"$ref": format!("#/components/responses/{name}")}),
            None => {
                if response["description"].as_str().unwrap_or_default().is_empty() {
                    response["description"] = json!(match status.as_str() {
                        "201" => "Created",
                        "202" => "Accepted",
                        _ => "OK",
                    });
                }
                response["headers"] = refusals::rate_limit();
                let content = response.get("content").and_then(Value::as_object);
                if content.is_some_and(|content| !content.contains_key("application/json")) {
                    let name =
                        json!({"description": "The file's name", "schema": {"type": "string"}});
                    response["headers"]["Content-Disposition"] = name;
                }
            }
        }
    }
    patch(operation);
}

/// What the macros cannot say.
fn patch(operation: &mut Value) {
    let id = operation["operationId"].as_str().unwrap_or_default().to_owned();
    let parameters = operation.get_mut("parameters").and_then(Value::as_array_mut);
    let known = &patches()["parameters"][&id];
    for parameter in parameters.into_iter().flatten() {
        let name = parameter["name"].as_str().unwrap_or_default();
        match known.get(name) {
            Some(schema) => parameter["schema"] = schema.clone(),
            None => paging(parameter),
        }
    }
    let examples = examples(&id);
    if let Some(description) = examples.get("description") {
        operation["description"] = description.clone();
    }
    if let Some(request) = examples.get("request") {
        operation["requestBody"]["content"]["application/json"]["example"] = request.clone();
    }
    for (status, example) in examples["responses"].as_object().into_iter().flatten() {
        let response = &mut operation["responses"][status];
        if response.get("content").is_some() {
            response["content"]["application/json"]["example"] = example.clone();
        }
    }
    if id == "intervene_in_call" {
        let needs = |action: &str, field: &str| {
            json!({
                "if": {"required": ["action"], "properties": {"action": {"const": action}}},
                "then": {"required": [field]},
            })
        };
        let rules = json!([
            needs("send_message", "message"),
            needs("override_instructions", "instructions")
        ]);
        operation["requestBody"]["content"]["application/json"]["schema"]["allOf"] = rules;
    }
}

/// Pages are alike everywhere; a parameter that says its own bounds keeps them.
fn paging(parameter: &mut Value) {
    if parameter["in"] != "query" || parameter["schema"].get("minimum").is_some() {
        return;
    }
    match parameter["name"].as_str() {
        Some("page") => {
            parameter["schema"] = json!({"type": "integer", "minimum": 1, "default": 1});
        }
        Some("limit") => {
            parameter["description"] = json!("Above 100 the value 100 is used");
            parameter["schema"] = json!({
                "type": "integer", "minimum": 1, "maximum": 100, "default": 50,
                "x-above-maximum": "clamp",
            });
        }
        _ => {}
    }
}

/// Examples of an operation, by its id.
fn examples(operation: &str) -> Value {
    static ALL: std::sync::OnceLock<Value> = std::sync::OnceLock::new();
    let all = ALL.get_or_init(|| {
        serde_json::from_str(include_str!("examples.json")).expect("examples.json is JSON")
    });
    all[operation].clone()
}

/// Schemas of words that handlers check themselves, by operation and by component.
fn patches() -> &'static Value {
    static ALL: std::sync::OnceLock<Value> = std::sync::OnceLock::new();
    ALL.get_or_init(|| {
        serde_json::from_str(include_str!("patches.json")).expect("patches.json is JSON")
    })
}

/// The document, as it is served.
#[derive(Clone, Debug)]
pub(super) struct Served(axum::body::Bytes);

impl Served {
    pub(super) fn new(generated: &OpenApi) -> Self {
        Served(document(generated).to_string().into())
    }

    pub(super) fn answer(&self) -> Response {
        ([(header::CONTENT_TYPE, "application/json")], self.0.clone()).into_response()
    }
}

static PAGE: OwnPage = OwnPage::new(include_str!("page.html"));

/// The page that shows the document: one file, nothing from elsewhere.
pub(super) async fn page() -> Response {
    PAGE.answer()
}
