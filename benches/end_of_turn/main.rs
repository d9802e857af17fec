//! Promise: the agent neither cuts in nor dawdles.
//!
//! Recorded people, on the telephone, with the real voice activity, recogniser and model: how often
//! each rule would have ended a turn in a pause within it, and how long after a turn's true end it
//! answers. Each rule's settings are chosen on one half of the recordings and reported on the other.
//! `docs/end-of-turn.md` tells what is measured and how it came out.
//!
//! `cargo bench --bench end_of_turn`; `-- --fit` prints the weights that the first half gives.

mod features;
mod fit;
mod packed;
mod recordings;
mod rules;

use std::process::ExitCode;

use features::{Engines, Heard};
use recordings::Turn;
use rules::{Outcome, Rule, WORDS_AFTER_MS, families};
use turn::endpoint::{EndOfTurn, Question};

/// The share of turns that may be cut, percent, at which delays are compared.
const CUT_PERCENT: f64 = 5.0;
/// With fewer pauses than this nothing is promised: the packages with recordings are not installed.
const PAUSES_NEEDED: usize = 50;
/// Median delays at which cut-offs are compared, ms.
const MEDIANS_MS: [i64; 2] = [300, 600];

type Cases<'a> = Vec<(&'a Heard, Option<Question>)>;

fn main() -> ExitCode {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime can be made");
    let engines = match Engines::open(true) {
        Ok(engines) => engines,
        Err(error) => {
            eprintln!("not measured: {error}");
            return ExitCode::FAILURE;
        }
    };
    let turns = recordings::turns();
    let mut heard = Vec::new();
    for (index, turn) in turns.iter().enumerate() {
        if index % 100 == 0 {
            eprintln!("{index} of {} recordings heard", turns.len());
        }
        heard.extend(runtime.block_on(features::heard(turn, &engines)).map(|heard| (turn, heard)));
    }
    let part = |fitting: bool, numbers: bool| -> Vec<&(&Turn, Heard)> {
        let wanted = |(turn, _): &&(&Turn, Heard)| {
            turn.is_for_fitting() == fitting && (turn.kind == "numbers") == numbers
        };
        heard.iter().filter(wanted).collect()
    };
    let (fitting, held_out) = (part(true, false), part(false, false));
    if std::env::args().any(|argument| argument == "--fit") {
        let turns: Vec<&Heard> = fitting.iter().map(|(_, heard)| heard).collect();
        fit::print(&turns);
        return ExitCode::SUCCESS;
    }
    for (name, part) in [("for fitting", &fitting), ("reported", &held_out)] {
        println!("{name}: {}", counts(part));
    }
    timing(&heard);
    let mut kept = true;
    for (context, asked) in [
        ("nothing had been asked", None),
        (
            "something had been asked: the length of what is said does not count",
            Some(Question::Other),
        ),
    ] {
        println!("\nAs if {context}.\n");
        let cases = |part: &[&(&Turn, Heard)]| -> Vec<(Heard, Option<Question>)> {
            part.iter().map(|(_, heard)| (heard.clone(), asked)).collect()
        };
        kept &= compare(&borrowed(&cases(&fitting)), &borrowed(&cases(&held_out)));
    }
    let numbers: Vec<&(&Turn, Heard)> =
        heard.iter().filter(|(turn, _)| turn.kind == "numbers").collect();
    dictation(&numbers);
    let pauses: usize = held_out.iter().map(|(_, heard)| heard.pauses.len() - 1).sum();
    if pauses < PAUSES_NEEDED {
        println!(
            "\nToo few pauses to judge by: install the packages that docs/end-of-turn.md names."
        );
        return ExitCode::SUCCESS;
    }
    if kept { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn borrowed(cases: &[(Heard, Option<Question>)]) -> Cases<'_> {
    cases.iter().map(|(heard, asked)| (heard, *asked)).collect()
}

fn counts(part: &[&(&Turn, Heard)]) -> String {
    let mut said = Vec::new();
    for kind in ["announcements", "readings", "actors"] {
        let of_kind = || part.iter().filter(|(turn, _)| turn.kind == kind);
        let pauses: usize = of_kind().map(|(_, heard)| heard.pauses.len() - 1).sum();
        said.push(format!("{kind} {} turns with {pauses} pauses", of_kind().count()));
    }
    said.join(", ")
}

/// Prints the table; false if ours are not better than the rules that they must beat.
fn compare(fitting: &Cases<'_>, held_out: &Cases<'_>) -> bool {
    heading();
    let mut at_five = Vec::new();
    for (name, rules) in families() {
        let tried: Vec<(Rule, Outcome)> =
            rules.into_iter().map(|rule| (rule.clone(), Outcome::of(&rule, fitting))).collect();
        let few_cuts = tried
            .iter()
            .filter(|(_, outcome)| outcome.cut_percent() <= CUT_PERCENT)
            .min_by(|a, b| a.1.mean_ms().total_cmp(&b.1.mean_ms()));
        if let Some((rule, _)) = few_cuts {
            let outcome = Outcome::of(rule, held_out);
            row(name, "5 % cut", rule, &outcome);
            at_five.push(outcome.mean_ms());
        }
        for median in MEDIANS_MS {
            let quick = tried
                .iter()
                .filter(|(_, outcome)| outcome.percentile_ms(50) <= median)
                .min_by(|a, b| {
                    let short = |outcome: &Outcome| median - outcome.percentile_ms(50);
                    let cuts = a.1.cut_percent().total_cmp(&b.1.cut_percent());
                    cuts.then(short(&a.1).cmp(&short(&b.1)))
                });
            if let Some((rule, _)) = quick {
                row(name, &format!("median {median} ms"), rule, &Outcome::of(rule, held_out));
            }
        }
    }
    let packaged = Rule::ModelOnce { threshold: 0.5, else_ms: 3_000 };
    row(
        "Smart Turn, asked once",
        "as in its package",
        &packaged,
        &Outcome::of(&packaged, held_out),
    );
    for (name, model) in [("ours, without a model", false), ("ours, with Smart Turn", true)] {
        let rule = Rule::Ours { policy: Box::default(), model };
        row(name, "as configured", &rule, &Outcome::of(&rule, held_out));
    }
    // In the order of the families: silence, the model once, ours, ours with the model.
    matches!(at_five[..], [silence, once, ours, with] if ours < silence && with < once)
}

/// How late the words were, beside what the rules take for it.
fn timing(heard: &[(&Turn, Heard)]) {
    let pauses = heard.iter().flat_map(|(_, heard)| &heard.pauses);
    let mut sure: Vec<u64> = pauses.clone().map(|pause| pause.known_ms - pause.at_ms).collect();
    let mut after: Vec<u64> = pauses.filter_map(|pause| pause.words_after_ms).collect();
    sure.sort_unstable();
    after.sort_unstable();
    let at = |sorted: &[u64], percent: usize| {
        sorted.get(sorted.len().saturating_sub(1) * percent / 100).copied().unwrap_or_default()
    };
    println!(
        "The VAD is sure of a silence after {} ms (p50). Words after that, measured in {} pauses: p50 \
         {} ms, p75 {} ms, p90 {} ms; taken for it: {WORDS_AFTER_MS} ms.",
        at(&sure, 50),
        after.len(),
        at(&after, 50),
        at(&after, 75),
        at(&after, 90),
    );
}

/// Telephone numbers: are they cut in two?
fn dictation(numbers: &[&(&Turn, Heard)]) {
    let cases: Cases<'_> = numbers.iter().map(|(turn, heard)| (heard, turn.asked)).collect();
    println!("\nTelephone numbers in three groups, after \"What is your number?\".\n");
    heading();
    let ours = |policy: EndOfTurn, model| Rule::Ours { policy: Box::new(policy), model };
    let unaware: Cases<'_> =
        cases.iter().map(|(heard, _)| (*heard, Some(Question::Other))).collect();
    for (name, rule, cases) in [
        ("silence only", Rule::Silence { ms: 800 }, &cases),
        ("Smart Turn, asked once", Rule::ModelOnce { threshold: 0.5, else_ms: 1_000 }, &cases),
        ("ours, not told the question", ours(EndOfTurn::default(), false), &unaware),
        ("ours, without a model", ours(EndOfTurn::default(), false), &cases),
        ("ours, with Smart Turn", ours(EndOfTurn::default(), true), &cases),
    ] {
        row(name, "", &rule, &Outcome::of(&rule, cases));
    }
}

fn heading() {
    println!("| rule | chosen for | setting | turns cut | pauses cut | mean | median | p95 |");
    println!("|---|---|---|---|---|---|---|---|");
}

fn row(name: &str, chosen: &str, rule: &Rule, outcome: &Outcome) {
    println!(
        "| {name} | {chosen} | {} | {:.1} % | {:.0} % | {:.0} ms | {} ms | {} ms |",
        rule.settings(),
        outcome.cut_percent(),
        outcome.cut_pauses_percent(),
        outcome.mean_ms(),
        outcome.percentile_ms(50),
        outcome.percentile_ms(95),
    );
}
