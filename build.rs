//! Names the conversation machine by a hash of its sources, for the headers of journals: a journal
//! that another machine wrote may be replayed with other actions.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

fn main() {
    let sources = Path::new("pipeline/turn/src");
    println!("cargo::rerun-if-changed={}", sources.display());
    println!("cargo::rerun-if-changed=build.rs");
    let hash = hash_of(sources).map_or("unknown".to_owned(), |hash| format!("{hash:016x}"));
    println!("cargo::rustc-env=TANDEM_MACHINE={hash}");
}

fn hash_of(folder: &Path) -> io::Result<u64> {
    let mut files = Vec::new();
    collect(folder, &mut files)?;
    // The order in which a folder is listed is the file system's.
    files.sort();
    let mut hash = Fnv::new();
    for file in files {
        hash.add(file.to_string_lossy().as_bytes());
        hash.add(&fs::read(&file)?);
    }
    Ok(hash.0)
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, files)?;
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    Ok(())
}

/// FNV-1a, 64 bits: the same on every machine and in every release of the compiler.
/// <http://www.isthe.com/chongo/tech/comp/fnv/>
struct Fnv(u64);

impl Fnv {
    fn new() -> Self {
        Fnv(0xcbf2_9ce4_8422_2325)
    }

    /// Each piece ends with its length, so that no two lists of pieces are alike.
    fn add(&mut self, bytes: &[u8]) {
        for byte in bytes.iter().chain(&(bytes.len() as u64).to_le_bytes()) {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }
}
