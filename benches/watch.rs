//! What it takes to tell 50 supervisors of 200 running calls.
//!
//! Each call has five lines a second, published as sessions publish them; each supervisor watches all
//! calls over a WebSocket. Printed: from publishing to receiving, ms, and the server's share of a CPU.
//! The supervisors are a process of their own, so that their share is not the server's.

use std::{
    io::{BufRead, BufReader, Write},
    process::{Command, Stdio},
    sync::Arc,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use futures_util::{SinkExt, StreamExt};
use serde_json::Map;
use tandem::{
    api,
    app::{App, Clock},
    carrier::hang_up::Patience,
    config::Config,
    domain::{CallId, Interaction, Role, Speaker},
    live::{desk::Desk, journal::Journals},
    realtime::{Event, Kind},
};
use tokio_tungstenite::{connect_async, tungstenite::Message};

const CALLS: usize = 200;
const WATCHERS: usize = 50;
/// Lines a second and call.
const LINES: usize = 5;
const SECONDS: usize = 10;
/// So many are published before they count.
const WARM_UP: usize = CALLS * LINES;

#[tokio::main]
async fn main() {
    match std::env::args().skip_while(|argument| argument != "--watch").nth(1) {
        Some(url) => watch(&url).await,
        None => serve().await,
    }
}

/// Microseconds of the clock that both processes read.
fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_micros() as u64
}

async fn serve() {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().display().to_string();
    let env = |name: &str| match name {
        "TANDEM_DATA_DIR" => Some(data.clone()),
        "TANDEM_LIMIT_SOCKETS" => Some(WATCHERS.to_string()),
        _ => None,
    };
    let config = Config::load(None, &env).expect("the settings are sound");
    let desk = Desk::new(None, Patience::after(Duration::from_secs(5)));
    let journals = Journals::open(&config.data_dir.join("journal")).expect("a folder");
    let app = App::open(config.control, desk, journals, Clock::default()).await.expect("it opens");
    let tenant = app.first_start().await.expect("the first start");
    let (email, password) = ("bench@example.com", "correct horse battery");
    app.add_user(tenant, email, "Bench", Role::Viewer, password).await.expect("a user");
    let token = app.log_in(email, password, None).await.expect("signs in").access;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("ws://{}/ws/calls?token={token}", listener.local_addr().expect("one"));
    let router = api::routes::<()>(app.clone());
    let service = router.into_make_service_with_connect_info::<std::net::SocketAddr>();
    tokio::spawn(async move { axum::serve(listener, service).await });

    let program = std::env::current_exe().expect("this program");
    let mut supervisors = Command::new(program)
        .args(["--watch", &url])
        .stdout(Stdio::piped())
        .spawn()
        .expect("supervisors");
    let mut told = BufReader::new(supervisors.stdout.take().expect("their output")).lines();
    tokio::task::block_in_place(|| told.next()).expect("they are ready").expect("a line");

    let calls: Vec<CallId> = (0..CALLS).map(|_| CallId::new()).collect();
    let mut tick = tokio::time::interval(Duration::from_secs_f64(1.0 / (CALLS * LINES) as f64));
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Burst);
    let (mut cpu, mut began) = (cpu_seconds(), Instant::now());
    for number in 0..WARM_UP + CALLS * LINES * SECONDS {
        tick.tick().await;
        if number == WARM_UP {
            (cpu, began) = (cpu_seconds(), Instant::now());
        }
        let call = calls[number % CALLS];
        let line = Interaction {
            id: number as i64,
            call,
            speaker: Speaker::Customer,
            text: format!("{} I would like to move my appointment to Thursday, please.", now()),
            audio_url: None,
            at: app.clock.now(),
            sentiment: None,
            metadata: Map::new(),
        };
        let (call, sequence) = (Some(call), Some((number / CALLS) as i64 + 1));
        let kind = Kind::InteractionAdded(Arc::new(line));
        app.hub.publish(Event { tenant, call, sequence, kind });
    }
    let (cpu, took) = (cpu_seconds() - cpu, began.elapsed().as_secs_f64());
    let latencies = tokio::task::block_in_place(|| told.next()).expect("a report").expect("a line");
    supervisors.wait().expect("they leave");
    println!(
        "{CALLS} calls, {WATCHERS} watchers, {LINES} lines/s/call: {:.0} lines/s told {:.0} times/s",
        (CALLS * LINES * SECONDS) as f64 / took,
        (CALLS * LINES * SECONDS * WATCHERS) as f64 / took,
    );
    println!("{latencies}");
    println!("server: {:.0} % of a CPU", 100.0 * cpu / took);
}

/// The supervisors: "ready" once all watch, then what they saw.
async fn watch(url: &str) {
    let watching = (0..WATCHERS).map(|_| async move {
        let (mut socket, _) = connect_async(url).await.expect("connects");
        let subscribe = r#"{"event": "subscribe", "data": {"type": "all_calls"}}"#;
        socket.send(Message::text(subscribe)).await.expect("sent");
        // What is not understood is answered, after what came before.
        socket.send(Message::text("ready?")).await.expect("sent");
        socket.next().await.expect("an answer").expect("a frame");
        socket
    });
    let sockets = futures_util::future::join_all(watching).await;
    println!("ready");
    std::io::stdout().flush().expect("said");
    let all = WARM_UP + CALLS * LINES * SECONDS;
    let watching = sockets.into_iter().map(|mut socket| {
        tokio::spawn(async move {
            let (mut seen, mut lost, mut micros) = (0, 0, Vec::with_capacity(all));
            while seen + lost < all {
                let message = socket.next().await.expect("a frame").expect("a frame");
                let Message::Text(text) = message else { continue };
                let Some(begin) = text.find("\"text\":\"") else {
                    let resync: serde_json::Value = serde_json::from_str(&text).expect("JSON");
                    lost += resync["data"]["lost"].as_u64().expect("a resync") as usize;
                    continue;
                };
                let told = text[begin + 8..].split(' ').next().and_then(|at| at.parse().ok());
                seen += 1;
                if seen > WARM_UP {
                    micros.push(now().saturating_sub(told.expect("its time")));
                }
            }
            (lost, micros)
        })
    });
    let (mut lost, mut micros) = (0, Vec::new());
    for watcher in futures_util::future::join_all(watching).await {
        let (missed, seen) = watcher.expect("it ends");
        lost += missed;
        micros.extend(seen);
    }
    micros.sort_unstable();
    let at = |share: f64| micros[((micros.len() - 1) as f64 * share) as usize] as f64 / 1_000.0;
    println!(
        "published to received: p50 {:.2} ms, p99 {:.2} ms, longest {:.2} ms; lost {lost}",
        at(0.5),
        at(0.99),
        at(1.0)
    );
}

/// CPU time of this process so far, user and system.
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // proc(5): utime and stime are fields 14 and 15, counted after the name's bracket from 3.
    let fields = stat.rsplit(')').next().unwrap_or_default();
    let ticks: f64 =
        fields.split_whitespace().skip(11).take(2).filter_map(|t| t.parse::<f64>().ok()).sum();
    ticks / 100.0
}
