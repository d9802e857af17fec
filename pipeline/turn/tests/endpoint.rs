//! How long a silence must be: what shortens it, what lengthens it, and what it never exceeds.

use std::time::Duration;

use proptest::prelude::*;
use turn::endpoint::{
    Completeness, DictationWaits, EndOfTurn, Evidence, Pauses, Prosody, Question, alternatives,
    completeness,
};

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

fn wait(text: &str, asked: Option<Question>) -> u64 {
    Evidence::of_words(text, asked).wait(&EndOfTurn::default()).as_millis() as u64
}

#[test]
fn words_say_whether_more_must_come() {
    use Completeness::{Answer, Comma, Dangling, Open, Opening, Sentence, Unknown};
    let yes_or_no = Some(Question::YesOrNo);
    let cases = [
        ("", None, Unknown),
        ("I would like to book an appointment.", None, Sentence),
        ("I would like to book a", None, Dangling),
        ("I would like to book a.", None, Dangling),
        ("It is about my tooth and", None, Dangling),
        ("It is about my tooth,", None, Comma),
        ("If you have time", None, Dangling),
        ("If you have time, I'd like to come.", None, Sentence),
        ("What is it about?", None, Sentence),
        ("Um", None, Dangling),
        ("next Tuesday", None, Open),
        ("Yeah.", None, Opening),
        ("Yeah", yes_or_no, Answer),
        ("Yes, that's right.", yes_or_no, Answer),
        ("Yes, but", yes_or_no, Dangling),
        ("five five five", Some(Question::Number), Dangling),
        ("five five five one two three four five six seven", Some(Question::Number), Answer),
        ("My number is five five five", None, Dangling),
    ];
    for (text, asked, wanted) in cases {
        assert_eq!(completeness(text, asked), wanted, "{text:?}");
    }
}

#[test]
fn russian_words_say_it_too() {
    use Completeness::{Answer, Comma, Dangling, Open, Opening, Sentence};
    let yes_or_no = Some(Question::YesOrNo);
    let cases = [
        ("Я хотел бы записаться.", None, Sentence),
        ("Я хотел бы записаться на", None, Dangling),
        ("Это про мой зуб и", None, Dangling),
        ("Это про мой", None, Dangling),
        ("Это про зуб,", None, Comma),
        ("Я не приду, потому что", None, Dangling),
        ("Если у вас есть время", None, Dangling),
        ("Если у вас есть время, я приду.", None, Sentence),
        ("Меня зовут", None, Dangling),
        ("Мне нужно", None, Dangling),
        ("Здравствуйте, я хотел бы", None, Dangling),
        ("Это я.", None, Sentence),
        ("Я не знаю, как", None, Dangling),
        ("Спасибо, не нужно.", None, Sentence),
        ("Сейчас, секундочку", Some(Question::Number), Dangling),
        ("А когда?", None, Sentence),
        ("Что это?", None, Sentence),
        ("Я хочу сделать это.", None, Sentence),
        ("Ну", None, Dangling),
        ("в следующий вторник", None, Open),
        ("Да.", None, Opening),
        ("Да", yes_or_no, Answer),
        ("Ага.", yes_or_no, Answer),
        ("Угу", yes_or_no, Answer),
        ("Да, всё верно.", yes_or_no, Answer),
        ("Нет, спасибо.", yes_or_no, Answer),
        ("Нет, не надо.", yes_or_no, Answer),
        ("Да, но", yes_or_no, Dangling),
        ("восемь девятьсот", Some(Question::Number), Dangling),
        ("мой номер восемь девятьсот", None, Dangling),
    ];
    for (text, asked, wanted) in cases {
        assert_eq!(completeness(text, asked), wanted, "{text:?}");
    }
}

#[test]
fn the_wait_follows_what_was_said_and_asked() {
    let sentence = wait("I would like to book an appointment.", None);
    let open = wait("I would like to book an appointment with", None);
    assert!((250..=600).contains(&sentence), "{sentence}");
    assert!((1_000..=2_000).contains(&open), "{open}");
    assert_eq!(wait("Yeah", Some(Question::YesOrNo)), 250);
    assert!(wait("Tuesday.", Some(Question::Other)) < wait("Tuesday and", Some(Question::Other)));
    // One word after a statement is a doubtful case, not a hopeless one.
    let yeah = wait("Yeah.", None);
    assert!((600..=1_500).contains(&yeah), "{yeah}");
    assert!((900..=1_100).contains(&wait("", None)), "as likely as not");
}

#[test]
fn half_a_number_is_waited_for_and_a_whole_one_is_not() {
    let number = |text| wait(text, Some(Question::Number));
    assert_eq!(number("555"), 1_800);
    assert!(number("555 1234") < 1_500 && number("555 1234") > number("212 555 1234"));
    assert_eq!(number("212 555 1234"), 250);
    assert!(number("I don't have it with me.") < 900);
    let off = EndOfTurn {
        dictation: DictationWaits { number: ms(0), ..DictationWaits::default() },
        ..EndOfTurn::default()
    };
    let half = Evidence::of_words("555", Some(Question::Number));
    assert!(half.wait(&off) < ms(1_800), "the mode can be turned off for one question");
    let email = Evidence::of_words("john at", Some(Question::Email));
    assert_eq!(email.wait(&off), ms(2_200));
}

#[test]
fn the_vendors_suggestion_is_believed_unless_words_dangle() {
    let suggested = |text| Evidence { suggested: true, ..Evidence::of_words(text, None) };
    assert_eq!(suggested("next Tuesday").wait(&EndOfTurn::default()), ms(250));
    assert!(suggested("My tooth hurts and").wait(&EndOfTurn::default()) > ms(1_000));
    assert!(suggested("next Tuesday").is_likely_over());
}

#[test]
fn a_reply_is_prepared_only_for_what_is_likely_over() {
    let likely = |text, asked| Evidence::of_words(text, asked).is_likely_over();
    assert!(likely("I would like to book an appointment.", None));
    assert!(likely("Yes.", Some(Question::YesOrNo)));
    assert!(!likely("I would like to book a", None));
    assert!(!likely("555", Some(Question::Number)));
    assert!(!likely("", None));
}

#[test]
fn a_caller_who_pauses_long_is_given_more_time() {
    let mut patient = Evidence::of_words("Yeah.", None);
    let usual = patient.wait(&EndOfTurn::default());
    for _ in 0..6 {
        patient.pauses.went_on_after(ms(1_100));
    }
    let longer = patient.wait(&EndOfTurn::default());
    assert!(longer > usual + ms(150), "{longer:?} after {usual:?}");
    let alike = EndOfTurn { caller: 0.0, ..EndOfTurn::default() };
    assert_eq!(patient.wait(&alike), usual);
    let mut quick = Evidence::of_words("Yeah.", None);
    for _ in 0..6 {
        quick.pauses.went_on_after(ms(220));
    }
    assert!(quick.wait(&EndOfTurn::default()) < usual);
}

#[test]
fn one_silence_after_everything_is_a_setting_too() {
    let others = alternatives(&EndOfTurn::default());
    let (_, silence) = others.iter().find(|(name, _)| *name == "silence 500 ms").unwrap();
    for (text, asked) in
        [("Yes", Some(Question::YesOrNo)), ("and", None), ("555", Some(Question::Number))]
    {
        let evidence =
            Evidence { suggested: true, model: Some(0.99), ..Evidence::of_words(text, asked) };
        assert_eq!(evidence.wait(silence), ms(500), "{text:?}");
    }
    let mut names: Vec<_> = others.iter().map(|(name, _)| *name).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), others.len());
}

#[test]
fn evidence_of_older_journals_is_still_read() {
    let old = r#"{"words":"sentence","asked":"yes_or_no","suggested":false,"prosody":null,"model":null,"pauses":{}}"#;
    let evidence: Evidence = serde_json::from_str(old).unwrap();
    assert_eq!((evidence.words, evidence.said), (Completeness::Sentence, 0));
    assert!(evidence.wait(&EndOfTurn::default()) <= ms(2_000));
}

fn questions() -> impl Strategy<Value = Option<Question>> {
    use Question::{Address, Date, Email, Number, Other, Spelling, YesOrNo};
    prop::option::of(prop::sample::select(vec![
        YesOrNo, Number, Spelling, Email, Address, Date, Other,
    ]))
}

prop_compose! {
    fn evidence()(
        text in "[a-z0-9',.? -]{0,60}",
        asked in questions(),
        suggested in any::<bool>(),
        prosody in prop::option::of((
            prop::option::of(-30.0_f32..30.0),
            prop::option::of(-300.0_f32..300.0),
            -60.0_f32..20.0,
            0_u32..20_000,
            0_u32..60_000,
        )),
        model in prop::option::of(0.0_f32..=1.0),
        count in 0_u32..50,
        mean_ms in 0.0_f32..5_000.0,
    ) -> Evidence {
        let prosody = prosody.map(|(pitch, slope, level, held_ms, spoken_ms)| {
            Prosody { pitch, slope, level, held_ms, spoken_ms }
        });
        let pauses = Pauses { count, mean_ms };
        Evidence { suggested, prosody, model, pauses, ..Evidence::of_words(&text, asked) }
    }
}

proptest! {
    #[test]
    fn the_wait_is_never_outside_its_bounds(evidence in evidence()) {
        let policy = EndOfTurn::default();
        let wait = evidence.wait(&policy);
        prop_assert!(wait >= policy.shortest);
        let longest = if evidence.dictation.is_some() { policy.dictation.email } else { policy.longest };
        prop_assert!(wait <= longest.max(policy.longest), "{wait:?}");
    }

    #[test]
    fn the_surer_the_model_the_shorter_the_wait(evidence in evidence(), a in 0.0_f32..=1.0, b in 0.0_f32..=1.0) {
        let policy = EndOfTurn::default();
        let with = |model| Evidence { model: Some(model), ..evidence.clone() }.wait(&policy);
        prop_assert!(with(a.max(b)) <= with(a.min(b)));
    }

    #[test]
    fn a_suggestion_never_makes_it_longer(evidence in evidence()) {
        let policy = EndOfTurn::default();
        let with = |suggested| Evidence { suggested, ..evidence.clone() }.wait(&policy);
        prop_assert!(with(true) <= with(false));
    }

    #[test]
    fn longer_pauses_of_the_caller_never_make_it_shorter(evidence in evidence(), a in 0.0_f32..4_000.0, b in 0.0_f32..4_000.0) {
        let policy = EndOfTurn::default();
        let with = |mean_ms| {
            let pauses = Pauses { count: 5, mean_ms };
            Evidence { pauses, ..evidence.clone() }.wait(&policy)
        };
        prop_assert!(with(a.max(b)) >= with(a.min(b)));
    }

    #[test]
    fn whatever_is_set_the_wait_is_between_the_shortest_and_the_longest(
        evidence in evidence(),
        shortest in 0_u64..3_000,
        longest in 0_u64..3_000,
        even in 0_u64..5_000,
        spread in 0_u64..1_000,
    ) {
        let policy = EndOfTurn {
            shortest: ms(shortest),
            longest: ms(longest),
            even: ms(even),
            spread: ms(spread),
            ..EndOfTurn::silence_only(ms(shortest))
        };
        let wait = evidence.wait(&policy);
        prop_assert!(wait >= ms(shortest) && wait <= ms(longest.max(shortest)), "{wait:?}");
    }
}
