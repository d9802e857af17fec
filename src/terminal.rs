//! Asking the person at the terminal.

use std::io::{self, IsTerminal, Read};

use console::Term;
use secrecy::SecretString;

/// Passwords that are typed are asked for so often before we give up.
const TRIES: u32 = 3;
/// A password from standard input is not longer, bytes.
const LONGEST: u64 = 4_096;

/// Is there a person who could be asked?
pub fn is_attended() -> bool {
    io::stdin().is_terminal() && io::stderr().is_terminal()
}

/// Asks for a line.
///
/// # Errors
/// The terminal is gone.
pub fn line(prompt: &str) -> io::Result<String> {
    let terminal = Term::stderr();
    terminal.write_str(&format!("{prompt}: "))?;
    let mut line = String::new();
    if io::stdin().read_line(&mut line)? == 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(line.trim().to_owned())
}

/// Asks for a new password, twice, without showing it.
///
/// # Errors
/// The terminal is gone; the two differed again and again.
pub fn new_password() -> io::Result<SecretString> {
    let terminal = Term::stderr();
    for _ in 0..TRIES {
        terminal.write_str("Password (8 characters at least): ")?;
        let first = terminal.read_secure_line()?;
        terminal.write_str("The same again: ")?;
        let second = terminal.read_secure_line()?;
        if first == second {
            return Ok(first.into());
        }
        terminal.write_line("These are two different ones.")?;
    }
    Err(io::Error::other("no password was given twice the same"))
}

/// The password that another program gives on standard input: all of it but the end of its line.
///
/// # Errors
/// It is no text, or too long.
pub fn password_from_stdin() -> io::Result<SecretString> {
    let mut text = String::new();
    io::stdin().take(LONGEST + 1).read_to_string(&mut text)?;
    if text.len() as u64 > LONGEST {
        return Err(io::Error::other("the password is too long"));
    }
    let line = text.strip_suffix('\n').unwrap_or(&text);
    Ok(line.strip_suffix('\r').unwrap_or(line).to_owned().into())
}
