//! Every setting of turn-taking stands in the documentation.

const DOCUMENT: &str = include_str!("../../../docs/turn-taking.md");

#[test]
fn every_setting_is_documented() {
    let settings = serde_json::to_value(turn::Policy::default()).expect("settings can be written");
    let mut missing = Vec::new();
    look(&settings, "", &mut missing);
    assert!(missing.is_empty(), "not in docs/turn-taking.md: {missing:?}");
}

fn look(settings: &serde_json::Value, path: &str, missing: &mut Vec<String>) {
    match settings {
        serde_json::Value::Object(fields) => {
            for (name, value) in fields {
                let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                look(value, &path, missing);
            }
        }
        _ if !DOCUMENT.contains(&format!("`{path}`")) => missing.push(path.to_owned()),
        _ => {}
    }
}

#[test]
fn every_scenario_that_is_named_exists() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/scenarios");
    let sources: String = std::fs::read_dir(folder)
        .expect("the scenarios are here")
        .map(|file| std::fs::read_to_string(file.expect("a file").path()).expect("a text"))
        .collect();
    let complaints = include_str!("../../../docs/complaints.md");
    let names: Vec<&str> = complaints
        .lines()
        .filter(|line| line.starts_with("| "))
        .flat_map(|line| line.split('`').skip(1).step_by(2))
        .collect();
    assert!(names.len() >= 30, "{}", names.len());
    for name in names {
        assert!(sources.contains(&format!("fn {name}()")), "no scenario {name}");
    }
}
