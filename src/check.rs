//! `tandem check`: what is configured, and whether it can be reached.

use std::{borrow::Cow, error::Error, process::ExitCode};

use clap::Args;
use serde::Serialize;

use crate::{app, carrier, config::Config, database, gateway::Gateway, models, serve};

/// Reaches every vendor that is configured and looks at everything that calls need.
#[derive(Args, Clone, Debug)]
pub struct CheckArgs {
    /// Prints the findings as JSON.
    #[arg(long)]
    pub json: bool,
}

/// One thing looked at.
#[derive(Debug, Serialize)]
struct Finding {
    what: Cow<'static, str>,
    ok: bool,
    says: String,
}

/// Checks everything; exits with 1 if anything is wrong.
///
/// # Errors
/// What could not even be looked at.
pub async fn run(args: CheckArgs, config: Config) -> Result<ExitCode, Box<dyn Error>> {
    let mut findings = vec![models_found(&config)];
    let public_url = config.public_url.clone();
    let reachable = !public_url.contains("//127.0.0.1") && !public_url.contains("//localhost");
    findings.push(Finding {
        what: "PUBLIC_URL".into(),
        ok: !reachable || public_url.starts_with("https://"),
        says: if reachable && !public_url.starts_with("https://") {
            format!("{public_url}: the carrier opens sockets over https only")
        } else if reachable {
            public_url
        } else {
            format!("{public_url}: only this machine can call; set PUBLIC_URL for the carrier")
        },
    });
    findings.push(Finding {
        what: "TWILIO_AUTH_TOKEN".into(),
        ok: true,
        says: match &config.twilio_auth_token {
            Some(_) => "set".to_owned(),
            None => "not set: a local token is used, so only local tools can call".to_owned(),
        },
    });
    findings.push(carrier_api(&config).await);
    findings.push(database_answers(&config).await);
    findings.push(mail_goes(&config).await);
    match serve::auth_token(&config) {
        Err(error) => findings.push(wrong("data folder", &error)),
        Ok(token) => {
            let folder = config.data_dir.display().to_string();
            findings.push(Finding { what: "data folder".into(), ok: true, says: folder });
            match serve::open(config, &token) {
                Err(error) => findings.push(wrong("engines", error.as_ref())),
                Ok(gateway) => engines(&gateway, &mut findings).await,
            }
        }
    }
    let ok = findings.iter().all(|finding| finding.ok);
    if args.json {
        println!("{}", serde_json::to_string_pretty(&findings)?);
    } else {
        for Finding { what, ok, says } in &findings {
            println!("{} {what:<18} {says}", if *ok { "ok   " } else { "WRONG" });
        }
    }
    Ok(if ok { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn engines(gateway: &Gateway, findings: &mut Vec<Finding>) {
    let engines = gateway.engines();
    for (what, name, outcome) in engines.check().await {
        let what = what.into();
        findings.push(match outcome {
            Ok(says) => Finding { what, ok: true, says: format!("{name}: {says}") },
            Err(error) => Finding { what, ok: false, says: error.to_string() },
        });
    }
    for (what, outcome) in gateway.toolbox().check().await {
        let ok = outcome.is_ok();
        let (Ok(says) | Err(says)) = outcome;
        findings.push(Finding { what: what.into(), ok, says });
    }
    let says = engines.vad_name().to_owned();
    findings.push(Finding { what: "voice activity".into(), ok: true, says });
}

/// Can calls be looked up and ended over the carrier's API?
async fn carrier_api(config: &Config) -> Finding {
    let what = "carrier's API";
    let Some(access) = carrier::Access::of(config) else {
        let says = "not used: TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN are not both set, so a lost \
                    hang-up is not repaired";
        return Finding { what: what.into(), ok: true, says: says.to_owned() };
    };
    let account = async { carrier::Client::new(access)?.account().await.map_err(Into::into) };
    let account: Result<_, Box<dyn Error>> = account.await;
    match account {
        Ok(account) => {
            let ok = account.status == "active";
            Finding { what: what.into(), ok, says: format!("the account is {}", account.status) }
        }
        Err(error) => wrong(what, error.as_ref()),
    }
}

async fn database_answers(config: &Config) -> Finding {
    match database::check(&config.control).await {
        Ok(says) => Finding { what: "database".into(), ok: true, says },
        Err(error) => wrong("database", error.as_ref()),
    }
}

async fn mail_goes(config: &Config) -> Finding {
    let what = "mail";
    let Some(mail) = &config.control.mail else {
        let says =
            "not sent: TANDEM_SMTP_URL is not set, so nobody can reset a lost password by mail";
        return Finding { what: what.into(), ok: true, says: says.to_owned() };
    };
    match app::check_mail(mail).await {
        Ok(()) => {
            let says = format!("the server takes mail from {}", mail.from);
            Finding { what: what.into(), ok: true, says }
        }
        Err(error) => wrong(what, &error),
    }
}

fn models_found(config: &Config) -> Finding {
    let missing = models::missing(config);
    let folder = config.models_dir.display();
    let says = match (missing, config.needs_models()) {
        (0, _) => format!("complete, in {folder}"),
        (missing, true) if models::can_do_without(config) => {
            format!(
                "{missing} files are missing; a built-in voice and word matching take their place"
            )
        }
        (missing, true) => format!("{missing} files are missing: run `tandem models pull`"),
        (missing, false) => format!("{missing} files are missing, but nothing local is configured"),
    };
    Finding {
        what: "speech models".into(),
        ok: missing == 0 || !config.needs_models() || models::can_do_without(config),
        says,
    }
}

fn wrong(what: &'static str, error: &dyn Error) -> Finding {
    let mut says = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let because = error.to_string();
        // Some say their cause themselves.
        if !says.contains(&because) {
            says = format!("{says}: {because}");
        }
        cause = error.source();
    }
    Finding { what: what.into(), ok: false, says }
}
