//! A supervisor's list of 100,000 calls over the API: each filter, each sort, deep pages, with their count,
//! p99 within 50 ms on both engines.
//!
//! `cargo bench --bench list_calls [-- <calls>] [-- --plans]`. PostgreSQL takes part where it is
//! installed. The time is that of the client: from the request to the last byte of the answer, over a
//! socket, with the signature checked and the JSON written; other organisations have calls in the same
//! table. With `--plans` it also prints how each statement is carried out, in the engine's words.

#[path = "../tests/api/contract.rs"]
#[allow(dead_code)]
mod contract;
#[path = "../tests/api/postgres.rs"]
mod postgres;
#[path = "../tests/api/scene.rs"]
mod scene;
#[path = "../tests/api/stage.rs"]
#[allow(dead_code, unused_macros)]
mod stage;

use std::time::{Duration, Instant};

use chrono::{SecondsFormat, TimeDelta};
use serde_json::Value;
use stage::{Engine, Stage};
use tandem::{
    domain::{BusinessId, Direction, Mood, Role, Search, State},
    store::calls::{self, Key, Sort, Wanted},
};

const CALLS: usize = 100_000;
/// What a list may take.
const PROMISE: Duration = Duration::from_millis(50);
/// A list is asked for so often.
const ROUNDS: usize = 100;
/// Calls of a page.
const LIMIT: i64 = 50;
/// Calls that are a technician's.
const ASSIGNED: usize = 500;

/// A list, as a person asks for it.
struct List {
    name: &'static str,
    /// As the API names what `wanted` says of states.
    status: Option<&'static str>,
    wanted: Wanted,
    sort: Sort,
    page: i64,
}

impl List {
    /// The same in the words of the API.
    fn query(&self) -> Vec<(&'static str, String)> {
        let wanted = &self.wanted;
        let key = match self.sort.key {
            Key::StartedAt => "started_at",
            Key::Duration => "duration",
            Key::QaScore => "qa_score",
        };
        let mut query = vec![
            ("page", self.page.to_string()),
            ("limit", LIMIT.to_string()),
            ("sort_by", key.to_owned()),
            ("sort_order", if self.sort.ascending { "asc" } else { "desc" }.to_owned()),
        ];
        query.extend(self.status.map(|status| ("status", status.to_owned())));
        query.extend(wanted.direction.map(|one| ("direction", one.name().to_owned())));
        query.extend(wanted.business.map(|one| ("business_id", one.to_string())));
        query.extend(wanted.mood.map(|one| ("sentiment", one.name().to_owned())));
        query.extend(wanted.min_qa.map(|score| ("min_qa_score", score.to_string())));
        query.extend(wanted.max_qa.map(|score| ("max_qa_score", score.to_string())));
        let shown =
            |at: chrono::DateTime<chrono::Utc>| at.to_rfc3339_opts(SecondsFormat::Micros, true);
        query.extend(wanted.from.map(|from| ("from_date", shown(from))));
        let last = wanted.before.map(|before| before - TimeDelta::microseconds(1));
        query.extend(last.map(|last| ("to_date", shown(last))));
        query.extend(wanted.search.as_ref().map(|search| match search {
            Search::Part { number, .. } => ("search", number.clone()),
            Search::Id(id) => ("search", id.to_string()),
            Search::Sid(sid) => ("search", sid.clone()),
        }));
        query
    }
}

/// The processor time that this process has had, ms, to 10 ms: the client's, the server's and SQLite's
/// part of it shows what a list costs on a machine that has other things to do as well.
fn worked() -> Option<f64> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    // The name, in brackets, may hold anything; user and system time are the 12th and 13th after it.
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    let mut ticks = || fields.next()?.parse::<f64>().ok();
    Some((ticks()? + ticks()?) * 10.0)
}

fn lists(businesses: &[BusinessId]) -> Vec<List> {
    let all = Wanted::default;
    let newest = Sort::default();
    let oldest = Sort { ascending: true, ..newest };
    let longest = Sort { key: Key::Duration, ascending: false };
    let shortest = Sort { key: Key::Duration, ascending: true };
    let best = Sort { key: Key::QaScore, ascending: false };
    let worst = Sort { key: Key::QaScore, ascending: true };
    const RUN: &[State] = &[State::Queued, State::Initiated, State::Ringing, State::InProgress];
    const FAIL: &[State] = &[State::Busy, State::NoAnswer, State::Failed, State::Canceled];
    let inbound = || Wanted { direction: Some(Direction::Inbound), ..all() };
    let negative = || Wanted { mood: Some(Mood::Negative), ..all() };
    let search = |text: &str| Wanted { search: Search::of(text), ..all() };
    let day = |text: &str| text.parse().ok();
    let march = || Wanted {
        from: day("2025-03-01T00:00:00Z"),
        before: day("2025-04-01T00:00:00Z"),
        ..all()
    };
    let scored = |min, max| Wanted { min_qa: min, max_qa: max, ..all() };
    let everything = Wanted {
        states: Some(&[State::Completed]),
        direction: Some(Direction::Inbound),
        mood: Some(Mood::Positive),
        business: Some(businesses[1]),
        min_qa: Some(0.5),
        ..all()
    };
    let of_status = |name, status, states, escalated, page| List {
        name,
        status: Some(status),
        wanted: Wanted { states: Some(states), escalated, ..all() },
        sort: newest,
        page,
    };
    let mut lists = vec![
        of_status("completed", "completed", &[State::Completed], None, 1),
        of_status("completed, page 800", "completed", &[State::Completed], None, 800),
        of_status("failed", "failed", FAIL, None, 1),
        of_status("in progress", "in_progress", &[State::InProgress], Some(false), 1),
        of_status("ringing", "ringing", &[State::Ringing], Some(false), 1),
        of_status("escalated", "escalated", RUN, Some(true), 1),
        List {
            name: "completed, inbound, positive, a business, scored 0.5 and more",
            status: Some("completed"),
            wanted: everything.clone(),
            sort: newest,
            page: 1,
        },
        List {
            name: "the same, longest first, page 20",
            status: Some("completed"),
            wanted: everything,
            sort: longest,
            page: 20,
        },
    ];
    for (name, wanted, sort, page) in [
        ("all, newest first", all(), newest, 1),
        ("all, page 1,000", all(), newest, 1_000),
        ("all, last page", all(), newest, 2_000),
        ("oldest first, page 500", all(), oldest, 500),
        ("longest first", all(), longest, 1),
        ("longest first, page 1,000", all(), longest, 1_000),
        ("shortest first, last page", all(), shortest, 2_000),
        ("best first", all(), best, 1),
        ("best first, page 1,400", all(), best, 1_400),
        ("worst first, page 1,000", all(), worst, 1_000),
        ("inbound", inbound(), newest, 1),
        ("inbound, page 500", inbound(), newest, 500),
        ("a business", Wanted { business: Some(businesses[0]), ..all() }, newest, 1),
        ("a business, page 160", Wanted { business: Some(businesses[0]), ..all() }, newest, 160),
        ("no such business", Wanted { business: Some(BusinessId::new()), ..all() }, newest, 1),
        ("a month", march(), newest, 1),
        ("a month, best first", march(), best, 1),
        (
            "a month, negative, shortest first",
            Wanted { mood: Some(Mood::Negative), ..march() },
            shortest,
            1,
        ),
        ("scored 0.9 and more", scored(Some(0.9), None), newest, 1),
        ("scored 0.9 and more, worst first", scored(Some(0.9), None), worst, 1),
        ("scored 0.2 to 0.8", scored(Some(0.2), Some(0.8)), newest, 1),
        (
            "scored 0.2 to 0.8, inbound, page 400",
            Wanted { direction: Some(Direction::Inbound), ..scored(Some(0.2), Some(0.8)) },
            newest,
            400,
        ),
        ("negative", negative(), newest, 1),
        ("negative, longest first, page 200", negative(), longest, 200),
        ("search 0123, rare", search("0123"), newest, 1),
        ("search 123, some", search("123"), newest, 1),
        ("search 12, a tenth, page 100", search("12"), newest, 100),
        ("search 800 555 0, dense", search("800 555 0"), newest, 1),
        ("search 555, page 1,000", search("555"), newest, 1_000),
        ("search a whole number", search("+1 (212) 555-0123"), newest, 1),
        ("search nobody", search("nobody"), newest, 1),
        ("search 0123, longest first", search("0123"), longest, 1),
        (
            "search 123, inbound, worst first",
            Wanted { direction: Some(Direction::Inbound), ..search("123") },
            worst,
            1,
        ),
    ] {
        lists.push(List { name, status: None, wanted, sort, page });
    }
    lists
}

/// What a request took, and what was answered.
async fn asked(http: &reqwest::Client, token: &str, url: &str, list: &List) -> (Duration, Value) {
    let request = http.get(url).query(&list.query()).bearer_auth(token);
    let began = Instant::now();
    let answer = request.send().await.expect("an answer");
    let status = answer.status();
    let body = answer.bytes().await.expect("the whole of it");
    let took = began.elapsed();
    assert_eq!(status, 200, "{}: {}", list.name, String::from_utf8_lossy(&body));
    (took, serde_json::from_slice(&body).expect("JSON"))
}

async fn measure(stage: &Stage, many: usize, plans: bool) -> bool {
    let db = &stage.app.db;
    let businesses: Vec<BusinessId> = (0..5).map(|_| BusinessId::new()).collect();
    let began = Instant::now();
    let (tech, user) = stage.client_and_user(Role::Tech).await;
    let job = scene::job(db, stage.tenant, user).await;
    let mut others = Vec::new();
    for _ in 0..3 {
        others.push((stage.other_tenant().await, many / 10));
    }
    for (tenant, many) in others.into_iter().chain([(stage.tenant, many)]) {
        let mut calls = scene::history(tenant, many, &businesses, 7);
        if tenant == stage.tenant {
            let every = (many / ASSIGNED).max(1);
            calls.iter_mut().step_by(every).for_each(|call| call.job = Some(job));
        }
        scene::put(db, &calls).await;
    }
    scene::settle(db).await;
    println!("{}: {many} calls in {:.1} s", db.engine(), began.elapsed().as_secs_f64());
    println!(
        "{:<62} {:>7} {:>7} {:>8} {:>8} {:>8}",
        "list", "found", "work ms", "p50 ms", "p99 ms", "max ms"
    );
    let viewer = stage.client(Role::Viewer).await;
    let all = |name, client| {
        (
            client,
            List { name, status: None, wanted: Wanted::default(), sort: Sort::default(), page: 1 },
        )
    };
    let mut kept = true;
    let told = lists(&businesses).into_iter().map(|list| (&viewer, list));
    for (client, mut list) in told.chain([all("a technician's", &tech)]) {
        let (http, url) = (reqwest::Client::new(), format!("{}/api/v1/calls", stage.url));
        let mut took = Vec::with_capacity(ROUNDS);
        let (_, answer) = asked(&http, &client.token, &url, &list).await;
        let before = worked();
        for _ in 0..ROUNDS {
            took.push(asked(&http, &client.token, &url, &list).await.0);
        }
        let work = worked().zip(before).map_or(0.0, |(now, then)| (now - then) / ROUNDS as f64);
        let total = answer["pagination"]["total"].as_i64().expect("a number");
        list.wanted.assigned_to = std::ptr::eq(client, &tech).then_some(user);
        let page = tandem::store::page::Page::numbered(list.page, LIMIT);
        let found = calls::list(db, stage.tenant, &list.wanted, list.sort, page).await;
        assert_eq!(
            found.expect("a list").total,
            total,
            "{} is asked for as it is meant",
            list.name
        );
        took.sort();
        let ms = |of: usize| took[(took.len() * of).div_ceil(100) - 1].as_secs_f64() * 1e3;
        let late = if ms(99) > PROMISE.as_secs_f64() * 1e3 { "  late" } else { "" };
        kept &= late.is_empty();
        let (name, p50, p99, max) = (list.name, ms(50), ms(99), ms(100));
        println!("{name:<62} {total:>7} {work:>7.1} {p50:>8.1} {p99:>8.1} {max:>8.1}{late}");
        if plans {
            let plans = calls::plan(db, stage.tenant, &list.wanted, list.sort).await;
            for (what, plan) in ["page ", "count"].iter().zip(plans.expect("plans")) {
                println!("    {what}  {}", plan.join("\n           "));
            }
        }
    }
    kept
}

#[tokio::main]
async fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let many = words.iter().find_map(|word| word.parse().ok());
    let plans = words.iter().any(|word| word == "--plans");
    // As a test, it is a look whether everything runs.
    let usual = if words.iter().any(|word| word == "--bench") { CALLS } else { 2_000 };
    let many = many.unwrap_or(usual);
    let mut kept = true;
    for engine in [Engine::Sqlite, Engine::Postgres] {
        match Stage::open(engine).await {
            Some(stage) => kept &= measure(&stage, many, plans).await,
            None => println!("PostgreSQL is not installed: not measured"),
        }
    }
    println!(
        "{}",
        if kept { "every p99 is within 50 ms" } else { "not every p99 is within 50 ms" }
    );
}
