//! Resampling: right in length, in time and in tone, however the audio is cut up.

use std::f64::consts::TAU;

use media::resample::{Resampler, Sample};
use proptest::prelude::*;

fn sine(hz: f64, rate: u32, samples: usize) -> Vec<f32> {
    (0..samples).map(|i| (0.5 * (TAU * hz * i as f64 / f64::from(rate)).sin()) as f32).collect()
}

fn resampled<I: Sample, O: Sample>(from: u32, to: u32, input: &[I], piece: usize) -> Vec<O> {
    let mut resampler = Resampler::new(from, to).unwrap();
    let mut out = Vec::new();
    for piece in input.chunks(piece) {
        resampler.push(piece, &mut out);
    }
    resampler.flush(&mut out);
    out
}

/// Signal to error, in dB.
fn snr(expected: &[f32], got: &[f32]) -> f64 {
    let power = |of: &mut dyn Iterator<Item = f32>| of.map(|x| f64::from(x).powi(2)).sum::<f64>();
    let error = power(&mut expected.iter().zip(got).map(|(a, b)| a - b));
    10.0 * (power(&mut expected.iter().copied()) / error).log10()
}

/// The rates that are met: the wire, recognisers, voices, files.
const PAIRS: [(u32, u32); 8] = [
    (8000, 16000),
    (16000, 8000),
    (24000, 8000),
    (8000, 24000),
    (22050, 8000),
    (44100, 8000),
    (48000, 8000),
    (24000, 16000),
];

#[test]
fn a_sine_stays_the_same_sine_at_the_same_time() {
    for (from, to) in PAIRS {
        for hz in [200.0, 1000.0, 3000.0] {
            let out: Vec<f32> = resampled(from, to, &sine(hz, from, from as usize), 160);
            assert_eq!(out.len(), to as usize, "{from} to {to}");
            // The ends are cut out: there the sine begins and stops, which is no sine.
            let (skip, expected) = (to as usize / 10, sine(hz, to, to as usize));
            let inner = skip..to as usize - skip;
            let snr = snr(&expected[inner.clone()], &out[inner]);
            assert!(snr > 70.0, "{hz} Hz from {from} to {to}: {snr:.0} dB");
        }
    }
}

#[test]
fn what_the_lower_rate_cannot_hold_is_taken_out() {
    for from in [16000, 24000, 48000] {
        let input = sine(6000.0, from, from as usize);
        let out: Vec<f32> = resampled(from, 8000, &input, 480);
        let loudest = out[800..7200].iter().fold(0.0f32, |loudest, x| loudest.max(x.abs()));
        assert!(loudest < 0.0005, "from {from}: {loudest}");
    }
}

#[test]
fn there_are_no_clicks_at_the_joins() {
    let out: Vec<f32> = resampled(8000, 16000, &sine(440.0, 8000, 8000), 160);
    // The steepest step of a sine of this height and pitch, and a thousandth more.
    let steepest = (0.5 * TAU * 440.0 / 16000.0) as f32 * 1.001;
    let step = out[200..15800].windows(2).map(|pair| (pair[1] - pair[0]).abs());
    assert!(step.fold(0.0f32, f32::max) <= steepest);
}

#[test]
fn equal_rates_change_nothing() {
    let input: Vec<i16> = (-500..500).map(|i| i * 65).collect();
    assert_eq!(resampled::<i16, i16>(8000, 8000, &input, 7), input);
}

#[test]
fn loud_samples_are_cut_off_not_wrapped() {
    let square: Vec<i16> = (0..8000).map(|i| if i / 8 % 2 == 0 { 32767 } else { -32768 }).collect();
    let out: Vec<i16> = resampled(8000, 16000, &square, 160);
    // Near the middle of each half wave the sign must be the input's: a wrap would turn it.
    for (index, &sample) in square.iter().enumerate().skip(160).take(7600) {
        if matches!(index % 8, 3 | 4) {
            assert_eq!(out[2 * index].signum(), sample.signum(), "{index}");
        }
    }
}

#[test]
fn a_resampler_is_as_new_after_a_flush() {
    let mut resampler = Resampler::new(24000, 8000).unwrap();
    let input = sine(700.0, 24000, 5000);
    let mut runs: Vec<Vec<f32>> = Vec::new();
    for _ in 0..2 {
        let mut out = Vec::new();
        resampler.push(&input, &mut out);
        resampler.flush(&mut out);
        runs.push(out);
    }
    assert_eq!(runs[0], runs[1]);
    let mut nothing: Vec<i16> = Vec::new();
    resampler.flush(&mut nothing);
    assert!(nothing.is_empty());
}

#[test]
fn a_stream_is_at_most_30_ms_behind() {
    for (from, to) in [(8000, 16000), (24000, 8000), (16000, 8000)] {
        let mut resampler = Resampler::new(from, to).unwrap();
        let (mut taken_ms, mut out) = (0, Vec::<f32>::new());
        for _ in 0..50 {
            resampler.push(&vec![0i16; from as usize / 50], &mut out);
            taken_ms += 20;
            let given_ms = out.len() as u64 * 1000 / u64::from(to);
            assert!(taken_ms - given_ms <= 30, "{from} to {to}: {taken_ms} {given_ms}");
        }
    }
}

#[test]
fn unlikely_rates_are_refused() {
    for (from, to) in [(0, 8000), (8000, 0), (999, 8000), (8000, 384_001)] {
        let error = Resampler::new(from, to).unwrap_err();
        assert_eq!((error.from_hz, error.to_hz), (from, to));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn cutting_does_not_change_the_result(
        input in prop::collection::vec(any::<i16>(), 0..3000),
        cuts in prop::collection::vec(0usize..700, 1..12),
        pair in prop::sample::select(PAIRS.to_vec()),
    ) {
        let (from, to) = pair;
        let whole: Vec<i16> = resampled(from, to, &input, input.len().max(1));
        let expected = (input.len() as f64 * f64::from(to) / f64::from(from)).round() as usize;
        prop_assert_eq!(whole.len(), expected);

        let mut resampler = Resampler::new(from, to).unwrap();
        let (mut out, mut rest, mut next) = (Vec::<i16>::new(), &input[..], 0);
        while !rest.is_empty() {
            // A cut of 0 is a push of nothing; a whole round of them would never end.
            let length = if next % cuts.len() == 0 { 1 } else { 0 } + cuts[next % cuts.len()];
            let (piece, after) = rest.split_at(rest.len().min(length));
            resampler.push(piece, &mut out);
            (rest, next) = (after, next + 1);
        }
        resampler.flush(&mut out);
        prop_assert_eq!(out, whole);
    }
}
