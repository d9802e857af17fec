//! The database goes away amid calls and comes back: calls go on, what is said stays in their journals and
//! interim words are told meanwhile; afterwards every line is in the database, in its order, once.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use futures_util::{SinkExt, StreamExt};
use media::g711;
use reqwest::StatusCode;
use serde_json::{Value, json};
use sqlx::{Connection, SqliteConnection, sqlite::SqliteConnectOptions};
use tandem::{
    caller::exchange::Leg,
    domain::{CallId, State},
    realtime::Kind,
};
use tokio::task::JoinHandle;
use tokio_tungstenite::{connect_async, tungstenite::Message};
use turn::{Note, Purpose};
use vendors::played::{deepgram, openai};

use super::{
    floor::{Floor, OURS, SOON},
    line::{Setup, notes_in, voice},
    postgres,
};

/// What an operation may take while the database is away: as long as a connection is waited for.
const REFUSED_WITHIN: Duration = Duration::from_secs(12);
/// It is back in use so soon after it is there again.
const BACK_WITHIN: Duration = Duration::from_secs(30);

/// Callers who may be silent for as long as the test takes.
fn talkative(folder: &tempfile::TempDir) -> Setup {
    let config = folder.path().join("tandem.toml");
    std::fs::write(&config, "[turn.idle]\nprompt_after = 300000\n").expect("it is written");
    let mut model = openai::Script::new();
    let mut ears = deepgram::Script::new();
    for number in 0..40 {
        model = model.reply(format!("Answer {number} is this one.").as_str());
        ears = ears.hears(&format!("Here is my question {number} for you."));
    }
    let env = vec![("TANDEM_CONFIG", config.display().to_string())];
    Setup { openai: model, deepgram: ears, env, ..Setup::default() }
}

/// What a supervisor's browser was told over `/ws/calls`.
#[derive(Debug, Default)]
struct Watched {
    /// Of each call, the lines in the order in which they came.
    lines: BTreeMap<String, Vec<(i64, String)>>,
    /// Of each call, how often interim words came.
    interim: BTreeMap<String, usize>,
}

/// A browser that watches all calls until it is stopped.
struct Browser {
    watching: JoinHandle<()>,
    watched: std::sync::Arc<std::sync::Mutex<Watched>>,
}

impl Browser {
    async fn open(floor: &Floor) -> Browser {
        let url = floor.line.url.replacen("http", "ws", 1);
        let address = format!("{url}/ws/calls?token={}", floor.token);
        let (mut socket, _) = connect_async(address).await.expect("the socket opens");
        let all = json!({"type": "all_calls", "interim": true, "sequence": true});
        let all = json!({"event": "subscribe", "data": all}).to_string();
        socket.send(Message::Text(all.into())).await.expect("it subscribes");
        let watched = std::sync::Arc::new(std::sync::Mutex::new(Watched::default()));
        let kept = watched.clone();
        let watching = tokio::spawn(async move {
            while let Some(Ok(message)) = socket.next().await {
                let Message::Text(text) = message else { continue };
                let frame: Value = serde_json::from_str(&text).expect("a frame");
                let call = frame["data"]["call_id"].as_str().unwrap_or_default().to_owned();
                let mut kept = kept.lock().expect("nobody panicked");
                match frame["event"].as_str() {
                    Some("interaction.added") => {
                        let line = &frame["data"]["interaction"];
                        let text = line["text"].as_str().expect("a text").to_owned();
                        let line = (line["id"].as_i64().expect("an id"), text);
                        kept.lines.entry(call).or_default().push(line);
                    }
                    Some("interaction.interim") => *kept.interim.entry(call).or_default() += 1,
                    Some("resync") => panic!("nothing is lost: {frame}"),
                    _ => {}
                }
            }
        });
        Browser { watching, watched }
    }

    fn lines(&self, call: CallId) -> Vec<(i64, String)> {
        let watched = self.watched.lock().expect("nobody panicked");
        watched.lines.get(&call.to_string()).cloned().unwrap_or_default()
    }

    fn interim(&self, call: CallId) -> usize {
        let watched = self.watched.lock().expect("nobody panicked");
        watched.interim.get(&call.to_string()).copied().unwrap_or_default()
    }
}

async fn until(what: &str, within: Duration, so: impl Fn() -> bool) {
    let reached = async {
        while !so() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(within, reached).await.unwrap_or_else(|_| panic!("{what} comes about"));
}

/// The lines of a transcript that a call's journal has so far.
fn said(floor: &Floor, call_sid: &str) -> Vec<String> {
    let path = floor.line.gateway.journals.path(call_sid);
    let notes = if path.exists() { notes_in(&path) } else { Vec::new() };
    let lines = notes.into_iter().filter_map(|note| match note {
        Note::CallerSaid { text, .. } => Some(text),
        Note::AgentSaid { text, purpose, .. } if purpose != Purpose::Keys => Some(text),
        _ => None,
    });
    lines.filter(|text| !text.trim().is_empty()).collect()
}

fn hears_something(leg: &Leg, from: usize) -> bool {
    let heard = leg.heard_between(from, usize::MAX);
    heard.iter().any(|byte| g711::decode(*byte).unsigned_abs() > 184)
}

impl Floor {
    async fn asked(&self, method: reqwest::Method, path: &str, body: Value) -> (StatusCode, Value) {
        let url = format!("{}/api/v1{path}", self.line.url);
        let mut request = reqwest::Client::new().request(method, url).bearer_auth(&self.token);
        if !body.is_null() {
            request = request.json(&body);
        }
        let answer = request.send().await.expect("an answer");
        let status = answer.status();
        (status, answer.json().await.expect("JSON"))
    }

    async fn caller_and_call(&mut self, number: &str) -> (Leg, CallId) {
        let leg = self.caller_from(number);
        let sid = leg.sid().to_owned();
        let call = self.until("the call", |event| match &event.kind {
            Kind::CallStarted(call) if call.call_sid.as_ref() == Some(&sid) => Some(call.id),
            _ => None,
        });
        let call = call.await;
        self.until("the greeting", |event| match &event.kind {
            Kind::InteractionAdded(line) if line.call == call => Some(()),
            _ => None,
        })
        .await;
        (leg, call)
    }

    /// Asks something and waits until the journal has the answer; the database is not needed for it.
    async fn question(&self, leg: &Leg) {
        let before = said(self, leg.sid()).len();
        leg.say(&voice("callers/hours"));
        until("an answer", SOON, || said(self, leg.sid()).len() >= before + 2).await;
    }

    /// Every line of the journal is in the database and was told to the browser, in its order, once.
    async fn is_whole(&self, browser: &Browser, leg: &Leg, call: CallId) {
        let journal = said(self, leg.sid());
        until("all lines", BACK_WITHIN, || browser.lines(call).len() >= journal.len()).await;
        let told = browser.lines(call);
        let lines = self.lines(call).await;
        let kept: Vec<(i64, String)> = lines.into_iter().map(|line| (line.id, line.text)).collect();
        assert_eq!(told, kept, "what was told is what is kept, in its order, once");
        let texts: Vec<String> = kept.into_iter().map(|(_, text)| text).collect();
        assert_eq!(texts, journal, "what is kept is what was said");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn postgresql_is_stopped_amid_calls_and_started_again() {
    let Some(mut server) = postgres::Own::start() else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let mut setup = talkative(&folder);
    setup.env.push(("DATABASE_URL", server.url()));
    let mut floor = Floor::open(setup).await;
    let browser = Browser::open(&floor).await;
    let (stays, staying) = floor.caller_and_call("+15005550101").await;
    let (leaves, leaving) = floor.caller_and_call("+15005550102").await;
    floor.question(&stays).await;

    server.stop();
    let interim = browser.interim(staying);
    floor.question(&stays).await;
    assert!(browser.interim(staying) > interim, "interim words are told");
    let lines = browser.lines(staying).len();

    let began = Instant::now();
    let pause = json!({"action": "pause"});
    let path = format!("/calls/{staying}/intervene");
    let (listed, ordered) = tokio::join!(
        floor.asked(reqwest::Method::GET, "/calls", Value::Null),
        floor.asked(reqwest::Method::POST, &path, pause),
    );
    assert!(began.elapsed() < REFUSED_WITHIN, "{:?}", began.elapsed());
    for (status, answer) in [listed, ordered] {
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE, "{answer}");
        assert_eq!(answer["error"]["code"], "SERVICE_UNAVAILABLE", "{answer}");
        assert!(answer["error"]["details"].is_object(), "{answer}");
    }

    // Somebody calls, and somebody hangs up.
    let comes = floor.caller_from("+15005550103");
    comes.until("a greeting", SOON, |leg| hears_something(leg, 0)).await.expect("is answered");
    assert_eq!(comes.was_told(), Vec::<String>::new(), "by the agent");
    floor.question(&comes).await;
    leaves.hang_up();
    assert_eq!(leaves.ended(SOON).await, Ok("completed"));
    floor.question(&stays).await;
    assert_eq!(browser.lines(staying).len(), lines, "nothing is told before it is kept");

    server.again();
    floor
        .until("the end", |event| match &event.kind {
            Kind::CallEnded(call) => (call.id == leaving).then_some(()),
            _ => None,
        })
        .await;
    floor.is_whole(&browser, &stays, staying).await;
    floor.is_whole(&browser, &leaves, leaving).await;
    let (status, listed) = floor.asked(reqwest::Method::GET, "/calls?limit=10", Value::Null).await;
    assert_eq!(status, StatusCode::OK);
    let came = listed["calls"].as_array().expect("calls").iter();
    let mut came = came.filter(|call| call["twilio_call_sid"] == comes.sid());
    let coming = came.next().expect("it is there, too")["id"].as_str().expect("an id").to_owned();
    let coming: CallId = coming.parse().expect("an id");
    floor.is_whole(&browser, &comes, coming).await;

    // All goes on as before.
    floor.question(&stays).await;
    floor.is_whole(&browser, &stays, staying).await;
    let left = floor.app.call(&floor.actor, leaving).await.expect("it is there");
    assert_eq!(left.state, State::Completed);
    for (leg, call) in [(&stays, staying), (&comes, coming)] {
        let running = floor.app.call(&floor.actor, call).await.expect("it is there");
        assert_eq!((running.state, running.to_number.as_str()), (State::InProgress, OURS));
        leg.hang_up();
        floor.ended().await;
        floor.is_whole(&browser, leg, call).await;
    }
    browser.watching.abort();
    floor.line.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn somebody_else_writes_to_the_file_for_longer_than_is_waited_for() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut floor = Floor::open(talkative(&folder)).await;
    let browser = Browser::open(&floor).await;
    let (stays, staying) = floor.caller_and_call("+15005550101").await;
    let (leaves, leaving) = floor.caller_and_call("+15005550102").await;

    let options = SqliteConnectOptions::new().filename(floor.line.folder().join("tandem.db"));
    let mut other =
        SqliteConnection::connect_with(&options.busy_timeout(SOON)).await.expect("opens");
    sqlx::query("BEGIN IMMEDIATE").execute(&mut other).await.expect("it has the lock");
    let locked = Instant::now();
    let interim = browser.interim(staying);
    floor.question(&stays).await;
    assert!(browser.interim(staying) > interim, "interim words are told");
    let lines = browser.lines(staying).len();
    let (status, _) = floor.asked(reqwest::Method::GET, "/calls", Value::Null).await;
    assert_eq!(status, StatusCode::OK, "reading goes on");
    let note = json!({"note": "Asks the same again and again."});
    let path = format!("/calls/{staying}/notes");
    let (status, answer) = floor.asked(reqwest::Method::POST, &path, note).await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE, "{answer}");
    assert_eq!(answer["error"]["code"], "SERVICE_UNAVAILABLE", "{answer}");
    // SQLite's own patience, and our first try, are over.
    assert!(locked.elapsed() >= Duration::from_secs(10), "{:?}", locked.elapsed());
    floor.question(&stays).await;
    leaves.hang_up();
    assert_eq!(leaves.ended(SOON).await, Ok("completed"));
    assert_eq!(browser.lines(staying).len(), lines, "nothing is told before it is kept");

    sqlx::query("ROLLBACK").execute(&mut other).await.expect("it lets go");
    floor
        .until("the end", |event| match &event.kind {
            Kind::CallEnded(call) => (call.id == leaving).then_some(()),
            _ => None,
        })
        .await;
    floor.is_whole(&browser, &stays, staying).await;
    floor.is_whole(&browser, &leaves, leaving).await;
    assert!(floor.lines(staying).await.len() >= 5);
    stays.hang_up();
    floor.ended().await;
    browser.watching.abort();
    floor.line.stop().await;
}
