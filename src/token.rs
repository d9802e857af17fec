//! The account's auth token where the carrier gave none: made here, kept in the data folder, and used
//! by the tools on this machine, so that signatures are checked always.

use std::path::Path;

use secrecy::SecretString;

use crate::secret;

/// The file's name in the data folder.
pub const FILE: &str = "twilio-auth-token";

/// Reads the local token, or makes it where there is none. Only its owner can read the file.
///
/// # Errors
/// The data folder cannot be written to.
pub fn local(data_dir: &Path) -> std::io::Result<SecretString> {
    secret::local(data_dir, FILE)
}
