//! How a voice ends: pitch, its movement and level, of tones that are known exactly and of people.

use media::prosody::{Ending, HIGHEST_HZ, LOWEST_HZ, Prosody, Voicing};
use proptest::prelude::*;

/// A voice of the given pitch at each second and loudness at each second: ten harmonics, those below
/// 300 Hz left out as on the telephone.
fn voice(seconds: f64, hz: impl Fn(f64) -> f64, level: impl Fn(f64) -> f64) -> Vec<i16> {
    let mut phase = 0.0;
    (0..(seconds * 8_000.0) as usize)
        .map(|index| {
            let at = index as f64 / 8_000.0;
            phase += hz(at) / 8_000.0;
            let harmonics =
                (1..=10).filter(|n| (300.0..3_400.0).contains(&(hz(at) * f64::from(*n))));
            let sum: f64 =
                harmonics.map(|n| (std::f64::consts::TAU * phase * f64::from(n)).sin()).sum();
            (sum * 2_500.0 * level(at)) as i16
        })
        .collect()
}

fn silence(ms: usize) -> Vec<i16> {
    vec![0; ms * 8]
}

/// The ending of a stretch that is followed by some silence.
fn ending_of(speech: &[i16]) -> Ending {
    let mut prosody = Prosody::new();
    prosody.push(speech);
    prosody.push(&silence(240));
    prosody.ending(0, speech.len() as u64 / 8)
}

fn semitones(hz: f64, from: f64) -> f64 {
    12.0 * (hz / from).log2()
}

#[test]
fn a_steady_voice_ends_at_its_usual_pitch_without_a_slope() {
    for hz in [80.0, 110.0, 150.0, 220.0, 310.0, 400.0] {
        let ending = ending_of(&voice(1.5, |_| hz, |_| 1.0));
        let (pitch, slope) = (ending.pitch.unwrap(), ending.slope.unwrap());
        assert!(pitch.abs() < 0.3, "{hz} Hz: {pitch}");
        assert!(slope.abs() < 0.5, "{hz} Hz: {slope}");
        assert!(ending.level.abs() < 0.5, "{hz} Hz: {ending:?}");
        assert_eq!(ending.spoken_ms, 1_500);
        assert!((1_400..=1_500).contains(&ending.held_ms), "{hz} Hz: {ending:?}");
    }
}

#[test]
fn a_voice_that_sinks_and_one_that_rises_are_told_apart() {
    // 1.2 s level, then 400 ms of a glide of a fifth.
    let glide =
        |to: f64| move |at: f64| 160.0 * (to / 160.0).powf(((at - 1.2) / 0.4).clamp(0.0, 1.0));
    for to in [240.0, 107.0] {
        let ending = ending_of(&voice(1.6, glide(to), |_| 1.0));
        let wanted = semitones(to, 160.0) as f32;
        let slope = ending.slope.unwrap();
        assert!((slope - wanted / 0.4).abs() < 3.0, "to {to} Hz: {slope}");
        let pitch = ending.pitch.unwrap();
        assert!(pitch.signum() == wanted.signum() && pitch.abs() > 3.0, "to {to} Hz: {pitch}");
    }
}

#[test]
fn a_voice_that_fades_is_known_by_its_level() {
    let fading = |at: f64| if at < 1.0 { 1.0 } else { 0.25 };
    let ending = ending_of(&voice(1.3, |_| 140.0, fading));
    assert!((-13.0..-9.0).contains(&ending.level), "{ending:?}");
}

#[test]
fn a_break_in_the_voice_ends_what_is_held() {
    let speech = [voice(0.8, |_| 140.0, |_| 1.0), silence(100), voice(0.2, |_| 140.0, |_| 1.0)];
    let ending = ending_of(&speech.concat());
    assert!((140..=220).contains(&ending.held_ms), "{ending:?}");
}

/// How much of a sound after a second of silence is voiced, as it was told frame by frame.
fn told(sound: &[i16]) -> Vec<u32> {
    let (mut prosody, mut voicing) = (Prosody::new(), Voicing::default());
    prosody.push(&silence(1_000));
    voicing.began(1_000);
    let mut told = Vec::new();
    for frame in sound.chunks(160) {
        prosody.push(frame);
        told.extend(voicing.news(&prosody));
    }
    voicing.ended();
    prosody.push(&voice(0.5, |_| 140.0, |_| 1.0));
    assert_eq!(voicing.news(&prosody), None, "it has ended");
    told
}

#[test]
fn how_much_is_voiced_is_told_as_it_grows() {
    let news = told(&[voice(1.0, |_| 140.0, |_| 1.0), silence(100)].concat());
    assert_eq!(news[0], 0);
    assert!(news.is_sorted_by(|a, b| a < b), "{news:?}");
    assert_eq!(news.last(), Some(&400), "more than that is not told");
}

#[test]
fn words_are_voiced_and_coughs_hardly() {
    let voiced = |recording: &fixtures::Recording| {
        let sound: Vec<i16> = recording.samples_8k();
        told(&sound).last().copied().unwrap_or_default()
    };
    let sounds = fixtures::set("sounds");
    let coughs = sounds.iter().filter(|sound| sound.transcript.is_empty());
    let coughs: Vec<u32> = coughs.map(voiced).collect();
    // One of them is a groan.
    assert!(coughs.iter().filter(|ms| **ms < 130).count() >= 4, "{coughs:?}");
    assert_eq!(voiced(&fixtures::recording("callers/noise")), 0);
    for set in ["asterisk", "callers", "pocketsphinx"] {
        for word in fixtures::set(set).iter().filter(|word| !word.transcript.is_empty()) {
            assert!(voiced(word) >= 130, "{}: {}", word.name, voiced(word));
        }
    }
}

#[test]
fn noise_and_silence_have_no_pitch() {
    let mut state = 1_u32;
    let noise: Vec<i16> = (0..8_000)
        .map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            ((state >> 16) as i16) / 16
        })
        .collect();
    let ending = ending_of(&noise);
    assert_eq!((ending.pitch, ending.slope), (None, None));
    assert_eq!(ending_of(&silence(1_000)).pitch, None);
    assert_eq!(Prosody::new().ending(0, 0), Ending::default());
    // A stretch that is no longer, or not yet, remembered.
    assert_eq!(Prosody::new().ending(60_000, 70_000).spoken_ms, 10_000);
}

#[test]
fn the_usual_pitch_is_the_callers_over_the_whole_call() {
    let mut prosody = Prosody::new();
    prosody.push(&voice(3.0, |_| 200.0, |_| 1.0));
    prosody.push(&silence(500));
    let high = voice(0.5, |_| 252.0, |_| 1.0);
    prosody.push(&high);
    prosody.push(&silence(200));
    let pitch = prosody.ending(3_500, 4_000).pitch.unwrap();
    assert!((2.5..4.0).contains(&pitch), "four semitones above, less what it moved: {pitch}");
}

#[test]
fn a_recorded_voice_sinks_at_the_end_of_what_it_announces() {
    let announcements = fixtures::set("asterisk");
    let mut sunk = 0;
    for announcement in &announcements {
        let samples = announcement.samples_8k();
        // Up to the last sound: levels are of speech.
        let loud = |window: &[i16]| window.iter().any(|sample| sample.unsigned_abs() > 1_000);
        let spoken = samples.chunks(160).rposition(loud).unwrap() * 160 + 160;
        let ending = ending_of(&samples[..spoken.min(samples.len())]);
        let pitch = ending.pitch.unwrap_or_else(|| panic!("{}: {ending:?}", announcement.name));
        assert!(pitch.abs() < 15.0, "{}: {ending:?}", announcement.name);
        assert!(ending.level < 3.0, "{}: {ending:?}", announcement.name);
        sunk += usize::from(pitch < -2.0);
    }
    assert!(sunk * 10 > announcements.len() * 7, "{sunk} of {}", announcements.len());
}

proptest! {
    #[test]
    fn pieces_of_any_size_give_the_same(sizes in prop::collection::vec(1_usize..700, 1..40)) {
        let speech = voice(0.8, |at| 120.0 + 60.0 * at, |_| 1.0);
        let whole = ending_of(&speech);
        let mut prosody = Prosody::new();
        let mut rest = &speech[..];
        for size in sizes.iter().cycle() {
            let (now, later) = rest.split_at((*size).min(rest.len()));
            prosody.push(now);
            rest = later;
            if rest.is_empty() {
                break;
            }
        }
        prosody.push(&silence(240));
        prop_assert_eq!(prosody.ending(0, 800), whole);
    }

    #[test]
    fn any_audio_has_a_finite_ending(samples in prop::collection::vec(any::<i16>(), 0..4_000)) {
        let ending = ending_of(&samples);
        prop_assert!(ending.level.is_finite());
        prop_assert!(ending.pitch.is_none_or(f32::is_finite));
        let span = 12.0 * (HIGHEST_HZ / LOWEST_HZ).log2();
        prop_assert!(ending.pitch.is_none_or(|pitch| pitch.abs() <= span));
        prop_assert!(ending.slope.is_none_or(f32::is_finite));
    }
}
