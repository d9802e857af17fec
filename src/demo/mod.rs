//! `tandem demo`: a whole conversation on this machine, over the real carrier protocol.
//!
//! The gateway is started on a free port with a seeded business; a simulated carrier connects a
//! synthetic caller who asks, barges in and books, and then a person's recording. What is printed is
//! what the gateway wrote down: the transcript as heard, and where the time of each answer went.

mod print;

use std::{error::Error, net::SocketAddr, path::PathBuf, process::ExitCode, time::Duration};

use clap::Args;
use reqwest::Url;
use tokio_util::sync::CancellationToken;

use crate::{
    caller::{self, Call, Clip, Scenario, Step, Wait},
    config::Config,
    models::{self, Offer},
    serve,
};

/// The seeded business.
pub const BUSINESS: &str = include_str!("business.toml");

/// The caller's sentences, by name.
macro_rules! voices {
    ($($name:ident = $file:literal;)*) => {$(
        const $name: (&str, &[u8]) =
            ($file, include_bytes!(concat!("../../fixtures/", $file, ".wav")));
    )*};
}
voices! {
    HOURS = "callers/hours";
    INSURANCE = "callers/insurance";
    BARGE_IN = "callers/bargein";
    PARKING = "callers/parking";
    BOOK = "callers/book";
    NAME = "callers/name";
    TIME = "callers/time";
    YES = "callers/yes";
    THANKS = "callers/thanks";
    PERSON = "librivox/dashwood-0930";
}

/// Plays a conversation through the gateway on this machine.
#[derive(Args, Clone, Debug)]
pub struct DemoArgs {
    /// Keeps serving after the conversation, until Ctrl-C.
    #[arg(long)]
    pub stay: bool,

    /// Fails instead of fetching speech models that are missing.
    #[arg(long)]
    pub no_pull: bool,

    /// Prints what happens as JSON lines instead of a transcript.
    #[arg(long)]
    pub json: bool,

    /// Where recordings and the journal go; a folder `demo` in the data folder unless set.
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
}

/// Plays it. Exits with 1 if the conversation did not go as it should.
///
/// # Errors
/// What kept it from starting.
pub async fn run(args: DemoArgs, mut config: Config) -> Result<ExitCode, Box<dyn Error>> {
    let offer = if args.no_pull { Offer::Refuse } else { Offer::AskOrFetch };
    models::ensure(&config, offer).await?;
    let auth_token = serve::auth_token(&config)?;
    config.data_dir = args.out.clone().unwrap_or_else(|| config.data_dir.join("demo"));
    config.record = true;
    config.business = None;
    config.listen = SocketAddr::from(([127, 0, 0, 1], 0));
    let listener = serve::listen(&config).await?;
    config.public_url = format!("http://{}", listener.local_addr()?);
    let answer: Url = format!("{}/webhooks/twilio/answer", config.public_url).parse()?;
    let status: Url = format!("{}/webhooks/twilio/status", config.public_url).parse()?;

    let gateway = serve::open(config, &auth_token)?;
    let mut printer = print::Printer::start(&gateway, args.json);
    printer.opening(&gateway);
    let stop = CancellationToken::new();
    let served = tokio::spawn(gateway.clone().serve(listener, stop.clone()));

    let mut went_well = true;
    let mut calls = 0;
    for scenario in [conversation()?, recorded_person()?] {
        printer.call(&scenario.name);
        let call = Call::to(answer.as_str(), auth_token.clone(), scenario)?
            .status_callback(status.clone());
        let outcome = caller::place(call).await?;
        calls += 1;
        printer.printed(calls).await;
        let well = !outcome.step_failed() && outcome.violations.is_empty();
        printer.outcome(&gateway, &outcome, well);
        went_well &= well;
    }
    if args.stay {
        printer.staying(gateway.public_url());
        tokio::signal::ctrl_c().await?;
    }
    stop.cancel();
    served.await??;
    printer.finish().await;
    Ok(if went_well { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The synthetic caller: questions, a barge-in, an appointment, a goodbye.
///
/// # Errors
/// Its recordings are not what they were when this was built.
pub fn conversation() -> Result<Scenario, Box<dyn Error>> {
    let answered =
        || Step::WaitForAgent(Wait { silence: Duration::from_millis(900), ..Wait::default() });
    let steps = vec![
        answered(),
        say(HOURS)?,
        answered(),
        say(INSURANCE)?,
        Step::BargeIn {
            after: Duration::from_millis(2_500),
            say: clip(BARGE_IN)?,
            within: Duration::from_secs(10),
        },
        answered(),
        say(PARKING)?,
        answered(),
        say(BOOK)?,
        answered(),
        say(NAME)?,
        answered(),
        say(TIME)?,
        answered(),
        say(YES)?,
        answered(),
        say(THANKS)?,
        Step::ExpectHangUp { within: Duration::from_secs(15) },
    ];
    Ok(Scenario::new("a synthetic caller", steps))
}

/// A person's recorded words (public domain), which nobody expects at a dentist's.
fn recorded_person() -> Result<Scenario, Box<dyn Error>> {
    let mut scenario = Scenario::of_one_recording(clip(PERSON)?, true);
    scenario.name = "a person's recording".to_owned();
    Ok(scenario)
}

fn say(voice: (&str, &[u8])) -> Result<Step, Box<dyn Error>> {
    Ok(Step::Say(clip(voice)?))
}

fn clip((name, wav): (&str, &[u8])) -> Result<std::sync::Arc<Clip>, Box<dyn Error>> {
    let samples: Vec<i16> =
        hound::WavReader::new(wav)?.into_samples().collect::<Result<_, hound::Error>>()?;
    Ok(Clip::from_samples(name, &samples)?)
}
