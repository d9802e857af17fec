//! 200 live calls, and 50 supervisors who watch all of them: from the moment that the conversation
//! settles on a line of the transcript to a supervisor's receipt of it, p99 within 150 ms, on both
//! engines; no line lost, none out of order.
//!
//! `cargo bench --bench crowd [-- --calls=200 --watchers=50 --seconds=60 --only=sqlite]`. The server is
//! the program itself, a process of its own; PostgreSQL, where it is installed, has the disk confirm
//! each commit. The callers with their carrier, the vendors and the supervisors are played by this
//! process on the same machine, and share its cores with the server: the figures hold all of that.

#[path = "../tests/crowd/books.rs"]
mod books;
#[path = "../tests/crowd/callers.rs"]
mod callers;
#[path = "../tests/api/postgres.rs"]
#[allow(dead_code)]
mod postgres;
#[path = "../tests/crowd/program.rs"]
mod program;
#[path = "../tests/crowd/watchers.rs"]
mod watchers;

use std::time::Duration;

use chrono::{TimeDelta, Utc};
use tandem::store::Db;

use self::{books::Verdict, callers::Callers, program::Program, watchers::Watchers};

/// What a line may take.
const PROMISE_MS: i64 = 150;
/// New calls a second, until all are there.
const A_SECOND: u32 = 20;
/// The last of them are greeted by then.
const WARM_UP: Duration = Duration::from_secs(5);
/// A question and its answer take longer.
const SHORTEST_TURN: usize = 2;
const WITHIN: Duration = Duration::from_secs(60);

#[derive(Clone, Copy)]
struct Size {
    calls: usize,
    watchers: usize,
    seconds: usize,
}

#[tokio::main]
async fn main() {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let size = Size {
        calls: argument("--calls=").unwrap_or(200),
        watchers: argument("--watchers=").unwrap_or(50),
        seconds: argument("--seconds=").unwrap_or(60),
    };
    let only: Option<String> = argument("--only=");
    let wanted = |engine: &str| only.as_deref().is_none_or(|only| only == engine);
    let mut kept = true;
    if wanted("sqlite") {
        kept &= measure(size, "SQLite", None).await;
    }
    if wanted("postgres") {
        match postgres::durable_database().await {
            Some(database) => kept &= measure(size, "PostgreSQL", Some(database)).await,
            None => println!("PostgreSQL is not installed"),
        }
    }
    println!("the promise is {}", if kept { "kept" } else { "broken" });
}

/// What was given on the command line.
fn argument<T: std::str::FromStr>(name: &str) -> Option<T> {
    std::env::args().find_map(|one| one.strip_prefix(name)?.parse().ok())
}

/// Prints what it is like; whether the promise is kept.
async fn measure(size: Size, engine: &str, database: Option<String>) -> bool {
    let Size { calls, watchers, seconds } = size;
    let folder = tempfile::tempdir().expect("a folder");
    let file = format!("sqlite:{}", folder.path().join("tandem.db").display());
    let database = database.unwrap_or(file);
    let ramp = calls / A_SECOND as usize;
    let questions = (ramp + seconds) / SHORTEST_TURN + 10;
    let mut callers = Callers::ready(calls * questions).await;
    let mut settings = callers.settings();
    settings.push(("DATABASE_URL", database.clone()));
    settings.push(("TANDEM_LIMIT_SOCKETS", watchers.to_string()));
    settings.push(("TANDEM_MOST_CALLS", (2 * calls).to_string()));
    // A machine that is short of time makes played vendors late, of which each call tells.
    settings.push(("TANDEM_LOG", "error".to_owned()));
    let program = Program::start(&program::free_url(), folder.path(), &settings).await;
    let supervisors = Watchers::start(&program.url, &program.token, watchers).await;

    let mut tick = tokio::time::interval(Duration::from_secs(1) / A_SECOND);
    for _ in 0..calls {
        tick.tick().await;
        callers.call(&program.url, questions);
    }
    tokio::time::sleep(WARM_UP).await;
    let server = program.child.id().expect("it runs");
    let (from, server_before, own_before) =
        (Utc::now(), cpu_seconds(server), cpu_seconds(std::process::id()));
    tokio::time::sleep(Duration::from_secs(seconds as u64)).await;
    let to = Utc::now();
    let (server_cpu, own_cpu) =
        (cpu_seconds(server) - server_before, cpu_seconds(std::process::id()) - own_before);
    let talking = callers.still_talking();
    callers.hang_up();
    callers.until_over(WITHIN).await;
    let db = Db::open(&database).await.expect("it opens");
    books::until_settled(&db, calls, &supervisors, WITHIN).await;
    let journals = folder.path().join("journal");
    let counts = |at| (from..to).contains(&at);
    let verdict = books::compare(&journals, &db, &supervisors, counts).await;

    let told = verdict.latencies.len();
    println!(
        "{engine}: {talking} calls, {watchers} supervisors: {:.0} lines/s told {:.0} times/s",
        told as f64 / (watchers * seconds) as f64,
        told as f64 / seconds as f64,
    );
    let at = |share| percentile(&verdict.latencies, share);
    println!(
        "  settled to received: p50 {} ms, p95 {} ms, p99 {} ms, longest {} ms",
        at(50),
        at(95),
        at(99),
        at(100)
    );
    print_faults(&verdict);
    println!(
        "  the server took {:.2} cores; callers, vendors and supervisors, {:.2}",
        server_cpu / seconds as f64,
        own_cpu / seconds as f64
    );
    talking == calls && at(99) <= PROMISE_MS && verdict.is_sound()
}

fn print_faults(verdict: &Verdict) {
    println!(
        "  {} lines in the journals: {} not in the database ({} calls differ), {} not told, {} out of \
         order, {} told twice or wrongly; {} events out of sequence",
        verdict.lines,
        verdict.lost_in_database,
        verdict.database_differs.len(),
        verdict.lost,
        verdict.out_of_order,
        verdict.spurious,
        verdict.out_of_sequence,
    );
}

fn percentile(sorted: &[TimeDelta], percent: usize) -> i64 {
    let place = sorted.len().saturating_sub(1) * percent / 100;
    sorted.get(place).map_or(0, TimeDelta::num_milliseconds)
}

/// CPU time of a process so far, user and system.
fn cpu_seconds(process: u32) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    // proc(5): utime and stime are fields 14 and 15, counted after the name's bracket from 3.
    let fields = stat.rsplit(')').next().unwrap_or_default();
    let ticks: f64 =
        fields.split_whitespace().skip(11).take(2).filter_map(|t| t.parse::<f64>().ok()).sum();
    ticks / 100.0
}
