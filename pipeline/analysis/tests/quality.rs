//! Scores of whole calls, and what they rest on.

mod calls;

use analysis::{
    Language,
    quality::{Finding, Part, Rubric, Scores, score},
    sentiment::Label,
    transcript::{Ended, Facts, Overlap, Speaker, Transcript, Turn},
};
use calls::{booking, call, did, grievance};
use proptest::prelude::*;
use serde_json::json;

fn scored(transcript: &Transcript, facts: &Facts) -> Scores {
    score(transcript, facts, &Rubric::default(), &[])
}

fn rules(scores: &Scores) -> Vec<&'static str> {
    scores.evidence.iter().map(|finding| finding.rule).collect()
}

fn found<'a>(scores: &'a Scores, rule: &str) -> &'a Finding {
    let finding = scores.evidence.iter().find(|finding| finding.rule == rule);
    finding.unwrap_or_else(|| panic!("{rule} is not among {:?}", rules(scores)))
}

#[test]
fn a_call_that_went_well_has_nothing_against_it() {
    let facts =
        Facts { ended: Ended::ByAgent, answers_ms: vec![700, 900, 650], ..Facts::default() };
    let scores = scored(&booking(), &facts);
    assert_eq!(rules(&scores), [""; 0]);
    assert_eq!((scores.compliance, scores.accuracy, scores.professionalism), (1.0, 1.0, 1.0));
    assert_eq!(scores.sentiment_label, Label::Positive);
    assert!(scores.overall > 0.9 && !scores.below_threshold);
}

#[test]
fn a_call_that_went_wrong_says_how() {
    let facts = Facts {
        answers_ms: vec![800, 4_200],
        overlaps: vec![Overlap { at_ms: 7_000, ms: 900, by: Speaker::Agent }],
        ..Facts::default()
    };
    let scores = scored(&grievance(), &facts);
    for rule in [
        "no_greeting",
        "did_not_know",
        "unsupported_figure",
        "person_refused",
        "promise_not_kept",
        "question_unanswered",
        "slow_answer",
        "talked_over",
    ] {
        found(&scores, rule);
    }
    assert_eq!(found(&scores, "unsupported_figure").interaction, Some(4));
    assert_eq!(found(&scores, "person_refused").quote, "let me talk to a person right now");
    assert_eq!(found(&scores, "slow_answer").issue, "An answer took 4.2 s");
    assert_eq!(scores.sentiment_label, Label::Negative);
    assert!(scores.below_threshold, "{}", scores.overall);
    let well = scored(&booking(), &Facts::default());
    assert!(scores.overall < well.overall - 0.3);
}

#[test]
fn the_rubric_is_the_businesss_own() {
    let rubric = Rubric::of(&json!({
        "min_score_threshold": 0.9,
        "required_phrases": ["bright dental", "insurance"],
        "forbidden_phrases": ["guarantee*", "nine or ten"],
        "legal_notice": "This call may be recorded for quality purposes",
        "custom_of_another_tool": {"a": 1},
    }))
    .unwrap();
    let scores = score(&booking(), &Facts::default(), &rubric, &[]);
    assert_eq!(
        scores.compliance_issues,
        [
            "Forbidden phrase was said: nine or ten",
            "The legal notice was not given at the start of the call",
        ]
    );
    assert!((scores.compliance - 0.1).abs() < 1e-5);
    assert!(scores.below_threshold);
    let mut call = booking();
    call.turns[0].text = "Hello! This call may be recorded for quality purposes.".into();
    let scores = score(&call, &Facts::default(), &rubric, &[]);
    let missing = "Required phrase was not said: bright dental";
    assert_eq!(scores.compliance_issues.last().map(String::as_str), Some(missing));
    assert!(!scores.compliance_issues.iter().any(|issue| issue.contains("legal")));

    let off = Rubric { compliance_check: false, sentiment_analysis: false, ..rubric };
    let scores = score(&booking(), &Facts::default(), &off, &[]);
    assert_eq!((scores.compliance, scores.sentiment, scores.overall), (1.0, 0.5, 1.0));
}

#[test]
fn a_rubric_that_cannot_be_meant_is_refused() {
    for bad in [
        json!({"min_score_threshold": 60}),
        json!({"weights": {"accuracy": -1.0}}),
        json!({"weights": {"accuracy": 0, "sentiment": 0, "compliance": 0, "professionalism": 0}}),
        json!({"required_phrases": [" "]}),
        json!({"required_phrases": "hello"}),
    ] {
        assert!(Rubric::of(&bad).is_err(), "{bad}");
    }
    assert_eq!(Rubric::of(&json!({})).unwrap(), Rubric::default());
}

#[test]
fn promises_are_kept_by_deeds() {
    let lines = [
        "A Здравствуйте, клиника. Чем могу помочь?",
        "C запишите меня на вторник",
        "A Сейчас вас запишу на вторник.",
        "C спасибо до свидания",
    ];
    let mut promised = call(Language::Russian, &lines);
    let scores = scored(&promised, &Facts::default());
    assert_eq!(found(&scores, "promise_not_kept").quote, "Сейчас вас запишу на вторник");
    did(&mut promised.turns[2], "book", false);
    found(&scored(&promised, &Facts::default()), "promise_not_kept");
    did(&mut promised.turns[2], "book", true);
    assert_eq!(rules(&scored(&promised, &Facts::default())), [""; 0]);
    let lines = ["A Hello.", "C cancel my order", "A I've cancelled your order, thank you."];
    found(&scored(&call(Language::English, &lines), &Facts::default()), "claim_without_deed");
}

#[test]
fn to_be_put_through_answers_the_wish_for_a_person() {
    let lines = [
        "A Hello, how can I help?",
        "C can I talk to a human please",
        "A One moment please, I'll put you through.",
    ];
    let call = call(Language::English, &lines);
    let facts = Facts { ended: Ended::Transferred, escalated: true, ..Facts::default() };
    assert_eq!(rules(&scored(&call, &facts)), [""; 0]);
}

#[test]
fn what_is_said_twice_counts_unless_it_was_asked_for() {
    let again = "A We are open from nine to five on working days, thank you.";
    let lines = [
        "A Hello.",
        "C when are you open",
        again,
        "C and on Sunday",
        again,
        "C sorry what did you say",
        again,
    ];
    let scores = scored(&call(Language::English, &lines), &Facts::default());
    let places: Vec<_> = scores
        .evidence
        .iter()
        .filter(|it| it.rule == "repeated_itself")
        .map(|it| it.interaction)
        .collect();
    assert!(places.contains(&Some(4)), "{:?}", rules(&scores));
}

#[test]
fn of_other_languages_only_times_and_own_phrases_are_judged() {
    let lines = ["A Assalomu alaykum", "C menga yordam kerak?", "A albatta"];
    let mut call = call(Language::Other, &lines);
    call.turns[2].from_ms = 30_000;
    call.turns[2].to_ms = 31_000;
    let rubric = Rubric { required_phrases: vec!["rahmat".into()], ..Rubric::default() };
    let scores = score(&call, &Facts::default(), &rubric, &[]);
    assert_eq!(rules(&scores), ["dead_air", "required_phrase"]);
    assert_eq!((scores.sentiment, scores.sentiment_label), (0.5, Label::Neutral));
}

#[test]
fn an_empty_call_is_scored_too() {
    let scores =
        scored(&Transcript { language: Language::English, turns: vec![] }, &Facts::default());
    assert_eq!(rules(&scores), [""; 0]);
    assert!((scores.overall - 0.9).abs() < 1e-5);
}

fn transcript() -> impl Strategy<Value = Transcript> {
    let text = prop_oneof![
        "[A-Za-zа-я0-9 .,?!'’$]{0,80}",
        Just("I'll send it now. Shut up, idiot!".to_owned()),
        Just("can I talk to a human? where is my order?".to_owned()),
        Just("I'm not sure about that.".to_owned()),
        Just("Вы записаны на 9:00.".to_owned()),
    ];
    let speaker = prop_oneof![Just(Speaker::Caller), Just(Speaker::Agent), Just(Speaker::Person)];
    let turn = (speaker, text, 0u64..60_000, 0u64..9_000, any::<bool>()).prop_map(
        |(who, text, from, length, cut)| Turn { cut, ..Turn::new(who, text, from, from + length) },
    );
    let language =
        prop_oneof![Just(Language::English), Just(Language::Russian), Just(Language::Other)];
    (language, proptest::collection::vec(turn, 0..30))
        .prop_map(|(language, turns)| Transcript { language, turns })
}

proptest! {
    #[test]
    fn scores_are_in_range_repeatable_and_quoted(call in transcript(), answers in proptest::collection::vec(0u64..20_000, 0..10)) {
        let rubric = Rubric { forbidden_phrases: vec!["a".into()], required_phrases: vec!["zebra".into()], ..Rubric::default() };
        let facts = Facts { answers_ms: answers.clone(), ..Facts::default() };
        let scores = score(&call, &facts, &rubric, &[]);
        for value in [scores.overall, scores.sentiment, scores.compliance, scores.accuracy, scores.professionalism] {
            prop_assert!((0.0..=1.0).contains(&value));
        }
        for finding in &scores.evidence {
            match finding.interaction {
                Some(at) => prop_assert!(call.turns[at as usize].text.contains(&finding.quote), "{finding:?}"),
                None => prop_assert!(finding.quote.is_empty()),
            }
            prop_assert!(!finding.issue.is_empty());
            prop_assert!(finding.part != Part::Sentiment);
        }
        prop_assert_eq!(&scores, &score(&call, &facts, &rubric, &[]));
        // The order in which waits and overlaps are told does not matter.
        let mut turned = answers;
        turned.reverse();
        let other = score(&call, &Facts { answers_ms: turned, ..Facts::default() }, &rubric, &[]);
        prop_assert_eq!(scores.overall, other.overall);
    }
}
