//! What holds for any text.

use std::time::{Duration, Instant};

use proptest::prelude::*;
use spoken::{LONGEST_PER_BYTE, Spoken};

const LANGUAGES: [&str; 5] = ["en-US", "en-GB", "ru-RU", "de-DE", ""];

/// Texts in which much is to be said otherwise than it is written.
fn text() -> impl Strategy<Value = String> {
    let pieces = prop_oneof![
        6 => "[0-9]{1,5}",
        2 => "[0-9]{1,12}",
        4 => "[0-9]{1,2}[:./,-][0-9]{1,4}([:./,-][0-9]{2,4})?",
        3 => "[$€£₽#№+~<>*&@-]{1,2}",
        3 => "[%°²/.,:;!?()«»\"'–—…_-]{1,3}",
        6 => prop::sample::select(vec![
            "a.m.", "PM", "am", "Dr.", "St.", "no.", "No.", "etc.", "Nov", "Dec.", "May", "21st",
            "FAQ", "MFC", "Chapter", "IV", "XX", "I", "km", "kg", "min.", "s", "m", "GB", "code",
            "order", "number", "w/o", "and/or", "TV/FAQ", "Mon-Fri", "on", "in", "million", "k",
            "Mon", "noon", "–", "x105", "AM–2", "'90s", "3-1/2", "1st-3rd", "sq", "[a](b.com)", "≥",
            "soʻm", "₸", "KZT", "MO", "flight", "from", "to", "between", "T10:00", "°C", "USD", "anna@example.com", "example.com/a", "+1", "(415)", "555-0100", "½",
        ]).prop_map(str::to_owned),
        6 => prop::sample::select(vec![
            "г.", "ул.", "т.", "е.", "т.д.", "руб.", "коп.", "тыс.", "млн", "ноября", "май", "мая",
            "2026", "году", "год", "в", "с", "до", "к", "часов", "час", "минуты", "человек", "пн",
            "Пн–Пт", "МФЦ", "XXI", "век", "№", "₽", "кг", "м", "д.", "Москва", "код", "21-й", "-го",
            "между", "по", "приём", "вторник,", "завтра", "10.30", "21.11", "21.11–23.11", "тг", "сум",
            "UZS", "корп.", "ночи", "дня", "этаже", "1/2", "½", "х", "10.00–19.00", "2 1/2", "км", "от",
            "верс", "версия", "течение", "и", "пр.", "9:30", "9–17", "8", "800",
        ]).prop_map(str::to_owned),
        2 => "[a-zA-Zа-яА-Я]{1,6}",
        1 => "\\PC{1,4}",
        1 => any::<char>().prop_map(String::from),
    ];
    let gap = prop::sample::select(vec![" ", " ", " ", "", "\n", "\u{A0}", "  "]);
    prop::collection::vec((pieces, gap), 0..14)
        .prop_map(|all| all.into_iter().map(|(piece, gap)| piece + gap).collect())
}

fn check(written: &str) -> Result<(), TestCaseError> {
    for language in LANGUAGES {
        let spoken = Spoken::of(written, language);
        let said = &spoken.text;
        // Safe in XML, free of what has no sound.
        prop_assert!(!said.contains(['<', '>', '&']), "{language}: {said:?}");
        prop_assert!(!said.contains(char::is_control), "{language}: {said:?}");
        prop_assert!(said.trim() == said && !said.contains("  "), "{language}: {said:?}");
        let is_known = language.starts_with(['e', 'r']);
        prop_assert!(!is_known || !said.contains(|c: char| c.is_ascii_digit()), "{said:?}");
        prop_assert!(said.len() <= (written.len() + 1) * LONGEST_PER_BYTE, "{said:?}");
        // Said again it stays.
        prop_assert_eq!(&Spoken::of(said, language).text, said, "{} of {:?}", language, written);
        // The way back.
        let mut last = 0;
        for end in 0..=said.len() + 2 {
            let place = spoken.written_end(end);
            prop_assert!(place >= last && place <= written.len());
            prop_assert!(written.is_char_boundary(place));
            last = place;
        }
        if !said.is_empty() {
            prop_assert_eq!(last, written.trim_end().len());
        }
        let stretches: Vec<(&str, usize)> = spoken.stretches().collect();
        let words: Vec<&str> = stretches.iter().map(|(words, _)| *words).collect();
        prop_assert_eq!(&words.join(" "), said);
        prop_assert!(stretches.windows(2).all(|pair| pair[0].1 <= pair[1].1));
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(1_000) })]

    #[test]
    fn what_is_said_is_safe_stable_and_leads_back(written in text()) {
        check(&written)?;
    }

    #[test]
    fn any_text_can_be_said(written in "\\PC{0,60}") {
        check(&written)?;
    }

    /// In plain words each spoken word stands for the written one.
    #[test]
    fn plain_words_stay(written in "[a-z]{3,8}( {1,2}[a-z]{3,8}){0,8}[.?!]") {
        let spoken = Spoken::of(&written, "de");
        prop_assert_eq!(&spoken.text, &written.split_whitespace().collect::<Vec<_>>().join(" "));
        for (end, letter) in spoken.text.char_indices().filter(|(_, letter)| *letter == ' ') {
            prop_assert_eq!(letter, ' ');
            let there = spoken.written_end(end);
            let until = |text: &str| text.split_whitespace().count();
            prop_assert_eq!(until(&written[..there]), until(&spoken.text[..end]));
        }
    }
}

/// Ten times the text takes some ten times as long, not a hundred: however it is written.
#[test]
fn time_is_linear() {
    for piece in [
        "1",
        "a",
        "$",
        ".",
        "-",
        "1-",
        "1 ",
        "1/",
        "a.",
        "@",
        "(1) ",
        "555-",
        "IV ",
        "A1",
        "<",
        "т. ",
        "1:0",
        "&",
        "21 ноября ",
        "1 500 ",
        "x/",
        "é",
        "— ",
        "1,",
    ] {
        let took = |repeat: usize, language: &str| {
            let text = piece.repeat(repeat);
            let began = Instant::now();
            std::hint::black_box(Spoken::of(&text, language));
            began.elapsed()
        };
        for language in ["en-US", "ru-RU"] {
            // The best of three: whatever else runs only adds.
            let best = |repeat| (0..3).map(|_| took(repeat, language)).min().expect("three");
            let (short, long) = (best(2_000), best(20_000));
            assert!(
                long < short * 50 + Duration::from_millis(500),
                "{piece:?} {language}: {short:?}, {long:?}"
            );
        }
    }
}

#[test]
fn half_a_sum_is_not_said() {
    let written = "It is $5 now";
    let spoken = Spoken::of(written, "en-US");
    assert_eq!(spoken.text, "It is five dollars now");
    let back = |said: &str| &written[..spoken.written_end(said.len())];
    assert_eq!(back("It"), "It");
    assert_eq!(back("It is five"), "It is");
    assert_eq!(back("It is five dollars"), "It is $5");
    assert_eq!(back("It is five dollars now"), written);
}

#[test]
fn each_stretch_knows_where_it_ends() {
    let text = "  Hi 👋 there,  it is $5 million.  ";
    let spoken = Spoken::of(text, "en-US");
    let ends: Vec<&str> = spoken.stretches().map(|(_, end)| &text[..end]).collect();
    assert_eq!(ends[0], "  Hi 👋");
    assert_eq!(ends.last(), Some(&"  Hi 👋 there,  it is $5 million."));
    assert_eq!(Spoken::of(" 👋 ", "en-US").stretches().count(), 0);
}
