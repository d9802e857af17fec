//! A gateway with played vendors, and callers for it.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use secrecy::SecretString;
use tandem::{
    app::Clock,
    caller::{self, Call, Clip, Outcome, Scenario, Step, Wait},
    config::Config,
    domain::Business,
    gateway::Gateway,
    live::journal::{Entry, read::Reader},
    replay::{
        exact::{Verdict, replay},
        recorded::{Recorder, Session},
    },
    telemetry,
};
use tokio::{net::TcpListener, task::JoinHandle};
use tokio_util::sync::CancellationToken;
use turn::{Action, Note};
use vendors::played::{self, Pace};

/// Nothing here takes so long, on a busy machine either.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// The token that signs the carrier's requests.
pub const AUTH_TOKEN: &str = "0123456789abcdef0123456789abcdef";

/// A business in few words.
pub const BUSINESS: &str = r#"
name = "Testing"
greeting = "Hello, how can I help?"
transfer_to = "+14155550111"
"#;

/// A running gateway and the vendors it uses.
pub struct Line {
    pub gateway: Arc<Gateway>,
    pub url: String,
    pub openai: played::openai::Server,
    pub deepgram: played::deepgram::Server,
    stop: CancellationToken,
    served: JoinHandle<std::io::Result<()>>,
    folder: tempfile::TempDir,
}

/// What a gateway is made of.
pub struct Setup {
    pub openai: played::openai::Script,
    pub deepgram: played::deepgram::Script,
    pub business: String,
    pub env: Vec<(&'static str, String)>,
    /// With the control plane, on a SQLite file of its own.
    pub control: bool,
}

impl Default for Setup {
    fn default() -> Self {
        let pace = Pace { first: Duration::from_millis(150), between: Duration::from_millis(15) };
        Setup {
            openai: played::openai::Script::new().chat_pace(pace),
            deepgram: played::deepgram::Script::new()
                .speak_pace(Pace { first: Duration::from_millis(80), ..pace }),
            business: BUSINESS.to_owned(),
            env: Vec::new(),
            control: false,
        }
    }
}

impl Setup {
    pub async fn start(self) -> Line {
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let openai = played::openai::Server::start(self.openai).await;
        let deepgram = played::deepgram::Server::start(self.deepgram).await;
        let folder = tempfile::tempdir().expect("a folder can be made");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback can be bound");
        let url = format!("http://{}", listener.local_addr().expect("it is bound"));
        let mut settings = vec![
            ("PUBLIC_URL", url.clone()),
            ("TANDEM_DATA_DIR", folder.path().display().to_string()),
            ("TANDEM_VAD", "webrtc".into()),
            ("TANDEM_TTS", "deepgram".into()),
            // Requests to the voice are numbered: only what is said is asked of it.
            ("TANDEM_PHRASES", "false".into()),
            // And of the model: only what is answered.
            ("TANDEM_JUDGE", "false".into()),
            ("OPENAI_API_KEY", "test-key".into()),
            ("OPENAI_BASE_URL", openai.base_url.clone()),
            ("DEEPGRAM_API_KEY", "test-key".into()),
            ("DEEPGRAM_URL", deepgram.base_url.clone()),
        ];
        // The later of two settings of one name counts.
        settings.extend(self.env);
        let env = |name: &str| {
            settings.iter().rev().find(|(known, _)| *known == name).map(|(_, value)| value.clone())
        };
        let config = Config::load(None, &env).expect("the settings are right");
        let business = Business::parse(&self.business).expect("the business is right");
        let token = SecretString::from(AUTH_TOKEN);
        let gateway = Gateway::open(config, business, &token, telemetry::metrics())
            .expect("the gateway opens");
        if self.control {
            gateway.open_control(Clock::default()).await.expect("the control plane opens");
        }
        let stop = CancellationToken::new();
        let served = tokio::spawn(gateway.clone().serve(listener, stop.clone()));
        Line { gateway, url, openai, deepgram, stop, served, folder }
    }
}

impl Line {
    pub fn answer_url(&self) -> String {
        format!("{}/webhooks/twilio/answer", self.url)
    }

    /// Where its files are.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Places a call and stays with it to its end.
    pub async fn call(&self, steps: Vec<Step>) -> Outcome {
        let call = self.prepared(steps);
        caller::place(call).await.expect("the call comes about")
    }

    pub fn prepared(&self, steps: Vec<Step>) -> Call {
        let scenario = Scenario::new("test", steps);
        Call::to(&self.answer_url(), SecretString::from(AUTH_TOKEN), scenario)
            .expect("the address is right")
    }

    /// What was written down of a call, once its session is over.
    pub async fn notes(&self, call_sid: &str) -> Vec<Note> {
        self.until_idle().await;
        notes_in(&self.gateway.journals.path(call_sid))
    }

    /// Until no session runs.
    pub async fn until_idle(&self) {
        let idle = async {
            while !self.gateway.tasks.is_empty() {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(PATIENCE, idle).await.expect("sessions end");
    }

    /// Stops it, as SIGTERM does. What it wrote is in the folder, and its journals can be run again.
    pub async fn stop(self) -> tempfile::TempDir {
        self.stop.cancel();
        let served = tokio::time::timeout(PATIENCE, self.served).await;
        served.expect("it stops in time").expect("it does not panic").expect("it served well");
        all_are_exact(self.folder.path());
        self.folder
    }
}

/// The notes of a journal.
pub fn notes_in(path: &PathBuf) -> Vec<Note> {
    let journal = std::fs::read_to_string(path).expect("there is a journal");
    journal
        .lines()
        .filter_map(|line| match serde_json::from_str(line) {
            Ok(Entry::Action { action: Action::Note(note), .. }) => Some(note),
            _ => None,
        })
        .collect()
}

/// Runs a journal again.
pub fn replayed(path: &Path) -> (Verdict, Vec<Session>) {
    let file = std::io::BufReader::new(std::fs::File::open(path).expect("there is a journal"));
    let mut recorder = Recorder::default();
    let verdict = Reader::new(file)
        .and_then(|mut reader| replay(&mut reader, &mut recorder))
        .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    (verdict, recorder.finish())
}

/// Panics unless the machine does the same again with every journal in the data folder.
fn all_are_exact(data_dir: &Path) {
    for entry in std::fs::read_dir(data_dir.join("journal")).expect("there is a folder") {
        let path = entry.expect("it can be read").path();
        let (verdict, _) = replayed(&path);
        assert!(
            verdict.exact && verdict.torn_lines.is_empty() && verdict.broken_off.is_empty(),
            "{}: {verdict:#?}",
            path.display()
        );
        assert!(verdict.other_machines.is_empty(), "{verdict:#?}");
    }
}

/// What the agent was heard to say, in order.
pub fn agent_said(notes: &[Note]) -> Vec<String> {
    notes
        .iter()
        .filter_map(|note| match note {
            Note::AgentSaid { text, .. } => Some(text.clone()),
            _ => None,
        })
        .collect()
}

/// What the caller said, in order.
pub fn caller_said(notes: &[Note]) -> Vec<String> {
    notes
        .iter()
        .filter_map(|note| match note {
            Note::CallerSaid { text, .. } => Some(text.clone()),
            _ => None,
        })
        .collect()
}

/// A fixture, as the caller's voice.
pub fn voice(name: &str) -> Arc<Clip> {
    Clip::from_samples(name, &fixtures::recording(name).samples_8k()).expect("it is a clip")
}

pub fn say(name: &str) -> Step {
    Step::Say(voice(name))
}

/// Until the agent has spoken and been silent for a moment: longer than a busy machine may take from one
/// sentence to the next.
pub fn answered() -> Step {
    Step::WaitForAgent(Wait { silence: Duration::from_secs(1), within: PATIENCE })
}

/// Panics with all that is known unless every step passed and no rule was broken.
pub fn went_well(outcome: &Outcome) {
    let failed: Vec<String> =
        outcome.steps.iter().filter(|step| !step.passed()).map(ToString::to_string).collect();
    assert!(
        failed.is_empty() && outcome.violations.is_empty(),
        "{failed:?} {:?} {:#?}",
        outcome.violations,
        outcome.turns
    );
}
