//! The database is there and refuses something of a call: no other call waits for it, and all that can be
//! written is.

use std::time::Duration;

use sqlx::{ConnectOptions, sqlite::SqliteConnectOptions};
use tandem::{
    domain::{CallId, Speaker, State},
    realtime::Kind,
    telemetry,
};
use turn::Note;
use vendors::played::{deepgram, openai};

use super::{
    floor::{CALLER, Floor, SOON},
    line::{Setup, voice},
};

const OTHER: &str = "+15005550101";
/// What no database here takes.
const POISON: &str = "This is poison.";

fn talkative() -> Setup {
    Setup {
        openai: openai::Script::new().reply("Let me look into that for you."),
        deepgram: deepgram::Script::new().hears(POISON).hears("When do you open?"),
        ..Setup::default()
    }
}

/// Changes the database from outside.
async fn alter(floor: &Floor, statement: &'static str) {
    let file = floor.line.folder().join("tandem.db");
    let options = SqliteConnectOptions::new().filename(file).busy_timeout(SOON);
    let mut connection = options.connect().await.expect("it opens");
    sqlx::query(statement).execute(&mut connection).await.expect("it is altered");
}

/// A counter or gauge, of all gateways of this process.
fn metric(name: &str) -> f64 {
    let all = telemetry::metrics().render();
    let line = all.lines().find_map(|line| line.strip_prefix(name)?.trim().parse().ok());
    line.unwrap_or(0.0)
}

impl Floor {
    /// Until somebody says something in this call; the words.
    async fn line_of(&mut self, call: CallId, speaker: Speaker) -> String {
        self.until("a line", |event| match &event.kind {
            Kind::InteractionAdded(line) if (line.call, line.speaker) == (call, speaker) => {
                Some(line.text.clone())
            }
            _ => None,
        })
        .await
    }

    async fn end_of(&mut self, call: CallId) {
        self.until("its end", |event| match &event.kind {
            Kind::CallEnded(ended) => (ended.id == call).then_some(()),
            _ => None,
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_that_is_refused_is_left_out_and_holds_up_nothing() {
    let mut floor = Floor::open(talkative()).await;
    alter(
        &floor,
        "CREATE TRIGGER refuse BEFORE INSERT ON utterances WHEN NEW.text LIKE '%poison%'
         BEGIN SELECT RAISE(ABORT, 'refused'); END",
    )
    .await;
    let one = floor.caller();
    let poisoned = floor.started().await;
    floor.line_of(poisoned, Speaker::Ai).await;
    let other = floor.caller_from(OTHER);
    let well = floor.started().await;
    floor.line_of(well, Speaker::Ai).await;
    let left_out = metric("tandem_scribe_notes_left_out_total");

    one.say(&voice("callers/hours"));
    let used = async {
        while floor.line.openai.chats().is_empty() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(SOON, used).await.expect("the caller is answered");
    other.say(&voice("callers/hours"));
    // Either line may come first.
    let (mut asked, mut answer) = (None, None);
    while asked.is_none() || answer.is_none() {
        let line = floor.until("both lines", |event| match &event.kind {
            Kind::InteractionAdded(line) => Some((line.call, line.speaker, line.text.clone())),
            _ => None,
        });
        match line.await {
            (call, Speaker::Customer, text) if call == well => asked = asked.or(Some(text)),
            (call, Speaker::Ai, text) if call == poisoned => answer = answer.or(Some(text)),
            _ => {}
        }
    }
    assert_eq!(asked.as_deref(), Some("When do you open?"));
    assert!(metric("tandem_scribe_failures_total") >= 1.0, "it was refused, and that is counted");
    let wanted = Some("Let me look into that for you.");
    assert_eq!(answer.as_deref(), wanted, "what follows is written");
    assert!(metric("tandem_scribe_notes_left_out_total") > left_out);
    for (leg, call) in [(&one, poisoned), (&other, well)] {
        leg.hang_up();
        floor.end_of(call).await;
        let call = floor.app.call(&floor.actor, call).await.expect("it is there");
        assert_eq!(call.state, State::Completed);
    }
    let lines = floor.lines(poisoned).await;
    assert!(lines.len() >= 2 && lines.iter().all(|line| line.text != POISON), "{lines:?}");
    let kept = floor.line.notes(one.sid()).await;
    let said = |note: &Note| matches!(note, Note::CallerSaid { text, .. } if text == POISON);
    assert!(kept.iter().any(said), "the journal has it");
    floor.line.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_is_refused_for_a_while_is_written_whole_afterwards() {
    let mut floor = Floor::open(talkative()).await;
    alter(
        &floor,
        "CREATE TRIGGER refuse BEFORE INSERT ON calls WHEN NEW.from_number = '+15005550100'
         BEGIN SELECT RAISE(ABORT, 'refused'); END",
    )
    .await;
    let one = floor.caller();
    assert_eq!(one.from(), CALLER);
    let failures = metric("tandem_scribe_failures_total");
    let refused = async {
        while metric("tandem_scribe_failures_total") == failures {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(SOON, refused).await.expect("it is refused");
    let other = floor.caller_from(OTHER);
    let well = floor.started().await;
    floor.line_of(well, Speaker::Ai).await;
    alter(&floor, "DROP TRIGGER refuse").await;

    let late = floor.started().await;
    assert_ne!(late, well);
    floor.line_of(late, Speaker::Ai).await;
    let call = floor.app.call(&floor.actor, late).await.expect("it is there");
    assert_eq!((call.state, call.from_number.as_str()), (State::InProgress, CALLER));
    assert!(call.answered_at.is_some(), "when it was connected is known");
    one.hang_up();
    floor.end_of(late).await;
    other.hang_up();
    floor.end_of(well).await;
    floor.line.stop().await;
}
