//! Promise: what people say on the telephone is understood over the whole call path.
//!
//! Recorded human speech goes through mu-law, the socket, voice activity and recognition, as in any call;
//! printed is the word error rate of each set, beside what is promised. `cargo bench --bench hear`.

use std::{process::ExitCode, time::Duration};

use fixtures::{
    Recording,
    spelling::{errors, words},
};
use futures_util::{StreamExt, stream};
use secrecy::SecretString;
use tandem::{
    caller::{self, Call, Clip, Scenario, Step},
    config::Config,
    domain::Business,
    gateway::Gateway,
    live::journal::Entry,
    telemetry,
};
use tokio_util::sync::CancellationToken;
use turn::{Action, Command, Note};

/// Word error rate that is promised on each set, in percent.
const PROMISED: f64 = 8.0;
/// Calls at once: as many talking callers as the local recogniser keeps up with on two cores.
const AT_ONCE: usize = 3;
/// Recordings to a call.
const PER_CALL: usize = 8;
/// Silence between two recordings: each is a turn of its own.
const BETWEEN: Duration = Duration::from_millis(2_600);

fn main() -> ExitCode {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let runtime = tokio::runtime::Runtime::new().expect("a runtime can be made");
    runtime.block_on(async {
        match measure().await {
            Ok(true) => ExitCode::SUCCESS,
            Ok(false) => ExitCode::FAILURE,
            Err(error) => {
                eprintln!("not measured: {error}");
                ExitCode::FAILURE
            }
        }
    })
}

async fn measure() -> Result<bool, Box<dyn std::error::Error>> {
    let folder = tempfile::tempdir()?;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}", listener.local_addr()?);
    let env = |name: &str| match name {
        "PUBLIC_URL" => Some(url.clone()),
        "TANDEM_DATA_DIR" => Some(folder.path().display().to_string()),
        // The models are where they always are.
        "TANDEM_MODELS_DIR" => Some(
            std::env::var(name)
                .map(Into::into)
                .unwrap_or_else(|_| {
                    tandem::config::default_data_dir(&|name| std::env::var(name).ok())
                        .join("models")
                })
                .display()
                .to_string(),
        ),
        _ => None,
    };
    let config = Config::load(None, &env)?;
    let token = SecretString::from("secret");
    // An agent that lets the caller speak.
    let business = Business::parse("name = \"Bench\"\ngreeting = \"\"\n")?;
    let gateway = Gateway::open(config, business, &token, telemetry::metrics())?;
    let stop = CancellationToken::new();
    let served = tokio::spawn(gateway.clone().serve(listener, stop.clone()));
    println!("{:<12} {:>6} {:>7} {:>8} {:>9}", "set", "words", "errors", "WER", "promised");
    let mut kept = true;
    for set in ["asterisk", "librivox"] {
        let recordings = fixtures::set(set);
        let calls: Vec<&[Recording]> = recordings.chunks(PER_CALL).collect();
        let heard: Vec<_> = stream::iter(calls)
            .map(|recordings| hear(&gateway, &url, &token, recordings))
            .buffered(AT_ONCE)
            .collect()
            .await;
        let (mut all, mut wrong) = (0, 0);
        for (recording, text) in recordings.iter().zip(heard.into_iter().flatten()) {
            let (meant, text) = (words(&recording.transcript), words(&text));
            let off = errors(&meant, &text);
            if off > 0 {
                println!("  {}: {} / {}", recording.name, meant.join(" "), text.join(" "));
            }
            all += meant.len();
            wrong += off;
        }
        let rate = 100.0 * wrong as f64 / all as f64;
        kept &= rate <= PROMISED;
        println!("{set:<12} {all:>6} {wrong:>7} {rate:>6.1} % {PROMISED:>7.1} %");
    }
    stop.cancel();
    served.await??;
    Ok(kept)
}

/// One call in which these are said; what was written down of each.
async fn hear(
    gateway: &Gateway,
    url: &str,
    token: &SecretString,
    recordings: &[Recording],
) -> Vec<String> {
    let mut steps = vec![Step::Wait(Duration::from_millis(1_000))];
    for recording in recordings {
        let clip = Clip::from_samples(&*recording.name, &recording.samples_8k()).expect("a clip");
        steps.extend([Step::Say(clip), Step::Wait(BETWEEN)]);
    }
    let (notes, mut happened) = tokio::sync::mpsc::channel(256);
    let answer = format!("{url}/webhooks/twilio/answer");
    let call = Call::to(&answer, token.clone(), Scenario::new("hear", steps))
        .expect("the address is right")
        .notes(notes);
    let silence = async {
        // A paused agent writes down what it hears and says nothing to it.
        while let Some(note) = happened.recv().await {
            if let caller::Note::StreamOpened { .. } = note.note {
                break;
            }
        }
        loop {
            for call_sid in gateway.desk.registry.live_calls() {
                let pause = gateway.desk.registry.tell(
                    &call_sid,
                    format!("pause-{call_sid}"),
                    Command::Pause,
                );
                let _ = pause.await;
            }
            match happened.recv().await {
                Some(note) if matches!(note.note, caller::Note::CallerSays { .. }) => break,
                Some(_) => {}
                None => break,
            }
        }
    };
    let (outcome, ()) = tokio::join!(caller::place(call), silence);
    let outcome = outcome.expect("the call comes about");
    let says: Vec<(u64, u64)> = outcome
        .steps
        .iter()
        .filter(|step| step.step.starts_with("say"))
        .map(|step| (step.from_ms, step.to_ms))
        .collect();
    while gateway.desk.registry.live_calls().contains(&outcome.call_sid) {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let journal =
        std::fs::read_to_string(gateway.journals.path(&outcome.call_sid)).unwrap_or_default();
    let mut heard = vec![String::new(); recordings.len()];
    for line in journal.lines() {
        if let Ok(Entry::Action {
            action: Action::Note(Note::CallerSaid { text, from, .. }), ..
        }) = serde_json::from_str(line)
        {
            // The session began when the stream was opened, some ms after the call was placed.
            let place = says.iter().rposition(|(began, _)| from.0 + 600 >= *began).unwrap_or(0);
            heard[place].push_str(&text);
            heard[place].push(' ');
        }
    }
    heard
}
