//! Tokens to sentences: where they are cut, what is left out, and what holds for any text.

use proptest::prelude::*;
use turn::sentence::{Sentences, speakable};

/// However the tokens are cut, the sentences are the same.
fn sentences(text: &str) -> Vec<String> {
    let whole = in_pieces([text.to_owned()]);
    assert_eq!(
        whole,
        in_pieces(text.chars().map(String::from)),
        "cutting of the tokens shows in {text:?}"
    );
    whole
}

fn in_pieces(pieces: impl IntoIterator<Item = String>) -> Vec<String> {
    let mut sentences = Sentences::default();
    let mut all: Vec<String> =
        pieces.into_iter().flat_map(|piece| sentences.push(&piece)).collect();
    all.extend(sentences.finish());
    assert!(!sentences.is_amid());
    all
}

fn cut(table: &[(&str, &[&str])]) {
    for (text, expected) in table {
        assert_eq!(sentences(text), *expected, "{text}");
    }
}

#[test]
fn sentences_end_where_a_speaker_would() {
    cut(&[
        ("We open at 8. Dr. Smith is in.", &["We open at 8.", "Dr. Smith is in."]),
        ("It costs 95.50 dollars! Fine?", &["It costs 95.50 dollars!", "Fine?"]),
        ("We close at 6 p.m. on Friday. Bye", &["We close at 6 p.m. on Friday.", "Bye"]),
        ("We close at 6 p.m. See you.", &["We close at 6 p.m.", "See you."]),
        ("No. That is all.", &["No.", "That is all."]),
        ("It is No. 5 there.", &["It is No. 5 there."]),
        ("J. R. Smith called. It was I. Yes.", &["J. R. Smith called.", "It was I.", "Yes."]),
        ("See example.com or v2.0.1. Then call.", &["See example.com or v2.0.1.", "Then call."]),
        ("Mail a.b@c.com. Bye.", &["Mail a.b@c.com.", "Bye."]),
        ("She said \"Go.\" Then she left.", &["She said \"Go.\"", "Then she left."]),
        ("\"Really?\" she said. (Yes.) Good.", &["\"Really?\" she said.", "(Yes.)", "Good."]),
        ("Well... maybe. Wait... Now!", &["Well... maybe.", "Wait...", "Now!"]),
        ("Hm… no. Hm… No.", &["Hm… no.", "Hm…", "No."]),
        (
            "Forms, fees, etc. are free. Acme Inc. We sell",
            &["Forms, fees, etc. are free.", "Acme Inc.", "We sell"],
        ),
        ("12 River St. We are near St. Mary.", &["12 River St.", "We are near St. Mary."]),
        ("Come on Nov. 21. Bye.", &["Come on Nov. 21.", "Bye."]),
        ("What?! No!", &["What?!", "No!"]),
        ("今日は。はい！", &["今日は。", "はい！"]),
    ]);
}

#[test]
fn russian_sentences() {
    cut(&[
        ("Приём 21 ноября 2026 г. в 9:00. Ждём.", &["Приём 21 ноября 2026 г. в 9:00.", "Ждём."]),
        ("Это было в 2020 г. Теперь иначе.", &["Это было в 2020 г.", "Теперь иначе."]),
        ("Мы в г. Москве, ул. Ленина, д. 5. Да.", &["Мы в г. Москве, ул. Ленина, д. 5.", "Да."]),
        ("Чай, кофе и т.д. Заходите.", &["Чай, кофе и т.д.", "Заходите."]),
        ("Завтра, т.е. в среду. Да.", &["Завтра, т.е. в среду.", "Да."]),
        ("Театр им. Чехова, тел. 123. Да.", &["Театр им. Чехова, тел. 123.", "Да."]),
        ("Это 500 руб. за час. Или 700 руб. Да?", &["Это 500 руб. за час.", "Или 700 руб.", "Да?"]),
        ("А. С. Пушкин. Это я. Я. Да.", &["А. С. Пушкин.", "Это я.", "Я.", "Да."]),
    ]);
}

#[test]
fn lines_and_lists() {
    cut(&[
        ("First\n- one\n- two", &["First", "one", "two"]),
        ("1. Call us.\n2. Come.", &["1. Call us.", "2. Come."]),
        ("# Hours\n\n* **Mon**: 9–5\n+ Sun", &["Hours", "Mon: 9–5", "Sun"]),
        ("> quoted\n---\nrest", &["quoted", "rest"]),
    ]);
}

#[test]
fn a_long_first_sentence_begins_with_its_first_clause() {
    cut(&[
        (
            "On weekdays we are open from eight in the morning until six, and on Saturday until one.",
            &[
                "On weekdays we are open from eight in the morning until six,",
                "and on Saturday until one.",
            ],
        ),
        // Not within a date or a number.
        (
            "Your next appointment with us will be on November 21, 2026, and it is at nine.",
            &["Your next appointment with us will be on November 21, 2026,", "and it is at nine."],
        ),
    ]);
}

#[test]
fn markup_is_not_spoken() {
    cut(&[
        ("**Yes** 😀, see [our page](https://x.example/a. B).", &["Yes, see our page."]),
        ("Run this:\n```sh\nrm -rf x. Y\n```\nDone.", &["Run this:", "Done."]),
        ("| Day | Hours |\n|---|---|\n| Mon | 9–5 |", &["Day, Hours", "Mon, 9–5"]),
        (
            "A <b>bold</b> word<br/> and <https://a.example>.",
            &["A bold word and https://a.example."],
        ),
        ("![logo](x.png) Hi! [1] ok", &["logo Hi!", "1 ok"]),
        ("anna_b@example.com, _now_ and __then__", &["anna_b@example.com, now and then"]),
        ("Press * or #, or dial *72.", &["Press * or #, or dial *72."]),
        ("order #4711, ~5 minutes, ~~old~~", &["order #4711, ~5 minutes, old"]),
        ("[note](not closed", &["note(not closed"]),
        ("3 < 4 and 5 \\* 6", &["3 < 4 and 5 * 6"]),
        ("```ls``` lists", &["lists"]),
        ("`code` and {x}", &["code and x"]),
    ]);
    assert_eq!(speakable("**Yes** 😀, see [our page](https://x.example/a)."), "Yes, see our page.");
    assert_eq!(speakable("  - `Item` "), "Item");
    assert_eq!(speakable("👍🏽 !"), "");
    assert_eq!(speakable("-5 degrees"), "-5 degrees");
}

#[test]
fn a_long_sentence_is_cut_between_words() {
    let long = "word ".repeat(200);
    let pieces = sentences(&long);
    assert!(pieces.iter().all(|piece| piece.chars().count() <= 241));
    assert_eq!(pieces.join(" ").split(' ').count(), 200);
    let endless = "x".repeat(5_000);
    assert_eq!(sentences(&endless).concat(), endless);
}

/// Ten times the tokens take some ten times as long.
#[test]
fn time_is_linear() {
    for piece in ["a", "a ", ". ", "*", "[", "](", "<a", "```", "| ", "\n", "1.", "a, "] {
        let took = |repeat: usize| {
            let began = std::time::Instant::now();
            let mut sentences = Sentences::default();
            for _ in 0..repeat {
                std::hint::black_box(sentences.push(piece));
            }
            sentences.finish();
            began.elapsed()
        };
        // The best of three: whatever else runs only adds.
        let best = |repeat| (0..3).map(|_| took(repeat)).min().expect("three");
        let (short, long) = (best(4_000), best(40_000));
        assert!(
            long < short * 50 + std::time::Duration::from_millis(500),
            "{piece:?}: {short:?}, {long:?}"
        );
    }
}

fn text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        5 => "[a-zA-Zа-яА-Я]{1,9}",
        3 => "[.,!?…:;]{1,2}",
        2 => "[0-9]{1,4}",
        3 => prop::sample::select(vec![
            "**", "_", "`", "```\n", "[x](y)", "](", "<b>", "<", ">", "#", "\n", "\n- ", "|", "(", ")",
            "\"", "Dr.", "St.", "г.", "т.д.", "p.m.", "No.", "e.g.", "😀", "\\", "~", "!", "[",
        ]).prop_map(str::to_owned),
        1 => any::<char>().prop_map(String::from),
    ];
    let gap = prop::sample::select(vec![" ", " ", " ", "", "\n"]);
    prop::collection::vec((piece, gap), 0..60)
        .prop_map(|all| all.into_iter().map(|(piece, gap)| piece + gap).collect())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(1_000) })]

    #[test]
    fn the_cutting_of_tokens_does_not_show(text in text(), sizes in prop::collection::vec(1usize..9, 1..40)) {
        let whole = in_pieces([text.clone()]);
        let mut letters = text.chars().peekable();
        let mut pieces = Vec::new();
        for size in sizes.iter().cycle() {
            if letters.peek().is_none() {
                break;
            }
            pieces.push(letters.by_ref().take(*size).collect::<String>());
        }
        prop_assert_eq!(&whole, &in_pieces(pieces));
        for sentence in &whole {
            prop_assert!(sentence.contains(char::is_alphanumeric));
            prop_assert!(!sentence.contains(char::is_control), "{:?}", sentence);
        }
    }

    #[test]
    fn no_word_is_lost_or_doubled(
        text in "[a-zA-Zа-яА-Я0-9]{1,9}([.,!?…:;]{0,2}[ \n]{1,2}[a-zA-Zа-яА-Я0-9]{1,9}){0,120}[.!?]?",
    ) {
        let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        prop_assert_eq!(words(&in_pieces([text.clone()]).join(" ")), words(&text));
        prop_assert_eq!(words(&speakable(&text)), words(&text));
    }
}
