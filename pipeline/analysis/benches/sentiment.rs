//! How well callers' turns are judged, and what a turn costs.
//!
//! `held-apart` was written before any list or rule and served for no fitting; `fitted` is what they
//! were fitted on, shown to tell by how much. With `TANDEM_RATED_TEXTS` set to the folder of rated
//! texts in vaderSentiment's source distribution (`additional_resources/hutto_ICWSM_2014`, unpacked),
//! the lists are held against those, too.

use std::hint::black_box;

use analysis::{
    Language,
    sentiment::{Label, Method, scored},
};

#[path = "../tests/labelled/mod.rs"]
mod labelled;

use labelled::{Agreement, Line};

fn main() {
    println!(
        "{:<34}{:>6}{:>10}{:>10}{:>10}{:>8}",
        "set, judge", "lines", "accuracy", "macro F1", "opposite", "r"
    );
    for set in ["held-apart", "fitted"] {
        for (code, language) in [("en", Language::English), ("ru", Language::Russian)] {
            let lines = labelled::lines(&format!("{set}-{code}"));
            let methods = [Method::Lexicon, Method::Head, Method::Mix];
            let methods = if language == Language::English { &methods[..] } else { &methods[..1] };
            for method in methods {
                let told = |line: &Line| {
                    scored(&line.text, language, line.vector.as_deref(), *method).score
                };
                report(&format!("{set} {code}, {method:?}"), &lines, told);
            }
        }
    }
    if let Ok(folder) = std::env::var("TANDEM_RATED_TEXTS") {
        for name in
            ["amazonReviewSnippets", "tweets", "movieReviewSnippets", "nytEditorialSnippets"]
        {
            let lines = labelled::rated(&format!("{folder}/{name}_GroundTruth.txt"));
            let told =
                |line: &Line| scored(&line.text, Language::English, None, Method::Lexicon).score;
            report(&format!("{name}, Lexicon"), &lines, told);
        }
    }
    if std::env::var_os("TANDEM_MISSES").is_some() {
        misses();
    }
    divan::main();
}

fn report(name: &str, lines: &[Line], told: impl Fn(&Line) -> f32) {
    let told: Vec<f32> = lines.iter().map(told).collect();
    let Agreement { accuracy, macro_f1, opposite, correlation } = labelled::agreement(lines, &told);
    println!(
        "{name:<34}{:>6}{accuracy:>10.3}{macro_f1:>10.3}{opposite:>10.3}{correlation:>8.3}",
        lines.len()
    );
}

/// What the lists were fitted on and are wrong about: the held-apart set is not looked at.
fn misses() {
    for (code, language) in [("en", Language::English), ("ru", Language::Russian)] {
        for line in labelled::lines(&format!("fitted-{code}")) {
            let lists = scored(&line.text, language, None, Method::Lexicon).score;
            let mix = scored(&line.text, language, line.vector.as_deref(), Method::Mix).score;
            if Label::of(lists) != Label::of(line.score) || Label::of(mix) != Label::of(line.score)
            {
                println!("{:>5} {lists:>6.2} {mix:>6.2}  {}", line.score, line.text);
            }
        }
    }
}

#[divan::bench(args = ["en", "ru"])]
fn one_turn_by_lists(bencher: divan::Bencher, code: &str) {
    let text = if code == "en" {
        "I've been on hold for forty minutes and nobody can tell me where my order is"
    } else {
        "я уже сорок минут вишу на линии и никто не может сказать где мой заказ"
    };
    let language = Language::of_tag(code);
    bencher.bench(|| scored(black_box(text), language, None, Method::Lexicon));
}

#[divan::bench]
fn one_turn_by_both(bencher: divan::Bencher) {
    let line = labelled::lines("fitted-en").swap_remove(60);
    let vector = line.vector.as_deref();
    bencher.bench(|| scored(black_box(&line.text), Language::English, vector, Method::Mix));
}
