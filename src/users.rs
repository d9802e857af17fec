//! `tandem user`: who may sign in.

use std::{error::Error, process::ExitCode};

use clap::{
    Args, Subcommand,
    builder::{PossibleValuesParser, TypedValueParser},
};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};

use crate::{
    app::{App, ResetLink},
    config::Config,
    domain::{Role, TenantId, User},
    store::users::Tenant,
    terminal,
};

/// Adds, lists and lets back in those who may sign in.
#[derive(Args, Clone, Debug)]
pub struct UserArgs {
    #[command(subcommand)]
    command: Command,

    /// Prints what was done as JSON.
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Clone, Debug, Subcommand)]
enum Command {
    /// Adds a user. The password is asked for twice; or say where it comes from.
    Add(AddArgs),
    /// Lists users, without anything secret.
    List(ListArgs),
    /// Sets a new password for a user who has lost theirs; all their sign-ins end.
    Reset(ResetArgs),
}

/// Where a new password comes from. There is never a default one.
#[derive(Args, Clone, Debug)]
#[group(multiple = false)]
struct Password {
    /// Takes the password from standard input, for scripts.
    #[arg(long)]
    password_stdin: bool,
    /// Prints a link with which the user sets the password, once, within the hour.
    #[arg(long)]
    link: bool,
}

#[derive(Args, Clone, Debug)]
struct AddArgs {
    /// The address with which the user signs in.
    email: String,
    /// First and last name; unless given, what stands before the @.
    #[arg(long)]
    name: Option<String>,
    /// What the user may do; the first user of an organisation is its owner unless this is given.
    ///
    /// viewer: reads. tech: sees assigned calls. agent, dispatcher: calls, knowledge, agents.
    /// admin, owner: everything.
    #[arg(long, value_parser = roles())]
    role: Option<Role>,
    /// The organisation's name; the first one unless given.
    #[arg(long, value_name = "NAME")]
    organisation: Option<String>,
    /// Makes the organisation if there is none of this name.
    #[arg(long, requires = "organisation")]
    create_organisation: bool,
    #[command(flatten)]
    password: Password,
}

#[derive(Args, Clone, Debug)]
struct ListArgs {
    /// Only this organisation's.
    #[arg(long, value_name = "NAME")]
    organisation: Option<String>,
}

#[derive(Args, Clone, Debug)]
struct ResetArgs {
    /// The user's address.
    email: String,
    #[command(flatten)]
    password: Password,
}

fn roles() -> impl TypedValueParser<Value = Role> {
    let names = PossibleValuesParser::new(Role::ALL.map(Role::name));
    names.map(|name| Role::named(&name).unwrap_or(Role::Viewer))
}

/// How a password is to be set.
enum Chosen {
    Password(SecretString),
    Link,
}

impl Password {
    fn choose(&self) -> Result<Chosen, Box<dyn Error>> {
        Ok(if self.link {
            Chosen::Link
        } else if self.password_stdin {
            Chosen::Password(terminal::password_from_stdin()?)
        } else if terminal::is_attended() {
            Chosen::Password(terminal::new_password()?)
        } else {
            return Err("there is no terminal to ask for a password: give --password-stdin, or \
                        --link for a link with which the user sets it"
                .into());
        })
    }
}

/// Does it.
///
/// # Errors
/// What kept it from being done, in words.
pub async fn run(args: UserArgs, config: Config) -> Result<ExitCode, Box<dyn Error>> {
    let app = App::open_offline(config.control).await?;
    let told = match args.command {
        Command::Add(add) => self::add(&app, add).await?,
        Command::List(list) => self::list(&app, list).await?,
        Command::Reset(reset) => self::reset(&app, reset).await?,
    };
    app.db.close().await;
    if args.json {
        println!("{}", serde_json::to_string_pretty(&told.json)?);
    } else {
        println!("{}", told.text);
    }
    Ok(ExitCode::SUCCESS)
}

/// What was done, for people and for machines.
struct Told {
    text: String,
    json: Value,
}

async fn add(app: &App, args: AddArgs) -> Result<Told, Box<dyn Error>> {
    let tenant = organisation(app, args.organisation.as_deref(), args.create_organisation).await?;
    let id = TenantId::from(tenant.id);
    let role = match args.role {
        Some(role) => role,
        None if app.users_of(id).await?.is_empty() => Role::Owner,
        None => {
            let known = Role::ALL.map(Role::name).join(", ");
            return Err(format!("which role? --role is one of {known}").into());
        }
    };
    let name = args.name.as_deref().or(args.email.split('@').next()).unwrap_or_default();
    let (user, link) = match args.password.choose()? {
        Chosen::Password(password) => {
            let password = password.expose_secret();
            (app.add_user(id, &args.email, name, role, password).await?, None)
        }
        Chosen::Link => {
            let (user, link) = app.invite_user(id, &args.email, name, role).await?;
            (user, Some(link))
        }
    };
    let text = format!("{} is {} of {}", user.email, with_article(user.role), tenant.name);
    Ok(tell(text, &user, &tenant.name, link))
}

async fn reset(app: &App, args: ResetArgs) -> Result<Told, Box<dyn Error>> {
    // Who it is first: nobody types a password twice for a wrong address.
    let (user, link) = app.offer_reset(&args.email).await.map_err(|_| unknown(&args.email))?;
    let (text, link) = match args.password.choose()? {
        Chosen::Password(password) => {
            app.set_password(&user.email, password.expose_secret()).await?;
            (format!("{} has a new password and is signed out everywhere", user.email), None)
        }
        Chosen::Link => (format!("{} may set a new password", user.email), Some(link)),
    };
    let tenants = app.organisations().await?;
    let tenant = tenants.iter().find(|tenant| tenant.id == user.tenant.uuid());
    Ok(tell(text, &user, tenant.map_or("", |tenant| &tenant.name), link))
}

fn unknown(email: &str) -> String {
    format!("nobody who may sign in has the address {email}; `tandem user list` shows who has")
}

async fn list(app: &App, args: ListArgs) -> Result<Told, Box<dyn Error>> {
    let tenants = match args.organisation.as_deref() {
        Some(name) => vec![organisation(app, Some(name), false).await?],
        None => app.organisations().await?,
    };
    let (mut lines, mut all) = (Vec::new(), Vec::new());
    for tenant in &tenants {
        for user in app.users_of(tenant.id.into()).await? {
            let standing = if user.is_active { "" } else { "  (may not sign in)" };
            let (role, email) = (user.role.name(), &user.email);
            lines.push(format!(
                "{role:<11} {email:<32} {:<24} {}{standing}",
                user.name(),
                tenant.name
            ));
            all.push(shown(&user, &tenant.name));
        }
    }
    if lines.is_empty() {
        lines.push("nobody can sign in yet: `tandem user add EMAIL` adds somebody".to_owned());
    }
    Ok(Told { text: lines.join("\n"), json: json!({"users": all}) })
}

/// The organisation of this name, or the first one, which the first start makes.
async fn organisation(app: &App, name: Option<&str>, make: bool) -> Result<Tenant, Box<dyn Error>> {
    let Some(name) = name else {
        let id = app.first_start().await?;
        let found = app.organisations().await?.into_iter().find(|one| one.id == id.uuid());
        return found.ok_or_else(|| "the organisation is gone".into());
    };
    let all = app.organisations().await?;
    if let Some(found) = all.iter().find(|one| one.name == name || one.slug == name) {
        return Ok(found.clone());
    }
    if make {
        let id = app.add_tenant(name, app.settings.timezone.name()).await?;
        let found = app.organisations().await?.into_iter().find(|one| one.id == id.uuid());
        return found.ok_or_else(|| "the organisation is gone".into());
    }
    let known: Vec<&str> = all.iter().map(|one| one.name.as_str()).collect();
    let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
    Err(format!(
        "there is no organisation {name:?} (there are: {known}); --create-organisation makes it"
    )
    .into())
}

fn with_article(role: Role) -> String {
    let name = role.name();
    let article = if name.starts_with(['a', 'o']) { "an" } else { "a" };
    format!("{article} {name}")
}

fn shown(user: &User, organisation: &str) -> Value {
    json!({
        "id": user.id.to_string(),
        "email": user.email,
        "name": user.name(),
        "role": user.role.name(),
        "organisation": organisation,
        "is_active": user.is_active,
        "created_at": user.created_at.to_rfc3339(),
    })
}

fn tell(mut text: String, user: &User, organisation: &str, link: Option<ResetLink>) -> Told {
    let mut json = json!({"user": shown(user, organisation)});
    if let Some(ResetLink { link, token }) = link {
        text.push_str(&format!(
            "\nThe password is set here, once, within the hour:\n{link}\nor with this token: {token}"
        ));
        json["reset"] = json!({"link": link, "token": token, "expires_in_secs": 3_600});
    }
    Told { text, json }
}
