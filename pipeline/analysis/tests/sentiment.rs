//! How callers' turns sound: the traps of the telephone, and how far listeners are agreed with.

mod labelled;

use analysis::{
    Language,
    sentiment::{DIMENSIONS, Label, Method, Mood, Sentiment, of_turn, scored},
};
use proptest::prelude::*;

fn plain(text: &str) -> Sentiment {
    of_turn(text, Language::English, None)
}

#[test]
fn traps_of_the_telephone_are_known() {
    use Label::{Negative, Neutral, Positive};
    let table = [
        ("no problem", Neutral),
        ("no problem at all", Neutral),
        ("not bad", Neutral),
        ("I want to cancel", Neutral),
        ("I'd like to cancel my order please", Neutral),
        ("please", Neutral),
        ("thanks bye", Neutral),
        ("okay thank you goodbye", Neutral),
        ("there is a charge on my card", Neutral),
        ("that's killing me", Negative),
        ("this is bullshit", Negative),
        ("you fucking idiot", Negative),
        ("it is not good enough", Negative),
        ("nobody ever calls me back", Negative),
        ("it was fine at first but now it's terrible", Negative),
        ("I was angry but you were wonderful", Positive),
        ("thank you so much", Positive),
        ("I can't complain, it was great", Positive),
        ("ничего страшного", Neutral),
        ("хочу отменить заказ", Neutral),
        ("спасибо, до свидания", Neutral),
        ("мне очень не нравится ваше обслуживание", Negative),
        ("вы издеваетесь", Negative),
        ("огромное вам спасибо", Positive),
        ("ОЧЕНЬ ДОВОЛЬНА!", Positive),
    ];
    let wrong: Vec<_> =
        table.into_iter().filter(|(text, label)| plain(text).label != *label).collect();
    assert_eq!(wrong, [], "label of each");
}

#[test]
fn sarcasm_is_not_believed_far() {
    for text in [
        "oh great another hour on hold",
        "thanks for nothing",
        "wow great job you lost it again",
        "ну отлично еще час ждать",
        "спасибо за ничего",
    ] {
        let told = plain(text);
        assert!(told.confidence <= 0.3, "{text}: {told:?}");
        assert_ne!(told.label, Label::Positive, "{text}");
    }
    assert!(plain("this is unacceptable").confidence > 0.5);
}

#[test]
fn what_is_not_understood_is_not_judged() {
    let told = of_turn("bu juda yomon xizmat terrible", Language::of_tag("uz"), None);
    assert_eq!(told, Sentiment::UNKNOWN);
    assert_eq!(plain(""), Sentiment::UNKNOWN);
    assert_eq!(plain("… —"), Sentiment::UNKNOWN);
    let short = [1.0; 7];
    assert_eq!(of_turn("terrible", Language::English, Some(&short)), plain("terrible"));
}

/// What docs/analysis.md promises, less a margin for changes that help elsewhere.
#[test]
fn listeners_are_agreed_with_as_is_documented() {
    let table = [
        ("held-apart-en", Language::English, Method::Mix, 0.66),
        ("held-apart-en", Language::English, Method::Lexicon, 0.55),
        ("held-apart-ru", Language::Russian, Method::Mix, 0.46),
        ("fitted-en", Language::English, Method::Mix, 0.93),
        ("fitted-ru", Language::Russian, Method::Mix, 0.96),
    ];
    for (set, language, method, least) in table {
        let lines = labelled::lines(set);
        let told: Vec<f32> = lines
            .iter()
            .map(|line| scored(&line.text, language, line.vector.as_deref(), method).score)
            .collect();
        let found = labelled::agreement(&lines, &told);
        assert!(found.accuracy >= least, "{set} by {method:?}: {}", found.accuracy);
        assert!(found.opposite <= 0.1, "{set} by {method:?}: {} on the wrong side", found.opposite);
    }
}

#[test]
fn every_line_has_its_embedding() {
    for set in ["held-apart-en", "fitted-en"] {
        for line in labelled::lines(set) {
            let vector = line.vector.expect("a vector for each line");
            let length = vector.iter().map(|value| value * value).sum::<f32>().sqrt();
            assert!((length - 1.0).abs() < 0.02, "{set}: {length}");
        }
    }
}

fn language() -> impl Strategy<Value = Language> {
    prop_oneof![Just(Language::English), Just(Language::Russian), Just(Language::Other)]
}

proptest! {
    #[test]
    fn scores_stay_in_range(
        text in ".{0,200}",
        language in language(),
        vector in proptest::option::of(proptest::collection::vec(proptest::num::f32::ANY, DIMENSIONS)),
    ) {
        let told = of_turn(&text, language, vector.as_deref());
        prop_assert!((-1.0..=1.0).contains(&told.score));
        prop_assert!((0.0..=1.0).contains(&told.confidence));
        prop_assert_eq!(told.label, Label::of(told.score));
        prop_assert_eq!(told, of_turn(&text, language, vector.as_deref()));
    }

    #[test]
    fn a_mood_stays_within_what_it_was_told(turns in proptest::collection::vec((-1.0f32..1.0, 0.05f32..1.0), 1..40)) {
        let mut mood = Mood::default();
        for (score, confidence) in &turns {
            mood.push(Sentiment { score: *score, label: Label::of(*score), confidence: *confidence });
        }
        let (low, high) = turns.iter().fold((1.0f32, -1.0f32), |(low, high), (score, _)| (low.min(*score), high.max(*score)));
        prop_assert!(mood.score() >= low - 1e-4 && mood.score() <= high + 1e-4);
        prop_assert!((0.0..=1.0).contains(&mood.now().confidence));
    }
}
