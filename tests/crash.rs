//! The process is killed amid fifty calls, as by SIGKILL; the next one finds every line that anybody was
//! told is final, and no call stays up in the books that is not up.

#[path = "crash/escalated.rs"]
mod escalated;
#[path = "crash/front.rs"]
mod front;
#[path = "crash/server.rs"]
mod server;

use std::{
    collections::BTreeMap,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use futures_util::{SinkExt, StreamExt};
use secrecy::SecretString;
use serde_json::{Value, json};
use tandem::caller::{
    ACCOUNT_SID, Clip, Step, Wait,
    exchange::{Exchange, Phone, Settings},
};
use tokio_tungstenite::{connect_async, tungstenite::Message};
use turn::{Action, Note, Purpose};
use vendors::played::{Pace, deepgram, openai};

use server::Server;

const TOKEN: &str = "0123456789abcdef0123456789abcdef";
const OURS: &str = "+15005550006";
const CALLS: usize = 50;
/// Lines that watchers have been told when the process is killed.
const LINES: usize = 120;

/// What a caller does: says the same again and again, and listens in between.
fn talks(clip: &Arc<Clip>) -> Phone {
    let mut steps = Vec::new();
    for _ in 0..20 {
        let wait = Wait { silence: Duration::from_millis(500), within: Duration::from_secs(15) };
        steps.extend([Step::WaitForAgent(wait), Step::Say(clip.clone())]);
    }
    Phone::answers().does(steps)
}

/// The lines of a journal that are part of a transcript. None without one: such a call had not come so
/// far, or was told that the line is busy.
fn said(path: &Path) -> Option<usize> {
    let journal = std::fs::read_to_string(path).ok()?;
    let is_line = |line: &str| {
        let entry: Result<tandem::live::journal::Entry, _> = serde_json::from_str(line);
        let Ok(tandem::live::journal::Entry::Action { action: Action::Note(note), .. }) = entry
        else {
            return false;
        };
        match note {
            Note::CallerSaid { text, .. } | Note::PersonSaid { text, .. } => {
                !text.trim().is_empty()
            }
            Note::AgentSaid { text, purpose, .. } => {
                purpose != Purpose::Keys && !text.trim().is_empty()
            }
            _ => false,
        }
    };
    Some(journal.lines().filter(|line| is_line(line)).count())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crash_loses_no_line_that_was_told_and_leaves_no_call_up() {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let pace = Pace { first: Duration::from_millis(80), between: Duration::from_millis(10) };
    let mut model = openai::Script::new().chat_pace(pace);
    let mut ears = deepgram::Script::new().speak_pace(pace);
    for number in 0..1_500 {
        model = model.reply(format!("Answer {number}.").as_str());
        ears = ears.hears(&format!("Question {number}."));
    }
    let model = openai::Server::start(model).await;
    let ears = deepgram::Server::start(ears).await;
    let exchange =
        Exchange::start(Settings::new(SecretString::from(TOKEN))).await.expect("listens");
    exchange.own_number(OURS);
    let folder = tempfile::tempdir().expect("a folder");
    let port = fixtures::ports::free();
    let url = format!("http://127.0.0.1:{port}");
    let vendors = [
        ("TWILIO_API_URL", exchange.base_url()),
        ("TWILIO_ACCOUNT_SID", ACCOUNT_SID.to_owned()),
        ("TWILIO_AUTH_TOKEN", TOKEN.to_owned()),
        ("TANDEM_VAD", "webrtc".to_owned()),
        ("TANDEM_TTS", "deepgram".to_owned()),
        ("TANDEM_PHRASES", "false".to_owned()),
        ("OPENAI_API_KEY", "test-key".to_owned()),
        ("OPENAI_BASE_URL", model.base_url.clone()),
        ("DEEPGRAM_API_KEY", "test-key".to_owned()),
        ("DEEPGRAM_URL", ears.base_url.clone()),
    ];
    let server = Server::start(&url, folder.path(), &vendors).await;

    let address = format!("{}/ws/calls?token={}", url.replacen("http", "ws", 1), server.token);
    let (mut socket, _) = connect_async(address).await.expect("the socket opens");
    let all = json!({"event": "subscribe", "data": {"type": "all_calls"}}).to_string();
    socket.send(Message::Text(all.into())).await.expect("it subscribes");

    let samples = fixtures::recording("callers/hours").samples_8k();
    let clip = Clip::from_samples("a question", &samples).expect("a clip");
    let (answer, status) =
        (format!("{url}/webhooks/twilio/answer"), format!("{url}/webhooks/twilio/status"));
    let legs: Vec<_> = (0..CALLS)
        .map(|number| {
            let from = format!("+1500555{number:04}");
            exchange.call_in(&answer, (&from, OURS), talks(&clip), Some(&status)).expect("room")
        })
        .collect();

    // What watchers are told, until there is enough of it.
    let mut told: BTreeMap<String, Vec<(i64, String)>> = BTreeMap::new();
    let listening = async {
        let mut lines = 0;
        while lines < LINES {
            let Some(Ok(Message::Text(text))) = socket.next().await else { continue };
            let frame: Value = serde_json::from_str(&text).expect("a frame");
            if frame["event"] == "interaction.added" {
                let line = &frame["data"]["interaction"];
                let call = frame["data"]["call_id"].as_str().expect("a call").to_owned();
                let text = line["text"].as_str().expect("a text").to_owned();
                told.entry(call).or_default().push((line["id"].as_i64().expect("an id"), text));
                lines += 1;
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(120), listening).await.expect("calls talk");
    server.kill().await;
    drop(socket);
    // The carrier finds nobody who could say how the calls go on, and gives them up.
    for leg in &legs {
        let _ = leg.ended(Duration::from_secs(60)).await;
    }

    let server = Server::start(&url, folder.path(), &vendors).await;
    let until = Instant::now() + Duration::from_secs(90);
    let calls = loop {
        let page = server.get("/calls?limit=100").await;
        let calls = page["calls"].as_array().expect("calls").clone();
        if calls.iter().all(|call| call.get("ended_at").is_some()) {
            break calls;
        }
        assert!(Instant::now() < until, "no call stays up: {calls:?}");
        tokio::time::sleep(Duration::from_millis(500)).await;
    };
    assert_eq!(calls.len(), CALLS);
    let (mut written, mut journals) = (0, 0);
    for call in &calls {
        let id = call["id"].as_str().expect("an id");
        let page = server.get(&format!("/calls/{id}/interactions")).await;
        let lines: Vec<(i64, String)> = page["interactions"]
            .as_array()
            .expect("lines")
            .iter()
            .map(|line| {
                let text = line["text"].as_str().expect("a text").to_owned();
                (line["id"].as_i64().expect("an id"), text)
            })
            .collect();
        for line in told.remove(id).unwrap_or_default() {
            assert!(lines.contains(&line), "{id} lost {line:?}: {lines:?}");
        }
        let sid = call["twilio_call_sid"].as_str().expect("a name");
        let journal = folder.path().join("journal").join(format!("{sid}.jsonl"));
        let said = said(&journal);
        assert_eq!(lines.len(), said.unwrap_or(0), "{id}: as many lines as in the journal");
        journals += usize::from(said.is_some());
        written += lines.len();
    }
    assert!(told.is_empty(), "{told:?}");
    assert!(written >= LINES, "{written}");
    assert!(journals > CALLS / 2, "most calls came so far: {journals}");
}
