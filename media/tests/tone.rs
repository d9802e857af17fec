//! Tones as networks and machines make them, and everything that is none.

use std::f32::consts::TAU;

use media::g711;
use media::tone::{Detector, NoSuchKey, ToneEvent, dtmf};

const RATE: f32 = 8_000.0;

/// A line on which things sound one after another.
#[derive(Default)]
struct Line(Vec<f32>);

impl Line {
    /// Tones together, each with its level in dBFS.
    fn tones(mut self, tones: &[(f32, f32)], ms: usize) -> Self {
        let from = self.0.len();
        self.0.extend((0..ms * 8).map(|place| {
            let turn = TAU * (from + place) as f32 / RATE;
            // Networks switch tones hard; amplifiers take a ms or two.
            let edge = (place.min(ms * 8 - 1 - place) as f32 / 16.0).min(1.0);
            let tone =
                |(hz, dbfs): &(f32, f32)| 32_768.0 * 10_f32.powf(dbfs / 20.0) * (turn * hz).sin();
            edge * tones.iter().map(tone).sum::<f32>()
        }));
        self
    }

    fn tone(self, hz: f32, dbfs: f32, ms: usize) -> Self {
        self.tones(&[(hz, dbfs)], ms)
    }

    fn quiet(mut self, ms: usize) -> Self {
        self.0.resize(self.0.len() + ms * 8, 0.0);
        self
    }

    fn says(mut self, name: &str) -> Self {
        self.0
            .extend(fixtures::recording(name).samples_8k().iter().map(|&sample| f32::from(sample)));
        self
    }

    fn again(self, times: usize, part: impl Fn(Self) -> Self) -> Self {
        (0..times).fold(self, |line, _| part(line))
    }

    /// What is heard of it over a line with noise.
    fn heard(self) -> Vec<ToneEvent> {
        self.heard_with(-60.0)
    }

    fn heard_with(self, noise_dbfs: f32) -> Vec<ToneEvent> {
        let mut state = 1_u64;
        let gain = 32_768.0 * 10_f32.powf(noise_dbfs / 20.0) * 3_f32.sqrt();
        let samples: Vec<i16> = self
            .quiet(1_500)
            .0
            .iter()
            .map(|sample| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                let even = (state >> 40) as f32 / (1 << 23) as f32 - 1.0;
                g711::decode(g711::encode((sample + gain * even).clamp(-32768.0, 32767.0) as i16))
            })
            .collect();
        detected(&samples)
    }
}

fn detected(samples: &[i16]) -> Vec<ToneEvent> {
    let (mut detector, mut events) = (Detector::default(), Vec::new());
    for frame in samples.chunks(160) {
        detector.push(frame, &mut events);
    }
    events
}

fn beeps(events: &[ToneEvent]) -> usize {
    events.iter().filter(|event| matches!(event, ToneEvent::Beep { .. })).count()
}

#[test]
fn a_beep_after_a_greeting_is_heard_at_every_pitch_length_and_level() {
    for hz in [320.0, 440.0, 620.0, 850.0, 1_000.0, 1_399.0, 1_800.0, 1_990.0] {
        for ms in [170, 250, 400, 800, 1_400] {
            for dbfs in [-6.0, -18.0, -34.0] {
                let line = Line::default().says("asterisk/vm-nobodyavail").quiet(300);
                let begins = line.0.len() as u64 / 8;
                let events = line.tone(hz, dbfs, ms).heard();
                let [ToneEvent::Beep { from_ms, to_ms, hz: heard }] = events[..] else {
                    panic!("{hz} Hz, {ms} ms, {dbfs} dBFS: {events:?}");
                };
                assert!((heard - hz).abs() < 6.0, "{hz}: {heard}");
                assert!(from_ms.abs_diff(begins) <= 30, "{from_ms} {begins}");
                assert!(to_ms.abs_diff(begins + ms as u64) <= 30, "{to_ms} {begins} {ms}");
            }
        }
    }
}

#[test]
fn a_beep_right_after_the_last_word_or_in_noise_is_heard() {
    let events = Line::default().says("asterisk/vm-nobodyavail").tone(1_000.0, -12.0, 500).heard();
    assert_eq!(beeps(&events), 1, "{events:?}");
    let line = Line::default().says("asterisk/vm-nobodyavail").quiet(200);
    let events = line.tone(1_000.0, -14.0, 500).heard_with(-36.0);
    assert_eq!(beeps(&events), 1, "{events:?}");
}

#[test]
fn tones_too_short_too_long_or_too_soft_are_no_beeps() {
    for (ms, dbfs) in [(100, -12.0), (1_700, -12.0), (4_000, -12.0), (500, -48.0)] {
        let events =
            Line::default().says("callers/hours").quiet(300).tone(1_000.0, dbfs, ms).heard();
        assert_eq!(events, [], "{ms} ms, {dbfs} dBFS");
    }
    for hz in [250.0, 2_300.0, 3_000.0] {
        let events = Line::default().says("callers/hours").quiet(300).tone(hz, -12.0, 500).heard();
        assert_eq!(events, [], "{hz} Hz");
    }
}

#[test]
fn no_recorded_speech_holds_a_tone() {
    let mut seconds = 0.0;
    for recording in fixtures::SETS.into_iter().flat_map(fixtures::set) {
        let mut samples = recording.samples_8k();
        seconds += samples.len() as f32 / RATE;
        // Silence after every one, so that nothing is spared by what follows.
        samples.resize(samples.len() + 12_000, 0);
        assert_eq!(detected(&samples), [], "{}", recording.name);
    }
    println!("{seconds:.0} s of speech");
}

#[test]
fn ringing_is_no_beep() {
    let tones: [(&[f32], usize, usize); 6] = [
        (&[440.0, 480.0], 2_000, 4_000),
        (&[440.0, 480.0], 1_000, 3_000),
        (&[400.0, 450.0], 400, 200),
        (&[425.0], 1_000, 4_000),
        (&[425.0], 1_250, 3_750),
        (&[400.0], 1_000, 2_000),
    ];
    for (hz, on, off) in tones {
        let both: Vec<(f32, f32)> = hz.iter().map(|hz| (*hz, -16.0)).collect();
        for before in [false, true] {
            let line = Line::default().quiet(500);
            let events = line.again(3, |line| line.tones(&both, on).quiet(off));
            // Somebody answers then, or it rings after somebody spoke: a call being put through.
            let events = if before {
                Line(
                    Line::default()
                        .says("callers/person")
                        .quiet(300)
                        .0
                        .into_iter()
                        .chain(events.0)
                        .collect(),
                )
            } else {
                events
            };
            let heard = events.says("callers/hours").heard();
            // After speech a first single tone of a second cannot be told from a beep.
            let allowed = usize::from(before && hz.len() == 1);
            assert!(beeps(&heard) <= allowed, "{hz:?} {on}/{off} {before}: {heard:?}");
        }
    }
}

#[test]
fn busy_tones_are_told_as_such() {
    let tones: [(&[f32], usize, usize); 6] = [
        (&[480.0, 620.0], 500, 500),
        (&[480.0, 620.0], 250, 250),
        (&[425.0], 500, 500),
        (&[425.0], 240, 240),
        (&[400.0], 375, 375),
        (&[450.0], 350, 350),
    ];
    for (hz, on, off) in tones {
        let both: Vec<(f32, f32)> = hz.iter().map(|hz| (*hz, -14.0)).collect();
        let line = Line::default().says("callers/thanks").quiet(500);
        let events = line.again(4, |line| line.tones(&both, on).quiet(off)).heard();
        assert!(matches!(events[..], [ToneEvent::Busy { .. }]), "{hz:?}: {events:?}");
    }
}

#[test]
fn special_information_tones_are_told_as_such() {
    for (first, second) in [((985.2, 380), (1_370.6, 274)), ((913.8, 274), (1_428.5, 380))] {
        for gap in [0, 20] {
            let events = Line::default()
                .quiet(400)
                .tone(first.0, -20.0, first.1)
                .quiet(gap)
                .tone(second.0, -20.0, second.1)
                .quiet(gap)
                .tone(1_776.7, -20.0, 380)
                .quiet(60)
                .says("asterisk/cannot-complete-as-dialed")
                .heard();
            assert!(matches!(events[..], [ToneEvent::Unreachable { .. }]), "{events:?}");
        }
    }
}

#[test]
fn fax_machines_are_told_as_such() {
    let line =
        Line::default().quiet(800).again(3, |line| line.tone(1_100.0, -14.0, 500).quiet(3_000));
    let events = line.heard();
    assert!(events.iter().any(|event| matches!(event, ToneEvent::FaxCalling { .. })), "{events:?}");
    assert_eq!(beeps(&events), 1, "{events:?}");

    let events = Line::default().quiet(800).tone(2_100.0, -14.0, 3_000).heard();
    assert!(matches!(events[..], [ToneEvent::FaxAnswering { .. }]), "{events:?}");

    // With the phase turned every 450 ms, as modems do to switch echo cancellers off.
    let line = Line::default().quiet(800).again(6, |line| {
        let mut line = line.tone(2_100.0, -14.0, 450);
        let from = line.0.len();
        line = line.tone(2_100.0, -14.0, 450);
        line.0[from..].iter_mut().for_each(|sample| *sample = -*sample);
        line
    });
    let events = line.heard();
    assert!(matches!(events[..], [ToneEvent::FaxAnswering { .. }]), "{events:?}");
}

#[test]
fn music_and_melodies_are_no_beeps() {
    // A flute-like melody, an organ's chords, a mobile telephone's ring.
    let scale = [523.3, 587.3, 659.3, 698.5, 784.0, 880.0, 987.8, 1_046.5];
    let melody = scale.iter().cycle().take(24).fold(Line::default(), |line, &hz| {
        line.tones(&[(hz, -14.0), (2.0 * hz, -34.0)], 300).quiet(20)
    });
    assert_eq!(melody.heard(), []);
    let chords = [(262.0, 330.0, 392.0), (294.0, 349.0, 440.0), (247.0, 311.0, 392.0)];
    let organ = chords.iter().cycle().take(12).fold(Line::default(), |line, &(a, b, c)| {
        line.tones(&[(a, -18.0), (b, -18.0), (c, -18.0), (2.0 * a, -24.0)], 600)
    });
    assert_eq!(organ.heard(), []);
    let ring = Line::default().says("callers/time").again(3, |line| {
        line.again(8, |line| line.tone(1_050.0, -18.0, 60).tone(1_320.0, -18.0, 60)).quiet(1_000)
    });
    assert_eq!(ring.heard(), []);
}

/// The power at a frequency, by Goertzel's sum.
fn power_at(samples: &[i16], hz: f32) -> f32 {
    let factor = 2.0 * (TAU * hz / RATE).cos();
    let (mut last, mut before) = (0.0, 0.0);
    for &sample in samples {
        (last, before) = (f32::from(sample) + factor * last - before, last);
    }
    last * last + before * before - factor * last * before
}

/// The key that a receiver of Q.24 would read: both tones loud enough, within 4 dB of each other with
/// the high one louder and 8 dB the other way, and everything else well below.
fn key_of(samples: &[i16]) -> Option<char> {
    const ROWS: [&str; 4] = ["123A", "456B", "789C", "*0#D"];
    let best = |all: [f32; 4]| {
        let powers = all.map(|hz| power_at(samples, hz));
        let place = (0..4).max_by(|a, b| powers[*a].total_cmp(&powers[*b])).unwrap();
        let rest = powers.iter().sum::<f32>() - powers[place];
        (place, powers[place], rest)
    };
    let (row, low, low_rest) = best([697.0, 770.0, 852.0, 941.0]);
    let (column, high, high_rest) = best([1_209.0, 1_336.0, 1_477.0, 1_633.0]);
    let twist = 10.0 * (high / low).log10();
    let energy: f32 = samples.iter().map(|&s| f32::from(s).powi(2)).sum();
    // A sine's Goertzel power is its energy times half the samples.
    let pure = (low + high) / (samples.len() as f32 / 2.0) > 0.9 * energy;
    let alone = low > 40.0 * low_rest && high > 40.0 * high_rest;
    ((-8.0..=4.0).contains(&twist) && pure && alone).then(|| ROWS[row].chars().nth(column))?
}

#[test]
fn keys_are_made_as_receivers_want_them() {
    let keys = "0123456789*#ABCDd";
    for (on, off) in [(40, 40), (80, 80), (100, 50)] {
        let mulaw = dtmf(keys, on, off).unwrap();
        let samples = g711::decode_all(&mulaw);
        let (on, off) = (on as usize * 8, off as usize * 8);
        assert_eq!(samples.len(), keys.len() * (on + off));
        let read: String = samples
            .chunks(on + off)
            .map(|key| {
                assert!(key[on..].iter().all(|sample| *sample == 0));
                // -4 dBm0 together.
                let power =
                    key[..on].iter().map(|&s| f32::from(s).powi(2)).sum::<f32>() / on as f32;
                let dbm0 = 10.0 * (power / (32_124.0_f32.powi(2) / 2.0)).log10() + 3.17;
                assert!((-7.0..=-4.0).contains(&dbm0), "{dbm0}");
                key_of(&key[..on]).expect("a key")
            })
            .collect();
        assert_eq!(read, keys.to_uppercase());
    }
}

#[test]
fn keys_are_no_beeps() {
    let mulaw = dtmf("147*0#D21", 300, 300).unwrap();
    let mut samples = g711::decode_all(&mulaw);
    samples.resize(samples.len() + 12_000, 0);
    assert_eq!(detected(&samples), []);
}

#[test]
fn keys_that_no_telephone_has_are_refused() {
    assert_eq!(dtmf("12x", 80, 80), Err(NoSuchKey::Key('x')));
    assert_eq!(dtmf(&"1".repeat(65), 80, 80), Err(NoSuchKey::TooMany));
    assert_eq!(dtmf("", 80, 80), Ok(Vec::new()));
    assert_eq!(dtmf("1", 0, 0).unwrap().len(), 640, "40 ms each");
}
