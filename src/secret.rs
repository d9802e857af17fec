//! The server's secret, and what is made of it: the key that signs access tokens, the key that seals
//! tenants' credentials, the key of signed links.

use std::{io::Write, path::Path};

use aws_lc_rs::{
    aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey},
    digest, hkdf,
    rand::{SecureRandom, SystemRandom},
};
use secrecy::{ExposeSecret, SecretString};

/// The file's name in the data folder.
pub const FILE: &str = "secret";
/// A secret shorter than this is refused, characters.
pub const SHORTEST: usize = 32;

/// Keys made of the server's secret, each for one purpose.
pub struct Keys {
    pub tokens: [u8; 32],
    pub links: [u8; 32],
    seal: RandomizedNonceKey,
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Keys(…)")
    }
}

/// What was sealed cannot be opened: another secret, or not what it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("what was sealed cannot be opened with this server's secret")]
pub struct NotOpened;

impl Keys {
    /// The keys of this secret; the same each time. HKDF-SHA256, RFC 5869.
    ///
    /// # Panics
    /// Never: the lengths are fixed.
    pub fn of(secret: &SecretString) -> Self {
        let salt = hkdf::Salt::new(hkdf::HKDF_SHA256, b"tandem");
        let derive = |purpose: &'static [u8]| {
            let key = salt.extract(secret.expose_secret().as_bytes());
            let mut bytes = [0; 32];
            key.expand(&[purpose], hkdf::HKDF_SHA256)
                .and_then(|okm| okm.fill(&mut bytes))
                .expect("32 bytes are one block");
            bytes
        };
        Keys {
            tokens: derive(b"access tokens"),
            links: derive(b"signed links"),
            seal: RandomizedNonceKey::new(&AES_256_GCM, &derive(b"credentials"))
                .expect("the key has the algorithm's length"),
        }
    }

    /// Seals a text: AES-256-GCM, a nonce of 12 bytes before it. `about` must be given again to open
    /// it, so that one tenant's cannot stand in another's place.
    ///
    /// # Panics
    /// The system gives no random bytes.
    pub fn seal(&self, text: &str, about: &str) -> Vec<u8> {
        let mut sealed = text.as_bytes().to_vec();
        let nonce = self
            .seal
            .seal_in_place_append_tag(Aad::from(about), &mut sealed)
            .expect("the system gives random bytes");
        let mut all = nonce.as_ref().to_vec();
        all.extend(sealed);
        all
    }

    /// Opens what [`Keys::seal`] made.
    ///
    /// # Errors
    /// [`NotOpened`].
    pub fn open(&self, sealed: &[u8], about: &str) -> Result<SecretString, NotOpened> {
        let (nonce, sealed) = sealed.split_at_checked(NONCE_LEN).ok_or(NotOpened)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| NotOpened)?;
        let mut sealed = sealed.to_vec();
        let text =
            self.seal.open_in_place(nonce, Aad::from(about), &mut sealed).map_err(|_| NotOpened)?;
        Ok(std::str::from_utf8(text).map_err(|_| NotOpened)?.to_owned().into())
    }
}

/// A token that nobody can guess: 32 random bytes, URL-safe.
///
/// # Panics
/// The system gives no random bytes.
pub fn token() -> String {
    let mut bytes = [0; 32];
    SystemRandom::new().fill(&mut bytes).expect("the system gives random bytes");
    base64_simd::URL_SAFE_NO_PAD.encode_to_string(bytes)
}

/// How a token is kept: SHA-256. It has 256 random bits, so no salt is needed.
pub fn hash(token: &str) -> Vec<u8> {
    digest::digest(&digest::SHA256, token.as_bytes()).as_ref().to_vec()
}

/// Reads the secret in this folder's file, or makes one where there is none. Only its owner can read
/// the file.
///
/// # Errors
/// The folder cannot be written to.
pub fn local(data_dir: &Path, file: &str) -> std::io::Result<SecretString> {
    let path = data_dir.join(file);
    match std::fs::read_to_string(&path) {
        Ok(secret) if !secret.trim().is_empty() => return Ok(secret.trim().to_owned().into()),
        Ok(_) => {}
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    crate::live::journal::private_folder(data_dir)?;
    let secret = token();
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(&path)?.write_all(secret.as_bytes())?;
    Ok(secret.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sealed_opens_with_the_same_secret_and_subject_alone() {
        let keys = Keys::of(&SecretString::from("a secret of more than thirty-two characters"));
        let sealed = keys.seal("sk-123", "tenant 1");
        assert_eq!(keys.open(&sealed, "tenant 1").expect("opens").expose_secret(), "sk-123");
        assert!(keys.open(&sealed, "tenant 2").is_err());
        assert!(keys.open(&sealed[1..], "tenant 1").is_err());
        assert!(keys.open(&[], "tenant 1").is_err());
        let others = Keys::of(&SecretString::from("another secret of more than thirty-two"));
        assert!(others.open(&sealed, "tenant 1").is_err());
        assert_ne!(keys.tokens, keys.links);
        assert_ne!(keys.seal("sk-123", "tenant 1"), sealed, "each time another nonce");
    }
}
