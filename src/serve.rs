//! `tandem serve`: the gateway until it is told to stop.

use std::{error::Error, process::ExitCode, sync::Arc};

use clap::Args;
use secrecy::{ExposeSecret, SecretString};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::{
    app::{self, App, Clock},
    config::Config,
    demo,
    domain::{Business, Role, TenantId, business::BadBusiness},
    gateway::{Gateway, NotStarted},
    models::{self, Offer},
    telemetry, terminal, token,
};

/// Runs the gateway until SIGTERM or Ctrl-C.
#[derive(Args, Clone, Debug)]
pub struct ServeArgs {
    /// Fetches missing speech models without asking.
    #[arg(long)]
    pub pull: bool,
}

/// Runs it.
///
/// # Errors
/// What kept it from starting, named.
pub async fn run(args: ServeArgs, mut config: Config) -> Result<ExitCode, Box<dyn Error>> {
    let offer = if args.pull { Offer::Fetch } else { Offer::Ask };
    models::ensure(&config, offer).await?;
    let traces = telemetry::traces::start()?;
    let auth_token = auth_token(&config)?;
    let own_token = config.twilio_auth_token.is_none();
    let listener = listen(&config).await?;
    let address = listener.local_addr()?;
    if config.listen.port() == 0 {
        // Any free port was asked for: the default address names the one that was found.
        config.public_url =
            config.public_url.replace("//127.0.0.1:0", &format!("//127.0.0.1:{}", address.port()));
    }
    let gateway = open(config, &auth_token)?;
    let control = gateway.open_control(Clock::default()).await?;
    let organisation = control.first_start().await?;
    first_user(&control, organisation).await?;
    let engines = gateway.engines();
    tracing::info!(
        %address,
        public_url = gateway.public_url(),
        business = gateway.business.name,
        stt = engines.names("stt"),
        llm = engines.names("llm"),
        tts = engines.names("tts"),
        vad = engines.vad_name(),
        "tandem is ready"
    );
    if own_token {
        tracing::info!(
            "no TWILIO_AUTH_TOKEN is set: requests are checked with a local token, which `tandem call` \
             finds in the data folder"
        );
    }
    let stop = CancellationToken::new();
    tokio::spawn(stop_on_signal(stop.clone()));
    gateway.serve(listener, stop).await?;
    if let Some(traces) = traces {
        traces.stop().await;
    }
    Ok(ExitCode::SUCCESS)
}

/// Asks for the first user where there is none and somebody is at the terminal.
async fn first_user(control: &App, organisation: TenantId) -> Result<(), Box<dyn Error>> {
    if !control.users_of(organisation).await?.is_empty() {
        return Ok(());
    }
    if !terminal::is_attended() {
        tracing::warn!(
            "nobody can sign in yet: `tandem user add EMAIL`, or TANDEM_OWNER_EMAIL and \
             TANDEM_OWNER_PASSWORD"
        );
        return Ok(());
    }
    eprintln!("Nobody can sign in yet. Who is the owner? (Enter nothing to do that later.)");
    loop {
        let asked = tokio::task::spawn_blocking(|| -> std::io::Result<_> {
            let email = terminal::line("E-mail")?;
            if email.is_empty() {
                return Ok(None);
            }
            Ok(Some((email, terminal::new_password()?)))
        });
        let Some((email, password)) = asked.await?? else { return Ok(()) };
        let password = password.expose_secret();
        match control.add_user(organisation, &email, "Owner", Role::Owner, password).await {
            Ok(user) => {
                eprintln!("{} is the owner.", user.email);
                return Ok(());
            }
            Err(refused @ app::Error::Invalid { .. }) => eprintln!("The {refused}."),
            Err(error) => return Err(error.into()),
        }
    }
}

/// The token that signs the carrier's requests: the account's, or a local one.
///
/// # Errors
/// The data folder cannot be written to.
pub fn auth_token(config: &Config) -> Result<SecretString, NotStarted> {
    match &config.twilio_auth_token {
        Some(token) => Ok(token.clone()),
        None => token::local(&config.data_dir).map_err(|source| NotStarted::Folder {
            attempt: "keep the local auth token in",
            path: config.data_dir.clone(),
            source,
        }),
    }
}

/// Binds the configured address.
///
/// # Errors
/// It is taken, or not ours.
pub async fn listen(config: &Config) -> Result<TcpListener, NotStarted> {
    let address = config.listen;
    TcpListener::bind(address).await.map_err(|source| NotStarted::Listen { address, source })
}

/// Makes the gateway ready, with the configured business.
///
/// # Errors
/// What is wrong with the business's file or the engines.
pub fn open(config: Config, auth_token: &SecretString) -> Result<Arc<Gateway>, Box<dyn Error>> {
    let business = business(&config)?;
    Ok(Gateway::open(config, business, auth_token, telemetry::metrics())?)
}

fn business(config: &Config) -> Result<Business, Box<dyn Error>> {
    match &config.business {
        None => Ok(Business::parse(demo::BUSINESS)?),
        Some(path) => {
            let text = std::fs::read_to_string(path)
                .map_err(|error| format!("the business file {}: {error}", path.display()))?;
            Business::parse(&text)
                .map_err(|error: BadBusiness| format!("{}: {error}", path.display()).into())
        }
    }
}

async fn stop_on_signal(stop: CancellationToken) {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut terminate) = signal(SignalKind::terminate()) {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = tokio::signal::ctrl_c() => {}
            }
        }
    }
    #[cfg(not(unix))]
    let _ = tokio::signal::ctrl_c().await;
    stop.cancel();
    tracing::info!("stopping: running calls are left in a pause of speech");
}
