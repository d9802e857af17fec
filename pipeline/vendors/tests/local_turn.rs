//! Smart Turn on recorded people: the same judgements as the model's own package gives.

use media::g711;
use vendors::local::{
    Local, LocalOptions,
    models::{self, Part},
};

/// Of recordings, or the first part of one, with 200 ms of silence after it: the probability that the
/// turn is over by the features of pipecat-ai 1.14.0 (numpy) and the same network in Python, from the
/// same samples at 16 kHz.
const REFERENCE: [(&str, f64, f32); 6] = [
    ("librivox/dashwood-0880", 1.0, 0.0597),
    ("librivox/dashwood-0880", 0.5, 0.0443),
    ("librivox/dashwood-0870", 0.4, 0.6160),
    ("asterisk/conf-invalid", 1.0, 0.7924),
    ("asterisk/conf-invalid", 0.5, 0.7988),
    ("pocketsphinx/goforward", 1.0, 0.9901),
];

/// Single precision here, double there; the network makes much of little where it is unsure.
const NEAR: f32 = 0.05;

#[tokio::test]
async fn a_turns_end_is_judged_as_by_the_models_own_package() {
    let Some(dir) = models::for_tests() else { return };
    let options = LocalOptions { threads: Some(1) };
    let local = Local::open_parts(&dir, &options, &[Part::Turn]).unwrap();
    let judge = local.turn().expect("it was loaded");
    for (name, part, expected) in REFERENCE {
        let mut samples = fixtures::recording(name).samples_8k();
        samples.truncate((samples.len() as f64 * part) as usize);
        samples.resize(samples.len() + 1_600, 0);
        let over = judge.judge(g711::encode_all(&samples)).await.unwrap();
        assert!((over - expected).abs() < NEAR, "{name}, {part} of it: {over}, not {expected}");
    }
    // Nothing, and more than it hears.
    for mulaw in [Vec::new(), vec![g711::SILENCE; 100_000]] {
        let over = judge.judge(mulaw).await.unwrap();
        assert!((0.0..=1.0).contains(&over));
    }
}

#[tokio::test]
async fn without_its_part_there_is_no_judge() {
    let Some(dir) = models::for_tests() else { return };
    let local = Local::open_parts(&dir, &LocalOptions { threads: Some(1) }, &[]).unwrap();
    assert!(local.turn().is_none());
}
