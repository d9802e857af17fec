//! What Russian words of the agent ask for. A yes-or-no question there has no word order of its own: it
//! is one that names nothing and has no question word.

use super::Question;
use crate::words;

/// Is the text written in Cyrillic letters?
pub(super) fn is_russian(text: &str) -> bool {
    text.chars().any(|letter| matches!(letter, 'а'..='я' | 'А'..='Я' | 'ё' | 'Ё'))
}

/// What a question asks for.
pub(super) fn asked(spoken: &[String]) -> Question {
    let spoken = plain(spoken);
    // "А ваш номер?"
    let lead = [
        "а",
        "и",
        "ну",
        "так",
        "хорошо",
        "тогда",
        "теперь",
        "отлично",
        "скажите",
        "подскажите",
        "пожалуйста",
    ];
    let from = spoken.iter().position(|word| !lead.contains(&word.as_str())).unwrap_or(0);
    let spoken = &spoken[from..];
    if is_tagged(spoken) {
        return Question::YesOrNo;
    }
    // "Назовите ваш адрес?"
    let orders = spoken.first().is_some_and(|word| ORDERS.contains(&word.as_str()));
    let open = orders || has_question_word(spoken) || is_choice(spoken);
    if open || hands(spoken) || names_only(spoken) {
        return subject(spoken).unwrap_or(Question::Other);
    }
    Question::YesOrNo
}

/// Words that order something to be said.
const ORDERS: [&str; 11] = [
    "назовите",
    "продиктуйте",
    "скажите",
    "укажите",
    "введите",
    "сообщите",
    "подскажите",
    "повторите",
    "оставьте",
    "напишите",
    "нужен",
];

/// What an order asks for: "Продиктуйте, пожалуйста, ваш номер."
pub(super) fn ordered(spoken: &[String]) -> Option<Question> {
    let spoken = plain(spoken);
    let orders = spoken.iter().take(6).any(|word| ORDERS.contains(&word.as_str()));
    if orders { subject(&spoken) } else { None }
}

fn plain(spoken: &[String]) -> Vec<String> {
    spoken.iter().map(|word| words::plain(word)).collect()
}

/// "Вы придёте в пятницу, верно?"
fn is_tagged(spoken: &[String]) -> bool {
    let last = spoken.last().map_or("", String::as_str);
    spoken.len() > 1
        && matches!(
            last,
            "верно" | "правильно" | "да" | "так" | "хорошо" | "нет" | "ладно" | "согласны"
        )
        || spoken.len() > 2 && spoken[spoken.len() - 3..].join(" ") == "не так ли"
}

fn has_question_word(spoken: &[String]) -> bool {
    // Further on these are conjunctions: "Вы уверены, что …?"
    let opens = |word: &String| {
        matches!(word.as_str(), "что" | "как" | "когда" | "где" | "чем" | "кто" | "кого" | "кому")
    };
    let anywhere = |word: &String| {
        matches!(word.as_str(), "сколько" | "куда" | "откуда" | "почему" | "зачем" | "чей" | "чья")
            // "Какому", but not "какие-нибудь".
            || (word.starts_with("как") && word != "как" && !word.contains('-'))
            || (word.starts_with("котор") && spoken.first() == Some(word))
    };
    spoken.iter().take(2).any(opens) || spoken.iter().any(anywhere)
}

/// "Утром или вечером?" wants neither a yes nor a no; "или нет" does.
fn is_choice(spoken: &[String]) -> bool {
    let or = spoken.iter().position(|word| word == "или");
    or.is_some_and(|at| spoken.get(at + 1).is_none_or(|next| next != "нет"))
}

/// "Можете продиктовать номер?", "Можно ваш номер?" ask for the number.
fn hands(spoken: &[String]) -> bool {
    const HANDING: [&str; 9] = [
        "продикт",
        "назвать",
        "назов",
        "сказать",
        "подска",
        "сообщ",
        "указать",
        "повтор",
        "узнать",
    ];
    let polite = spoken.iter().take(4).any(|word| {
        matches!(word.as_str(), "можете" | "могли" | "можно" | "могу" | "мог" | "не" | "подскажите")
    });
    let says = spoken.iter().any(|word| HANDING.iter().any(|stem| word.starts_with(stem)));
    let at_once = spoken.first().is_some_and(|word| word == "можно")
        && spoken.get(1).is_some_and(|word| word.starts_with("ваш"));
    polite && (says || at_once) && subject(spoken).is_some()
}

/// "Ваш номер телефона?", "Дата рождения?": a name, and nothing said of it.
fn names_only(spoken: &[String]) -> bool {
    const PARTS: [&str; 19] = [
        "ваш",
        "номер",
        "телефон",
        "контактн",
        "мобильн",
        "домашн",
        "адрес",
        "электронн",
        "почт",
        "имейл",
        "дата",
        "дату",
        "рождени",
        "индекс",
        "код",
        "фамили",
        "имя",
        "улиц",
        "пожалуйста",
    ];
    !spoken.is_empty() && spoken.iter().all(|word| PARTS.iter().any(|stem| word.starts_with(stem)))
}

/// What is asked for, by its name.
fn subject(spoken: &[String]) -> Option<Question> {
    let has = |names: &[&str]| spoken.iter().any(|word| names.contains(&word.as_str()));
    let starts =
        |stems: &[&str]| spoken.iter().any(|word| stems.iter().any(|stem| word.starts_with(stem)));
    let joined = spoken.join(" ");
    if joined.contains("по буквам") || starts(&["пишется", "пишутся"]) {
        Some(Question::Spelling)
    } else if starts(&["электронн", "имейл", "емейл", "мейл"])
        || has(&["почта", "почту", "почты", "почте", "email", "e-mail"])
    {
        Some(Question::Email)
    } else if starts(&["номер", "телефон", "цифр", "паспорт", "полис"])
        || has(&["код", "кода", "пин", "пин-код", "счет", "счета", "иин", "инн", "снилс"])
    {
        Some(Question::Number)
    } else if starts(&["адрес", "улиц", "проживан"])
        || has(&["индекс"])
        || joined.contains("где вы живете")
    {
        Some(Question::Address)
    } else if starts(&["рождени"])
        || has(&["дата", "дату", "даты", "день", "число", "числа", "когда"])
    {
        Some(Question::Date)
    } else {
        None
    }
}
