//! Settings of the control plane: the database, signing in, mail, limits.

use std::{
    net::IpAddr,
    path::{Path, PathBuf},
};

use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

use super::{BadConfig, Lookup, nonempty, number, set};
use crate::secret;

/// The `[control]` table as it is written. All of it may be left out.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct File {
    database_url: Option<String>,
    secret: Option<SecretString>,
    access_token_secs: Option<i64>,
    lost_after_secs: Option<i64>,
    from_number: Option<String>,
    organisation: Option<String>,
    timezone: Option<String>,
    owner_email: Option<String>,
    owner_password: Option<SecretString>,
    smtp_url: Option<SecretString>,
    mail_from: Option<String>,
    trusted_proxies: Vec<IpAddr>,
    origins: Vec<String>,
    document_reader: Option<PathBuf>,
    knowledge: Knowledge,
    limits: Limits,
}

/// How much knowledge an organisation may keep; what is beyond is refused. Passages have a bound of
/// their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Knowledge {
    /// Entries, documents among them: 10,000 unless set.
    pub entries: u32,
    /// Texts, and documents that are yet to be read, together: 512 MiB unless set.
    pub mib: u32,
}

impl Default for Knowledge {
    fn default() -> Self {
        Knowledge { entries: 10_000, mib: 512 }
    }
}

/// How often a client may ask. Each answer tells what is left.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Requests to `/api/v1` a minute and user, 100 unless set; statistics have their own.
    pub standard: u32,
    /// Requests for statistics a minute and user, 20 unless set.
    pub analytics: u32,
    /// Requests without a sign-in an hour and address, 100 unless set: logins, and what was refused
    /// with 401.
    pub public: u32,
    /// Live sockets at once of a user, 10 unless set.
    pub sockets: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Limits { standard: 100, analytics: 20, public: 100, sockets: 10 }
    }
}

/// Settings of the control plane, complete and sound.
#[derive(Clone, Debug)]
pub struct Control {
    /// `postgres://…`, or `sqlite:` and a path; `tandem.db` in the data folder unless set.
    pub database_url: String,
    pub data_dir: PathBuf,
    secret: Option<SecretString>,
    /// The address by which browsers reach us, for links in mails.
    pub public_url: String,
    /// How long an access token is good for, 3,600 s unless set, 60 to 86,400.
    pub access_token_secs: i64,
    /// A call that no process was seen with for so long is looked up at the carrier, or held to be
    /// over where nobody can be asked; 45 s unless set, 15 to 3,600.
    pub lost_after_secs: i64,
    /// Calls are made from this number where the organisation has none of its own, E.164.
    pub from_number: Option<String>,
    /// The first organisation's name, "My organisation" unless set.
    pub organisation: String,
    /// The first organisation's time zone, an IANA name; UTC unless set. Days begin there.
    pub timezone: chrono_tz::Tz,
    /// The first user, made at the first start; else `tandem user add` makes one.
    pub owner: Option<Owner>,
    /// How mail is sent; unset: it is not, and what would be sent is said so in the log.
    pub mail: Option<Mail>,
    /// Forwarding headers are believed from these addresses alone.
    pub trusted_proxies: Vec<IpAddr>,
    /// Browsers' pages of these origins may ask; `*`: any. None unless set: the server's own pages.
    pub origins: Vec<String>,
    /// The program that reads uploaded documents in a process of its own; this one unless set.
    pub document_reader: PathBuf,
    /// Where OpenAI, or what speaks its protocol, is: tenants' keys are tried there.
    pub openai_url: Option<String>,
    /// The model that answers for a tenant with a key of its own; the adapter's unless set.
    pub openai_model: Option<String>,
    /// Where the carrier's REST API is: tenants' accounts are tried there.
    pub twilio_url: reqwest::Url,
    pub knowledge: Knowledge,
    pub limits: Limits,
}

/// The first user.
#[derive(Clone, Debug)]
pub struct Owner {
    pub email: String,
    pub password: SecretString,
}

/// How mail is sent.
#[derive(Clone, Debug)]
pub struct Mail {
    /// `smtp://user:password@host:587?tls=required`, `smtps://…`.
    pub url: SecretString,
    pub from: String,
}

impl File {
    pub(super) fn complete(
        self,
        env: Lookup<'_>,
        data_dir: &Path,
        public_url: &str,
        (openai, twilio_url): (&super::Vendor, reqwest::Url),
    ) -> Result<Control, BadConfig> {
        let bad = |name: &'static str, value: String, wanted: &'static str| {
            Err(BadConfig::Value { name, value, wanted })
        };
        let database_url = set(env, "DATABASE_URL").or(self.database_url);
        let known = ["postgres://", "postgresql://", "sqlite:"];
        if let Some(url) = &database_url
            && !known.iter().any(|scheme| url.starts_with(scheme))
        {
            // It may hold a password.
            let wanted = "an address that begins with postgres:// or sqlite:";
            return bad("DATABASE_URL", "…".to_owned(), wanted);
        }
        let secret = set(env, "TANDEM_SECRET").map(SecretString::from).or(nonempty(self.secret));
        if secret.as_ref().is_some_and(|secret| secret.expose_secret().len() < secret::SHORTEST) {
            return bad("TANDEM_SECRET", "…".to_owned(), "a text of at least 32 characters");
        }
        let access_token_secs = number(env, "TANDEM_ACCESS_TOKEN_SECS", "a number of seconds")?
            .or(self.access_token_secs)
            .unwrap_or(3_600);
        if !(60..=86_400).contains(&access_token_secs) {
            let (name, wanted) = ("TANDEM_ACCESS_TOKEN_SECS", "between 60 and 86400");
            return bad(name, access_token_secs.to_string(), wanted);
        }
        let lost_after_secs = number(env, "TANDEM_LOST_AFTER_SECS", "a number of seconds")?
            .or(self.lost_after_secs)
            .unwrap_or(45);
        if !(15..=3_600).contains(&lost_after_secs) {
            let (name, wanted) = ("TANDEM_LOST_AFTER_SECS", "between 15 and 3600");
            return bad(name, lost_after_secs.to_string(), wanted);
        }
        let timezone = set(env, "TANDEM_TIMEZONE").or(self.timezone);
        let timezone = match timezone.as_deref().unwrap_or("UTC").parse() {
            Ok(timezone) => timezone,
            Err(_) => {
                let wanted = "an IANA time zone such as Europe/Berlin";
                return bad("TANDEM_TIMEZONE", timezone.unwrap_or_default(), wanted);
            }
        };
        let owner_email = set(env, "TANDEM_OWNER_EMAIL").or(self.owner_email);
        let owner_password = set(env, "TANDEM_OWNER_PASSWORD")
            .map(SecretString::from)
            .or(nonempty(self.owner_password));
        let owner = match (owner_email, owner_password) {
            (None, None) => None,
            (Some(email), Some(password)) => Some(Owner { email, password }),
            (email, _) => {
                let name = match email {
                    None => "TANDEM_OWNER_EMAIL",
                    Some(_) => "TANDEM_OWNER_PASSWORD",
                };
                return bad(name, String::new(), "set: the first user needs both");
            }
        };
        let smtp_url =
            set(env, "TANDEM_SMTP_URL").map(SecretString::from).or(nonempty(self.smtp_url));
        let mail = match (smtp_url, set(env, "TANDEM_MAIL_FROM").or(self.mail_from)) {
            (None, _) => None,
            (Some(url), Some(from)) => Some(Mail { url, from }),
            (Some(_), None) => {
                let wanted = "set: mail needs a sender, such as Tandem <calls@example.com>";
                return bad("TANDEM_MAIL_FROM", String::new(), wanted);
            }
        };
        let trusted_proxies = match set(env, "TANDEM_TRUSTED_PROXIES") {
            None => self.trusted_proxies,
            Some(list) => {
                let parsed = list.split(',').map(|one| one.trim().parse()).collect();
                let (name, wanted) = ("TANDEM_TRUSTED_PROXIES", "IP addresses with commas between");
                match parsed {
                    Ok(addresses) => addresses,
                    Err(_) => return bad(name, list, wanted),
                }
            }
        };
        let origins = match set(env, "TANDEM_ORIGINS") {
            None => self.origins,
            Some(list) => list.split(',').map(|one| one.trim().to_owned()).collect(),
        };
        let knowledge = Knowledge {
            entries: number(env, "TANDEM_KNOWLEDGE_ENTRIES", "a number of entries")?
                .unwrap_or(self.knowledge.entries),
            mib: number(env, "TANDEM_KNOWLEDGE_MIB", "a number of MiB")?
                .unwrap_or(self.knowledge.mib),
        };
        let limits = Limits {
            standard: number(env, "TANDEM_LIMIT_STANDARD", "a number of requests")?
                .unwrap_or(self.limits.standard),
            analytics: number(env, "TANDEM_LIMIT_ANALYTICS", "a number of requests")?
                .unwrap_or(self.limits.analytics),
            public: number(env, "TANDEM_LIMIT_PUBLIC", "a number of requests")?
                .unwrap_or(self.limits.public),
            sockets: number(env, "TANDEM_LIMIT_SOCKETS", "a number of sockets")?
                .unwrap_or(self.limits.sockets),
        };
        Ok(Control {
            database_url: database_url
                .unwrap_or_else(|| format!("sqlite:{}", data_dir.join("tandem.db").display())),
            data_dir: data_dir.to_owned(),
            secret,
            public_url: public_url.to_owned(),
            access_token_secs,
            lost_after_secs,
            from_number: set(env, "TWILIO_PHONE_NUMBER").or(self.from_number),
            organisation: set(env, "TANDEM_ORGANISATION")
                .or(self.organisation)
                .unwrap_or_else(|| "My organisation".to_owned()),
            timezone,
            owner,
            mail,
            trusted_proxies,
            origins,
            document_reader: set(env, "TANDEM_DOCUMENT_READER")
                .map(PathBuf::from)
                .or(self.document_reader)
                .or_else(|| std::env::current_exe().ok())
                .unwrap_or_else(|| PathBuf::from("tandem")),
            openai_url: openai.base_url.clone(),
            openai_model: openai.model.clone(),
            twilio_url,
            knowledge,
            limits,
        })
    }
}

impl Control {
    /// The server's secret: the setting, or one that is made once and kept in the data folder. All
    /// nodes of a fleet need the same.
    ///
    /// # Errors
    /// The data folder cannot be written to.
    pub fn secret(&self) -> std::io::Result<SecretString> {
        match &self.secret {
            Some(secret) => Ok(secret.clone()),
            None => secret::local(&self.data_dir, secret::FILE),
        }
    }
}
