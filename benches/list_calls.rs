//! A supervisor's list of 100,000 calls: each filter, each sort, deep pages, with their count, p99 within
//! 50 ms on both engines.
//!
//! `cargo bench --bench list_calls [-- <calls>]`. PostgreSQL takes part where it is installed. The time
//! is that of the whole operation: identifiers, count and the page's rows.

#[path = "../tests/api/postgres.rs"]
mod postgres;
#[path = "../tests/api/scene.rs"]
mod scene;

use std::time::{Duration, Instant};

use tandem::{
    domain::{BusinessId, Direction, Mood, Search, State, TenantId},
    store::{
        Db,
        calls::{self, Key, Sort, Wanted},
        page::Page,
        sql,
    },
};

const CALLS: usize = 100_000;
/// What a list may take.
const PROMISE: Duration = Duration::from_millis(50);
/// A list is asked for so often.
const ROUNDS: usize = 100;

/// The processor time that this process has had, ms, to 10 ms: SQLite's part of it shows what a list
/// costs on a machine that has other things to do as well.
fn worked() -> Option<f64> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    // The name, in brackets, may hold anything; user and system time are the 12th and 13th after it.
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    let mut ticks = || fields.next()?.parse::<f64>().ok();
    Some((ticks()? + ticks()?) * 10.0)
}

fn lists(businesses: &[BusinessId]) -> Vec<(&'static str, Wanted, Sort, i64)> {
    let all = Wanted::default;
    let newest = Sort::default();
    let oldest = Sort { ascending: true, ..newest };
    let longest = Sort { key: Key::Duration, ascending: false };
    let shortest = Sort { key: Key::Duration, ascending: true };
    let best = Sort { key: Key::QaScore, ascending: false };
    let worst = Sort { key: Key::QaScore, ascending: true };
    let states = |states, escalated| Wanted { states: Some(states), escalated, ..all() };
    const RUN: &[State] = &[State::Queued, State::Initiated, State::Ringing, State::InProgress];
    const FAIL: &[State] = &[State::Busy, State::NoAnswer, State::Failed, State::Canceled];
    let search = |text: &str| Wanted { search: Search::of(text), ..all() };
    let day = |text: &str| text.parse().ok();
    vec![
        ("all, newest first", all(), newest, 0),
        ("all, page 1,000", all(), newest, 999 * 50),
        ("all, last page", all(), newest, 99_950),
        ("oldest first, page 500", all(), oldest, 499 * 50),
        ("longest first", all(), longest, 0),
        ("longest first, page 1,000", all(), longest, 999 * 50),
        ("shortest first, last page", all(), shortest, 99_950),
        ("best first", all(), best, 0),
        ("best first, page 1,400", all(), best, 1_399 * 50),
        ("worst first, page 1,000", all(), worst, 999 * 50),
        ("completed", states(&[State::Completed], None), newest, 0),
        ("completed, page 800", states(&[State::Completed], None), newest, 799 * 50),
        ("failed", states(FAIL, None), newest, 0),
        ("in progress", states(&[State::InProgress], Some(false)), newest, 0),
        ("escalated", states(RUN, Some(true)), newest, 0),
        ("inbound", Wanted { direction: Some(Direction::Inbound), ..all() }, newest, 0),
        (
            "inbound, page 500",
            Wanted { direction: Some(Direction::Inbound), ..all() },
            newest,
            499 * 50,
        ),
        ("a business", Wanted { business: Some(businesses[0]), ..all() }, newest, 0),
        ("no such business", Wanted { business: Some(BusinessId::new()), ..all() }, newest, 0),
        (
            "a month",
            Wanted {
                from: day("2025-03-01T00:00:00Z"),
                before: day("2025-04-01T00:00:00Z"),
                ..all()
            },
            newest,
            0,
        ),
        (
            "a month, best first",
            Wanted {
                from: day("2025-03-01T00:00:00Z"),
                before: day("2025-04-01T00:00:00Z"),
                ..all()
            },
            best,
            0,
        ),
        ("scored 0.9 and more", Wanted { min_qa: Some(0.9), ..all() }, newest, 0),
        ("scored 0.9 and more, worst first", Wanted { min_qa: Some(0.9), ..all() }, worst, 0),
        ("scored 0.2 to 0.8", Wanted { min_qa: Some(0.2), max_qa: Some(0.8), ..all() }, newest, 0),
        ("negative", Wanted { mood: Some(Mood::Negative), ..all() }, newest, 0),
        (
            "negative, longest first, page 200",
            Wanted { mood: Some(Mood::Negative), ..all() },
            longest,
            199 * 50,
        ),
        (
            "completed, inbound, positive, a business, scored 0.5 and more",
            Wanted {
                states: Some(&[State::Completed]),
                direction: Some(Direction::Inbound),
                mood: Some(Mood::Positive),
                business: Some(businesses[1]),
                min_qa: Some(0.5),
                ..all()
            },
            newest,
            0,
        ),
        ("search 0123, rare", search("0123"), newest, 0),
        ("search 800 555 0, dense", search("800 555 0"), newest, 0),
        ("search 555, page 1,000", search("555"), newest, 999 * 50),
        ("search a whole number", search("+1 (212) 555-0123"), newest, 0),
        ("search nobody", search("nobody"), newest, 0),
        ("search 0123, longest first", search("0123"), longest, 0),
    ]
}

async fn measure(db: &Db, many: usize) -> bool {
    let (tenant, other) = (TenantId::new(), TenantId::new());
    let businesses: Vec<BusinessId> = (0..5).map(|_| BusinessId::new()).collect();
    let began = Instant::now();
    for (id, many) in [(tenant, many), (other, many / 10)] {
        let insert = sql("INSERT INTO tenants
                (id, name, slug, timezone, self_registration, created_at, updated_at)
             VALUES ($1, 'Bench', $2, 'UTC', TRUE, $3, $3)");
        let insert = insert.bind(id).bind(id.to_string()).bind(scene::noon());
        db.exec(insert).await.expect("an organisation");
        scene::put(db, &scene::history(id, many, &businesses, 7)).await;
    }
    scene::settle(db).await;
    println!("{}: {many} calls in {:.1} s", db.engine(), began.elapsed().as_secs_f64());
    println!(
        "{:<62} {:>7} {:>7} {:>8} {:>8} {:>8}",
        "list", "found", "work ms", "p50 ms", "p99 ms", "max ms"
    );
    let mut kept = true;
    for (name, wanted, sort, offset) in lists(&businesses) {
        let page = Page { size: 50, offset };
        let mut took = Vec::with_capacity(ROUNDS);
        let (mut total, before) = (0, worked());
        for _ in 0..ROUNDS {
            let asked = Instant::now();
            let found = calls::list(db, tenant, &wanted, sort, page).await.expect("a list");
            took.push(asked.elapsed());
            total = found.total;
        }
        let work = worked().zip(before).map_or(0.0, |(now, then)| (now - then) / ROUNDS as f64);
        took.sort();
        let ms = |of: usize| took[(took.len() * of).div_ceil(100) - 1].as_secs_f64() * 1e3;
        let late = if ms(99) > PROMISE.as_secs_f64() * 1e3 { "  late" } else { "" };
        kept &= late.is_empty();
        let (p50, p99, max) = (ms(50), ms(99), ms(100));
        println!("{name:<62} {total:>7} {work:>7.1} {p50:>8.1} {p99:>8.1} {max:>8.1}{late}");
    }
    kept
}

#[tokio::main]
async fn main() {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let words: Vec<String> = std::env::args().skip(1).collect();
    let many = words.iter().find_map(|word| word.parse().ok());
    // As a test, it is a look whether everything runs.
    let usual = if words.iter().any(|word| word == "--bench") { CALLS } else { 2_000 };
    let many = many.unwrap_or(usual);
    let folder = tempfile::tempdir().expect("a folder");
    let mut kept = true;
    let file = Db::open_file(&folder.path().join("bench.db")).await.expect("SQLite opens");
    let mut engines = vec![file];
    if let Some(url) = postgres::database().await {
        engines.push(Db::open(&url).await.expect("PostgreSQL opens"));
    }
    for db in engines {
        db.migrate().await.expect("the schema");
        kept &= measure(&db, many).await;
    }
    println!(
        "{}",
        if kept { "every p99 is within 50 ms" } else { "not every p99 is within 50 ms" }
    );
}
