//! Schemas, said as this dialect means them: a field that may be left out is never null, numbers have
//! no machine's width, answers have no fields but those described.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

/// Rewrites every schema and parameter below `value`.
pub(super) fn plain(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(plain),
        Value::Object(object) => {
            simplify(object);
            for (key, part) in object.iter_mut() {
                if !matches!(key.as_str(), "example" | "examples" | "default" | "enum" | "const") {
                    plain(part);
                }
            }
        }
        _ => {}
    }
}

fn simplify(object: &mut Map<String, Value>) {
    // What the field of a named type is given beside its type.
    if let Some(Value::Array(parts)) = object.get_mut("allOf") {
        let bare = |part: &Value| {
            let part = part.as_object();
            part.is_some_and(|part| part.keys().all(|key| key == "type" || key == "description"))
        };
        let (beside, meant): (Vec<_>, Vec<_>) = std::mem::take(parts).into_iter().partition(bare);
        match &meant[..] {
            [Value::Object(one)] => {
                let about = beside.iter().find_map(|part| part.get("description")).cloned();
                let one = one.clone();
                object.remove("allOf");
                object.extend(about.map(|about| ("description".to_owned(), about)));
                object.extend(one);
            }
            _ => *parts = [beside, meant].concat(),
        }
    }
    // A type that says its own words is given the names of its variants.
    if let Some(Value::Array(words)) = object.get_mut("enum") {
        for word in words {
            if let Some(variant) = word.as_str() {
                *word = Value::String(snake_case(variant));
            }
        }
    }
    if let Some(Value::Object(body)) = object.get_mut("requestBody") {
        let bodies = body.get_mut("content").and_then(Value::as_object_mut);
        for body in bodies.into_iter().flat_map(Map::values_mut) {
            if let Some(schema) = body.get_mut("schema") {
                never_null(schema);
            }
        }
    }
    // A file is said by its kind alone.
    if let Some(file) = object.get_mut("application/pdf") {
        file["schema"] = json!({"type": "string", "format": "binary"});
    }
    let width = ["int32", "int64", "float", "double"];
    if object.get("format").and_then(Value::as_str).is_some_and(|format| width.contains(&format)) {
        object.remove("format");
    }
    if object.get("additionalProperties") == Some(&json!({})) {
        object.insert("additionalProperties".to_owned(), json!(true));
        object.remove("propertyNames");
    }
    if object.get("in").is_some_and(Value::is_string) {
        if let Some(schema) = object.get_mut("schema") {
            never_null(schema);
        }
        if object.get("required") == Some(&json!(false)) {
            object.remove("required");
        }
    }
    let required: Vec<String> = match object.get("required") {
        Some(Value::Array(names)) => {
            names.iter().filter_map(|name| name.as_str().map(str::to_owned)).collect()
        }
        _ => Vec::new(),
    };
    if let Some(Value::Object(properties)) = object.get_mut("properties") {
        for (name, property) in properties {
            if !required.contains(name) {
                never_null(property);
            }
        }
    }
}

fn snake_case(name: &str) -> String {
    let mut snake = String::new();
    for (at, letter) in name.char_indices() {
        if letter.is_ascii_uppercase() && at > 0 {
            snake.push('_');
        }
        snake.push(letter.to_ascii_lowercase());
    }
    snake
}

/// Lays `patch` over a value: members of objects one by one, a schema with a type of its own whole.
/// What is not there is not made.
pub(super) fn overlay(value: &mut Value, patch: &Value) {
    let (Value::Object(value), Value::Object(patch)) = (value, patch) else { return };
    for (key, patch) in patch {
        let replaces = !patch.is_object() || patch.get("type").is_some();
        match value.get_mut(key) {
            Some(inner) if !replaces => overlay(inner, patch),
            Some(inner) => *inner = patch.clone(),
            None if patch.is_boolean() => {
                value.insert(key.clone(), patch.clone());
            }
            None => {}
        }
    }
}

/// What may be left out is left out where it has no value.
fn never_null(schema: &mut Value) {
    let Some(object) = schema.as_object_mut() else { return };
    if let Some(Value::Array(types)) = object.get_mut("type") {
        types.retain(|one| one != "null");
        if let [one] = &types[..] {
            let one = one.clone();
            object.insert("type".to_owned(), one);
        }
    }
    for choice in ["oneOf", "anyOf"] {
        let Some(Value::Array(choices)) = object.get_mut(choice) else { continue };
        choices.retain(|one| one != &json!({"type": "null"}));
        if let [Value::Object(one)] = &choices[..] {
            let one = one.clone();
            object.remove(choice);
            object.extend(one);
        }
    }
}

/// Closes every object that answers are made of: what is not described is not sent. Requests stay
/// open: what is not known is ignored.
pub(super) fn close_answers(document: &mut Value) {
    let mut named = BTreeSet::new();
    for item in members(document, "paths") {
        for operation in item.as_object_mut().into_iter().flat_map(Map::values_mut) {
            for response in members(operation, "responses") {
                for body in members(response, "content") {
                    if let Some(schema) = body.get_mut("schema") {
                        close(schema, &mut named);
                    }
                }
            }
        }
    }
    named.insert("ErrorResponse".to_owned());
    let mut done = BTreeSet::new();
    while let Some(name) = named.pop_first() {
        let schema = document.pointer_mut(&format!("/components/schemas/{name}"));
        if let Some(schema) = schema.filter(|_| done.insert(name)) {
            close(schema, &mut named);
        }
    }
}

/// The values of an object's member; none where there is no such member. (Indexing would make it.)
fn members<'a>(value: &'a mut Value, name: &str) -> impl Iterator<Item = &'a mut Value> {
    let member = value.get_mut(name).and_then(Value::as_object_mut);
    member.into_iter().flat_map(Map::values_mut)
}

/// Closes this schema and what is inside it; the schemas that it refers to are named.
fn close(schema: &mut Value, named: &mut BTreeSet<String>) {
    let Some(object) = schema.as_object_mut() else { return };
    if let Some(reference) = object.get("$ref").and_then(Value::as_str) {
        named.extend(reference.strip_prefix("#/components/schemas/").map(str::to_owned));
    }
    if object.contains_key("properties") && !object.contains_key("additionalProperties") {
        object.insert("additionalProperties".to_owned(), json!(false));
    }
    if let Some(Value::Object(properties)) = object.get_mut("properties") {
        properties.values_mut().for_each(|property| close(property, named));
    }
    for key in ["items", "additionalProperties"] {
        if let Some(inner) = object.get_mut(key) {
            close(inner, named);
        }
    }
    for key in ["oneOf", "anyOf", "allOf"] {
        for inner in object.get_mut(key).and_then(Value::as_array_mut).into_iter().flatten() {
            close(inner, named);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_be_left_out_is_never_null_and_what_must_be_there_may_be() {
        let mut schema = json!({
            "type": "object", "required": ["error"],
            "properties": {
                "error": {"type": ["string", "null"]},
                "count": {"type": ["integer", "null"], "format": "int64"},
                "label": {"oneOf": [{"type": "null"}, {"$ref": "#/components/schemas/Label"}]},
                "metadata": {"type": "object", "additionalProperties": {},
                             "propertyNames": {"type": "string"}},
            },
        });
        plain(&mut schema);
        assert_eq!(
            schema["properties"],
            json!({
                "error": {"type": ["string", "null"]},
                "count": {"type": "integer"},
                "label": {"$ref": "#/components/schemas/Label"},
                "metadata": {"type": "object", "additionalProperties": true},
            })
        );
    }

    #[test]
    fn answers_are_closed_to_their_depth_and_requests_are_not() {
        let of = |name: &str| json!({"$ref": format!("#/components/schemas/{name}")});
        let object = |inner: Value| json!({"type": "object", "properties": {"inner": inner}});
        let mut document = json!({
            "paths": {"/a": {"post": {
                "requestBody": {"content": {"application/json": {"schema": of("Asked")}}},
                "responses": {"404": of("Refused"), "200": {"content": {"application/json": {
                    "schema": object(json!({"type": "array", "items": of("Answer")})),
                }}}},
            }}},
            "components": {"schemas": {
                "Asked": object(json!({})),
                "Answer": object(of("Deep")),
                "Deep": object(json!({"type": "object", "additionalProperties": true})),
            }},
        });
        close_answers(&mut document);
        assert_eq!(document["paths"]["/a"]["post"]["responses"]["404"], of("Refused"));
        let schemas = &document["components"]["schemas"];
        assert_eq!(schemas["Asked"].get("additionalProperties"), None);
        assert_eq!(schemas["Answer"]["additionalProperties"], false);
        assert_eq!(schemas["Deep"]["additionalProperties"], false);
        let free = &schemas["Deep"]["properties"]["inner"]["additionalProperties"];
        assert_eq!(free, true, "an object of the client's own stays free");
    }
}
