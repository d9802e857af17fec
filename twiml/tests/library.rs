//! This crate beside the carrier's own published library for Python: what either signs, the other
//! believes, and the documents are the ones that the library makes. Where the library cannot be installed,
//! that is said; `TANDEM_CLIENTS_REQUIRED` makes it a failure.

use std::{
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use proptest::{
    collection::vec,
    strategy::{Strategy, ValueTree},
    test_runner::TestRunner,
};
use secrecy::SecretString;
use serde_json::{Value, json};
use twiml::{Form, Signer, Validator};

/// The library's version.
const VERSION: &str = "9.13.0";
const TOKEN: &str = "f0b1c2d3e4f5061728394a5b6c7d8e9f";
const REQUESTS: usize = 300;

/// A Python that has the library, in a folder of its own below the build's; none where it cannot be had.
fn python() -> Option<PathBuf> {
    let home = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("twilio-{VERSION}"));
    let python = home.join("bin/python");
    let runs = |program: &Path, arguments: &[&str]| {
        Command::new(program).args(arguments).output().is_ok_and(|output| output.status.success())
    };
    let has_it = || runs(&python, &["-c", "import twilio.request_validator"]);
    let venv = home.display().to_string();
    let package = format!("twilio=={VERSION}");
    let installed = has_it()
        || (runs(Path::new("python3"), &["-m", "venv", &venv])
            && runs(&python, &["-m", "pip", "install", "--quiet", &package])
            && has_it());
    if !installed {
        let required = std::env::var_os("TANDEM_CLIENTS_REQUIRED").is_some();
        assert!(!required, "the library cannot be installed, and clients are required");
        eprintln!("the carrier's library cannot be installed: it is not asked");
    }
    installed.then_some(python)
}

/// What the library says.
fn asked(python: &Path, question: &Value) -> Value {
    let mut library = Command::new(python)
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/library/library.py"))
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("Python runs");
    let mut input = library.stdin.take().expect("it listens");
    input.write_all(question.to_string().as_bytes()).expect("it reads");
    drop(input);
    let output = library.wait_with_output().expect("it ends");
    assert!(output.status.success(), "{}", output.status);
    serde_json::from_slice(&output.stdout).expect("JSON")
}

/// Addresses and forms as a carrier might send them, the same ones each time.
fn drawn() -> Vec<(String, Vec<(String, String)>)> {
    let url = r"https?://[a-z]{1,8}\.example(:[1-9][0-9]{1,3})?(/[a-zA-Z0-9._-]{1,8}){0,3}(\?[a-z]{1,4}=(%20|%2B|[a-z0-9+]){0,6}(&[a-z]{1,4}=[a-z0-9]{0,4})?)?";
    let field = (r"[A-Za-z][A-Za-z0-9_.]{0,6}", r"\PC{0,16}");
    let mut runner = TestRunner::deterministic();
    let request = (url, vec(field, 0..12));
    (0..REQUESTS).map(|_| request.new_tree(&mut runner).expect("one is drawn").current()).collect()
}

#[test]
fn the_carriers_own_library_agrees() {
    let Some(python) = python() else { return };
    let token = SecretString::from(TOKEN);
    let (signer, validator) = (Signer::new(&token), Validator::new([&token]));
    let forms = drawn();
    let mut requests: Vec<Value> = forms
        .iter()
        .map(|(url, fields)| {
            let form: Form = fields.iter().map(|(name, value)| (name, value)).collect();
            json!({"url": url, "fields": fields, "signature": signer.sign_form(url, &form)})
        })
        .collect();
    let body = r#"{"property": "välue", "boolean": true}"#;
    let signed = signer.sign_json("https://voice.example/events?a=b", body.as_bytes());
    requests.push(
        json!({"url": signed.url, "fields": [], "body": body, "signature": signed.signature}),
    );
    let other =
        Signer::new(&SecretString::from("another account's")).sign_get("https://a.example/");
    requests.push(json!({"url": "https://a.example/", "fields": [], "signature": other}));

    let documents = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/documents");
    let said =
        asked(&python, &json!({"documents": documents, "token": TOKEN, "requests": requests}));
    assert_eq!(said["documents"], json!({}), "documents are as the library's own");
    let judged = said["requests"].as_array().expect("a list");
    assert_eq!(judged.len(), requests.len());
    let (stranger, own) = judged.split_last().expect("there are some");
    assert_eq!(stranger["valid"], false, "of another account");
    for (request, verdict) in requests.iter().zip(own) {
        assert_eq!(verdict["valid"], true, "{request}");
    }
    for ((url, fields), verdict) in forms.iter().zip(own) {
        let pairs = || fields.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let form: Form = pairs().collect();
        let signature = verdict["signature"].as_str();
        assert_eq!(validator.validate_form(url, &form, signature), Ok(()), "{url} {fields:?}");
        let changed: Form = pairs().chain([("Extra", "1")]).collect();
        assert!(validator.validate_form(url, &changed, signature).is_err(), "{url}");
    }
}
