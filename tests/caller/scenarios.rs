//! The scenarios that are committed can be played: every recording that they name is there.

use std::path::{Path, PathBuf};

use tandem::caller::{Scenario, Step};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/scenarios")
}

#[test]
fn every_committed_scenario_can_be_played() {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder()).unwrap() {
        let path = entry.unwrap().path();
        let scenario = Scenario::read(&path, None).unwrap_or_else(|error| {
            panic!("{}: {error}", path.display());
        });
        assert_eq!(Some(scenario.name.as_str()), path.file_stem().and_then(|name| name.to_str()));
        names.push(scenario.name);
    }
    assert!(names.len() >= 7, "{names:?}");
}

#[test]
fn a_recording_is_found_where_the_caller_says_that_fixtures_are() {
    let path = folder().join("barge-in.toml");
    let fixtures = folder().parent().unwrap().to_owned();
    let scenario = Scenario::read(&path, Some(&fixtures)).unwrap();
    let Step::Say(clip) = &scenario.steps[1] else { panic!("{scenario:?}") };
    // "Hello, what are your opening hours on Friday?"
    assert_eq!(clip.name(), "hours");
    assert!((1_500..6_000).contains(&(clip.length().ms())));
    assert!(clip.voice().unwrap().from.ms() < 300);
    assert!(Scenario::read(&path, Some(&folder())).is_err());
}
