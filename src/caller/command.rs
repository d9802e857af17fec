//! `tandem call`: the command line over [`super::place`].

use std::io::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use humantime_serde::re::humantime;
use reqwest::Url;
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::network::Stall;
use crate::{config, token};

use super::{
    ACCOUNT_SID, Call, CallError, Clip, Delivery, Detection, FROM, Found, Outcome, Rest, Scenario,
    TO, Who, place,
};

/// The gateway did not do what the scenario expects.
const STEP_FAILED: u8 = 1;
/// The command line, the scenario or a recording is wrong.
const USAGE: u8 = 2;
/// The gateway broke a rule of the carrier's protocol.
const VIOLATION: u8 = 3;
/// No call came about.
const NO_CALL: u8 = 5;

const AFTER_HELP: &str = "\
A scenario file is TOML: steps = [\"wait_for_agent\", { say = \"question.wav\" },
{ barge_in = { after = \"600ms\", say = \"no.wav\" } }, \"wait_for_agent\", { press = \"1\" },
{ expect_hang_up = \"10s\" }]. Recordings lie beside it. Also: tone, wait, wait_for_silence, hang_up.

Exit status: 0 all steps passed, 1 a step failed, 2 wrong usage, 3 the gateway broke the protocol,
5 the call could not be connected.

Examples:
  tandem call http://127.0.0.1:8000/webhooks/twilio/answer --wav question.wav
  tandem call https://gw.example/voice --scenario barge-in.toml --auth-token … --out results
  tandem call http://127.0.0.1:8000/webhooks/twilio/answer --call-id 1 --scenario voicemail.toml \
    --amd 6s=machine_end_beep --amd-callback http://127.0.0.1:8000/webhooks/twilio/amd
  tandem call ws://127.0.0.1:8000/media --param token=abc --wav hello.wav --speak-first --json";

/// Plays the carrier's side of one call towards a gateway: speaks a recording, hears the answer in
/// real time, and reports who said what when.
#[derive(Args, Clone, Debug)]
#[command(after_help = AFTER_HELP)]
pub struct CallArgs {
    /// The gateway's answer webhook (http, https), or its media socket (ws, wss) without TwiML.
    pub url: String,

    /// A recording for the caller to say once the agent has greeted: any WAV file.
    #[arg(long, value_name = "FILE", required_unless_present = "scenario")]
    #[arg(conflicts_with = "scenario")]
    pub wav: Option<PathBuf>,

    /// With --wav: say it at once, without waiting for a greeting.
    #[arg(long, requires = "wav")]
    pub speak_first: bool,

    /// What the caller does, step by step: a TOML file (see below).
    #[arg(long, value_name = "FILE")]
    pub scenario: Option<PathBuf>,

    /// Where `fixture:` recordings of a scenario are; the nearest folder named fixtures unless set.
    #[arg(long, value_name = "DIR", env = "TANDEM_FIXTURES_DIR")]
    pub fixtures: Option<PathBuf>,

    /// The caller's number.
    #[arg(long, default_value = FROM, value_name = "NUMBER")]
    pub from: String,

    /// The number that is called.
    #[arg(long, default_value = TO, value_name = "NUMBER")]
    pub to: String,

    /// The account that the gateway is told.
    #[arg(long, default_value = ACCOUNT_SID, value_name = "SID", env = "TWILIO_ACCOUNT_SID")]
    pub account_sid: String,

    /// Signs the requests as the carrier would. Without it, the token in --data-dir
    /// is used.
    #[arg(long, value_name = "TOKEN", env = "TWILIO_AUTH_TOKEN", hide_env_values = true)]
    pub auth_token: Option<SecretString>,

    /// The data folder of a gateway on this machine, which keeps the token that it made itself.
    /// The usual one unless set.
    #[arg(long, value_name = "DIR", env = "TANDEM_DATA_DIR")]
    pub data_dir: Option<PathBuf>,

    /// Makes it an outbound call of the gateway's, answered by a person: its `callId`.
    #[arg(long, value_name = "ID")]
    pub call_id: Option<String>,

    /// The `leadId` of an outbound call.
    #[arg(long, value_name = "ID")]
    pub lead_id: Option<String>,

    /// A TwiML Parameter for a socket that is called directly. Repeatable.
    #[arg(long, value_name = "NAME=VALUE", value_parser = pair)]
    pub param: Vec<(String, String)>,

    /// Who answered an outbound call, as the carrier finds out before it asks for TwiML: human,
    /// machine_start, machine_end_beep, fax … "off": nobody finds out.
    #[arg(long, value_name = "WORD", default_value = "human", conflicts_with = "amd")]
    pub answered_by: String,

    /// Who answered an outbound call, as the carrier finds out beside it: 3s=machine_end_beep posts
    /// that to --amd-callback 3 s after the answer. Repeatable.
    #[arg(long, value_name = "AFTER=WORD", value_parser = found, requires = "amd_callback")]
    pub amd: Vec<Found>,

    /// Where --amd is posted.
    #[arg(long, value_name = "URL", requires = "amd")]
    pub amd_callback: Option<Url>,

    /// Where to post the call's end, as the carrier's status callback does.
    #[arg(long, value_name = "URL")]
    pub status_callback: Option<Url>,

    /// How status callbacks arrive: in-order, twice, reversed, lost, or late by a time as in 2s.
    #[arg(long, value_name = "HOW", value_parser = delivery, default_value = "in-order")]
    #[arg(requires = "status_callback")]
    pub status_delivery: Delivery,

    /// Serves the carrier's REST API here during the call, so that the gateway can look the call up
    /// and end it. Its TWILIO_API_URL is then http:// and this address.
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub rest: Option<SocketAddr>,

    /// The caller hangs up after so long, whatever happens. 5 minutes unless set here or in the
    /// scenario.
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
    pub at_most: Option<Duration>,

    /// Delays each of the caller's messages by up to this time, in order.
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
    pub jitter: Option<Duration>,

    /// Loses this share of the caller's frames, 0 to 1.
    #[arg(long, value_name = "SHARE")]
    pub loss: Option<f64>,

    /// Stops the line at a time for a while, as 5s/300ms. Repeatable.
    #[arg(long, value_name = "AT/FOR", value_parser = stall)]
    pub stall: Vec<Stall>,

    /// Repeats the same jitter and loss.
    #[arg(long, value_name = "NUMBER")]
    pub seed: Option<u64>,

    /// Writes call.wav (caller left, agent right) and outcome.json into this folder.
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,

    /// Prints the outcome as JSON, and nothing else.
    #[arg(long)]
    pub json: bool,
}

fn pair(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("a parameter is written NAME=VALUE".to_owned()),
    }
}

fn found(text: &str) -> Result<Found, String> {
    let pair = text
        .split_once('=')
        .and_then(|(after, word)| Some(Found::new(humantime::parse_duration(after).ok()?, word)));
    pair.ok_or_else(|| "a detection is written AFTER=WORD, as 3s=machine_end_beep".to_owned())
}

fn delivery(text: &str) -> Result<Delivery, String> {
    match text {
        "in-order" => Ok(Delivery::InOrder),
        "twice" => Ok(Delivery::Twice),
        "reversed" => Ok(Delivery::Reversed),
        "lost" => Ok(Delivery::Lost),
        _ => humantime::parse_duration(text).map(Delivery::Late).map_err(|_| {
            "callbacks arrive in-order, twice, reversed, lost, or late by a time".to_owned()
        }),
    }
}

fn stall(text: &str) -> Result<Stall, String> {
    let times = text.split_once('/').and_then(|(at, lasts)| {
        let time = |text| humantime::parse_duration(text).ok();
        Some(Stall { at: time(at)?, lasts: time(lasts)? })
    });
    times.ok_or_else(|| "a stall is written AT/FOR, as 5s/300ms".to_owned())
}

/// Runs the command and prints what it finds.
pub async fn run(args: CallArgs) -> ExitCode {
    let call = match prepare(&args) {
        Ok(call) => call,
        Err(Trouble { code, text }) => return fail(code, &text),
    };
    let call = match rest(&args, call).await {
        Ok(call) => call,
        Err(Trouble { code, text }) => return fail(code, &text),
    };
    let stop = CancellationToken::new();
    let (notes, mut happened) = mpsc::channel(1_000);
    let printing = tokio::spawn({
        let json = args.json;
        async move {
            while let Some(note) = happened.recv().await {
                if !json {
                    print(&format!("{note}\n"));
                }
            }
        }
    });
    let hang_up = tokio::spawn({
        let stop = stop.clone();
        async move {
            // Without a signal to wait for, the call's own limit ends it.
            if tokio::signal::ctrl_c().await.is_ok() {
                stop.cancel();
            }
        }
    });
    let outcome = place(call.notes(notes).stop_on(stop)).await;
    hang_up.abort();
    // The call has dropped its end of the channel, so the printing ends.
    let _ = printing.await;
    let outcome = match outcome {
        Ok(outcome) => outcome,
        Err(error) => {
            let code = if matches!(error, CallError::Target { .. } | CallError::Network(_)) {
                USAGE
            } else {
                NO_CALL
            };
            return fail(code, &chain(&error));
        }
    };
    if let Some(folder) = &args.out
        && let Err(why) = write(&outcome, folder)
    {
        return fail(USAGE, &why);
    }
    if args.json {
        match serde_json::to_string_pretty(&outcome) {
            Ok(json) => print(&format!("{json}\n")),
            Err(error) => return fail(USAGE, &error.to_string()),
        }
    } else {
        print(&summary(&outcome, args.out.as_deref()));
    }
    ExitCode::from(verdict(&outcome))
}

/// Prints, as long as someone reads: a closed pipe does not end the call.
fn print(text: &str) {
    let _ = std::io::stdout().write_all(text.as_bytes());
}

fn verdict(outcome: &Outcome) -> u8 {
    if !outcome.violations.is_empty() {
        VIOLATION
    } else if outcome.step_failed() {
        STEP_FAILED
    } else {
        0
    }
}

struct Trouble {
    code: u8,
    text: String,
}

fn usage(error: &dyn std::error::Error) -> Trouble {
    Trouble { code: USAGE, text: chain(error) }
}

fn prepare(args: &CallArgs) -> Result<Call, Trouble> {
    let mut scenario = match (&args.scenario, &args.wav) {
        (Some(path), _) => {
            Scenario::read(path, args.fixtures.as_deref()).map_err(|error| usage(&error))?
        }
        (None, Some(path)) => {
            let clip = Clip::read(path).map_err(|error| usage(&error))?;
            Scenario::of_one_recording(clip, !args.speak_first)
        }
        (None, None) => {
            let text = "give the caller something to do: --wav or --scenario".to_owned();
            return Err(Trouble { code: USAGE, text });
        }
    };
    let network = &mut scenario.network;
    network.jitter = args.jitter.unwrap_or(network.jitter);
    network.loss = args.loss.unwrap_or(network.loss);
    network.seed = args.seed.unwrap_or(network.seed);
    network.stalls.extend(&args.stall);
    scenario.at_most = args.at_most.unwrap_or(scenario.at_most);

    let token = auth_token(args)?;
    let call = Call::to(&args.url, token, scenario).map_err(|error| usage(&error))?;
    let mut call = call.numbers(&*args.from, &*args.to).account(&*args.account_sid);
    if args.call_id.is_some() || args.lead_id.is_some() {
        call = call.placed_by_gateway(args.lead_id.as_deref(), args.call_id.as_deref());
    }
    call = call.detection(match &args.amd_callback {
        Some(callback) => Detection::Beside { callback: callback.clone(), found: args.amd.clone() },
        None if args.answered_by == "off" => Detection::Off,
        None => Detection::First(args.answered_by.clone()),
    });
    call = call.status_delivery(args.status_delivery);
    for (name, value) in &args.param {
        call = call.parameter(name, value);
    }
    if let Some(url) = &args.status_callback {
        call = call.status_callback(url.clone());
    }
    Ok(call)
}

/// Makes the call known to the carrier's API, if one is to be served.
async fn rest(args: &CallArgs, call: Call) -> Result<Call, Trouble> {
    let Some(address) = args.rest else { return Ok(call) };
    let rest = Rest::start(address, &*args.account_sid, call.auth_token.clone()).await;
    let rest = rest.map_err(|error| Trouble {
        code: USAGE,
        text: format!("cannot serve the carrier's API at {address}: {error}"),
    })?;
    // The call keeps it running.
    Ok(call.known_to(&rest))
}

/// The token given, else the one that a gateway on this machine made for itself.
fn auth_token(args: &CallArgs) -> Result<SecretString, Trouble> {
    // A variable that is set to nothing counts as unset.
    let given = args.auth_token.as_ref().filter(|token| !token.expose_secret().is_empty());
    if let Some(token) = given {
        return Ok(token.clone());
    }
    let named = args.data_dir.as_ref().filter(|folder| !folder.as_os_str().is_empty());
    let usual = || config::default_data_dir(&|name| std::env::var(name).ok());
    let path = named.cloned().unwrap_or_else(usual).join(token::FILE);
    match std::fs::read_to_string(&path) {
        Ok(text) => Ok(SecretString::from(text.trim())),
        Err(error) if named.is_some() => Err(Trouble {
            code: USAGE,
            text: format!(
                "cannot read the gateway's token {}: {error} (has it been started once? else give \
                 --auth-token)",
                path.display()
            ),
        }),
        Err(_) => {
            eprintln!(
                "no --auth-token, and no gateway has made one on this machine: the signatures of \
                 this call will not be valid"
            );
            Ok(SecretString::from(uuid::Uuid::new_v4().simple().to_string()))
        }
    }
}

fn write(outcome: &Outcome, folder: &Path) -> Result<(), String> {
    let failed =
        |name: &str, why: String| format!("cannot write {}: {why}", folder.join(name).display());
    std::fs::create_dir_all(folder).map_err(|error| failed("", error.to_string()))?;
    let wav = folder.join("call.wav");
    outcome.write_wav(&wav).map_err(|error| failed("call.wav", error.to_string()))?;
    let json = serde_json::to_vec_pretty(outcome)
        .map_err(|error| failed("outcome.json", error.to_string()))?;
    std::fs::write(folder.join("outcome.json"), json)
        .map_err(|error| failed("outcome.json", error.to_string()))
}

fn summary(outcome: &Outcome, out: Option<&Path>) -> String {
    let mut lines = Vec::new();
    let seconds = |ms: u64| format!("{}.{:03}", ms / 1000, ms % 1000);
    lines.push(format!(
        "\n{}: {} after {} s, {} stream(s)",
        outcome.call_sid,
        outcome.end,
        seconds(outcome.duration_ms),
        outcome.stream_sids.len()
    ));
    for turn in &outcome.turns {
        let who = match turn.who {
            Who::Caller => "caller",
            Who::Agent => "agent ",
        };
        let cut = if turn.cut { "  (cut short)" } else { "" };
        let (from, to) = (seconds(turn.from_ms), seconds(turn.to_ms));
        lines.push(format!("  {who} {from:>8} to {to:>8} s{cut}"));
    }
    for response in &outcome.responses {
        let at = seconds(response.caller_ended_ms);
        lines.push(match response.latency_ms {
            Some(latency) => format!("  answer {latency} ms after the caller ended at {at} s"),
            None => format!("  no answer after the caller ended at {at} s"),
        });
    }
    for barge_in in &outcome.barge_ins {
        let at = seconds(barge_in.onset_ms);
        let heard = barge_in.agent_heard_for_ms;
        lines.push(match barge_in.clear_after_ms {
            Some(clear) => format!(
                "  barge-in at {at} s: clear after {clear} ms, the agent heard for {heard} ms more"
            ),
            None => format!("  barge-in at {at} s: no clear, the agent heard for {heard} ms more"),
        });
    }
    let marks = outcome.marks;
    lines.push(format!(
        "  marks {}: {} played, {} cleared, {} unanswered; gaps in the agent's audio: {}",
        marks.received,
        marks.played,
        marks.cleared,
        marks.unanswered,
        outcome.gaps.len()
    ));
    for step in outcome.steps.iter().filter(|step| !step.passed()) {
        lines.push(format!("  {step}"));
    }
    for violation in &outcome.violations {
        lines.push(format!("  VIOLATION {violation}"));
    }
    lines.extend(outcome.warnings.iter().map(|warning| format!("  warning: {warning}")));
    if let Some(folder) = out {
        let (wav, json) = (folder.join("call.wav"), folder.join("outcome.json"));
        lines.push(format!("  {} and {}", wav.display(), json.display()));
    }
    lines.join("\n") + "\n"
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}

fn fail(code: u8, text: &str) -> ExitCode {
    eprintln!("tandem call: {text}");
    ExitCode::from(code)
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Cli {
        #[command(flatten)]
        args: CallArgs,
    }

    fn parse(words: &[&str]) -> Result<CallArgs, clap::Error> {
        let words = ["call"].iter().chain(words);
        Cli::try_parse_from(words).map(|cli| cli.args)
    }

    #[test]
    fn the_command_line_is_read() {
        let args = parse(&[
            "ws://localhost/media",
            "--wav",
            "a.wav",
            "--param",
            "token=a=b",
            "--stall",
            "5s/300ms",
            "--auth-token",
            "hush",
        ])
        .unwrap();
        assert_eq!(args.param, [("token".to_owned(), "a=b".to_owned())]);
        assert_eq!(args.stall[0].lasts, Duration::from_millis(300));
        assert!(!format!("{args:?}").contains("hush"));
        assert!(parse(&["ws://localhost/media"]).is_err());
        assert!(parse(&["ws://x", "--wav", "a", "--scenario", "b"]).is_err());
        assert!(parse(&["ws://x", "--wav", "a", "--stall", "soon"]).is_err());
    }

    #[test]
    fn what_the_carrier_tells_beside_the_call_is_read() {
        let with = |more: &[&str]| parse(&[&["http://x/answer", "--wav", "a.wav"], more].concat());
        let url = "http://x/amd";
        let amd = ["--amd", "3s=machine_start", "--amd", "0s=human", "--amd-callback", url];
        let found = with(&amd).unwrap().amd;
        assert_eq!(found[0], Found::new(Duration::from_secs(3), "machine_start"));
        assert_eq!((found.len(), found[1].after), (2, Duration::ZERO));
        assert!(with(&amd[..2]).is_err(), "a callback that goes nowhere");
        assert!(with(&["--amd", "soon", "--amd-callback", url]).is_err());
        assert!(with(&[&amd[..], &["--answered-by", "fax"]].concat()).is_err());
        let late = ["--status-callback", url, "--status-delivery", "2s"];
        let late = with(&late).unwrap().status_delivery;
        assert_eq!(late, Delivery::Late(Duration::from_secs(2)));
        assert_eq!(with(&[]).unwrap().status_delivery, Delivery::InOrder);
        assert!(with(&["--rest", "here"]).is_err());
    }

    #[test]
    fn the_gateways_own_token_is_found_in_its_data_folder() {
        let folder = std::env::temp_dir().join(format!("tandem-{}", uuid::Uuid::new_v4()));
        let words = ["ws://x/m", "--wav", "a", "--auth-token", ""];
        let mut args = parse(&words).unwrap();
        args.data_dir = Some(folder.clone());
        assert_eq!(auth_token(&args).err().unwrap().code, USAGE);
        std::fs::create_dir(&folder).unwrap();
        std::fs::write(folder.join(token::FILE), "made here\n").unwrap();
        assert_eq!(auth_token(&args).ok().unwrap().expose_secret(), "made here");
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn a_recording_that_is_not_there_is_named() {
        let args = parse(&["ws://localhost/media", "--wav", "absent.wav"]).unwrap();
        let trouble = prepare(&args).err().unwrap();
        assert_eq!(trouble.code, USAGE);
        assert!(trouble.text.contains("absent.wav"));
    }
}
