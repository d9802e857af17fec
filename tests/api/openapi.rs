//! The document that the server gives of itself: it agrees with the contract, and with the server.

use std::collections::BTreeSet;

use reqwest::Method;
use serde_json::{Map, Value, json};
use tandem::domain::Role;

use crate::{
    contract,
    stage::{Engine, Stage},
};

/// Operations of the contract that are not built yet. Empty when all are.
const YET_TO_COME: &[&str] = &[];

async fn served(stage: &Stage) -> Value {
    let answer = stage.stranger().get("/api/v1/openapi.json").await;
    assert_eq!(answer.headers["content-type"], "application/json");
    answer.ok(200).clone()
}

/// Method, path and description of each operation.
fn operations(document: &Value) -> impl Iterator<Item = (&str, &str, &Value)> {
    let paths = document["paths"].as_object().expect("paths").iter();
    paths.flat_map(|(path, item)| {
        let item = item.as_object().expect("operations").iter();
        item.map(|(method, operation)| (method.as_str(), path.as_str(), operation))
    })
}

/// What a reference refers to, with what stands beside it.
fn resolved(document: &Value, part: &Value) -> Value {
    let Some(reference) = part["$ref"].as_str() else { return part.clone() };
    let target = document.pointer(reference.trim_start_matches('#'));
    let target = target.unwrap_or_else(|| panic!("{reference} is nowhere"));
    let mut whole = resolved(document, target);
    for (key, value) in part.as_object().into_iter().flatten().filter(|(key, _)| *key != "$ref") {
        whole[key] = value.clone();
    }
    whole
}

/// A schema without references and without words for people.
fn meant(document: &Value, schema: &Value) -> Value {
    let Value::Object(schema) = resolved(document, schema) else { return schema.clone() };
    let mut plain = Map::new();
    for (key, value) in schema {
        let words = ["description", "example", "examples", "title", "deprecated"];
        if words.contains(&key.as_str()) || key.starts_with("x-") {
            continue;
        }
        let value = match key.as_str() {
            "properties" => {
                let fields = value.as_object().expect("fields").iter();
                fields.map(|(name, field)| (name.clone(), meant(document, field))).collect()
            }
            "required" | "enum" | "type" if value.is_array() => {
                let mut items = value.as_array().expect("items").clone();
                items.sort_by_key(Value::to_string);
                if items.is_empty() {
                    continue;
                }
                Value::Array(items)
            }
            "allOf" | "oneOf" | "anyOf" => {
                let parts = value.as_array().expect("schemas").iter();
                parts.map(|part| meant(document, part)).collect()
            }
            "default" | "const" => value,
            _ => meant(document, &value),
        };
        plain.insert(key, value);
    }
    Value::Object(plain)
}

/// Where two values differ.
fn differences(place: &str, ours: &Value, contract: &Value, found: &mut Vec<String>) {
    match (ours, contract) {
        (Value::Object(a), Value::Object(b)) => {
            for key in a.keys().chain(b.keys()).collect::<BTreeSet<_>>() {
                let missing = Value::String("(nothing)".into());
                let (a, b) = (a.get(key).unwrap_or(&missing), b.get(key).unwrap_or(&missing));
                differences(&format!("{place}/{key}"), a, b, found);
            }
        }
        _ if ours != contract => found.push(format!("{place}: {ours}, in the contract {contract}")),
        _ => {}
    }
}

fn parameters(document: &Value, operation: &Value) -> Value {
    let parameters = operation["parameters"].as_array().into_iter().flatten();
    let parameters = parameters.map(|parameter| {
        let parameter = resolved(document, parameter);
        let name = format!("{} {}", parameter["in"], parameter["name"]).replace('"', "");
        let required = parameter["required"].as_bool().unwrap_or(false);
        let schema = meant(document, &parameter["schema"]);
        (name, json!({"required": required, "schema": schema}))
    });
    Value::Object(parameters.collect())
}

fn content(document: &Value, body: &Value) -> Value {
    let types = body["content"].as_object().into_iter().flatten();
    let types = types.map(|(name, body)| (name.clone(), meant(document, &body["schema"])));
    Value::Object(types.collect())
}

/// All that clients rely on.
fn promise(document: &Value, operation: &Value) -> Value {
    let request = resolved(document, &operation["requestBody"]);
    let responses = operation["responses"].as_object().expect("responses").iter();
    let responses = responses.map(|(status, response)| {
        let response = resolved(document, response);
        let headers = response["headers"].as_object();
        let headers: BTreeSet<&String> =
            headers.into_iter().flatten().map(|(name, _)| name).collect();
        let body = content(document, &response);
        (status.clone(), json!({"headers": headers, "content": body}))
    });
    json!({
        "operationId": operation["operationId"],
        "tags": operation["tags"],
        "x-roles": operation["x-roles"],
        "x-rate-limit": operation["x-rate-limit"],
        "security": operation["security"],
        "parameters": parameters(document, operation),
        "required body": request["required"].as_bool().unwrap_or(false),
        "body": content(document, &request),
        "responses": Value::Object(responses.collect()),
    })
}

#[tokio::test]
async fn the_document_agrees_with_the_contract() {
    let stage = Stage::open(Engine::Sqlite).await.expect("SQLite is built in");
    let (ours, contract) = (served(&stage).await, contract::document());
    let mut found = Vec::new();
    for (method, path, promised) in operations(contract) {
        let id = promised["operationId"].as_str().expect("an id");
        match &ours["paths"][path][method] {
            Value::Null if YET_TO_COME.contains(&id) => {}
            Value::Null => found.push(format!("{id}: {method} {path} is missing")),
            operation => {
                let (a, b) = (promise(&ours, operation), promise(contract, promised));
                differences(id, &a, &b, &mut found);
            }
        }
    }
    for (method, path, operation) in operations(&ours) {
        if contract["paths"][path][method].is_null() {
            found.push(format!("{}: {method} {path} is in no contract", operation["operationId"]));
        }
    }
    for part in ["securitySchemes", "security"] {
        let a = ours.get(part).unwrap_or(&ours["components"][part]);
        let b = contract.get(part).unwrap_or(&contract["components"][part]);
        differences(part, &meant(&ours, a), &meant(contract, b), &mut found);
    }
    assert!(found.is_empty(), "{} differences:\n{}", found.len(), found.join("\n"));
}

/// A path with identifiers of nothing.
fn filled(path: &str) -> String {
    let parts = path.split('/').map(|part| match part {
        "{note_id}" | "{entry_id}" | "{id}" => "4711",
        _ if part.starts_with('{') => "0190b3a0-0000-7000-8000-000000000000",
        _ => part,
    });
    parts.collect::<Vec<_>>().join("/")
}

/// Every operation refuses exactly the roles that the document refuses, and everybody without a token.
#[tokio::test]
async fn the_document_says_who_may_and_the_server_keeps_to_it() {
    let stage = Stage::open(Engine::Sqlite).await.expect("SQLite is built in");
    let document = served(&stage).await;
    let mut clients = Vec::new();
    for role in Role::ALL {
        clients.push((role, stage.client(role).await));
    }
    for (method, path, operation) in operations(&document) {
        let verb: Method = method.to_uppercase().parse().expect("a method");
        let (path, roles) = (filled(path), &operation["x-roles"]);
        let status = stage.stranger().ask(verb.clone(), &path, None).await.status;
        if roles == "public" {
            assert_eq!(status, 400, "{method} {path} is public, and needs a body");
            continue;
        }
        assert_eq!(status, 401, "{method} {path} without a token");
        for (role, client) in &clients {
            let may =
                roles == "any" || roles.as_array().expect("roles").contains(&json!(role.name()));
            let answer = client.ask(verb.clone(), &path, None).await;
            assert_ne!(answer.status, 401, "{method} {path}");
            assert_eq!(answer.status != 403, may, "{method} {path} as {role:?}: {}", answer.json);
        }
    }
}

/// Every example fits the schema that it stands beside, and none is left of an operation long gone.
#[tokio::test]
async fn examples_fit_their_schemas() {
    let stage = Stage::open(Engine::Sqlite).await.expect("SQLite is built in");
    let document = served(&stage).await;
    let mut examples = 0;
    for (_, _, operation) in operations(&document) {
        let request = resolved(&document, &operation["requestBody"]);
        let responses = operation["responses"].as_object().expect("responses").values();
        let bodies = responses.map(|response| resolved(&document, response)).chain([request]);
        for body in bodies.flat_map(|body| body["content"].as_object().cloned().unwrap_or_default())
        {
            let (schema, example) = (&body.1["schema"], &body.1["example"]);
            if example.is_null() {
                continue;
            }
            let mut whole = schema.clone();
            whole["components"] = document["components"].clone();
            let validator = jsonschema::options().build(&whole).expect("the schema compiles");
            let faults: Vec<_> = validator.iter_errors(example).map(|e| e.to_string()).collect();
            assert!(faults.is_empty(), "{}: {example}: {faults:?}", operation["operationId"]);
            examples += 1;
        }
    }
    assert!(examples >= 9, "only {examples} examples");
}

/// The page needs nothing from elsewhere, and lets no other script run.
#[tokio::test]
async fn the_page_stands_alone() {
    let stage = Stage::open(Engine::Sqlite).await.expect("SQLite is built in");
    let answer = stage.stranger().get("/docs").await;
    assert_eq!(answer.status, 200);
    assert!(answer.headers["content-type"].to_str().expect("text").starts_with("text/html"));
    let policy = answer.headers["content-security-policy"].to_str().expect("text");
    assert!(policy.starts_with("default-src 'none'; script-src 'sha256-"), "{policy}");
    assert!(!policy.contains("unsafe"), "{policy}");
    let page = std::str::from_utf8(&answer.bytes).expect("UTF-8");
    assert!(page.contains("/api/v1/openapi.json"));
    for outside in ["src=", "innerHTML", " style=", "@import", "//cdn"] {
        assert!(!page.contains(outside), "{outside}");
    }
}
