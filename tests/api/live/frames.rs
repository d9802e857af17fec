//! Every frame that is heard is held against the contract.

use std::{
    collections::HashMap,
    sync::{LazyLock, Mutex, PoisonError},
};

use jsonschema::Validator;
use serde_json::{Value, json};

static EVENTS: LazyLock<Value> = LazyLock::new(|| {
    serde_json::from_str(include_str!("../../../fixtures/api/events.json")).expect("the contract")
});

static RESOURCES: LazyLock<Value> = LazyLock::new(|| {
    serde_json::from_str(include_str!("../../../fixtures/api/api-v1.json")).expect("the contract")
});

static VALIDATORS: LazyLock<Mutex<HashMap<String, &'static Validator>>> =
    LazyLock::new(Mutex::default);

/// References into the resources' file become references into this schema.
fn inlined(schema: &Value) -> Value {
    match schema {
        Value::String(text) => match text.strip_prefix("./api-v1.yaml#") {
            Some(place) => json!(format!("#{place}")),
            None => schema.clone(),
        },
        Value::Array(items) => items.iter().map(inlined).collect(),
        Value::Object(fields) => {
            fields.iter().map(|(name, value)| (name.clone(), inlined(value))).collect()
        }
        other => other.clone(),
    }
}

fn validator(message: &str) -> &'static Validator {
    let mut validators = VALIDATORS.lock().unwrap_or_else(PoisonError::into_inner);
    validators.entry(message.to_owned()).or_insert_with(|| {
        let payload = &EVENTS["components"]["messages"][message]["payload"];
        assert!(payload.is_object(), "{message} is in no contract");
        let mut schema = inlined(payload);
        schema["components"] = inlined(&RESOURCES["components"]);
        let options = jsonschema::options().should_validate_formats(true);
        Box::leak(Box::new(options.build(&schema).expect("the schema compiles")))
    })
}

/// Which message of the contract an event is, after the channel's prefix.
fn message_of(prefix: &str, event: &str) -> String {
    match event {
        "error" => "ws_any_error".to_owned(),
        other => format!("{prefix}_{}", other.replace('.', "_")),
    }
}

/// A frame of the raw socket.
///
/// # Panics
/// It is not of the contract, nor one of the documented extensions.
#[track_caller]
pub fn check_frame(frame: &Value) {
    let event = frame["event"].as_str().expect("an event");
    let mut plain = frame.clone();
    // Asked for by this client, beside event and data.
    plain.as_object_mut().expect("an object").remove("sequence");
    if check_extension(event, &frame["data"]) {
        assert_eq!(plain.as_object().expect("an object").len(), 2, "{frame}");
        return;
    }
    let faults: Vec<String> = validator(&message_of("ws", event))
        .iter_errors(&plain)
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect();
    assert!(faults.is_empty(), "{frame}\n{}", faults.join("\n"));
}

/// The payload of a Socket.IO event.
///
/// # Panics
/// It is not of the contract, nor one of the documented extensions.
#[track_caller]
pub fn check_payload(event: &str, data: &Value) {
    if check_extension(event, data) {
        return;
    }
    if event == "error" {
        // The contract has it for the raw socket; here it comes without the frame, as all do.
        check_frame(&json!({"event": event, "data": data}));
        return;
    }
    let validator = validator(&message_of("sio", event));
    let faults: Vec<String> = validator.iter_errors(data).map(|error| error.to_string()).collect();
    assert!(faults.is_empty(), "{event}: {data}\n{}", faults.join("\n"));
}

/// Is it one of docs/events.md's?
#[track_caller]
fn check_extension(event: &str, data: &Value) -> bool {
    match event {
        "interaction.interim" => {
            assert!(data["call_id"].is_string() && data["text"].is_string(), "{data}");
            assert!(data["turn"].is_u64(), "{data}");
        }
        "resync" => {
            assert!(data["lost"].is_u64(), "{data}");
            for call in data["calls"].as_array().expect("calls") {
                assert!(call["call_id"].is_string() && call["sequence"].is_i64(), "{data}");
            }
        }
        _ => return false,
    }
    true
}
