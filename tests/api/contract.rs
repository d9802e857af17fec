//! Every request and every answer of the stories is held against the contract.

use std::{
    collections::HashMap,
    sync::{LazyLock, Mutex},
};

use jsonschema::Validator;
use reqwest::{Method, header::HeaderMap};
use serde_json::{Value, json};

static CONTRACT: LazyLock<Value> = LazyLock::new(|| {
    serde_json::from_str(include_str!("../../fixtures/api/api-v1.json")).expect("the contract")
});

/// Compiled schemas, by their place in the contract.
static VALIDATORS: LazyLock<Mutex<HashMap<String, &'static Validator>>> =
    LazyLock::new(Mutex::default);

/// The contract.
pub fn document() -> &'static Value {
    &CONTRACT
}

/// The path of the contract that this one is of, such as `/api/v1/agents/{agent_id}`.
fn template(path: &str) -> Option<&'static str> {
    let path = path.split('?').next().unwrap_or(path);
    let parts: Vec<&str> = path.split('/').collect();
    let paths = CONTRACT["paths"].as_object().expect("paths");
    let fits = |template: &str| {
        let wanted: Vec<&str> = template.split('/').collect();
        wanted.len() == parts.len()
            && wanted.iter().zip(&parts).all(|(w, p)| w.starts_with('{') || w == p)
    };
    // A fixed word wins over a parameter.
    let mut found: Vec<&'static str> =
        paths.keys().map(String::as_str).filter(|template| fits(template)).collect();
    found.sort_by_key(|template| template.matches('{').count());
    found.first().copied()
}

/// What is wrong with `value` by the schema at this place of the contract.
fn faults(place: &str, schema: &Value, value: &Value) -> Vec<String> {
    let mut validators = VALIDATORS.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let validator = *validators.entry(place.to_owned()).or_insert_with(|| {
        let mut whole = json!({ "components": CONTRACT["components"] });
        for (key, part) in schema.as_object().expect("a schema") {
            whole[key] = part.clone();
        }
        let options = jsonschema::options().should_validate_formats(true);
        Box::leak(Box::new(options.build(&whole).expect("the schema compiles")))
    });
    validator.iter_errors(value).map(|e| format!("{}: {e}", e.instance_path())).collect()
}

/// Holds an exchange against the contract.
///
/// # Panics
/// It does not fit.
#[track_caller]
pub fn check(
    method: &Method,
    path: &str,
    sent: Option<&Value>,
    status: u16,
    headers: &HeaderMap,
    answer: &Value,
) {
    let Some(template) = template(path) else { return };
    let operation = &CONTRACT["paths"][template][method.as_str().to_lowercase()];
    if operation.is_null() {
        assert_eq!(status, 405, "{method} {path} is in no contract");
        return;
    }
    for header in ["x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset"] {
        assert!(headers.contains_key(header), "{method} {path}: {status} without {header}");
    }
    let response = &operation["responses"][status.to_string()];
    assert!(!response.is_null(), "{method} {path}: {status} is in no contract: {answer}");
    let response = match response["$ref"].as_str() {
        None => response,
        Some(reference) => {
            CONTRACT.pointer(reference.trim_start_matches('#')).expect("the reference is there")
        }
    };
    let schema = &response["content"]["application/json"]["schema"];
    if !schema.is_null() {
        let faults = faults(&format!("{method} {template} {status}"), schema, answer);
        assert!(faults.is_empty(), "{method} {path}: {status} {answer}\n{}", faults.join("\n"));
    }
    let schema = &operation["requestBody"]["content"]["application/json"]["schema"];
    if let (Some(sent), false, 200..300) = (sent, schema.is_null(), status) {
        let faults = faults(&format!("{method} {template} request"), schema, sent);
        assert!(faults.is_empty(), "{method} {path} took {sent}\n{}", faults.join("\n"));
    }
}
