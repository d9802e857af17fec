//! Many calls at once and many supervisors who watch all of them: no line of a transcript is lost or
//! comes out of its order on the way from the conversation to the journal, the database and every
//! supervisor. How quick that is, `benches/crowd.rs` measures.

#[path = "../api/postgres.rs"]
#[allow(dead_code)]
mod postgres;

mod books;
mod callers;
mod program;
mod watchers;

use std::{path::Path, time::Duration};

use tandem::store::Db;
use tokio::sync::Mutex;

use self::{callers::Callers, program::Program, watchers::Watchers};

const CALLS: usize = 40;
const WATCHERS: usize = 10;
/// Of each caller.
const QUESTIONS: usize = 3;
/// On a busy machine too.
const WITHIN: Duration = Duration::from_secs(120);

/// One crowd at a time is enough for a small machine.
static ALONE: Mutex<()> = Mutex::const_new(());

async fn no_line_is_lost_or_out_of_order(folder: &Path, database: &str) {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let mut callers = Callers::ready(CALLS * QUESTIONS * 2).await;
    let mut settings = callers.settings();
    settings.push(("DATABASE_URL", database.to_owned()));
    settings.push(("TANDEM_LIMIT_SOCKETS", WATCHERS.to_string()));
    let program = Program::start(&program::free_url(), folder, &settings).await;
    let watchers = Watchers::start(&program.url, &program.token, WATCHERS).await;
    for _ in 0..CALLS {
        callers.call(&program.url, QUESTIONS);
    }
    callers.until_over(WITHIN).await;
    let db = Db::open(database).await.expect("it opens");
    books::until_settled(&db, CALLS, &watchers, WITHIN).await;
    let verdict = books::compare(&folder.join("journal"), &db, &watchers, |_| true).await;

    // Everybody was greeted, and was answered more often than not.
    assert!(verdict.lines >= CALLS * (1 + QUESTIONS), "{}", verdict.lines);
    assert_eq!(verdict.lost_in_database, 0);
    assert_eq!(verdict.database_differs, Vec::<String>::new());
    assert_eq!((verdict.lost, verdict.spurious, verdict.out_of_order), (0, 0, 0));
    assert_eq!(verdict.out_of_sequence, 0, "each event of a call has the place after the last");
    assert!(verdict.is_sound());
    assert_eq!(verdict.latencies.len(), verdict.lines * WATCHERS);
    assert!(watchers.look(|_, seen| seen.lost).into_iter().all(|lost| lost == 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sqlite() {
    let _alone = ALONE.lock().await;
    let folder = tempfile::tempdir().expect("a folder");
    let database = format!("sqlite:{}", folder.path().join("tandem.db").display());
    no_line_is_lost_or_out_of_order(folder.path(), &database).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres() {
    let Some(database) = postgres::database().await else { return };
    let _alone = ALONE.lock().await;
    let folder = tempfile::tempdir().expect("a folder");
    no_line_is_lost_or_out_of_order(folder.path(), &database).await;
}
