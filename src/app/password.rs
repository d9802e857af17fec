//! Passwords: Argon2id (RFC 9106), two at a time, off the async threads.

use std::sync::Arc;

use argon2::{Argon2, PasswordHasher, PasswordVerifier};
use aws_lc_rs::rand::{SecureRandom, SystemRandom};
use tokio::sync::Semaphore;

use super::Error;

/// Each takes 19 MiB and some 20 ms of a core.
const AT_ONCE: usize = 2;
/// The shortest password, characters.
pub const SHORTEST: usize = 8;
/// The longest, bytes: more would only cost time.
pub const LONGEST: usize = 1_024;

/// The password cannot be taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must have from {SHORTEST} characters to {LONGEST} bytes")]
pub struct WeakPassword;

/// Makes and checks hashes.
#[derive(Debug)]
pub struct Passwords {
    turn: Arc<Semaphore>,
    /// Of nobody's password: an unknown address takes as long as a wrong password.
    decoy: std::sync::OnceLock<String>,
}

impl Default for Passwords {
    fn default() -> Self {
        Passwords { turn: Arc::new(Semaphore::new(AT_ONCE)), decoy: std::sync::OnceLock::new() }
    }
}

/// May this be a password?
///
/// # Errors
/// [`WeakPassword`].
pub fn check(password: &str) -> Result<(), WeakPassword> {
    let fits = password.chars().count() >= SHORTEST && password.len() <= LONGEST;
    if fits { Ok(()) } else { Err(WeakPassword) }
}

impl Passwords {
    /// The hash, as a PHC string.
    ///
    /// # Errors
    /// [`Error::Internal`].
    pub async fn hash(&self, password: &str) -> Result<String, Error> {
        let password = password.to_owned();
        self.in_turn(move || {
            let mut salt = [0; 16];
            SystemRandom::new().fill(&mut salt).map_err(|_| "no random bytes".to_owned())?;
            let hash = Argon2::default().hash_password_with_salt(password.as_bytes(), &salt);
            hash.map(|hash| hash.to_string()).map_err(|error| error.to_string())
        })
        .await
    }

    /// Is it the password of this hash? Without a hash it takes as long, and is not.
    ///
    /// # Errors
    /// [`Error::Internal`].
    pub async fn verify(&self, password: &str, hash: Option<String>) -> Result<bool, Error> {
        if password.len() > LONGEST {
            return Ok(false);
        }
        let known = hash.is_some();
        let hash = match (hash, self.decoy.get()) {
            (Some(hash), _) => hash,
            (None, Some(decoy)) => decoy.clone(),
            (None, None) => {
                let decoy = self.hash("nobody has this password").await?;
                self.decoy.get_or_init(|| decoy).clone()
            }
        };
        let password = password.to_owned();
        self.in_turn(move || {
            let right = Argon2::default().verify_password(password.as_bytes(), hash.as_str());
            Ok(right.is_ok() && known)
        })
        .await
    }

    async fn in_turn<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, String> + Send + 'static,
    ) -> Result<T, Error> {
        let failed = |why: String| Error::Internal { attempt: "hashing a password", why };
        let turn = self.turn.clone().acquire_owned().await;
        let turn = turn.map_err(|error| failed(error.to_string()))?;
        let done = tokio::task::spawn_blocking(move || {
            let done = work();
            drop(turn);
            done
        });
        done.await.map_err(|error| failed(error.to_string()))?.map_err(failed)
    }
}
