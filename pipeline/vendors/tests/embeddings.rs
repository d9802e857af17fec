//! The local embeddings against those that `pipeline/analysis` fitted its weights on: its head would
//! judge amiss, and silently, if tokens or pooling differed.

use std::path::PathBuf;

use vendors::local::{
    Local, LocalOptions,
    models::{self, Part},
};

const DIMENSIONS: usize = 384;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sentences_have_the_vectors_that_the_analysis_was_fitted_on() {
    let Some(dir) = models::for_tests() else { return };
    let local = Local::open_parts(dir, &LocalOptions::default(), &[Part::Embeddings])
        .expect("the models load");
    let data = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../analysis/data");
    let list = std::fs::read_to_string(data.join("held-apart-en.tsv")).expect("the lines");
    let bytes = std::fs::read(data.join("held-apart-en.vectors")).expect("their vectors");
    let lines: Vec<String> = list
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| Some(line.split_once('\t')?.1.to_owned()))
        .collect();
    assert_eq!(bytes.len(), lines.len() * (4 + DIMENSIONS));
    let vectors = local.embedder().vectors(lines.clone()).await.expect("the model works");
    for ((line, vector), chunk) in lines.iter().zip(&vectors).zip(bytes.chunks(4 + DIMENSIONS)) {
        // Eight-bit values of length 1; their scale does not matter to the direction.
        let kept: Vec<f32> = chunk[4..].iter().map(|byte| f32::from(byte.cast_signed())).collect();
        let length = kept.iter().map(|value| value * value).sum::<f32>().sqrt();
        let alike: f32 = kept.iter().zip(vector).map(|(a, b)| a * b).sum::<f32>() / length;
        assert!(alike > 0.99, "{line}: {alike}");
    }
}
