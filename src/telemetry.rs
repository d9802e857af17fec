//! Logs, metrics and traces: set up once, named in one place.

pub mod traces;

use metrics::{describe_counter, describe_gauge, describe_histogram};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};

/// Logs to standard error: `TANDEM_LOG` says what (`info` unless set, as `RUST_LOG` would), in lines
/// for people or, for machines, in JSON.
pub fn log_to_stderr(json: bool, filter: Option<&str>) {
    let filter = log_filter(filter);
    let logs = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    // A second set-up, as in tests, keeps the first.
    let _ = if json { logs.json().try_init() } else { logs.with_target(false).try_init() };
}

/// What is logged. The MCP client logs whole messages, in which there may be what callers said: it is
/// silent unless it is named.
pub fn log_filter(filter: Option<&str>) -> tracing_subscriber::EnvFilter {
    tracing_subscriber::EnvFilter::builder()
        .with_default_directive(tracing::Level::INFO.into())
        .parse_lossy(format!("rmcp=off,{}", filter.unwrap_or("info")))
}

/// The process's metrics, for `/metrics`.
///
/// # Panics
/// If its fixed buckets were empty.
pub fn metrics() -> PrometheusHandle {
    static HANDLE: std::sync::OnceLock<PrometheusHandle> = std::sync::OnceLock::new();
    HANDLE
        .get_or_init(|| {
            let seconds = [0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0];
            let recorder = PrometheusBuilder::new()
                .set_buckets_for_metric(Matcher::Suffix("_seconds".into()), &seconds)
                .expect("there are buckets")
                .build_recorder();
            let handle = recorder.handle();
            // Another recorder, as an embedding program may have, is left in place.
            let _ = metrics::set_global_recorder(recorder);
            describe();
            handle
        })
        .clone()
}

fn describe() {
    describe_gauge!("tandem_live_calls", "Calls whose audio is connected");
    describe_counter!("tandem_calls_total", "Calls whose audio was connected");
    describe_counter!("tandem_calls_answered_total", "Webhooks that asked how to answer a call");
    describe_counter!("tandem_calls_resumed_total", "Calls gone on with after a break");
    describe_counter!("tandem_calls_turned_away_total", "Calls refused past capacity");
    describe_gauge!("tandem_loop_lag_seconds", "How late this process wakes, at the worst lately");
    describe_counter!("tandem_hang_ups_total", "Calls hung up, by whether the carrier ended them");
    describe_counter!("tandem_tones_total", "Tones heard on calls that we made");
    describe_counter!("tandem_answerers_total", "Who answered calls that we made, by the carrier");
    describe_counter!("tandem_webhooks_refused_total", "Webhooks with a bad signature or form");
    describe_counter!("tandem_sockets_total", "Media sockets opened");
    describe_counter!("tandem_sockets_refused_total", "Media sockets closed before a session");
    describe_counter!("tandem_socket_failures_total", "Media sockets that broke");
    describe_counter!("tandem_carrier_oddities_total", "Odd messages of the carrier, by kind");
    describe_counter!("tandem_carrier_silent_total", "Calls left because the carrier fell silent");
    describe_counter!("tandem_vendor_failures_total", "Failures of vendors, by stage");
    describe_gauge!("tandem_engine_breaker", "0 in use, 0.5 being probed, 1 out; by part, engine");
    describe_gauge!("tandem_engine_first_seconds", "Within this 95 of 100 answers began");
    describe_counter!("tandem_engine_requests_total", "Requests that an engine was asked");
    describe_counter!("tandem_engine_failures_total", "Requests at which an engine failed");
    describe_counter!("tandem_engine_failovers_total", "Requests taken over from an engine before");
    describe_counter!("tandem_engine_hedges_total", "Requests asked twice, the first being late");
    describe_counter!("tandem_engine_hedges_won_total", "Those that the second answered first");
    describe_counter!("tandem_phrases_ready_total", "Sentences that were ready beforehand");
    describe_counter!("tandem_tool_failures_total", "Tools that failed");
    describe_counter!("tandem_frames_lost_total", "Audio frames that an engine had no room for");
    describe_counter!("tandem_journal_failures_total", "Journal writes that failed");
    describe_counter!("tandem_store_away_total", "Writes that found the database away");
    describe_counter!("tandem_scribe_failures_total", "Times a call could not be written down");
    describe_gauge!("tandem_scribe_troubled_calls", "Calls that the database refuses, tried again");
    describe_counter!(
        "tandem_scribe_notes_left_out_total",
        "Notes that the database refused and that are in journals alone"
    );
    describe_counter!("tandem_scribe_given_up_total", "Calls refused too often to be tried again");
    describe_counter!(
        "tandem_recording_pieces_lost_total",
        "Pieces of recordings that the disk was too slow for"
    );
    describe_counter!("tandem_clears_total", "Times the carrier was told to drop audio");
    describe_counter!("tandem_utterances_cut_total", "Utterances cut short, by whomever");
    describe_counter!("tandem_backchannels_total", "Sounds that did not take the floor");
    describe_gauge!("tandem_watchers", "Live connections that are told of events, by transport");
    describe_counter!("tandem_events_sent_total", "Events told to live connections");
    describe_counter!("tandem_events_lost_total", "Events that live connections were too slow for");
    describe_histogram!(
        "tandem_turn_seconds",
        "From the caller's last sound to the agent's first heard one"
    );
    describe_histogram!("tandem_turn_stage_seconds", "The stages of an answer");
}
