//! Other settings to replay a call with, as they are given on the command line: paths into the
//! settings file's `[turn]` table and into the agent's script, with values.

use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;
use turn::{Policy, Script};

/// The name of the settings that were given without one.
const UNNAMED: &str = "other";

/// Changes to a call's settings, under a name.
#[derive(Clone, Debug, Serialize)]
pub struct Settings {
    pub name: String,
    pub changes: Vec<Change>,
}

/// One change.
#[derive(Clone, Debug, Serialize)]
pub struct Change {
    /// As in `turn.end_of_turn.even` or `script.greeting`.
    pub path: String,
    pub value: String,
}

/// Why settings cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum BadSetting {
    #[error("{0:?} is not PATH=VALUE, as in turn.end_of_turn.even=800")]
    Shape(String),
    #[error("there is no setting {path}{}", likely(.near))]
    Unknown { path: String, near: Vec<String> },
    #[error("{path} is a group of settings: {}", .holds.join(", "))]
    Group { path: String, holds: Vec<String> },
    #[error("{path} cannot be {value:?}: it is {wanted}, {present} in this call")]
    Type { path: String, value: String, wanted: &'static str, present: String },
    #[error("{path} cannot be {value:?}: {source}")]
    Value { path: String, value: String, source: serde_json::Error },
}

fn likely(names: &[String]) -> String {
    match names.is_empty() {
        true => String::new(),
        false => format!("; near it are {}", names.join(", ")),
    }
}

/// Reads `PATH=VALUE` and `NAME:PATH=VALUE`; those of one name belong together.
///
/// # Errors
/// [`BadSetting::Shape`].
pub fn parse(given: &[String]) -> Result<Vec<Settings>, BadSetting> {
    let mut all: Vec<Settings> = Vec::new();
    for text in given {
        let shape = || BadSetting::Shape(text.clone());
        let (path, value) = text.split_once('=').ok_or_else(shape)?;
        let (name, path) = path.split_once(':').unwrap_or((UNNAMED, path));
        let (name, path) = (name.trim(), path.trim());
        if name.is_empty() || path.is_empty() {
            return Err(shape());
        }
        let change = Change { path: path.to_owned(), value: value.trim().to_owned() };
        match all.iter_mut().find(|settings| settings.name == name) {
            Some(settings) => settings.changes.push(change),
            None => all.push(Settings { name: name.to_owned(), changes: vec![change] }),
        }
    }
    Ok(all)
}

impl Settings {
    /// A call's settings with these changes.
    ///
    /// # Errors
    /// [`BadSetting`]: there is no such setting, or its value is of another kind.
    pub fn apply(&self, policy: &Policy, script: &Script) -> Result<(Policy, Script), BadSetting> {
        let (mut policy, mut script) = (policy.clone(), script.clone());
        for change in &self.changes {
            let Change { path, value } = change;
            match path.split_once('.') {
                Some(("turn", within)) => policy = changed(&policy, "turn", within, value)?,
                Some(("script", within)) => script = changed(&script, "script", within, value)?,
                _ => {
                    let mut known = leaves(&policy, "turn");
                    known.extend(leaves(&script, "script"));
                    return Err(BadSetting::Unknown {
                        path: path.clone(),
                        near: nearest(path, known),
                    });
                }
            }
        }
        Ok((policy, script))
    }
}

/// The settings with one changed. They are changed as they are written in a file, so that whatever
/// can be set there can be set here.
fn changed<T: Serialize + DeserializeOwned>(
    settings: &T,
    root: &str,
    within: &str,
    text: &str,
) -> Result<T, BadSetting> {
    let path = || format!("{root}.{within}");
    let bad = |source| BadSetting::Value { path: path(), value: text.to_owned(), source };
    let mut tree = serde_json::to_value(settings).map_err(bad)?;
    let mut place = &mut tree;
    for step in within.split('.') {
        let next = match place {
            Value::Object(fields) => fields.get_mut(step),
            Value::Array(items) => step.parse().ok().and_then(|index: usize| items.get_mut(index)),
            _ => None,
        };
        place = next.ok_or_else(|| BadSetting::Unknown {
            path: path(),
            near: nearest(&path(), leaves(settings, root)),
        })?;
    }
    if let Value::Object(fields) = place {
        return Err(BadSetting::Group { path: path(), holds: fields.keys().cloned().collect() });
    }
    let wrong = |wanted| BadSetting::Type {
        path: path(),
        value: text.to_owned(),
        wanted,
        present: shown(place),
    };
    let given = match place {
        Value::String(_) => Value::String(text.to_owned()),
        Value::Bool(_) => Value::Bool(text.parse().map_err(|_| wrong("true or false"))?),
        Value::Number(_) => match serde_json::from_str(text) {
            Ok(number @ Value::Number(_)) => number,
            _ => return Err(wrong("a number")),
        },
        Value::Array(_) => match serde_json::from_str(text) {
            Ok(list @ Value::Array(_)) => list,
            _ => return Err(wrong("a list, as in [\"one\", \"two\"]")),
        },
        // It may be left unset: what it is otherwise is known to whoever reads it.
        _ => serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.to_owned())),
    };
    *place = given;
    // What only its reader knows: a whole number, a word that is a choice, a key of the telephone.
    serde_json::from_value(tree).map_err(bad)
}

fn shown(value: &Value) -> String {
    match value {
        Value::Null => "unset".to_owned(),
        value => value.to_string(),
    }
}

/// The paths of all settings.
fn leaves(settings: &impl Serialize, root: &str) -> Vec<String> {
    fn collect(value: &Value, path: &str, paths: &mut Vec<String>) {
        match value {
            Value::Object(fields) => {
                for (name, value) in fields {
                    collect(value, &format!("{path}.{name}"), paths);
                }
            }
            _ => paths.push(path.to_owned()),
        }
    }
    let mut paths = Vec::new();
    if let Ok(tree) = serde_json::to_value(settings) {
        collect(&tree, root, &mut paths);
    }
    paths
}

/// The few paths that were most likely meant.
fn nearest(path: &str, known: Vec<String>) -> Vec<String> {
    const SHOWN: usize = 4;
    let last = |path: &str| path.rsplit('.').next().unwrap_or_default().to_owned();
    let mut ranked: Vec<(usize, String)> = known
        .into_iter()
        .map(|known| {
            // The right name in the wrong place is near, too.
            let by_name = distance(&last(path), &last(&known)) + 1;
            (distance(path, &known).min(by_name), known)
        })
        .collect();
    ranked.sort();
    let far = path.len() / 2 + 1;
    ranked
        .into_iter()
        .take(SHOWN)
        .filter(|(far_by, _)| *far_by <= far)
        .map(|(_, path)| path)
        .collect()
}

/// How many letters must be changed, added or left out (Levenshtein).
fn distance(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().collect();
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (place, letter) in from.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = place + 1;
        for (column, other) in to.iter().enumerate() {
            let substituted = diagonal + usize::from(letter != *other);
            diagonal = row[column + 1];
            row[column + 1] = substituted.min(row[column] + 1).min(diagonal + 1);
        }
    }
    row[to.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn applied(given: &[&str]) -> Result<(Policy, Script), BadSetting> {
        let given: Vec<String> = given.iter().map(|text| (*text).to_owned()).collect();
        parse(&given)?[0].apply(&Policy::default(), &Script::default())
    }

    #[test]
    fn any_setting_of_the_file_can_be_changed() {
        let (policy, script) = applied(&[
            "turn.end_of_turn.even=800",
            "turn.barge_in.allowed=false",
            "turn.barge_in.keywords=[\"halt\"]",
            "turn.keys.length=4",
            "turn.idle.prompt=Hello?",
            "script.greeting=Good day = hello.",
        ])
        .unwrap();
        assert_eq!(policy.end_of_turn.even.as_millis(), 800);
        assert!(!policy.barge_in.allowed);
        assert_eq!(policy.barge_in.keywords, ["halt"]);
        assert_eq!(policy.keys.length, Some(4));
        assert_eq!(policy.idle.prompt, "Hello?");
        assert_eq!(script.greeting, "Good day = hello.");
    }

    #[test]
    fn what_is_wrong_is_said_with_what_was_likely_meant() {
        for (given, said) in [
            ("turn.end_of_turn.shortist=400", "turn.end_of_turn.shortest"),
            ("turn.settle_within=400", "turn.end_of_turn.settle_within"),
            ("patience.filler_after=400", "turn.patience.filler_after"),
            ("script.greting=Hi", "script.greeting"),
            ("turn.end_of_turn=400", "a group of settings"),
            ("turn.barge_in.allowed=maybe", "true or false"),
            ("turn.end_of_turn.even=soon", "it is a number, 1000 in this call"),
            ("turn.end_of_turn.even=-4", "-4"),
            ("turn.keys.terminator=x", "a key is one of"),
            ("turn.barge_in.onset=shout", "shout"),
            ("turn", "PATH=VALUE"),
            (":turn.x=1", "PATH=VALUE"),
        ] {
            let error = applied(&[given]).unwrap_err().to_string();
            assert!(error.contains(said), "{given}: {error}");
        }
    }

    #[test]
    fn settings_of_one_name_belong_together() {
        let given = ["a:turn.tool_rounds=1", "turn.tool_rounds=2", "a:turn.remembered=3"];
        let all = parse(&given.map(str::to_owned)).unwrap();
        let names: Vec<(&str, usize)> =
            all.iter().map(|one| (one.name.as_str(), one.changes.len())).collect();
        assert_eq!(names, [("a", 2), ("other", 1)]);
    }
}
