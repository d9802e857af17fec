//! What the caller does, step by step, and the TOML file that tells it.
//!
//! ```toml
//! name = "asks, interrupts, hangs up"     # for reports; optional
//! at_most = "2m"                          # hangs up then, whatever happens; 5 minutes unless set
//! network = { jitter = "30ms", loss = 0.01, seed = 7, stalls = [{ at = "5s", for = "300ms" }] }
//! steps = [
//!   "wait_for_agent",                     # it has spoken, and been silent for 700 ms
//!   { say = "question.wav" },             # beside this file; or "fixture:callers/hours"
//!   { tone = { hz = 1000, lasts = "400ms" } },  # as a voicemail's beep
//!   { barge_in = { after = "600ms", say = "no.wav" } },
//!   { wait_for_agent = { silence = "1s", within = "30s" } },
//!   { press = "1" },                      # keys 0-9 * # A-D; w waits half a second
//!   { wait = "500ms" },
//!   { wait_for_silence = "1s" },          # silent already or not, it is so for 1 s
//!   "hang_up",                            # also what follows the last step
//! ]
//! ```
//!
//! Or, last, `{ expect_hang_up = "10s" }`: the other side is to end the call within that time.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use humantime_serde::re::humantime;
use serde::Deserialize;
use toml::Value;

use super::clip::{Clip, ClipError};
use super::network::{BadNetwork, Network};

/// The silence that ends what the agent says, unless a step sets another.
pub const SILENCE: Duration = Duration::from_millis(700);

/// How long a step waits for what it wants, unless it sets another time.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// When a caller hangs up unless the scenario sets another time.
pub const AT_MOST: Duration = Duration::from_secs(300);

const MAX_STEPS: usize = 1_000;
const MAX_FILE: u64 = 1024 * 1024;
const MAX_TIME: Duration = Duration::from_secs(4 * 3600);

/// One thing that the caller does or waits for.
#[derive(Clone, Debug)]
pub enum Step {
    /// Says a recording to its end.
    Say(Arc<Clip>),
    /// Until the agent has begun to speak, and has then been silent.
    WaitForAgent(Wait),
    /// Until the agent is silent, whether or not it has spoken.
    WaitForSilence(Wait),
    /// Some time.
    Wait(Duration),
    /// Speaks over the agent.
    BargeIn {
        /// How long the agent has been audible, since it began this time.
        after: Duration,
        /// What the caller says then.
        say: Arc<Clip>,
        /// How long to wait for the agent to speak so long.
        within: Duration,
    },
    /// Presses keys, a quarter of a second apart; `w` waits for half a second.
    Press(String),
    /// The caller hangs up.
    HangUp,
    /// Until the other side ends the call.
    ExpectHangUp {
        /// It is to do so within this time.
        within: Duration,
    },
}

/// How to wait for the agent to be silent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wait {
    /// So much silence at the caller's ear, with nothing left to be played, is the end.
    pub silence: Duration,
    /// After so long the step has failed.
    pub within: Duration,
}

impl Default for Wait {
    fn default() -> Self {
        Self { silence: SILENCE, within: PATIENCE }
    }
}

/// A whole caller.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// For reports.
    pub name: String,
    /// In this order. After the last the caller hangs up.
    pub steps: Vec<Step>,
    /// The line.
    pub network: Network,
    /// The caller hangs up when the call has lasted so long.
    pub at_most: Duration,
}

/// Why a scenario cannot be played.
#[derive(Debug, thiserror::Error)]
pub enum ScenarioError {
    /// The file cannot be read.
    #[error("cannot read the scenario {path}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Not TOML, or not these settings.
    #[error("the scenario is not as it should be: {0}")]
    Form(#[from] toml::de::Error),
    /// A step that cannot be done.
    #[error("step {number} of the scenario: {why}")]
    Step {
        /// Its place, from 1.
        number: usize,
        /// What is wrong with it.
        why: String,
    },
    /// A recording that cannot be said.
    #[error("step {number} of the scenario: {source}")]
    Clip {
        /// Its place, from 1.
        number: usize,
        /// What is wrong with the recording.
        source: ClipError,
    },
    /// No step, or too many.
    #[error("a scenario has between 1 and {MAX_STEPS} steps, not {0}")]
    Length(usize),
    /// A time that is not permitted.
    #[error("`at_most` is at most four hours")]
    AtMost,
    /// A line that cannot be.
    #[error(transparent)]
    Network(#[from] BadNetwork),
}

/// Where recordings are found by name.
#[derive(Clone, Debug, Default)]
pub struct Library {
    /// Plain names are files from here.
    pub folder: PathBuf,
    /// `fixture:` names are files from here; the nearest `fixtures` folder unless set.
    pub fixtures: Option<PathBuf>,
}

impl Library {
    /// Opens `hours.wav`, or `fixture:callers/hours`.
    ///
    /// # Errors
    /// There is no such recording, or it cannot be read.
    pub fn open(&self, name: &str) -> Result<Arc<Clip>, ClipError> {
        let Some(fixture) = name.strip_prefix("fixture:") else {
            return Clip::read(&self.folder.join(name));
        };
        let missing = || ClipError::NoFixture(fixture.to_owned());
        // A fixture's name is no path: it may not lead out of the folder.
        if fixture.split('/').any(|part| part.is_empty() || part == "..") {
            return Err(missing());
        }
        let folder = self.fixtures.clone().or_else(|| self.nearest_fixtures());
        let folder = folder.ok_or_else(missing)?;
        let path = folder.join(format!("{fixture}.wav"));
        if !path.is_file() {
            return Err(missing());
        }
        Clip::read(&path)
    }

    fn nearest_fixtures(&self) -> Option<PathBuf> {
        let near = |folder: &Path| {
            let folder = folder.canonicalize().ok()?;
            folder.ancestors().map(|up| up.join("fixtures")).find(|path| path.is_dir())
        };
        near(&self.folder).or_else(|| near(Path::new(".")))
    }
}

impl Scenario {
    /// A caller who does these things on a good line.
    #[must_use]
    pub fn new(name: impl Into<String>, steps: Vec<Step>) -> Self {
        Self { name: name.into(), steps, network: Network::default(), at_most: AT_MOST }
    }

    /// A caller who says one recording, hears the answer and hangs up. With `greeted`, the caller
    /// hears the agent's greeting first.
    #[must_use]
    pub fn of_one_recording(clip: Arc<Clip>, greeted: bool) -> Self {
        let wait = || Step::WaitForAgent(Wait::default());
        let mut steps = if greeted { vec![wait()] } else { Vec::new() };
        let name = clip.name().to_owned();
        steps.extend([Step::Say(clip), wait(), Step::HangUp]);
        Self::new(name, steps)
    }

    /// A scenario file, and the recordings beside it. `fixture:` names are looked up in `fixtures`;
    /// without it, in the nearest folder of that name.
    ///
    /// # Errors
    /// The file cannot be read, is no scenario, or names a recording that cannot be read.
    pub fn read(path: &Path, fixtures: Option<&Path>) -> Result<Self, ScenarioError> {
        let unreadable = |source| ScenarioError::Unreadable { path: path.to_owned(), source };
        if std::fs::metadata(path).map_err(unreadable)?.len() > MAX_FILE {
            return Err(unreadable(std::io::ErrorKind::FileTooLarge.into()));
        }
        let text = std::fs::read_to_string(path).map_err(unreadable)?;
        let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
        let folder = parent.unwrap_or_else(|| Path::new(".")).to_owned();
        let library = Library { folder, fixtures: fixtures.map(Path::to_owned) };
        let mut scenario = Self::parse(&text, &library)?;
        if scenario.name.is_empty() {
            scenario.name =
                path.file_stem().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
        }
        Ok(scenario)
    }

    /// A scenario's text.
    ///
    /// # Errors
    /// The text is no scenario, or names a recording that cannot be read.
    pub fn parse(text: &str, library: &Library) -> Result<Self, ScenarioError> {
        let form: Form = toml::from_str(text)?;
        if form.steps.is_empty() || form.steps.len() > MAX_STEPS {
            return Err(ScenarioError::Length(form.steps.len()));
        }
        if form.at_most > MAX_TIME {
            return Err(ScenarioError::AtMost);
        }
        form.network.check()?;
        let steps = form.steps.iter().zip(1..).map(|(value, number)| {
            step(value, library).map_err(|wrong| match wrong {
                Wrong::Form(why) => ScenarioError::Step { number, why },
                Wrong::Clip(source) => ScenarioError::Clip { number, source },
            })
        });
        let steps = steps.collect::<Result<Vec<_>, _>>()?;
        Ok(Self { name: form.name, steps, network: form.network, at_most: form.at_most })
    }
}

impl Step {
    /// In a few words, for reports.
    #[must_use]
    pub fn describe(&self) -> String {
        let time = |duration: &Duration| humantime::format_duration(*duration).to_string();
        match self {
            Self::Say(clip) => format!("say {}", clip.name()),
            Self::WaitForAgent(_) => "wait for the agent".to_owned(),
            Self::WaitForSilence(_) => "wait for silence".to_owned(),
            Self::Wait(duration) => format!("wait {}", time(duration)),
            Self::BargeIn { after, say, .. } => {
                format!("barge in after {} with {}", time(after), say.name())
            }
            // Keys add up to card numbers and PINs.
            Self::Press(keys) => format!("press {} key(s)", keys.len()),
            Self::HangUp => "hang up".to_owned(),
            Self::ExpectHangUp { .. } => "expect the other side to hang up".to_owned(),
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Form {
    #[serde(default)]
    name: String,
    #[serde(default = "at_most", with = "humantime_serde")]
    at_most: Duration,
    #[serde(default)]
    network: Network,
    steps: Vec<Value>,
}

const fn at_most() -> Duration {
    AT_MOST
}

/// What a telephone line carries, Hz.
const TONES: std::ops::RangeInclusive<i64> = 100..=3_900;

enum Wrong {
    Form(String),
    Clip(ClipError),
}

impl From<String> for Wrong {
    fn from(why: String) -> Self {
        Self::Form(why)
    }
}

impl From<ClipError> for Wrong {
    fn from(source: ClipError) -> Self {
        Self::Clip(source)
    }
}

const STEPS: &str = "say, tone, wait, wait_for_agent, wait_for_silence, barge_in, press, hang_up or \
                     expect_hang_up";

fn step(value: &Value, library: &Library) -> Result<Step, Wrong> {
    let yes = Value::Boolean(true);
    let (word, value) = match value {
        Value::String(word) => (word.as_str(), &yes),
        Value::Table(table) if table.len() == 1 => match table.iter().next() {
            Some((word, value)) => (word.as_str(), value),
            None => return Err(format!("a step is one of {STEPS}").into()),
        },
        _ => return Err(format!("a step is one of {STEPS}, and does one thing").into()),
    };
    Ok(match word {
        "say" => Step::Say(library.open(text(word, value)?)?),
        "tone" => {
            let table = fields(word, value, &["hz", "lasts"])?;
            let hz = table.get("hz").and_then(Value::as_integer).filter(|hz| TONES.contains(hz));
            let hz = hz.and_then(|hz| u32::try_from(hz).ok());
            let hz = hz.ok_or_else(|| "`tone` takes `hz` from 100 to 3900".to_owned())?;
            let lasts = table.get("lasts").ok_or_else(|| "`tone` lacks `lasts`".to_owned())?;
            Step::Say(Clip::tone(hz, duration("lasts", lasts)?)?)
        }
        "wait" => Step::Wait(duration(word, value)?),
        "wait_for_agent" => Step::WaitForAgent(wait(word, value)?),
        "wait_for_silence" => Step::WaitForSilence(wait(word, value)?),
        "press" => Step::Press(keys(text(word, value)?)?),
        "hang_up" if value == &yes => Step::HangUp,
        "hang_up" => return Err("`hang_up` takes no value".to_owned().into()),
        "expect_hang_up" => {
            let within = match value {
                Value::Boolean(true) => PATIENCE,
                Value::Table(_) => within(word, &fields(word, value, &["within"])?)?,
                _ => duration(word, value)?,
            };
            Step::ExpectHangUp { within }
        }
        "barge_in" => {
            let table = fields(word, value, &["after", "say", "within"])?;
            let need = |key| table.get(key).ok_or_else(|| format!("`barge_in` lacks `{key}`"));
            Step::BargeIn {
                after: duration("after", need("after")?)?,
                say: library.open(text("say", need("say")?)?)?,
                within: within(word, &table)?,
            }
        }
        _ => return Err(format!("`{word}` is not one of {STEPS}").into()),
    })
}

fn wait(word: &str, value: &Value) -> Result<Wait, String> {
    let default = Wait::default();
    match value {
        Value::Boolean(true) => Ok(default),
        Value::String(_) => Ok(Wait { silence: duration(word, value)?, ..default }),
        _ => {
            let table = fields(word, value, &["silence", "within"])?;
            let silence = match table.get("silence") {
                Some(value) => duration("silence", value)?,
                None => default.silence,
            };
            Ok(Wait { silence, within: within(word, &table)? })
        }
    }
}

fn within(word: &str, table: &toml::Table) -> Result<Duration, String> {
    match table.get("within") {
        Some(value) => duration("within", value).map_err(|why| format!("in `{word}`: {why}")),
        None => Ok(PATIENCE),
    }
}

fn fields(word: &str, value: &Value, known: &[&str]) -> Result<toml::Table, String> {
    let Value::Table(table) = value else {
        return Err(format!("`{word}` takes {{ {} = … }}", known.join(" = …, ")));
    };
    match table.keys().find(|key| !known.contains(&key.as_str())) {
        Some(unknown) => Err(format!("`{word}` has no `{unknown}`, only {}", known.join(", "))),
        None => Ok(table.clone()),
    }
}

fn text<'a>(word: &str, value: &'a Value) -> Result<&'a str, String> {
    value.as_str().ok_or_else(|| format!("`{word}` takes a text"))
}

fn duration(word: &str, value: &Value) -> Result<Duration, String> {
    let duration = humantime::parse_duration(text(word, value)?)
        .map_err(|_| format!("`{word}` takes a time such as \"600ms\" or \"20s\""))?;
    if duration > MAX_TIME {
        return Err(format!("`{word}` is at most four hours"));
    }
    Ok(duration)
}

fn keys(text: &str) -> Result<String, String> {
    let known = |key| matches!(key, '0'..='9' | '*' | '#' | 'A'..='D' | 'w');
    if text.is_empty() || text.len() > 64 || !text.chars().all(known) {
        return Err("`press` takes up to 64 of 0-9 * # A-D, and w to wait".to_owned());
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(steps: &str) -> Result<Scenario, ScenarioError> {
        Scenario::parse(steps, &Library::default())
    }

    #[test]
    fn steps_are_read_in_both_spellings() {
        let scenario = parse(
            r#"
            name = "keys"
            at_most = "90s"
            network = { jitter = "30ms", loss = 0.5, stalls = [{ at = "5s", for = "300ms" }] }
            steps = [
              "wait_for_agent",
              { wait_for_agent = { silence = "1s" } },
              { wait_for_silence = "2s" },
              { wait = "600ms" },
              { press = "12w#" },
              { tone = { hz = 1000, lasts = "400ms" } },
              { expect_hang_up = { within = "3s" } },
              "hang_up",
            ]
            "#,
        )
        .unwrap();
        let said: Vec<String> = scenario.steps.iter().map(Step::describe).collect();
        assert_eq!(
            said,
            [
                "wait for the agent",
                "wait for the agent",
                "wait for silence",
                "wait 600ms",
                "press 4 key(s)",
                "say a tone of 1000 Hz",
                "expect the other side to hang up",
                "hang up"
            ]
        );
        assert!(matches!(scenario.steps[1], Step::WaitForAgent(Wait { silence, within })
            if silence == Duration::from_secs(1) && within == PATIENCE));
        assert_eq!(scenario.at_most, Duration::from_secs(90));
        assert_eq!(scenario.network.stalls[0].lasts, Duration::from_millis(300));
    }

    #[test]
    fn what_is_wrong_is_said_with_its_step() {
        let wrong = |steps: &str| parse(steps).unwrap_err().to_string();
        assert!(wrong(r#"steps = ["dance"]"#).contains("step 1 of the scenario: `dance`"));
        assert!(wrong(r#"steps = ["hang_up", { wait = 5 }]"#).contains("step 2"));
        assert!(wrong(r#"steps = [{ wait = "soon" }]"#).contains("600ms"));
        assert!(wrong(r#"steps = [{ press = "x" }]"#).contains("0-9"));
        assert!(wrong(r#"steps = [{ barge_in = { after = "1s" } }]"#).contains("lacks `say`"));
        assert!(wrong(r#"steps = [{ barge_in = { now = "1s" } }]"#).contains("no `now`"));
        assert!(wrong(r#"steps = [{ tone = { hz = 5000, lasts = "1s" } }]"#).contains("3900"));
        assert!(wrong(r#"steps = [{ tone = { hz = 500 } }]"#).contains("lacks `lasts`"));
        assert!(wrong(r#"steps = [{ say = "a.wav", wait = "1s" }]"#).contains("one thing"));
        assert!(wrong(r#"steps = [{ say = "absent.wav" }]"#).contains("absent.wav"));
        assert!(wrong(r#"steps = [{ say = "fixture:../secret" }]"#).contains("no fixture"));
        assert!(wrong("steps = []").contains("between 1 and"));
        assert!(wrong("stops = []").contains("stops"));
        assert!(wrong("at_most = \"5h\"\nsteps = [\"hang_up\"]").contains("four hours"));
        assert!(wrong("network = { loss = 2.0 }\nsteps = [\"hang_up\"]").contains("share"));
    }
}
