//! Recordings as another program finds them on disk.

use std::path::Path;

use hound::{SampleFormat, WavReader, WavSpec, WavWriter};
use media::g711;
use media::recording::{Error, HELD_BACK, MAX_AHEAD, Recording, read_wav_8k};
use proptest::prelude::*;

/// Left and right of a file.
fn sides(path: &Path) -> (Vec<i16>, Vec<i16>) {
    let reader = WavReader::open(path).unwrap();
    let spec = reader.spec();
    assert_eq!((spec.channels, spec.sample_rate, spec.bits_per_sample), (2, 8000, 16));
    let samples: Vec<i16> = reader.into_samples().map(Result::unwrap).collect();
    samples.chunks_exact(2).map(|pair| (pair[0], pair[1])).unzip()
}

#[test]
fn both_sides_lie_where_they_were_placed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("call.wav");
    let mut recording = Recording::create(&path).unwrap();
    assert!(recording.is_empty());
    recording.caller(0, &[0x80; 160]).unwrap();
    recording.caller(160, &[0x8F; 160]).unwrap();
    recording.agent(400, &[0x00; 100]).unwrap();
    recording.caller(320, &[0x80; 40]).unwrap();
    recording.agent(200, &[0x0F; 100]).unwrap();
    assert_eq!(recording.len(), 500);
    let summary = recording.finish().unwrap();
    assert_eq!((summary.samples, summary.too_late), (500, 0));

    let (caller, agent) = sides(&path);
    let expected: Vec<i16> = [(32124, 160), (16764, 160), (32124, 40), (0, 140)]
        .into_iter()
        .flat_map(|(sample, times)| std::iter::repeat_n(sample, times))
        .collect();
    assert_eq!(caller, expected);
    let expected: Vec<i16> = [(0, 200), (-16764, 100), (0, 100), (-32124, 100)]
        .into_iter()
        .flat_map(|(sample, times)| std::iter::repeat_n(sample, times))
        .collect();
    assert_eq!(agent, expected);
}

#[test]
fn a_minute_with_the_agent_half_a_second_late_is_whole() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("call.wav");
    let mut recording = Recording::create(&path).unwrap();
    let caller: Vec<u8> = fixtures::recording("librivox/dashwood-0870").mulaw();
    let agent: Vec<u8> = fixtures::recording("asterisk/vm-sorry").mulaw();
    let side =
        |of: &[u8], length: usize| -> Vec<u8> { of.iter().copied().cycle().take(length).collect() };
    let (caller, agent) = (side(&caller, 480_000), side(&agent, 480_000));
    for (index, frame) in caller.chunks(160).enumerate() {
        recording.caller(index as u64 * 160, frame).unwrap();
        if let Some(late) = (index * 160).checked_sub(4000) {
            recording.agent(late as u64, &agent[late..late + 160]).unwrap();
        }
    }
    recording.agent(476_000, &agent[476_000..]).unwrap();
    assert_eq!(recording.finish().unwrap().too_late, 0);
    let (left, right) = sides(&path);
    assert_eq!(left, g711::decode_all(&caller));
    assert_eq!(right, g711::decode_all(&agent));
}

#[test]
fn a_crash_leaves_a_readable_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("call.wav");
    let mut recording = Recording::create(&path).unwrap();
    assert_eq!(sides(&path).0.len(), 0, "readable from the start");
    for second in 0..20 {
        recording.caller(second * 8000, &[0x80; 8000]).unwrap();
        // What a crash would leave: the file as it is now, nothing more being written.
        let (caller, agent) = sides(&path);
        let safe = ((second + 1) * 8000).saturating_sub(HELD_BACK + 8000) as usize;
        assert!(caller.len() >= safe, "{} of {safe}", caller.len());
        assert!(caller.iter().all(|&sample| sample == 32124));
        assert_eq!(agent.len(), caller.len());
    }
    std::mem::forget(recording);
    assert!(sides(&path).0.len() >= 15 * 8000);
}

#[test]
fn dropping_a_recording_keeps_what_was_placed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("call.wav");
    let mut recording = Recording::create(&path).unwrap();
    recording.caller(0, &[0x80; 12_345]).unwrap();
    drop(recording);
    assert_eq!(sides(&path).0.len(), 12_345);
}

#[test]
fn what_comes_too_late_is_left_out_and_counted() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("call.wav");
    let mut recording = Recording::create(&path).unwrap();
    recording.caller(0, &[0x80; 80_000]).unwrap();
    let kept = 80_000 - HELD_BACK;
    recording.agent(kept - 8000, &[0x00; 4000]).unwrap();
    recording.agent(kept, &[0x00; 100]).unwrap();
    let summary = recording.finish().unwrap();
    assert_eq!((summary.samples, summary.too_late), (80_000, 4000));
    assert_eq!(sides(&path).1[kept as usize..][..101], [[-32124; 100].as_slice(), &[0]].concat());
}

#[test]
fn positions_that_cannot_be_meant_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let mut recording = Recording::create(folder.path().join("call.wav")).unwrap();
    for at in [MAX_AHEAD, u64::MAX - 80, u64::MAX] {
        let refused = recording.caller(at, &[0xFF; 160]);
        assert!(matches!(refused, Err(Error::Position { end: 0, .. })), "{at}");
    }
    assert!(recording.is_empty());
    recording.caller(MAX_AHEAD - 160, &[0xFF; 160]).unwrap();
    assert_eq!(recording.len(), MAX_AHEAD);
}

#[test]
fn a_folder_that_is_not_there_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let error = Recording::create(folder.path().join("none/call.wav")).unwrap_err();
    assert_eq!(error.to_string(), "could not create the recording");
    let error = read_wav_8k(folder.path().join("none.wav")).unwrap_err();
    assert_eq!(error.to_string(), "could not read the recording");
    let text = folder.path().join("text.wav");
    std::fs::write(&text, "no audio in here").unwrap();
    assert!(read_wav_8k(&text).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Against the simplest model: two arrays.
    #[test]
    fn any_order_within_the_window_gives_the_same_file(
        pieces in prop::collection::vec((any::<bool>(), 0usize..31_000, 1usize..3000, any::<u8>()), 1..30),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("call.wav");
        let mut recording = Recording::create(&path).unwrap();
        let mut model = vec![[0i16; 2]; 0];
        for (agent, at, length, byte) in pieces {
            let audio = vec![byte; length];
            if agent {
                recording.agent(at as u64, &audio).unwrap();
            } else {
                recording.caller(at as u64, &audio).unwrap();
            }
            model.resize(model.len().max(at + length), [0; 2]);
            model[at..at + length].iter_mut().for_each(|pair| pair[usize::from(agent)] = g711::decode(byte));
        }
        prop_assert_eq!(recording.finish().unwrap().too_late, 0);
        let (left, right) = sides(&path);
        prop_assert_eq!(left, model.iter().map(|pair| pair[0]).collect::<Vec<_>>());
        prop_assert_eq!(right, model.iter().map(|pair| pair[1]).collect::<Vec<_>>());
    }
}

fn write_wav<S: hound::Sample>(path: &Path, spec: WavSpec, samples: impl Iterator<Item = S>) {
    let mut writer = WavWriter::create(path, spec).unwrap();
    samples.for_each(|sample| writer.write_sample(sample).unwrap());
    writer.finalize().unwrap();
}

#[test]
fn files_of_every_kind_are_read_as_the_same_tone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tone.wav");
    let tone = |rate: u32, at: u32| {
        0.5 * (std::f64::consts::TAU * 440.0 * f64::from(at) / f64::from(rate)).sin()
    };
    for sample_rate in [8000, 16000, 22050, 44100, 48000] {
        for channels in [1, 2] {
            for (bits, sample_format) in [
                (8, SampleFormat::Int),
                (16, SampleFormat::Int),
                (24, SampleFormat::Int),
                (32, SampleFormat::Int),
                (32, SampleFormat::Float),
            ] {
                let spec = WavSpec { channels, sample_rate, bits_per_sample: bits, sample_format };
                // The right side is silent, so that the average is half as loud.
                let values = (0..sample_rate * u32::from(channels)).map(|i| {
                    let (at, side) = (i / u32::from(channels), i % u32::from(channels));
                    if side == 0 { tone(sample_rate, at) } else { 0.0 }
                });
                match sample_format {
                    SampleFormat::Float => write_wav(&path, spec, values.map(|v| v as f32)),
                    SampleFormat::Int => {
                        let scale = f64::from(1u32 << (bits - 1)) - 1.0;
                        write_wav(&path, spec, values.map(|v| (v * scale) as i32));
                    }
                }
                let samples = read_wav_8k(&path).unwrap();
                assert_eq!(samples.len(), 8000, "{spec:?}");
                let loudness = 32768.0 / f64::from(channels);
                let worst = (800..7200)
                    .map(|i| (f64::from(samples[i]) - loudness * tone(8000, i as u32)).abs())
                    .fold(0.0, f64::max);
                // One step of 8 bits, and as much again for a scale of 127 where 128 is full.
                let step = if bits == 8 { 400.0 } else { 10.0 };
                assert!(worst < step, "{spec:?}: off by {worst}");
            }
        }
    }
}

#[test]
fn an_empty_file_is_read_and_an_unlikely_one_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("odd.wav");
    let spec = |channels, sample_rate| WavSpec {
        channels,
        sample_rate,
        bits_per_sample: 16,
        sample_format: SampleFormat::Int,
    };
    write_wav(&path, spec(1, 8000), std::iter::empty::<i16>());
    assert!(read_wav_8k(&path).unwrap().is_empty());
    write_wav(&path, spec(9, 8000), std::iter::repeat_n(0i16, 9));
    assert!(matches!(read_wav_8k(&path), Err(Error::Format { channels: 9, .. })));
    write_wav(&path, spec(1, 100), std::iter::repeat_n(0i16, 9));
    assert!(matches!(read_wav_8k(&path), Err(Error::Format { sample_rate: 100, .. })));
    write_wav(&path, spec(1, 1000), std::iter::repeat_n(0i16, 3_600_001));
    assert!(matches!(read_wav_8k(&path), Err(Error::TooLong)));
}
