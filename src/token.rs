//! The account's auth token where the carrier gave none: made here, kept in the data folder, and used
//! by the tools on this machine, so that signatures are checked always.

use std::{io::Write, path::Path};

use aws_lc_rs::rand::{SecureRandom, SystemRandom};
use secrecy::SecretString;

/// The file's name in the data folder.
pub const FILE: &str = "twilio-auth-token";

/// Reads the local token, or makes it where there is none. Only its owner can read the file.
///
/// # Errors
/// The data folder cannot be written to.
pub fn local(data_dir: &Path) -> std::io::Result<SecretString> {
    let path = data_dir.join(FILE);
    match std::fs::read_to_string(&path) {
        Ok(token) if !token.trim().is_empty() => return Ok(token.trim().to_owned().into()),
        Ok(_) => {}
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    crate::live::journal::private_folder(data_dir)?;
    let mut bytes = [0; 16];
    SystemRandom::new().fill(&mut bytes).map_err(|_| std::io::Error::other("no random bytes"))?;
    let token: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(&path)?.write_all(token.as_bytes())?;
    Ok(token.into())
}
