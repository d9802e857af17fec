//! Signing in: tokens, refresh, lost passwords, and the first user.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use chrono::TimeDelta;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{App, Conflict, Error, error::Attempt, password};
use crate::{
    domain::{Actor, LoginId, Role, TenantId, User, UserId},
    secret,
    store::users::{self, Tenant},
};

/// A refresh token is good for so many days.
const REFRESH_DAYS: i64 = 30;
/// A reset token is good for so many minutes.
const RESET_MINUTES: i64 = 60;
/// So many wrong passwords of one address within [`THROTTLE_WINDOW`], and it has to wait.
const MOST_WRONG: u32 = 10;
const THROTTLE_WINDOW: Duration = Duration::from_secs(15 * 60);
/// The longest address, RFC 5321: 64 octets, an at sign, 255.
const LONGEST_EMAIL: usize = 320;
/// Addresses that are remembered at once.
const MOST_REMEMBERED: usize = 10_000;

/// What a sign-in gives.
#[derive(Debug)]
pub struct Tokens {
    /// A JWT, HS256.
    pub access: String,
    /// Opaque; exchanged for new tokens.
    pub refresh: String,
}

/// Whose an access token is, and until when, Unix seconds.
#[derive(Clone, Debug)]
pub struct Verified {
    pub actor: Actor,
    pub expires_at: i64,
}

/// The claims of an access token.
#[derive(Debug, Serialize, Deserialize)]
struct Claims {
    /// The user.
    sub: Uuid,
    /// The tenant.
    tid: Uuid,
    role: String,
    /// The sign-in.
    sid: Uuid,
    jti: Uuid,
    iat: i64,
    exp: i64,
}

/// How often each address was given a wrong password lately.
#[derive(Debug, Default)]
pub(super) struct Throttle {
    wrong: Mutex<HashMap<String, (u32, Instant)>>,
}

impl Throttle {
    /// How long this address has to wait, seconds.
    fn wait(&self, email: &str) -> Option<u64> {
        let wrong = self.wrong.lock().unwrap_or_else(PoisonError::into_inner);
        let (times, since) = *wrong.get(email)?;
        let left = THROTTLE_WINDOW.checked_sub(since.elapsed())?;
        (times >= MOST_WRONG).then(|| left.as_secs().max(1))
    }

    fn count_wrong(&self, email: &str) {
        let mut wrong = self.wrong.lock().unwrap_or_else(PoisonError::into_inner);
        if wrong.len() >= MOST_REMEMBERED {
            wrong.retain(|_, (_, since)| since.elapsed() < THROTTLE_WINDOW);
        }
        if wrong.len() >= MOST_REMEMBERED && !wrong.contains_key(email) {
            return;
        }
        let entry = wrong.entry(email.to_owned()).or_insert((0, Instant::now()));
        if entry.1.elapsed() >= THROTTLE_WINDOW {
            *entry = (0, Instant::now());
        }
        entry.0 += 1;
    }

    fn forget(&self, email: &str) {
        self.wrong.lock().unwrap_or_else(PoisonError::into_inner).remove(email);
    }
}

impl App {
    /// Signs a user in. An unknown address and a wrong password answer the same, in the same time.
    ///
    /// # Errors
    /// [`Error::Unauthorized`], [`Error::TooOften`] after many wrong passwords.
    pub async fn log_in(
        &self,
        email: &str,
        password: &str,
        address: Option<String>,
    ) -> Result<Tokens, Error> {
        if email.len() > LONGEST_EMAIL {
            return Err(Error::Unauthorized("Invalid email or password"));
        }
        let email = email.trim().to_lowercase();
        if let Some(retry_after) = self.logins.wait(&email) {
            return Err(Error::TooOften { retry_after });
        }
        let found = users::by_email(&self.db, &email).await.attempt("find the user")?;
        let hash = found.as_ref().and_then(|(_, hash)| hash.clone());
        let right = self.passwords.verify(password, hash).await?;
        let user = match found {
            Some((user, _)) if right && user.is_active => user,
            _ => {
                self.logins.count_wrong(&email);
                return Err(Error::Unauthorized("Invalid email or password"));
            }
        };
        self.logins.forget(&email);
        let (login, refresh) = (LoginId::new(), secret::token());
        let now = self.clock.now();
        let mut tx = self.db.begin().await.attempt("sign in")?;
        let expires_at = now + TimeDelta::days(REFRESH_DAYS);
        users::add_login(&mut tx, login, &user, secret::hash(&refresh), now, expires_at)
            .await
            .attempt("sign in")?;
        let actor = actor(&user, login, address);
        self.audit(&mut tx, &actor, "login", ("user", user.id.to_string()), (None, None)).await?;
        tx.commit().await.attempt("sign in")?;
        Ok(Tokens { access: self.access_token(&user, login)?, refresh })
    }

    /// Exchanges a refresh token for new tokens; the old one is invalid afterwards.
    ///
    /// # Errors
    /// [`Error::Unauthorized`].
    pub async fn refresh(&self, token: &str) -> Result<Tokens, Error> {
        let (refresh, now) = (secret::token(), self.clock.now());
        let mut tx = self.db.begin().await.attempt("refresh the login")?;
        let rotated = users::rotate_refresh(
            &mut tx,
            secret::hash(token),
            secret::hash(&refresh),
            now,
            now + TimeDelta::days(REFRESH_DAYS),
        )
        .await
        .attempt("refresh the login")?;
        let (login, user) =
            rotated.ok_or(Error::Unauthorized("The refresh token is unknown, used or expired"))?;
        tx.commit().await.attempt("refresh the login")?;
        Ok(Tokens { access: self.access_token(&user, login)?, refresh })
    }

    /// Whose this access token is. Role and standing are those of now, not those in the token.
    ///
    /// # Errors
    /// [`Error::Unauthorized`]: missing parts, expired, forged, revoked, of an inactive user.
    pub async fn verify(&self, token: &str, address: Option<String>) -> Result<Verified, Error> {
        let refused = || Error::Unauthorized("Missing or invalid authentication");
        let mut validation = Validation::new(Algorithm::HS256);
        // The clock of the operations decides, below.
        validation.validate_exp = false;
        validation.set_required_spec_claims(&["exp", "sub"]);
        let key = DecodingKey::from_secret(&self.keys.tokens);
        let claims = jsonwebtoken::decode::<Claims>(token, &key, &validation);
        let claims = claims.map_err(|_| refused())?.claims;
        let now = self.clock.now();
        if claims.exp <= now.timestamp() {
            return Err(Error::Unauthorized("The token has expired"));
        }
        let login = LoginId::from(claims.sid);
        let user = users::of_login(&self.db, login, now).await.attempt("find the login")?;
        let user = user.filter(|user| user.id.uuid() == claims.sub).ok_or_else(refused)?;
        Ok(Verified { actor: actor(&user, login, address), expires_at: claims.exp })
    }

    /// Ends the sign-in: its tokens are invalid at once.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn log_out(&self, actor: &Actor) -> Result<(), Error> {
        let mut tx = self.db.begin().await.attempt("sign out")?;
        users::revoke_login(&mut tx, actor.login, self.clock.now()).await.attempt("sign out")?;
        self.audit(&mut tx, actor, "logout", ("user", actor.user.to_string()), (None, None))
            .await?;
        tx.commit().await.attempt("sign out")
    }

    /// A token with which the user at this address can set a new password within the hour; none
    /// where there is no such user. Whoever asks is not told which.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn make_reset(&self, email: &str) -> Result<Option<(User, String)>, Error> {
        let email = email.trim().to_lowercase();
        let found = users::by_email(&self.db, &email).await.attempt("find the user")?;
        let Some((user, _)) = found.filter(|(user, _)| user.is_active) else { return Ok(None) };
        let (token, now) = (secret::token(), self.clock.now());
        let mut tx = self.db.begin().await.attempt("make a reset token")?;
        let expires_at = now + TimeDelta::minutes(RESET_MINUTES);
        users::add_reset(&mut tx, user.id, secret::hash(&token), now, expires_at)
            .await
            .attempt("make a reset token")?;
        tx.commit().await.attempt("make a reset token")?;
        Ok(Some((user, token)))
    }

    /// Sets a new password by a reset token; all sign-ins of the user end.
    ///
    /// # Errors
    /// [`Conflict::InvalidResetToken`]; [`Error::Invalid`] of a password that is too short.
    pub async fn reset_password(&self, token: &str, password: &str) -> Result<(), Error> {
        password::check(password)
            .map_err(|weak| Error::invalid("new_password", weak.to_string()))?;
        let hash = self.passwords.hash(password).await?;
        let now = self.clock.now();
        let mut tx = self.db.begin().await.attempt("reset the password")?;
        let owner = users::spend_reset(&mut tx, secret::hash(token), now)
            .await
            .attempt("find the reset token")?;
        let (user, tenant, email) = owner.ok_or(Error::Conflict(Conflict::InvalidResetToken))?;
        users::set_password(&mut tx, user, &hash, now).await.attempt("set the password")?;
        let entity = ("user", user.to_string());
        self.audit_own(&mut tx, tenant, "password.reset", entity, None).await?;
        tx.commit().await.attempt("reset the password")?;
        // Wrong ones were typed because it was forgotten, or by somebody else.
        self.logins.forget(&email);
        Ok(())
    }

    /// Adds an organisation.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn add_tenant(&self, name: &str, timezone: &str) -> Result<TenantId, Error> {
        if timezone.parse::<chrono_tz::Tz>().is_err() {
            return Err(Error::invalid("timezone", "must be an IANA name such as Europe/Berlin"));
        }
        let id = TenantId::new();
        let tenant = Tenant {
            id: id.uuid(),
            name: name.trim().to_owned(),
            slug: slug(name, id),
            timezone: timezone.to_owned(),
        };
        let mut tx = self.db.begin().await.attempt("add the organisation")?;
        users::add_tenant(&mut tx, &tenant, self.clock.now())
            .await
            .attempt("add the organisation")?;
        tx.commit().await.attempt("add the organisation")?;
        Ok(id)
    }

    /// Adds a user who can sign in at once.
    ///
    /// # Errors
    /// [`Conflict::EmailTaken`]; [`Error::Invalid`].
    pub async fn add_user(
        &self,
        tenant: TenantId,
        email: &str,
        name: &str,
        role: Role,
        password: &str,
    ) -> Result<User, Error> {
        password::check(password).map_err(|weak| Error::invalid("password", weak.to_string()))?;
        let hash = self.passwords.hash(password).await?;
        self.insert_user(tenant, email, name, role, Some(hash)).await
    }

    /// Adds a user, with the hash of a password or without one yet.
    pub(super) async fn insert_user(
        &self,
        tenant: TenantId,
        email: &str,
        name: &str,
        role: Role,
        hash: Option<String>,
    ) -> Result<User, Error> {
        let email = email.trim().to_lowercase();
        if !is_email(&email) {
            return Err(Error::invalid("email", "must be an e-mail address"));
        }
        let (first_name, last_name) = name.trim().split_once(' ').unwrap_or((name.trim(), ""));
        let user = User {
            id: UserId::new(),
            tenant,
            email,
            first_name: first_name.to_owned(),
            last_name: last_name.trim().to_owned(),
            role,
            is_active: true,
            created_at: self.clock.now(),
        };
        let mut tx = self.db.begin().await.attempt("add the user")?;
        match users::add(&mut tx, &user, hash).await {
            Err(error) if error.is_conflict() => return Err(Error::Conflict(Conflict::EmailTaken)),
            added => added.attempt("add the user")?,
        }
        let after = serde_json::json!({"email": user.email, "role": role.name()});
        let entity = ("user", user.id.to_string());
        self.audit_own(&mut tx, tenant, "user.create", entity, Some(after)).await?;
        tx.commit().await.attempt("add the user")?;
        Ok(user)
    }

    fn access_token(&self, user: &User, login: LoginId) -> Result<String, Error> {
        let now = self.clock.now().timestamp();
        let claims = Claims {
            sub: user.id.uuid(),
            tid: user.tenant.uuid(),
            role: user.role.name().to_owned(),
            sid: login.uuid(),
            jti: Uuid::now_v7(),
            iat: now,
            exp: now + self.settings.access_token_secs,
        };
        let key = EncodingKey::from_secret(&self.keys.tokens);
        jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &key)
            .map_err(|error| Error::Internal { attempt: "signing a token", why: error.to_string() })
    }
}

pub(super) fn actor(user: &User, login: LoginId, address: Option<String>) -> Actor {
    let (name, role) = (user.name(), user.role);
    Actor { user: user.id, tenant: user.tenant, role, login, name, address }
}

/// A name for addresses, with enough of the identifier to be the only one.
fn slug(name: &str, id: TenantId) -> String {
    let mut slug: String = name
        .to_lowercase()
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '-' })
        .take(40)
        .collect();
    slug.push('-');
    slug.push_str(&id.uuid().simple().to_string()[24..]);
    slug
}

/// Could mail be sent there? RFC 5321's limits, and no more than one may know without sending.
pub(super) fn is_email(text: &str) -> bool {
    let Some((local, host)) = text.rsplit_once('@') else { return false };
    let fine = |c: char| !c.is_whitespace() && !c.is_control() && !"<>(),;:\\\"[]".contains(c);
    !local.is_empty()
        && local.len() <= 64
        && host.len() <= 253
        && !host.starts_with('.')
        && !host.ends_with('.')
        && !host.contains("..")
        && host.chars().all(|c| fine(c) && c != '@')
        && local.chars().all(|c| fine(c) && c != '@')
}
